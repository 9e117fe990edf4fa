"""`make chaos-peers`: the same chaos for pyinit, systemd, s6 and supervisord, each PID 1 of a container of its own.

    python3 tests/chaos/others.py [--only NAME]… [--case NAME]… [--seed N] [--write]

Each is set up as its documentation has it for the purpose: systemd in the privileged container that it wants, s6 with
`s6-permafailon` and `timeout-kill`, supervisord with `stopasgroup`, `killasgroup` and `stopwaitsecs`. What one has no way
to do is said in its cell. Tries are the same for all; what is counted are things seen from outside: processes, lines,
files that services write. A line of peers.tsv for each case and peer.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "container"), str(HERE.parent / "bench")]

from harness import PLAIN, Container, TimedOut, wait_until  # noqa: E402
from images import Image, directory_of, run  # noqa: E402
from peers import SUPERVISORCTL  # noqa: E402
from scale import UNLIMITED  # noqa: E402
from surroundings import version_in  # noqa: E402

RESULTS = HERE / "peers.tsv"
COLUMNS = ("case", "peer", "version", "date", "commit", "seed", "tries", "failures", "figures")
BENCH = "/bench"


class Service(NamedTuple):
    """What every peer is told of a service. `script`: for /bin/sh."""

    script: str
    is_restarted: bool = True
    #: Give up after so many starts in a row; 0: never.
    limit: int = 0
    starts_with_boot: bool = True
    #: Its output is kept, line by line.
    is_logged: bool = False


class NoSuchThing(Exception):
    """What a peer has no way to do, in words."""


# --- who is asked -------------------------------------------------------------------------------------------------------


class Peer:
    name = ""
    image = Image(("procps",), with_pyinit=False)
    command: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    package = ""
    stop_signal = "TERM"
    #: What it says by itself of a stop that went well.
    good_codes = (0,)
    #: Its own processes' names, PID 1 aside.
    own: tuple[str, ...] = ()
    #: Ends with it, if it is killed: the logger of services' lines.
    logger = ""

    def prepare(self, bench: Path, services: dict[str, Service]) -> None:
        raise NotImplementedError

    def start(self, container: Container, name: str, timeout: float = 60) -> None:
        raise NotImplementedError

    def start_words(self, names: list[str]) -> list[str]:
        """A command that starts them all."""
        raise NotImplementedError

    def stop(self, container: Container, name: str, timeout: float = 60) -> None:
        raise NotImplementedError

    def reported_end(self, container: Container, name: str) -> str:
        """Of its last process: "exit 3" or "signal 9"."""
        raise NotImplementedError

    def given_up(self, container: Container, names: list[str]) -> list[str]:
        """Those of them that it does not start again."""
        raise NotImplementedError

    def reexecute(self, container: Container) -> None:
        raise NoSuchThing("no way to exchange it but to end the container")

    def reload(self, container: Container) -> None:
        raise NotImplementedError

    def acknowledge(self, container: Container) -> None:
        """Back when all lines that were written before are kept."""
        raise NoSuchThing("acknowledges nothing")

    def lines(self, container: Container, bench: Path, name: str) -> str:
        raise NotImplementedError


class Units(Peer):
    options: tuple[str, ...] = ("--volume={bench}/units:/etc/systemd/system",
                                "--volume={bench}/journald.conf:/etc/systemd/journald.conf")

    def prepare(self, bench: Path, services: dict[str, Service]) -> None:
        wants = bench / "units/multi-user.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (bench / "journald.conf").write_text("[Journal]\nRateLimitIntervalSec=0\nStorage=persistent\n")
        for name, service in services.items():
            limit = "StartLimitIntervalSec=0\n"
            if service.limit:
                limit = f"StartLimitIntervalSec=60\nStartLimitBurst={service.limit}\n"
            path = bench / f"units/{name}.service"
            path.write_text(
                f"[Unit]\n{limit}[Service]\nExecStart=/bin/sh {BENCH}/{name}.sh\nTimeoutStopSec=1\nRestartSec=1\n"
                f"Restart={'always' if service.is_restarted else 'no'}\n")
            if service.starts_with_boot and not (wants / path.name).is_symlink():
                (wants / path.name).symlink_to(f"../{path.name}")

    def start(self, container: Container, name: str, timeout: float = 60) -> None:
        container.systemctl("start", f"{name}.service", check=False, timeout=timeout)

    def start_words(self, names: list[str]) -> list[str]:
        return ["systemctl", "start", "--no-block", *(f"{name}.service" for name in names)]

    def stop(self, container: Container, name: str, timeout: float = 60) -> None:
        container.systemctl("stop", f"{name}.service", check=False, timeout=timeout)

    def reported_end(self, container: Container, name: str) -> str:
        code, status = (int(container.show(f"{name}.service", each)) for each in ("ExecMainCode", "ExecMainStatus"))
        return f"{'exit' if code == 1 else 'signal'} {status}"

    def given_up(self, container: Container, names: list[str]) -> list[str]:
        states = container.systemctl("is-active", *(f"{name}.service" for name in names), check=False).split()
        return [name for name, state in zip(names, states, strict=True) if state == "failed"]

    def reexecute(self, container: Container) -> None:
        container.systemctl("daemon-reexec")
        container.wait_until("it answers", lambda: container.systemctl("is-system-running", check=False).strip())

    def reload(self, container: Container) -> None:
        container.systemctl("daemon-reload")

    def acknowledge(self, container: Container) -> None:
        wait_until("a sync is answered", lambda: not container.exec("journalctl", "--sync", check=False).returncode)

    def lines(self, container: Container, bench: Path, name: str) -> str:
        return container.exec("journalctl", "-q", "-o", "cat", "-u", f"{name}.service", timeout=300).stdout


class Pyinit(Units):
    name = "pyinit"
    image = PLAIN
    command = ("/sbin/pyinit",)
    package = "pyinit"
    own = ("python3", "pyinit-exec", "memfd:sealed")
    logger = "initd/journal"


class Systemd(Units):
    name = "systemd"
    image = Image(("systemd-sysv", "dbus"), with_pyinit=False)
    command = ("/sbin/init",)
    options = (*Units.options, "--systemd=always", "--privileged")
    package = "systemd"
    stop_signal = "RTMIN+3"
    good_codes = (0, 130)  # 130 is what it ends with in a container
    own = ("systemd", "dbus-daemon", "agetty", "(sd-pam)", "login")
    logger = "systemd-journal"


class S6(Peer):
    name = "s6"
    image = Image(("procps", "s6"), with_pyinit=False)
    command = ("s6-svscan", "-c", "2000", f"{BENCH}/services")
    package = "s6"
    own = ("s6-",)
    logger = "s6-log"

    def prepare(self, bench: Path, services: dict[str, Service]) -> None:
        (bench / "services/.s6-svscan").mkdir(parents=True, exist_ok=True)
        _script(bench / "services/.s6-svscan/finish", "exit 0\n")
        for name, service in services.items():
            directory = bench / f"services/{name}"
            if directory.exists():
                continue
            directory.mkdir()
            (directory / "timeout-kill").write_text("1000\n")
            _script(directory / "run", f"exec 2>&1\nexec /bin/sh {BENCH}/{name}.sh\n")
            if service.limit:
                # So many deaths within a minute: down for good.
                (directory / "max-death-tally").write_text(f"{max(service.limit, 100)}\n")
                _script(directory / "finish", f"exec s6-permafailon 60 {service.limit} 0-255 true\n")
            elif not service.is_restarted:
                _script(directory / "finish", "exit 125\n")
            if not service.starts_with_boot:
                (directory / "down").touch()
            if service.is_logged:
                (directory / "log").mkdir()
                _script(directory / "log/run", f"exec s6-log n50 s1000000 {BENCH}/logs/{name}\n")
        (bench / "logs").mkdir(exist_ok=True)

    def start(self, container: Container, name: str, timeout: float = 60) -> None:
        container.exec("s6-svc", "-wu", "-T", "5000", "-u", f"{BENCH}/services/{name}", check=False, timeout=timeout)

    def start_words(self, names: list[str]) -> list[str]:
        return ["sh", "-c", f"for each; do s6-svc -u {BENCH}/services/$each; done", "sh", *names]

    def stop(self, container: Container, name: str, timeout: float = 60) -> None:
        container.exec("s6-svc", "-wD", "-T", "30000", "-d", f"{BENCH}/services/{name}", check=False, timeout=timeout)

    def reported_end(self, container: Container, name: str) -> str:
        code, number = container.exec("s6-svstat", "-o", "exitcode,signum", f"{BENCH}/services/{name}").stdout.split()
        return f"exit {code}" if code != "-1" else f"signal {number}"

    def given_up(self, container: Container, names: list[str]) -> list[str]:
        said = {name: container.exec("s6-svstat", "-o", "up,wantedup", f"{BENCH}/services/{name}").stdout for name in names}
        return [name for name in names if said[name].split() == ["false", "false"]]

    def reload(self, container: Container) -> None:
        container.exec("s6-svscanctl", "-a", f"{BENCH}/services")

    def lines(self, container: Container, bench: Path, name: str) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted((bench / f"logs/{name}").glob("*"))
                       if path.name.startswith("@") or path.name == "current")


class Supervisord(Peer):
    name = "supervisord"
    image = Image(("procps", "supervisor"), with_pyinit=False)
    command = ("/usr/bin/supervisord", "-c", f"{BENCH}/supervisord.conf")
    package = "supervisor"
    own = ("supervisord", "supervisorctl")

    def prepare(self, bench: Path, services: dict[str, Service]) -> None:
        (bench / "logs").mkdir(exist_ok=True)
        text = "[supervisord]\nnodaemon=true\nuser=root\nlogfile=/var/log/supervisord.log\nminfds=2000\n" + SUPERVISORCTL
        for name, service in services.items():
            # Its limit counts what ends within startsecs; without one it goes on for ever.
            limit = f"startsecs=1\nstartretries={service.limit - 1}\n" if service.limit else "startsecs=0\n"
            log = f"{BENCH}/logs/{name}" if service.is_logged else "NONE"
            text += (f"[program:{name}]\ncommand=/bin/sh {BENCH}/{name}.sh\nstopasgroup=true\nkillasgroup=true\n"
                     f"stopwaitsecs=1\nautostart={str(service.starts_with_boot).lower()}\n"
                     f"autorestart={str(service.is_restarted).lower()}\n{limit}"
                     f"redirect_stderr=true\nstdout_logfile={log}\nstdout_logfile_backups=50\nstdout_logfile_maxbytes=1MB\n")
        (bench / "supervisord.conf").write_text(text)

    def ctl(self, container: Container, *words: str, timeout: float = 60) -> str:
        return container.exec("supervisorctl", "-c", f"{BENCH}/supervisord.conf", *words, check=False, timeout=timeout).stdout

    def start(self, container: Container, name: str, timeout: float = 60) -> None:
        self.ctl(container, "start", name, timeout=timeout)

    def start_words(self, names: list[str]) -> list[str]:
        # By names it waits for each, ten seconds for one that is given up; by "all" for all of them at once.
        return ["supervisorctl", "-c", f"{BENCH}/supervisord.conf", "start", "all"]

    def stop(self, container: Container, name: str, timeout: float = 60) -> None:
        self.ctl(container, "stop", name, timeout=timeout)

    def reported_end(self, container: Container, name: str) -> str:
        """Its status has no signal; its log has."""
        log = container.exec("cat", "/var/log/supervisord.log").stdout
        said = re.findall(rf"exited: {name} \((?:exit status (\d+)|terminated by (SIG\w+))", log)[-1]
        return f"exit {said[0]}" if said[0] else f"signal {int(getattr(signal, said[1]))}"

    def given_up(self, container: Container, names: list[str]) -> list[str]:
        lines = self.ctl(container, "status", timeout=120).splitlines()
        return [line.split()[0] for line in lines if " FATAL " in line and line.split()[0] in names]

    def reexecute(self, container: Container) -> None:
        self.ctl(container, "reload")
        time.sleep(1)
        container.wait_until("it answers", lambda: "RUNNING" in self.ctl(container, "status"))

    def reload(self, container: Container) -> None:
        self.ctl(container, "update")

    def lines(self, container: Container, bench: Path, name: str) -> str:
        paths = sorted((bench / "logs").glob(f"{name}*"), key=lambda path: -int(path.suffix[1:] or 0))
        return "".join(path.read_text(errors="replace") for path in paths)


PEERS = (Pyinit(), Systemd(), S6(), Supervisord())


def _is_dead(path: Path) -> bool:
    return (path / "stat").read_text().rpartition(") ")[2][0] in "ZX"


def _script(path: Path, text: str) -> None:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


# --- a container of one -------------------------------------------------------------------------------------------------


class Entered(Container):
    """Commands enter it by themselves: the runtime's own way takes as long as all the rest."""

    def _enter(self) -> list[str]:
        return ["nsenter", "--target", str(self.pid), "--all"]


