"""`systemctl edit`: an editor on a unit's drop-in, or with --full on a copy of its file.

The editor gets temporary files beside those that are meant; what it leaves is moved into their place, and the manager
reads its units again. Messages and exit statuses are those of systemctl 252 (tests/conformance/edit): also that an
editor that failed is told of and is no failure.
"""

from __future__ import annotations

import os

from initd.cli.bus import UNIT, Bus
from initd.cli.names import expand
from initd.cli.options import Options, UsageError
from initd.cli.output import complain
from initd.core import signals, unitname, words
from initd.core.objectpath import unit_path
from initd.core.places import SYSTEM
from initd.core.record import Record
from initd.shell.unitlinks import UnitLinks

BEGIN = "### Anything between here and the comment below will become the new contents of the file"
END = "### Lines below this comment will be discarded"
#: Tried in this order where the environment names no editor, or one that cannot be run.
WELL_KNOWN = ("editor", "nano", "vim", "vi")
_SPACE = " \t\n\r"
#: What is before the manager's paths; tests have their units below a directory.
ROOT = ""


class Sources(Record):
    """The files of a unit; `fragment` is empty where there are none."""

    name: str
    fragment: str
    dropins: tuple[str, ...] = ()
    is_masked: bool = False


class Target(Record):
    """A file to be written, the temporary one that the editor gets, and what is in it; None: it is not made."""

    path: str
    temporary: str
    content: bytes | None


class Refused(Exception):
    """A unit cannot be edited; the text says why."""


def edit(arguments: list[str], options: Options) -> int:
    if options.scope == "global":
        raise UsageError("Failed to connect to bus: No medium found")
    if not (os.isatty(1) and os.isatty(2)):
        complain("Cannot edit units if not on a tty.")
        return 1
    bus = Bus(options.places)
    names = expand(arguments, bus)
    if not names:
        complain("No units matched the specified patterns.")
        return 1
    try:
        targets = [_target(_sources(bus, name, options), options) for name in names]
    except Refused as refusal:
        complain(str(refusal))
        return 1
    try:
        return _edit(targets) or _reload(options)
    except OSError as problem:
        complain(f"Failed to write {problem.filename or 'file'}: {problem.strerror}")
        return 1


def _reload(options: Options) -> int:
    from initd.cli.requests import daemon_reload

    return 0 if options.no_reload else daemon_reload([], options)


# --- what is edited ---------------------------------------------------------------------------------------------------


def _sources(bus: Bus, name: str, options: Options) -> Sources:
    """Where a unit's files are: the manager knows, but for templates, which it does not load."""
    if unitname.is_template(name):
        links = UnitLinks(ROOT or "/", options.places or SYSTEM)
        file = links.find(name)
        if file is None:
            return Sources(name, "")
        paths = [path.removeprefix(ROOT) for path, _ in links.texts(file, (name,))]
        return Sources(name, paths[0], tuple(paths[1:]), file.is_masked)
    path = unit_path(name)
    state, own_name, fragment, dropins = (
        bus.get(path, UNIT, known) for known in ("LoadState", "Id", "FragmentPath", "DropInPaths")
    )
    return Sources(own_name, fragment, tuple(dropins), state == "masked")


def _target(sources: Sources, options: Options) -> Target:
    """What is to be written for this unit. Refused where it may not be, or would be in vain."""
    if sources.is_masked:
        raise Refused(f"Cannot edit {sources.name}: unit is masked.")
    if not sources.fragment and not options.force:
        raise Refused(f"No files found for {sources.name}.\n"
                      f"Run 'systemctl edit --force --full {sources.name}' to create a new unit.")
    below = sources.name if options.full else f"{sources.name}.d/override.conf"
    places = options.places or SYSTEM
    path = f"{places.runtime_units if options.runtime else places.config_units}/{below}"
    stronger = f"{places.config_units}/{below}"
    if options.runtime and os.path.lexists(ROOT + stronger):
        raise Refused(f'Refusing to create "{path}" because it would be overridden by "{stronger}" anyway.')
    directory, _, name = path.rpartition("/")
    temporary = f"{directory}/.#{name}{os.urandom(8).hex()}"
    if not sources.fragment:
        return Target(path, temporary, None)
    content = _read(sources.fragment) if options.full else _drop_in(path, sources)
    return Target(path, temporary, content)


