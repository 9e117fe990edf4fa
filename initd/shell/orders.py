"""Carries out what the API leaves to the file system: unit files enabled, disabled, masked, listed, and their states.

Each order is a D-Bus method of org.freedesktop.systemd1.Manager (org.freedesktop.systemd1(5)), with the arguments the
client gave. `core.install` and `core.linking` plan, `shell.unitlinks` reads and links; here arguments become plans
and results replies.
"""

from __future__ import annotations

from initd.core.answers import Error, Order, Return
from initd.core.places import SYSTEM, Places
from initd.core.unitfiles import Impossible, Note, Plan, Trouble
from initd.shell.unitlinks import UnitLinks, list_unit_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    #: What takes long yields between its pieces (`shell.chores`).
    Pieces = Generator[None, None, Return | Error]
    Handler = Callable[..., "Return | Error | Pieces"]

_CHANGES = "a(sss)"
_PRESET_MODES = ("", "full", "enable-only", "disable-only")
_INVALID = Error("org.freedesktop.DBus.Error.InvalidArgs", "Invalid argument")
#: Bits of the flags of …WithFlags (org.freedesktop.systemd1(5)).
_RUNTIME, _FORCE = 1, 2
#: Orders after which clients hear UnitFilesChanged, and the next daemon-reload finds something new.
_QUESTIONS = frozenset(
    ("ListUnitFiles", "ListUnitFilesByPatterns", "GetUnitFileState", "GetUnitFileLinks", "GetDefaultTarget")
)


def is_change(order: Order, answer: Return | Error) -> bool:
    """Something of the unit files is not what it was. What failed may have come half way."""
    if isinstance(answer, Return) and answer.signature.endswith(_CHANGES) and not answer.values[-1]:
        return False
    return order.kind not in _QUESTIONS


def carry_out(order: Order, places: Places = SYSTEM) -> Pieces:
    """Do it, piece by piece, and say what the method returns."""
    handler = _HANDLERS.get(order.kind)
    if handler is None:
        return Error("org.freedesktop.DBus.Error.NotSupported", f"{order.kind}() is not available under pyinit.")
    try:
        answer = handler(UnitLinks(places=places), *order.args)
        return answer if isinstance(answer, (Return, Error)) else (yield from answer)
    except Impossible as error:
        return Error(*error.note.bus_error())
    except OSError as error:
        return Error("org.freedesktop.DBus.Error.Failed", error.strerror or str(error))


def _perform(links: UnitLinks, plan: Plan, with_install_info: bool = False) -> Return | Error:
    """Carry out a plan; the first thing that failed is the whole answer, as with systemd."""
    done = links.perform(plan)
    failure = done.failure
    if failure is not None:
        return Error(*failure.bus_error())
    changes = [(change.kind, change.path, change.target) for change in done.changes]
    if with_install_info:
        return Return("b" + _CHANGES, (plan.carries_install_info, changes))
    return Return(_CHANGES, (changes,))


def _directory(links: UnitLinks, runtime: object) -> str:
    return links.runtime_directory if runtime else links.config_directory


def _enable(links: UnitLinks, names: list[str], runtime: bool, force: bool) -> Return | Error:
    from initd.core.install import plan_enable

    return _perform(links, plan_enable(links, names, _directory(links, runtime), force), True)


def _reenable(links: UnitLinks, names: list[str], runtime: bool, force: bool) -> Return | Error:
    from initd.core.install import plan_reenable

    return _perform(links, plan_reenable(links, names, _directory(links, runtime), force), True)


def _disable(links: UnitLinks, names: list[str], runtime: bool, with_info: bool = False) -> Return | Error:
    from initd.core.install import plan_disable

    return _perform(links, plan_disable(links, names, _directory(links, runtime)), with_info)


def _preset(links: UnitLinks, names: list[str], mode: str, runtime: bool, force: bool) -> Return | Error:
    from initd.core.install import plan_preset
    from initd.core.presets import PresetMode

    if mode not in _PRESET_MODES:
        return _INVALID
    rules, _ = links.preset_rules()
    wanted = PresetMode(mode or "full")
    return _perform(links, plan_preset(links, names, _directory(links, runtime), rules, wanted, force), True)


