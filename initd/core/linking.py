"""Changes of unit files that [Install] has no part in: masks, links, added dependencies, the default target, reverting.

Plans, as in `core.install`; nothing is changed here.
"""

from __future__ import annotations

from initd.core import unitname
from initd.core.install import Planner, add_dependency_link, linked_file
from initd.core.lookup import look_up
from initd.core.unitfiles import Impossible, Note, Plan, Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from initd.core.unitfiles import UnitFilesView

NULL = "/dev/null"
DEFAULT_TARGET = "default.target"


def plan_mask(view: UnitFilesView, names: Sequence[str], directory: str, force: bool = False) -> Plan:
    """Links to /dev/null, whether there are such units or not."""
    planner = Planner(view, directory, force)
    for name in names:
        planner.link(f"{directory}/{name}", NULL, name)
    return planner.plan()


def plan_unmask(view: UnitFilesView, names: Sequence[str], directory: str) -> Plan:
    planner = Planner(view, directory)
    for name in names:
        path = f"{directory}/{name}"
        there = planner.occupant(path)
        if there is not None and there.target == NULL:
            planner.unlink(path)
    return planner.plan()


def plan_link(view: UnitFilesView, paths: Sequence[str], directory: str, force: bool = False) -> Plan:
    """Links to unit files outside of the search path. Nothing is linked where one of them cannot be."""
    planner = Planner(view, directory, force)
    try:
        found = [linked_file(view, path) for path in paths]
    except Impossible as error:
        planner.tell(error.note)
        return planner.plan()
    for unit in found:
        planner.link(f"{directory}/{unit.name}", unit.file.path, unit.name)
    return planner.plan()


def plan_add_dependency(
    view: UnitFilesView, names: Sequence[str], target: str, suffix: str, directory: str, force: bool = False
) -> Plan:
    """Links in the target's .wants or .requires directory; `suffix` says in which."""
    planner = Planner(view, directory, force)
    try:
        for name in (target, *names):
            _unmasked(view, name)
        for name in names:
            found = look_up(view, name)
            add_dependency_link(planner, found.name, found.file.source, target, suffix)
    except Impossible as error:
        planner.tell(error.note)
    return planner.plan()


def _unmasked(view: UnitFilesView, name: str) -> None:
    found = look_up(view, name)
    if found.file.is_masked:
        raise Impossible(Note(Trouble.MASKED, found.name, found.file.path))


def plan_set_default(view: UnitFilesView, name: str, directory: str) -> Plan:
    """default.target becomes a link to this target, whatever link it was."""
    planner = Planner(view, directory, force=True)
    if not name.endswith(".target") or name == DEFAULT_TARGET:
        planner.tell(Note(Trouble.REFUSED, name, detail="Invalid argument"))
        return planner.plan()
    try:
        _unmasked(view, name)
        planner.link(f"{directory}/{DEFAULT_TARGET}", look_up(view, name).file.source, name)
    except Impossible as error:
        planner.tell(error.note)
    return planner.plan()


def default_target(view: UnitFilesView) -> str:
    """The unit that default.target stands for; empty where there is none."""
    try:
        return look_up(view, DEFAULT_TARGET).name
    except Impossible:
        return ""


def plan_revert(view: UnitFilesView, names: Sequence[str], drop_in_directories: Sequence[str]) -> Plan:
    """Units are again as their vendor ships them: drop-ins, masks and overriding files of the administrator go.

    `drop_in_directories` are the writable directories of the search path.
    """
    planner = Planner(view, view.config_directory)
    for name in names:
        if not unitname.is_valid(name):
            planner.tell(Note(Trouble.REFUSED, name, detail="Invalid argument"))
            return planner.plan()
        for directory in drop_in_directories:
            _revert_drop_ins(planner, f"{directory}/{name}.d")
        if _has_vendor_file(view, name, drop_in_directories):
            for directory in drop_in_directories:
                there = planner.occupant(f"{directory}/{name}")
                if there is not None and not there.is_directory:
                    planner.unlink(f"{directory}/{name}")
    return planner.plan()


def _revert_drop_ins(planner: Planner, directory: str) -> None:
    there = planner.occupant(directory)
    if there is None or not there.is_directory:
        return
    for name in sorted(planner.view.files_in(directory)):
        planner.unlink(f"{directory}/{name}")
    planner.unlink(directory)


def _has_vendor_file(view: UnitFilesView, name: str, writable: Sequence[str]) -> bool:
    others = [directory for directory in view.search_path if directory not in writable]
    return any(view.occupant(f"{directory}/{name}") is not None for directory in others)
