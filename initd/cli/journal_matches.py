"""What of the journal is wanted: `journalctl`'s options and matches as one expression (journalctl(1), FILTERING OPTIONS)."""

from __future__ import annotations

import os

from initd.cli.options import UsageError
from initd.cli.output import complain
from initd.core import unitname
from initd.journal.match import All, Any, Has, of_unit, of_user_unit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from initd.cli.journal_options import JournalOptions
    from initd.journal.match import Expression

_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_LONGEST_NAME = 64
#: Beside the units themselves, whose names are known at once.
_SLICE_FIELDS = ("", "_SYSTEMD_SLICE")
_USER_UNIT_FIELDS = (
    "_SYSTEMD_USER_UNIT", "USER_UNIT", "COREDUMP_USER_UNIT", "OBJECT_SYSTEMD_USER_UNIT", "_SYSTEMD_USER_SLICE",
)


def is_field_name(name: str) -> bool:
    """Whether a field can be called so."""
    return 0 < len(name) <= _LONGEST_NAME and _NAME.issuperset(name) and not name.startswith("__")


def build(options: JournalOptions, boot_id: str | None, values_of: Callable[[str], list[str]]) -> Expression | None:
    """None where everything is wanted. `values_of` gives a field's values in the journal, for patterns of units; of ""
    the units.

    The most telling parts come first. UsageError for what cannot be matched.
    """
    parts: list[Expression] = []
    units = _units(options, values_of)
    if units is not None:
        parts.append(units)
    if options.identifiers:
        parts.append(Has(b"SYSLOG_IDENTIFIER", *map(os.fsencode, options.identifiers)))
    matches = _matches(options.matches)
    if matches is not None:
        parts.append(matches)
    if options.facilities is not None:
        parts.append(Has(b"SYSLOG_FACILITY", *[b"%d" % number for number in options.facilities]))
    if options.priorities is not None:
        parts.append(Has(b"PRIORITY", *[b"%d" % number for number in options.priorities]))
    if options.user and not options.units and not options.user_units:
        # systemd keeps what a user's processes wrote in a file of its own.
        parts.append(Has(b"_UID", b"%d" % os.getuid()))
    if boot_id is not None:
        parts.append(Has(b"_BOOT_ID", boot_id.encode()))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else All(*parts)


def _units(options: JournalOptions, values_of: Callable[[str], list[str]]) -> Expression | None:
    if not options.units and not options.user_units:
        return None
    system, user = ([], [*options.units, *options.user_units]) if options.user else (options.units, options.user_units)
    uid = b"%d" % os.getuid()
    places = options.places
    # The manager that is no PID 1 is known by its journal being its own.
    manager = [Has(b"_UID", uid)] if places is not None and places.mode == "group" else []
    parts = [of_unit(os.fsencode(name), *manager) for name in _names(system, _SLICE_FIELDS, values_of)]
    parts += [of_user_unit(os.fsencode(name), uid) for name in _names(user, _USER_UNIT_FIELDS, values_of)]
    if not parts:
        raise UsageError("Failed to add filter for units: No data available")
    return Any(*parts)


def _names(words: list[str], fields: tuple[str, ...], values_of: Callable[[str], list[str]]) -> list[str]:
    """Units that are meant; patterns are looked up in the journal."""
    made: dict[str, None] = {}
    patterns = []
    for word in words:
        if set(word) & set("*?["):
            patterns.append(word if unitname.is_valid(word) or _has_type(word) else word + ".service")
            continue
        try:
            name = unitname.mangle(word)
        except ValueError:
            raise UsageError("Failed to add filter for units: Invalid argument") from None
        if name not in (word, word + ".service") and not word.startswith("/"):
            complain(f'Invalid unit name "{word}" escaped as "{name.removesuffix(".service")}" '
                     "(maybe you should use systemd-escape?).")
        made[name] = None
    if patterns:
        from initd.core.globs import matches

        may_be_slices = any("*" in pattern[-1] or pattern.endswith(".slice") for pattern in patterns)
        known = {value for field in fields if may_be_slices or field != _SLICE_FIELDS[1] for value in values_of(field)}
        made |= {value: None for value in sorted(known) for pattern in patterns if matches(value, pattern)}
    return [*made]


def _has_type(pattern: str) -> bool:
    return pattern.endswith("*") or unitname.is_valid("x." + pattern.rpartition(".")[2])


def _matches(words: list[str]) -> Expression | None:
    """FIELD=value and paths; of one field they are alternatives, of several all count, "+" stands between two such groups."""
    groups: list[Expression] = []
    group: dict[bytes, list[bytes]] = {}
    for place, word in enumerate(words):
        if word == "+":
            if not group or place + 1 == len(words):
                raise UsageError('"+" can only be used between terms')
            groups.append(_group(group))
            group = {}
        elif word.startswith("/"):
            for name, value in _of_path(word):
                group.setdefault(name, []).append(value)
        else:
            name, equals, value = word.partition("=")
            if not equals or not is_field_name(name):
                raise UsageError(f"Failed to add match '{word}': Invalid argument")
            group.setdefault(name.encode(), []).append(os.fsencode(value))
    if group:
        groups.append(_group(group))
    if not groups:
        return None
    return groups[0] if len(groups) == 1 else Any(*groups)


def _group(found: dict[bytes, list[bytes]]) -> Expression:
    parts = [Has(name, *values) for name, values in found.items()]
    return parts[0] if len(parts) == 1 else All(*parts)


def _of_path(path: str) -> list[tuple[bytes, bytes]]:
    """What a file is known as in the journal: a script by its name, another program by its path, a device by its number."""
    import stat

    try:
        real = os.path.realpath(path, strict=True)
        found = os.stat(real)
    except OSError as problem:
        raise UsageError(f"Couldn't canonicalize path: {problem.strerror}") from None
    if stat.S_ISREG(found.st_mode) and found.st_mode & 0o111:
        with open(real, "rb") as file:
            is_script = file.read(2) == b"#!"
        if is_script:
            return [(b"_COMM", os.fsencode(os.path.basename(real))[:15])]
        return [(b"_EXE", os.fsencode(real))]
    if stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode):
        kind = "b" if stat.S_ISBLK(found.st_mode) else "c"
        return [(b"_KERNEL_DEVICE", f"{kind}{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}".encode())]
    raise UsageError(f"File is neither a device node, nor regular file, nor executable: {path}")
