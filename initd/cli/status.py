"""`systemctl status`: one unit, or the whole manager, told to a person."""

from __future__ import annotations

import sys

from initd.cli.bus import MANAGER_PATH, SYSTEMD, Bus, BusError
from initd.cli.jobs import warn_of_changes
from initd.cli.names import expand
from initd.cli.options import Options
from initd.cli.output import (
    GREEN,
    GREY,
    RED,
    YELLOW,
    complain,
    format_ago,
    format_bytes,
    format_span,
    format_timestamp,
    glyph,
    linked,
    next_elapse,
    painted,
    state_colour,
    state_glyph,
)
from initd.cli.process_tree import draw
from initd.core.objectpath import unit_name, unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from initd.cli.status_journal import UnitJournal

#: LSB, as systemctl(1) EXIT STATUS documents it.
_NOT_RUNNING, _NO_SUCH_UNIT = 3, 4
_U64_MAX = 2**64 - 1
#: Of the directives that are not applied, so many are named.
_KEYS_SHOWN = 6
#: Every line's label ends here.
_LABEL_WIDTH = 11


def status(arguments: list[str], options: Options) -> int:
    bus = Bus(options.places)
    if not arguments and not (options.all or options.types or options.states or options.failed):
        return _show_manager(bus)
    try:
        names = _names(arguments, bus, options)
    except BusError as problem:
        complain(f"Failed to get unit for PID {arguments[0]}: {problem.text}")
        return 1
    found = 0
    journal: UnitJournal | None = None
    for position, name in enumerate(names):
        try:
            unit = Shown(bus.get_all(unit_path(name)), name)
        except BusError as problem:
            complain(f"Failed to get properties: {problem.text}")
            return 1
        if unit.load_state == "not-found" and unit.active_state == "inactive":
            sys.stdout.flush()
            complain(f"Unit {name} could not be found.")
            found = found or _NO_SUCH_UNIT
            continue
        if unit.get("NeedDaemonReload", False):
            sys.stdout.flush()
            warn_of_changes(bus, unit.name)
            sys.stderr.flush()
        lines = _describe(bus, unit, options)
        sys.stdout.write(("\n" if position else "") + "".join(line + "\n" for line in lines))
        if options.lines != 0:
            journal = journal or _journal(options)
            begun_usec = unit.get("InactiveExitTimestamp", 0)
            sys.stdout.write(journal.lines_of(unit.name, unit.get("InactiveExitTimestampMonotonic", 0), begun_usec))
        if unit.active_state not in ("active", "reloading"):
            found = found or _NOT_RUNNING
    if journal is not None and journal.was_cut and not options.quiet:
        print("Hint: Some lines were ellipsized, use -l to show in full.")
    return found


def _journal(options: Options) -> UnitJournal:
    from initd.cli.status_journal import UnitJournal

    return UnitJournal(options)


def _names(arguments: list[str], bus: Bus, options: Options) -> list[str]:
    """A number is a process, and means its unit."""
    if not arguments:
        from initd.cli.listing import find_units

        return [row[0] for row in find_units(bus, [], options)]
    names = []
    for word in arguments:
        if word.isascii() and word.isdigit():
            (path,) = bus.ask("GetUnitByPID", "u", int(word))
            names.append(unit_name(path) or "")
        else:
            names += expand([word], bus, options=options)
    return names


class Shown:
    """A unit's properties, by name, without their types."""

    def __init__(self, found: dict[str, tuple[str, Any]], asked: str) -> None:
        self._found = found
        self.name: str = self.get("Id", asked)
        self.load_state: str = self.get("LoadState", "")
        self.active_state: str = self.get("ActiveState", "")

    def get(self, name: str, default: Any) -> Any:
        pair = self._found.get(name)
        return default if pair is None else pair[1]


def _line(label: str, text: str) -> str:
    return f"{label:>{_LABEL_WIDTH}}: {text}"


def _continued(text: str) -> str:
    return " " * (_LABEL_WIDTH + 2) + text


