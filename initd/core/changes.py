"""What a daemon-reload would change: what units say now, beside what the manager has read of them."""

from __future__ import annotations

from initd.core import signals, timespan, words
from initd.core.conditions import spell
from initd.core.directives import TABLE
from initd.core.enumeration import Enum
from initd.core.record import Record
from initd.core.sections import SECTIONS_OF, Group
from initd.core.settings import Settings, UnitDefinition
from initd.core.states import LoadState, UnitType
from initd.core.values import INFINITY, Condition, ExecCommand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from initd.core.whence import Whence


#: How numbers are written, by the last word of the field.
_NUMBERS: dict[str, Callable[[int], str]] = {"umask": "{:04o}".format, "mode": "{:04o}".format, "signal": signals.name}


class Change(Record):
    """`what` is a directive's or property's name; `old` and `new` are texts, None where there is none; `source` is where the
    new one is written."""

    what: str
    old: str | None
    new: str | None
    source: str = ""


class UnitChange(Record):
    """`kind` is "changed", "new", "gone" or "kept" (it is gone, and stays while it runs)."""

    unit: str
    kind: str
    path: str
    changes: tuple[Change, ...] = ()


def compare(
    old: Mapping[str, UnitDefinition], new: Mapping[str, UnitDefinition], up: Iterable[str], known_files: Iterable[str],
    files: Iterable[str], whence: Whence,
) -> list[UnitChange]:
    """By name. `up`: units that run; `known_files` and `files`: names of all unit files, then and now: a file that nothing
    mentions is new though no unit is made of it yet."""
    found = []
    running, known = set(up), set(known_files)
    by_any_name = {name: each for each in new.values() for name in (each.name, *each.names)}
    for name, before in old.items():
        after = by_any_name.get(name)
        if before.is_transient or before.load_state is LoadState.NOT_FOUND:
            continue
        if after is None or after.load_state is LoadState.NOT_FOUND:
            if before.fragment_path:
                found.append(UnitChange(name, "kept" if name in running else "gone", before.fragment_path))
            continue
        changes = tuple(_changes(before, after, whence))
        if changes:
            found.append(UnitChange(name, "changed", after.fragment_path, changes))
    there = {name for name, each in old.items() if each.load_state is not LoadState.NOT_FOUND}
    there |= {alias for name in there for alias in old[name].names}
    for name, after in new.items():
        if after.load_state is not LoadState.NOT_FOUND and name not in there and after.fragment_path:
            found.append(UnitChange(name, "new", after.fragment_path))
    told = {each.unit for each in found} | there | by_any_name.keys()
    found += [UnitChange(name, "new", "") for name in set(files) - known - told]
    found += [UnitChange(name, "gone", "") for name in known - set(files) - told]
    return sorted(found, key=lambda each: each.unit)


def _changes(old: UnitDefinition, new: UnitDefinition, whence: Whence) -> Iterable[Change]:
    for field, title in (("load_state", "LoadState"), ("load_error", "LoadError"), ("fragment_path", "FragmentPath")):
        before, after = _text(getattr(old, field), field), _text(getattr(new, field), field)
        if before != after:
            yield Change(title, before, after)
    yield from _of_lists("Names", sorted(old.names), sorted(new.names))
    yield from _of_lists("DropInPaths", old.dropin_paths, new.dropin_paths)
    if new.load_state is not LoadState.LOADED:
        return
    for group in Group:
        before, after = getattr(old, group.value), getattr(new, group.value)
        if before is not None and after is not None:
            yield from _of_settings(group, before, after, new, whence)
    yield from _of_dependencies(old, new, whence)


def _of_lists(title: str, old: Iterable[str], new: Iterable[str]) -> Iterable[Change]:
    before, after = list(old), list(new)
    yield from [Change(title, each, None) for each in before if each not in after]
    yield from [Change(title, None, each) for each in after if each not in before]


def _of_settings(group: Group, old: Settings, new: Settings, unit: UnitDefinition, whence: Whence) -> Iterable[Change]:
    for field in sorted({*vars(old), *vars(new)}):
        before, after = getattr(old, field, None), getattr(new, field, None)
        if before == after:
            continue
        if field in ("conditions", "asserts"):
            prefix = "Condition" if field == "conditions" else "Assert"
            for change in _of_lists("", *[[spell(each, prefix) for each in found or ()] for found in (before, after)]):
                key, _, value = (change.new or change.old or "").partition("=")
                source = whence.of_directive(unit, key, value=value) if change.new is not None else ""
                yield Change(key, value if change.old is not None else None, value if change.new is not None else None, source)
            continue
        keys = _keys(unit.type, group, field)
        source = whence.of_directive(unit, *keys) if keys else ""
        yield Change(keys[0] if keys else _as_key(field), _text(before, field), _text(after, field), source)


def _of_dependencies(old: UnitDefinition, new: UnitDefinition, whence: Whence) -> Iterable[Change]:
    before = {(each.kind, each.unit): each.origin for each in old.dependencies}
    after = {(each.kind, each.unit): each.origin for each in new.dependencies}
    for kind, name in sorted(before.keys() - after.keys(), key=_order):
        yield Change(kind.value, name + _origin(before[kind, name]), None)
    for kind, name in sorted(after.keys() - before.keys(), key=_order):
        yield Change(kind.value, None, name + _origin(after[kind, name]), whence.of_dependency(new, kind, name))


def _order(entry: tuple[Any, str]) -> tuple[str, str]:
    return entry[0].value, entry[1]


def _origin(word: str) -> str:
    return "" if word == "file" else f" ({word})"


def _keys(kind: UnitType, group: Group, field: str) -> tuple[str, ...]:
    """The directives that set this field, the plainest first."""
    return tuple([key for (section, key), each in TABLE.items()
                  if section in SECTIONS_OF[kind] and each.group is group and each.field == field])


def _as_key(field: str) -> str:
    """"timeout_start_usec" → "TimeoutStartUSec", as `systemctl show` would say it."""
    return "".join([word.capitalize() for word in field.split("_")]).replace("Usec", "USec")


def _text(value: Any, field: str) -> str:
    """As a unit file would say it, as far as that can be told from what was made of it."""
    if isinstance(value, Enum):
        return str(value.value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        if value >= INFINITY:
            return "infinity"
        return timespan.format(value) if field.endswith("_usec") else _NUMBERS.get(field.rpartition("_")[2], str)(value)
    if isinstance(value, ExecCommand):
        marks = [mark for mark, is_set in zip("-:+!", (value.ignore_failure, value.no_expand, value.full_privileges,
                                                       value.no_setuid)) if is_set]
        return "".join(marks) + " ".join([value.path, *[words.quote(each) for each in value.argv[1:]]])
    if isinstance(value, Condition):
        return spell(value)
    if isinstance(value, dict):
        return " ".join([f"{key}={_text(each, field)}" for key, each in value.items()])
    if isinstance(value, (set, frozenset)):
        return " ".join(sorted(_text(each, field) for each in value))
    if isinstance(value, (tuple, list)):
        separator = "; " if value and isinstance(value[0], ExecCommand) else ":" if value and isinstance(value, Record) else " "
        return separator.join([_text(each, field) for each in value])
    return str(value)
