"""A project of Compose → units: each service that says what it runs is a service here, in this one container.

What makes containers of them (images, networks, volumes, ports) has no place in a unit, and is told. Source: the Compose
specification. The YAML is read by whoever calls: here come plain values, and the line of each option.
"""

from __future__ import annotations

import re

from initd.core.importing import shellwords
from initd.core.importing.made import (
    BadImport,
    Draft,
    Imported,
    Remark,
    command_line,
    directory_of,
    joined,
    plain,
    stem,
    variable,
)
from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_VARIABLE = re.compile(r"\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])((?:[^{}]|\{[^{}]*\})*))?\})", re.ASCII)
_SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_ONE_CONTAINER = "all run in this one container, and share what it has."
_NOT_CARRIED = {
    "image": "what the image holds has to be in this container.", "build": "what the image holds has to be in this container.",
    "ports": "is for whoever runs the container: publish them there.",
    "expose": _ONE_CONTAINER, "networks": _ONE_CONTAINER,
    "links": _ONE_CONTAINER + " Other services are at localhost.", "network_mode": _ONE_CONTAINER, "hostname": _ONE_CONTAINER,
    "volumes": "is for whoever runs the container: mount them there.",
    "tmpfs": "say TemporaryFileSystem= or RuntimeDirectory=.",
    "healthcheck": "is not run: WatchdogSec= and Type=notify have a service say how it is; see pyinit health.",
    "read_only": "say ProtectSystem=strict.", "cap_add": "say AmbientCapabilities=.", "cap_drop": "say CapabilityBoundingSet=.",
    "privileged": _ONE_CONTAINER, "container_name": "units are called after services.", "labels": "units have none.",
    "logging": "what a service writes is in the journal.",
    "deploy": "say MemoryMax=, CPUQuota= and Restart=.",
    "mem_limit": "say MemoryMax=.", "cpus": "say CPUQuota=.", "pids_limit": "say TasksMax=.", "ulimits": "say Limit…=.",
    "secrets": "say LoadCredential=.", "configs": "has to be in this container.",
    "scale": "say a template, and instances of it.",
    "init": "pyinit reaps what is left over.", "tty": "say StandardInput=tty.", "stdin_open": "say StandardInput=.",
}
_CARRIED = {"command", "entrypoint", "environment", "env_file", "working_dir", "user", "depends_on", "restart", "stop_signal",
            "stop_grace_period", "profiles"}
_GRACE = "10s"
_STARTED = "service_started"


class Facts(Record):
    """`environ` is that of the import, with what .env adds; `lines` are those of (service, option)."""

    environ: dict[str, str] = {}
    lines: dict[tuple[str, str], int] = {}


def is_compose(path: str) -> bool:
    return path.rpartition("/")[2] in _NAMES


def convert(data: object, path: str, facts: Facts) -> Imported:
    services = data.get("services") if isinstance(data, dict) else None
    if not isinstance(services, dict) or not all(isinstance(options, dict) for options in services.values()):
        raise BadImport(path, 0, "there are no services: as in a file of Compose.")
    project = str(data.get("name") or "") if isinstance(data, dict) else ""
    target = stem(project or directory_of(path).rpartition("/")[2] or "app") + ".target"
    made = []
    remarks: list[Remark] = []
    wanted = []
    for name, options in services.items():
        service = _Service(str(name), options, path, facts, target)
        draft = service.draft(set(map(str, services)))
        remarks += service.remarks
        if draft is not None:
            if "profiles" not in options:
                wanted.append(draft.name)
            made.append(draft.made())
    if wanted:
        draft = Draft(target, f"{target.removesuffix('.target')} (all of it)", path)
        draft.set("Unit", "Wants", " ".join(wanted))
        draft.set("Install", "WantedBy", "multi-user.target")
        made.append(draft.made((target,)))
    return Imported(tuple(made), tuple(remarks))


def variables_of(text: str) -> dict[str, str]:
    """What a .env says: KEY=value, in quotes or not, a line each."""
    found = {}
    for line in text.splitlines():
        key, sign, value = line.strip().removeprefix("export ").partition("=")
        if sign and not key.startswith("#"):
            value = value.strip()
            is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            found[key.strip()] = value[1:-1] if is_quoted else value.partition(" #")[0].rstrip()
    return found


def substituted(text: str, environ: Mapping[str, str]) -> str:
    """ValueError for a variable that has to be there and is not."""
    def value(found: re.Match[str]) -> str:
        dollar, bare, name, operator, other = found.groups()
        if dollar:
            return "$"
        name = bare or name
        is_set = name in environ and (operator is None or not operator.startswith(":") or environ[name] != "")
        if operator and operator.endswith("+"):
            return substituted(other, environ) if is_set else ""
        if is_set or operator is None:
            return environ.get(name, "")
        if operator.endswith("?"):
            raise ValueError(f"{name} is not set: {other}" if other else f"{name} is not set")
        return substituted(other, environ)

    return _VARIABLE.sub(value, text)


