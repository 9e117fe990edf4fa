"""supervisord.conf → units: which programs there are, in which groups and order, and what of the rest is not carried over.

supervisord starts groups by their priority, one after the other and without waiting for any to be up, and stops them in the
opposite order, each when the one before it has ended: that is what After= makes of services that are up once they run.
"""

from __future__ import annotations

from initd.core.importing import supervisor_file
from initd.core.importing.made import BadImport, Draft, Imported, Remark, directory_of, plain, stem
from initd.core.importing.supervisor_file import Names, Section, expand
from initd.core.importing.supervisor_program import Program, Shared, Values
from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_OWN_LOG = "supervisord's own log: ours is in the journal, and on the container's stdout."
_IS_PID_1 = "pyinit is the container's first process, and in the foreground."
#: Options of [supervisord] that no unit has a place for, and why they are not needed. Others are carried over.
SUPERVISORD = {
    "logfile": _OWN_LOG, "logfile_maxbytes": _OWN_LOG + " Its limits are in journald.conf(5).",
    "logfile_backups": _OWN_LOG + " Its limits are in journald.conf(5).",
    "loglevel": "say systemd.log_level= on pyinit's command line.",
    "silent": "PYINIT_LOG=none in the container's environment does that.",
    "pidfile": _IS_PID_1, "nodaemon": _IS_PID_1, "identifier": "there is one manager; event listeners are told it.",
    "minprocs": "units have no limit of processes but the container's.",
    "nocleanup": "there are no log files with names of their own making.",
    "childlogdir": "what went to log files there goes to the journal.",
    "strip_ansi": "what programs write is kept as it was written.",
}
CARRIED = ("minfds", "umask", "user", "directory", "environment")
#: Other sections → their options, and why they are not carried over.
OTHERS = {
    "unix_http_server": (("file", "chmod", "chown", "username", "password"),
                         "there is no XML-RPC server; systemctl asks the manager at /run/systemd/private, as root."),
    "inet_http_server": (("port", "username", "password"), "there is no XML-RPC server, and no web page."),
    "supervisorctl": (("serverurl", "username", "password", "prompt", "history_file"), "pyinitctl takes its place."),
    "rpcinterface": (("supervisor.rpcinterface_factory",), "there is no XML-RPC server to extend; the interface is D-Bus."),
    "ctlplugin": (("supervisor.ctl_factory",), "pyinitctl takes supervisorctl's place."),
}
_PROGRAMS = ("program", "fcgi-program", "eventlistener")
_MAIN_TARGET = "multi-user.target"


class Facts(Record):
    """`environ`: the variables of who imports, for what cannot wait until a unit starts."""

    environ: dict[str, str] = {}
    hostname: str = ""


class Group(Record):
    """`target` is "" for a process alone."""

    name: str
    priority: int
    programs: tuple[Program, ...]
    target: str
    section: Section


def is_supervisors(text: str) -> bool:
    return any(line.startswith(("[supervisord]", "[program:")) for line in text.splitlines())


def include_patterns(sections: Mapping[str, Section], path: str, facts: Facts) -> list[str]:
    """Which files are read as well: shell patterns, absolute."""
    section = sections.get("include")
    if section is None:
        return []
    if "files" not in section.options:
        raise section.bad("there is no files=.")
    names = Names({f"ENV_{key}": value for key, value in facts.environ.items()} | {"host_node_name": facts.hostname})
    files = expand(section.options["files"], names)
    return [pattern if pattern.startswith("/") else f"{directory_of(path)}/{pattern}" for pattern in files.split()]


def convert(sections: Mapping[str, Section], path: str, facts: Facts) -> Imported:
    """BadImport for what supervisord itself would refuse."""
    if "supervisord" not in sections:
        raise BadImport(path, 0, "there is no [supervisord] section, without which supervisord does not start.")
    remarks: list[Remark] = []
    names = Names({"here": directory_of(path)})
    shared = _shared(Values(sections["supervisord"], names, facts.environ, remarks))
    shared = shared.replace(serverurl=_server_url(sections, names, facts))
    names.update({f"ENV_{key}": value for key, value in shared.environment.items()})
    groups = _groups(sections, names, shared)
    remarks += _others(sections)
    units = []
    for draft, enable in _drafts(groups):
        remarks += draft.remarks
        units.append(draft.made(enable))
    seen: set[str] = set()
    for unit in units:
        if unit.name in seen:
            raise BadImport(path, 0, f"two units would be called {unit.name}.")
        seen.add(unit.name)
    return Imported(tuple(units), tuple(dict.fromkeys(remarks)))


# --- [supervisord] ------------------------------------------------------------------------------------------------------


