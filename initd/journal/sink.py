"""What becomes of a message: it is stored, written to the container's stdout, and passed on to a syslog daemon.

Messages of one process and one level come as a block (`initd.journal.stream`), and what is the same for all of them is
put before each by one call. So a line costs what its bytes cost, not what Python does for a line.

The limits apply to all three: what a unit's LogLevelMax= or its rate limit forbids is nowhere to be seen.
"""

from __future__ import annotations

import os
from time import clock_gettime_ns

from initd.journal.config import Config
from initd.journal.outlet import Outlet
from initd.journal.ratelimit import RateLimits, with_room
from initd.journal.segment import encode_address, encode_field
from initd.journal.sender import Rules, Sender
from initd.journal.storage import Storage
from initd.journal.syslogd import Syslogd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

    from initd.journal.printing import Printer
    from initd.journal.wall import Wall

_CLOCK_REALTIME, _CLOCK_MONOTONIC = 0, 1
#: Bytes as they are, but for those that a line of text does not hold.
_AS_TEXT = bytes.maketrans(bytes(set(range(32)) - {9, 10}) + b"\x7f", b"\n" * 31)
_CRITICAL = 2
_DAEMON = 3
#: journald.conf(5), RateLimitBurst=: for a unit that asks for an interval and says no more.
_DEFAULT_BURST = 10_000
#: What systemd-journald says of messages that were dropped (SD_MESSAGE_JOURNAL_DROPPED).
_DROPPED_ID = b"a596d6fe7bfa4994828e72309e95d61e"


class Source:
    """What all messages of one stream, or of one datagram, have in common besides their sender. `fields` are encoded."""

    __slots__ = ("fields", "name", "identifier", "facility", "to_console")

    def __init__(self, fields: bytes, name: bytes, identifier: bytes, facility: int, to_console: bool = False) -> None:
        self.fields = fields
        #: Who it is on the container's stdout.
        self.name = name
        self.identifier = identifier
        self.facility = facility
        #: StandardOutput=journal+console, whatever is said of others' messages.
        self.to_console = to_console


