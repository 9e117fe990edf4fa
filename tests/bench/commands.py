"""`python3 tests/bench/commands.py [ROUNDS]`: our systemctl beside systemd's own, on one pyinit, in turns.

Prints for each command line the median wall and CPU time of both, of an interpreter that does nothing, and how many times
longer ours takes. First in a container that has just booted, then with 1,000 active units more.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from tests.conformance.systemctl.play import REAL  # noqa: E402  (the path comes first)
from tests.conformance.systemctl.record import pyinit_container  # noqa: E402

LINES = ("is-active basic.target", "is-enabled basic.target", "list-units --all", "show basic.target", "status basic.target")
MORE_UNITS = 1000
UNIT = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"

#: Runs inside the container: argv is the real systemctl, the number of rounds, and the command lines.
TIMER = """
import os, sys, time
def once(argv):
    began = time.perf_counter()
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SYSTEMD_PAGER": ""}
    quiet = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    _, _, usage = os.wait4(os.posix_spawn(argv[0], argv, environment, file_actions=quiet), 0)
    return (time.perf_counter() - began) * 1000, (usage.ru_utime + usage.ru_stime) * 1000
def median(values):
    return sorted(values)[len(values) // 2]
real, rounds, *lines = sys.argv[1:]
for line in lines:
    programs = (["/usr/bin/systemctl", *line.split()], [real, *line.split()], ["/usr/bin/python3", "-IS", "-c", "0"])
    taken = [[once(argv) for argv in programs] for _ in range(int(rounds))]
    print(line, *(median([each[which][kind] for each in taken]) for kind in (0, 1) for which in (0, 1, 2)), sep="\\t")
"""


def main(rounds: str = "25") -> None:
    container = pyinit_container()
    try:
        container.put("/root/timer.py", TIMER)
        container.start().wait_until_booted()
        print("wall and CPU, ms: ours, systemd's, a bare interpreter; ours / systemd's wall")
        measure(container, "booted", rounds)
        add_units(container)
        measure(container, f"{MORE_UNITS} units", rounds)
    finally:
        container.remove()


def measure(container, what: str, rounds: str) -> None:
    out = container.exec("python3", "-IS", "/root/timer.py", REAL + "/systemctl", rounds, *LINES, timeout=600).stdout
    for line in out.splitlines():
        words, *numbers = line.split("\t")
        ours, real, bare, cpu_ours, cpu_real, cpu_bare = map(float, numbers)
        print(f"{what:12} {words:24} {ours:6.1f} {real:6.1f} {bare:6.1f}   {cpu_ours:5.1f} {cpu_real:5.1f} {cpu_bare:5.1f}"
              f"   {ours / real:4.2f}", flush=True)


def add_units(container) -> None:
    script = (f"cd /etc/systemd/system; mkdir all.target.wants; printf '[Unit]\\n' > all.target; for i in $(seq {MORE_UNITS}); "
              "do printf \"$1\" > u$i.service; ln -s ../u$i.service all.target.wants/; done")
    container.exec("sh", "-c", script, "sh", UNIT)
    container.systemctl("daemon-reload")
    container.systemctl("start", "--no-block", "all.target")
    container.wait_for_state("all.target", "active", timeout=300)


if __name__ == "__main__":
    main(*sys.argv[1:])