def _describe(bus: Bus, unit: Shown, options: Options) -> list[str]:
    description = unit.get("Description", "")
    title = f"{state_glyph(unit.active_state)} {unit.name}"
    lines = [f"{title} - {description}" if description and description != unit.name else title]
    lines.append(_line("Loaded", _loaded(unit)))
    if unit.get("Transient", False):
        lines.append(_line("Transient", "yes"))
    lines += _dropins(unit)
    lines.append(_line("Active", _active(unit)))
    lines += _duration(unit)
    lines += _triggers(bus, unit)
    lines += _conditions(unit)
    lines += [_line(label, unit.get(label, "")) for label in ("Where", "What") if unit.get(label, "")]
    lines += _listed("Docs", unit.get("Documentation", []))
    lines += _listens(unit)
    lines += _processes(unit)
    lines += _main_process(unit)
    if unit.get("StatusText", ""):
        lines.append(_line("Status", f'"{unit.get("StatusText", "")}"'))
    if unit.get("StatusErrno", 0) > 0:
        lines.append(_line("Error", _error(unit.get("StatusErrno", 0))))
    lines += _resources(unit)
    lines += _not_applied(bus, unit)
    lines += _cgroup(bus, unit)
    return lines


def _not_applied(bus: Bus, unit: Shown) -> list[str]:
    """What of the unit's files this container does not allow, in one line."""
    if unit.load_state not in ("loaded", "bad-setting"):
        return []
    from initd.cli.show import FATES, fates_of

    found = fates_of(bus, unit_path(unit.name)).get(FATES, ("", []))[1]
    keys: dict[str, None] = {}
    counts: dict[str, int] = {}
    for *_, key, fate, _ in found:
        if fate != "applied" and key:  # what is no directive is told by the log
            keys[f"{key}="] = None
            counts[fate] = counts.get(fate, 0) + 1
    if not keys:
        return []
    shown = ", ".join([*keys][:_KEYS_SHOWN]) + (", …" if len(keys) > _KEYS_SHOWN else "")
    counted = ", ".join(f"{count} {fate}" for fate, count in sorted(counts.items()))
    return [_line("Not applied", f"{shown} ({counted}; systemctl show -p {FATES} {unit.name})")]


# --- what the files say -----------------------------------------------------------------------------------------------


def _loaded(unit: Shown) -> str:
    error = unit.get("LoadError", ("", ""))
    if error[1]:
        return f"{unit.load_state} (Reason: {error[1]})"
    path = unit.get("SourcePath", "") or unit.get("FragmentPath", "")
    words = [linked(path)] if path else []
    state, preset = unit.get("UnitFileState", ""), unit.get("UnitFilePreset", "")
    if state:
        has_preset = bool(preset) and state not in ("static", "alias", "generated", "transient")
        # Where there is no preset, systemd's colour for it is left, around nothing.
        words.append(painted(state, _FILE_COLOURS.get(state, "")) + ("" if has_preset else painted("", GREEN)))
        if has_preset:
            words.append(f"preset: {painted(preset, _FILE_COLOURS.get(preset, ''))}")
    shown = "; ".join(words)
    return f"{unit.load_state} ({shown})" if shown else unit.load_state


_FILE_COLOURS = {
    "enabled": GREEN, "enabled-runtime": GREEN, "disabled": YELLOW, "linked": YELLOW, "linked-runtime": YELLOW,
}  # fmt: skip


def _dropins(unit: Shown) -> list[str]:
    """Drop-ins by directory, a branch for each file."""
    by_directory: dict[str, list[str]] = {}
    for path in unit.get("DropInPaths", []):
        directory, _, name = path.rpartition("/")
        by_directory.setdefault(directory, []).append(name)
    lines = []
    for position, (directory, names) in enumerate(by_directory.items()):
        lines.append(_line("Drop-In", directory) if position == 0 else _continued(directory))
        lines.append(_continued(glyph("corner") + ", ".join(names)))
    return lines


def _listed(label: str, texts: list[str]) -> list[str]:
    return [_line(label, text) if not position else _continued(text) for position, text in enumerate(texts)]


def _listens(unit: Shown) -> list[str]:
    return _listed("Listen", [f"{address} ({kind})" for kind, address in unit.get("Listen", [])])


# --- its state --------------------------------------------------------------------------------------------------------


