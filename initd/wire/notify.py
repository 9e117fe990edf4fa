"""sd_notify(3) datagrams as fields and back. Owns no socket."""

from __future__ import annotations

#: What systemd reads of one datagram; a longer one is dropped whole.
MESSAGE_MAX = 4096
#: Descriptors in one datagram (systemd's NOTIFY_FD_MAX).
FDS_MAX = 768


class NotifyError(ValueError):
    """The datagram is not a notification; the text says why, in words for the log."""


def parse(data: bytes) -> tuple[tuple[str, str], ...]:
    """The fields in order; lines without "=" are left out. NotifyError where systemd drops the datagram."""
    if len(data) > MESSAGE_MAX:
        raise NotifyError("notify message exceeded maximum size")
    # A C program may send the terminating NUL along.
    data = data.removesuffix(b"\0")
    if b"\0" in data:
        raise NotifyError("notify message with embedded NUL")
    fields = []
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        name, equals, value = line.partition("=")
        if equals:
            fields.append((name, value))
    return tuple(fields)


def encode(fields: tuple[tuple[str, str], ...]) -> bytes:
    """One datagram. A newline in a value would become another field, so it is made a space."""
    lines = [f"{name}={value}".replace("\n", " ") for name, value in fields]
    return "\n".join(lines).encode("utf-8", "surrogateescape")