def _shared(values: Values) -> Shared:
    options = values.section.options
    for name in options:
        if name in SUPERVISORD:
            values.remark(name, SUPERVISORD[name])
        elif name not in CARRIED:
            values.remark(name, "supervisor has no such option.")
    environment, passed = values.environment()
    umask = values.get("umask")
    directory = values.text("directory")
    if directory and values.read("nodaemon", supervisor_file.boolean, False):
        values.remark("directory", "of no effect with nodaemon=true.")
        directory = ""
    user = values.text("user")
    minfds = values.read("minfds", supervisor_file.integer, 1024)
    return Shared(environment, tuple(passed), directory if directory.startswith("/") else "",
                  f"{supervisor_file.octal(umask):04o}" if umask else "", "" if user in ("root", "0") else user,
                  minfds if minfds > 1024 else 0, values.text("identifier"), "", dict(values.environ))


def _server_url(sections: Mapping[str, Section], names: Names, facts: Facts) -> str:
    """What programs are told of supervisord's own server."""
    for kind, option, url in (("unix_http_server", "file", "unix://{}"), ("inet_http_server", "port", "http://{}")):
        if kind in sections and option in sections[kind].options:
            return url.format(Values(sections[kind], names, facts.environ, []).text(option))
    return ""


def _others(sections: Mapping[str, Section]) -> list[Remark]:
    found = []
    for section in sections.values():
        known, reason = OTHERS.get(section.kind, ((), ""))
        if not known:
            if section.kind not in ("supervisord", "include", "group", *_PROGRAMS):
                found.append(Remark(section.file, section.line, f"[{section.name}]", "supervisor has no such section."))
            continue
        options = ", ".join(section.options)
        found.append(Remark(section.file, section.line, f"[{section.name}]{' ' if options else ''}{options}", reason))
    return found


# --- programs and groups ------------------------------------------------------------------------------------------------


def _groups(sections: Mapping[str, Section], names: Names, shared: Shared) -> list[Group]:
    """In the order in which they are started."""
    groups = []
    taken: set[str] = set()
    for section in sections.values():
        if section.kind != "group" or ":" not in section.name:
            continue
        values = Values(section, names, shared.environ, [])
        programs = []
        for word in supervisor_file.strings(values.text("programs")):
            found = [name for name in (f"program:{word}", f"fcgi-program:{word}") if name in sections]
            if len(found) != 1:
                raise section.bad(f"there is no program {word}." if not found else f"{word} is two programs.")
            taken.add(found[0])
            programs.append(Program(sections[found[0]], section.own_name, names, shared))
        if not programs:
            raise section.bad("there are no programs.")
        groups.append(Group(section.own_name, values.read("priority", supervisor_file.integer, 999), tuple(programs),
                            f"{stem(section.own_name)}.target", section))
    for section in sections.values():
        if section.kind in _PROGRAMS and ":" in section.name and section.name not in taken:
            program = Program(section, section.own_name, names, shared)
            target = f"{stem(program.name)}.target" if len(program.services) > 1 else ""
            groups.append(Group(program.name, program.priority, (program,), target, section))
    return sorted(groups, key=lambda group: (group.priority, group.name))


def _drafts(groups: list[Group]) -> list[tuple[Draft, tuple[str, ...]]]:
    """Each with what is to be enabled for it."""
    made: list[tuple[Draft, tuple[str, ...]]] = []
    started: list[tuple[tuple[int, int], list[str]]] = []
    for group in groups:
        for program in sorted(group.programs, key=lambda each: each.priority):
            key = (group.priority, program.priority if len(group.programs) > 1 else 0)
            before = [name for other, services in started if other < key for name in services]
            started.append((key, program.services))
            for draft in program.drafts:
                is_service = draft.name.endswith(".service")
                if is_service and before:
                    draft.set("Unit", "After", " ".join(before))
                if group.target:
                    draft.set("Unit", "PartOf", group.target)
                elif is_service and program.is_autostart:
                    draft.set("Install", "WantedBy", _MAIN_TARGET)
                made.append((draft, (draft.name,) if is_service and program.is_autostart and not group.target else ()))
        if group.target:
            made.append(_target(group))
    return made


def _target(group: Group) -> tuple[Draft, tuple[str, ...]]:
    """What starts and stops the processes of a group together."""
    section = group.section
    draft = Draft(group.target, f"{group.name} (all of it)", f"{section.file}, [{section.name}]")
    by_itself = [name for program in group.programs if program.is_autostart for name in program.services]
    everything = [name for program in group.programs for name in program.services]
    draft.set("Unit", "Wants", " ".join(by_itself or everything))
    if section.kind == "group":
        for name in section.options:
            if name not in ("programs", "priority"):
                draft.remarks.append(Remark(section.file, section.options[name].line, f"[{section.name}] {name}",
                                            "supervisor has no such option."))
        if by_itself and by_itself != everything:
            draft.remarks.append(Remark(section.file, section.line, f"[{section.name}] programs",
                                        f"starting {plain(group.target)} starts those alone that have autostart=true."))
    if by_itself:
        draft.set("Install", "WantedBy", _MAIN_TARGET)
    return draft, (draft.name,) if by_itself else ()
