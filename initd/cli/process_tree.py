"""The tree of a unit's processes under their cgroups, as `systemctl status` draws it."""

from __future__ import annotations

from initd.cli.output import GREY, glyph, painted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Process = tuple[str, int, str]  # cgroup, pid, command line


class _Group:
    """One cgroup: its own processes and the groups below it."""

    def __init__(self) -> None:
        self.processes: list[tuple[int, str]] = []
        self.groups: dict[str, _Group] = {}


def draw(cgroup: str, processes: Iterable[Process], prefix: str) -> list[str]:
    """The lines below the one that names `cgroup`; each begins with `prefix`."""
    top = _Group()
    for path, pid, command in processes:
        group = top
        below = path[len(cgroup) :] if path.startswith(cgroup) else path
        for part in below.strip("/").split("/") if below.strip("/") else ():
            group = group.groups.setdefault(part, _Group())
        group.processes.append((pid, command))
    return _draw_group(top, prefix)


def _draw_group(group: _Group, prefix: str) -> list[str]:
    lines = []
    processes = sorted(group.processes)
    groups = sorted(group.groups.items())
    width = len(str(processes[-1][0])) if processes else 0
    for position, (pid, command) in enumerate(processes):
        is_last = position == len(processes) - 1 and not groups
        branch = prefix + glyph("corner" if is_last else "branch")
        lines.append(branch + painted(f"{pid:>{width}} {shown(command)}", GREY))
    for position, (name, inner) in enumerate(groups):
        is_last = position == len(groups) - 1
        lines.append(f"{prefix}{glyph('corner' if is_last else 'branch')}{name}")
        lines += _draw_group(inner, prefix + ("  " if is_last else glyph("line")))
    return lines


def shown(command: str) -> str:
    """Made fit for one line of a terminal."""
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in command) or "n/a"
