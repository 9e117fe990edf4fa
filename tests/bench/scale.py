"""`make bench`: how fast services start, restart and stop, and what their manager costs; pyinit beside others.

    python3 tests/bench/scale.py [--counts 1,10,100,500,1000,3000,10000] [--rounds 3] [--only pyinit] [--write]

Peers (peers.py) take turns, round after round, each in a container of its own with the same services (service.c), which
say themselves when they run. Figures are medians of the rounds. With --write they go into scale.json, and from there into
scale.md and the plots; `--table` does only that.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "container")]

from harness import Container  # noqa: E402
from images import Unavailable, directory_of, run  # noqa: E402
from peers import PEERS, Peer  # noqa: E402
from surroundings import kernel, machine, pss  # noqa: E402

RESULTS = HERE / "scale.json"
COUNTS = (1, 10, 100, 500, 1000, 3000, 10_000)
#: At these, more than the start is measured.
DETAILED = (10, 1000)
RESTARTS = 20
COMMANDS = 10
ORPHANS = 10_000
ORPHANED = "10,000 orphans, ms"
IDLE_SEC = 10
#: ext4 does not give an inode away anew within five seconds of its end, and looks for another one at length: whoever comes
#: behind the removal of a container and of a thousand files would pay for that.
PAUSE_SEC = 6
#: What took a peer that long is measured in one round only.
LONG_MSEC = 20_000
#: podman's options for so many processes and descriptors, as far as this machine allows them.
ENOUGH = 20_000
UNLIMITED = ("--pids-limit=0", *(f"--ulimit={name}={limit}:{limit}" for name, limit in (
    (name, ENOUGH if hard < 0 else min(hard, ENOUGH)) for name, hard in (
        ("nofile", resource.getrlimit(resource.RLIMIT_NOFILE)[1]), ("nproc", resource.getrlimit(resource.RLIMIT_NPROC)[1])))))
#: After this time a peer is not done, and its cell stays empty.
PATIENCE_SEC = 180

#: In how many containers it is measured what a container costs without its manager.
BASES = 3

Results = dict[str, dict[str, dict[str, list[float]]]]


class Trial:
    """One container of one peer with `count` services."""

    def __init__(self, peer: Peer, count: int, directory: Path) -> None:
        self.peer, self.count, self.bench = peer, count, directory
        run(["cc", "-O2", "-static", "-o", str(directory / "service"), str(HERE / "service.c")])
        for name in ("begin", "floor", "orphans"):
            shutil.copy(directory / "service", directory / name)
        os.mkfifo(directory / "alive")
        (directory / "started").touch()
        self.alive = os.open(directory / "alive", os.O_RDONLY | os.O_NONBLOCK)
        peer.prepare(directory, count)
        places = {"bench": directory, "peer": peer.provide()}
        command = [word.format(count=count) for word in peer.command]
        options = [option.format(**places) for option in peer.options]
        self.container = Container(peer.image, "/bench/begin", *command,
                                   options=(*options, f"--volume={directory}:/bench", *UNLIMITED))

    def remove(self) -> None:
        self.container.remove()
        os.close(self.alive)

    # --- what can be seen -------------------------------------------------------------------------------------------

    def stamps(self, name: str) -> list[int]:
        """Nanoseconds, in the order in which they were written."""
        data = (self.bench / name).read_bytes()
        return list(struct.unpack(f"<{len(data) // 8}Q", data))

    def wait_for_stamps(self, count: int, name: str = "started", pause: float = 0.005) -> list[int]:
        path = self.bench / name
        end = time.monotonic() + PATIENCE_SEC
        while not path.exists() or path.stat().st_size < count * 8:
            if time.monotonic() > end:
                raise AssertionError(f"{self.peer.name}: {path.stat().st_size // 8} of {count} services run\n"
                                     f"{self.container.logs()[-2000:]}")
            time.sleep(pause)
        return self.stamps(name)

    def cpu(self) -> float:
        """Seconds, of everything in the container."""
        for path, unit in ((Path("/sys/fs/cgroup/cpuacct"), 1e9), (Path("/sys/fs/cgroup"), 1e6)):
            for line in Path(f"/proc/{self.container.pid}/cgroup").read_text().splitlines():
                _, names, own = line.split(":", 2)
                if names == "cpuacct" and (file := path / own[1:] / "cpuacct.usage").exists():
                    return int(file.read_text()) / unit
                if not names and (file := path / own[1:] / "cpu.stat").exists():
                    return int(file.read_text().split()[1]) / unit
        raise Unavailable("no control group counts the container's CPU")

    def processes(self) -> Iterator[tuple[Path, str]]:
        """(/proc/PID, comm) of each in the container."""
        for path in self.container.processes_here():
            try:
                yield path, (path / "comm").read_text().strip()
            except OSError:
                continue  # it has ended

    def own(self) -> list[Path]:
        return [path for path, comm in self.processes() if self.peer.is_own(comm)]

    def memory(self) -> float:
        """PSS in MB, of the manager's processes."""
        return sum(pss(path) for path in self.own())

    def activity(self) -> tuple[int, int]:
        """How often the manager's threads woke up so far, and their CPU in nanoseconds."""
        wakeups = cpu = 0
        for task in [task for path in self.own() for task in path.glob("task/*")]:
            try:
                status, schedule = (task / "status").read_text(), (task / "schedstat").read_text()
            except OSError:
                continue  # it has ended
            wakeups += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("voluntary_ctxt"))
            cpu += int(schedule.split()[0])
        return wakeups, cpu

    # --- what is measured -------------------------------------------------------------------------------------------

    def start(self, base_cpu: float) -> dict[str, float]:
        self.container.start()
        stamps = self.wait_for_stamps(self.count)
        cpu = self.cpu()
        began = self.stamps("began")[0]
        return {"first, ms": (stamps[0] - began) / 1e6, "start, ms": (stamps[self.count - 1] - began) / 1e6,
                "start, CPU ms": (cpu - base_cpu) * 1000}

    def settle(self) -> None:
        """Until the manager has nothing left to do, for a second."""
        last = self.activity()[1]
        while True:
            time.sleep(1)
            now = self.activity()[1]
            if now - last < 20_000_000:
                return
            last = now

    def idle(self) -> dict[str, float]:
        before = self.activity()
        time.sleep(IDLE_SEC)
        after = self.activity()
        return {"idle wake-ups": after[0] - before[0], "idle CPU, ms": (after[1] - before[1]) / 1e6}

    def restart(self) -> float:
        """Milliseconds from a service's violent end to its next start."""
        times = []
        for _ in range(RESTARTS):
            victim = next(path for path, comm in self.processes() if comm in ("service", "run"))
            known = len(self.stamps("started"))
            began = time.monotonic_ns()
            os.kill(int(victim.name), signal.SIGKILL)
            times.append(self.wait_for_stamps(known + 1, pause=0.0005)[known] - began)
        return statistics.median(times) / 1e6

    def command(self, words: tuple[str, ...]) -> tuple[float, float]:
        """Wall and CPU milliseconds of a command in the container, without those of getting into it."""
        def once(argv: tuple[str, ...]) -> tuple[float, float]:
            before, began = os.times(), time.monotonic()
            done = subprocess.run(["nsenter", "-t", str(self.container.pid), "-a", *argv], capture_output=True, check=False)
            if done.returncode:
                raise AssertionError(f"{argv}: {done.stdout!r}{done.stderr!r}")
            after = os.times()
            return (time.monotonic() - began) * 1000, (after[2] + after[3] - before[2] - before[3]) * 1000
        empty = [once(("/bin/true",)) for _ in range(COMMANDS)]
        real = [once(words) for _ in range(COMMANDS)]
        return (statistics.median(each[0] for each in real) - statistics.median(each[0] for each in empty),
                statistics.mean(each[1] for each in real) - statistics.mean(each[1] for each in empty))

    def orphans(self) -> float:
        """Milliseconds until so many orphans, which end at the same time, are reaped."""
        pid = self.container.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        before = len(children.read_bytes().split())
        maker = subprocess.Popen(["nsenter", "-t", str(pid), "-a", "/bench/orphans", str(ORPHANS)])
        try:
            self.wait_for_stamps(1, "orphaned")
            inner = int(Path(f"/proc/{maker.pid}/task/{maker.pid}/children").read_text().split()[0])
            assert len(children.read_bytes().split()) >= before + ORPHANS
            began = time.monotonic()
            os.kill(inner, signal.SIGTERM)
            while len(children.read_bytes().split()) > before:
                time.sleep(0.002)
                if time.monotonic() > began + PATIENCE_SEC:
                    raise AssertionError(f"{self.peer.name} does not reap")
            return (time.monotonic() - began) * 1000
        finally:
            maker.kill()
            maker.wait()
            (self.bench / "orphaned").unlink(missing_ok=True)

    def stop(self) -> float:
        """Milliseconds from the request until no service is left."""
        poll = select.poll()
        poll.register(self.alive, select.POLLHUP)
        began = time.monotonic()
        self.container.signal(self.peer.stop_signal)
        if not poll.poll(PATIENCE_SEC * 1000):
            raise AssertionError(f"{self.peer.name} does not stop")
        return (time.monotonic() - began) * 1000


