"""The journal's two own protocols as bytes and values: native entries, and the header of a stdout stream.

Native protocol: one datagram holds one or more entries, a field a line, `NAME=text` or, for a value that holds a
newline, `NAME`, newline, the value's length as 64 bit little endian, the value, newline (systemd's
JOURNAL_NATIVE_PROTOCOL). Stream protocol: a connection opens with seven lines, then every line is one message.

Knows no socket and no clock, and imports little: the journal process lives as long as the container.
"""

from __future__ import annotations

from struct import Struct

from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator

_LENGTH = Struct("<Q")

#: A field's name is at most this long (systemd.journal-fields(7) allows A-Z, 0-9 and the underscore).
FIELD_NAME_MAX = 64
_NAME_FIRST = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_NAME_BYTES = _NAME_FIRST | frozenset(b"0123456789_")

#: Lines of a stream's header.
_HEADER_LINES = 7
#: No honest header is longer: two names of 255 characters and five short numbers.
_HEADER_MAX = 4096


class StreamHeader(Record):
    """How a connection to the `stdout` socket introduces itself. `unit` is believed from the manager's uid alone."""

    identifier: str
    unit: str = ""
    priority: int = 6
    level_prefix: bool = True
    forward_to_syslog: bool = False
    forward_to_kmsg: bool = False
    forward_to_console: bool = False


def encode_header(header: StreamHeader) -> bytes:
    flags = (header.level_prefix, header.forward_to_syslog, header.forward_to_kmsg, header.forward_to_console)
    lines = [_one_line(header.identifier), _one_line(header.unit), str(header.priority)]
    lines += ["1" if flag else "0" for flag in flags]
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def decode_header(data: bytes) -> tuple[StreamHeader, bytes] | None:
    """The header and the bytes behind it; None while it is incomplete. ValueError where it can never become one."""
    lines = data.split(b"\n", _HEADER_LINES)
    if len(lines) <= _HEADER_LINES:
        if len(data) > _HEADER_MAX:
            raise ValueError("stream header too long")
        return None
    identifier, unit = (line.decode("utf-8", "surrogateescape") for line in lines[:2])
    priority = _parse_priority(lines[2])
    flags = [_parse_flag(line) for line in lines[3:_HEADER_LINES]]
    return StreamHeader(identifier, unit, priority, *flags), lines[_HEADER_LINES]


def encode_entry(fields: Iterable[tuple[str, str]]) -> bytes:
    """One datagram for the `socket` socket. Names must be valid field names."""
    parts = []
    for name, text in fields:
        value = text.encode("utf-8", "surrogateescape")
        if b"\n" in value:
            parts.append(b"%b\n%b%b\n" % (name.encode(), _LENGTH.pack(len(value)), value))
        else:
            parts.append(b"%b=%b\n" % (name.encode(), value))
    return b"".join(parts)


def decode_entries(data: bytes) -> Iterator[list[tuple[str, bytes]]]:
    """Every entry of a datagram. What cannot be read ends it: what was read before that still counts."""
    fields: list[tuple[str, bytes]] = []
    position = 0
    while position < len(data):
        end = data.find(b"\n", position)
        line = data[position:end if end >= 0 else len(data)]
        position = end + 1 if end >= 0 else len(data)
        if not line:  # an empty line stands between two entries
            if fields:
                yield fields
            fields = []
            continue
        name, equals, value = line.partition(b"=")
        if not equals:
            if position + _LENGTH.size > len(data):
                break
            (length,) = _LENGTH.unpack_from(data, position)
            position += _LENGTH.size
            value = data[position:position + length]
            if len(value) < length:
                break
            position += length + 1
        if is_field_name(name):
            fields.append((name.decode(), value))
    if fields:
        yield fields


def is_field_name(name: bytes) -> bool:
    """May a client send this field? Names with a leading underscore are the journal's own."""
    return 0 < len(name) <= FIELD_NAME_MAX and name[0] in _NAME_FIRST and _NAME_BYTES.issuperset(name)


def _one_line(text: str) -> str:
    return text.replace("\n", " ")


def _parse_priority(line: bytes) -> int:
    # systemd sends facility and level in one number, daemon.info as 30; 127 is the last facility.
    if 1 <= len(line) <= 4 and line.isdigit() and int(line) <= 127 << 3 | 7:
        return int(line)
    raise ValueError(f"invalid priority in stream header: {line[:20]!r}")


def _parse_flag(line: bytes) -> bool:
    word = line.lower()
    if word in (b"1", b"yes", b"y", b"true", b"t", b"on"):
        return True
    if word in (b"0", b"no", b"n", b"false", b"f", b"off"):
        return False
    raise ValueError(f"invalid flag in stream header: {line[:20]!r}")
