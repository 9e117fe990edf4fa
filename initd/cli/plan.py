"""`pyinit plan [TARGET…]`: what a boot would start here, in which order and what together, told by the engine that boots.

Reads unit files, runs generators into a directory of its own, and starts nothing. Asks no manager.
"""

from __future__ import annotations

from initd.cli.names import mangle
from initd.cli.output import complain
from initd.cli.table import to_json
from initd.core.record import Record
from initd.core.rehearsal import Left, Part, Rehearsal, rehearse
from initd.core.states import Fate, JobType
from initd.core.values import LOG_ERR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from initd.core.rehearsal import RehearsedEngine
    from initd.options import Options
    from initd.reading import Reading

USAGE = """\
pyinit plan [OPTIONS…] [TARGET…] [WORDS…]

Say what a boot to TARGET (default.target) would start here, in which order, and what would be left out.
Nothing is started; generators are run, and what they make is thrown away. WORDS are those of "pyinit" itself.

  --root=DIR  of the system below this directory, without its generators
  --json      print one object
  --test      does nothing: this is a test
  -h --help   print this

Units with the same number may start together. "after" are the units that have to be up, or done, before.
Conditions are looked at as things are now, and every service that has a program is taken to start well.

Exits 0, 1 where something would fail or be left out by an error, or 2 where there is no such target.
"""

#: How the words of a target's line end that are no error.
_HARMLESS = ("missing", "masked")


class Plan(Record):
    """`fates`: of units that would run, how many directives are degraded and ignored; `paths`: unit → its file."""

    targets: tuple[str, ...]
    rehearsal: Rehearsal
    fates: tuple[tuple[str, int, int], ...]
    paths: dict[str, str]


def main(arguments: list[str]) -> int:
    from initd import options as pyinit
    from initd.reading import Reading

    try:
        names, root, switches, given = _read_arguments(arguments)
        options = pyinit.parse(given)
    except (ValueError, pyinit.UsageError) as error:
        complain(f"pyinit plan: {error}")
        return 2
    if "--help" in switches or isinstance(options, str):
        print(USAGE, end="")
        return 0
    problems: list[str] = []
    reading = Reading(options, lambda priority, text: problems.append(text) if priority <= LOG_ERR else None, root)
    try:
        plan = make(reading, options, names or [reading.target])
    finally:
        reading.close()
    for text in problems:
        complain(text)
    if "--json" in switches:
        print(to_json(as_data(plan), is_pretty=True))
    else:
        print(as_text(plan), end="")
    if plan.rehearsal.refusal:
        complain(plan.rehearsal.refusal)
        return 2
    return 1 if is_troubled(plan.rehearsal) else 0


def _read_arguments(arguments: list[str]) -> tuple[list[str], str, set[str], list[str]]:
    """Targets, root, switches, and what is for `pyinit` itself. ValueError says what is wrong."""
    names, root, switches, given = [], "", set(), []
    words = iter(arguments)
    for word in words:
        if word in ("--json", "--test"):
            switches.add(word)
        elif word in ("-h", "--help"):
            switches.add("--help")
        elif word == "--root" or word.startswith("--root="):
            root = word.partition("=")[2] or next(words, "")
            if not root:
                raise ValueError("--root needs a directory.")
        elif word.startswith("-") or "=" in word:
            given.append(word)
        else:
            try:
                names.append(word if "." in word else mangle(word + ".target"))
            except ValueError:
                raise ValueError(f"{word!r} is not the name of a unit.") from None
    return names, root, switches, given


def make(reading: Reading, options: Options, targets: list[str]) -> Plan:
    from initd.core.rehearsal import new_engine
    from initd.core.states import LoadState
    from initd.loading import ALWAYS_LOADED
    from initd.shell import zones
    from initd.shell.clock import now

    time = now()
    engine = new_engine(time, reading.units.facts)
    engine.world.zones = zones  # type: ignore[assignment]
    names = dict.fromkeys((*reading.units.mounted, *targets, *ALWAYS_LOADED))
    reading.load(engine.graph, lambda found: engine.load(found, time), *names)
    rehearsal = rehearse(engine, time, targets, reading)
    runs = [engine.units[part.unit] for part in rehearsal.parts if part.type is JobType.START]
    paths = {unit.name: unit.definition.fragment_path for unit in engine.graph.units.values()}
    fates = _count_fates(reading, [unit.name for unit in runs if unit.load_state is LoadState.LOADED], engine)
    return Plan(tuple(targets), rehearsal, fates, paths)


