"""What becomes of scopes: the same script for a real systemd and for ours, told by the manager's own signals.

`look` is called outside of the container; it runs this file inside, with nothing but python3-minimal, where the manager's
private socket is asked and the processes that go into scopes are children of the script.
"""

from __future__ import annotations

import ast
import os
import sys
import time

if __name__ == "__main__":
    sys.path.insert(0, "/opt/look")

from initd.cli.bus import MANAGER, MANAGER_PATH, PROPERTIES, UNIT, Bus, BusError
from initd.core.objectpath import unit_path

HERE = os.path.dirname(os.path.abspath(__file__))
SCOPE = "org.freedesktop.systemd1.Scope"
DEAF = ("sh", "-c", "trap '' TERM HUP; while :; do sleep 1; done")
SLEEPER = ("sleep", "1000")
_UNIT_STATE = ("ActiveState", "SubState")

#: Name → (the processes of the scope, its properties, what is done when it runs). "end": all its processes are killed.
CASES: dict[str, tuple[tuple[tuple[str, ...], ...], list, tuple[str, ...]]] = {
    "ends-with-its-last-process": ((SLEEPER, SLEEPER), [], ("end first", "end")),
    "stop": ((SLEEPER,), [], ("stop",)),
    "stop-of-the-deaf": ((DEAF,), [("TimeoutStopUSec", ("t", 300000))], ("stop",)),
    "stop-without-sigkill": (
        (DEAF,), [("TimeoutStopUSec", ("t", 300000)), ("SendSIGKILL", ("b", False))], ("stop", "end")),
    "stop-hangs-up": ((SLEEPER,), [("SendSIGHUP", ("b", True)), ("KillSignal", ("i", 2))], ("stop",)),
    "kill-mode-none": ((SLEEPER,), [("KillMode", ("s", "none"))], ("stop",)),
    "kill-mode-process": ((SLEEPER,), [("KillMode", ("s", "process"))], ("stop",)),
    "kill-mode-mixed": ((SLEEPER,), [("KillMode", ("s", "mixed")), ("TimeoutStopUSec", ("t", 300000))], ("stop",)),
    "kill": ((SLEEPER, SLEEPER), [], ("kill all 15",)),
    "kill-main": ((SLEEPER,), [], ("kill main 15", "kill control 15", "end")),
    "runtime-max": ((SLEEPER,), [("RuntimeMaxUSec", ("t", 300000))], ("wait", "result", "reset-failed")),
    "runtime-max-deaf": (
        (DEAF,), [("RuntimeMaxUSec", ("t", 300000)), ("TimeoutStopUSec", ("t", 300000))], ("wait", "result", "reset-failed")),
    "collect": (
        (SLEEPER,), [("RuntimeMaxUSec", ("t", 300000)), ("CollectMode", ("s", "inactive-or-failed"))], ("wait",)),
    "abandon": ((SLEEPER,), [], ("abandon", "abandon", "end")),
    "abandon-and-stop": ((SLEEPER,), [], ("abandon", "stop")),
    "start-again": ((SLEEPER,), [], ("start", "restart", "reload", "end")),
    "the-same-name": ((SLEEPER,), [], ("transient", "end")),
    "attach": ((SLEEPER,), [], ("attach", "end first", "end")),
    "attach-to-delegated": (
        (SLEEPER,), [("Delegate", ("b", True))], ("attach", "end first", "end first", "attach")),
    "exits-by-itself": ((("sleep", "1.5"), SLEEPER), [], ("wait", "wait", "end")),
    "its-children-are-its-own": ((("sh", "-c", "sleep 1; sleep 1000 & sleep 1"),), [], ("wait", "wait", "stop")),
    "no-processes": ((), [], ()),
    "unknown-process": ((), [("PIDs", ("au", [99999]))], ()),
    "init": ((), [("PIDs", ("au", [1]))], ()),
    "empty-list": ((), [("PIDs", ("au", []))], ()),
    "not-for-scopes": ((SLEEPER,), [("User", ("s", "daemon"))], ()),
    "exec-start": ((SLEEPER,), [("ExecStart", ("a(sasb)", [("/bin/true", ["true"], False)]))], ()),
    "slice": ((SLEEPER,), [("Slice", ("s", "odd.slice")), ("Description", ("s", "A scope"))], ("slice", "end")),
    "no-slice": ((SLEEPER,), [("Slice", ("s", "odd.service"))], ()),
    "needs-one-that-fails": ((SLEEPER,), [("Requires", ("as", ["missing.service"]))], ()),
}


