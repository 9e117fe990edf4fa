"""`systemd-analyze time`, `blame`, `critical-chain`, `plot` and `dot`: what the manager and the journal tell of the boot."""

from __future__ import annotations

import os
import sys

from initd.cli.analyze_options import AnalyzeOptions
from initd.cli.bus import MANAGER, MANAGER_PATH, SYSTEMD, UNIT, Bus, BusError
from initd.cli.names import mangle
from initd.cli.options import UsageError
from initd.cli.output import RED, glyph, painted
from initd.core import bootchart
from initd.core.bootchart import Boot, Mark, Times
from initd.core.globs import matches
from initd.core.objectpath import unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOMENTS = (("activating", "InactiveExit"), ("activated", "ActiveEnter"), ("deactivating", "ActiveExit"),
            ("deactivated", "InactiveEnter"))
#: What a boot's target pulls in: what its transaction has jobs for.
_PULLS_IN = ("Requires", "Wants", "BindsTo", "Upholds")
_LEGEND = """\
   Color legend: black     = Requires
                 dark blue = Requisite
                 dark grey = Wants
                 red       = Conflicts
                 green     = After
"""


def time(arguments: list[str], options: AnalyzeOptions) -> int:
    sys.stdout.write(bootchart.summary(_boot(Bus(options.places))))
    return 0


def blame(arguments: list[str], options: AnalyzeOptions) -> int:
    bus = Bus(options.places)
    _boot(bus)
    rows = bootchart.blame(_times(bus)[0].values())
    width = max((len(usec) for usec, _ in rows), default=0)
    sys.stdout.write("".join(f"{usec:>{width}} {name}\n" for usec, name in rows))
    return 0


def critical_chain(arguments: list[str], options: AnalyzeOptions) -> int:
    bus = Bus(options.places)
    boot = _boot(bus)
    units = _times(bus)[0]
    print('The time when unit became active or started is printed after the "@" character.\n'
          'The time the unit took to start is printed after the "+" character.\n')
    for word in arguments or [boot.target]:
        links = bootchart.chain(units, mangle(word), boot, options.fuzz_usec)
        for number, link in enumerate(links):
            unit = link.unit
            if unit is None:
                print(_branches(link.branches) + "...")
                continue
            text = unit.name
            # As systemd has it, the first one's own moment is only told where it took no time.
            if unit.activating and (number or unit.took < 1000):
                text += f" @{bootchart.span(unit.activating - boot.begin)}"
            if unit.took >= 1000:
                text = painted(f"{text} +{bootchart.span(unit.took)}", RED)
            print(_branches(link.branches) + text)
    return 0


def _branches(branches: tuple[bool, ...]) -> str:
    above = "".join(glyph("line") if more else "  " for more in branches[:-1])
    return above + glyph("branch" if branches[-1] else "corner") if branches else ""


def plot(arguments: list[str], options: AnalyzeOptions) -> int:
    bus = Bus(options.places)
    boot = _boot(bus)
    units, pulls = _times(bus)
    queued = _closure(boot.target, pulls)
    rows = [_with_runtime(bus, unit).replace(was_queued=unit.name in queued) for unit in units.values() if unit.activating]
    sys.stdout.write(bootchart.plot(boot, rows, _marks(options, boot)))
    return 0


def dot(arguments: list[str], options: AnalyzeOptions) -> int:
    bus = Bus(options.places)
    colours = {"order": bootchart.ORDER_COLOURS, "require": bootchart.REQUIREMENT_COLOURS}
    kinds = [*colours.get(options.edges, bootchart.ORDER_COLOURS | bootchart.REQUIREMENT_COLOURS)]
    words, sources, targets = ([_pattern(word) for word in each]
                               for each in (arguments, options.from_patterns, options.to_patterns))
    edges = []
    for name in sorted(row[0] for row in bus.ask("ListUnits")[0]):
        found = _unit(bus, name)
        for kind in kinds:
            for other in found.get(kind, ()):
                is_wanted = not words or any(matches(each, word) for word in words for each in (name, other))
                # A word overrides the options at its own end, as was tried of systemd 252.
                if is_wanted and _matches(name, sources, words) and _matches(other, targets, words):
                    edges.append((name, kind, other))
    sys.stdout.write(bootchart.dot(edges))
    sys.stdout.flush()
    if not options.is_quiet:
        sys.stderr.write(_LEGEND)
        if os.isatty(1):
            sys.stderr.write("-- You probably want to process this output with graphviz' dot tool.\n"
                             "-- Try a shell pipeline like 'systemd-analyze dot | dot -Tsvg > systemd.svg'!\n")
    return 0


def _pattern(word: str) -> str:
    from initd.cli.names import mangle_glob

    return mangle_glob(word)


