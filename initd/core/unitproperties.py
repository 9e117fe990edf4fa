"""From D-Bus properties to lines of a unit file, and back: what StartTransientUnit() and SetUnitProperties() are given.

The directive table says how a line becomes a value, and how a property shows it. The way back is found by that: a line is
written in the few ways that its type allows, read again with the table, and taken if the property then shows what was asked
for. So there is no second table of properties. What cannot be written so is refused. Sources: org.freedesktop.systemd1(5),
and the files that systemd 252 writes.
"""

from __future__ import annotations

from initd.core import timespan
from initd.core.directive import Directive, Property
from initd.core.directives import TABLE, properties_of
from initd.core.draft import Draft
from initd.core.load import read_lines
from initd.core.record import Record
from initd.core.sections import SECTIONS_OF, Group, new_settings
from initd.core.sources import LoadFacts
from initd.core.states import UnitType
from initd.core.values import INFINITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Value = Any

_ERROR = "org.freedesktop.DBus.Error."
_SCALES = {f"{name}Scale": name for name in (
    "MemoryMin", "MemoryLow", "MemoryHigh", "MemoryMax", "MemorySwapMax", "MemoryLimit", "DefaultMemoryMin",
    "DefaultMemoryLow", "TasksMax",
)}
#: Properties whose lines bear another name than they do.
_KEYS = {"CPUQuotaPerSecUSec": "CPUQuota", "CPUQuotaPeriodUSec": "CPUQuotaPeriodSec"}
#: Numbers that files have words for.
_WORDS = (
    ("other", "fifo", "rr", "batch", "iso", "idle"), ("none", "realtime", "best-effort", "idle"),
    ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"),
)


class CannotSet(ValueError):
    """Refused: the D-Bus error's name, and its text."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name
        self.text = text


class Setting(Record):
    """One property as a unit file says it; `stem` is what systemd names a drop-in for it by."""

    section: str
    lines: tuple[str, ...]
    stem: str
    is_list: bool = False


def escape(text: str) -> str:
    """A value that means itself: specifiers are not for what comes by D-Bus."""
    return text.replace("%", "%%")


def quote(text: str) -> str:
    r"""One word of a line. `$` stays: in a command line it means to systemd 252 what it means in a unit file."""
    out = text.replace("\\", "\\\\").replace('"', '\\"')
    for char, letter in (("\n", "n"), ("\t", "t"), ("\r", "r")):
        out = out.replace(char, "\\" + letter)
    return f'"{escape(out)}"'


# --- which directive ------------------------------------------------------------------------------------------------


def _sections(kind: UnitType) -> list[str]:
    return sorted(SECTIONS_OF[kind] - {"Install"}, reverse=True)


def find(kind: UnitType, name: str) -> tuple[str, Directive, Property | None] | None:
    """The section and the directive that a property of this type of unit belongs to."""
    key = _KEYS.get(name, name.removesuffix("USec") + "Sec" if name.endswith("USec") else name)
    for section in _sections(kind):
        for (each, _), directive in TABLE.items():
            if each == section and directive.field:
                for shown in directive.properties:
                    if shown.name == name:
                        return section, directive, shown
    for section in _sections(kind):
        found = TABLE.get((section, key))
        if found is not None and (found.field or section == "Unit"):
            return section, found, _shown(kind, name)
    return None


def _shown(kind: UnitType, name: str) -> Property | None:
    return next((shown for _, shown in properties_of(kind) if shown.name == name), None)


# --- the lines --------------------------------------------------------------------------------------------------------


def write(kind: UnitType, name: str, signature: str, value: Value, facts: LoadFacts) -> Setting:
    """The lines that make the property what is asked for. CannotSet where there are none."""
    if name in _SCALES and signature == "u":
        text = f"{_SCALES[name]}={(value * 10000 + 2**31) // 2**32 / 100:.2f}%"
        return Setting(_section_of(kind, _SCALES[name]), (text,), name)
    for written, section in _by_structure(kind, name, signature, value):
        _check(kind, name, section, written, facts)
        return Setting(section, tuple(written), name, is_list=True)
    found = find(kind, name)
    if found is None:
        raise CannotSet(_ERROR + "PropertyReadOnly", f"Cannot set property {name}, or unknown property.")
    section, directive, shown = found
    for lines in _candidates(section, directive.key, name, signature, value):
        draft = read_lines(kind, section, lines, facts) if _are_lines(lines) else None
        if draft is not None and _is_meant(draft, directive, shown, signature, value, facts):
            stem = _KEYS.get(name, name)
            return Setting(section, tuple(lines), stem, is_list=signature.startswith("a"))
    raise CannotSet(_ERROR + "InvalidArgs", f"Invalid {name} setting: {value}")


def _section_of(kind: UnitType, key: str) -> str:
    found = next((section for section in _sections(kind) if (section, key) in TABLE), None)
    if found is None:
        raise CannotSet(_ERROR + "PropertyReadOnly", f"Cannot set property {key}, or unknown property.")
    return found


def _are_lines(lines: list[str]) -> bool:
    """Each is one line of a file, and no value of a client's adds another."""
    return not any("\n" in line or "\r" in line or line.endswith("\\") for line in lines)