class Ward:
    """A peer's container with its services, which can write into `bench`."""

    def __init__(self, peer: Peer, services: dict[str, Service], *options: str) -> None:
        self.peer = peer
        self._directory = directory_of("peers-")
        self.bench = Path(self._directory.name)
        run(["cc", "-O2", "-static", "-o", str(self.bench / "orphans"), str(HERE.parent / "bench/service.c")])
        shutil.copy(self.bench / "orphans", self.bench / "sleeper")
        os.mkfifo(self.bench / "alive")  # which it wants
        self.services = services
        self.write(services)
        own = [option.format(bench=self.bench) for option in peer.options]
        self.container = Entered(peer.image, *peer.command,
                                 options=(*own, f"--volume={self.bench}:{BENCH}", *UNLIMITED, *options))

    def write(self, services: dict[str, Service]) -> None:
        for name, service in services.items():
            (self.bench / f"{name}.sh").write_text(service.script)
        self.peer.prepare(self.bench, services)

    def __enter__(self) -> Ward:
        return self

    def __exit__(self, *_: object) -> None:
        self.container.remove()
        subprocess.run(["rm", "-rf", *self.bench.iterdir()], check=False)
        self._directory.cleanup()

    def pid(self, name: str) -> int:
        """As this machine numbers it, of the shell that runs the service; 0: none does."""
        for path in self.container.processes_here():
            try:
                words = (path / "cmdline").read_bytes().split(b"\0")
                if words[1:2] == [f"{BENCH}/{name}.sh".encode()] and not _is_dead(path):
                    return int(path.name)
            except OSError:
                continue  # it has ended
        return 0

    def pids(self) -> dict[str, int]:
        return {name: self.pid(name) for name in self.services}

    def wait_for(self, name: str, other_than: int = 0, timeout: float = 30) -> int:
        def another() -> int:
            pid = self.pid(name)
            return 0 if pid == other_than else pid
        return wait_until(f"{name} runs", another, timeout, self.container.story)

    def boot(self, *names: str) -> Ward:
        self.container.start()
        for name in names:
            self.wait_for(name, timeout=60)
        if isinstance(self.peer, Units):
            self.container.wait_until_booted()
        return self

    def foreign(self) -> set[int]:
        """Processes that are neither the peer's own nor those of who looks."""
        found = set()
        for path in self.container.processes_here():
            try:
                name = (path / "comm").read_text().strip()
                if int(path.name) != self.container.pid and not any(name.startswith(own) for own in self.peer.own) \
                        and not _is_dead(path):
                    found.add(int(path.name))
            except OSError:
                continue  # it has ended
        return found

    def zombies(self) -> int:
        count = 0
        for path in self.container.processes_here():
            try:
                count += (path / "stat").read_text().rpartition(") ")[2][0] == "Z"
            except OSError:
                continue
        return count