def _matches(name: str, patterns: list[str], words: list[str]) -> bool:
    return not patterns or any(matches(name, pattern) for pattern in (*patterns, *words))


# --- what is asked ----------------------------------------------------------------------------------------------------


def _boot(bus: Bus) -> Boot:
    """UsageError where it is not over."""
    found = {name: value for name, (_, value) in bus.get_all(MANAGER_PATH, MANAGER).items()}
    finish = found["FinishTimestampMonotonic"]
    if not finish:
        raise UsageError(f"Bootup is not yet finished ({MANAGER}.FinishTimestampMonotonic={finish}).\n"
                         "Please try again later.\nHint: Use 'systemctl list-jobs' to see active jobs")
    target, reached = "", 0
    try:
        path = unit_path("default.target")
        target, reached = bus.get(path, UNIT, "Id"), bus.get(path, UNIT, "ActiveEnterTimestampMonotonic")
    except BusError:
        pass  # a group may have none
    return Boot(
        begin=found["UserspaceTimestampMonotonic"], finish=finish, target=target, target_reached=reached,
        generators=(found["GeneratorsStartTimestampMonotonic"], found["GeneratorsFinishTimestampMonotonic"]),
        load=(found["UnitsLoadStartTimestampMonotonic"], found["UnitsLoadFinishTimestampMonotonic"]),
        words=f"{os.uname().nodename}  {found['Version']}  {found['Architecture']}  {found['Virtualization']}".rstrip())


def _unit(bus: Bus, name: str) -> dict[str, Any]:
    """What is there of its properties; nothing where it was unloaded meanwhile."""
    try:
        return {key: value for key, (_, value) in bus.get_all(unit_path(name), UNIT).items()}
    except BusError as problem:
        if problem.name.endswith((".Disconnected", ".NoReply")):
            raise
        return {}


def _times(bus: Bus) -> tuple[dict[str, Times], dict[str, list[str]]]:
    """Of all units that are loaded; and what each pulls in."""
    made, pulls = {}, {}
    for row in bus.ask("ListUnits")[0]:
        found = _unit(bus, row[0])
        moments = {field: found.get(f"{name}TimestampMonotonic", 0) for field, name in _MOMENTS}
        made[row[0]] = Times(row[0], after=tuple(found.get("After", ())), active=row[3], **moments)
        pulls[row[0]] = [other for kind in _PULLS_IN for other in found.get(kind, ())]
    return made, pulls


def _closure(first: str, pulls: dict[str, list[str]]) -> set[str]:
    waiting, seen = [first], {first}
    while waiting:
        for name in pulls.get(waiting.pop(), ()):
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return seen


def _with_runtime(bus: Bus, unit: Times) -> Times:
    kind = unit.name.rpartition(".")[2]
    if kind != "service":
        return unit
    interface = f"{SYSTEMD}.Service"
    return unit.replace(result=bus.get(unit_path(unit.name), interface, "Result"),
                        n_restarts=bus.get(unit_path(unit.name), interface, "NRestarts"))


def _told_usec(entry: Any) -> int:
    """When it was written, and not when the journal came to read it."""
    source = entry.get(b"_SOURCE_REALTIME_TIMESTAMP") or b""
    return int(entry.monotonic_usec - (entry.realtime_usec - int(source) if source.isdigit() else 0))


def _marks(options: AnalyzeOptions, boot: Boot) -> list[Mark]:
    """What the manager has told of units, as far as its journal may be read and has it still."""
    from initd.cli.journal_sources import find
    from initd.core.messages import ID_FAILURE_RESULT, ID_PROCESS_EXIT, ID_RESTART_SCHEDULED, ID_STARTING
    from initd.journal.match import Any as AnyOf
    from initd.journal.match import Has
    from initd.journal.reader import Range, Search, merged

    kinds = {ID_STARTING: "start", ID_RESTART_SCHEDULED: "restart", ID_FAILURE_RESULT: "exit", ID_PROCESS_EXIT: "exit"}
    sources = find(own=options.places)
    sources.look()
    search = Search(AnyOf(*(Has(b"MESSAGE_ID", each.encode()) for each in kinds)))
    marks = []
    for entry in merged([series.backwards(search, Range()) for series in sources.series], True):
        if entry.monotonic_usec < boot.begin:
            break
        unit = entry.get(b"USER_UNIT") or entry.get(b"UNIT") or b""
        kind = kinds.get((entry.get(b"MESSAGE_ID") or b"").decode(), "")
        if unit and kind:
            text = (entry.get(b"MESSAGE") or b"").decode("utf-8", "replace")
            marks.append(Mark(unit.decode("utf-8", "replace"), _told_usec(entry), kind, text))
    return marks
