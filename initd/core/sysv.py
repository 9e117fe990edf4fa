"""Which units stand for init scripts? The scripts and the links of rcN.d → files for generator.late.

What systemd-sysv-generator(8) writes for a script is written here, as the one of systemd 252 writes it; lines that it
repeats are written once. A script of which there is a native unit has no part in it, so `plan_units` is not told of it.
"""

from __future__ import annotations

from initd.core import unitname
from initd.core.generated import LATE, Generated, wants
from initd.core.initscript import InitScript, parse_script
from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: rcN.d → the target that stands for the runlevel. rcS.d, rc0.d and rc6.d have none: of early boot and shutdown, scripts
#: have no part.
TARGETS = {
    "1": "rescue.target", "2": "multi-user.target", "3": "multi-user.target", "4": "multi-user.target",
    "5": "graphical.target",
}  # fmt: skip
#: Facilities of the LSB, with and without "$", and what stands for them; "" is always there.
_FACILITIES = {
    "local_fs": "", "syslog": "", "network": "network-online.target", "named": "nss-lookup.target",
    "portmap": "rpcbind.target", "remote_fs": "remote-fs.target", "time": "time-sync.target",
}  # fmt: skip
_NETWORK = _FACILITIES["network"]


class Script(Record):
    """An executable file of /etc/init.d, and what it says of itself."""

    path: str
    content: InitScript


def parse(path: str, text: str) -> Script:
    return Script(path, parse_script(text))


class _Service:
    """The unit that a script becomes."""

    def __init__(self, name: str, script: Script) -> None:
        self.name = name
        self.path = script.path
        self.content = script.content
        self.priority = -1
        self.before: dict[str, None] = {}
        self.after: dict[str, None] = {}
        self.wants: dict[str, None] = {}
        self.wanted_by: dict[str, None] = {}
        self.aliases: dict[str, None] = {}

    def text(self) -> str:
        content, path = self.content, self.path.replace("%", "%%")
        label = "LSB" if content.has_header else "SYSV"
        description = content.description.replace("%", "%%")
        lines = [
            "# Made of an init script, see systemd-sysv-generator(8)", "",
            "[Unit]", "Documentation=man:systemd-sysv-generator(8)", f"SourcePath={path}",
            *([f"Description={label}: {description}"] if description else ()),
            *(f"Before={name}" for name in self.before),
            *(f"After={name}" for name in self.after),
            *(f"Wants={name}" for name in self.wants), "",
            "[Service]", "Type=forking", "Restart=no", "TimeoutSec=5min", "IgnoreSIGPIPE=no", "KillMode=process",
            "GuessMainPID=no", f"RemainAfterExit={'no' if content.pid_file else 'yes'}",
            *([f"PIDFile={content.pid_file.replace('%', '%%')}"] if content.pid_file else ()),
            # Not installed, or not configured: no failure (LSB, Init Script Actions).
            *(["SuccessExitStatus=5 6"] if content.has_header else ()),
            f"ExecStart={path} start", f"ExecStop={path} stop",
            *([f"ExecReload={path} reload"] if content.can_reload else ()), "",
        ]
        return "\n".join(lines)


def unit_of(file_name: str) -> str:
    """The name of the unit that a script of this name becomes, "" for none."""
    try:
        return unitname.mangle(file_name.removesuffix(".sh"))
    except ValueError:
        return ""


def plan_units(scripts: Mapping[str, Script], links: Iterable[tuple[str, str]]) -> list[Generated]:
    """`scripts` by the names of their units; `links` are runlevels and the names of links in their rcN.d."""
    services = {name: _Service(name, script) for name, script in sorted(scripts.items())}
    for runlevel, file_name in sorted(links):
        _follow_link(services, runlevel, file_name)
    for service in services.values():
        _order_as_said(service)
    for service in services.values():
        _order_by_priority(service, services.values())
    made = []
    for service in services.values():
        made.append(Generated(LATE, service.name, service.text()))
        made += [wants(LATE, target, service.name, f"../{service.name}") for target in service.wanted_by]
    aliases = {alias: service.name for service in services.values() for alias in service.aliases}
    made += [Generated(LATE, alias, target=name) for alias, name in sorted(aliases.items()) if alias not in services]
    return made


def _follow_link(services: dict[str, _Service], runlevel: str, file_name: str) -> None:
    """"S20name": started in this runlevel, after what has lower numbers."""
    number, target = file_name[1:3], TARGETS.get(runlevel)
    if target is None or file_name[:1] != "S" or not (number.isascii() and number.isdigit()):
        return
    service = services.get(unit_of(file_name[3:]))
    if service is not None:
        service.priority = max(service.priority, int(number))
        service.before[target] = None
        service.wanted_by[target] = None


def _order_as_said(service: _Service) -> None:
    for name in _names(service, service.content.provides):
        if name.endswith(".service"):
            service.aliases[name] = None
        elif name.endswith(".target"):
            # Who provides it, brings it in, and before it is reached. A network that is configured is one as well.
            for each in (name, "network.target") if name == _NETWORK else (name,):
                service.before[each] = None
                service.wants[each] = None
    for name in _names(service, service.content.before):
        service.before[name] = None
    for name in _names(service, service.content.after):
        service.after[name] = None
        if name == _NETWORK:
            service.wants[name] = None


def _order_by_priority(service: _Service, others: Iterable[_Service]) -> None:
    """Where one of two scripts says nothing of its order, the numbers of their links do."""
    for other in others:
        if service.priority < 0 or other.priority < 0 or service.content.has_header and other.content.has_header:
            continue
        if service.priority < other.priority:
            service.before[other.name] = None
        elif service.priority > other.priority:
            service.after[other.name] = None


def _names(service: _Service, lines: Iterable[str]) -> Iterable[str]:
    """The units that these facilities are, the service's own names left out."""
    own = service.path.rpartition("/")[2]
    for line in lines:
        for word in _split(line):
            name = "" if word == own else _facility(word)
            if name and name != service.name:
                yield name


def _facility(word: str) -> str:
    """The unit that stands for a facility, "" where there need be none."""
    bare = word.removeprefix("$")
    if bare in _FACILITIES:
        return _FACILITIES[bare]
    if word != bare:
        target = f"{bare}.target"
        return target if unitname.is_valid(target) and "@" not in target else ""
    return unit_of(word)


def _split(line: str) -> list[str]:
    """Words as a shell would see them; a quote that is not closed ends with the line."""
    words: list[str] = []
    word: str | None = None
    quote = ""
    characters = iter(line)
    for char in characters:
        if char == "\\" and quote != "'":
            following = next(characters, "")
            word = (word or "") + following if following else word
        elif char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote, word = char, word or ""
        elif not quote and char in " \t":
            words += [word] if word is not None else []
            word = None
        else:
            word = (word or "") + char
    return words + ([word] if word is not None else [])
