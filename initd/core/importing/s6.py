"""s6-overlay's directory (/etc/s6-overlay, or /etc with what version 2 had) → units.

Version 3 has s6-rc.d/NAME with a type (longrun, oneshot, bundle), dependencies.d and, for what is started, user/contents.d;
version 2 services.d/NAME/run and, before those and one after the other, the scripts of cont-init.d. Source: the pages on source
definition directories (s6-rc-compile) and service directories (s6), and s6-overlay's README.
"""

from __future__ import annotations

from initd.core.importing import shellwords
from initd.core.importing.made import BadImport, Draft, Imported, MadeUnit, Remark, command_line, plain, stem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.importing.tree import Tree

_RC, _SERVICES, _INIT, _FINISH = DIRECTORIES = ("s6-rc.d", "services.d", "cont-init.d", "cont-finish.d")
#: Names of s6-overlay's own bundle for what containers add, and of what it orders them by.
_USER, _OWN = ("user", "user2"), ("base", "legacy-cont-init", "legacy-services", "fix-attrs")
_SUFFIXES = {"longrun": ".service", "oneshot": ".service", "bundle": ".target"}
_NOT_CARRIED = {
    "notification-fd": "there is no such readiness: the service is up once it runs; with Type=notify it says itself when.",
    "consumer-for": "services are no pipelines: what one writes is in the journal, and the other reads nothing.",
    "producer-for": "services are no pipelines: what it writes is in the journal.",
    "pipeline-name": "services are no pipelines.",
    "max-death-tally": "say StartLimitBurst= and StartLimitIntervalSec=.",
    "lock-fd": "a unit has one main process, which is known.",
    "flag-essential": "any unit can be stopped; RefuseManualStop=yes forbids it to people.",
    "data": "is for the scripts to read, where it stands.", "env": "is for the scripts to read, where it stands.",
}
_WITH_CONTENV = ("reads the container's variables by with-contenv, of s6-overlay, which has to be there still: units are given "
                 "them by PassEnvironment=.")


def is_s6(tree: Tree) -> bool:
    return any(name in tree.names() for name in (_RC, _SERVICES, _INIT))


def convert(tree: Tree) -> Imported:
    made = _Import(tree)
    made.version_3()
    made.version_2()
    return Imported(tuple(made.units), tuple(made.remarks))


