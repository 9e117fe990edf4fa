"""What a unit wrote of late, below its `systemctl status` (systemctl(1), status, -n, -o)."""

from __future__ import annotations

from posix import getuid

from initd.cli.journal_formats import Formatter
from initd.cli.journal_pager import columns, on_terminal, uses_colours
from initd.cli.journal_sources import Sources, find
from initd.cli.output import complain
from initd.journal.match import All, Has, of_unit, of_user_unit
from initd.journal.reader import Range, Search, merged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.cli.options import Options
    from initd.journal.match import Expression
    from initd.journal.reader import Series

_LINES = 10
#: By how much the clock may have been set back since the unit was started, and older segments are still looked into.
_SLACK_USEC = 60_000_000


class UnitJournal:
    """Looks for the journal once, for all units that are shown."""

    def __init__(self, options: Options) -> None:
        self._count = _LINES if options.lines is None else options.lines
        self._full = options.full or not on_terminal()
        self._output = options.output or "short"
        self._root = options.root
        self._places = options.places
        self._sources: Sources | None = None
        self._boot_id = b""
        #: A line did not fit the terminal.
        self.was_cut = False

    def lines_of(self, name: str, begun_monotonic_usec: int, begun_usec: int) -> str:
        """An empty line and the last lines that the unit wrote since it was started, or that were written about it; empty
        where there are none. Times are 0 for a unit that never was."""
        if self._count <= 0:
            return ""
        expression = All(self._of_unit(name.encode("utf-8", "surrogateescape")), Has(b"_BOOT_ID", self._boot()))
        wanted = Range(max(0, begun_usec - _SLACK_USEC) or None)
        found = []
        for entry in merged([each.backwards(Search(expression), wanted) for each in self._series()], True):
            found.append(entry)
            if len(found) == self._count:
                break
        formatter = Formatter(self._output, columns(), False, self._full, colours=uses_colours())
        shown = [formatter.format(entry) for entry in reversed(found) if entry.monotonic_usec >= begun_monotonic_usec]
        self.was_cut = self.was_cut or formatter.was_cut
        if len(shown) < self._count and begun_monotonic_usec and self._is_cut_off(begun_monotonic_usec):
            shown.append("Notice: journal has been rotated since unit was started, output may be incomplete.\n")
        return "\n" + "".join(shown) if shown else ""

    def _of_unit(self, name: bytes) -> Expression:
        uid = b"%d" % getuid()
        if self._places is None:
            return of_unit(name)
        return of_user_unit(name, uid) if self._places.mode == "user" else of_unit(name, Has(b"_UID", uid))

    def _is_cut_off(self, monotonic_usec: int) -> bool:
        """Whether what was written at this time of this boot may have been dropped already."""
        for series in self._series():
            first = series.segments[0]
            head = first.head
            if first.position and head is not None and head.boot_id.encode() == self._boot():
                return head.monotonic_usec > monotonic_usec
        return False

    def _series(self) -> list[Series]:
        if self._sources is None:
            self._sources = find(root=self._root, own=self._places)
            self._sources.look()
            if not self._sources.series and self._sources.is_refused and self._places is None:
                complain("Warning: some journal files were not opened due to insufficient permissions.")
        return self._sources.series

    def _boot(self) -> bytes:
        if not self._boot_id:
            with open("/proc/sys/kernel/random/boot_id", "rb") as file:
                self._boot_id = file.read().strip().replace(b"-", b"")
        return self._boot_id
