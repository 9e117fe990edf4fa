"""Dead children are reaped in portions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: In a process of its own, whose children are nobody else's.
SCRIPT = """
import os, sys
sys.path.insert(0, sys.argv[1])
from initd.shell.reap import AT_ONCE, reap
from initd.shell.track import Tracker
tracker = Tracker({})
for number in range(AT_ONCE + 3):
    if (pid := os.fork()) == 0:
        os._exit(number % 7)
    tracker.add_child("a.service", pid)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
print(AT_ONCE)
for _ in range(3):
    found = list(reap(tracker))
    print(len(found), {unit for _, _, unit in found}, {end.code for _, end, _ in found})
"""


def test_whoever_forks_for_ever_keeps_nobody_waiting():
    done = subprocess.run([sys.executable, "-c", SCRIPT, ROOT], capture_output=True, text=True, check=True)
    at_once, *found = done.stdout.splitlines()
    assert found == [f"{at_once} {{'a.service'}} {{'exited'}}", "3 {'a.service'} {'exited'}", "0 set() set()"]


#: The tables of the tracker fail behind the reaping of the first of two.
FAILING = """
import os, sys
sys.path.insert(0, sys.argv[1])
from initd.shell.reap import reap
from initd.shell.track import Tracker
tracker = Tracker({})
pids = []
for _ in range(2):
    if (pid := os.fork()) == 0:
        os._exit(7)
    tracker.add_child("a.service", pid)
    pids.append(pid)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
remove = tracker.remove
def fail(pid):
    tracker.remove = remove
    raise RuntimeError("no idea")
tracker.remove = fail
heard = []
for _ in range(2):
    try:
        for pid, end, unit in reap(tracker):
            heard.append((pid, end.status, unit))
    except RuntimeError as error:
        print(error)
print(sorted(heard) == sorted((pid, 7, "a.service") for pid in pids), len(heard))
"""


def test_who_is_reaped_is_told_of_whatever_goes_wrong():
    done = subprocess.run([sys.executable, "-c", FAILING, ROOT], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["no idea", "True 2"]