def base_cpu(peer: Peer) -> float:
    """What it costs the runtime to make such a container, in seconds of CPU; no part of what the peer does."""
    with directory_of("scale-") as directory:
        trial = Trial(peer, 1, Path(directory))
        try:
            trial.container.remove()
            trial.container = Container(peer.image, "/bench/begin", "/bench/service",
                                        options=(f"--volume={directory}:/bench", "--pids-limit=0"))
            trial.container.start()
            trial.wait_for_stamps(1)
            return trial.cpu()
        finally:
            trial.remove()


def measure(peer: Peer, count: int, base: float, note: Callable[[str, float], None], has_orphans: bool) -> None:
    time.sleep(PAUSE_SEC)
    with directory_of("scale-") as directory:
        trial = Trial(peer, 1 if peer.name == "tini" else count, Path(directory))
        try:
            for name, value in trial.start(base).items():
                note(name, value)
            trial.settle()
            note("PSS, MB", trial.memory())
            if count in DETAILED:
                for name, value in trial.idle().items():
                    note(name, value)
                if peer.name not in ("C loop", "tini"):
                    try:
                        note("restart, ms", trial.restart())
                    except AssertionError as problem:
                        print(f"{peer.name} does not restart: {problem}", file=sys.stderr)
                for name, words in (("query", peer.is_active), ("list", peer.list_all), ("reload", peer.reload)):
                    if words:
                        wall, cpu = trial.command(words)
                        note(f"{name}, ms", wall)
                        note(f"{name}, CPU ms", cpu)
                if has_orphans:
                    note(ORPHANED, trial.orphans())
            if peer.name != "tini":
                note("stop, ms", trial.stop())
        finally:
            trial.remove()


