"""The verbs of systemctl that work on unit files, where no manager is there to do it: in a `docker build`, under `--root=`.

Each verb takes its arguments and the options and returns the exit code; what it says is what systemctl 252 says, changes
and problems on stderr, answers on stdout. `core` plans, `shell.unitlinks` reads and links; here are only words.
"""

from __future__ import annotations

import os
import sys

from initd.cli.output import GREEN, GREY, RED
from initd.core import unitname
from initd.core.install import plan_disable, plan_enable, plan_preset, plan_preset_all, plan_reenable
from initd.core.linking import (
    default_target,
    plan_add_dependency,
    plan_link,
    plan_mask,
    plan_revert,
    plan_set_default,
    plan_unmask,
)
from initd.core.lookup import unit_file_state
from initd.core.places import SYSTEM, Places
from initd.core.presets import PresetMode
from initd.core.record import Record
from initd.core.unitfiles import Impossible, Note, Trouble
from initd.shell.unitlinks import UnitLinks, list_unit_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from initd.core.unitfiles import Plan

    _Verb = Callable[[Sequence[str], "UnitFileOptions"], int]


class UnitFileOptions(Record):
    """What the command line says, as far as these verbs care. `root` is "" without --root=."""

    root: str = ""
    places: Places = SYSTEM
    is_runtime: bool = False
    is_forced: bool = False
    is_now: bool = False
    is_quiet: bool = False
    has_legend: bool = True
    preset_mode: str = "full"
    types: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    is_full: bool = False
    output: str = ""
    #: A manager runs, and what it is asked to do with files is done here: its words are those of D-Bus errors.
    is_live: bool = False


#: States that make `is-enabled` succeed.
_ENABLED = ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated")
#: States of which a preset has nothing to say.
_WITHOUT_PRESET = ("static", "alias", "generated", "transient")

_NO_INSTALL_INFO = """\
The unit files have no installation config (WantedBy=, RequiredBy=, Also=,
Alias= settings in the [Install] section, and DefaultInstance= for template
units). This means they are not meant to be enabled using systemctl.
\N{SPACE}
Possible reasons for having this kind of units are:
• A unit may be statically enabled by being symlinked from another unit's
  .wants/ or .requires/ directory.
• A unit's purpose may be to act as a helper for some other unit which has
  a requirement dependency on it.
• A unit may be started when needed via activation (socket, path, timer,
  D-Bus, udev, scripted systemctl call, ...).
• In case of template units, the unit is meant to be enabled with some
  instance name specified."""

NOT_BOOTED = "System has not been booted with systemd as init system (PID 1). Can't operate."
_HOST_IS_DOWN = "Failed to connect to bus: Host is down"


def _out(text: str) -> None:
    os.write(1, text.encode("utf-8", "surrogateescape") + b"\n")


def _err(text: str) -> None:
    """UTF-8 whatever the locale: in a build there is usually none."""
    os.write(2, text.encode("utf-8", "surrogateescape") + b"\n")


# --- names -----------------------------------------------------------------------------------------------------------


class _Unusable(Exception):
    """What was typed is no name; the message was printed."""


def mangle(names: Sequence[str], word: str, keep_paths: bool = False, suffix: str = ".service") -> list[str]:
    """The units that these arguments mean. `word` is what was to be done with them, for a warning."""
    found = []
    for text in names:
        if "/" in text:
            path = os.path.normpath(os.path.join(os.getcwd(), text))
            if not keep_paths:
                _err(f"Warning: Can't execute {word} on the unit file path. Proceeding with the unit name.")
            found.append(path if keep_paths else path.rpartition("/")[2])
            continue
        if not text:
            _err(f"Failed to mangle unit name or path '{text}': Invalid argument")
            raise _Unusable
        is_glob = any(char in text for char in "*?[")
        if is_glob:
            _err(f"Glob pattern passed to {word}, but globs are not supported for this.")
        try:
            name = unitname.mangle(text, suffix)
        except ValueError:
            _err(f"Failed to mangle unit name or path '{text}': Invalid argument")
            raise _Unusable from None
        if name not in (text, text + suffix):
            hint = "." if is_glob else " (maybe you should use systemd-escape?)."
            escaped = name if text.endswith(suffix) else name.removesuffix(suffix)
            _err(f'Invalid unit name "{text}" escaped as "{escaped}"{hint}')
        found.append(name)
    return found


# --- changes -----------------------------------------------------------------------------------------------------------


