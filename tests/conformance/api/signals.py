"""What a manager tells its clients, and in which order: played to a real one and to ours, over the private socket.

A heard signal is one line: the object, the signal, and what it says; of PropertiesChanged the unit's states. Ids of jobs are
left out.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from initd.core.objectpath import unit_name
from initd.wire import dbus
from tests.conformance.api.interface import MANAGER, ROOT, Peer

#: Nothing has been heard for so long: that was all.
QUIET_SEC = 0.6
#: Units that the manager, or the machine below it, brings into play by itself.
OURS = "api-"

SLEEP = "ExecStart=/bin/sleep infinity\n"
UNITS = {
    "api-simple.service": "[Service]\n" + SLEEP + "ExecReload=/bin/true\n",
    "api-once.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "api-stay.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
    "api-fail.service": "[Service]\nType=oneshot\nExecStart=/bin/false\n",
    "api-crash.service": "[Service]\nExecStart=/bin/false\n",
    "api-steps.service": "[Service]\nExecStartPre=/bin/true\n" + SLEEP + "ExecStartPost=/bin/true\nExecStopPost=/bin/true\n",
    "api-unmet.service": "[Unit]\nConditionPathExists=/nosuch\n[Service]\n" + SLEEP,
    "api-needs.service": "[Unit]\nRequires=api-fail.service\nAfter=api-fail.service\n[Service]\n" + SLEEP,
    "api-never.service": "[Service]\nType=notify\n" + SLEEP,
    "api-waits.service": "[Unit]\nAfter=api-never.service\n[Service]\n" + SLEEP,
    "api-some.target": "[Unit]\nWants=api-stay.service\n",
    "api-timer.timer": "[Timer]\nOnActiveSec=1h\nUnit=api-once.service\n",
    "api-listen.socket": "[Socket]\nListenStream=/run/api.sock\nService=api-simple.service\n",
    "api-path.path": "[Path]\nPathExists=/run/api-nosuch\nUnit=api-once.service\n",
    "api-install.service": "[Service]\n" + SLEEP + "[Install]\nWantedBy=multi-user.target\n",
}  # fmt: skip


class Case(NamedTuple):
    """Method calls of the manager, one after the other: (member, signature, arguments). What `before` does is not heard."""

    before: tuple[tuple[object, ...], ...]
    calls: tuple[tuple[object, ...], ...]


def _job(verb: str, unit: str) -> tuple[object, ...]:
    return (verb + "Unit", "ss", unit, "replace")


START_SIMPLE = _job("Start", "api-simple.service")
CASES: dict[str, Case] = {
    "start a service": Case((), (START_SIMPLE,)),
    "start what runs": Case((START_SIMPLE,), (START_SIMPLE,)),
    "stop a service": Case((START_SIMPLE,), (_job("Stop", "api-simple.service"),)),
    "restart a service": Case((START_SIMPLE,), (_job("Restart", "api-simple.service"),)),
    "reload a service": Case((START_SIMPLE,), (_job("Reload", "api-simple.service"),)),
    "kill a service": Case((START_SIMPLE,), (("KillUnit", "ssi", "api-simple.service", "main", 9),)),
    "reset a failed service": Case((_job("Start", "api-crash.service"),), (("ResetFailedUnit", "s", "api-crash.service"),)),
    "start a oneshot": Case((), (_job("Start", "api-once.service"),)),
    "start a oneshot that stays": Case((), (_job("Start", "api-stay.service"),)),
    "a oneshot fails": Case((), (_job("Start", "api-fail.service"),)),
    "a service fails at once": Case((), (_job("Start", "api-crash.service"),)),
    "a service in steps": Case((), (_job("Start", "api-steps.service"), _job("Stop", "api-steps.service"))),
    "a condition is not met": Case((), (_job("Start", "api-unmet.service"),)),
    "a dependency fails": Case((), (_job("Start", "api-needs.service"),)),
    "a job waits and is cancelled": Case(
        (_job("Start", "api-never.service"),), (_job("Start", "api-waits.service"), ("ClearJobs", ""))),
    "a target with a wish": Case((), (_job("Start", "api-some.target"), _job("Stop", "api-some.target"))),
    "a timer": Case((), (_job("Start", "api-timer.timer"), _job("Stop", "api-timer.timer"))),
    "a socket": Case((), (_job("Start", "api-listen.socket"), _job("Stop", "api-listen.socket"))),
    "a path": Case((), (_job("Start", "api-path.path"), _job("Stop", "api-path.path"))),
    "load a unit": Case((), (("LoadUnit", "s", "api-once.service"),)),
    "load what is not there": Case((), (("LoadUnit", "s", "api-nosuch.service"),)),
    "ask for what is not there": Case((), (("GetUnit", "s", "api-nosuch.service"),)),
    "enable": Case((), (("EnableUnitFiles", "asbb", ["api-install.service"], False, False),)),
    "disable": Case((("EnableUnitFiles", "asbb", ["api-install.service"], False, False),),
                    (("DisableUnitFiles", "asb", ["api-install.service"], False),)),
    "disable what is not enabled": Case((), (("DisableUnitFiles", "asb", ["api-once.service"], False),)),
    "mask and unmask": Case((), (("MaskUnitFiles", "asbb", ["api-once.service"], True, False),
                                 ("UnmaskUnitFiles", "asb", ["api-once.service"], True))),
    "set the environment": Case((), (("SetEnvironment", "as", ["API=1"]), ("UnsetEnvironment", "as", ["API"]))),
    "daemon-reload": Case((START_SIMPLE,), (("Reload", ""),)),
}  # fmt: skip


def by_unit(lines: list[str]) -> dict[str, list[str]]:
    """What was heard of each unit, without what only repeats: a state told twice, or once more before its JobNew.

    In which order the news of different units come is not compared: theirs wait in queues of their own.
    """
    found: dict[str, list[str]] = {}
    for line in lines:
        words = line.split()
        name = next((word for word in words if word.startswith(OURS)), words[0])
        heard = found.setdefault(name, [])
        if words[0] == "JobNew":
            while heard and heard[-1].startswith(name):
                del heard[-1]
        heard.append(line)
    return {name: _without_repeated(heard) for name, heard in found.items()}


def _without_repeated(lines: list[str]) -> list[str]:
    """A pair of lines, for both interfaces of a unit, that says what the pair before has said."""
    kept: list[str] = []
    for line in lines:
        kept.append(line)
        if len(kept) >= 4 and kept[-2:] == kept[-4:-2] and line.startswith(OURS):
            del kept[-2:]
    return kept


class Listener:
    """`contents` collects, for each interface, what its PropertiesChanged name: the changed, and "-" the no longer valid."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.contents: dict[str, list[str]] = {}

    def play(self, case: Case) -> list[str]:
        """What was heard, with an entry for each call's answer where that is an error."""
        for call in case.before:
            self.ask(*call)
            self.listen()
        heard: list[str] = []
        for call in case.calls:
            reply = self.ask(*call)
            if reply.type == dbus.ERROR:
                heard.append(f"error {reply.error_name}")
            heard += self.listen()
        return heard

    def clean_up(self) -> None:
        """As it was: nothing of ours runs, has failed, or is loaded for long."""
        self.ask("ClearJobs", "")
        for name in UNITS:
            self.ask("StopUnit", "ss", name, "replace")
            self.ask("DisableUnitFiles", "asb", [name], False)
        self.listen()
        self.ask("ResetFailed", "")
        self.listen()

    def ask(self, member: str, signature: str, *body: object) -> dbus.Message:
        return self.peer.call(ROOT, MANAGER, member, signature, *body)

    def listen(self) -> list[str]:
        """Every signal about us, until it has been quiet for a while."""
        peer = self.peer
        found, peer.signals = [line for message in peer.signals if (line := self.spell(message))], []
        end = time.monotonic() + QUIET_SEC
        while (left := end - time.monotonic()) > 0:
            peer.socket.settimeout(left)
            try:
                line = self.spell(peer.next_message())
            except TimeoutError:
                break
            if line:
                found.append(line)
                end = time.monotonic() + QUIET_SEC
        peer.socket.settimeout(30)
        return found

    def spell(self, message: dbus.Message) -> str:
        """One line, "" where it is none of our business."""
        body = message.body
        if message.interface == "org.pyinit.Manager":
            return ""  # systemd has no word for it
        if message.member == "PropertiesChanged":
            return self._spell_changes(message.path or "", *body)
        if message.member in ("UnitNew", "UnitRemoved"):
            return f"{message.member} {body[0]}" if body[0].startswith(OURS) else ""
        if message.member in ("JobNew", "JobRemoved"):
            return f"{message.member} {' '.join(body[2:])}" if body[2].startswith(OURS) else ""
        return f"{message.member} {' '.join(str(each) for each in body)}".strip()

    def _spell_changes(self, path: str, interface: str, changed: dict[str, Any], invalid: list[str]) -> str:
        """The object and its interface, with the unit's state; and what changed where it is not the same each time."""
        name = unit_name(path) or ("job" if "/job/" in path else "manager")
        if unit_name(path) and not name.startswith(OURS):
            return ""
        interface = interface.rpartition(".")[2]
        names = [*changed, *(f"-{each}" for each in invalid)]
        words = [name, interface]
        if interface == "Unit":
            words += [f"{changed['ActiveState'][1]}/{changed['SubState'][1]}", *(["job"] if changed["Job"][1][0] else [])]
        if self.contents.setdefault(interface, names) != names:
            words.append(f"({' '.join(names)})")
        return " ".join(words)
