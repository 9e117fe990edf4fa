"""One program of supervisord.conf → its units: [program:x] and [fcgi-program:x], option by option.

Supervisor's documentation (Configuration File) and supervisor 4.3 itself say what each option does. Where systemd does
something else, a remark says so; what goes for all programs alike is told once, in pyinit(8).
"""

from __future__ import annotations

import re

from initd.core.importing import shellwords, supervisor_file
from initd.core.importing.made import (
    HOME,
    INSTANCE,
    LONE_VARIABLE,
    VARIABLE,
    VARIABLE_END,
    Draft,
    Remark,
    command_line,
    joined,
    plain,
    stem,
    variable,
    variables,
)
from initd.core.importing.supervisor_file import Names, Option, Section, bad, expand
from initd.core.record import Record
from initd.core.supervisor_events import KINDS, NOT_SENT, SENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    _T = TypeVar("_T")

#: Soft limit, below which supervisord does not start, and the hard one that units have (systemd's own).
_HARD_NOFILE = 524288
#: What a unit waits before it is started again: supervisord looks at its processes once a second.
_RESTART_SEC = 1
_DEFAULT_MAXBYTES = 50 * 1024**2
#: Ends that systemd calls clean whatever a unit says.
_CLEAN = ("SIGHUP", "SIGINT", "SIGTERM", "SIGPIPE")
_CONSOLE = ("/dev/stdout", "/dev/stderr", "/dev/fd/1", "/dev/fd/2", "/proc/self/fd/1", "/proc/self/fd/2", "/proc/1/fd/1",
            "/proc/1/fd/2")
_STREAM_OPTIONS = ("logfile", "logfile_maxbytes", "logfile_backups", "capture_maxbytes", "events_enabled", "syslog")
PROGRAM_OPTIONS = {
    "command", "process_name", "numprocs", "numprocs_start", "priority", "autostart", "startsecs", "startretries",
    "autorestart", "exitcodes", "stopsignal", "stopwaitsecs", "stopasgroup", "killasgroup", "user", "redirect_stderr",
    "environment", "directory", "umask", "serverurl",
    *(f"{stream}_{option}" for stream in ("stdout", "stderr") for option in _STREAM_OPTIONS),
}
LISTENER_OPTIONS = PROGRAM_OPTIONS | {"events", "buffer_size", "result_handler"}
FCGI_OPTIONS = PROGRAM_OPTIONS | {"socket", "socket_backlog", "socket_owner", "socket_mode"}
_RESULT_HANDLER = "supervisor.dispatchers:default_handler"
_TCP = re.compile(r"tcp://([^\s:]+):(\d+)")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


class Shared(Record):
    """What [supervisord] says for all programs. `directory` is "" where nobody knows; `environ` is that of the import."""

    environment: dict[str, str] = {}
    passed: tuple[str, ...] = ()
    directory: str = ""
    umask: str = ""
    user: str = ""
    nofile: int = 0
    #: What event listeners are told.
    identifier: str = ""
    serverurl: str = ""
    environ: dict[str, str] = {}


class Values:
    """The options of one section, expanded."""

    def __init__(self, section: Section, names: Names, environ: Mapping[str, str], remarks: list[Remark],
                 is_instance: bool = False) -> None:
        self.section = section
        self.names = names
        self.remarks = remarks
        self.environ = environ
        self._is_instance = is_instance

    def get(self, name: str) -> Option | None:
        option = self.section.options.get(name)
        return None if option is None else option.replace(value=self._expand(option))

    def read(self, name: str, kind: Callable[[Option], _T], default: _T) -> _T:
        option = self.get(name)
        return default if option is None else kind(option)

    def text(self, name: str, default: str = "") -> str:
        option = self.get(name)
        return default if option is None else option.value

    def late(self, name: str) -> Option | None:
        """Variables that are not known yet are MARKS."""
        option = self.section.options.get(name)
        return None if option is None else option.replace(value=expand(option, self.names.with_late(), self._is_instance))

    def early(self, name: str, text: str) -> str:
        """MARKS → what the variables hold now."""
        option = self.section.options[name]
        for each in variables(text):
            value = self._now(option, each)
            for mark in (VARIABLE, LONE_VARIABLE):
                text = text.replace(f"{mark}{each}{VARIABLE_END}", value)
        return text

    def remark(self, name: str, reason: str) -> None:
        option = self.section.options.get(name)
        line, file = (option.line, option.file) if option else (self.section.line, self.section.file)
        self.remarks.append(Remark(file, line, f"[{self.section.name}] {name}", reason))

    def environment(self) -> tuple[dict[str, str], list[str]]:
        """Variables that are set, and those that are passed on as they are."""
        option = self.late("environment")
        found, passed = {}, []
        if option is not None:
            for name, value in supervisor_file.pairs(self.section.options["environment"], option.value).items():
                if value == f"{VARIABLE}{name}{VARIABLE_END}":
                    passed.append(name)
                else:
                    found[name] = self.early("environment", value)
        return found, passed

    def _expand(self, option: Option) -> str:
        names = self.names
        for name in re.findall(r"%\(ENV_([^)]+)\)", option.value):
            if f"ENV_{name}" not in names:
                names = Names(names | {f"ENV_{name}": self._now(option, name)})
        return expand(option, names, self._is_instance)

    def _now(self, option: Option, name: str) -> str:
        value = self.environ.get(name)
        if value is None:
            raise bad(option, f"the variable {name} is not set; import with it in the environment.")
        self.remark(option.name, f"holds the value that {name} has now, and not what it will be when the unit starts.")
        return value


