"""A directory of runit's service directories → units: runsv(8), sv(8).

runsv starts run again whenever it ends, a second later at the earliest, and never gives up; a signal for the service goes to
that process alone.
"""

from __future__ import annotations

from initd.core.importing.made import Draft, Imported, MadeUnit, Remark, command_line, plain, stem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.importing.tree import Tree

#: Letters of sv(8) → what they are for.
_CONTROLS = {
    "t": "stopping", "d": "stopping", "k": "killing", "h": "SIGHUP", "a": "SIGALRM", "i": "SIGINT", "q": "SIGQUIT",
    "1": "SIGUSR1", "2": "SIGUSR2", "p": "SIGSTOP", "c": "SIGCONT", "o": "a single run", "u": "starting",
    "x": "the end of runsv",
}


def is_runit(tree: Tree) -> bool:
    return any(tree.has(f"{name}/run") for name in tree.names())


def convert(tree: Tree) -> Imported:
    units: list[MadeUnit] = []
    remarks: list[Remark] = []
    for name in tree.names():
        if not tree.has(f"{name}/run"):
            continue
        draft = _service(tree, name)
        is_down = tree.has(f"{name}/down")
        if not is_down:
            draft.set("Install", "WantedBy", "multi-user.target")
        remarks += draft.remarks
        units.append(draft.made(() if is_down else (draft.name,)))
    return Imported(tuple(units), tuple(remarks))


def _service(tree: Tree, name: str) -> Draft:
    directory = f"{tree.path}/{name}"
    draft = Draft(f"{stem(name)}.service", name, directory)

    def remark(file: str, reason: str) -> None:
        draft.remarks.append(Remark(f"{directory}/{file}", 0, "", reason))

    draft.set("Unit", "StartLimitIntervalSec", 0)
    draft.set("Service", "WorkingDirectory", plain(directory))
    draft.set("Service", "ExecStart", command_line([tree.program(f"{name}/run")]))
    draft.set("Service", "Restart", "always")
    draft.set("Service", "RestartSec", 1)
    draft.set("Service", "KillMode", "mixed")
    if tree.has(f"{name}/finish"):
        draft.set("Service", "ExecStopPost", command_line([tree.program(f"{name}/finish")]) + " $EXIT_STATUS")
        remark("finish", "gets the exit status, or the signal's name, as its first argument; runsv gives -1 for a signal, and "
                         "the wait status as the second.")
    if tree.has(f"{name}/log/run"):
        remark("log/run", "is not run: what the service writes is in the journal.")
    if tree.has(f"{name}/check"):
        remark("check", "is not run: a service is up once it runs. With Type=notify it says itself when it is ready.")
    for letter in tree.names(f"{name}/control"):
        remark(f"control/{letter}", f"is not run for {_CONTROLS.get(letter, 'anything')}: say ExecStop=, ExecReload= or "
                                     "KillSignal=.")
    if "chpst" in tree.text(f"{name}/run"):
        remark("run", "calls chpst(8), of runit: User=, EnvironmentFile=, Limit…= do the same.")
    return draft
