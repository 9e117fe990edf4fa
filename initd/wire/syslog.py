"""What a datagram on /dev/log says: RFC 3164 as libc's syslog(3) writes it, `<PRI>Mmm dd hh:mm:ss TAG[PID]: text`.

Every part is optional in practice; what is not recognised is text. Pure, and small: the journal process imports it.
"""

from __future__ import annotations

from initd.core.record import Record

_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
#: "Mmm dd hh:mm:ss "
_STAMP_LENGTH = 16
#: LOG_USER | LOG_INFO: what a message without a number in front is taken for.
_DEFAULT_PRIORITY = 14


class SyslogMessage(Record):
    priority: int  # 0 to 7
    facility: int
    identifier: bytes
    pid: int  # as the text says; 0 where it does not
    text: bytes
    stamp: bytes = b""  # as it stands there, with the blank behind it


def parse_message(data: bytes) -> SyslogMessage:
    number, rest = _split_priority(data.rstrip(b"\n\0"))
    stamp = _stamp(rest)
    identifier, pid, text = _split_tag(rest[len(stamp):])
    return SyslogMessage(number & 7, number >> 3, identifier, pid, text, stamp)


def _split_priority(data: bytes) -> tuple[int, bytes]:
    end = data.find(b">", 1, 5)
    if data[:1] == b"<" and end > 1 and data[1:end].isdigit():
        return int(data[1:end]) & 0x3FF, data[end + 1:]
    return _DEFAULT_PRIORITY, data


def _stamp(data: bytes) -> bytes:
    stamp = data[:_STAMP_LENGTH]
    is_stamp = stamp[:3] in _MONTHS and stamp[9:10] == b":" == stamp[12:13] and stamp[15:16] == b" "
    return stamp if is_stamp else b""


def _split_tag(data: bytes) -> tuple[bytes, int, bytes]:
    """`TAG: text` or `TAG[PID]: text`; a tag holds no blank and ends in a colon."""
    text = data.lstrip(b" ")
    word = text.split(b" ", 1)[0]
    if not word.endswith(b":") or len(word) < 2:
        return b"", 0, data
    tag, pid = word[:-1], 0
    if tag.endswith(b"]"):
        name, bracket, digits = tag[:-1].rpartition(b"[")
        if bracket:
            tag, pid = name, int(digits) if digits.isdigit() and len(digits) < 10 else 0
    return tag, pid, text[len(word):].removeprefix(b" ")
