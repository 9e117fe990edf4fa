"""`pyinit import FILE|DIRECTORY`: unit files from what another supervisor reads. All or nothing is written.

What becomes of each option is decided in `core.importing`; here files are found, read and written.
"""

from __future__ import annotations

import os
import sys

from initd.cli import getopt
from initd.cli.options import UsageError
from initd.cli.output import complain
from initd.core.importing import compose, crontab, procfile, runit, s6, supervisor, supervisor_file
from initd.core.importing.made import BadImport, Imported, MadeUnit, Remark
from initd.core.importing.succession import succeed
from initd.core.importing.tree import File, Tree
from initd.core.record import Record
from initd.shell.unitdirs import UnitDirs

USAGE = """\
pyinit import [OPTIONS…] FILE|DIRECTORY

Write unit files for what another supervisor is told to start, and say what could not be carried over, and why.

  supervisord   supervisord.conf, and the files that it includes
  procfile      a Procfile, as foreman and honcho start it
  crontab       a user's, or one of those in /etc, whose lines name a user
  runit         a directory of service directories, /etc/service
  s6            the directory of s6-overlay, /etc/s6-overlay; or /etc, with cont-init.d and services.d
  compose       compose.yaml or docker-compose.yml, for what runs in this one container (needs Python's yaml module)

  --from=FORMAT   which of these it is, where that is not seen from its name and what is in it
  --output=DIR    where to write them (default /etc/systemd/system)
  --dry-run       print the units, and write nothing
  --enable        have them started at boot, as far as the other supervisor did so by itself
  -h --help       print this

What is written is printed; what was not carried over as it stood is told on stderr, and in a comment of the unit. No file is
overwritten: where one is there already, nothing is written at all. Exits 0, 1 where that, or the file, is at fault, 2 for
options that make no sense.
"""
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMATS = ("supervisord", "procfile", "crontab", "runit", "s6", "compose")
#: Of these, directories, the scripts stay where they are, and are what a unit starts.
_DIRECTORIES = ("runit", "s6")
DIRECTORY = "/etc/systemd/system"
_MODE = 0o644
#: s6-rc.d/NAME/dependencies.d/NAME.
_DEPTH = 4


class Wanted(Record):
    """What the command line says."""

    path: str = ""
    kind: str = ""
    output: str = DIRECTORY
    is_dry: bool = False
    is_enabled: bool = False
    is_help: bool = False


def parse(arguments: list[str]) -> Wanted:
    """UsageError for what makes no sense."""
    given, words = getopt.parse(arguments, "pyinit import",
                                {"from": "=", "output": "=", "dry-run": "", "enable": "", "help": ""}, {"h": "help"})
    values = dict(given)
    if "help" in values:
        return Wanted(is_help=True)
    if len(words) != 1:
        raise UsageError("pyinit import: Which file, or which directory?" if not words else "pyinit import: One at a time.")
    kind = values.get("from", "")
    if kind and kind not in FORMATS:
        raise UsageError(f"pyinit import: --from= is one of {', '.join(FORMATS)}.")
    output = os.path.abspath(values.get("output", DIRECTORY))
    if "enable" in values and output != DIRECTORY:
        raise UsageError(f"pyinit import: --enable is for units in {DIRECTORY}.")
    return Wanted(words[0], kind, output, "dry-run" in values, "enable" in values)


def main(arguments: list[str]) -> int:
    """The exit status."""
    try:
        wanted = parse(arguments)
    except UsageError as problem:
        complain(str(problem))
        return 2
    if wanted.is_help:
        print(USAGE, end="")
        return 0
    try:
        found = _import(wanted)
        if wanted.output == DIRECTORY:
            found = _settled(found, UnitDirs())
        taken = [path for unit in found.units if os.path.lexists(path := f"{wanted.output}/{unit.name}")]
        if taken and not wanted.is_dry:
            raise BadImport(taken[0], 0, "is there already; nothing was written.")
        if not found.units:
            raise BadImport(wanted.path, 0, "there is nothing in it to be started.")
        for remark in found.remarks:
            complain(str(remark), "")
        if wanted.is_dry:
            _show(found.units, wanted.output)
            return 0
        _write(found.units, wanted.output)
    except BadImport as problem:
        complain(f"pyinit import: {problem}")
        return 1
    except OSError as error:
        complain(f"pyinit import: {error.filename}: {error.strerror}")
        return 1
    return _enable(found.units) if wanted.is_enabled else 0


# --- reading ------------------------------------------------------------------------------------------------------


def _import(wanted: Wanted) -> Imported:
    path = os.path.abspath(wanted.path)
    if os.path.isdir(path):
        return _directory(path, wanted.kind)
    text = _read(path)
    kind = wanted.kind or _recognised(path, text)
    if kind in _DIRECTORIES:
        raise BadImport(wanted.path, 0, "is no directory.")
    if not kind:
        raise BadImport(wanted.path, 0, f"what it is cannot be seen; say it with --from=, one of {', '.join(FORMATS)}.")
    if kind == "supervisord":
        return _supervisor(path, text)
    if kind == "crontab":
        return crontab.convert(text, path)
    env = f"{os.path.dirname(path)}/.env"
    if kind == "compose":
        return _compose(path, text, env)
    return procfile.convert(text, path, _read(env) if os.path.exists(env) else None)


