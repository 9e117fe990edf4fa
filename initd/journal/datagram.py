"""One datagram of the native or the syslog protocol → messages for the sink.

systemd.journal-fields(7): what a client says of itself is kept under the names it gives; what begins with an underscore
is for the journal to say. Pure but for the sink.
"""

from __future__ import annotations

import os

from initd.journal.segment import encode_fields
from initd.journal.sender import Sender
from initd.journal.sink import Sink, Source
from initd.wire.journal import decode_entries
from initd.wire.syslog import parse_message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from initd.journal.segment import Fields

UNKNOWN = b"unknown"
_DEFAULT_LEVEL = 6
_BLANKS = b" \t\r\n"


def take_native(sink: Sink, sender: Sender, data: bytes, about: Callable[[int], Fields]) -> None:
    """Each entry with all its fields; without a PRIORITY= it counts as informational.

    `about` says what is known of a process, for entries of root's that are about one (OBJECT_PID=).
    """
    for fields in decode_entries(data):
        values = dict(fields)
        identifier = values.get("SYSLOG_IDENTIFIER", b"")
        priority, facility = values.get("PRIORITY", b""), values.get("SYSLOG_FACILITY", b"")
        level = int(priority) if priority in (b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7") else _DEFAULT_LEVEL
        source = Source(b"_TRANSPORT=journal\n", _name(identifier, sender), identifier,
                        int(facility) if facility.isdigit() and len(facility) < 4 else 3)
        encoded = encode_fields([(name.encode(), value) for name, value in fields])
        pid = values.get("OBJECT_PID", b"")
        if pid.isdigit() and len(pid) < 10 and _is_roots(sender):
            known = about(int(pid))
            encoded += encode_fields(known)
            values |= {name.decode(): value for name, value in known}
        units = [os.fsdecode(values[name]) for name in _about(sender) if name in values]
        sink.take_entry(sender, source, encoded, values.get("MESSAGE", b""), level, *units)


def _about(sender: Sender) -> tuple[str, ...]:
    """The fields by which this one is believed to speak of units (`match.of_unit`)."""
    fields: tuple[str, ...] = ("UNIT",) if sender.unit == "init.scope" else ()
    return (*fields, "OBJECT_SYSTEMD_UNIT", "COREDUMP_UNIT") if _is_roots(sender) else fields


def _is_roots(sender: Sender) -> bool:
    return b"\n_UID=0\n" in sender.fields


def take_syslog(sink: Sink, sender: Sender, data: bytes) -> None:
    """The datagram itself is kept where it cannot be put together again from its parts (seen on systemd 252)."""
    message = parse_message(data)
    text = message.text.strip(_BLANKS)
    fields = [(b"PRIORITY", b"%d" % message.priority), (b"SYSLOG_FACILITY", b"%d" % message.facility)]
    if message.identifier:
        fields.append((b"SYSLOG_IDENTIFIER", message.identifier))
    if message.pid:
        fields.append((b"SYSLOG_PID", b"%d" % message.pid))
    if message.stamp:
        fields.append((b"SYSLOG_TIMESTAMP", message.stamp))
    fields.append((b"MESSAGE", text))
    if not message.stamp or len(text) != len(message.text) or data[-1:] in (b"\n", b"\0"):
        fields.append((b"SYSLOG_RAW", data))
    source = Source(b"_TRANSPORT=syslog\n", _name(message.identifier, sender), message.identifier, message.facility)
    sink.take_entry(sender, source, encode_fields(fields), text, message.priority)


def _name(identifier: bytes, sender: Sender) -> bytes:
    return printable(identifier) or printable(sender.command) or UNKNOWN


def printable(name: str | bytes) -> bytes:
    """A name that cannot be mistaken for the start of another line."""
    raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    return b"_".join(raw.split())
