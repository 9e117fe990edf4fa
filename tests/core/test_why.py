"""Situations, and what is said of why a unit is as it is: each with the chain that led there, its files and lines.

A function under `situation(FILES)` plays what happens, with a fake system; what `why` then says of a.service, or of the
unit that the function names, must be the text in situations.txt under its name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from initd.core import events as ev
from initd.core.engine import Engine
from initd.core.load import load_unit
from initd.core.sources import LoadFacts, UnitFiles, UnitText
from initd.core.states import ExecPhase, JobMode, JobType
from initd.core.values import Now
from initd.core.whence import Whence
from initd.core.why import why
from tests.sim.system import SEC, Behaviour, FakeSystem

RECORD = Path(__file__).with_name("situations.txt")
ETC = "/etc/systemd/system"
SITUATIONS: dict[str, tuple[dict[str, str], Callable[[Played], str | None]]] = {}
START, STOP, RESTART = JobType.START, JobType.STOP, JobType.RESTART
SHUTDOWN = {name: f"[Unit]\nDefaultDependencies=no\n{more}" for name, more in {
    "shutdown.target": "", "sysinit.target": "", "basic.target": "",
    "exit.target": "Requires=exit.service\nAfter=exit.service\n",
    "poweroff.target": "Requires=exit.service\nAfter=exit.service\n", "system.slice": "", "-.slice": "", "sockets.target": "",
    "timers.target": "", "paths.target": "", "exit.service":
    "Requires=shutdown.target\nAfter=shutdown.target\nSuccessAction=exit-force\n[Service]\nType=oneshot\nExecStart=/bin/true\n",
}.items()}


class Played:
    """One situation on its way. `links`: (unit, ".wants", name) that are there."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = SHUTDOWN | {name: text for name, text in files.items() if "/" not in name}
        self.links = [tuple(name.split("/")) for name in files if "/" in name]
        self.system = FakeSystem(Engine(Now(0, 0), seed=1), has_triggers=True)
        self.load(*self.files)
        self.system.engine.pinned = frozenset(self.system.engine.units)

    def read(self, name: str) -> UnitFiles:
        from initd.core.dependency import Dependency

        kinds = {"wants": Dependency.WANTS, "requires": Dependency.REQUIRES}
        links = tuple((kinds[kind], other) for unit, kind, other in self.links if unit == name)
        text = self.files.get(name)
        fragment = UnitText(f"{ETC}/{name}", text, 1) if text is not None else None
        return UnitFiles(name, (name,), fragment, links=links, is_masked=text == "")

    def link(self, names, kind, others):
        word = kind.value.lower()
        return next((f"{ETC}/{unit}.{each}/{other}" for unit, each, other in self.links
                     if unit in names and other in others and each == word), "")

    def load(self, *names: str) -> None:
        graph = self.system.engine.graph
        for name in names:
            graph.want(name)
        while missing := graph.missing():
            self.system.send(ev.UnitsLoaded(tuple(load_unit(self.read(name), LoadFacts()) for name in missing)))

    # --- what happens ----------------------------------------------------------------------------------------------

    def boot(self, name: str = "default.target") -> None:
        self.system.send(ev.Boot(name))
        self.wait()

    def ask(self, unit: str, what: JobType = START, by: str = "systemctl [77]", mode: JobMode = JobMode.REPLACE) -> None:
        self.system.send(ev.JobRequest(7, unit, what, mode, False, by))
        self.wait()

    def wait(self, seconds: float = 1) -> None:
        self.system.run(until=self.system.usec + int(seconds * SEC))

    def behave(self, unit: str, *behaviours: Behaviour, phase: ExecPhase = ExecPhase.START) -> None:
        self.system.behaviours[unit, phase] = list(behaviours)

    # --- what is said ----------------------------------------------------------------------------------------------

    def told(self, name: str) -> str:
        self.load(name)
        unit = self.system.engine.units[name]
        lines = why(unit, self.system.engine.world, Whence(self.read, self.link), self.system.now)
        for line in lines:
            assert line.usec == 0 or self.system.wall_offset <= line.usec <= self.system.now.realtime_usec, line
        text = "\n".join("  " * line.depth + line.text + (f"  [{line.source}]" if line.source else "") for line in lines)
        return re.sub(re.escape(ETC) + "/", "", text)