class Looker:
    """Asks for one case after the other."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.said: list[str] = []
        self.pids: list[int] = []

    @staticmethod
    def sleeper(command: tuple[str, ...]) -> int:
        """A new process that has nothing to do with us but its parent."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if not pid:
            os.setsid()
            os.execvp(command[0], command)
        os.close(writer)
        os.read(reader, 1)  # closed by exec: from now on it is what it will be
        os.close(reader)
        return pid

    def case(self, name: str) -> list[str]:
        commands, properties, steps = CASES[name]
        self.unit, self.said = f"case-{name}.scope", []
        self.pids = [self.sleeper(each) for each in commands]
        given = [*properties, ("PIDs", ("au", self.pids))] if self.pids else properties
        self.properties = given
        if self.ask("StartTransientUnit", "ssa(sv)a(sa(sv))", self.unit, "fail", given, []):
            self.until_still()
        for step in steps:
            self.said.append(f"- {step}")
            getattr(self, "do_" + step.split()[0].replace("-", "_"))(*step.split()[1:])
            self.until_still()
        self.do_end()
        self.until_still()
        self.bus.ask("ResetFailed")
        return self.said

    # --- what is done -------------------------------------------------------------------------------------------------

    def ask(self, member: str, signature: str, *args) -> bool:
        try:
            self.bus.ask(member, signature, *args)
        except BusError as problem:
            text = problem.text
            for number, pid in enumerate(self.pids):
                text = text.replace(str(pid), f"PID{number}")
            self.said.append(f"{problem.name.rpartition('.')[2]}: {text}")
            return False
        return True

    def do_end(self, which: str = "") -> None:
        pids = self.pids[:1] if which else self.pids
        for pid in pids:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass  # dead, and reaped by us
        if which:
            self.pids = self.pids[1:]

    def do_stop(self) -> None:
        self.ask("StopUnit", "ss", self.unit, "replace")

    def do_start(self) -> None:
        self.ask("StartUnit", "ss", self.unit, "replace")

    def do_restart(self) -> None:
        self.ask("RestartUnit", "ss", self.unit, "replace")

    def do_reload(self) -> None:
        self.ask("ReloadUnit", "ss", self.unit, "replace")

    def do_kill(self, who: str, signal: str) -> None:
        self.ask("KillUnit", "ssi", self.unit, who, int(signal))

    def do_abandon(self) -> None:
        self.ask("AbandonScope", "s", self.unit)

    def do_reset_failed(self) -> None:
        self.ask("ResetFailedUnit", "s", self.unit)

    def do_transient(self) -> None:
        self.ask("StartTransientUnit", "ssa(sv)a(sa(sv))", self.unit, "fail", self.properties, [])

    def do_wait(self) -> None:
        """Nothing: the clock does it."""

    def do_result(self) -> None:
        self.said.append("Result=" + self.bus.get(unit_path(self.unit), SCOPE, "Result"))

    def do_slice(self) -> None:
        path = unit_path(self.unit)
        self.said.append("Slice=" + self.bus.get(path, SCOPE, "Slice"))
        self.said.append("Description=" + self.bus.get(path, UNIT, "Description"))

    def do_attach(self) -> None:
        self.pids.append(self.sleeper(SLEEPER))
        if not self.ask("AttachProcessesToUnit", "ssau", self.unit, "", self.pids[-1:]) and "removed" in self.said:
            return
        found = self.bus.ask("GetUnitProcesses", "s", self.unit)[0]
        self.said.append(f"{len(found)} processes")

    # --- what is seen -------------------------------------------------------------------------------------------------

    def until_still(self) -> None:
        """Notes what the manager tells, until it has told nothing for a while, at the end of all deadlines."""
        path = unit_path(self.unit)
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            _reap()
            self.bus.call(MANAGER_PATH, "org.freedesktop.DBus.Peer", "Ping")
            for message in self.bus._signals:
                self.note(message, path)
            self.bus._signals.clear()
            time.sleep(0.02)

    def note(self, message, path: str) -> None:
        if message.interface == PROPERTIES and message.path == path:
            changed = {key: value for key, (_, value) in message.body[1].items()}
            if message.body[0] == UNIT and "ActiveState" in changed:
                line = " ".join(changed[key] for key in _UNIT_STATE)
            elif changed.get("Result", "success") != "success":
                line = f"Result={changed['Result']}"
            else:
                return
            earlier = [each for each in self.said if each.startswith("Result=") == line.startswith("Result=")]
            if earlier[-1:] != [line]:
                self.said.append(line)
        elif message.interface == MANAGER and message.member == "UnitRemoved" and message.body[1] == path:
            self.said.append("removed")
        elif message.interface == MANAGER and message.member == "JobRemoved" and message.body[2] == self.unit:
            self.said.append(f"job {message.body[3]}")


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _properties(looker: Looker) -> dict[str, str]:
    """The properties of the interface of scopes, with their types."""
    pid = looker.sleeper(SLEEPER)
    looker.bus.ask("StartTransientUnit", "ssa(sv)a(sa(sv))", "properties.scope", "fail", [("PIDs", ("au", [pid]))], [])
    found = looker.bus.get_all(unit_path("properties.scope"), SCOPE)
    os.kill(pid, 9)
    return {name: signature for name, (signature, _) in sorted(found.items())}


def options() -> tuple[str, ...]:
    """What a container needs for `look`."""
    tree = os.path.abspath(HERE + "/../../..")
    return (f"--volume={tree}/initd:/opt/look/initd:ro", f"--volume={HERE}/look.py:/opt/look/look.py:ro")


def look(container, *cases: str) -> dict[str, object]:
    """What was told of each case, and the properties of a scope."""
    return ast.literal_eval(container.exec("python3", "-I", "/opt/look/look.py", *cases, timeout=300).stdout)


def main() -> None:
    looker = Looker()
    told = {name: looker.case(name) for name in sys.argv[1:] or CASES}
    print({"properties": _properties(looker), "cases": told})


if __name__ == "__main__":
    main()