def _links(options: UnitFileOptions) -> UnitLinks:
    return UnitLinks(options.root or "/", options.places)


def _directory(links: UnitLinks, options: UnitFileOptions) -> str:
    return links.runtime_directory if options.is_runtime else links.config_directory


def _do(links: UnitLinks, plan: Plan, verb: str, options: UnitFileOptions) -> int:
    """Carry out a plan and tell of it."""
    done = links.perform(plan)
    said: set[str] = set()
    for step in done.steps:
        if isinstance(step, Note) and step.is_fatal and options.is_live:
            text = step.bus_error()[1]
            if text not in said:  # disabling and enabling may fail for one reason: a manager tells the first
                _err(f"Failed to {verb}: {text}")
            said.add(text)
        elif isinstance(step, Note):
            root = "" if step.trouble is Trouble.ADVICE else links.root
            _err(step.text(verb, root))
        elif not options.is_quiet:
            _err(step.text(links.root))
    return 1 if done.failure is not None else 0


def _then_now(code: int, options: UnitFileOptions) -> int:
    """`--now` wants a manager, and there is none; the links are made all the same."""
    if code or not options.is_now:
        return code
    _err(NOT_BOOTED)
    _err(_HOST_IS_DOWN)
    return 1


def _verb(function: _Verb) -> _Verb:
    """Ends with 1 where an argument was no name; the message was printed then."""

    def guarded(args: Sequence[str], options: UnitFileOptions) -> int:
        try:
            return function(args, options)
        except _Unusable:
            return 1

    return guarded


@_verb
def enable(args: Sequence[str], options: UnitFileOptions) -> int:
    code, names = synchronize_sysv("enable", mangle(args, "enable", keep_paths=True), options)
    if code or not names:
        return code
    links = _links(options)
    plan = plan_enable(links, names, _directory(links, options), options.is_forced)
    code = _do(links, plan, "enable unit", options)
    if not code and not plan.carries_install_info and not options.is_quiet:
        _err(_NO_INSTALL_INFO)
    return _then_now(code, options)


@_verb
def disable(args: Sequence[str], options: UnitFileOptions) -> int:
    code, names = synchronize_sysv("disable", mangle(args, "disable"), options)
    if code or not names:
        return code
    links = _links(options)
    plan = plan_disable(links, names, _directory(links, options))
    # Without a manager, units that are not there are told of and nothing more.
    done = _do(links, plan, "disable unit", options)
    is_absent = plan.failure is not None and plan.failure.trouble in (Trouble.NOT_FOUND, Trouble.LINKED)
    return _then_now(0 if is_absent and not options.is_live else done, options)


@_verb
def reenable(args: Sequence[str], options: UnitFileOptions) -> int:
    links = _links(options)
    plan = plan_reenable(links, mangle(args, "reenable", keep_paths=True), _directory(links, options), options.is_forced)
    code = _do(links, plan, "reenable unit", options)
    if not code and not plan.carries_install_info and not options.is_quiet:
        _err(_NO_INSTALL_INFO)
    return _then_now(code, options)


def _preset_mode(options: UnitFileOptions) -> PresetMode:
    try:
        return PresetMode(options.preset_mode)
    except ValueError:
        _err(f"Failed to parse preset mode: {options.preset_mode}.")
        raise _Unusable from None


@_verb
def preset(args: Sequence[str], options: UnitFileOptions) -> int:
    links = _links(options)
    names = mangle(args, "preset")
    rules, diagnostics = links.preset_rules()
    for diagnostic in diagnostics:
        _err(str(diagnostic))
    mode = _preset_mode(options)
    plan = plan_preset(links, names, _directory(links, options), rules, mode, options.is_forced)
    return _then_now(_do(links, plan, "preset unit", options), options)


@_verb
def preset_all(args: Sequence[str], options: UnitFileOptions) -> int:
    links = _links(options)
    rules, diagnostics = links.preset_rules()
    for diagnostic in diagnostics:
        _err(str(diagnostic))
    plan = plan_preset_all(links, _directory(links, options), rules, _preset_mode(options), options.is_forced)
    return _do(links, plan, "preset unit", options)


@_verb
def mask(args: Sequence[str], options: UnitFileOptions) -> int:
    links = _links(options)
    names = mangle(args, "mask")
    if options.is_live:
        _tell_missing(links, names)
    plan = plan_mask(links, names, _directory(links, options), options.is_forced)
    return _then_now(_do(links, plan, "mask unit", options), options)


