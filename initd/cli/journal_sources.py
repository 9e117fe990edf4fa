"""Where the journal is: the directories looked into, and the segments found in them (journalctl(1), SOURCE OPTIONS)."""

from __future__ import annotations

import io
import os
import time
from errno import EBADMSG, ENODATA

from initd.journal.reader import Segment, Series
from initd.journal.segment import HEAD_SIZE, decode_head, parse_file_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.places import Places
    from initd.journal.runs import Readable

_ROOTS = ("/var/log/journal", "/run/log/journal")
_HEX = frozenset("0123456789abcdef")
#: A directory may change twice, and its time once: the kernel's clock ticks every few milliseconds.
_SETTLED_NSEC = 100_000_000


class Unreadable(Exception):
    """There are segments, but not for us; or the place named is none. The text is what to print."""


class Sources:
    """The segments of some directories; `series` are as they were found by the last `look`."""

    def __init__(self, directories: list[str], files: list[str] | None = None) -> None:
        self._directories, self._files = directories, files
        self._known: dict[str, Segment] = {}
        self._stamps: dict[str, int] = {}
        self._is_settled = False
        self.series: list[Series] = []
        #: A segment was there that may not be read.
        self.is_refused = False

    def look(self) -> bool:
        """Look again, if a directory has changed; true if so."""
        stamps = {directory: stamp for directory in self._directories if (stamp := _changed(directory)) is not None}
        if self._known and self._is_settled and stamps == self._stamps:
            return False
        self._stamps = stamps
        self._is_settled = time.time_ns() - max(stamps.values(), default=0) > _SETTLED_NSEC
        stores: dict[str, list[Segment]] = {}
        found = set()
        for path in self.paths():
            segment = self._segment(path)
            if segment is not None:
                found.add(path)
                stores.setdefault(segment.store_id, []).append(segment)
        self.series = [Series(segments) for _, segments in sorted(stores.items())]
        for path in self._known.keys() - found:
            del self._known[path]
        return True

    @property
    def directories(self) -> list[str]:
        """Those that are there."""
        return [directory for directory in self._directories if os.path.isdir(directory)]

    def paths(self) -> list[str]:
        """Of all segments, the oldest of each store first."""
        if self._files is not None:
            return sorted(self._files)
        made = []
        for directory in self._directories:
            try:
                names = sorted(os.listdir(directory))
            except PermissionError:
                self.is_refused = True
                continue
            except OSError:
                continue  # not made yet
            made += [f"{directory}/{name}" for name in names if parse_file_name(name) is not None]
        return made

    def _segment(self, path: str) -> Segment | None:
        if path in self._known:
            return self._known[path]
        if not os.access(path, os.R_OK):
            self.is_refused = True
            return None
        place = parse_file_name(os.path.basename(path)) or _place_of(path)
        self._known[path] = segment = Segment(*place, lambda: _opened(path))
        return segment

    @property
    def size(self) -> int:
        """What the segments take on disk."""
        total = 0
        for path in self.paths():
            try:
                total += os.stat(path).st_blocks * 512
            except OSError:
                pass  # it was dropped just now
        return total


def _place_of(path: str) -> tuple[str, int, int]:
    """What a segment's name says, of one that was given another. A store of its own, for nobody knows of which it was."""
    try:
        with open(path, "rb") as file:
            data = file.read(HEAD_SIZE)
    except OSError as problem:
        raise Unreadable(f"Failed to open files: {problem.strerror}") from None
    head = decode_head(data)
    if head is None:
        raise Unreadable(f"Failed to open files: {os.strerror(EBADMSG if data else ENODATA)}")
    return f"{head.realtime_usec:016x}{head.position:016x}", head.position, head.realtime_usec


def _opened(path: str) -> Readable:
    try:
        return open(path, "rb", buffering=0)
    except FileNotFoundError:
        return io.BytesIO()  # it was dropped since we saw its name


def _changed(directory: str) -> int | None:
    try:
        return os.stat(directory).st_mtime_ns
    except OSError:
        return None


def find(
    directory: str = "", files: list[str] | None = None, root: str = "", is_merged: bool = False, own: Places | None = None
) -> Sources:
    """The sources that the options name; without options, this machine's; with `own`, the journal of that manager too, or
    alone, where it is a group's. Unreadable where a named place is none."""
    if files:
        return Sources([], _matching(files))
    if directory:
        try:
            names = sorted(os.listdir(directory))
        except OSError as problem:
            raise Unreadable(f"Failed to open {directory}: {problem.strerror}") from None
        below = [f"{directory}/{name}" for name in names if _is_id(name) and os.path.isdir(f"{directory}/{name}")]
        return Sources([directory, *below])
    tops = _ROOTS if own is None or own.mode == "user" else ()
    if own is not None and own.run:
        tops = (*tops, own.run + "/log/journal")
    return Sources([path for top in tops for path in (root + top, *_of_machine(root + top, root, is_merged))])


def _of_machine(top: str, root: str, is_merged: bool) -> list[str]:
    own = _machine_id(root)
    if own and not is_merged:
        return [f"{top}/{own}"]
    try:
        return [f"{top}/{name}" for name in sorted(os.listdir(top)) if _is_id(name)]
    except OSError:
        return []


def _machine_id(root: str) -> str:
    try:
        with open(root + "/etc/machine-id", encoding="ascii", errors="replace") as file:
            word = file.read(64).strip()
    except OSError:
        return ""
    return word if _is_id(word) else ""


def _is_id(name: str) -> bool:
    return len(name) == 32 and _HEX.issuperset(name)


def _matching(patterns: list[str]) -> list[str]:
    """Paths that match the shell patterns, in the last part of which there may be wild cards."""
    from initd.core.globs import matches

    made = []
    for pattern in patterns:
        directory, _, last = pattern.rpartition("/")
        directory = directory or ("/" if pattern.startswith("/") else ".")
        if not set(last) & set("*?["):
            found = [pattern] if os.path.exists(pattern) else []
        else:
            try:
                found = [f"{directory}/{name}" for name in sorted(os.listdir(directory)) if matches(name, last)]
            except OSError:
                found = []
        if not found:
            raise Unreadable(f"Failed to add paths: {os.strerror(2)}" if set(last) & set("*?[")
                             else f"Failed to open files: {os.strerror(2)}")
        made += found
    return made