class Program:
    """One section and its units. `services` are the names of its processes' units, `drafts` the files that make them."""

    def __init__(self, section: Section, group: str, names: Names, shared: Shared) -> None:
        self.section = section
        self.name = _valid_name(section)
        self._shared = shared
        self._names = Names(names | {"program_name": self.name, "group_name": group})
        probe = Values(section, Names(self._names | {"process_num": 0, "numprocs": 1}), shared.environ, [])
        self._count = probe.read("numprocs", supervisor_file.integer, 1)
        first = probe.read("numprocs_start", supervisor_file.integer, 0)
        self._is_listener = section.kind == "eventlistener"
        self.priority = probe.read("priority", supervisor_file.integer, -1 if self._is_listener else 999)
        self.is_autostart = probe.read("autostart", supervisor_file.boolean, True)
        process_name = section.options.get("process_name")
        #: Of listeners one unit runs all.
        self._listeners, self._count = (self._count, 1) if self._is_listener else (1, self._count)
        if max(self._count, self._listeners) > 1 and (process_name is None or "%(process_num)" not in process_name.value):
            raise section.bad("process_name needs %(process_num) where there are more processes than one.")
        self.drafts: list[Draft] = []
        self.services: list[str] = []
        self.is_template = False
        self._make(range(first, first + self._count))
        if section.kind == "fcgi-program" and self.services:
            self.drafts.append(self._socket())

    def _make(self, numbers: range) -> None:
        base = stem(self.name)
        used: set[str] = set()
        for option in self.section.options.values():
            if option.name != "process_name":
                used |= supervisor_file.number_formats(option.value)
        if self._count > 1 and len(used) <= 1:
            self.is_template = True
            form = f"%{min(used or supervisor_file.number_formats(self.section.options['process_name'].value), default='d')}"
            self.services = [f"{base}@{stem(form % number)}.service" for number in numbers]
            self.drafts = [self._service(f"{base}@.service", numbers[0], True)]
            return
        for number in numbers:
            self.services.append(f"{base}-{number}.service" if self._count > 1 else f"{base}.service")
            self.drafts.append(self._service(self.services[-1], number, False))

    # --- a service ----------------------------------------------------------------------------------------------------

    def _service(self, name: str, number: int, is_instance: bool) -> Draft:
        section = self.section
        which = f" {INSTANCE if is_instance else number}" if self._count > 1 else ""
        draft = Draft(name, self.name + which, f"{section.file}, [{section.name}]")
        names = Names(self._names | {"process_num": number, "numprocs": self._count})
        values = Values(section, names, self._shared.environ, draft.remarks, is_instance)
        environment, passed = values.environment()
        names.update({f"ENV_{key}": value for key, value in environment.items()})
        self._name_processes(values, is_instance)
        self._limit_starts(draft, values)
        front: list[str] = []
        if self._is_listener:
            draft.set("Service", "Type", "notify")  # what is started behind it is told
            draft.set("Service", "SyslogIdentifier", stem(self.name))
            front = self._adapter(values)
        self._command(draft, values, self._shared.environment | environment, [*self._shared.passed, *passed], front)
        self._restart(draft, values)
        self._stop(draft, values)
        self._context(draft, values)
        _streams(draft, values, self._shared.directory, self._is_listener)
        if section.kind == "fcgi-program":
            draft.set("Service", "Sockets", f"{stem(self.name)}.socket")
            draft.set("Service", "StandardInput", "socket")
        if values.text("serverurl", "AUTO").strip().upper() != "AUTO":
            values.remark("serverurl", "no server answers there" + (
                "." if self._is_listener else "; $SUPERVISOR_SERVER_URL is not set."))
        known = {"fcgi-program": FCGI_OPTIONS, "eventlistener": LISTENER_OPTIONS}.get(section.kind, PROGRAM_OPTIONS)
        for option in section.options:
            if option not in known:
                values.remark(option, "supervisor has no such option.")
        return draft

    def _name_processes(self, values: Values, is_instance: bool) -> None:
        if "process_name" not in self.section.options:
            return
        if self._count > 1:
            values.remark("process_name", f"units have names of their own: {', '.join(_some(self.services))}." if is_instance
                          else "units have names of their own, with the process's number at the end.")
        elif values.text("process_name") != self.name:
            values.remark("process_name", f"the unit is called after the program, {stem(self.name)}.service.")

    def _limit_starts(self, draft: Draft, values: Values) -> None:
        """As many starts that fail as supervisor allows: each lasts less than startsecs, and the pause."""
        startsecs = values.read("startsecs", supervisor_file.integer, 1)
        tries = values.read("startretries", supervisor_file.integer, 3) + 1
        if not self._restarts(values):
            if startsecs > 0 and tries > 1:
                values.remark("autorestart", "a start that fails within startsecs is not tried again either: systemd does not "
                                             "tell that from a later exit.")
            return
        if startsecs <= 0:
            draft.set("Unit", "StartLimitIntervalSec", 0)
            return
        draft.set("Unit", "StartLimitIntervalSec", tries * (startsecs + _RESTART_SEC) + 1)
        draft.set("Unit", "StartLimitBurst", tries)
        if "startretries" in self.section.options and tries > 2:
            values.remark("startretries", f"supervisor waits a second more before each retry; RestartSec={_RESTART_SEC} is the "
                                          "same for all of them.")

    def _adapter(self, values: Values) -> list[str]:
        """What the command is an argument of: what speaks supervisor's protocol with it."""
        names = [name.upper() for name in supervisor_file.strings(values.text("events"))]
        if not names:
            raise self.section.bad("there is no events=.")
        for name in names:
            if name not in (*KINDS, *SENT, *NOT_SENT):
                raise bad(self.section.options["events"], f"there is no event {name}.")
            if name in NOT_SENT:
                values.remark("events", f"{name} is never told: {NOT_SENT[name]}")
        size = values.read("buffer_size", supervisor_file.integer, 10)
        if size < 1:
            raise bad(self.section.options["buffer_size"], "not a number above 0.")
        if values.text("result_handler", _RESULT_HANDLER) != _RESULT_HANDLER:
            values.remark("result_handler", "a result is OK, or the event is told again, as by supervisor's own handler.")
        if values.read("redirect_stderr", supervisor_file.boolean, False):
            raise bad(self.section.options["redirect_stderr"], "of an event listener stdout is what it answers.")
        url = values.text("serverurl", "AUTO").strip()
        words = {"events": ",".join(dict.fromkeys(names)), "pool": self.name, "buffer-size": size if size != 10 else "",
                 "processes": self._listeners if self._listeners > 1 else "",
                 "run-as": values.text("user") or self._shared.user, "server": self._shared.identifier,
                 "serverurl": self._shared.serverurl if url.upper() == "AUTO" else url}
        if self._listeners > 1:
            values.remark("numprocs", "they run in one unit, and end together; %(process_num) is that of the first.")
        return ["/sbin/pyinit", "eventlistener", *(f"--{key}={value}" for key, value in words.items() if value), "--"]

    def _command(self, draft: Draft, values: Values, environment: dict[str, str], passed: list[str], front: list[str]) -> None:
        command = values.late("command")
        if command is None:
            raise self.section.bad("there is no command.")
        try:
            argv = shellwords.split(command.value)
        except ValueError as error:
            raise bad(self.section.options["command"], f"{error}.") from None
        if not argv or not argv[0]:
            raise bad(command, "there is no program to run.")
        argv[0] = values.early("command", argv[0])
        if "/" in argv[0] and not argv[0].startswith("/"):
            directory = values.text("directory") or self._shared.directory
            if not directory.startswith("/"):
                raise bad(command, "the program's path is not absolute, and relative to a directory that is not said.")
            argv[0] = joined(directory, argv[0])
            values.remark("command", f"systemd wants an absolute path: {argv[0]}.")
        elif "/" not in argv[0] and "PATH" in environment:
            values.remark("command", f"{argv[0]} is looked for where systemd looks, and not in the PATH of environment=.")
        passed += [name for word in argv for name in variables(word)]
        if passed:
            draft.set("Service", "PassEnvironment", " ".join(dict.fromkeys(passed)))
        for key, value in environment.items():
            setting = variable(key, value)
            if setting is None:
                values.remark("environment", f"systemd takes no variable with the name {key!r}.")
            else:
                draft.set("Service", "Environment", setting)
        draft.set("Service", "ExecStart", command_line([*front, *argv]))

    def _restarts(self, values: Values) -> bool:
        option = values.get("autorestart")
        return option is None or option.value.lower() == "unexpected" or supervisor_file.boolean(option)

    def _restart(self, draft: Draft, values: Values) -> None:
        codes = values.read("exitcodes", supervisor_file.exit_codes, [0])
        good = [str(code) for code in codes if code]
        stopsignal = values.read("stopsignal", supervisor_file.signal, "SIGTERM")
        if stopsignal not in _CLEAN:
            good.append(stopsignal)  # the end that was asked for is no failure
        if good:
            draft.set("Service", "SuccessExitStatus", " ".join(good))
        if not self._restarts(values):
            return
        draft.set("Service", "Restart", "always")
        draft.set("Service", "RestartSec", _RESTART_SEC)
        if values.text("autorestart", "unexpected").lower() == "unexpected" and codes:
            draft.set("Service", "RestartPreventExitStatus", " ".join(map(str, codes)))

    def _stop(self, draft: Draft, values: Values) -> None:
        stopsignal = values.read("stopsignal", supervisor_file.signal, "SIGTERM")
        if stopsignal != "SIGTERM":
            draft.set("Service", "KillSignal", stopsignal)
        seconds = values.read("stopwaitsecs", supervisor_file.integer, 10)
        draft.set("Service", "TimeoutStopSec", seconds if seconds > 0 else "1ms")
        as_group = values.read("stopasgroup", supervisor_file.boolean, False)
        kill_group = values.read("killasgroup", supervisor_file.boolean, as_group)
        if as_group and not kill_group:
            raise self.section.bad("stopasgroup=true and killasgroup=false exclude each other.")
        if not as_group:
            draft.set("Service", "KillMode", "mixed")
        if "killasgroup" in self.section.options and not kill_group:
            values.remark("killasgroup", "what the program left behind is killed as well: nothing outlives its unit.")

    def _context(self, draft: Draft, values: Values) -> None:
        shared = self._shared
        if (user := values.text("user") or shared.user) and not self._is_listener:  # whose adapter runs as root
            draft.set("Service", "User", plain(user))
        if directory := values.text("directory"):
            if directory.startswith("/"):
                draft.set("Service", "WorkingDirectory", plain(directory))
            elif shared.directory:
                draft.set("Service", "WorkingDirectory", plain(joined(shared.directory, directory)))
            else:
                raise bad(self.section.options["directory"], "not absolute, and relative to a directory that is not said.")
        elif shared.directory:
            draft.set("Service", "WorkingDirectory", plain(shared.directory))
        umask = values.get("umask")
        if umask is not None:
            draft.set("Service", "UMask", f"{supervisor_file.octal(umask):04o}")
        elif shared.umask:
            draft.set("Service", "UMask", shared.umask)
        if shared.nofile:
            draft.set("Service", "LimitNOFILE", f"{shared.nofile}:{max(shared.nofile, _HARD_NOFILE)}")

    # --- its socket ---------------------------------------------------------------------------------------------------

    def _socket(self) -> Draft:
        section = self.section
        draft = Draft(f"{stem(self.name)}.socket", f"{self.name} (FastCGI)", f"{section.file}, [{section.name}]")
        values = Values(section, Names(self._names | {"process_num": 0, "numprocs": self._count}), self._shared.environ,
                        draft.remarks)
        option = values.get("socket")
        if option is None:
            raise section.bad("there is no socket.")
        owner, mode = values.text("socket_owner"), values.get("socket_mode")
        tcp = _TCP.fullmatch(option.value)
        if option.value.startswith("unix:///"):
            draft.set("Socket", "ListenStream", plain(option.value[len("unix://"):]))
            user, _, group = (owner or values.text("user")).partition(":")
            if user:
                draft.set("Socket", "SocketUser", plain(user))
            if group:
                draft.set("Socket", "SocketGroup", plain(group))
            draft.set("Socket", "SocketMode", f"{supervisor_file.octal(mode) if mode else 0o700:04o}")
        elif not tcp:
            raise bad(option, "neither unix:///PATH nor tcp://HOST:PORT.")
        elif owner or mode:
            raise section.bad("socket_owner and socket_mode are for sockets of the file system.")
        else:
            host = "127.0.0.1" if tcp[1].lower() == "localhost" else tcp[1]
            if not _ADDRESS.fullmatch(host):
                raise bad(option, "systemd wants an address to listen on, not a name.")
            draft.set("Socket", "ListenStream", f"{host}:{tcp[2]}")
        if values.get("socket_backlog"):
            draft.set("Socket", "Backlog", values.read("socket_backlog", supervisor_file.integer, 0))
        draft.set("Socket", "Service", self.services[0])
        values.remark("socket", f"it stays open while its services are stopped, and who connects then starts "
                                f"{self.services[0]}.")
        return draft