def _active(unit: Shown) -> str:
    sub_state, result = unit.get("SubState", ""), unit.get("Result", "success")
    text = unit.active_state
    if unit.active_state == "failed" and result not in ("success", ""):
        text = painted(text, RED) + f" (Result: {result})"
    elif sub_state and sub_state != unit.active_state:
        text += f" ({sub_state})"
        if result not in ("success", ""):
            text += f" (Result: {result})"
    freezer = unit.get("FreezerState", "running")
    if freezer not in ("running", ""):
        text += f" ({freezer})"
    since = {
        "active": "ActiveEnterTimestamp",
        "reloading": "ActiveEnterTimestamp",
        "inactive": "InactiveEnterTimestamp",
        "failed": "InactiveEnterTimestamp",
        "activating": "InactiveExitTimestamp",
        "deactivating": "ActiveExitTimestamp",
    }.get(unit.active_state, "StateChangeTimestamp")
    usec = unit.get(since, 0)
    if unit.active_state != "failed" or result in ("success", ""):
        text = painted(text, state_colour(unit.active_state))
    return f"{text} since {format_timestamp(usec)}; {format_ago(usec)}" if usec else text


def _duration(unit: Shown) -> list[str]:
    """How long a unit that is down was up."""
    begun, ended = unit.get("ActiveEnterTimestampMonotonic", 0), unit.get("ActiveExitTimestampMonotonic", 0)
    if unit.active_state not in ("inactive", "failed") or not begun or ended <= begun:
        return []
    return [_line("Duration", format_span(ended - begun))]


def _conditions(unit: Shown) -> list[str]:
    if unit.active_state not in ("inactive", "failed"):
        return []
    lines = []
    for label, what, name in (("Condition", "condition", "Condition"), ("Assert", "assertion", "Assert")):
        usec = unit.get(f"{name}Timestamp", 0)
        if usec and not unit.get(f"{name}Result", True):
            lines.append(_line(label, f"start {what} failed at {format_timestamp(usec)}; {format_ago(usec)}"))
            lines += _unmet(unit.get(f"{name}s", []), has_branches=name == "Condition")
    return lines


def _unmet(conditions: list[tuple[str, bool, bool, str, int]], has_branches: bool) -> list[str]:
    """Which of them were not met, as far as the manager tells (a negative result), the oldest first."""
    unmet = [
        f"{kind}={'|' if is_trigger else ''}{'!' if is_negated else ''}{parameter}"
        for kind, is_trigger, is_negated, parameter, result in reversed(conditions)
        if result < 0
    ]
    if not has_branches:
        return [_continued(f"{text} was not met") for text in unmet]
    return [
        _continued(f"{glyph('corner' if position == len(unmet) - 1 else 'branch')} {text} was not met")
        for position, text in enumerate(unmet)
    ]


def _triggers(bus: Bus, unit: Shown) -> list[str]:
    lines = []
    for position, name in enumerate(unit.get("TriggeredBy", [])):
        text = f"{state_glyph(_state_of(bus, name))} {name}"
        lines.append(_line("TriggeredBy", text) if not position else _continued(text))
    if unit.name.endswith(".timer"):
        lines.append(_line("Trigger", _next_elapse(unit)))
    for position, name in enumerate(unit.get("Triggers", [])):
        state = _state_of(bus, name)
        text = f"{painted(glyph('dot'), state_colour(state))} {name}"
        lines.append(_line("Triggers", text) if not position else _continued(text))
    return lines


def _next_elapse(unit: Shown) -> str:
    usec = next_elapse(unit.get("NextElapseUSecRealtime", 0), unit.get("NextElapseUSecMonotonic", _U64_MAX))
    return f"{format_timestamp(usec)}; {format_ago(usec)}" if usec else "n/a"


def _state_of(bus: Bus, name: str) -> str:
    state: str = bus.get(unit_path(name), SYSTEMD + ".Unit", "ActiveState")
    return state


# --- its processes ----------------------------------------------------------------------------------------------------

_EXEC_PROPERTIES = (
    "ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost",
)  # fmt: skip


def _processes(unit: Shown) -> list[str]:
    """Command lines that have ended."""
    lines = []
    for name in _EXEC_PROPERTIES:
        for _, argv, _, start, _, stop, _, pid, code, exit_status in unit.get(name, []):
            if pid and start and stop:
                is_good = code == 1 and exit_status == 0
                outcome = painted(_outcome(code, exit_status), "" if is_good else RED)
                lines.append(_line("Process", f"{pid} {name}={' '.join(argv)} {outcome}"))
    return lines