class Outcome(NamedTuple):
    tries: int
    failures: int
    figures: dict[str, object]


#: Waits under its own name, so that it is found.
WAITS = "exec /bench/sleeper $0\n"
SLEEPS = Service(WAITS)


# --- cases ----------------------------------------------------------------------------------------------------------------


def crash_storm(peer: Peer, random: random.Random) -> Outcome:
    """100 services crash at once, every other for ever, those between up to five times: who is over the limit, and how much
    later another is back after `kill -9` than before."""
    services = {"calm": SLEEPS}
    for number in range(100):
        services[f"crash-{number}"] = Service(f"echo x >>{BENCH}/starts-{number}\nexit {random.randint(1, 250)}\n",
                                              limit=5 if number % 2 else 0, starts_with_boot=False)
    kills = 8
    with Ward(peer, services) as ward:
        ward.boot("calm")

        def latency() -> float:
            times = []
            for _ in range(kills):
                time.sleep(1.2)
                pid, began = ward.wait_for("calm"), time.monotonic()
                os.kill(pid, signal.SIGKILL)
                ward.wait_for("calm", pid)
                times.append((time.monotonic() - began) * 1000)
            return statistics.median(times)
        alone = latency()
        names = [f"crash-{number}" for number in range(100)]
        starter = subprocess.Popen(ward.container._enter() + peer.start_words(names), stdout=subprocess.DEVNULL)
        storm = latency()
        starter.wait(120)
        end = time.monotonic() + 60
        limited = names[1::2]
        while len(given_up := peer.given_up(ward.container, limited)) < len(limited) and time.monotonic() < end:
            time.sleep(1)
        over = len(limited) - len(given_up)
        most = max(len((ward.bench / f"starts-{number}").read_text().split()) for number in range(1, 100, 2))
        return Outcome(len(names), over, {"most starts under a limit of 5": most, "back after, ms": round(alone),
                                          "in the storm, ms": round(storm), "ratio": f"{storm / alone:.2f}"})


