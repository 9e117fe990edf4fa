"""What goes wrong around an init, each as a function of a seeded Random and a number of tries.

A scenario makes its containers, does its worst, and returns what must not be (in words: a failure each) and figures worth
keeping. Nothing in it depends on how fast the machine is.
"""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "container"), str(HERE.parents[1])]

from bare import Bare  # noqa: E402
from clients import bad_clients  # noqa: E402
from clocks import clock_jumps  # noqa: E402
from harness import PLAIN  # noqa: E402
from images import build_root  # noqa: E402
from kills import killed_at_any_step  # noqa: E402
from reexec import reexecuted_under_load  # noqa: E402
from shortages import no_memory, nothing_left  # noqa: E402
from storms import fork_bomb, orphans  # noqa: E402
from subjects import (  # noqa: E402
    MIXED,
    SPEAKING,
    STARTED,
    UNITS,
    Outcome,
    Subject,
    ask,
    boot_files,
    bugs_in,
    complaints,
    spoken,
)

# --- the container is told to stop -----------------------------------------------------------------------------------


#: Of these Bare machines so many live at a time: mostly they wait.
AT_ONCE = 4


class Instant(NamedTuple):
    """When it is told what, and how it ended."""

    number: int
    signals: tuple[tuple[float, str], ...]

    def __str__(self) -> str:
        return f"{self.number}: " + ", ".join(f"{name} after {pause:.4f} s" for pause, name in self.signals)


def stop_at_any_instant(random: Random, tries: int) -> Outcome:
    """SIGTERM or SIGRTMIN+3 to PID 1, some time between its first instruction and well after the boot; and sometimes twice."""
    instants = []
    for number in range(tries):
        name, pause = random.choice(("SIGTERM", "SIGRTMIN+3")), random.random() ** 2 * 1.4
        again = [(pause + random.random() / 5, name)] if random.random() < 0.2 else []
        instants.append(Instant(number, ((pause, name), *again)))
    image = build_root(PLAIN)
    failures, totals = [], Counter({"lines acknowledged": 0, "of them lost": 0})
    with ProcessPoolExecutor(min(AT_ONCE, tries)) as pool:
        for number, outcome in enumerate(pool.map(partial(stopped_at, image), instants)):
            failures += outcome.failures
            totals.update(outcome.figures)
            if outcome.failures or number % 500 == 499:
                print(number, *outcome.failures, sep="\n", file=sys.stderr)
    totals["CPU ms a try"] //= tries
    return Outcome(failures, dict(totals))


def stopped_at(image: Path, instant: Instant) -> Outcome:
    machine = Bare(image, boot_files({**MIXED, **SPEAKING}, [*STARTED, "speaker.service"]))
    try:
        numbers = {"SIGTERM": signal.SIGTERM, "SIGRTMIN+3": signal.SIGRTMIN + 3}
        end = machine.live([(pause, numbers[name]) for pause, name in instant.signals])
        failures = [f"{instant}: {line}" for line in bugs_in(end.output)]
        if end.code != 0:
            failures.append(f"{instant}: " + ("does not end" if end.code is None else f"ended with {end.code}"))
        failures += [f"{instant}: was left behind: {each}" for each in end.left]
        written, acknowledged, lost = spoken(machine.directory / "run")
        if lost:
            failures.append(f"{instant}: lost, of {written} lines, of which {acknowledged} were acknowledged: {lost}")
        missed = sum(1 for number in lost if number <= acknowledged)
        return Outcome(failures, {"lines acknowledged": acknowledged, "of them lost": missed, "CPU ms a try": end.cpu_msec})
    finally:
        machine.remove()


# --- services that crash -----------------------------------------------------------------------------------------------


def crash_storm(random: Random, tries: int) -> Outcome:
    """So many services crash at once, half of them for ever; others are restarted meanwhile as if nothing were."""
    units = {"calm.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sleep 1000\n"}
    for number in range(tries):
        # Five starts of five hundred may take longer than the default of ten seconds.
        limit = f"StartLimitIntervalSec={'0' if number % 2 else '1h'}\n"
        pause = f"RestartSec={random.randint(5, 20) * tries}ms\n" if number % 2 else "RestartSec=10ms\n"
        units[f"crash-{number}.service"] = (
            f"[Unit]\n{limit}[Service]\nExecStart=/bin/sh -c 'exit {random.randint(1, 250)}'\nRestart=always\n{pause}")
    failures = []
    container = Subject(units, list(units))
    try:
        container.start()
        container.wait_for_state("calm.service", "active")
        for _ in range(10):
            before = container.main_pid("calm.service")
            done = ask(container, "restart", "calm.service")
            if done.returncode or container.main_pid("calm.service") in (0, before):
                failures.append(f"a restart in the storm: {done.returncode} {done.stderr}")
        names = [name for name in units if name.startswith("crash-")]
        limited = names[::2]
        container.wait_until("the limits hold", lambda: all(
            state == "failed" for state in ask(container, "is-active", *limited).stdout.split()), timeout=120)
        for name in limited:
            facts = container.systemctl("show", "-p", "Result,NRestarts", name).split()
            if sorted(facts) != ["NRestarts=5", "Result=exit-code"] and "Result=start-limit-hit" not in facts:
                failures.append(f"{name}: {facts}")
        restarts = sum(int(container.show(name, "NRestarts")) for name in names[1::2])
        if not restarts:
            failures.append("who may crash for ever does not")
        ask(container, "stop", *names, timeout=120)
        left = [state for state in ask(container, "is-active", *names).stdout.split() if state not in ("inactive", "failed")]
        failures += [f"after the stop: {state}" for state in left] + complaints(container)
        if zombies := container.zombies():
            failures.append(f"zombies: {zombies}")
    finally:
        container.remove()
    return Outcome(failures, {"restarts": restarts})


