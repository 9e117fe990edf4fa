"""The manager's whole state as text for people (`systemd-analyze dump`): its units and jobs, nothing left out that a
unit's record holds. The form is nobody's interface and may change: what programs want is in the properties.
"""

from __future__ import annotations

from initd.core import timespan, timestamp
from initd.core.enumeration import Enum
from initd.core.globs import matches
from initd.core.record import Record
from initd.core.values import INFINITY, Now
from initd.core.zone import UTC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from initd.core.job import Job
    from initd.core.unit import Machine, Unit
    from initd.core.view import View

#: Fields whose values are nobody's business: secrets.
_SECRET = frozenset(("set_credential", "set_credential_encrypted"))
#: Settings objects of a definition, by field.
_SETTINGS = ("unit", "install", "specific", "exec", "kill", "cgroup")
_TIMES = (
    ("State Change", "state_change_time"), ("Inactive Exit", "inactive_exit_time"), ("Active Enter", "active_enter_time"),
    ("Active Exit", "active_exit_time"), ("Inactive Enter", "inactive_enter_time"), ("Condition", "condition_time"),
    ("Assert", "assert_time"),
)


def dump(view: View, patterns: Sequence[str] = ()) -> str:
    """The text. With patterns, only the units that have a name one of them matches, and neither manager nor jobs."""
    lines: list[str] = []
    if not patterns:
        lines += _manager(view)
    for name, unit in sorted(view.engine.units.items()):
        if name == unit.name and (not patterns or _is_meant(unit, patterns)):
            lines += _unit(unit)
    if not patterns:
        for _, job in sorted(view.engine.jobs.items()):
            lines += _job(job, "")
    return "".join(line + "\n" for line in lines)


def _is_meant(unit: Unit, patterns: Sequence[str]) -> bool:
    return any(matches(name, pattern) for name in unit.names for pattern in patterns)


def _manager(view: View) -> Iterator[str]:
    engine = view.engine
    yield f"Manager: systemd {view.facts.version}"
    yield f"State: {engine.system_state.value}"
    yield f"Userspace Timestamp: {_moment(engine.boot.begin)}"
    yield f"Finish Timestamp: {_moment(engine.boot.finish)}"
    yield f"Units: {len({unit.name for unit in engine.units.values()})}"
    yield f"Jobs: {len(engine.jobs)}"
    for name in engine.failed_units():
        yield f"Failed Unit: {name}"


def _unit(unit: Unit) -> Iterator[str]:
    definition = unit.definition
    yield f"-> Unit {unit.name}:"
    yield f"\tDescription: {unit.description}"
    yield f"\tUnit Load State: {unit.load_state.value}"
    if unit.load_error:
        yield f"\tLoad Error: {unit.load_error}"
    yield f"\tUnit Active State: {unit.active_state.value}"
    yield f"\tUnit Sub State: {unit.sub_state}"
    for title, field in _TIMES:
        yield f"\t{title} Timestamp: {_moment(getattr(unit, field))}"
    yield f"\tInvocation ID: {unit.invocation_id or 'n/a'}"
    yield f"\tCGroup: {unit.cgroup}"
    yield f"\tTag: {unit.number}"
    yield f"\tTransient: {_yes(definition.is_transient)}"
    yield f"\tPerpetual: {_yes(definition.is_perpetual)}"
    yield f"\tCondition Result: {_yes(unit.condition_result)}"
    yield f"\tAssert Result: {_yes(unit.assert_result)}"
    for name in sorted(unit.names):
        yield f"\tName: {name}"
    if definition.fragment_path:
        yield f"\tFragment Path: {definition.fragment_path}"
    for path in definition.dropin_paths:
        yield f"\tDropIn Path: {path}"
    for kind, others in sorted(unit.dependencies.items(), key=lambda item: item[0].value):
        for other, origin in sorted(others.items()):
            yield f"\t{kind.value}: {other} (origin: {origin})"
    yield from _settings(unit)
    yield from _machine(unit.machine)
    for told in (*definition.diagnostics, *unit.runtime_diagnostics):
        yield f"\tDiagnostic: {told}"
    if unit.job is not None:
        yield from _job(unit.job, "\t")


def _settings(unit: Unit) -> Iterator[str]:
    """What the unit's files and its type's rules set."""
    for group in _SETTINGS:
        settings = getattr(unit.definition, group)
        if settings is not None:
            for field, value in sorted(vars(settings).items()):
                yield f"\t{group}.{field}: {'(secret)' if field in _SECRET else _text(field, value)}"


def _machine(machine: Machine) -> Iterator[str]:
    """The machine's record, field by field."""
    for kind in reversed(type(machine).__mro__):
        for field in getattr(kind, "__slots__", ()):
            yield f"\tmachine.{field}: {_text(field, getattr(machine, field, None))}"


def _job(job: Job, indent: str) -> Iterator[str]:
    yield f"{indent}-> Job {job.id}:"
    yield f"{indent}\tAction: {job.unit} -> {job.type.value}"
    yield f"{indent}\tState: {job.state.value}"
    yield f"{indent}\tIrreversible: {_yes(job.is_irreversible)}"
    yield f"{indent}\tIgnores Order: {_yes(job.ignores_order)}"


# --- values --------------------------------------------------------------------------------------------------------


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _moment(time: Now | None) -> str:
    return timestamp.format(time.realtime_usec, UTC) if time is not None else "n/a"


def _text(field: str, value: object) -> str:
    if value is None or value == "" or value == ():
        return "n/a"
    if isinstance(value, bool):
        return _yes(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Now):
        return _moment(value)
    if isinstance(value, int):
        if value == INFINITY:
            return "infinity"
        # A deadline is a reading of the monotonic clock, all other times are spans.
        return timespan.format(value) if field.endswith("_usec") and "deadline" not in field else str(value)
    if isinstance(value, Record):
        return " ".join(f"{name}={_text(name, each)}" for name, each in _pairs(value))
    if isinstance(value, dict):
        return _list(f"{key.value if isinstance(key, Enum) else key}={_text(field, each)}" for key, each in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return _list(_text(field, each) for each in value)
    return str(value)


def _pairs(record: Record) -> Iterator[tuple[str, object]]:
    return ((field, getattr(record, field)) for field in record._fields)


def _list(words: Iterable[str]) -> str:
    return "; ".join(words) or "n/a"
