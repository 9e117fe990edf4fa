"""What the tests of spawning, tracking and killing share: the helper program, and a unit's worth of settings."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from initd.core.settings import ExecSettings
from initd.core.states import ExecPhase
from initd.core.values import ExecCommand, SpawnRequest
from initd.shell.spawn import NO_SOCKETS, ExecOutcome, SocketFds, Spawned, Spawner, SpawnFacts

EXEC_SOURCES = Path(__file__).resolve().parents[2] / "initd" / "exec"


@pytest.fixture(scope="session")
def helper(tmp_path_factory) -> str:
    """pyinit-exec, built by its own Makefile's rule, outside of the tree."""
    program = tmp_path_factory.mktemp("exec") / "pyinit-exec"
    sources = sorted(str(path) for path in EXEC_SOURCES.glob("*.c"))
    subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-static", "-o", str(program), *sources], check=True)
    return str(program)


class Runner:
    """Spawns commands of a unit and says how they went; leaves nothing behind."""

    def __init__(self, spawner: Spawner, directory: Path) -> None:
        self.spawner = spawner
        self.output_path = directory / "output"
        self.spawned: list[int] = []
        directory.chmod(0o755)

    def settings(self, **settings: object) -> ExecSettings:
        unit = ExecSettings()
        unit.standard_output, unit.standard_output_path = "append", str(self.output_path)
        for name, value in settings.items():
            assert hasattr(ExecSettings, name), name
            setattr(unit, name, value)
        return unit

    def request(self, command: ExecCommand, settings: ExecSettings, **request: object) -> SpawnRequest:
        values = {"unit": "test.service", "unit_number": 7, "phase": ExecPhase.START, "cgroup": ""}
        return SpawnRequest(command=command, exec=settings, **{**values, **request})

    def start(
        self, *argv: str, command: ExecCommand | None = None, request: dict | None = None,
        sockets: SocketFds = NO_SOCKETS, **settings: object
    ) -> Spawned:
        command = command or ExecCommand(argv[0], argv)
        spawned = self.spawner.spawn(self.request(command, self.settings(**settings), **(request or {})), sockets)
        self.spawned.append(spawned.pid)
        return spawned

    def run(self, *argv: str, **options: object) -> tuple[str, int, ExecOutcome]:
        """Output, exit status and outcome of the set-up, once the process is gone."""
        self.output_path.write_text("")
        spawned = self.start(*argv, **options)
        outcome = wait_for_outcome(spawned)
        _pid, status = os.waitpid(spawned.pid, 0)
        self.spawned.remove(spawned.pid)
        return self.output_path.read_text(), os.waitstatus_to_exitcode(status), outcome

    def shell(self, script: str, **options: object) -> str:
        """What the script prints, when it ends well."""
        output, status, outcome = self.run("/bin/sh", "-c", script.replace("$", "$$"), **options)
        assert (status, outcome.kind) == (0, "succeeded"), (output, status, outcome)
        return output

    def fails(self, **options: object) -> tuple[int, str, int]:
        """Exit status, step and errno of a set-up that fails, agreed on by pipe and exit status."""
        _output, status, outcome = self.run("/bin/true", **options)
        assert outcome.kind == "failed" and outcome.report is not None, outcome
        assert status == outcome.report.exit_status
        return status, outcome.report.step, outcome.report.errno

    def close(self) -> None:
        for pid in self.spawned:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for unit in ("test.service", "other.service", "third.service"):
            self.spawner.spaces.release(unit)


def wait_for_outcome(spawned: Spawned, seconds: float = 20) -> ExecOutcome:
    deadline = time.monotonic() + seconds
    said = select.poll()  # not select(2): a test run has more than a thousand descriptors
    said.register(spawned.status, select.POLLIN)
    while time.monotonic() < deadline:
        said.poll((deadline - time.monotonic()) * 1000)
        outcome = spawned.status.read()
        if outcome is not None:
            spawned.status.close()
            return outcome
    raise AssertionError("the status pipe was not closed in time")


def wait_until(condition, seconds: float = 20):
    """The first true value of the condition; asks often rather than sleeping long."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def facts(helper) -> SpawnFacts:
    return SpawnFacts(helper, journal_path="/nonexistent/journal", uid=os.getuid(), gid=os.getgid())


@pytest.fixture
def runner(facts, tmp_path):
    runner = Runner(Spawner(facts), tmp_path)
    yield runner
    runner.close()


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="changes users, needs root")