def _check(kind: UnitType, name: str, section: str, lines: list[str], facts: LoadFacts) -> None:
    if any((section, line.partition("=")[0]) not in TABLE for line in lines):
        raise CannotSet(_ERROR + "PropertyReadOnly", f"Cannot set property {name}, or unknown property.")
    if not _are_lines(lines) or read_lines(kind, section, lines, facts) is None:
        raise CannotSet(_ERROR + "InvalidArgs", f"Invalid {name} setting")


def _by_structure(kind: UnitType, name: str, signature: str, value: Value) -> Iterator[tuple[list[str], str]]:
    """Properties that stand for several directives, or for commands: their value says what the lines are."""
    own = next(iter(SECTIONS_OF[kind] - {"Unit", "Install"}), "Unit")
    if name.startswith("Exec") and signature in ("a(sasb)", "a(sasas)"):
        key = name.removesuffix("Ex")
        yield [f"{key}=", *(f"{key}={_command(*command)}" for command in value)], own
    elif name == "TimersMonotonic":
        yield [f"{word.removesuffix('USec').removesuffix('Sec')}Sec={timespan.format(usec)}" for word, usec in value], own
    elif name in ("TimersCalendar", "Paths"):
        yield [f"{word}={escape(text)}" for word, text in value], own
    elif name == "Listen":
        yield [f"Listen{word}={escape(text)}" for word, text in value], own
    elif name in ("Conditions", "Asserts"):
        yield [f"{word}={'|' * bool(triggers)}{'!' * bool(negates)}{escape(text)}"
               for word, triggers, negates, text in value], "Unit"


_PREFIXES = {"ignore-failure": "-", "no-env-expand": ":", "privileged": "+", "no-setuid": "!", "ambient": "!!"}


def _command(path: str, argv: list[str], flags: Value) -> str:
    words = [_PREFIXES.get(flag, "") for flag in flags] if isinstance(flags, (list, tuple)) else ["-"] * bool(flags)
    if argv and argv[0] != path:
        return " ".join(["@" + "".join(words) + quote(path), *map(quote, argv)])
    return " ".join(["".join(words) + quote(path), *map(quote, argv[1:])])


def _candidates(section: str, key: str, name: str, signature: str, value: Value) -> Iterator[list[str]]:
    """Ways to write it, the likeliest first."""
    if signature == "as":
        if section == "Unit":
            yield [f"{key}={escape(each)}" for each in value]
        yield [f"{key}=" + " ".join(map(quote, value))]
        yield [f"{key}={escape(' '.join(value))}"]
        yield [f"{key}={escape(each)}" for each in value]
    elif signature.startswith("a") and signature != "ay":
        yield from _lists(key, name, signature, value)
    else:
        for text in _texts(name, signature, value):
            yield [f"{key}={text}"]


def _lists(key: str, name: str, signature: str, value: Value) -> Iterator[list[str]]:
    if signature in ("a(ss)", "a(st)", "a(sas)"):
        yield [f"{key}=", *(f"{key}={escape(' '.join(map(str, pair)))}".rstrip() for pair in value)]
        yield [f"{key}=", *(f"{key}={escape(':'.join(map(str, pair)))}".rstrip(":") for pair in value)]
        yield [f"{key}=", *(f"{key}={pair[0]} {timespan.format(pair[1])}" for pair in value if signature == "a(st)")]
    elif signature == "a(iayu)":
        yield [f"{key}=", *(f"{key}={_address(*each)}" for each in value)]
    elif not value:
        yield [f"{key}="]


def _address(family: int, data: bytes, length: int) -> str:
    if family == 2:
        return ".".join(map(str, data)) + f"/{length}"
    groups = [f"{data[at] << 8 | data[at + 1]:x}" for at in range(0, 16, 2)]
    while groups and groups[-1] == "0":
        groups.pop()
    return ":".join(groups) + "::" * (len(groups) < 8) + f"/{length}"


def _texts(name: str, signature: str, value: Value) -> Iterator[str]:
    if signature == "s":
        yield escape(value)
    elif signature == "b":
        yield "yes" if value else "no"
    elif signature == "ay":
        yield _ranges(value)
    elif signature in ("(bas)", "(aiai)"):
        yield from _pair(signature, value)
    elif not isinstance(value, int):
        return
    elif signature == "t" and value == INFINITY:
        yield "infinity"
    else:
        yield from _numbers(name, value)


def _numbers(name: str, value: int) -> Iterator[str]:
    if name.endswith("USec") and name != "CPUQuotaPerSecUSec":
        yield timespan.format(value)
    elif name.endswith(("Mode", "UMask")):
        yield f"{value:04o}"
    yield str(value)
    if name == "CPUQuotaPerSecUSec":
        yield f"{value / 10000:.6g}%"
    for words in _WORDS:
        if 0 <= value < len(words):
            yield words[value]
    from initd.core import capabilities

    yield " ".join(capabilities.names(value)) if 0 <= value < INFINITY else ""
    yield "idle"