def _valid_name(section: Section) -> str:
    name = section.own_name
    if not name or any(char in name for char in " :/"):
        raise section.bad("is no name: supervisor takes neither spaces nor ':' nor '/'.")
    return name


def _some(names: list[str]) -> list[str]:
    return names if len(names) <= 2 else [names[0], "…", names[-1]]


# --- what it writes -----------------------------------------------------------------------------------------------------


def _streams(draft: Draft, values: Values, directory: str, is_listener: bool) -> None:
    if is_listener:
        for option in _STREAM_OPTIONS:
            if f"stdout_{option}" in values.section.options:
                values.remark(f"stdout_{option}", "what it answers goes to the adapter alone.")
        draft.set("Service", "StandardError", _stream(values, "stderr", directory))
        return
    is_redirected = values.read("redirect_stderr", supervisor_file.boolean, False)
    out = _stream(values, "stdout", directory)
    draft.set("Service", "StandardOutput", out)
    if is_redirected:
        draft.set("Service", "StandardError", "inherit")
        given = [f"stderr_{option}" for option in _STREAM_OPTIONS if f"stderr_{option}" in values.section.options]
        for name in given:
            if name != "stderr_logfile" or values.text(name).lower() not in ("none", "off", "auto"):
                values.remark(name, "of no effect with redirect_stderr=true.")
        return
    draft.set("Service", "StandardError", _stream(values, "stderr", directory))


