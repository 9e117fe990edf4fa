"""Short ways to write unit definitions in tests: `service("a", after=["b"])`, `target("t", wants=["a"])`."""

from __future__ import annotations

from initd.core.dependency import Dependency
from initd.core.settings import (
    DependencyEntry,
    ExecSettings,
    KillSettings,
    MountSettings,
    ServiceSettings,
    TimerSettings,
    UnitDefinition,
    UnitSettings,
)
from initd.core.states import EmergencyAction, LoadState, ServiceType, UnitType
from initd.core.unitname import path_to_unit
from initd.core.values import ExecCommand

_KINDS = {kind.value.lower(): kind for kind in Dependency} | {
    "binds_to": Dependency.BINDS_TO, "part_of": Dependency.PART_OF, "on_failure": Dependency.ON_FAILURE,
    "on_success": Dependency.ON_SUCCESS, "propagates_reload_to": Dependency.PROPAGATES_RELOAD_TO,
    "propagates_stop_to": Dependency.PROPAGATES_STOP_TO,
}
SHUTDOWN = ((Dependency.CONFLICTS, "shutdown.target"), (Dependency.BEFORE, "shutdown.target"))


def command(path: str = "/bin/true", **flags: bool) -> ExecCommand:
    return ExecCommand(path, (path,), **flags)


def service(name: str, defaults: bool = True, **words: object) -> UnitDefinition:
    """Keywords are dependencies (`after=["b.service"]`) or fields of any of the service's settings."""
    groups = (ServiceSettings(), KillSettings(), UnitSettings(), ExecSettings())
    specific, kill, unit, execution = groups
    specific.exec_start = (command(),)
    dependencies = _dependencies(words, defaults)
    for word, value in words.items():
        owner = next((group for group in groups if hasattr(type(group), word)), None)
        assert owner is not None, word
        setattr(owner, word, value)
    return UnitDefinition(
        name, UnitType.SERVICE, LoadState.LOADED, (name,), dependencies=dependencies, unit=unit, specific=specific,
        exec=execution, kill=kill,
    )


def mount(where: str, defaults: bool = True, **words: object) -> UnitDefinition:
    """A tmpfs. Keywords are dependencies, or fields of [Mount] or of [Unit]."""
    groups = (MountSettings(), UnitSettings())
    specific, unit = groups
    specific.what, specific.where, specific.type = "tmpfs", where, "tmpfs"
    dependencies = _dependencies(words, defaults)
    for word, value in words.items():
        owner = next((group for group in groups if hasattr(type(group), word)), None)
        assert owner is not None, word
        setattr(owner, word, value)
    name = path_to_unit(where, "mount")
    return UnitDefinition(
        name, UnitType.MOUNT, LoadState.LOADED, (name,), fragment_path=f"/etc/systemd/system/{name}", dependencies=dependencies,
        unit=unit, specific=specific, exec=ExecSettings(), kill=KillSettings(),
    )


def timer(name: str, defaults: bool = True, **words: object) -> UnitDefinition:
    """Keywords are dependencies or [Timer] settings; it starts the service of its name unless told otherwise."""
    specific = TimerSettings()
    specific.unit = name.replace(".timer", ".service")
    specific.accuracy_usec = 0
    dependencies = _dependencies(words, defaults)
    for word, value in words.items():
        assert hasattr(TimerSettings, word), word
        setattr(specific, word, value)
    triggers = (DependencyEntry(Dependency.TRIGGERS, specific.unit), DependencyEntry(Dependency.BEFORE, specific.unit))
    return UnitDefinition(name, UnitType.TIMER, LoadState.LOADED, (name,), dependencies=(*dependencies, *triggers),
                          specific=specific)


def target(name: str, defaults: bool = True, **words: object) -> UnitDefinition:
    dependencies = _dependencies(words, defaults)
    unit = UnitSettings()
    for word, value in words.items():
        assert hasattr(UnitSettings, word), word
        setattr(unit, word, value)
    return UnitDefinition(name, UnitType.TARGET, LoadState.LOADED, (name,), dependencies=dependencies, unit=unit)


def unloaded(name: str, state: LoadState = LoadState.NOT_FOUND) -> UnitDefinition:
    return UnitDefinition(name, UnitType(name.rpartition(".")[2]), state, (name,))


def shutdown_units() -> list[UnitDefinition]:
    """What a stop by signal starts, as in units/."""
    units = [target("shutdown.target", defaults=False)]
    for verb in ("poweroff", "exit", "reboot", "halt"):
        helper = f"systemd-{verb}.service"
        action = EmergencyAction.EXIT_FORCE if verb == "exit" else EmergencyAction.POWEROFF_FORCE
        units.append(target(f"{verb}.target", defaults=False, requires=[helper], after=[helper]))
        units.append(service(
            helper, defaults=False, requires=["shutdown.target"], after=["shutdown.target"], exec_start=(),
            type=ServiceType.ONESHOT, success_action=action,
        ))
    return units


def _dependencies(words: dict[str, object], defaults: bool) -> tuple[DependencyEntry, ...]:
    entries = []
    for word in list(words):
        kind = _KINDS.get(word)
        if kind is not None:
            names = words.pop(word)
            assert isinstance(names, (list, tuple))
            entries += [DependencyEntry(kind, name) for name in names]
    if defaults:
        entries += [DependencyEntry(kind, name, "default") for kind, name in SHUTDOWN]
    return tuple(entries)
