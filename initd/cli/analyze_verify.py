"""`systemd-analyze verify FILE…`: what the loader says of these unit files and of all they pull in, whether a start of
each can be planned, whether its programs are there, and whether its manual pages are.

Loads with the manager's own loader and graph; nothing is asked of a running manager, and nothing is started. Observed
of systemd 252: a file is looked for in its own directory before all others; warnings alone make the exit status 1 only
where --recursive-errors= is given, "one" then counting those of the named files; with "no" dependencies are not even
parsed, nothing but the files and the services of their names is loaded, and no start planned; of each list of commands,
only the first that cannot be run is told.
"""

from __future__ import annotations

import os
import stat
from errno import EISDIR

from initd.cli.analyze_files import places_of, read_facts
from initd.cli.analyze_options import AnalyzeOptions
from initd.cli.options import UsageError
from initd.cli.output import complain
from initd.core import unitname
from initd.core.graph import Graph
from initd.core.load import load_unit
from initd.core.machines import make_machine
from initd.core.parsers import simplify
from initd.core.record import Record
from initd.core.settings import SocketSettings, UnitDefinition
from initd.core.sources import UnitFiles, UnitText
from initd.core.states import JobMode, JobType, LoadState, UnitType
from initd.core.transaction import Refusal, plan_job
from initd.core.unit import Unit
from initd.core.values import LOG_WARNING, ExecCommand
from initd.shell.unitdirs import UnitDirs

#: The lists of commands of services and sockets, in the order they run.
_COMMANDS = (
    "exec_condition", "exec_start_pre", "exec_start", "exec_start_post", "exec_reload", "exec_stop_pre", "exec_stop",
    "exec_stop_post",
)
#: Where programs without a path are.
_PROGRAM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
#: What stands before a refusal of these kinds.
_REFUSAL_TITLES = {
    "TransactionOrderIsCyclic": "Requested transaction contains an unfixable cyclic ordering dependency",
    "TransactionJobsConflicting": "Requested transaction contains unmergeable jobs",
}


#: How complaints begin that are about dependencies.
_ABOUT_DEPENDENCIES = "Failed to add dependency on "


class _Given(Record):
    """One word of the command line. `name` is empty where it cannot be a unit; `alias_of`: the file to be taken for it.

    `is_literal`: the name is the file's own, not that of an instance of it.
    """

    word: str
    name: str
    directory: str = ""
    alias_of: str = ""
    is_literal: bool = True


def verify(arguments: list[str], options: AnalyzeOptions) -> int:
    given = [_read_word(word) for word in arguments]
    if options.root and not os.path.isdir(options.root):
        raise UsageError(f"Failed to initialize unit search paths for root directory {options.root}: "
                         "No such file or directory")
    verifier = _Verifier(_search_path(given, options), options)
    units = []
    for each in given:
        if not each.name:
            complain(f"Failed to prepare filename {each.word}: Invalid argument")
            verifier.is_bad = True
            continue
        unit = verifier.load_named(each)
        if unit is not None:
            units.append(unit)
    for unit in units:
        verifier.verify(unit)
    return 1 if verifier.is_bad or verifier.has_counted_warnings() else 0


# --- the command line ----------------------------------------------------------------------------------------------


def _read_word(word: str) -> _Given:
    path, colon, alias = word.partition(":")
    if colon:
        name = os.path.basename(alias)
        if not name:
            raise UsageError("Couldn't process aliases: Invalid argument")
        return _Given(word, _as_instance(name), "", os.path.abspath(path))
    # What stands before ".." must be there too, as for the kernel: "nosuch/../x.service" is no file.
    directory = simplify(os.path.dirname(os.path.join(os.getcwd(), word))) or "/"
    if not os.path.isdir(directory):
        directory = ""
    name = _as_instance(os.path.basename(word))
    return _Given(word, name, directory, is_literal=name == os.path.basename(word))


def _as_instance(name: str) -> str:
    """The unit to load: a template is tried as its instance "i". Empty where the name is no unit's."""
    if not unitname.is_valid(name):
        return ""
    return unitname.instantiate(name, "i") if unitname.is_template(name) else name


def _search_path(given: list[_Given], options: AnalyzeOptions) -> tuple[str, ...]:
    """The directories of the files, then $SYSTEMD_UNIT_PATH, an empty entry at whose end stands for the usual ones."""
    usual = places_of(options).unit_path
    own = () if options.root else tuple(dict.fromkeys(each.directory for each in given if each.directory))
    said = os.environ.get("SYSTEMD_UNIT_PATH", "")
    if not said:
        return own + usual
    wanted = tuple(path for path in said.split(":") if path)
    return own + wanted + (usual if said.endswith(":") else ())


# --- verification --------------------------------------------------------------------------------------------------


