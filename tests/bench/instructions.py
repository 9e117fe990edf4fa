"""What a unit costs the engine in instructions, which are the same on a busy machine: `python3 tests/bench/instructions.py`.

    COUNT boot       units are read, resolved, started one and all, and stopped again, by the engine; nothing else is there
    COUNT reference  configparser reads as many files: the measure, so that another Python's speed is not ours

Under cachegrind, as `instructions()` runs it, the interpreter's own start and the imports are in the number: the cost of a unit
is the difference of two runs.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"

UNIT = """\
[Unit]
Description=The daemon that answers for part {number}
Documentation=man:daemon{number}(8)
After=network.target nss-lookup.target
Wants=network.target
ConditionPathExists=!/etc/daemon{number}/not-to-be-run

[Service]
Type=simple
EnvironmentFile=-/etc/default/daemon{number}
ExecStart=/usr/sbin/daemon{number} --foreground --config /etc/daemon{number}.conf $OPTIONS
ExecReload=/bin/kill -HUP $MAINPID
KillMode=process
Restart=on-failure
RestartSec=5s
RuntimeDirectory=daemon{number}
LimitNOFILE=65536
ProtectSystem=full
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
"""


def instructions(what: str, count: int) -> int:
    """Of a run that ends well."""
    done = subprocess.run(
        ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", PYTHON, "-S", __file__, what,
         str(count)],
        capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "0", "PATH": os.environ["PATH"]})
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1].replace(",", ""))


def compile_all(what: str) -> None:
    """What the interpreter has not compiled yet must not be in the first of several runs alone."""
    subprocess.run([PYTHON, "-S", __file__, what, "1"], check=True)


def per_unit(what: str, few: int, many: int) -> float:
    compile_all(what)
    return (instructions(what, many) - instructions(what, few)) / (many - few)


def reference(count: int) -> None:
    from configparser import RawConfigParser

    for number in range(count):
        parser = RawConfigParser(strict=False, interpolation=None)
        parser.read_string(UNIT.format(number=number))


def boot(count: int) -> None:
    """Each unit is up, and down again, or this is no measure."""
    sys.path.insert(0, str(ROOT))
    from initd.core import events as ev
    from initd.core.engine import Engine
    from initd.core.load import load_unit
    from initd.core.sources import LoadFacts, UnitFiles, UnitText
    from initd.core.states import ActiveState, JobMode, JobType
    from initd.core.values import Now, ProcessEnd

    names = [f"daemon{number}.service" for number in range(count)]
    engine = Engine(Now(0, 0), seed=1)
    texts = {name: UNIT.format(number=number) for number, name in enumerate(names)}
    for name in ("sysinit", "basic", "shutdown", "network", "multi-user"):
        texts[f"{name}.target"] = "[Unit]\nDefaultDependencies=no\n"
    texts["multi-user.target"] += f"Wants={' '.join(names)}\n"
    engine.graph.want("multi-user.target")
    usec = 1
    pids: dict[str, int] = {}

    def feed(event: object) -> None:
        nonlocal usec
        pending = [event]
        while pending:
            usec += 1
            for effect in engine.handle(pending.pop(0), Now(usec, usec)):
                kind = type(effect).__name__
                if kind == "Spawn":
                    request = effect.request
                    pids[request.unit] = 1000 + len(pids)
                    pending.append(ev.SpawnDone(request.unit, request.phase, pids[request.unit]))
                elif kind == "CheckConditions":
                    pending.append(ev.ConditionsChecked(effect.unit, (True,) * len(effect.conditions), ()))
                elif kind == "KillProcesses":
                    pending.append(ev.ProcessesKilled(effect.unit, 1))

    while missing := engine.graph.missing():
        feed(ev.UnitsLoaded(tuple(
            load_unit(UnitFiles(name, (name,), UnitText(f"/etc/systemd/system/{name}", texts[name]) if name in texts else None),
                      LoadFacts()) for name in missing)))
    feed(ev.Boot("multi-user.target"))
    states = {engine.units[name].active_state for name in names}
    assert states == {ActiveState.ACTIVE}, states
    for name in names:
        feed(ev.JobRequest(1, name, JobType.STOP, JobMode.REPLACE))
        feed(ev.ProcessExited(name, pids[name], ProcessEnd("killed", 15)))
        feed(ev.UnitEmpty(name))
    states = {engine.units[name].active_state for name in names if name in engine.units}
    assert states <= {ActiveState.INACTIVE}, states


if __name__ == "__main__":
    if len(sys.argv) == 3:
        {"boot": boot, "reference": reference}[sys.argv[1]](int(sys.argv[2]))
    else:
        ours, theirs = per_unit("boot", 50, 150), per_unit("reference", 50, 150)
        print(f"{ours / 1e6:.1f} million instructions a unit, {ours / theirs:.2f} times configparser's for reading it")
