"""`journalctl --list-boots`, `--field=` and `--fields`: what is in the journal as a whole."""

from __future__ import annotations

import sys
import time

from initd.cli.journal_matches import is_field_name
from initd.cli.journal_pager import pager, uses_colours
from initd.cli.options import UsageError
from initd.journal import survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.cli.journal_options import JournalOptions
    from initd.cli.journal_sources import Sources

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def run(options: JournalOptions, sources: Sources) -> int:
    with pager(options):
        if options.command == "list-boots":
            return _list_boots(options, sources)
        if options.command == "field":
            if not is_field_name(options.field):
                raise UsageError("Failed to query unique data objects: Invalid argument")
            found = survey.values(sources.series, options.field.encode())
        else:
            found = survey.names(sources.series)
        sys.stdout.write("".join(each.decode("utf-8", "surrogateescape") + "\n" for each in found))
    return 0


def _list_boots(options: JournalOptions, sources: Sources) -> int:
    boots = survey.boots(sources.series)
    if not boots:
        return 0
    newest = len(boots) - 1
    rows = [(str(number - newest), boot.boot_id, _shown(boot.first_usec, options.utc), _shown(boot.last_usec, options.utc))
            for number, boot in enumerate(boots)]
    if options.reverse:
        rows.reverse()
    header = [] if options.quiet else [("IDX", "BOOT ID", "FIRST ENTRY", "LAST ENTRY")]
    widths = [max(len(row[column]) for row in [*header, *rows]) for column in range(4)]
    for row in [*header, *rows]:
        is_header = row in header
        cells = [row[0].ljust(widths[0]) if is_header else row[0].rjust(widths[0])]
        cells += [cell.ljust(width) for cell, width in zip(row[1:], widths[1:])]
        if is_header and uses_colours():
            line = "".join(f"\x1b[0m\x1b[0;4m{' ' * bool(place)}{cell}\x1b[0m" for place, cell in enumerate(cells))
        else:
            line = " ".join(cells).rstrip()
        sys.stdout.write(line + "\n")
    return 0


def _shown(usec: int, utc: bool) -> str:
    t = time.gmtime(usec // 1_000_000) if utc else time.localtime(usec // 1_000_000)
    zone = "UTC" if utc else t.tm_zone
    return f"{_DAYS[t.tm_wday]} {time.strftime('%Y-%m-%d %H:%M:%S', t)} {zone}"