@_verb
def unmask(args: Sequence[str], options: UnitFileOptions) -> int:
    links = _links(options)
    names = mangle(args, "unmask")
    if options.is_live:
        _tell_missing(links, names)
    return _do(links, plan_unmask(links, names, _directory(links, options)), "unmask unit", options)


def _tell_missing(links: UnitLinks, names: list[str]) -> None:
    for name in names:
        if links.find(name) is None and links.find(unitname.template_of(name)) is None:
            _err(f"Unit {name} does not exist, proceeding anyway.")


@_verb
def link(args: Sequence[str], options: UnitFileOptions) -> int:
    links = _links(options)
    for path in args:
        if not path.startswith("/") and options.root:
            _err(f"Non-absolute paths are not allowed when --root is used: {path}")
            return 1
        if "/" not in path:
            _err("Link argument must contain at least one directory separator.\n"
                 f"If you intended to link a file in the current directory, try ./{path} instead.")
            return 1
    paths = [os.path.normpath(os.path.join(os.getcwd(), path)) for path in args]
    return _do(links, plan_link(links, paths, _directory(links, options), options.is_forced), "link unit", options)


@_verb
def revert(args: Sequence[str], options: UnitFileOptions) -> int:
    links = _links(options)
    if any("/" in name for name in args):
        _err("Failed to revert: Invalid argument.")
        return 1
    return _do(links, plan_revert(links, mangle(args, "revert"), links.writable_directories), "revert", options)


def _add(suffix: str) -> _Verb:
    @_verb
    def add(args: Sequence[str], options: UnitFileOptions) -> int:
        links = _links(options)
        (target,) = mangle(args[:1], "add-" + suffix, suffix=".target")
        names = mangle(args[1:], "add-" + suffix)
        directory = _directory(links, options)
        plan = plan_add_dependency(links, names, target, suffix, directory, options.is_forced)
        return _do(links, plan, "add dependency" if options.is_live else "add dependency on unit", options)

    return add


@_verb
def set_default(args: Sequence[str], options: UnitFileOptions) -> int:
    links = _links(options)
    (name,) = mangle(args, "set-default", suffix=".target")
    plan = plan_set_default(links, name, links.config_directory)
    is_refused = plan.failure is not None and plan.failure.trouble is Trouble.REFUSED
    verb = "set default target" if options.is_live else "set default" if is_refused else "set default unit"
    return _do(links, plan, verb, options)


# --- questions -------------------------------------------------------------------------------------------------------


@_verb
def get_default(args: Sequence[str], options: UnitFileOptions) -> int:
    name = default_target(_links(options))
    if not name:
        _err("Failed to get default target: No such file or directory")
        return 1
    _out(name)
    return 0


#: What errno says of it.
_ERRORS = {
    Trouble.NOT_FOUND: "No such file or directory",
    Trouble.LINKED: "Too many levels of symbolic links",
    Trouble.BAD_NAME: "Invalid argument",
    Trouble.INVALID: "Invalid argument",
    Trouble.BAD_SPECIFIER: "Invalid slot",
}


@_verb
def is_enabled(args: Sequence[str], options: UnitFileOptions) -> int:
    names = [name if "/" in name else mangle([name], "check")[0] for name in args]
    code, names = synchronize_sysv("is-enabled", names, options)
    is_any_enabled = bool(code == 0 and len(names) < len(args))
    links = _links(options)
    for name in names:
        try:
            state = unit_file_state(links, name, _advise).value
        except Impossible as error:
            reason = _ERRORS.get(error.note.trouble)
            if error.note.trouble is Trouble.SEVERED and not options.root and os.path.exists(options.places.private):
                reason = "Link has been severed"  # a manager would have said it, and of what unit
            failed = f"Failed to get unit file state for {name}: {reason}"
            _err(failed if reason else error.note.text("look up", links.root))
            return 1
        is_any_enabled |= state in _ENABLED
        if not options.is_quiet:
            _out(state)
            if options.is_full:
                _print_links(links, name, options)
    return 0 if is_any_enabled else 1


def _print_links(links: UnitLinks, name: str, options: UnitFileOptions) -> None:
    """What `disable` would take away."""
    plan = plan_disable(links, [name], _directory(links, options))
    for change in plan.changes:
        if change.kind == "unlink":
            _out(f"  {change.path}")


def _advise(note: Note) -> None:
    """What is wrong with the unit's [Install], told by the way."""
    _err(note.text("read", ""))