class Sink:
    def __init__(self, config: Config, storage: Storage | None, outlet: Outlet, printer: Printer, syslogd: Syslogd | None,
                 boot_id: str, wall: Wall | None = None) -> None:
        self._config = config
        self.storage = storage
        self.outlet = outlet
        self._printer = printer
        self._syslogd = syslogd
        self._wall = wall
        self._boot_id = boot_id.encode()
        self._limits = RateLimits()
        self._is_critical = False

    def take(self, sender: Sender, source: Source, block: bytes, level: int, ending: bytes = b"") -> None:
        """Messages of a stream, a line each. `ending` is what ended the line, if no newline did."""
        if sender.rules.filter is not None:
            block = sender.rules.filter.kept(block)
        if level > sender.rules.level_max or not (block := self._within_rate(sender, block)):
            return
        usec = clock_gettime_ns(_CLOCK_REALTIME) // 1000
        if self.storage is not None and self.storage.store is not None and level <= self._config.level_store:
            fields = b"%b%b%bPRIORITY=%d\n" % (self._address(usec), sender.fields, source.fields, level)
            if ending:
                fields += encode_field(b"_LINE_BREAK", ending)
            self._store(_entries(fields, block), usec, level, sender.unit)
        self._show(sender, source, block, level, usec)

    def take_entry(self, sender: Sender, source: Source, fields: bytes, text: bytes, level: int, *about: str) -> None:
        """One message with fields of its own, encoded, among them its text; `about` are units that it speaks of."""
        rules = sender.rules
        if level > rules.level_max or rules.filter is not None and not rules.filter.keeps(text):
            return
        if not self._within_rate(sender, b"\n"):
            return
        usec = clock_gettime_ns(_CLOCK_REALTIME) // 1000
        if self.storage is not None and self.storage.store is not None and level <= self._config.level_store:
            entry = b"%b%b%b%b_SOURCE_REALTIME_TIMESTAMP=%d\n\n" % (
                self._address(usec), sender.fields, source.fields, fields, usec)
            self._store((entry,), usec, level, sender.unit, *about)
        if lines := b"\n".join([line for line in text.rstrip().split(b"\n") if line]):
            self._show(sender, source, lines + b"\n", level, usec)

    def flush(self) -> None:
        """The end of a wake-up: the store first, which never waits."""
        if self.storage is not None and self.storage.store is not None:
            self.storage.store.flush()
            if self._is_critical:
                self.storage.store.sync()
        self._is_critical = False
        self.outlet.flush()

    # ---

    def _address(self, usec: int) -> bytes:
        return encode_address(usec, clock_gettime_ns(_CLOCK_MONOTONIC) // 1000, self._boot_id)

    def _store(self, entries: Iterable[bytes], usec: int, level: int, *units: str) -> None:
        assert self.storage is not None and self.storage.store is not None
        self.storage.store.append(entries, usec, *[unit for unit in units if unit])
        if level <= _CRITICAL:
            self._is_critical = True

    def _show(self, sender: Sender, source: Source, block: bytes, level: int, usec: int) -> None:
        config = self._config
        if (config.to_console or source.to_console) and level <= config.level_console:
            self.outlet.add(self._printer(block, source.name, sender.unit, source.identifier, sender.pid, level, usec))
        if self._syslogd is not None and level <= config.level_syslog:
            self._syslogd.send(block, source.facility << 3 | level, source.identifier or source.name, sender.pid)
        if level <= config.level_wall and self._wall is not None:
            self._wall.send(block, source.identifier or source.name, sender.pid)

    def _within_rate(self, sender: Sender, block: bytes) -> bytes:
        """As much of the block as the limits let through."""
        rules, config = sender.rules, self._config
        interval_usec = rules.interval_usec if rules.interval_usec >= 0 else config.rate_interval_usec
        burst = rules.burst if rules.burst >= 0 else config.rate_burst
        if rules.interval_usec > 0 and not burst and rules.burst < 0:
            burst = _DEFAULT_BURST
        if not interval_usec or not burst:
            return block
        count = block.count(b"\n")
        now_usec = clock_gettime_ns(_CLOCK_MONOTONIC) // 1000
        group = sender.unit or f"{sender.pid}"
        if self.storage is not None and self.storage.store is not None:
            burst = with_room(burst, self.storage.store.available)
        passed, suppressed = self._limits.take(group, count, interval_usec, burst, now_usec)
        if suppressed:
            self.say(f"Suppressed {suppressed} messages from {group}", 6, [
                (b"MESSAGE_ID", _DROPPED_ID), (b"N_DROPPED", b"%d" % suppressed)])
        if passed == count:
            return block
        return b"".join([line + b"\n" for line in block.split(b"\n", passed)[:passed]])

    def say(self, text: str, level: int, fields: list[tuple[bytes, bytes]]) -> None:
        """The journal's own word."""
        me = Sender(os.getpid(), b"_PID=%d\n" % os.getpid(), "", b"", Rules(interval_usec=0))
        source = Source(b"_TRANSPORT=driver\n", b"pyinit-journal", b"pyinit-journal", _DAEMON)
        message = text.encode("utf-8", "replace")
        own = [(b"MESSAGE", message), (b"PRIORITY", b"%d" % level), (b"SYSLOG_IDENTIFIER", b"pyinit-journal"),
               (b"SYSLOG_FACILITY", b"%d" % _DAEMON), *fields]
        self.take_entry(me, source, b"".join([encode_field(*field) for field in own]), message, level)


def _entries(fields: bytes, block: bytes) -> Iterable[bytes]:
    """An entry a line. In pieces: what is stored is many times the block, and not to be copied once more than needed."""
    is_text = block.translate(_AS_TEXT) == block
    if is_text and not block.isascii():
        try:
            block.decode("utf-8")
        except UnicodeDecodeError:
            is_text = False
    if is_text:
        head = fields + b"MESSAGE="
        return head, block[:-1].replace(b"\n", b"\n\n" + head), b"\n\n"
    return [b"%b%b\n" % (fields, encode_field(b"MESSAGE", line)) for line in block[:-1].split(b"\n")]