class _Import:
    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.units: list[MadeUnit] = []
        self.remarks: list[Remark] = []

    # --- version 3 --------------------------------------------------------------------------------------------------------

    def version_3(self) -> None:
        tree = self._tree
        started = {name for bundle in _USER for name in self._contents(f"{_RC}/{bundle}")}
        types = {name: self._type(name) for name in tree.names(_RC) if name not in _USER and name not in _OWN}
        names = {name: stem(name) + _SUFFIXES[kind] for name, kind in types.items()}
        for name, kind in types.items():
            directory = f"{_RC}/{name}"
            draft = Draft(names[name], name, f"{tree.path}/{directory}")
            if needed := [names[each] for each in self._dependencies(directory, names, draft)]:
                draft.set("Unit", "Requires", " ".join(needed))
                draft.set("Unit", "After", " ".join(needed))
            if kind == "bundle":
                contents = self._contents(directory)
                if unknown := [each for each in contents if each not in names]:
                    raise BadImport(f"{tree.path}/{directory}", 0, f"there is no {unknown[0]}.")
                draft.set("Unit", "Wants", " ".join(names[each] for each in contents))
            elif kind == "oneshot":
                self._oneshot(directory, draft)
            else:
                self._longrun(directory, draft)
            self._add(draft, name in started)

    def _type(self, name: str) -> str:
        kind = self._tree.text(f"{_RC}/{name}/type")
        if kind not in _SUFFIXES:
            raise BadImport(f"{self._tree.path}/{_RC}/{name}/type", 0, f"{kind!r} is none of {', '.join(_SUFFIXES)}.")
        return kind

    def _contents(self, directory: str) -> list[str]:
        return self._tree.names(f"{directory}/contents.d") or self._tree.text(f"{directory}/contents").split()

    def _dependencies(self, directory: str, names: dict[str, str], draft: Draft) -> list[str]:
        tree = self._tree
        found = []
        for name in tree.names(f"{directory}/dependencies.d") or tree.text(f"{directory}/dependencies").split():
            if name in names:
                found.append(name)
            elif name not in _OWN:
                raise BadImport(f"{tree.path}/{directory}", 0, f"depends on {name}, which is not there.")
        return found

    def _oneshot(self, directory: str, draft: Draft) -> None:
        draft.set("Service", "Type", "oneshot")
        draft.set("Service", "RemainAfterExit", "yes")
        for file, key in (("up", "ExecStart"), ("down", "ExecStop")):
            text = "\n".join(line for line in self._tree.text(f"{directory}/{file}").split("\n") if not line.startswith("#"))
            try:
                argv = shellwords.split(text)
            except ValueError as error:
                raise BadImport(f"{self._tree.path}/{directory}/{file}", 0, f"{error}.") from None
            if not argv:
                if file == "up":
                    raise BadImport(f"{self._tree.path}/{directory}/up", 0, "there is no command.")
                continue
            if "/" in argv[0] and not argv[0].startswith("/") or {"{", "}"} & set(argv):
                argv = ["/command/execlineb", "-P", "-c", text]
                self._remark(draft, directory, file, "is a program of execline, which has to be there still.")
            draft.set("Service", key, command_line(argv))
        for file, key in (("timeout-up", "TimeoutStartSec"), ("timeout-down", "TimeoutStopSec")):
            if milliseconds := self._tree.number(f"{directory}/{file}", 0):
                draft.set("Service", key, f"{milliseconds}ms")
        self._not_carried(directory, draft)

    # --- services and scripts of either ---------------------------------------------------------------------------------------

    def _longrun(self, directory: str, draft: Draft) -> None:
        tree = self._tree
        if not tree.has(f"{directory}/run"):
            raise BadImport(f"{tree.path}/{directory}", 0, "there is no run.")
        draft.set("Unit", "StartLimitIntervalSec", 0)
        draft.set("Service", "WorkingDirectory", plain(f"{tree.path}/{directory}"))
        draft.set("Service", "ExecStart", command_line([f"{tree.path}/{directory}/run"]))
        draft.set("Service", "Restart", "always")
        draft.set("Service", "RestartSec", 1)
        draft.set("Service", "KillMode", "mixed")
        if signal := tree.text(f"{directory}/down-signal"):
            draft.set("Service", "KillSignal", signal if signal.isdecimal() else f"SIG{signal.removeprefix('SIG')}")
        if milliseconds := tree.number(f"{directory}/timeout-kill", 0):
            draft.set("Service", "TimeoutStopSec", f"{milliseconds}ms")
        if tree.has(f"{directory}/finish"):
            draft.set("Service", "ExecStopPost", command_line([f"{tree.path}/{directory}/finish"]) + " $EXIT_STATUS")
            self._remark(draft, directory, "finish", "gets the exit status, or the signal's name, as its only argument; s6 "
                         "gives 256 for a signal, and its number. Its 125 does not keep the service down.")
        if tree.has(f"{directory}/log/run"):
            self._remark(draft, directory, "log/run", "is not run: what the service writes is in the journal.")
        if "with-contenv" in tree.text(f"{directory}/run"):
            self._remark(draft, directory, "run", _WITH_CONTENV)
        self._not_carried(directory, draft)

    def _not_carried(self, directory: str, draft: Draft) -> None:
        for file in self._tree.names(directory):
            if file in _NOT_CARRIED:
                self._remark(draft, directory, file, _NOT_CARRIED[file])

    def _remark(self, draft: Draft, directory: str, file: str, reason: str) -> None:
        draft.remarks.append(Remark(f"{self._tree.path}/{directory}/{file}", 0, "", reason))

    def _add(self, draft: Draft, is_started: bool) -> None:
        if is_started:
            draft.set("Install", "WantedBy", "multi-user.target")
        self.remarks += draft.remarks
        self.units.append(draft.made((draft.name,) if is_started else ()))

    # --- version 2 --------------------------------------------------------------------------------------------------------

    def version_2(self) -> None:
        tree = self._tree
        before: list[str] = []
        for name in tree.names(_INIT):
            draft = Draft(f"cont-init-{stem(name)}.service", name, f"{tree.path}/{_INIT}/{name}")
            if before:
                draft.set("Unit", "After", before[-1])
            draft.set("Service", "Type", "oneshot")
            draft.set("Service", "RemainAfterExit", "yes")
            draft.set("Service", "ExecStart", command_line([f"{tree.path}/{_INIT}/{name}"]))
            if "with-contenv" in tree.text(f"{_INIT}/{name}"):
                self._remark(draft, _INIT, name, _WITH_CONTENV)
            before.append(draft.name)
            self._add(draft, True)
        for name in tree.names(_SERVICES):
            draft = Draft(f"{stem(name)}.service", name, f"{tree.path}/{_SERVICES}/{name}")
            if before:
                draft.set("Unit", "After", before[-1])
            self._longrun(f"{_SERVICES}/{name}", draft)
            self._add(draft, not tree.has(f"{_SERVICES}/{name}/down"))
        self.remarks += [Remark(f"{tree.path}/{_FINISH}/{name}", 0, "", "is not run: say it as ExecStop= of a unit.")
                         for name in tree.names(_FINISH)]