class _Verifier:
    """The units loaded so far, and what was found. `is_bad`: something cannot work, whoever counts warnings."""

    def __init__(self, search_path: tuple[str, ...], options: AnalyzeOptions) -> None:
        self.is_bad = False
        self._options = options
        self._is_recursive = options.recursive_errors != "no"
        self._root = options.root
        self._dirs = UnitDirs(options.root or "/", search_path)
        self._facts = read_facts().replace(in_user_mode=options.scope != "system", **places_of(options).directories)
        self._graph = Graph(make_machine)
        #: Unit → the text that is taken for its file.
        self._aliased: dict[str, UnitText] = {}
        self._named: set[str] = set()
        self._warned: set[str] = set()

    def has_counted_warnings(self) -> bool:
        if self._options.recursive_errors == "one":
            return not self._warned.isdisjoint(self._named)
        return bool(self._options.recursive_errors and self._warned)

    def load_named(self, given: _Given) -> Unit | None:
        """The unit, with all it pulls in; None, and a complaint, where it cannot be used."""
        if given.alias_of and not self._take_alias(given):
            return None
        unit = self._load(given.name, self._is_recursive)
        if not self._is_recursive and unit.type in (UnitType.TIMER, UnitType.PATH):
            self._load(unitname.change_type(unit.name, "service"), False)
        # A template that is tried as its instance is none of the named files, and its warnings are not counted.
        if given.is_literal:
            self._named.add(unit.name)
        if unit.is_loaded:
            return unit
        complain(_load_error(unit.definition))
        self.is_bad = True
        return None

    def _take_alias(self, given: _Given) -> bool:
        try:
            with open(given.alias_of, encoding="utf-8", errors="surrogateescape", newline="") as file:
                self._aliased[given.name] = UnitText(given.alias_of, file.read())
        except OSError:
            self.is_bad = True
            complain(f"Unit {given.name} not found.")
            return False
        return True

    def _load(self, name: str, with_others: bool) -> Unit:
        graph = self._graph
        graph.want(name)
        missing = [name] if name in graph.missing() else []
        while missing:
            for each in missing:
                graph.add(self._read(each))
            missing = list(graph.missing()) if with_others else []
        graph.settle()
        found = graph.get(name)
        assert found is not None  # it was added above, or before
        return found

    def _read(self, name: str) -> UnitDefinition:
        files = self._dirs.read(name)
        if name in self._aliased:
            text = self._aliased[name]
            files = UnitFiles(name, (name,), text, files.dropins, files.links, is_masked=not text.text)
        if files.load_error and files.fragment is not None:
            complain(f"{files.name}: Failed to open {self._root}{files.fragment.path}: {files.load_error}")
        definition = load_unit(files, self._facts)
        for found in definition.diagnostics:
            if found.priority > LOG_WARNING or not self._is_recursive and found.text.startswith(_ABOUT_DEPENDENCIES):
                continue
            if found.line:
                self._warned.add(definition.name)
            complain(str(found.replace(path=self._root + found.path) if found.line else found.text))
        return definition

    def verify(self, unit: Unit) -> None:
        if self._is_recursive:
            self._verify_start(unit)
        self._verify_socket(unit)
        self._verify_programs(unit)
        if self._options.checks_man:
            self._verify_pages(unit)

    def _complain(self, text: str) -> None:
        complain(text)
        self.is_bad = True

    def _verify_start(self, unit: Unit) -> None:
        plan = plan_job(self._graph, unit, JobType.START, JobMode.REPLACE)
        for told in plan.story:
            complain(str(told))
        if isinstance(plan, Refusal):
            title = _REFUSAL_TITLES.get(plan.error.rpartition(".")[2])
            if title:
                complain(f"{title}: {plan.text}")
            self._complain(f"{unit.name}: Failed to create {unit.name}/start: {plan.text}")

    def _verify_socket(self, unit: Unit) -> None:
        settings = unit.definition.specific
        if not isinstance(settings, SocketSettings):
            return
        name = settings.service
        if settings.accept:
            # The instance that stands for all the connections to come.
            name = f"{unitname.prefix(unit.name)}@internal.service"
        service = self._load(name, self._is_recursive)
        if not service.is_loaded:
            self._complain(f"{unit.name}: service {service.name} not loaded, socket cannot be started.")

    def _verify_programs(self, unit: Unit) -> None:
        for field in _COMMANDS:
            commands: tuple[ExecCommand, ...] = getattr(unit.definition.specific, field, ())
            for command in commands:
                problem = "" if command.ignore_failure else self._why_not_run(command.path)
                if problem:
                    self._complain(f"{unit.name}: Command {command.path} is not executable: {problem}")
                    break

    def _why_not_run(self, program: str) -> str:
        """Why the program cannot be run; empty where it can."""
        if program.startswith("/"):
            return self._problem_of(program)
        problems = [self._problem_of(f"{directory}/{program}") for directory in _PROGRAM_PATH]
        return "" if "" in problems else problems[-1]

    def _problem_of(self, path: str) -> str:
        path = self._root + self._dirs.real(path).removeprefix(self._root)
        try:
            if stat.S_ISDIR(os.stat(path).st_mode):
                return os.strerror(EISDIR)
        except OSError as error:
            return error.strerror or str(error)
        return "" if os.access(path, os.X_OK) else "Permission denied"

    def _verify_pages(self, unit: Unit) -> None:
        for uri in unit.settings.documentation:
            if uri.startswith("man:"):
                page = uri.removeprefix("man:")
                status = look_up_page(page)
                if status:
                    self._complain(f"{unit.name}: Command 'man {page}' failed with code {status}")


def _load_error(definition: UnitDefinition) -> str:
    if definition.load_state is LoadState.ERROR and definition.fragment_path and not definition.diagnostics:
        # What cannot be opened is not there, for systemd's.
        return f"Unit {definition.name} not found."
    return definition.load_error


def look_up_page(page: str) -> int:
    """The exit status of man(1), asked where it keeps this page; 0 too where there is no man(1) to ask."""
    from errno import ENOENT

    quiet = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
    try:
        pid = os.posix_spawnp("man", ["man", "-w", page], os.environ, file_actions=quiet)
    except OSError as error:
        if error.errno == ENOENT:
            return 0
        raise
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