def orphans(peer: Peer, random: random.Random) -> Outcome:
    """Ten times ten thousand orphans that end at the same time: until they are reaped, and the zombies that stay. Less often
    where that takes minutes."""
    times, count = [], 10_000
    over = time.monotonic() + 240
    with Ward(peer, {"calm": SLEEPS}) as ward:
        ward.boot("calm")
        pid = ward.container.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        for _ in range(10):
            before = len(children.read_bytes().split())
            maker = subprocess.Popen(["nsenter", "-t", str(pid), "-a", f"{BENCH}/orphans", str(count)])
            try:
                wait_until("all are there", lambda least=before + count: len(children.read_bytes().split()) >= least, 120)
                inner = int(Path(f"/proc/{maker.pid}/task/{maker.pid}/children").read_text().split()[0])
                began = time.monotonic()
                os.kill(inner, signal.SIGTERM)
                while len(children.read_bytes().split()) > before and time.monotonic() < began + 120:
                    time.sleep(0.002)
                times.append((time.monotonic() - began) * 1000)
            finally:
                maker.kill()
                maker.wait()
                (ward.bench / "orphaned").unlink(missing_ok=True)
            if time.monotonic() > over:
                break
        time.sleep(2)
        zombies = ward.zombies()
    figures = {"zombies left": zombies, "10,000 reaped after, ms": round(statistics.median(times))}
    return Outcome(len(times) * count, zombies, figures)


