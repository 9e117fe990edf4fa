"""How lines look on the container's stdout: `unit[pid]: text`, the text alone, or an object of JSON a line.

The object's keys are fields' names and its values text, as `journalctl -o json` has them. No `json` here: python3-minimal
has none.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    #: Block, name, unit, identifier, pid, level, µs of the epoch → block.
    Printer = Callable[[bytes, bytes, str, bytes, int, int, int], bytes]

#: What stands behind a backslash in JSON; the newline ends our lines.
_ESCAPES = {code: f"\\u{code:04x}" for code in range(32) if code != 10} | {
    34: '\\"', 92: "\\\\", 9: "\\t", 13: "\\r", 127: "\\u007f"}
FORMATS = ("unit", "plain", "json", "none")


def printer(word: str) -> Printer:
    """The one of that name; the default for a word that is none."""
    return {"plain": _plain, "json": _json, "none": _none}.get(word, _with_unit)


def _with_unit(block: bytes, name: bytes, unit: str, identifier: bytes, pid: int, level: int, usec: int) -> bytes:
    prefix = b"%b[%d]: " % (name, pid) if pid else name + b": "
    return b"%b%b\n" % (prefix, block[:-1].replace(b"\n", b"\n" + prefix))


def _plain(block: bytes, name: bytes, unit: str, identifier: bytes, pid: int, level: int, usec: int) -> bytes:
    return block


def _none(block: bytes, name: bytes, unit: str, identifier: bytes, pid: int, level: int, usec: int) -> bytes:
    return b""


def _json(block: bytes, name: bytes, unit: str, identifier: bytes, pid: int, level: int, usec: int) -> bytes:
    pairs = [("__REALTIME_TIMESTAMP", str(usec)), ("PRIORITY", str(level)), ("_SYSTEMD_UNIT", unit),
             ("SYSLOG_IDENTIFIER", identifier.decode("utf-8", "replace")), ("_PID", str(pid or ""))]
    words = [f'"{key}":"{value.translate(_ESCAPES)}"' for key, value in pairs if value]
    prefix = f'{{{",".join(words)},"MESSAGE":"'
    text = block.decode("utf-8", "replace").translate(_ESCAPES)
    return (prefix + text.replace("\n", f'"}}\n{prefix}')[:-len(prefix)]).encode("utf-8", "replace")