def collect(peers: list[Peer], counts: list[int], rounds: int, each_round: Callable[[Results, int], None]) -> Results:
    results: Results = {}
    bases: dict[str, float] = {}
    for number in range(rounds):
        for count in counts:
            for peer in peers:
                if count > peer.most or peer.name == "tini" and count != DETAILED[0]:
                    continue
                known = results.get(ORPHANED, {}).get(str(count), {}).get(peer.name, [0])
                has_orphans = count == DETAILED[0] and peer.name != "C loop" and known[0] < LONG_MSEC

                def note(name: str, value: float, peer: Peer = peer, count: int = count, number: int = number) -> None:
                    results.setdefault(name, {}).setdefault(str(count), {}).setdefault(peer.name, []).append(value)
                    print(f"{number + 1}: {count} {peer.name}: {name} {value:.2f}", file=sys.stderr, flush=True)
                try:
                    if peer.name not in bases:
                        bases[peer.name] = statistics.median(base_cpu(peer) for _ in range(BASES))
                    measure(peer, count, bases[peer.name], note, has_orphans)
                except (Unavailable, AssertionError) as problem:
                    print(f"{number + 1}: {count} {peer.name}: left out: {problem}", file=sys.stderr, flush=True)
        each_round(results, number + 1)
    return results


def surroundings(peers: list[Peer]) -> dict[str, object]:
    versions = {}
    for peer in peers:
        try:
            versions[peer.name] = peer.version()
        except Unavailable as problem:
            versions[peer.name] = f"not to be had: {str(problem).splitlines()[0]}"
    return {"date": str(date.today()), "machine": machine(), "kernel": kernel(), "versions": versions,
            "commit": run(["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"]).stdout.strip()}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", help="these peers")
    parser.add_argument("--write", action="store_true", help="into scale.json")
    given = parser.parse_args()
    peers = [each for each in PEERS if not given.only or each.name in given.only]
    about = surroundings(peers)

    def keep(results: Results, rounds: int) -> None:
        if given.write:
            RESULTS.write_text(json.dumps({"about": about | {"rounds": rounds}, "results": results}, indent=1) + "\n")
    results = collect(peers, [int(word) for word in given.counts.split(",")], given.rounds, keep)
    for name, by_count in results.items():
        for count, by_peer in by_count.items():
            cells = ", ".join(f"{peer} {statistics.median(values):.1f}" for peer, values in by_peer.items())
            print(f"{name} ({count}): {cells}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
