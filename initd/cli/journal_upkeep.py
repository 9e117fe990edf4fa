"""`journalctl --disk-usage`, `--vacuum-…`, `--header` and `--verify`: of the journal's files."""

from __future__ import annotations

import os
import sys
import time

from initd.cli.output import complain, format_bytes, format_timestamp
from initd.journal.reader import stamp
from initd.journal.runs import runs
from initd.journal.segment import HEAD_SIZE, decode_entry, decode_head, parse_file_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.cli.journal_options import JournalOptions
    from initd.cli.journal_sources import Sources
    from initd.journal.segment import Head

#: Where in plain text one entry ends and another one begins.
_BETWEEN = b"\n\n__REALTIME_TIMESTAMP="


def run(options: JournalOptions, sources: Sources) -> int:
    if options.command == "disk-usage":
        print(f"Archived and active journals take up {format_bytes(sources.size)} in the file system.")
        return 0
    if options.command == "vacuum":
        by_directory: dict[str, list[str]] = {directory: [] for directory in sources.directories}
        for path in sources.paths():
            by_directory.setdefault(os.path.dirname(path), []).append(path)
        return max([_vacuum(directory, paths, options) for directory, paths in sorted(by_directory.items())], default=0)
    if options.command == "header":
        sys.stdout.write("\n".join(_header(path) for path in sources.paths()))
        return 0
    return max([_verify(path) for path in sources.paths()], default=0)


def _head(path: str) -> tuple[Head | None, int, int]:
    """A segment's head, its size, and what it takes on disk."""
    with open(path, "rb") as file:
        found = os.stat(file.fileno())
        return decode_head(file.read(HEAD_SIZE)), found.st_size, found.st_blocks * 512


# --- vacuum -----------------------------------------------------------------------------------------------------------


def _vacuum(directory: str, paths: list[str], options: JournalOptions) -> int:
    """Archived segments go, the oldest first, until what is left is within all limits (0 is none). The last one stays, and
    so does one that is still being written."""
    archived = []
    usage = 0
    for path in sorted(paths, key=lambda each: parse_file_name(os.path.basename(each)) or ("", 0, 0)):
        head, _, size = _head(path)
        usage += size
        if head is not None and head.last_realtime_usec:
            archived.append((path, size, head.last_realtime_usec))
    oldest_usec = time.time_ns() // 1000 - options.vacuum_usec if options.vacuum_usec else 0
    freed = 0
    count = len(paths)
    for path, size, last_usec in archived:
        is_too_much = options.vacuum_bytes and usage > options.vacuum_bytes
        is_too_many = options.vacuum_files and count > options.vacuum_files
        if not (is_too_much or is_too_many or last_usec < oldest_usec):
            break
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue  # the journal was faster
        except OSError as problem:
            complain(f"Failed to vacuum {directory}: {problem.strerror}")
            return 1
        usage, count, freed = usage - size, count - 1, freed + size
        complain(f"Deleted archived journal {path} ({format_bytes(size)}).")
    complain(f"Vacuuming done, freed {format_bytes(freed)} of archived journals from {directory}.")
    return 0


# --- header, verify ---------------------------------------------------------------------------------------------------


def _header(path: str) -> str:
    parsed = parse_file_name(os.path.basename(path))
    try:
        head, size, usage = _head(path)
        count, last_usec = _entries(path)
    except OSError as problem:
        return f"File path: {path}\nUnreadable: {problem.strerror}\n"
    lines = [("File path", path), ("File ID", parsed[0] if parsed else "")]
    if head is None:
        lines.append(("State", "NO HEAD"))
    else:
        units = "too many to be listed" if head.units is None else " ".join(head.units)
        lines += [
            ("Machine ID", head.machine_id), ("Boot ID", head.boot_id),
            ("State", "ARCHIVED" if head.last_realtime_usec else "ONLINE"), ("Head position", f"{head.position}"),
            ("Head realtime timestamp", f"{format_timestamp(head.realtime_usec)} ({head.realtime_usec:x})"),
            ("Tail realtime timestamp", f"{format_timestamp(last_usec)} ({last_usec:x})" if last_usec else "n/a"),
            ("Entries", f"{count}"), ("Units", units),
        ]
    lines += [("Size", f"{size}"), ("Disk usage", format_bytes(usage))]
    return "".join(f"{label}: {text}\n" for label, text in lines)


def _entries(path: str) -> tuple[int, int]:
    """How many there are, and when the last one was written."""
    count = last_usec = 0
    with open(path, "rb") as file:
        for run in runs(file, HEAD_SIZE):
            count += run.data.count(_BETWEEN) + 1 if run.is_plain else 1
            last_usec = stamp(run.data[run.data.rfind(_BETWEEN) + 2 if run.is_plain and _BETWEEN in run.data else 0:])
    return count, last_usec


def _verify(path: str) -> int:
    """PASS where there is nothing but whole entries; a torn one is no fault in a segment that is being written."""
    with open(path, "rb") as file:
        head, size = decode_head(file.read(HEAD_SIZE)), os.stat(file.fileno()).st_size
        end = _end_of_entries(file)
    if head is None:
        complain(f"FAIL: {path} (no head)")
        return 1
    if end != size and head.last_realtime_usec:
        complain(f"FAIL: {path} (no entry at offset {end})")
        return 1
    complain(f"PASS: {path}")
    return 0


def _end_of_entries(file: object) -> int:
    """Where the last entry ends; of those before, each is decoded."""
    end = HEAD_SIZE
    for run in runs(file, HEAD_SIZE):  # type: ignore[arg-type]
        position = 0
        while position < len(run.data):
            decoded = decode_entry(run.data, position)
            if decoded is None:
                return end + position
            position = decoded[1]
        end = run.offset + len(run.data)
    return end
