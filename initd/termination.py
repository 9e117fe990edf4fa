"""Writes why the container ended into the file that is meant for it: $PYINIT_TERMINATION_MESSAGE, or Kubernetes' own.

The journal has ended by then, so that its store has all lines. Nothing here may fail the stop.
"""

from __future__ import annotations

import os

from initd.cli.journal_sources import find
from initd.core.lastmessage import compose
from initd.journal.match import of_unit
from initd.journal.reader import Range, Search, merged
from initd.shell.trees import open_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.unit import Unit
    from initd.core.world import World


def write(path: str, world: World) -> str:
    """What went wrong, or ""."""
    try:
        message = compose(world, _lines_of)
        fd = open_file(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK, 0o644)
        try:
            os.write(fd, message)
        finally:
            os.close(fd)
    except Exception as error:  # a bug as well: the container's exit code counts for more than this text
        return f"pyinit: Cannot write the termination message {path}: {error}\n"
    return ""


def _lines_of(unit: Unit, count: int) -> list[str]:
    sources = find()
    sources.look()
    began = unit.inactive_exit_time
    wanted = Range(began.realtime_usec if began is not None else None)
    search = Search(of_unit(unit.name.encode("utf-8", "surrogateescape")))
    found: list[str] = []
    for entry in merged([each.backwards(search, wanted) for each in sources.series], True):
        found.insert(0, (entry.get(b"MESSAGE") or b"").decode("utf-8", "replace").replace("\n", "\n    "))
        if len(found) == count:
            break
    return found