def ends(peer: Peer, random: random.Random) -> Outcome:
    """A service fails with a code, or by a signal, kill -9 most of all: is that what is reported?"""
    tries, wrong = 40, []
    service = Service(f"read how what <{BENCH}/end\n[ $how = exit ] && exit $what\nkill -$what $$\n",
                      is_restarted=False, starts_with_boot=False)
    with Ward(peer, {"calm": SLEEPS, "ends": service}) as ward:
        ward.boot("calm")
        for _ in range(tries):
            how, what = random.choice([("exit", random.randint(1, 255)), ("signal", random.choice((9, 9, 9, 11, 6, 3)))])
            (ward.bench / "end").write_text(f"{how} {what}\n")
            peer.start(ward.container, "ends")
            wait_until("it has ended", lambda: not ward.pid("ends"))
            time.sleep(1.5)  # supervisord looks once a second
            if (said := peer.reported_end(ward.container, "ends")) != f"{how} {what}":
                wrong.append(f"{how} {what}: {said}")
    print(*wrong[:5], sep="\n", end="\n" if wrong else "")
    return Outcome(tries, len(wrong), {})


def logger_killed(peer: Peer, random: random.Random) -> Outcome:
    """kill -9 of whoever keeps lines, ten times, while a service writes line after line: lines that are lost, and of them
    those which had been acknowledged; services that died of it."""
    if not peer.logger:
        raise NoSuchThing("PID 1 itself keeps the lines: the container ends with it")
    kills = 10
    speaker = Service(f"n=0; trap '' TERM\nwhile [ ! -e {BENCH}/enough ]; do n=$((n+1)); echo line $n; echo $n >{BENCH}/said; "
                      "[ $((n % 5)) = 0 ] && sleep 0.01; done\nexec sleep 1000\n", is_restarted=False, is_logged=True)
    acknowledged = 0
    with Ward(peer, {"speaker": speaker}) as ward:
        ward.boot("speaker")
        pid, said, can_tell = ward.pid("speaker"), ward.bench / "said", True
        for _ in range(kills):
            time.sleep(2.2 + random.random())  # more than five within ten seconds, and journald is not started again
            known = int(said.read_text() or 0)
            try:
                peer.acknowledge(ward.container)
                acknowledged = known
            except NoSuchThing:
                can_tell = False
            time.sleep(random.random() / 10)
            victims = [path for path in ward.container.processes_here() if int(path.name) != ward.container.pid and (
                peer.logger in (path / "comm").read_text() or peer.logger.encode() in (path / "cmdline").read_bytes())]
            for victim in victims:
                os.kill(int(victim.name), signal.SIGKILL)
        time.sleep(2)
        alive = ward.pid("speaker") == pid
        (ward.bench / "enough").touch()
        time.sleep(1)
        last = int(said.read_text() or 0)
        if can_tell:
            peer.acknowledge(ward.container)
        text = peer.lines(ward.container, ward.bench, "speaker")
        kept = {int(each) for each in re.findall(r"^line (\d+)$", text, re.MULTILINE)}
        lost = [each for each in range(1, last + 1) if each not in kept]
    of_them = [each for each in lost if each <= acknowledged]
    return Outcome(kills, len(of_them) + (not alive), {
        "lines": last, "lost": len(lost), "of them acknowledged": len(of_them) if can_tell else "none ever is",
        "the service went on": "yes" if alive else "no"})