def hard_to_stop(random: Random, tries: int) -> Outcome:
    """Units that ignore SIGTERM, fork while they die, or were stopped by SIGSTOP: their stop ends, and nothing is left."""
    kinds = {
        "ignores": "/bin/sh -c 'trap \"\" TERM INT HUP; while :; do sleep 0.05; done'",
        "forks": "/bin/sh -c 'trap \"(trap \\\"\\\" TERM; sleep 1000) & (sleep 1001 &)\" TERM; while :; do sleep 0.05; done'",
        "relay": f"/bin/sh {UNITS}relay",
        "leaves": "/bin/sh -c 'setsid sleep 1002 & setsid sh -c \"setsid sleep 1003 & sleep 1004\" & sleep 1005'",
        "frozen": "/bin/sleep 1006",
    }
    more = {"relay": "Type=forking\n"}
    units = {f"{kind}.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nTimeoutStopSec=300ms\n"
                                f"ExecStart={command}\n{more.get(kind, '')}"
             for kind, command in kinds.items()}
    failures = []
    container = Subject(units | {"relay": "trap '' TERM\nsleep 0.0$(($$ % 4))\nsh $0 &\n"}, [])
    try:
        container.start().wait_until_booted()
        for number in range(tries):
            kind = random.choice(list(kinds)) if number >= len(kinds) else list(kinds)[number]
            container.systemctl("start", f"{kind}.service")
            time.sleep(random.random() / 5)
            if kind == "frozen":
                container.exec("kill", "-STOP", str(container.main_pid("frozen.service")))
            done = ask(container, "stop", f"{kind}.service", timeout=60)
            state = ask(container, "is-active", f"{kind}.service").stdout.strip()
            if done.returncode or state not in ("inactive", "failed"):
                failures.append(f"{number}: {kind}: {done.returncode}, {state}")
            left = [each for each in container.processes() if each["Name"] in ("sleep", "sh") and each["PPid"] == "1"]
            if left:
                failures.append(f"{number}: {kind}: left: {left}")
        failures += complaints(container)
    finally:
        container.remove()
    return Outcome(failures, {})


# --- the manager is exchanged, and its units -----------------------------------------------------------------------------


def reloaded_while_files_change(random: Random, tries: int) -> Outcome:
    """daemon-reload while unit files come, change, break and go: what runs goes on, and the last word counts."""
    failures = []
    container = Subject(MIXED, STARTED)
    names = [f"moving-{number}.service" for number in range(8)]
    try:
        container.start().wait_until_booted()
        before = container.main_pid("daemon.service")
        for number in range(tries):
            script = []
            for name in random.sample(names, 4):
                text = random.choice((
                    "[Service]\\nExecStart=/bin/sleep 1000\\n", "[Service]\\nType=oneshot\\nExecStart=/bin/true\\n",
                    "[Service\\nExecStart=/bin/sleep", "[Unit]\\nAfter=moving-1.service\\nRequires=moving-2.service\\n", ""))
                script.append(f"printf '{text}' > {UNITS}{name}" if random.random() < 0.7 else f"rm -f {UNITS}{name}")
                script.append(f"systemctl --no-block {random.choice(('start', 'stop', 'restart'))} {name} 2>/dev/null")
            script.append("systemctl daemon-reload")
            done = container.exec("sh", "-c", "; ".join(script), check=False)
            if done.returncode:
                failures.append(f"{number}: daemon-reload: {done.stderr}")
        for name in names:
            container.exec("sh", "-c", f"printf '[Service]\\nExecStart=/bin/sleep 77\\n' > {UNITS}{name}")
        container.systemctl("daemon-reload")
        ask(container, "stop", *names)
        container.systemctl("start", *names)
        states = ask(container, "is-active", *names).stdout.split()
        if states != ["active"] * len(names):
            failures.append(f"in the end: {states}")
        if container.main_pid("daemon.service") != before:
            failures.append("a service that nobody has touched is another")
        failures += complaints(container)
    finally:
        container.remove()
    return Outcome(failures, {})


#: Name → what it does, and its number of tries in `make test` and in `make chaos`.
SCENARIOS = {
    "stop-at-any-instant": (stop_at_any_instant, 16, 10_000),
    "killed-at-any-step": (killed_at_any_step, 18, 3000),
    "crash-storm": (crash_storm, 10, 1000),
    "hard-to-stop": (hard_to_stop, 5, 300),
    "reexecuted-under-load": (reexecuted_under_load, 5, 1000),
    "reloaded-while-files-change": (reloaded_while_files_change, 3, 300),
    "nothing-left": (nothing_left, 1, 60),
    "no-memory": (no_memory, 2, 200),
    "orphans": (orphans, 2000, 1_000_000),
    "fork-bomb": (fork_bomb, 1, 100),
    "bad-clients": (bad_clients, 1, 100),
}
#: Not in `make test`, whose machine has no other machine in it; there the clock jumps in tests/sim/test_clock.py.
ONLY_LONG = {"clock-jumps": (clock_jumps, 4, 60)}