def _preset_all(links: UnitLinks, mode: str, runtime: bool, force: bool) -> Pieces:
    from initd.core.install import preset_all
    from initd.core.presets import PresetMode

    if mode not in _PRESET_MODES:
        return _INVALID
    rules, _ = links.preset_rules()
    wanted = PresetMode(mode or "full")
    return _perform(links, (yield from preset_all(links, _directory(links, runtime), rules, wanted, force)))


def _link(links: UnitLinks, paths: list[str], runtime: bool, force: bool) -> Return | Error:
    from initd.core.linking import plan_link

    return _perform(links, plan_link(links, paths, _directory(links, runtime), force))


def _mask(links: UnitLinks, names: list[str], runtime: bool, force: bool) -> Return | Error:
    from initd.core.linking import plan_mask

    return _perform(links, plan_mask(links, names, _directory(links, runtime), force))


def _unmask(links: UnitLinks, names: list[str], runtime: bool) -> Return | Error:
    from initd.core.linking import plan_unmask

    return _perform(links, plan_unmask(links, names, _directory(links, runtime)))


def _revert(links: UnitLinks, names: list[str]) -> Return | Error:
    from initd.core.linking import plan_revert

    return _perform(links, plan_revert(links, names, links.writable_directories))


def _set_default(links: UnitLinks, name: str, force: bool) -> Return | Error:
    from initd.core.linking import plan_set_default

    return _perform(links, plan_set_default(links, name, links.config_directory))


def _add_dependency(
    links: UnitLinks, names: list[str], target: str, kind: str, runtime: bool, force: bool
) -> Return | Error:
    from initd.core.linking import plan_add_dependency

    suffix = {"Wants": "wants", "Requires": "requires"}.get(kind)
    if suffix is None:
        return _INVALID
    return _perform(links, plan_add_dependency(links, names, target, suffix, _directory(links, runtime), force))


def _list(links: UnitLinks, states: list[str], patterns: list[str]) -> Pieces:
    yield
    found = []
    for _, path, state in list_unit_files(links, patterns):
        if not states or state in states:
            found.append((path, state))
        yield
    return Return("a(ss)", (found,))


def _state(links: UnitLinks, name: str) -> Return | Error:
    from initd.core.lookup import unit_file_state

    try:
        return Return("s", (unit_file_state(links, name, _unheard).value,))
    except Impossible as error:
        if error.note.trouble is not Trouble.NOT_FOUND:
            raise
        return Error("org.freedesktop.DBus.Error.FileNotFound", "No such file or directory")


def _links_of(links: UnitLinks, name: str, runtime: bool) -> Return | Error:
    from initd.core.install import plan_disable

    plan = plan_disable(links, [name], _directory(links, runtime))
    return Return("as", ([change.path for change in plan.changes if change.kind == "unlink"],))


def _default_target(links: UnitLinks) -> Return | Error:
    from initd.core.linking import default_target

    name = default_target(links)
    if not name:
        return Error("org.freedesktop.DBus.Error.FileNotFound", "No such file or directory")
    return Return("s", (name,))


def _unheard(note: Note) -> None:
    """D-Bus has no place for advice beside an answer; `systemctl cat` and the log show the file."""


_HANDLERS: dict[str, Handler] = {
    "EnableUnitFiles": _enable,
    "EnableUnitFilesWithFlags": lambda links, names, flags: _enable(links, names, flags & _RUNTIME, flags & _FORCE),
    "ReenableUnitFiles": _reenable,
    "DisableUnitFiles": _disable,
    "DisableUnitFilesWithFlags": lambda links, names, flags: _disable(links, names, flags & _RUNTIME),
    "DisableUnitFilesWithFlagsAndInstallInfo": lambda links, names, flags: _disable(
        links, names, flags & _RUNTIME, True
    ),
    "PresetUnitFiles": lambda links, names, runtime, force: _preset(links, names, "", runtime, force),
    "PresetUnitFilesWithMode": _preset,
    "PresetAllUnitFiles": _preset_all,
    "LinkUnitFiles": _link,
    "MaskUnitFiles": _mask,
    "UnmaskUnitFiles": _unmask,
    "RevertUnitFiles": _revert,
    "SetDefaultTarget": _set_default,
    "AddDependencyUnitFiles": _add_dependency,
    "ListUnitFiles": lambda links: _list(links, [], []),
    "ListUnitFilesByPatterns": _list,
    "GetUnitFileState": _state,
    "GetUnitFileLinks": _links_of,
    "GetDefaultTarget": _default_target,
}
