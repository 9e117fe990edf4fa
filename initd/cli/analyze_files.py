"""`systemd-analyze unit-paths`, `cat-config` and `condition`: where configuration is, and what it comes to here."""

from __future__ import annotations

import os
import sys
from errno import EISDIR

from initd.cli.analyze_options import AnalyzeOptions
from initd.cli.options import UsageError
from initd.cli.output import complain, complain_behind
from initd.core.conditions import ARCHITECTURES, spell, verdict
from initd.core.directive import BadValue, Context
from initd.core.directives import TABLE
from initd.core.places import GLOBAL, SYSTEM, Places
from initd.core.sources import LoadFacts
from initd.core.specifiers import Specifiers
from initd.core.values import Condition
from initd.shell import conditions, zones
from initd.shell.unitdirs import UnitDirs

#: Where configuration is, the first one wins.
_PREFIXES = ("/etc/", "/run/", "/usr/local/lib/", "/usr/lib/")
_KNOWN_PREFIXES = (*_PREFIXES, "/lib/")


def read_facts() -> LoadFacts:
    """What unit files mention of this machine, as far as it can be told without a manager."""
    system = os.uname()
    return LoadFacts(
        hostname=system.nodename,
        machine_id=_first_line("/etc/machine-id"),
        boot_id=_first_line("/proc/sys/kernel/random/boot_id").replace("-", ""),
        kernel_release=system.release,
        architecture=ARCHITECTURES.get(system.machine, system.machine),
        is_time_zone=zones.is_zone,
        local_zone_names=zones.local().names(),
    )


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.readline().strip()
    except OSError:
        return ""  # a specifier that stands for nothing


def places_of(options: AnalyzeOptions) -> Places:
    """Where the units are that are meant."""
    return GLOBAL if options.scope == "global" else options.places or SYSTEM


def unit_paths(arguments: list[str], options: AnalyzeOptions) -> int:
    print("\n".join(places_of(options).unit_path))
    return 0


# --- configuration files -------------------------------------------------------------------------------------------


def cat_config(arguments: list[str], options: AnalyzeOptions) -> int:
    for position, word in enumerate(arguments):
        if position:
            print("\n")
        name = word
        if word.startswith("/"):
            prefix = next((each for each in _KNOWN_PREFIXES if word.startswith(each)), None)
            if prefix is None:
                complain_behind(f"Path {word} does not start with any known prefix.")
                return 1
            name = word.removeprefix(prefix)
        if not _cat(name, UnitDirs(options.root)):
            return 1
    return 0


def _cat(name: str, dirs: UnitDirs) -> bool:
    """The file that wins, and its drop-ins in the order of their names."""
    main = next((prefix + name for prefix in _PREFIXES if os.path.exists(dirs.real(prefix + name))), None)
    if main is None:
        print(f"# Main configuration file {name} not found")
    elif not _print_file(main, dirs):
        return False
    chosen: dict[str, str] = {}
    for prefix in _PREFIXES:
        directory = os.path.normpath(f"{prefix}{name}.d")
        for file_name in _listed(dirs.real(directory)):
            if file_name.endswith(".conf") and not file_name.startswith("."):
                chosen.setdefault(file_name, f"{directory}/{file_name}")
    for number, file_name in enumerate(sorted(chosen)):
        if number or main is not None:
            print()
        if not _print_file(chosen[file_name], dirs):
            return False
    return True


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []  # most of them are not there


def _print_file(path: str, dirs: UnitDirs) -> bool:
    shown = dirs.root + path
    print(f"# {shown}")
    real = dirs.real(path)
    # A mask is followed to this machine's own /dev/null: below a root there may be none.
    if real == dirs.root + "/dev/null":
        return True
    try:
        with open(real, encoding="utf-8", errors="surrogateescape", newline="") as file:
            text = file.read()
    except OSError as error:
        if error.errno == EISDIR:
            complain_behind(f'Failed to read "{shown}": {error.strerror}')
        complain_behind(f"Failed to cat {shown}: {error.strerror}")
        return False
    sys.stdout.write(text if not text or text.endswith("\n") else text + "\n")
    return True


# --- conditions ------------------------------------------------------------------------------------------------------


def condition(arguments: list[str], options: AnalyzeOptions) -> int:
    """Looks at this machine, whatever --root= says: so does systemd 252."""
    if not arguments:
        raise UsageError("Too few arguments for condition")
    facts = read_facts()
    context = Context("test.service", Specifiers("test.service", "", facts), facts, None, [])
    asked: dict[str, tuple[Condition, ...]] = {"conditions": (), "asserts": ()}
    for line in arguments:
        key, sign, text = line.partition("=")
        directive = TABLE.get(("Unit", key))
        if not sign or directive is None or directive.field not in asked:
            raise UsageError(f'Cannot parse "{line}".')
        text = text.lstrip(" \t\n\r")
        context.key = key
        try:
            asked[directive.field] = asked[directive.field] + directive.parse(context, text) if text else ()
        except BadValue as problem:
            complain(f"(cmdline): {problem}")
    are_asserts_met = _are_met(asked["asserts"], "Assert")
    are_conditions_met = _are_met(asked["conditions"], "Condition")
    return 0 if are_asserts_met and are_conditions_met else 1


def _are_met(asked: tuple[Condition, ...], prefix: str) -> bool:
    """Whether they are all met. The last is looked at first, and none behind a plain one that is not met."""
    if not asked:
        return True
    looked_at, results = [], []
    for each in reversed(asked):
        try:
            is_met = conditions.judge(each)
            complain(f"test.service: {spell(each, prefix)} {'succeeded' if is_met else 'failed'}.")
        except ValueError:
            is_met = False
            complain(f"test.service: Couldn't determine result for {spell(each, prefix)}, assuming failed: "
                     "Invalid argument")
        looked_at.append(each)
        results.append(is_met)
        if not is_met and not each.is_triggering:
            break
    are_met = verdict(looked_at, results, prefix).yes
    complain(f"{prefix}s {'succeeded' if are_met else 'failed'}.")
    return are_met