HARD = {
    "ignores": "trap '' TERM INT HUP; while :; do sleep 0.05; done\n",
    "forks": "trap \"(trap '' TERM; sleep 1000) & (sleep 1001 &)\" TERM; while :; do sleep 0.05; done\n",
    "leaves": "setsid sleep 1002 & setsid sh -c 'setsid sleep 1003 & sleep 1004' & sleep 1005; sleep 1006\n",
    "daemon": "(setsid sh -c \"trap '' TERM; sleep 1007; sleep 1008\" &) ; " + WAITS,
    "frozen": WAITS,
}


def hard_to_stop(peer: Peer, random: random.Random) -> Outcome:
    """A service ignores SIGTERM, forks as it dies, left its session, or was stopped by SIGSTOP: after its stop, with a
    second's patience, is anything left of it?"""
    rounds, left, times = 5, [], []
    services = {kind: Service(script, starts_with_boot=False) for kind, script in HARD.items()}
    with Ward(peer, {"calm": SLEEPS, **services}) as ward:
        ward.boot("calm")
        calm = ward.foreign()
        for _ in range(rounds):
            for kind in HARD:
                peer.start(ward.container, kind)
                pid = ward.wait_for(kind)
                time.sleep(0.2 + random.random() / 5)
                if kind == "frozen":
                    os.kill(pid, signal.SIGSTOP)
                began = time.monotonic()
                peer.stop(ward.container, kind)
                times.append(time.monotonic() - began)
                end = time.monotonic() + 3
                while (found := ward.foreign() - calm) and time.monotonic() < end:
                    time.sleep(0.1)
                left += [kind] * bool(found)
                for pid in found:  # the next one finds none of them
                    os.kill(pid, signal.SIGKILL)
    kinds = ", ".join(f"{kind} {left.count(kind)} of {rounds}" for kind in HARD if kind in left)
    return Outcome(rounds * len(HARD), len(left), {"left of": kinds or "none", "longest stop, s": f"{max(times):.1f}"})


