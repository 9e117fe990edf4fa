"""Entries as JSON (systemd's "Journal JSON Format"). Written by hand: the json module is not in python3-minimal."""

from __future__ import annotations

from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.journal.segment import Fields

#: What is longer is null, unless everything is asked for.
_THRESHOLD = 4096
#: With any name, no value of this size is longer than that.
_SHORT = 4000
#: Characters that make text binary: control characters but newlines and tabs, and bytes that are no UTF-8.
UNPRINTABLE = frozenset(
    [chr(code) for code in (*range(9), *range(11, 32), *range(0x7F, 0xA0), *range(0xDC80, 0xDD00))]
)
_ESCAPES = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t"}


class _Paint(Record):
    string: str = ""
    number: str = ""
    off: str = ""


#: Names of fields as members begin with them, as they were met.
_labels: dict[bytes, str] = {}
_PLAIN, _PAINTED = _Paint(), _Paint("\x1b[0;32m", "\x1b[0;1;34m", "\x1b[0m")


def format_json(fields: Fields, style: str, shows_all: bool, colours: bool = False) -> str:
    """One entry in the style asked for. Values of the same name are together, where the first of them is."""
    paint = _PAINTED if colours else _PLAIN
    pretty = style == "json-pretty"
    if not pretty and not colours and len(dict(fields)) == len(fields):
        members = _simple(fields, shows_all)
    else:
        members = _grouped(fields, shows_all, paint, pretty)
    if pretty:
        return "{\n" + ",\n".join(members) + "\n}\n"
    text = "{" + ",".join(members) + "}\n"
    return {"json-sse": f"data: {text}\n", "json-seq": f"\x1e{text}"}.get(style, text)


def _simple(fields: Fields, shows_all: bool) -> list[str]:
    """Members in one line, no name twice: the usual case, and there may be millions."""
    members = []
    for name, value in fields:
        label = _labels.get(name)
        if label is None:
            label = _labels[name] = f'"{name.decode("ascii", "replace")}":'
        if len(value) < _SHORT and (text := value.decode("utf-8", "surrogateescape")).isprintable() \
                and '"' not in text and "\\" not in text:
            members.append(f'{label}"{text}"')
        else:
            members.append(label + _value(name.decode("ascii", "replace"), value, shows_all, _PLAIN, "", False))
    return members


def _grouped(fields: Fields, shows_all: bool, paint: _Paint, pretty: bool) -> list[str]:
    grouped: dict[str, list[bytes]] = {}
    for raw, value in fields:
        grouped.setdefault(raw.decode("ascii", "replace"), []).append(value)
    members = []
    for name, values in grouped.items():
        shown = [_value(name, value, shows_all, paint, "\t\t\t" if len(values) > 1 else "\t\t", pretty) for value in values]
        text = shown[0] if len(shown) == 1 else _list(shown, "\t\t", pretty)
        label = _string(name, paint)
        members.append(f"\t{label} : {text}" if pretty else f"{label}:{text}")
    return members


def _value(name: str, value: bytes, shows_all: bool, paint: _Paint, indent: str, pretty: bool) -> str:
    if not shows_all and len(name) + 1 + len(value) >= _THRESHOLD:
        return "null"
    text = value.decode("utf-8", "surrogateescape")
    if text.isprintable() or UNPRINTABLE.isdisjoint(text):
        return _string(text, paint)
    return _list([f"{paint.number}{byte}{paint.off}" for byte in value], indent, pretty)


def _list(shown: list[str], indent: str, pretty: bool) -> str:
    if not pretty:
        return "[" + ",".join(shown) + "]"
    return "[\n" + ",\n".join(indent + text for text in shown) + "\n" + indent[:-1] + "]"


def _string(text: str, paint: _Paint) -> str:
    if '"' in text or "\\" in text or "\n" in text or "\t" in text:
        text = text.translate(_ESCAPES)
    return f'"{paint.string}{text}{paint.off}"'