def situation(files: dict[str, str]):
    def keep(play: Callable[[Played], str | None]) -> Callable[[Played], str | None]:
        SITUATIONS[play.__name__] = (files, play)
        return play
    return keep


SIMPLE = "[Service]\nExecStart=/bin/prog\n"
WANTED = {"default.target": "[Unit]\nRequires=multi-user.target\n", "multi-user.target": "[Unit]\nDescription=x\n",
          "a.service": SIMPLE, "multi-user.target/wants/a.service": ""}
FAILS = Behaviour(exit_after=SEC // 2, status=3)


@situation(WANTED)
def started_by_the_boot(play):
    play.boot()


@situation({"a.service": "[Unit]\nRequires=b.service\n" + SIMPLE, "b.service": SIMPLE})
def started_by_hand_and_what_it_requires(play):
    play.ask("a.service", by="systemctl start a [41]")
    return "b.service"


@situation({"a.service": SIMPLE})
def never_asked_for(play):
    pass


@situation(WANTED)
def wanted_by_what_is_not_up(play):
    play.behave("a.service", Behaviour())


@situation({})
def no_such_file(play):
    pass


@situation({"a.service": ""})
def masked(play):
    play.ask("a.service")


@situation({"a.service": "[Service]\nType=sometimes\nExecReload=/bin/x\n"})
def a_file_that_cannot_be_used(play):
    play.ask("a.service")


@situation({"a.service": SIMPLE})
def stopped_by_hand(play):
    play.ask("a.service")
    play.ask("a.service", STOP, by="systemctl stop a [42]")


@situation({"a.service": SIMPLE})
def it_has_ended_well(play):
    play.behave("a.service", Behaviour(exit_after=SEC // 2))
    play.ask("a.service")


@situation({"a.service": SIMPLE})
def it_has_failed(play):
    play.behave("a.service", FAILS)
    play.ask("a.service")


@situation({"a.service": SIMPLE})
def it_was_killed(play):
    play.behave("a.service", Behaviour(exit_after=SEC // 2, killed_by=9))
    play.ask("a.service")


@situation({"a.service": "[Service]\nType=oneshot\nExecStart=/bin/prog\n"})
def a_oneshot_that_is_done(play):
    play.ask("a.service")


@situation({"a.service": "[Service]\nExecStart=/bin/prog\nRestart=on-failure\nRestartSec=30\n"})
def it_waits_for_its_restart(play):
    play.behave("a.service", FAILS)
    play.ask("a.service", by="systemctl start a [43]")


@situation({**WANTED, "a.service": "[Service]\nExecStart=/bin/prog\nRestart=always\nRestartSec=1\n"})
def it_was_restarted_by_itself(play):
    play.behave("a.service", FAILS, FAILS, Behaviour())
    play.boot()
    play.wait(5)


@situation({"a.service": "[Unit]\nStartLimitBurst=2\n[Service]\nExecStart=/bin/prog\nRestart=always\nRestartSec=0\n"})
def it_was_started_too_often(play):
    play.behave("a.service", FAILS)
    play.ask("a.service")
    play.wait(5)


@situation({"a.service": SIMPLE})
def restarted_by_hand(play):
    play.ask("a.service")
    play.ask("a.service", RESTART, by="systemctl restart a [44]")


@situation({"a.service": "[Unit]\nConditionPathExists=/there\nConditionPathExists=!/etc/no\n" + SIMPLE})
def a_condition_is_not_met(play):
    play.system.condition_results["a.service"] = False
    play.ask("a.service")


@situation({"a.service": "[Unit]\nConditionPathExists=|/x\nConditionPathExists=|/y\n" + SIMPLE})
def no_triggering_condition_is_met(play):
    play.system.condition_results["a.service"] = False
    play.ask("a.service")


@situation({"a.service": "[Unit]\nAssertPathExists=/there\n" + SIMPLE})
def an_assertion_is_not_met(play):
    play.system.condition_results["a.service"] = False
    play.ask("a.service")


@situation({"a.service": "[Unit]\nRequires=b.service\nAfter=b.service\n" + SIMPLE,
            "b.service": "[Service]\nType=oneshot\nExecStart=/bin/prog\n"})
def what_it_requires_has_failed(play):
    play.behave("b.service", FAILS)
    play.ask("a.service", by="systemctl start a [45]")


@situation({"a.service": "[Unit]\nAfter=b.service\n" + SIMPLE,
            "b.service": "[Service]\nType=notify\nTimeoutStartSec=60\nExecStart=/bin/prog\n",
            "default.target": "[Unit]\nWants=a.service b.service\n"})
def it_waits_for_one_that_does_not_say_ready(play):
    play.behave("b.service", Behaviour())
    play.boot()


@situation({"a.service": "[Service]\nType=notify\nTimeoutStartSec=60\nExecStart=/bin/prog\n"})
def it_does_not_say_ready(play):
    play.behave("a.service", Behaviour())
    play.ask("a.service")


@situation({"a.service": "[Service]\nType=notify\nTimeoutStartSec=2\nExecStart=/bin/prog\n"})
def it_took_too_long_to_start(play):
    play.behave("a.service", Behaviour())
    play.ask("a.service")
    play.wait(5)


@situation({"a.service": "[Service]\nExecStartPre=/bin/check\nExecStart=/bin/prog\n"})
def what_comes_first_has_failed(play):
    play.behave("a.service", Behaviour(exit_after=10, status=7), phase=ExecPhase.START_PRE)
    play.ask("a.service")


@situation({"a.service": "[Unit]\nBindsTo=b.service\nAfter=b.service\n" + SIMPLE, "b.service": SIMPLE})
def it_was_bound_to_one_that_has_ended(play):
    play.behave("b.service", Behaviour(exit_after=3 * SEC))
    play.ask("a.service")
    play.wait(5)


@situation({"a.service": SIMPLE, "b.service": "[Unit]\nRequires=a.service\n" + SIMPLE})
def stopped_with_it_what_requires_it(play):
    play.ask("b.service")
    play.ask("a.service", STOP, by="systemctl stop a [46]")
    return "b.service"


@situation({"a.service": SIMPLE, "b.service": "[Unit]\nConflicts=a.service\n" + SIMPLE})
def stopped_for_what_conflicts_with_it(play):
    play.ask("a.service")
    play.ask("b.service", by="systemctl start b [47]")


@situation({"a.service": SIMPLE, "b.service": "[Unit]\nOnFailure=a.service\n" + SIMPLE})
def started_by_the_failure_of_another(play):
    play.behave("b.service", FAILS)
    play.ask("b.service", by="systemctl start b [48]")


@situation({"a.service": SIMPLE, "a.timer": "[Timer]\nOnActiveSec=2\nAccuracySec=1us\n"})
def started_by_a_timer(play):
    play.ask("a.timer", by="systemctl start a.timer [49]")
    play.wait(5)


@situation({"a.service": SIMPLE, "a.timer": "[Timer]\nOnActiveSec=90\nAccuracySec=1us\n"})
def a_timer_is_to_start_it(play):
    play.ask("a.timer", by="systemctl start a.timer [55]")


@situation({"a.service": SIMPLE, "a.socket": "[Socket]\nListenStream=/run/a\n"})
def started_by_a_socket(play):
    play.ask("a.socket", by="systemctl start a.socket [50]")
    play.system.come("a.socket")
    play.wait()


@situation({"a.service": SIMPLE, "a.path": "[Path]\nPathExists=/there\n"})
def started_by_a_path(play):
    play.system.there.add("a.path")
    play.ask("a.path", by="systemctl start a.path [51]")


@situation({"a.service": "[Unit]\nAfter=b.service\n" + SIMPLE, "b.service": "[Unit]\nAfter=a.service\n" + SIMPLE,
            "default.target": "[Unit]\nWants=a.service b.service\n"})
def dropped_to_break_a_ring(play):
    play.boot()
    return next(name for name in ("a.service", "b.service") if play.system.state(name)[0] == "inactive")


@situation({"a.service": "[Unit]\nStopWhenUnneeded=yes\n" + SIMPLE, "b.service": "[Unit]\nWants=a.service\n" + SIMPLE})
def nobody_needs_it_any_more(play):
    play.ask("b.service")
    play.ask("b.service", STOP)


@situation(WANTED)
def the_end_was_asked_for_by_signal(play):
    play.behave("a.service", Behaviour(ignores=(15,)))
    play.boot()
    play.system.send(ev.SignalReceived("TERM"))
    play.wait()


@situation({"a.service": SIMPLE, "b.service": "[Unit]\nUpholds=a.service\n" + SIMPLE})
def it_is_upheld(play):
    play.behave("a.service", Behaviour(exit_after=SEC), Behaviour())
    play.ask("b.service", by="systemctl start b [52]")
    play.wait(5)


@situation({"a.service": SIMPLE})
def it_was_unloaded_since(play):
    play.system.engine.pinned = frozenset()
    play.behave("a.service", Behaviour(exit_after=SEC // 2))
    play.ask("a.service", by="systemctl start a [53]")
    play.system.engine.collect_garbage(play.system.now)
    assert "a.service" not in play.system.engine.units


@situation({"a.service": "[Unit]\nConditionPathExists=/nowhere\n" + SIMPLE})
def it_was_skipped_and_unloaded_since(play):
    play.system.engine.pinned = frozenset()
    play.system.condition_results["a.service"] = False
    play.ask("a.service", by="systemctl start a [54]")
    play.system.engine.collect_garbage(play.system.now)


def outcome(name: str, reexecutes: bool = False) -> str:
    files, play = SITUATIONS[name]
    played = Played(files)
    asked = play(played) or "a.service"
    if reexecutes:
        played.load(asked)
        played.system.reexecute()
    return played.told(asked)


def recorded() -> dict[str, str]:
    parts = re.split(r"^=== (\w+)\n", RECORD.read_text(), flags=re.MULTILINE)
    return {name: text.rstrip("\n") for name, text in zip(parts[1::2], parts[2::2])}


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_chain_is_told(name: str) -> None:
    if os.environ.get("RECORD_SITUATIONS"):
        RECORD.write_text("".join(f"=== {each}\n{outcome(each)}\n\n" for each in SITUATIONS))
    assert outcome(name) == recorded()[name]


@pytest.mark.parametrize("name", SITUATIONS)
def test_another_manager_knows_it_too(name: str) -> None:
    assert outcome(name, reexecutes=True) == recorded()[name]


@pytest.mark.parametrize("name", [
    "started_by_the_boot", "it_has_failed", "it_waits_for_its_restart", "stopped_by_hand", "a_condition_is_not_met",
    "it_was_bound_to_one_that_has_ended"])
def test_a_daemon_reload_changes_nothing_of_it(name: str) -> None:
    files, play = SITUATIONS[name]
    played = Played(files)
    play(played)
    engine = played.system.engine
    engine.reload([load_unit(played.read(each), LoadFacts()) for each in sorted(engine.graph.units)], played.system.now)
    assert played.told("a.service") == recorded()[name]


def test_each_line_has_the_time_of_what_it_tells() -> None:
    played = Played(WANTED)
    played.behave("a.service", Behaviour(exit_after=3 * SEC, status=1))
    played.boot()
    played.wait(10)
    began, wall = SEC, played.system.wall_offset
    lines = why(played.system.engine.units["a.service"], played.system.engine.world, Whence(played.read, played.link),
                played.system.now)
    seconds = {line.text.partition(" [")[0]: (line.usec - wall - began) / SEC for line in lines if line.usec}
    assert seconds["a.service is failed (failed)"] == seconds["its main process"] == pytest.approx(3, abs=0.01)
    assert seconds["it was started"] == seconds["default.target is what the boot starts"] == 0


def test_what_was_asked_for_is_not_kept_for_ever() -> None:
    played = Played({"a.service": SIMPLE})
    for number in range(300):
        played.system.send(ev.JobRequest(7, "a.service", RESTART, JobMode.REPLACE, False, f"systemctl [{number}]"))
        played.wait(0.01)
    assert len(played.system.engine.world.queue.asked) < 150 and "systemctl [299]" in played.told("a.service")


def test_there_are_thirty_and_none_is_left_over() -> None:
    assert len(SITUATIONS) >= 30 and recorded().keys() == SITUATIONS.keys()
