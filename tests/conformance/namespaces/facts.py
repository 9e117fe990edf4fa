"""What a unit saw, in a form that two machines share: of mounts what holds for a path, of namespaces whether they are own."""

from __future__ import annotations

import re
from typing import NamedTuple

NAMESPACES = ("mnt", "net", "ipc", "uts", "user", "pid", "cgroup")
#: Options of a mount that say what may be done there.
_OPTIONS = ("ro", "nosuid", "nodev", "noexec")


def normal(text: str, outside: list[str]) -> dict[str, object]:
    """`outside`: the manager's namespaces, in the order of NAMESPACES."""
    found: dict[str, object] = {}
    paths: dict[str, list[str]] = {}
    mounts = []
    for line in text.splitlines():
        kind, _, rest = line.partition("|")
        if kind == "path":
            path, *facts = rest.split("|")
            paths[path] = facts
        elif kind == "mount":
            mounts.append(rest)
        elif kind == "namespace":
            name, _, link = rest.partition("|")
            found[f"namespace {name}"] = "same" if link in outside else "own" if link else "?"
        elif kind in ("map", "network"):
            found.setdefault(kind, []).append(re.sub(r"\s+", " ", rest))  # type: ignore[attr-defined]
        elif kind == "status" and "|" in rest:
            name, _, value = rest.partition("|")
            found[name] = value.split()[0]
        elif kind == "status":
            found["exit status"] = rest
        elif kind == "processes":
            found["processes"] = "some" if int(rest) < 7 else "all"
        elif kind != "done":
            found.setdefault(kind, []).append(rest)  # type: ignore[attr-defined]
    table = [_mount(line) for line in mounts]
    for path, facts in paths.items():
        what, writable, count = facts
        filled = "" if count == "" else " empty" if count == "0" else " filled"
        found[f"path {path}"] = f"{what}{filled} {writable} on {_holds(table, path)}"
    root = _covering(table, "/")
    if root is not None:
        found["propagation"] = root.propagation
    return found


class _Mount(NamedTuple):
    number: str
    parent: str
    point: str
    type: str
    propagation: str
    options: list[str]


def _mount(line: str) -> _Mount:
    fields, _, rest = line.partition(" - ")
    words = fields.split()
    options = [option for option in words[5].split(",") if option in _OPTIONS]
    options += [option for option in rest.split()[2].split(",") if option.startswith(("hidepid", "subset"))]
    tags = sorted(word.partition(":")[0] for word in words[6:] if word.startswith(("shared", "master")))
    return _Mount(words[0], words[1], words[4], rest.split()[0], "+".join(tags) or "private", options)


def _covering(table: list[_Mount], path: str) -> _Mount | None:
    """The mount a path is on: from the root on, of what is mounted on a mount always what the path comes to first."""
    numbers = {mount.number for mount in table}
    found = next((mount for mount in table if mount.point == "/" and mount.parent not in numbers), None)
    while found is not None:
        on_it = [mount for mount in table if mount.parent == found.number and mount.number != found.number
                 and f"{path.rstrip('/')}/".startswith(f"{mount.point.rstrip('/')}/")]
        if not on_it:
            return found
        found = min(on_it, key=lambda mount: len(mount.point))
    return None


def _holds(table: list[_Mount], path: str) -> str:
    mount = _covering(table, path)
    return "?" if mount is None else f"{mount.point} {mount.type} {','.join(mount.options)}".rstrip()
