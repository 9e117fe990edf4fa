"""The last step of a shutdown, as PID 1 of a namespace and as an ordinary process."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from initd.core.effects import KillEverything
from initd.shell.kill import Killer
from initd.shell.track import Tracker, read_stat

from .conftest import needs_root, wait_until

ROOT = Path(__file__).resolve().parents[2]

AS_PID_1 = textwrap.dedent("""
    import os, signal, sys
    sys.path.insert(0, sys.argv[1])
    from initd.core.effects import KillEverything
    from initd.shell.kill import Killer
    from initd.shell.reap import reap
    from initd.shell.track import Tracker
    children = [os.posix_spawn("/bin/sh", ["sh", "-c", script], {"PATH": os.environ["PATH"]}) for script in (
        "sleep 1000", "setsid sleep 1001 & sleep 1002", "(trap '' TERM; sleep 1003)", "exec sleep 1004")]
    spared = children[-1]
    tracker = Tracker({})
    killer = Killer(tracker, spared=(spared,))
    while True:
        order = killer.kill_everything(KillEverything(signal.SIGKILL))
        for _ in reap(tracker): pass
        if order.event.count == 0: break
    left = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    print([os.getpid(), [open(f"/proc/{pid}/comm").read() for pid in left], spared in left])
""")


@needs_root
def test_pid_1_kills_everybody_but_the_spared():
    done = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", AS_PID_1, str(ROOT)],
                          capture_output=True, text=True, timeout=60)
    own_pid, left, is_spared_left = ast.literal_eval(done.stdout or "[0, [], False]")
    assert own_pid == 1 and is_spared_left and len(left) == 2 and left[1] in ("sh\n", "sleep\n"), done


def test_ordinary_manager_reaches_only_its_own():
    stranger = subprocess.Popen(["/bin/sh", "-c", "sleep 1000 & echo $!; wait"], stdout=subprocess.PIPE, text=True)
    grandchild = int(stranger.stdout.readline())
    # As a manager that is a child of ours would see it: the stranger is its sibling.
    program = textwrap.dedent("""
        import signal, subprocess, sys
        sys.path.insert(0, sys.argv[1])
        from initd.core.effects import KillEverything
        from initd.shell.kill import Killer
        from initd.shell.track import Tracker
        child = subprocess.Popen(["sleep", "1000"])
        print(Killer(Tracker({})).kill_everything(KillEverything(signal.SIGKILL)).event.count, child.wait())
    """)
    done = subprocess.run([sys.executable, "-c", program, str(ROOT)], capture_output=True, text=True, timeout=60)
    assert done.stdout == "1 -9\n", done
    assert stranger.poll() is None and not read_stat(grandchild).is_zombie
    os.kill(grandchild, signal.SIGKILL)
    stranger.kill()
    stranger.wait()


def test_nobody_left_is_zero(tmp_path):
    killed = Killer(Tracker({}), spared=()).kill_everything(KillEverything(signal.SIGCONT))
    assert killed.event.unit == "" and os.getpid() not in [info.pid for info in killed.processes]


@pytest.mark.parametrize("number, survives", [(signal.SIGTERM, True), (signal.SIGKILL, False)])
def test_signal_is_the_one_ordered(number, survives):
    from initd.core.effects import KillProcesses
    from initd.shell.track import process_ref

    child = subprocess.Popen(["/bin/sh", "-c", "trap 'echo heard' TERM; echo ready; while :; do sleep 0.01; done"],
                             stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    tracker = Tracker({})
    tracker.watch("u.service", process_ref(child.pid))
    Killer(tracker).kill_processes(KillProcesses("u.service", number, process_ref(child.pid), None, False))
    if survives:
        assert child.stdout.readline() == "heard\n"
        child.kill()
    wait_until(lambda: child.poll() is not None)


class Storm:
    """A tracker whose unit always has one process more, until `left` of them are killed."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.looks = 0

    @property
    def census(self) -> Storm:
        return self

    def look(self, on_counted) -> None:
        pass

    def is_complete(self) -> bool:
        return False

    def has_cgroup(self, unit: str) -> bool:
        return False

    def members(self, unit: str, gone: set):
        self.looks += 1
        if self.left > 0:
            self.left -= 1
            yield None  # somebody who was gone before he could be looked at


def _storm(left: int, monkeypatch) -> tuple[Storm, Killer]:
    from initd.shell import kill

    monkeypatch.setattr(kill, "_GO_NSEC", 0)  # every go is over at once
    storm = Storm(left)
    return storm, Killer(storm)


def _kill_storm(killer: Killer, number: int = signal.SIGKILL):
    from initd.core.effects import KillProcesses

    return killer.kill_processes(KillProcesses("u.service", number, None, None, True)).event


def test_who_escapes_is_chased_in_short_goes_with_other_business_in_between(monkeypatch):
    storm, killer = _storm(10, monkeypatch)
    assert _kill_storm(killer).count == 1  # there is somebody to wait for
    assert (storm.looks, killer.is_chasing) == (5, True)
    goes = 0
    while killer.is_chasing:
        killer.unsettled.clear()
        killer.go_on()
        goes += 1
    assert (goes, storm.left) == (2, 0) and killer.unsettled == {"u.service"}


def test_a_chase_comes_to_an_end_where_nobody_can_be_caught(monkeypatch):
    storm, killer = _storm(10**9, monkeypatch)
    _kill_storm(killer)
    while killer.is_chasing:
        killer.go_on()
    assert storm.looks == 1000 and killer.unsettled == {"u.service"}


def test_a_new_process_of_the_unit_ends_the_chase(monkeypatch):
    _, killer = _storm(100, monkeypatch)
    _kill_storm(killer)
    killer.give_up("u.service")
    assert not killer.is_chasing


def test_other_signals_do_not_chase(monkeypatch):
    storm, killer = _storm(100, monkeypatch)
    _kill_storm(killer, signal.SIGTERM)
    assert (storm.looks, killer.is_chasing) == (5, False)
