"""`journalctl` without a command: entries, from where on, which, how many, in which direction; and those that come."""

from __future__ import annotations

import os
import sys
import time

from initd.cli import journal_matches
from initd.cli.journal_formats import Formatter
from initd.cli.journal_options import JournalOptions
from initd.cli.journal_pager import columns, pager, uses_colours
from initd.cli.journal_sources import Sources
from initd.cli.options import UsageError
from initd.cli.output import complain
from initd.journal.reader import Range, Search, Series, merged
from initd.journal.segment import decode_cursor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from re import Pattern

    from initd.journal.reader import Entry

_INVALID = "Invalid argument"
#: How long a reader that follows sleeps between two looks: a line is there within 20 ms of its being written.
_LOOK_EVERY_SEC = 0.01


def show(options: JournalOptions, sources: Sources) -> int:
    wanted = Range(_moment(options.since), _moment(options.until))
    if wanted.since_usec is not None and wanted.until_usec is not None and wanted.since_usec > wanted.until_usec:
        raise UsageError("--since= must be before --until=.")
    pattern = compile_pattern(options)
    expression = journal_matches.build(options, boot_wanted(options, sources), lambda name: _values(sources, name))
    has_cursor = _take_cursor(options, sources, wanted)
    search = Search(expression)
    with pager(options):
        printer = Printer(options, pattern, wanted)
        if options.follow:
            return _follow(printer, sources, search, wanted, has_cursor)
        entries = _entries(options, sources.series, search, wanted, has_cursor)
        if options.lines == 0:
            # None of them, but a cursor may be asked for: the last one's.
            printer.last = next(iter(entries if options.reverse or has_cursor else _last(sources.series, search, 1)), None)
        else:
            printer.print(entries)
        return printer.finish()