def _outcome(code: int, exit_status: int) -> str:
    """How a process ended, in the words of status."""
    if code == 1:
        from initd.core import exitstatus

        # Only what exit(3) and systemd itself define has a name here; LSB's numbers mean that to init scripts alone.
        name = exitstatus.name(exit_status) if exit_status < 2 or exit_status >= 200 else ""
        return f"(code=exited, status={exit_status}{'/' + name if name and not name.isdigit() else ''})"
    from initd.core import signals

    return f"(code={'dumped' if code == 3 else 'killed'}, signal={signals.short_name(exit_status)})"


def _main_process(unit: Shown) -> list[str]:
    main, control = unit.get("MainPID", 0), unit.get("ControlPID", 0)
    lines = []
    if main:
        text = f"{main}{_command_name(main)}"
        if control:
            text += f"; Control PID: {control}{_command_name(control)}"
        return [_line("Main PID", text)]
    ended = unit.get("ExecMainPID", 0)
    if ended and unit.get("ExecMainExitTimestamp", 0):
        outcome = _outcome(unit.get("ExecMainCode", 0), unit.get("ExecMainStatus", 0))
        lines.append(_line("Main PID", f"{ended} {outcome}"))
    if control:
        lines.append(_line("Cntrl PID", f"{control}{_command_name(control)}"))
    return lines


def _command_name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return f" ({file.read().rstrip()})"
    except OSError:
        return ""  # it ended just now


def _error(number: int) -> str:
    import os

    return f"{number} ({os.strerror(number)})"


def _resources(unit: Shown) -> list[str]:
    lines = []
    tasks, limit = unit.get("TasksCurrent", _U64_MAX), unit.get("TasksMax", _U64_MAX)
    if tasks != _U64_MAX:
        lines.append(_line("Tasks", f"{tasks}{painted(f' (limit: {limit})', GREY)}" if limit != _U64_MAX else str(tasks)))
    memory = unit.get("MemoryCurrent", _U64_MAX)
    if memory != _U64_MAX:
        lines.append(_line("Memory", format_bytes(memory)))
    cpu = unit.get("CPUUsageNSec", _U64_MAX)
    if cpu != _U64_MAX:
        lines.append(_line("CPU", format_span(cpu // 1000)))
    return lines


def _cgroup(bus: Bus, unit: Shown) -> list[str]:
    cgroup = unit.get("ControlGroup", None)
    if cgroup is None or unit.active_state == "inactive" and not unit.get("MainPID", 0):
        return []
    try:
        (processes,) = bus.ask("GetUnitProcesses", "s", unit.name)
    except BusError as problem:
        complain(f"Failed to dump process list for '{unit.name}', ignoring: {problem.text}")
        return []
    if not cgroup and not processes:
        return []
    return [_line("CGroup", cgroup or "/"), *draw(cgroup, processes, _continued(""))]


# --- the manager ------------------------------------------------------------------------------------------------------


def _show_manager(bus: Bus) -> int:
    import os

    shown = Shown(bus.get_all(MANAGER_PATH), "")
    state = shown.get("SystemState", "unknown")
    since = shown.get("UserspaceTimestamp", 0)
    dot = glyph({"running": "dot", "degraded": "dot", "maintenance": "circle"}.get(state, "dot"))
    cgroup = shown.get("ControlGroup", "")
    (processes,) = bus.ask("GetUnitProcesses", "s", "-.slice")
    lines = [
        f"{dot} {os.uname().nodename}",
        f"    State: {state}",
        f"    Units: {shown.get('NNames', 0)} loaded (incl. loaded aliases)",
        f"     Jobs: {shown.get('NJobs', 0)} queued",
        f"   Failed: {shown.get('NFailedUnits', 0)} units",
        f"    Since: {format_timestamp(since)}; {format_ago(since)}",
        f"  systemd: {shown.get('Version', '')}",
        *([f"  Tainted: {shown.get('Tainted', '')}"] if shown.get("Tainted", "") else []),
        f"   CGroup: {cgroup or '/'}",
        *draw(cgroup, processes, " " * 11),
    ]
    sys.stdout.write("".join(line + "\n" for line in lines))
    return 0
