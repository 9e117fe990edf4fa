"""The format of the store: segments, each a file of entries in the Journal Export Format, appended to and never rewritten.

An entry is lines of `FIELD=text`, or of `FIELD`, a length and bytes where the value is no plain text, and ends with an
empty line (systemd's "Journal Export Formats"). The fields that begin with two underscores are its address.

A segment's first entry is its *head*: an entry like others for whoever reads the file, of a fixed size, and the one thing
that is written again: it says which units wrote into the segment and when its last entry was written, so that a reader can
tell without looking into it that nothing it wants is there.

Where an entry is, is one number: its *position*, counted in bytes over all segments that were ever written. A segment's
name says at which position it begins. So a cursor leads to its entry without a search, and positions grow with time.

Pure: no files here.
"""

from __future__ import annotations

from struct import Struct

from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

    Fields = list[tuple[bytes, bytes]]

_LENGTH = Struct("<Q")
#: What the text form may not hold: control characters, but for tabs.
_CONTROLS = bytes(set(range(32)) - {9}) + b"\x7f"

HEAD_SIZE = 4096
#: How many bytes of units' names a head has room for.
_UNITS_ROOM = 3400
SUFFIX = ".export"
_PREFIX = "system@"
#: The message id of heads, so that readers leave them out.
HEAD_ID = b"5d2a4d2f7b1e4f0c9a3c8e6b1f70d952"


class Head(Record):
    """What a segment says of itself. Times are µs of the epoch; `last_realtime_usec` is 0 while the segment grows.

    `units` are the values of `_SYSTEMD_UNIT` and `UNIT` in it; None where they were too many to be listed.
    """

    machine_id: str
    boot_id: str
    position: int
    realtime_usec: int
    monotonic_usec: int
    last_realtime_usec: int = 0
    units: tuple[str, ...] | None = ()


def file_name(store_id: str, position: int, realtime_usec: int) -> str:
    """Of a segment: names sort as the segments were begun. `store_id` is 32 hex digits, new with every new store."""
    return f"{_PREFIX}{store_id}-{position:016x}-{realtime_usec:016x}{SUFFIX}"


def parse_file_name(name: str) -> tuple[str, int, int] | None:
    """Store id, position and time; None for a file that is no segment."""
    words = name.removeprefix(_PREFIX).removesuffix(SUFFIX).split("-")
    if not name.startswith(_PREFIX) or not name.endswith(SUFFIX) or [len(word) for word in words] != [32, 16, 16]:
        return None
    try:
        int(words[0], 16)
        return words[0], int(words[1], 16), int(words[2], 16)
    except ValueError:
        return None


# --- entries --------------------------------------------------------------------------------------------------------


def is_text(value: bytes) -> bool:
    """May the value stand behind an equals sign?"""
    if len(value.translate(None, _CONTROLS)) != len(value):
        return False
    if value.isascii():
        return True
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def encode_field(name: bytes, value: bytes) -> bytes:
    if is_text(value):
        return b"%b=%b\n" % (name, value)
    return b"%b\n%b%b\n" % (name, _LENGTH.pack(len(value)), value)


def encode_fields(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Without the empty line at an entry's end."""
    return b"".join([encode_field(name, value) for name, value in fields])


def encode_address(realtime_usec: int, monotonic_usec: int, boot_id: bytes) -> bytes:
    """How every entry begins. Its cursor is not written down: it follows from where it stands."""
    return b"__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%b\n" % (realtime_usec, monotonic_usec, boot_id)


def decode_entry(data: bytes, start: int = 0) -> tuple[Fields, int] | None:
    """The entry that begins at `start`, and where the next one does; None where it is not whole (yet)."""
    fields: Fields = []
    position = start
    while True:
        end = data.find(b"\n", position)
        if end < 0:
            return None
        if end == position:
            return fields, end + 1
        equals = data.find(b"=", position, end)
        if equals >= 0:
            fields.append((data[position:equals], data[equals + 1:end]))
            position = end + 1
            continue
        value = end + 1 + _LENGTH.size
        if value > len(data):
            return None
        (length,) = _LENGTH.unpack_from(data, end + 1)
        if value + length >= len(data):
            return None
        fields.append((data[position:end], data[value:value + length]))
        position = value + length + 1


# --- heads ----------------------------------------------------------------------------------------------------------


def encode_head(head: Head) -> bytes:
    """Exactly `HEAD_SIZE` bytes, whatever it says."""
    units = " ".join(head.units) if head.units is not None else "*"
    if len(units.encode("utf-8", "surrogateescape")) > _UNITS_ROOM:
        units = "*"
    entry = encode_address(head.realtime_usec, head.monotonic_usec, head.boot_id.encode()) + encode_fields((
        (b"_MACHINE_ID", head.machine_id.encode()),
        (b"_TRANSPORT", b"driver"),
        (b"MESSAGE_ID", HEAD_ID),
        (b"PRIORITY", b"7"),
        (b"SYSLOG_IDENTIFIER", b"pyinit-journal"),
        (b"SEGMENT_POSITION", b"%d" % head.position),
        (b"SEGMENT_LAST", b"%020d" % head.last_realtime_usec),
    ))
    units_field = b"SEGMENT_UNITS=" + units.encode("utf-8", "surrogateescape")
    message = b"MESSAGE=A segment of the journal begins.\n\n"
    room = HEAD_SIZE - len(entry) - len(message) - 1
    return entry + units_field.ljust(room) + b"\n" + message


def decode_head(data: bytes) -> Head | None:
    """None where this is not the beginning of a segment."""
    found = decode_entry(data[:HEAD_SIZE])
    if found is None or found[1] != HEAD_SIZE:
        return None
    values = dict(found[0])
    if values.get(b"MESSAGE_ID") != HEAD_ID:
        return None
    try:
        units = values[b"SEGMENT_UNITS"].decode("utf-8", "surrogateescape").split()
        return Head(
            values[b"_MACHINE_ID"].decode(), values[b"_BOOT_ID"].decode(), int(values[b"SEGMENT_POSITION"]),
            int(values[b"__REALTIME_TIMESTAMP"]), int(values[b"__MONOTONIC_TIMESTAMP"]), int(values[b"SEGMENT_LAST"]),
            None if units == ["*"] else tuple(units),
        )
    except (KeyError, ValueError):
        return None


# --- cursors --------------------------------------------------------------------------------------------------------


def encode_cursor(store_id: str, position: int, boot_id: str, monotonic_usec: int, realtime_usec: int) -> str:
    """As systemd's look; `i` is the position. `x` would be a hash of the entry, whose place says it all here."""
    return f"s={store_id};i={position:x};b={boot_id};m={monotonic_usec:x};t={realtime_usec:x};x={position:x}"


def decode_cursor(text: str) -> dict[str, str] | None:
    """Its parts by letter; None where it is none."""
    parts = dict(word.partition("=")[::2] for word in text.split(";"))
    if not {"s", "i", "b", "m", "t"} <= parts.keys():
        return None
    try:
        [int(parts[letter], 16) for letter in "simt"]
    except ValueError:
        return None
    return parts