def list_files(args: Sequence[str], options: UnitFileOptions) -> int:
    """`list-unit-files [PATTERN…]`."""
    from initd.core.presets import preset_of

    links = _links(options)
    rules, diagnostics = links.preset_rules()
    for diagnostic in diagnostics:
        _err(str(diagnostic))
    rows = []
    for name, _, state in list_unit_files(links, args, _advise):
        if options.types and name.rpartition(".")[2] not in options.types:
            continue
        if options.states and state not in options.states:
            continue
        word = "enabled" if preset_of(rules, name).is_enable else "disabled"
        rows.append((name, state, "-" if state in _WITHOUT_PRESET else word))
    print_unit_files(rows, options)
    is_missed = bool(args) and not rows
    return 1 if is_missed else 0


def print_unit_files(rows: Sequence[tuple[str, str, str]], options: UnitFileOptions) -> None:
    """The table of `list-unit-files`: (name, state, preset) each."""
    from initd.cli.options import Options
    from initd.cli.table import Cell, Table

    table = Table(("UNIT FILE", "STATE", "PRESET"), cut=("UNIT FILE",))
    for number, (name, state, preset) in enumerate(rows):
        colour = _COLOURS.get(preset, GREY if preset == "-" else "")
        table.add(name, Cell(state, _COLOURS.get(state, "")), Cell(preset, colour, None if preset == "-" else preset))
        if number + 1 < len(rows) and rows[number + 1][0].rpartition(".")[2] != name.rpartition(".")[2]:
            table.underline_last()
    shown = Options()
    shown.output, shown.full, shown.quiet, shown.no_legend = (
        options.output, options.is_full, options.is_quiet, not options.has_legend)
    table.show(shown)
    sys.stdout.flush()
    if options.has_legend and not options.is_quiet and not options.output.startswith("json"):
        _out(f"\n{len(rows)} unit files listed.")


_COLOURS = {
    "enabled": GREEN, "enabled-runtime": GREEN, "disabled": RED, "masked": RED, "masked-runtime": RED, "bad": RED,
}  # fmt: skip


# --- init scripts ------------------------------------------------------------------------------------------------------

_SYSV_INSTALL = "/lib/systemd/systemd-sysv-install"


def synchronize_sysv(verb: str, names: list[str], options: UnitFileOptions) -> tuple[int, list[str]]:
    """Do for init scripts what is done for units of their names, by the distribution's systemd-sysv-install.

    The exit code, and the names that are left: those that are (also) native units.
    """
    root = options.root.rstrip("/")
    if options.places.mode != "system" or os.environ.get("SYSTEMCTL_SKIP_SYSV") or not os.path.isdir(root + "/etc/init.d"):
        return 0, names
    left = []
    for name in names:
        script = name.removesuffix(".service")
        if script == name or "/" in name or not os.path.exists(f"{root}/etc/init.d/{script}"):
            left.append(name)
            continue
        is_native = UnitLinks(options.root or "/", with_generated=False).find(name) is not None
        if is_native:
            left.append(name)
            if verb == "is-enabled":
                continue
        if not options.is_quiet:
            _err(f"Synchronizing state of {name} with SysV service script with {_SYSV_INSTALL}." if is_native else
                 f"{name} is not a native service, redirecting to systemd-sysv-install.")
        code = _run_sysv_install([*([f"--root={options.root}"] if root else []), verb, script], options)
        if verb == "is-enabled":
            if not options.is_quiet:
                _out("enabled" if code == 0 else "disabled")
            if code:
                return code, left
        elif code:
            return 1, left
    return 0, left


def _run_sysv_install(words: list[str], options: UnitFileOptions) -> int:
    if not options.is_quiet:
        _err(f"Executing: {_SYSV_INSTALL} {' '.join(words)}")
    try:
        pid = os.posix_spawn(_SYSV_INSTALL, [_SYSV_INSTALL, *words], os.environ)
    except OSError as error:
        _err(f"Failed to execute {_SYSV_INSTALL}: {error.strerror}")
        return 1
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


VERBS: dict[str, _Verb] = {
    "enable": enable,
    "disable": disable,
    "reenable": reenable,
    "preset": preset,
    "preset-all": preset_all,
    "mask": mask,
    "unmask": unmask,
    "link": link,
    "revert": revert,
    "add-wants": _add("wants"),
    "add-requires": _add("requires"),
    "set-default": set_default,
    "get-default": get_default,
    "is-enabled": is_enabled,
    "list-unit-files": list_files,
}
