"""Entries as JSON (systemd's "Journal JSON Format"). Written by hand: the json module is not in python3-minimal."""

from __future__ import annotations

from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.journal.segment import Fields

#: What is longer is null, unless everything is asked for.
_THRESHOLD = 4096
#: Characters that make text binary: control characters but newlines and tabs, and bytes that are no UTF-8.
UNPRINTABLE = frozenset(
    [chr(code) for code in (*range(9), *range(11, 32), *range(0x7F, 0xA0), *range(0xDC80, 0xDD00))]
)
_ESCAPES = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t"}


class _Paint(Record):
    string: str = ""
    number: str = ""
    off: str = ""


_PLAIN, _PAINTED = _Paint(), _Paint("\x1b[0;32m", "\x1b[0;1;34m", "\x1b[0m")


def format_json(fields: Fields, style: str, shows_all: bool, colours: bool = False) -> str:
    """One entry in the style asked for. Values of the same name are together, where the first of them is."""
    grouped: dict[str, list[bytes]] = {}
    for name, value in fields:
        grouped.setdefault(name.decode("ascii", "replace"), []).append(value)
    paint = _PAINTED if colours else _PLAIN
    pretty = style == "json-pretty"
    members = []
    for name, values in grouped.items():
        shown = [_value(name, value, shows_all, paint, "\t\t\t" if len(values) > 1 else "\t\t", pretty) for value in values]
        text = shown[0] if len(shown) == 1 else _list(shown, "\t\t", pretty)
        label = _string(name, paint)
        members.append(f"\t{label} : {text}" if pretty else f"{label}:{text}")
    if pretty:
        return "{\n" + ",\n".join(members) + "\n}\n"
    text = "{" + ",".join(members) + "}\n"
    return {"json-sse": f"data: {text}\n", "json-seq": f"\x1e{text}"}.get(style, text)


def _value(name: str, value: bytes, shows_all: bool, paint: _Paint, indent: str, pretty: bool) -> str:
    if not shows_all and len(name) + 1 + len(value) >= _THRESHOLD:
        return "null"
    text = value.decode("utf-8", "surrogateescape")
    if UNPRINTABLE.isdisjoint(text):
        return _string(text, paint)
    return _list([f"{paint.number}{byte}{paint.off}" for byte in value], indent, pretty)


def _list(shown: list[str], indent: str, pretty: bool) -> str:
    if not pretty:
        return "[" + ",".join(shown) + "]"
    return "[\n" + ",\n".join(indent + text for text in shown) + "\n" + indent[:-1] + "]"


def _string(text: str, paint: _Paint) -> str:
    return f'"{paint.string}{text.translate(_ESCAPES)}{paint.off}"'
