"""systemd's own `systemctl` on our manager, beside ours: both say the same, word for word.

Runs where systemd's `systemctl` 252 is installed, in a mount namespace whose /run holds nothing but our socket, so that
it cannot reach a manager of the machine's.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from pathlib import Path

import pytest

from initd.cli import bus
from initd.cli.systemctl import main
from tests.api_manager import FakeManager
from tests.cli.conftest import write_units

REAL = "/usr/bin/systemctl"
IN_NAMESPACE = 'mount --make-rprivate / && mount --bind "$1" /run && shift && exec "$@"'


def run_real(run_directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", IN_NAMESPACE, "sh", str(run_directory), REAL, *words],
        capture_output=True, text=True, timeout=30, env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC"},
    )  # fmt: skip


def reason_to_skip() -> str:
    if os.getuid() != 0:
        return "needs root for a mount namespace"
    if not os.path.exists(REAL):
        return "no systemctl is installed"
    version = subprocess.run([REAL, "--version"], capture_output=True, text=True).stdout
    if not version.startswith("systemd 252 ") or "pyinit" in version:
        return "the systemctl here is not systemd 252's"
    probe = subprocess.run(["unshare", "-m", "true"], capture_output=True)
    return "" if probe.returncode == 0 else "mount namespaces are not allowed here"


pytestmark = pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip() or "-")

#: A session: every line is run with the real one and with ours. "+" in front: it changes something, so that each gets a
#: manager that is in the same state before it.
SESSION = """
list-units
list-units --all
is-active web
is-failed web
status web -n0
show web
show --all web
show web -p Id,ActiveState,ExecStart
show web --value -p MainPID
show
cat nosuch
list-jobs
list-dependencies many.target
list-dependencies --reverse web
is-system-running
show-environment
status nosuch
status masky -n0
status bad -n0
status foo@
is-active nosuch foo@
show nosuch -p LoadState
status 1000 -n0
status 77777
list-units w* --no-legend
list-units --plain -t service --all
list-units -t target
--failed
list-timers
list-sockets
+start web
+start nosuch
+start bad
+start only
+start masky
+start fail
+start need
+start fail web nosuch
+stop web
+stop nosuch
+restart web
+reload web
+reload slow
+try-restart web
+try-restart masky
+condrestart nosuch
+reload-or-restart web
+try-reload-or-restart web
+force-reload web
+isolate few.target
+isolate web
+start --no-block slow
+start --job-mode=fail slow --no-block
+start --job-mode=foo web
+kill web
+kill -s HUP nosuch
+kill --kill-whom=control web
+reset-failed
+reset-failed nosuch
+set-environment A=1
+set-environment bad
+unset-environment A
+cancel
+cancel 4711
+daemon-reload
+start web slow --no-block -T
+stop we*
+start zz*
""".strip().splitlines()


class Served:
    """A manager in a known state, on a socket where the real systemctl looks for it."""

    def __init__(self, directory: Path) -> None:
        self.run = directory / "run"
        (self.run / "systemd/system").mkdir(parents=True)
        self.manager = FakeManager(directory / "root")
        write_units(self.manager)
        for name in ("web.service", "many.target"):
            self.manager.load(name)
        self.path = str(self.run / "systemd/private")
        self._ready, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self.manager.serve, args=(self.path, self._is_over))

    def _is_over(self) -> bool:
        self._ready.set()
        return self._over.is_set()

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


#: What is never the same twice.
VOLATILE = (
    (re.compile(r"\d+(us|ms|s|min) ago"), "AGO"),
    (re.compile(r"\w{3} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"), "TIME"),
    (re.compile(r"(Timestamp(?:Monotonic)?)=.*"), r"\1=TIME"),
    (re.compile(r"(InvocationID)=.*"), r"\1=ID"),
)


def settled(text: str) -> str:
    for pattern, word in VOLATILE:
        text = pattern.sub(word, text)
    return text


@pytest.mark.parametrize("line", SESSION)
def test_both_say_and_do_the_same(line, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SYSTEMD_OFFLINE", "0")
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("TZ", "UTC")
    words = line.lstrip("+").split()
    answers = []
    for who in ("real", "ours"):
        with Served(tmp_path / who) as served:
            monkeypatch.setattr(bus, "SOCKET_PATH", served.path)
            assert main(["start", "web"]) == 0
            capsys.readouterr()
            if who == "real":
                done = run_real(served.run, *words)
                answer = (done.returncode, done.stdout, done.stderr)
            else:
                status = main(words)
                captured = capsys.readouterr()
                # What only pyinit's manager knows to tell, and systemd's client does not ask for.
                lines = [each for each in captured.out.splitlines(True) if not each.startswith("Not applied: ")]
                answer = (status, "".join(lines), captured.err)
        # Asked when the manager has come to rest. What is down may be unloaded, or loaded again by a question.
        units = sorted(served.manager.engine.units.items())
        up = {name: unit.active_state for name, unit in units if unit.active_state.value != "inactive"}
        jobs = sorted((job.unit, job.type.value) for job in served.manager.engine.jobs.values())
        answers.append((answer[0], settled(answer[1]), settled(answer[2]), up, jobs))
    assert answers[1] == answers[0]
