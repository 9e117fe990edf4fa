"""`systemd-analyze unit-paths`, `cat-config` and `condition`: where configuration is, and what it comes to here."""

from __future__ import annotations

import os
import sys

from initd.cli.analyze_options import AnalyzeOptions
from initd.cli.options import UsageError
from initd.cli.output import complain
from initd.core.conditions import spell
from initd.core.load import load_unit
from initd.core.sources import LoadFacts, UnitFiles, UnitText
from initd.core.values import Condition
from initd.shell import conditions, zones
from initd.shell.unitdirs import SEARCH_PATH, UnitDirs

#: Where configuration is, the first one wins.
_PREFIXES = ("/etc/", "/run/", "/usr/local/lib/", "/usr/lib/")
_GLOBAL_UNIT_PATH = (
    "/etc/systemd/user", "/run/systemd/user", "/usr/local/share/systemd/user", "/usr/share/systemd/user",
    "/usr/local/lib/systemd/user", "/usr/lib/systemd/user",
)


def read_facts() -> LoadFacts:
    """What unit files mention of this machine, as far as it can be told without a manager."""
    from initd.core.conditions import ARCHITECTURES

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


def unit_paths(arguments: list[str], options: AnalyzeOptions) -> int:
    if options.scope == "user":
        raise UsageError("systemd-analyze --user unit-paths: pyinit runs no user managers.")
    print("\n".join(_GLOBAL_UNIT_PATH if options.scope == "global" else SEARCH_PATH))
    return 0


# --- configuration files -------------------------------------------------------------------------------------------


def cat_config(arguments: list[str], options: AnalyzeOptions) -> int:
    for position, word in enumerate(arguments):
        if position:
            print()
        name = word
        if word.startswith("/"):
            prefix = next((each for each in _PREFIXES if word.startswith(each)), None)
            if prefix is None:
                sys.stdout.flush()
                complain(f"Path {word} does not start with any known prefix.")
                return 1
            name = word.removeprefix(prefix)
        if not _cat(name, UnitDirs(options.root)):
            return 1
    return 0


def _cat(name: str, dirs: UnitDirs) -> bool:
    """The file that wins, and its drop-ins in the order of their names."""
    main = next((prefix + name for prefix in _PREFIXES if os.path.lexists(dirs.root + prefix + name)), None)
    if main is None:
        print(f"# Main configuration file {name} not found")
    elif not _print_file(main, dirs):
        return False
    chosen: dict[str, str] = {}
    for prefix in _PREFIXES:
        directory = f"{prefix}{name}.d"
        for file_name in _listed(dirs.real(directory)):
            if file_name.endswith(".conf") and not file_name.startswith("."):
                chosen.setdefault(file_name, f"{directory}/{file_name}")
    for file_name in sorted(chosen):
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
        sys.stdout.flush()
        complain(f"Failed to cat {shown}: {error.strerror}")
        return False
    sys.stdout.write(text if not text or text.endswith("\n") else text + "\n")
    return True


# --- conditions ------------------------------------------------------------------------------------------------------


def condition(arguments: list[str], options: AnalyzeOptions) -> int:
    if not arguments:
        raise UsageError("Too few arguments for condition")
    for line in arguments:
        key = line.partition("=")[0].strip(" \t")
        kind = key.removeprefix("Condition").removeprefix("Assert")
        if "=" not in line or kind == key or kind not in _kinds():
            raise UsageError(f'Cannot parse "{line}".')
    text = "[Unit]\n" + "".join(f"{line}\n" for line in arguments)
    files = UnitFiles("test.service", ("test.service",), UnitText("(cmdline)", text))
    definition = load_unit(files, read_facts())
    for found in definition.diagnostics:
        if found.path == "(cmdline)" and found.line:
            complain(f"(cmdline): {found.text}")
    are_asserts_met = _show_results(definition.unit.asserts, "Assert", options)
    are_conditions_met = _show_results(definition.unit.conditions, "Condition", options)
    return 0 if are_asserts_met and are_conditions_met else 1


def _kinds() -> frozenset[str]:
    from initd.core.directives import TABLE

    return frozenset(key.removeprefix("Condition") for section, key in TABLE
                     if section == "Unit" and key.startswith("Condition"))


def _show_results(asked: tuple[Condition, ...], prefix: str, options: AnalyzeOptions) -> bool:
    """Whether they are all met; the last one is looked at first, as systemd does."""
    if not asked:
        return True
    results = [conditions.check(each, options.root or "/") for each in asked]
    for each, is_met in reversed(list(zip(asked, results))):
        print(f"test.service: {spell(each, prefix)} {'succeeded' if is_met else 'failed'}.")
    from initd.core.conditions import verdict

    is_met = verdict(asked, results, prefix).value
    print(f"{prefix}s {'succeeded' if is_met else 'failed'}.")
    return is_met