def stopped(peer: Peer, random: random.Random) -> Outcome:
    """The container is told to stop some time in the first seconds: its exit code, how long that takes, and services that
    had begun and were not told."""
    tries, codes, times, untold, killed = 24, [], [], 0, 0
    told = f"trap 'echo - >>{BENCH}/%s.told; exit 0' TERM; echo + >>{BENCH}/%s.told; while :; do sleep 0.05; done\n"
    services = {name: Service(told % (name, name)) for name in ("one", "two", "three")}
    services["deaf"] = Service("trap '' TERM; while :; do sleep 0.05; done\n")
    for _ in range(tries):
        with Ward(peer, services) as ward:
            ward.container.start()
            time.sleep(random.random() ** 2 * 2.5)
            began = time.monotonic()
            subprocess.run([*ward.container.podman, "kill", "--signal", peer.stop_signal, ward.container.id], check=False,
                           capture_output=True)
            try:
                codes.append(ward.container.wait(60))
                times.append(time.monotonic() - began)
            except TimedOut:
                killed += 1
                continue
            for path in ward.bench.glob("*.told"):
                text = path.read_text()
                untold += text.count("+") > text.count("-")
    bad = [code for code in codes if code not in peer.good_codes]
    return Outcome(tries, len(bad) + killed + untold, {
        "still there after 60 s": killed, "exit codes": " ".join(f"{code}×{codes.count(code)}" for code in sorted(set(codes))),
        "services not told": untold, "median s": f"{statistics.median(times or [0]):.1f}"})


def _pids_max(pid: int) -> Path:
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, own = line.split(":", 2)
        if names == "pids":
            return Path(f"/sys/fs/cgroup/pids{own}/pids.max")
    raise NoSuchThing("no control group counts processes here")


def nothing_left(peer: Peer, random: random.Random) -> Outcome:
    """No descriptors, no processes, no room on /run and where logs go, each five times: a service is killed meanwhile.
    Is it back within 90 s once there is something again, and is the init the same?"""
    rounds, lost, longest = 5, [], {}
    services = {"busy": SLEEPS}
    with Ward(peer, services, "--tmpfs=/run:rw,size=4m,mode=755", "--tmpfs=/var/log:rw,size=4m,mode=755") as ward:
        ward.boot("busy")
        group = _pids_max(ward.container.pid)

        def descriptors() -> Callable[[], object]:
            pid = ward.container.pid
            limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            used = max(int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir())
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 1 + random.randint(0, 2), limits[1]))
            return lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)

        def processes() -> Callable[[], object]:
            before = group.read_text()
            group.write_text(str(max(int((group.parent / "pids.current").read_text()) - 1, 1)))
            return lambda: group.write_text(before)

        def room() -> Callable[[], object]:
            for path in ("/run", "/var/log"):
                ward.container.exec("sh", "-c", f"dd if=/dev/zero of={path}/fill bs=4k 2>/dev/null; :")
            return lambda: [Path(f"/proc/{ward.container.pid}/root{path}/fill").unlink() for path in ("/run", "/var/log")]
        for _ in range(rounds):
            for what, take in (("descriptors", descriptors), ("processes", processes), ("room", room)):
                victim = ward.wait_for("busy")
                give = take()
                os.kill(victim, signal.SIGKILL)
                time.sleep(2)
                if not ward.container.is_running():
                    return Outcome(rounds * 3, rounds * 3, {"the init died without": what})
                give()
                try:
                    began = time.monotonic()
                    ward.wait_for("busy", victim, 90)
                    longest[what] = max(longest.get(what, 0), round(time.monotonic() - began))
                except TimedOut:
                    lost.append(what)
                    peer.start(ward.container, "busy")
    kinds = ", ".join(f"{what} {lost.count(what)} of {rounds}" for what in ("descriptors", "processes", "room") if what in lost)
    return Outcome(rounds * 3, len(lost), {"not back after": kinds or "none", "longest, s": " ".join(
        f"{what} {seconds}" for what, seconds in longest.items())})