class _Service:
    def __init__(self, name: str, options: dict[str, Any], path: str, facts: Facts, target: str) -> None:
        self._name = name
        self._path = path
        self._facts = facts
        self._target = target
        self.remarks: list[Remark] = []
        self._options = {option: self._filled(option, value) for option, value in options.items()}

    def draft(self, others: set[str]) -> Draft | None:
        options = self._options
        for option in options:
            if option not in _CARRIED and not option.startswith("x-"):
                self._remark(option, _NOT_CARRIED.get(option, "has no place in a unit."))
        argv = [*self._words("entrypoint"), *self._words("command")]
        if not argv:
            self._remark("", "no unit is written: what it runs is said by its image alone. Say it with command.")
            return None
        draft = Draft(f"{stem(self._name)}.service", self._name, f"{self._path}, services.{self._name}")
        draft.set("Unit", "PartOf", self._target)
        self._depend(draft, others)
        self._surroundings(draft)
        if not argv[0].startswith("/") and "/" in argv[0]:
            directory = str(options.get("working_dir") or "/")
            argv[0] = joined(directory, argv[0])
        draft.set("Service", "ExecStart", command_line(argv))
        self._restart(draft)
        draft.remarks += self.remarks
        return draft

    def _filled(self, option: str, value: Any) -> Any:
        if isinstance(value, str):
            try:
                return substituted(value, self._facts.environ)
            except ValueError as error:
                raise self._bad(option, str(error)) from None
        if isinstance(value, dict):
            return {str(key): self._filled(option, each) for key, each in value.items()}
        return [self._filled(option, each) for each in value] if isinstance(value, list) else value

    def _line(self, option: str) -> int:
        return self._facts.lines.get((self._name, option), self._facts.lines.get((self._name, ""), 0))

    def _bad(self, option: str, reason: str) -> BadImport:
        return BadImport(self._path, self._line(option), f"services.{self._name}.{option}: {reason}.")

    def _remark(self, option: str, reason: str) -> None:
        what = f"services.{self._name}.{option}" if option else f"services.{self._name}"
        self.remarks.append(Remark(self._path, self._line(option), what, reason))

    def _words(self, option: str) -> list[str]:
        value = self._options.get(option)
        if value is None:
            return []
        if isinstance(value, list):
            return [_text(each) for each in value]
        try:
            return shellwords.split(_text(value))
        except ValueError as error:
            raise self._bad(option, str(error)) from None

    def _depend(self, draft: Draft, others: set[str]) -> None:
        needed = self._options.get("depends_on") or {}
        for name in needed:
            if name not in others:
                raise self._bad("depends_on", f"there is no service {name}")
        units = " ".join(f"{stem(name)}.service" for name in needed)
        if units:
            draft.set("Unit", "Wants", units)
            draft.set("Unit", "After", units)
        hows = list(needed.values()) if isinstance(needed, dict) else []
        if any(isinstance(how, dict) and how.get("condition", _STARTED) != _STARTED for how in hows):
            self._remark("depends_on", "waits until they run, and not until they are healthy or done: Type=notify, or oneshot, "
                                       "there makes it so.")

    def _surroundings(self, draft: Draft) -> None:
        options = self._options
        passed = []
        given = options.get("environment") or {}
        pairs = given.items() if isinstance(given, dict) else [_pair(_text(each)) for each in given]
        files = options.get("env_file") or []
        for file in files if isinstance(files, list) else [files]:
            is_optional = isinstance(file, dict) and file.get("required") is False
            file = joined(directory_of(self._path), _text(file.get("path") if isinstance(file, dict) else file))
            draft.set("Service", "EnvironmentFile", ("-" if is_optional else "") + plain(file))
        if files and given:
            self._remark("environment", "what env_file says as well is taken from there, and not from here.")
        for key, value in pairs:
            setting = variable(key, "" if value is None else _text(value))
            if setting is None:
                self._remark("environment", f"systemd takes no variable with the name {key!r}.")
            elif value is None:
                passed.append(key)
            else:
                draft.set("Service", "Environment", setting)
        if passed:
            draft.set("Service", "PassEnvironment", " ".join(passed))
        if directory := options.get("working_dir"):
            draft.set("Service", "WorkingDirectory", plain(_text(directory)))
        user, _, group = _text(options.get("user") or "").partition(":")
        if user:
            draft.set("Service", "User", plain(user))
        if group:
            draft.set("Service", "Group", plain(group))

    def _restart(self, draft: Draft) -> None:
        policy = self._options.get("restart")
        word, _, tries = _text("no" if policy in (None, False) else policy).partition(":")
        if word not in ("no", "always", "unless-stopped", "on-failure"):
            raise self._bad("restart", f"{policy!r} is none of no, always, on-failure, unless-stopped")
        if word != "no":
            draft.set("Service", "Restart", "on-failure" if word == "on-failure" else "always")
            draft.set("Service", "RestartSec", 1)
            draft.set("Unit", "StartLimitIntervalSec", "infinity" if tries else 0)
        if tries:
            if not tries.isdecimal():
                raise self._bad("restart", f"{tries!r} is no number")
            draft.set("Unit", "StartLimitBurst", int(tries) + 1)
        if signal := self._options.get("stop_signal"):
            word = _text(signal).upper()
            draft.set("Service", "KillSignal", word if word.isdecimal() or word.startswith("SIG") else f"SIG{word}")
        draft.set("Service", "KillMode", "mixed")
        grace = _text(self._options.get("stop_grace_period") or _GRACE)
        found = _SPAN.fullmatch(grace)
        if not found:
            raise self._bad("stop_grace_period", f"{grace!r} is no time, as in 1m30s")
        hours, minutes, seconds, milliseconds = found.groups()
        parts = ((hours, "h"), (minutes, "min"), (seconds, "s"), (milliseconds, "ms"))
        draft.set("Service", "TimeoutStopSec", " ".join(f"{value}{unit}" for value, unit in parts if value))


def _pair(text: str) -> tuple[str, str | None]:
    key, sign, value = text.partition("=")
    return key, value if sign else None


def _text(value: object) -> str:
    """A value of YAML as Compose takes it for a string."""
    return str(value).lower() if isinstance(value, bool) else str(value)
