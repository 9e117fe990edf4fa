"""Which D-Bus signals an effect of the engine is (org.freedesktop.systemd1(5), Signals)."""

from __future__ import annotations

from initd.core.effects import (
    Effect,
    JobAdded,
    JobRemoved,
    Reload,
    StartupFinished,
    UnitAdded,
    UnitChanged,
    UnitPassed,
    UnitRemoved,
)
from initd.core.objectpath import OWN_MANAGER, ROOT, job_path, unit_path
from initd.core.properties import CHANGES, INVALIDATES, PREFIX, tables_of, values
from initd.core.unit import Unit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from initd.core.view import View

    #: path, interface, member, signature, values.
    Signal = tuple[str, str, str, str, tuple[Any, ...]]

_MANAGER = PREFIX + "Manager"
_PROPERTIES = "org.freedesktop.DBus.Properties"

#: Interface → its signals and their signatures.
SIGNALS: dict[str, tuple[tuple[str, str], ...]] = {
    _MANAGER: (
        ("UnitNew", "so"),
        ("UnitRemoved", "so"),
        ("JobNew", "uos"),
        ("JobRemoved", "uoss"),
        ("StartupFinished", "tttttt"),
        ("UnitFilesChanged", ""),
        ("Reloading", "b"),
    ),
    PREFIX + "Scope": (("RequestStop", ""),),
    _PROPERTIES: (("PropertiesChanged", "sa{sv}as"),),
    OWN_MANAGER: (("JobQueued", "us"),),
}
_SIGNATURES = dict(SIGNALS[_MANAGER])


def _manager_signal(member: str, *body: Any) -> Signal:
    return (ROOT, _MANAGER, member, _SIGNATURES[member], body)


def reloading(is_active: bool) -> Signal:
    """Sent before unit files are read again, and when that is done."""
    return _manager_signal("Reloading", is_active)


def unit_files_changed() -> Signal:
    """Sent when units were enabled, disabled, masked, ..."""
    return _manager_signal("UnitFilesChanged")


def job_state_changed(job_id: int, state: str) -> Signal:
    """A job that its listeners know runs now, or waits again."""
    body: tuple[Any, ...] = (PREFIX + "Job", {"State": ("s", state)}, [])
    return (job_path(job_id), _PROPERTIES, "PropertiesChanged", "sa{sv}as", body)


def failures_changed(count: int) -> Signal:
    """There are more failed units than before, or fewer."""
    return (ROOT, _PROPERTIES, "PropertiesChanged", "sa{sv}as", (_MANAGER, {"NFailedUnits": ("u", count)}, []))


def signal_for(effect: Effect, view: View) -> list[Signal]:
    """The signals that tell clients about this effect; most effects concern nobody."""
    make = _MAKERS.get(type(effect))
    return make(effect, view) if make is not None else []


def _on_changed(effect: UnitChanged, view: View) -> list[Signal]:
    """What may have changed, in full, as systemd sends it: one signal for each of the unit's interfaces."""
    unit = view.engine.units.get(effect.unit)
    return _changes_of(unit, view) if unit is not None else []


def _on_passed(effect: UnitPassed, view: View) -> list[Signal]:
    assert isinstance(effect.as_it_was, Unit)
    return _changes_of(effect.as_it_was, view)


def _changes_of(unit: Unit, view: View) -> list[Signal]:
    signals = []
    for interface, rows in tables_of(unit.type).items():
        announced = tuple(row for row in rows if row.emits == CHANGES)
        others = [row.name for row in rows if row.emits == INVALIDATES]
        if announced or others:
            body: tuple[Any, ...] = (interface, values(announced, unit, view), others)
            signals.append((unit_path(unit.name), _PROPERTIES, "PropertiesChanged", "sa{sv}as", body))
    return signals


def _on_finished(effect: StartupFinished, view: View) -> list[Signal]:
    """A container has no firmware, loader, kernel or initrd time of its own."""
    return [_manager_signal("StartupFinished", 0, 0, 0, 0, effect.userspace_usec, effect.userspace_usec)]


_MAKERS: dict[type[Effect], Callable[[Any, View], list[Signal]]] = {
    UnitAdded: lambda effect, view: [_manager_signal("UnitNew", effect.unit, unit_path(effect.unit))],
    UnitRemoved: lambda effect, view: [_manager_signal("UnitRemoved", effect.unit, unit_path(effect.unit))],
    UnitChanged: _on_changed,
    UnitPassed: _on_passed,
    JobAdded: lambda effect, view: [
        # Of which type it is nobody can ask in time: most jobs are over before an answer is.
        (ROOT, OWN_MANAGER, "JobQueued", "us", (effect.job_id, effect.type)),
        _manager_signal("JobNew", effect.job_id, job_path(effect.job_id), effect.unit),
    ],
    JobRemoved: lambda effect, view: [
        _manager_signal("JobRemoved", effect.job_id, job_path(effect.job_id), effect.unit, effect.result.value)
    ],
    StartupFinished: _on_finished,
    Reload: lambda effect, view: [reloading(True)],
}