def _touched(peer: Peer, act: Callable[[Ward, int], None], tries: int) -> Outcome:
    touched = 0
    services = {f"stays-{number}": SLEEPS for number in range(20)}
    with Ward(peer, services) as ward:
        ward.boot(*services)
        for number in range(tries):
            before = ward.pids()
            act(ward, number)
            time.sleep(0.5)
            for name in services:
                ward.wait_for(name)
            after = ward.pids()
            touched += sum(before[name] != after[name] for name in services)
    return Outcome(tries, touched, {"services touched": f"{touched} of {tries * len(services)}"})


def reexecuted(peer: Peer, random: random.Random) -> Outcome:
    """The init itself is exchanged, ten times, beside twenty services: how many of those are touched?"""
    return _touched(peer, lambda ward, number: peer.reexecute(ward.container), 10)


def reloaded(peer: Peer, random: random.Random) -> Outcome:
    """A service is added and the configuration read again, ten times: how many of twenty others are touched?"""
    def act(ward: Ward, number: int) -> None:
        ward.write({**ward.services, **{f"new-{each}": SLEEPS for each in range(number + 1)}})
        peer.reload(ward.container)
    return _touched(peer, act, 10)


CASES = {
    "crash-storm": crash_storm, "orphans": orphans, "ends": ends, "logger-killed": logger_killed, "hard-to-stop": hard_to_stop,
    "stopped": stopped, "nothing-left": nothing_left, "re-executed": reexecuted, "reloaded": reloaded,
}


# --- and all of them ----------------------------------------------------------------------------------------------------


def rows(peers: list[Peer], cases: list[str], seed: int, commit: str) -> Iterator[tuple[str, ...]]:
    versions = {peer.name: version_in(peer.image, peer.package) for peer in peers}
    for case in cases:
        for peer in peers:
            about = (case, peer.name, versions[peer.name], str(date.today()), commit, str(seed))
            try:
                outcome = CASES[case](peer, random.Random(seed))
                figures = ", ".join(f"{what}: {number}" for what, number in outcome.figures.items())
                yield (*about, str(outcome.tries), str(outcome.failures), figures)
            except NoSuchThing as problem:
                yield (*about, "0", "", str(problem))
            except (AssertionError, OSError, ValueError, IndexError, subprocess.SubprocessError) as problem:
                print(f"{case}: {peer.name}: left out: {problem!r}"[:3000], file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", action="append", help=", ".join(peer.name for peer in PEERS))
    parser.add_argument("--case", action="append", help=", ".join(CASES))
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--write", action="store_true", help="into peers.tsv, in place of older lines of the same")
    given = parser.parse_args()
    commit = run(["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"]).stdout.strip()
    peers = [peer for peer in PEERS if not given.only or peer.name in given.only]
    failed = False
    for row in rows(peers, given.case or list(CASES), given.seed, commit):
        print("\t".join(row), flush=True)
        failed |= row[1] == "pyinit" and row[7] != "0"
        if given.write:
            known = RESULTS.read_text().splitlines()[1:] if RESULTS.exists() else []
            kept = {tuple(line.split("\t")[:2]): line for line in known} | {row[:2]: "\t".join(row)}
            order = {(case, peer.name): None for case in CASES for peer in PEERS}
            RESULTS.write_text("\n".join(["\t".join(COLUMNS), *(kept[each] for each in order if each in kept)]) + "\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
