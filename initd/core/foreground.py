"""The foreground command of `pyinit -- COMMAND`, as a unit: started after the boot, and its end is the container's end.

It sees what it would see without an init: the container's variables, working directory, terminal and descriptors.
"""

from __future__ import annotations

from initd.core.dependency import Dependency
from initd.core.settings import (
    DependencyEntry,
    ExecSettings,
    KillSettings,
    ServiceSettings,
    UnitDefinition,
    UnitSettings,
)
from initd.core.states import LoadState, ServiceType, UnitType
from initd.core.values import INFINITY, ExecCommand

NAME = "pyinit-command.service"


def foreground_definition(
    command: tuple[str, ...], target: str, variables: tuple[str, ...], directory: str, tty: str
) -> UnitDefinition:
    """`variables`: names of the container's variables; `tty`: the terminal to take over, or "" where there is none."""
    unit = UnitSettings()
    unit.description = "Foreground command"
    unit.refuse_manual_start = True
    service = ServiceSettings()
    service.type = ServiceType.SIMPLE
    service.exec_start = (ExecCommand(command[0], command, no_expand=True),)
    service.timeout_start_usec = INFINITY
    execution = ExecSettings()
    execution.pass_environment = variables
    execution.working_directory = directory
    execution.ignore_sigpipe = False
    if tty:
        execution.standard_input = "tty"
        execution.tty_path = tty
        execution.standard_output = execution.standard_error = "inherit"
    else:
        execution.standard_input = execution.standard_output = execution.standard_error = "manager"
    kinds = (
        (Dependency.WANTS, target),
        (Dependency.AFTER, target),
        (Dependency.CONFLICTS, "shutdown.target"),
        (Dependency.BEFORE, "shutdown.target"),
        (Dependency.IN_SLICE, "system.slice"),
    )
    return UnitDefinition(
        NAME,
        UnitType.SERVICE,
        LoadState.LOADED,
        (NAME,),
        dependencies=tuple(DependencyEntry(kind, name, "implicit") for kind, name in kinds),
        unit=unit,
        specific=service,
        exec=execution,
        kill=KillSettings(),
        is_transient=True,
    )