def _recognised(path: str, text: str) -> str:
    if procfile.is_procfile(path):
        return "procfile"
    if compose.is_compose(path):
        return "compose"
    if crontab.is_crontab(path):
        return "crontab"
    return "supervisord" if supervisor.is_supervisors(text) else ""


def _compose(path: str, text: str, env: str) -> Imported:
    try:
        import yaml
    except ImportError:
        raise BadImport(path, 0, "a file of Compose needs Python's yaml module: install the package python3-yaml.") from None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        lines = _lines(node)
        data = loader.construct_document(node) if node else None
    except yaml.MarkedYAMLError as error:
        raise BadImport(path, error.problem_mark.line + 1 if error.problem_mark else 0, f"no YAML: {error.problem}.") from None
    except yaml.YAMLError as error:
        raise BadImport(path, 0, f"no YAML: {' '.join(str(error).split())}") from None
    environ = (compose.variables_of(_read(env)) if os.path.exists(env) else {}) | dict(os.environ)
    return compose.convert(data, path, compose.Facts(environ, lines))


def _lines(node: Any) -> dict[tuple[str, str], int]:
    """Where services, and their options, are in a tree of YAML's nodes."""
    found = {}
    for section, services in _items(node):
        for service, options in _items(services) if section.value == "services" else []:
            found[service.value, ""] = service.start_mark.line + 1
            found |= {(service.value, option.value): option.start_mark.line + 1 for option, _ in _items(options)}
    return found


def _items(node: Any) -> list[tuple[Any, Any]]:
    return list(node.value) if node is not None and node.id == "mapping" else []


def _directory(path: str, kind: str) -> Imported:
    tree = Tree(path, _files(path))
    kind = kind or ("s6" if s6.is_s6(tree) else "runit" if runit.is_runit(tree) else "")
    if kind not in _DIRECTORIES:
        raise BadImport(path, 0, f"is a directory, but none of {', '.join(_DIRECTORIES)}.")
    return s6.convert(tree) if kind == "s6" else runit.convert(tree)


def _files(path: str) -> dict[str, File]:
    """Regular files, and those that links lead to, by their path below it. Of /etc only what may concern us."""
    found: dict[str, File] = {}
    waiting = [(name, 1) for name in os.listdir(path)]
    if path == "/etc":
        waiting = [each for each in waiting if each[0] in s6.DIRECTORIES]
    while waiting:
        name, depth = waiting.pop()
        full = f"{path}/{name}"
        if os.path.isfile(full):
            found[name] = File(_read(full), os.access(full, os.X_OK))
        elif os.path.isdir(full) and depth < _DEPTH:
            waiting += [(f"{name}/{each}", depth + 1) for each in os.listdir(full)]
    return found


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def _supervisor(path: str, text: str) -> Imported:
    import glob

    facts = supervisor.Facts(dict(os.environ), os.uname().nodename)
    sections: dict[str, supervisor_file.Section] = {}
    supervisor_file.read(text, path, sections)
    missing = []
    for pattern in supervisor.include_patterns(sections, path, facts):
        files = sorted(glob.glob(pattern))
        for file in files:
            supervisor_file.read(_read(file), file, sections)
        if not files:
            option = sections["include"].options["files"]
            missing.append(Remark(option.file, option.line, "[include] files", f"there is no {pattern}."))
    found = supervisor.convert(sections, path, facts)
    return found.replace(remarks=(*missing, *found.remarks))


def _settled(found: Imported, dirs: UnitDirs) -> Imported:
    """Beside the units that are there: what is another name of one takes its place, as anything of the same name does."""
    units, remarks = [], []
    for unit in found.units:
        name = dirs.read(unit.name).name
        if name != unit.name and os.path.lexists(f"{DIRECTORY}/{unit.name}"):
            remarks.append(Remark(unit.name, 0, "", f"is another name of {name}: written as that."))
            unit = MadeUnit(name, unit.text, tuple(name if each == unit.name else each for each in unit.enable))
        other = dirs.path_of(unit.name)
        if other and not other.startswith(f"{DIRECTORY}/"):
            unit, remark = succeed(unit, other, _read(other))
            remarks.append(remark)
        units.append(unit)
    return Imported(tuple(units), (*found.remarks, *remarks))


# --- writing ------------------------------------------------------------------------------------------------------


def _show(units: tuple[MadeUnit, ...], output: str) -> None:
    print("\n".join(f"# {output}/{unit.name}\n{unit.text}" for unit in units), end="")


def _write(units: tuple[MadeUnit, ...], output: str) -> None:
    """All of them, or none."""
    os.makedirs(output, exist_ok=True)
    written: list[str] = []
    try:
        for unit in units:
            path = f"{output}/{unit.name}"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
            written.append(path)
            with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(unit.text)
    except OSError as error:
        for path in written:
            os.unlink(path)
        error.filename = error.filename or written[-1]
        raise
    for path in written:
        print(f"Created {path}")


def _enable(units: tuple[MadeUnit, ...]) -> int:
    names = [name for unit in units for name in unit.enable]
    if not names:
        return 0
    from initd.cli.systemctl import main as systemctl

    sys.stdout.flush()
    return systemctl(["enable", *names])