def _count_fates(reading: Reading, names: list[str], engine: RehearsedEngine) -> tuple[tuple[str, int, int], ...]:
    counts = []
    for name in names:
        fates = [each.fate for each in reading.units.fates_of(engine.units[name])]  # type: ignore[attr-defined]
        degraded, ignored = fates.count(Fate.DEGRADED), fates.count(Fate.IGNORED)
        if degraded or ignored:
            counts.append((name, degraded, ignored))
    return tuple(counts)


def is_troubled(rehearsal: Rehearsal) -> bool:
    """Something that is wanted cannot be had, by more than not being there."""
    return bool(rehearsal.cycles) or any(part.outcome in ("failed", "waiting") for part in rehearsal.parts) or any(
        left.kind not in _HARMLESS for left in rehearsal.left)


# --- printing ------------------------------------------------------------------------------------------------------


def as_text(plan: Plan) -> str:
    found = plan.rehearsal
    starts = [part for part in found.parts if part.type is JobType.START]
    last = max((part.step for part in found.parts), default=0)
    what = " ".join(plan.targets)
    lines = [f"{what}: {_counted(len(starts), 'unit')} in {_counted(last, 'step')}", ""]
    width = max((len(part.unit) for part in found.parts), default=0)
    for number, part in enumerate(found.parts):
        is_new = not number or found.parts[number - 1].step != part.step
        lines.append(f"{part.step if is_new else '':>4}  {part.unit:<{width}}{_remark(part)}".rstrip())
    for title, items in (
        ("Ordering cycles:", [f"{' → '.join((*ring, ring[0]))}: {victim} is dropped" for ring, victim in found.cycles]),
        ("Not started, though wanted:", [_left_out(left) for left in found.left]),
        ("Not all of it applied here (pyinit check UNIT tells more):", [
            f"{name}: " + ", ".join([f"{count} {word}" for count, word in zip(counts, ("degraded", "ignored")) if count])
            for name, *counts in plan.fates]),
        ("What the log would say:", [text for text in found.messages if "rdering cycle" not in text
                                     and "Found dependency on" not in text]),
    ):
        if items:
            lines += ["", title, *[f"  {item}" for item in items]]
    return "\n".join(lines) + "\n"


def _remark(part: Part) -> str:
    words = []
    if part.type is not JobType.START:
        words.append(part.type.value)
    if part.outcome in ("skipped", "failed", "waiting"):
        words.append(f"{part.outcome}: {part.reason}")
    if part.cause.kind not in ("boot", "client"):
        words.append(f"by {part.cause.by}" + (f" ({part.cause.text})" if part.cause.text else ""))
    text = f"  [{'; '.join(words)}]" if words else ""
    return text + (f"  after {' '.join(part.waits_for)}" if part.waits_for else "")


def _left_out(left: Left) -> str:
    names = [name for name, _ in left.wanted_by]
    more = f" and {len(names) - 3} more" if len(names) > 4 else ""
    names = names[:3] if more else names
    return f"{left.unit}: {left.reason} ({left.wanted_by[0][1].value}= of {', '.join(names)}{more})"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def as_data(plan: Plan) -> dict[str, Any]:
    found = plan.rehearsal
    fates = {name: {"degraded": degraded, "ignored": ignored} for name, degraded, ignored in plan.fates}
    return {
        "targets": list(plan.targets),
        "refusal": found.refusal,
        "units": [{
            "unit": part.unit, "job": part.type.value, "step": part.step, "after": list(part.waits_for), "brought_by": part.by,
            "cause": part.cause.kind, "outcome": part.outcome, "reason": part.reason, "state": part.state,
            "file": plan.paths.get(part.unit, ""), "not_applied": fates.get(part.unit, {"degraded": 0, "ignored": 0}),
        } for part in found.parts],
        "cycles": [{"units": list(ring), "dropped": victim} for ring, victim in found.cycles],
        "left_out": [{
            "unit": left.unit, "kind": left.kind, "reason": left.reason,
            "wanted_by": [{"unit": name, "kind": kind.value} for name, kind in left.wanted_by],
        } for left in found.left],
        "messages": list(found.messages),
    }