def _drop_in(path: str, sources: Sources) -> bytes:
    """The drop-in as it is, and below it all other files of the unit, as comments."""
    try:
        old = _read(path)
    except FileNotFoundError:
        old = b""
    parts = [f"### Editing {path}\n{BEGIN}\n\n".encode(), old, b"" if old.endswith(b"\n") else b"\n", f"\n{END}\n".encode()]
    for other in (sources.fragment, *sources.dropins):
        if other != path:
            text = _read(other).strip(_SPACE.encode())
            parts.append(b"\n### " + other.encode() + b"\n# " + text.replace(b"\n", b"\n# "))
            parts.append(b"\n")
    return b"".join(parts).removesuffix(b"\n")


def _read(path: str) -> bytes:
    with open(ROOT + path, "rb") as file:
        return file.read()


# --- editing ----------------------------------------------------------------------------------------------------------


def _edit(targets: list[Target]) -> int:
    """Has them edited and puts them in their places; whatever happens, no temporary file stays."""
    made: list[str] = []
    try:
        for target in targets:
            made += _make_directories(target.path.rpartition("/")[0])
            if target.content is not None:
                _write(target.temporary, target.content)
        if _run_editor([ROOT + target.temporary for target in targets]):
            _put_in_place(targets)
        return 0
    finally:
        for target in targets:
            if os.path.lexists(ROOT + target.temporary):
                os.unlink(ROOT + target.temporary)
        for directory in reversed(made):
            try:
                os.rmdir(directory)
            except OSError:
                pass  # something is in it now


def _make_directories(directory: str) -> list[str]:
    """Those of the path that were not there, the outermost first."""
    missing = []
    path = ROOT + directory
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for path in reversed(missing):
        os.mkdir(path, 0o755)
    return missing[::-1]


def _write(path: str, content: bytes) -> None:
    fd = os.open(ROOT + path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with open(fd, "wb") as file:
        file.write(content)


def _put_in_place(targets: list[Target]) -> None:
    for target in targets:
        try:
            content = _read(target.temporary)
        except OSError as problem:
            complain(f'Failed to read temporary file "{target.temporary}": {problem.strerror}')
            return
        trimmed = trim(content.decode("utf-8", "surrogateescape"))
        if not trimmed:
            complain(f'Editing "{target.path}" canceled: temporary file is empty.')
            continue
        with open(ROOT + target.temporary, "wb") as file:
            file.write(trimmed.encode("utf-8", "surrogateescape"))
        os.replace(ROOT + target.temporary, ROOT + target.path)


def trim(text: str) -> str:
    """What is between the two comments, without space around it; nothing but space stays what it is without them."""
    end = text.find(END)
    if end < 0:
        return text.strip(_SPACE) or text
    begin = text.find(BEGIN, 0, end)
    return text[begin + len(BEGIN) if begin >= 0 else 0:end].strip(_SPACE)


# --- the editor -------------------------------------------------------------------------------------------------------


def _run_editor(paths: list[str]) -> bool:
    """Whether it ended well; a complaint where it did not."""
    pid = os.fork()
    if not pid:
        try:
            _exec_editor(paths)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status < 0:
        complain(f"(editor) terminated by signal {signals.short_name(-status)}.")
    elif status:
        complain(f"(editor) failed with exit status {status}.")
    return not status


def _exec_editor(paths: list[str]) -> None:
    for command in (chosen_editor(os.environ), *([name] for name in WELL_KNOWN)):
        if command:
            try:
                os.execvp(command[0], [*command, *paths])
            except OSError:
                pass  # the next one may be there
    complain("Cannot edit units, no editor available. Please set either $SYSTEMD_EDITOR, $EDITOR or $VISUAL.")


def chosen_editor(environment: dict[str, str] | os._Environ[str]) -> list[str]:
    """The words of the first variable that is set. Empty where that is so, and where none is."""
    for name in ("SYSTEMD_EDITOR", "EDITOR", "VISUAL"):
        if name in environment:
            try:
                return words.split(environment[name], unescape=False)
            except ValueError:
                return []  # a quote that never closes names no program
    return []