def _stream(values: Values, stream: str, directory: str) -> str:
    """The value of StandardOutput=."""
    def name(option: str) -> str:
        return f"{stream}_{option}"

    if values.read(name("events_enabled"), supervisor_file.boolean, False):
        values.remark(name("events_enabled"), "there are no PROCESS_LOG events; journalctl -f -u follows what a unit writes.")
    if values.read(name("capture_maxbytes"), supervisor_file.size, 0):
        values.remark(name("capture_maxbytes"), "there are no PROCESS_COMMUNICATION events.")
    to_syslog = values.read(name("syslog"), supervisor_file.boolean, False)
    path = values.text(name("logfile"), "auto")
    word = path.lower()
    maxbytes = values.read(name("logfile_maxbytes"), supervisor_file.size, _DEFAULT_MAXBYTES)
    values.read(name("logfile_backups"), supervisor_file.integer, 10)
    if word in ("none", "off") and not to_syslog:
        return "null"
    if word in ("auto", "syslog", "none", "off") or path in _CONSOLE:
        if path.endswith(("stderr", "2")) and path in _CONSOLE:
            values.remark(name("logfile"), "goes to the journal, which writes to the container's stdout, not to its stderr.")
        for option in ("logfile_maxbytes", "logfile_backups"):
            if name(option) in values.section.options and path not in _CONSOLE and word not in ("none", "off"):
                values.remark(name(option), "the journal has limits of its own: see journald.conf(5).")
        return "journal"
    if path == "~" or path.startswith("~/"):
        path = HOME + path[1:]
    elif not path.startswith("/"):
        if path.startswith("~") or not directory:
            values.remark(name("logfile"), "goes to the journal: the path is not absolute, and relative to a directory that is "
                                           "not said.")
            return "journal"
        path = joined(directory, path)
    if to_syslog:
        values.remark(name("syslog"), "goes to the file alone, and not to the journal as well.")
    if maxbytes:
        option = name("logfile_maxbytes")
        values.remark(option if option in values.section.options else name("logfile"),
                      "nothing rotates the file: have logrotate do it (with copytruncate), or take StandardOutput=journal.")
    return f"append:{plain(path)}"