def _moment(text: str) -> int | None:
    if not text:
        return None
    from initd.core import timestamp
    from initd.shell import zones

    try:
        return timestamp.parse(text, time.time_ns() // 1000, zones.local(), zones.named)
    except ValueError:
        raise UsageError(f"Failed to parse timestamp: {text}") from None


def compile_pattern(options: JournalOptions) -> Pattern[str] | None:
    """journalctl(1), --grep=: the case counts where the pattern has capitals."""
    if options.grep is None:
        return None
    import re

    is_sensitive = options.case_sensitive
    if is_sensitive is None:
        is_sensitive = options.grep != options.grep.lower()
    try:
        return re.compile(options.grep, 0 if is_sensitive else re.IGNORECASE)
    except re.error as problem:
        reason = "missing closing parenthesis" if problem.msg.startswith("missing )") else problem.msg
        raise UsageError(f'Bad pattern "{options.grep}": {reason}') from None


def _values(sources: Sources, name: str) -> list[str]:
    from initd.journal import survey

    found = survey.values(sources.series, name.encode()) if name else survey.units(sources.series)
    return [value.decode("utf-8", "surrogateescape") for value in found]


def boot_wanted(options: JournalOptions, sources: Sources) -> str | None:
    """The id of the boot asked for; None where all are."""
    if options.boot is None:
        return None
    boot_id, offset = options.boot
    if not boot_id and not offset and not (options.directory or options.files):
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip().replace("-", "")
    from initd.journal import survey

    known = [boot.boot_id for boot in survey.boots(sources.series)]
    place = _place(known, boot_id, offset or 0)
    if 0 <= place < len(known):
        return known[place]
    what = boot_id or f"{offset or 0:+d}"
    raise UsageError(f"Data from the specified boot ({what}) is not available: No such boot ID in journal")


def _place(known: list[str], boot_id: str, offset: int) -> int:
    if boot_id:
        return known.index(boot_id) + offset if boot_id in known else -1
    return offset - 1 if offset > 0 else len(known) - 1 + offset


# --- where to begin ---------------------------------------------------------------------------------------------------


def _take_cursor(options: JournalOptions, sources: Sources, wanted: Range) -> bool:
    """Limit the range to what a cursor says; false where there is none."""
    text = options.cursor or options.after_cursor
    is_inclusive = bool(options.cursor)
    if not text and options.cursor_file:
        text, is_inclusive = _read_cursor(options.cursor_file), False
    if not text:
        return False
    parts = decode_cursor(text)
    if parts is None:
        raise UsageError(f"Failed to seek to cursor: {_INVALID}")
    position, realtime_usec = int(parts["i"], 16), int(parts["t"], 16)
    known = [series for series in sources.series if series.store_id == parts["s"] and series.has(position)]
    if known:
        wanted.places[parts["s"]] = (position, is_inclusive)
    if len(known) != len(sources.series):
        # In other stores it stands for its time.
        if options.reverse:
            wanted.until_usec = min(realtime_usec, wanted.until_usec or realtime_usec)
        else:
            wanted.since_usec = max(realtime_usec, wanted.since_usec or 0)
    return True


def _read_cursor(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.readline().strip()
    except FileNotFoundError:
        return ""
    except OSError as problem:
        raise UsageError(f"Failed to read cursor file {path}: {problem.strerror}") from None


def _entries(options: JournalOptions, series: list[Series], search: Search, wanted: Range,
             has_cursor: bool) -> Iterator[Entry]:
    """In the order in which they are shown, as many as there are. As systemd has it, lines are counted from the end only
    where nothing says where to begin."""
    if options.reverse:
        return merged([each.backwards(search, wanted) for each in series], True)
    if options.lines is not None and not has_cursor and wanted.since_usec is None:
        return iter(_last(series, search, options.lines, wanted.until_usec))
    return merged([each.forwards(search, wanted) for each in series])


def _last(series: list[Series], search: Search, count: int, until_usec: int | None = None) -> list[Entry]:
    """The last entries wanted, and of these those before the end of the range."""
    made: list[Entry] = []
    if count:
        for entry in merged([each.backwards(search, Range()) for each in series], True):
            made.append(entry)
            if len(made) == count:
                break
    made.reverse()
    if until_usec is not None:
        beyond = next((place for place, entry in enumerate(made) if entry.realtime_usec > until_usec), len(made))
        del made[beyond:]
    return made


# --- printing ---------------------------------------------------------------------------------------------------------


class Printer:
    """Prints entries, with what stands between those of two boots, and counts them."""

    def __init__(self, options: JournalOptions, pattern: Pattern[str] | None, wanted: Range) -> None:
        self._options, self._pattern, self._wanted = options, pattern, wanted
        self._formatter = Formatter(
            options.output, columns(), options.all, options.full, options.utc, options.hostname, uses_colours(),
            options.output_fields)
        self._boot_id = ""
        self._shown = 0
        self.last: Entry | None = None

    @property
    def options(self) -> JournalOptions:
        return self._options

    def print(self, entries: Iterable[Entry], is_limited: bool = True) -> None:
        limit = self._options.lines if is_limited else None
        for entry in entries:
            self.last = entry
            if self._show(entry):
                self._shown += 1
                if self._shown == limit:
                    return

    def _show(self, entry: Entry) -> bool:
        """False where the pattern does not match."""
        options, formatter = self._options, self._formatter
        write = sys.stdout.write
        if not options.merge and not options.quiet:
            boot_id = entry.boot_id
            if self._boot_id and boot_id != self._boot_id:
                write(formatter.boot_line(boot_id))
            self._boot_id = boot_id
        if self._pattern is not None:
            message = entry.get(b"MESSAGE")
            found = None if message is None else self._pattern.search(message.decode("utf-8", "surrogateescape"))
            if found is None:
                return False
            formatter.highlight = found.span()
        write(formatter.format(entry))
        return True

    def finish(self) -> int:
        """What is said at the end; the exit status."""
        options = self._options
        if not self._shown and not options.quiet:
            sys.stdout.write("-- No entries --\n")
        if options.show_cursor:
            if self.last is None:
                return 1
            sys.stdout.write(f"-- cursor: {self.last.cursor}\n")
        if options.cursor_file and self.last is not None and not _write_cursor(options.cursor_file, self.last.cursor):
            return 1
        return 1 if self._pattern is not None and not self._shown else 0


def _write_cursor(path: str, cursor: str) -> bool:
    sys.stdout.flush()
    new = f"{path}.{os.getpid()}"
    try:
        with open(new, "w", encoding="ascii") as file:
            file.write(cursor + "\n")
        os.rename(new, path)
    except OSError as problem:
        complain(f"Failed to write new cursor to {path}: {problem.strerror}")
        return False
    return True


# --- following --------------------------------------------------------------------------------------------------------


def _follow(printer: Printer, sources: Sources, search: Search, wanted: Range, has_cursor: bool) -> int:
    """Does not end by itself. What was there first is printed as ever; then what comes, over rotation."""
    options = printer.options
    # From here on is what comes, unless it is printed before.
    behind = {series.store_id: series.take_end() for series in sources.series}
    for entry in _entries(options, sources.series, search, wanted, has_cursor) if options.lines != 0 else ():
        printer.print([entry], False)
        behind[entry.store_id] = max(behind[entry.store_id], entry.position + len(entry.data))
    sys.stdout.flush()
    while True:
        sources.look()
        for series in sources.series:
            printer.print(series.grown(search, behind.get(series.store_id, 0)), False)
            behind[series.store_id] = series.end
        sys.stdout.flush()
        time.sleep(_LOOK_EVERY_SEC)