def _ranges(mask: bytes) -> str:
    numbers = [at * 8 + bit for at, byte in enumerate(mask) for bit in range(8) if byte >> bit & 1]
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return " ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _pair(signature: str, value: Value) -> Iterator[str]:
    if signature == "(bas)":
        yield "~" * (not value[0]) + " ".join(value[1])
    else:
        from initd.core import signals

        yield " ".join([*map(str, value[0]), *(signals.name(each) for each in value[1])])


# --- is it what was asked for? ----------------------------------------------------------------------------------------


def _is_meant(
    draft: Draft, directive: Directive, shown: Property | None, signature: str, value: Value, facts: LoadFacts
) -> bool:
    if shown is None or signature == "s":
        return True
    settings = draft.settings.get(directive.group)
    return settings is not None and _plain(shown.show(settings, facts)) == _plain(value)


def _plain(value: Value) -> Value:
    """Lists for tuples, at all depths. In which order a property lists its items, is its own affair."""
    if isinstance(value, (list, tuple)):
        items = [_plain(each) for each in value]
        return sorted(items, key=repr) if isinstance(value, list) else items
    return bytes(value).rstrip(b"\0") if isinstance(value, (bytes, bytearray)) else value


# --- from text --------------------------------------------------------------------------------------------------------


def read(kind: UnitType, text: str, facts: LoadFacts) -> list[tuple[str, str, Value]]:
    """"KEY=VALUE", as systemctl set-property and systemd-run --property= take it: properties, their types and values."""
    key, equals, value = text.partition("=")
    if not equals:
        raise CannotSet("", f"Not an assignment: {text}")
    section = next((each for each in _sections(kind) if (each, key) in TABLE), None)
    directive = TABLE[section, key] if section is not None else None
    if section is None or directive is None:
        raise CannotSet("", f"Unknown assignment: {text}")
    if value.endswith("%") and f"{key}Scale" in _SCALES:
        return [(f"{key}Scale", "u", min(int(float(value[:-1]) * 2**32 / 100), 2**32 - 1))]
    # What looks like a specifier is none here; of a percentage it is half the value.
    draft = read_lines(kind, section, [escape(text)], facts) or read_lines(kind, section, [text], facts)
    if draft is None and directive.properties and directive.properties[0].signature == "s":
        return [(directive.properties[0].name, "s", value)]  # words are the manager's to judge
    if draft is None:
        problem = "Numerical result out of range" if value.lstrip("-").isdigit() else "Invalid argument"
        raise CannotSet("", f"Failed to parse {text}: {problem}")
    found = _properties(kind, draft, directive, key, value, facts)
    return [each for each in found if _can_be_written(kind, each, facts)] or [(key, "s", value)]


def _can_be_written(kind: UnitType, found: tuple[str, str, Value], facts: LoadFacts) -> bool:
    try:
        write(kind, *found, facts)
    except CannotSet:
        return False
    return True


def _properties(
    kind: UnitType, draft: Draft, directive: Directive, key: str, value: str, facts: LoadFacts
) -> list[tuple[str, str, Value]]:
    settings = draft.settings.get(directive.group)
    if key.startswith("Exec") and settings is not None:
        commands = getattr(settings, directive.field)
        return [(key, "a(sasb)", [(each.path, list(each.argv), each.ignore_failure) for each in commands])]
    if key.startswith("On") and key.endswith("Sec"):
        monotonic = getattr(settings, directive.field)
        return [("TimersMonotonic", "a(st)", [(f"{word}USec", usec) for word, usec in monotonic])]
    if key == "OnCalendar":
        return [("TimersCalendar", "a(ss)", [("OnCalendar", value)])]
    if directive.field == "paths" and kind is UnitType.PATH:
        return [("Paths", "a(ss)", [(key, value)])]
    if key.startswith("Listen") and kind is UnitType.SOCKET:
        return [("Listen", "a(ss)", [(key.removeprefix("Listen"), value)])]
    if key.startswith(("Condition", "Assert")) and directive.group is Group.UNIT:
        name = "Conditions" if key.startswith("Condition") else "Asserts"
        bare = value.lstrip("|!")
        return [(name, "a(sbbs)", [(key, "|" in value[:2], "!" in value[:2], bare)] if value else [])]
    if directive.properties and settings is not None:
        first, *more = [(each, each.show(settings, facts)) for each in directive.properties]
        unset = new_settings(kind)[directive.group]
        shown = [first, *((each, value) for each, value in more if value != each.show(unset, facts))]
        return [(each.name, each.signature, value) for each, value in shown]
    dependencies = [entry.unit for entry in draft.dependencies.values()]
    return [(key, "as", dependencies)] if dependencies else [(key, "s", value)]
