"""Boot an image and watch it: in podman as Docker would run it, or in a private root where no container can be run.

Nothing here waits for a fixed time: `wait_until` asks again until what is expected can be seen. Every machine that was
started is removed by `remove`, whatever state it is in. Standard library only.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Iterator, TypeVar

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from images import CACHE, LIMITS, LIVE, RUNTIME, TREE, Image, Unavailable, build_root, build_rootfs, podman_image, run, unpack

PODMAN = ["podman", *RUNTIME]
LABEL = "pyinit-test"
T = TypeVar("T")

#: The image most tests boot: what the README promises, from Debian's own packages.
SERVICES = Image(("nginx", "openssh-server", "cron", "procps"))
#: Nothing but pyinit, and what looks at processes.
PLAIN = Image(("procps",))

#: Run a command where cgroup2 is mounted alone: what a machine with nothing but cgroup v2 looks like.
IN_CGROUP2 = ["unshare", "--mount", "sh", "-c",
              "umount -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec \"$@\"", "sh"]


class TimedOut(AssertionError):
    """What was waited for did not come."""


def wait_until(what: str, probe: Callable[[], T], timeout: float = 30, context: Callable[[], str] = str) -> T:
    """The probe's first true value. `context` tells the story if it never comes."""
    deadline = time.monotonic() + timeout
    pause = 0.01
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimedOut(f"waited {timeout} s for: {what}; last answer {answer!r}\n{context()}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)


class Machine:
    """What a container and a private root have in common. `pid` is the init's, seen from here."""

    pid: int

    def exec(self, *argv: str, check: bool = True, text: str | None = None,
             timeout: float = 60) -> subprocess.CompletedProcess:
        """Run a command inside. `text` goes to its stdin. With `check`, a failure is an error that shows the logs."""
        given = {"stdin": subprocess.DEVNULL} if text is None else {"input": text}
        done = subprocess.run(self._enter() + list(argv), capture_output=True, text=True,
                              errors="replace", timeout=timeout, check=False, **given)
        if check and done.returncode:
            raise AssertionError(f"{argv} ended with {done.returncode}: {done.stdout}{done.stderr}\n{self.story()}")
        return done

    def _enter(self) -> list[str]:
        raise NotImplementedError

    def logs(self) -> str:
        raise NotImplementedError

    def story(self) -> str:
        return f"--- what it wrote ---\n{self.logs()[-6000:]}"

    def systemctl(self, *words: str, check: bool = True, timeout: float = 60) -> str:
        return self.exec("systemctl", *words, check=check, timeout=timeout).stdout

    def show(self, unit: str, name: str) -> str:
        return self.systemctl("show", "--property", name, "--value", unit).strip()

    def main_pid(self, unit: str) -> int:
        return int(self.show(unit, "MainPID"))

    def wait_until(self, what: str, probe: Callable[[], T], timeout: float = 30) -> T:
        return wait_until(what, probe, timeout, self.story)

    def wait_for_state(self, unit: str, *states: str, timeout: float = 30) -> str:
        """Until `systemctl is-active` says one of these words."""
        def is_there() -> str:
            word = self.systemctl("is-active", unit, check=False).strip()
            return word if word in states else ""
        return self.wait_until(f"{unit} is {' or '.join(states)}", is_there, timeout)

    def wait_until_booted(self, timeout: float = 60) -> str:
        """Until the first transaction is done: "running", or "degraded" where a unit failed."""
        def state() -> str:
            word = self.systemctl("is-system-running", check=False).strip()
            return word if word in ("running", "degraded") else ""
        return self.wait_until("the boot is done", state, timeout)

    def on_its_network(self, *argv: str, timeout: float = 30) -> subprocess.CompletedProcess:
        """Run a program of this machine with the network of that one."""
        return subprocess.run(["nsenter", "--target", str(self.pid), "--net", *argv], capture_output=True, text=True,
                              errors="replace", timeout=timeout, check=False)

    def fetch(self, url: str = "http://127.0.0.1/") -> str:
        return self.on_its_network("curl", "--silent", "--max-time", "10", url).stdout

    def processes(self) -> list[dict[str, str]]:
        """Every process inside: pid, ppid, state, uid and name, from /proc, without help of a program in the image."""
        pick = r"s/^\(Name\|State\|Pid\|PPid\|Uid\):\t\([^\t ]*\).*/\1=\2/p"
        script = f"cd /proc; for p in [0-9]*; do sed -n '{pick}' $p/status 2>/dev/null | tr '\\n' ' '; echo; done"
        lines = self.exec("sh", "-c", script).stdout.splitlines()
        return [dict(word.split("=", 1) for word in line.split()) for line in lines if "Pid=" in line]

    def processes_here(self) -> Iterator[Path]:
        """/proc/PID of this machine, for each process inside."""
        namespace = os.readlink(f"/proc/{self.pid}/ns/pid")
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(path / "ns/pid") == namespace:
                    yield path
            except OSError:
                continue  # it has ended

    def zombies(self) -> list[dict[str, str]]:
        return [each for each in self.processes() if each["State"] == "Z"]

    def write(self, path: str, text: str) -> None:
        self.exec("sh", "-c", 'mkdir -p "${1%/*}" && cat > "$1"', "sh", path, text=text)


class Container(Machine):
    """A podman container with default capabilities; `prefix` runs podman itself somewhere else (IN_CGROUP2).

    `name` is that of an image made from the given one, where it is not itself. `is_imported`: as users have it, where the
    root's own mount options matter (a directory's overlay is nodev)."""

    def __init__(self, image: Image, *command: str, options: tuple[str, ...] = (), prefix: list[str] | None = None,
                 network: str = "none", name: str = "", is_imported: bool = False) -> None:
        self.podman = (prefix or []) + PODMAN
        self.command = command or ("/sbin/pyinit",)
        live = [f"--volume={TREE / 'initd'}:/usr/lib/pyinit/initd:ro"] if LIVE and image.with_pyinit else []
        # Of an image podman says so by itself.
        self._create = [*self.podman, "create", "--env=container=podman", "--label", LABEL, f"--network={network}", *LIMITS,
                        *live, *options]
        self._image = image
        self._name = podman_image(image) if is_imported else name
        self._id = ""
        self._pid = 0

    @property
    def id(self) -> str:
        """Made when it is needed: from a directory, unless something was put into it before."""
        if not self._id:
            what = [self._name] if self._name else ["--rootfs", f"{build_root(self._image)}:O"]
            self._id = run([*self._create, *what, *self.command]).stdout.split()[-1]
        return self._id

    def start(self) -> Container:
        run([*self.podman, "start", self.id], timeout=120)
        return self

    @property
    def pid(self) -> int:
        if not self._pid:
            self._pid = int(self._inspect("{{.State.Pid}}"))
        return self._pid

    def _inspect(self, template: str) -> str:
        return run([*self.podman, "inspect", "--format", template, self.id]).stdout.strip()

    def _enter(self) -> list[str]:
        # What `podman exec` has it do, for a quarter of the time; that leaves out two variables of the container's.
        return [*self.podman[:-len(PODMAN)], "runc", "exec", self.id, "env", "-u", "HOSTNAME", "-u", "container_uuid"]

    def put_file(self, path: str, source: Path | str) -> Container:
        if not self._id and not self._name:
            self._name = podman_image(self._image)  # podman cp knows no overlay that is not mounted yet
        run([*self.podman, "cp", str(source), f"{self.id}:{path}"])
        return self

    def put(self, path: str, text: str, mode: int = 0o644) -> Container:
        """Write a file before the start."""
        with tempfile.TemporaryDirectory(prefix="pyinit-put-") as directory:
            source = Path(directory, "file")
            source.write_text(text)
            source.chmod(mode)
            return self.put_file(path, source)

    def streams(self) -> tuple[str, str]:
        """What it wrote to stdout, and to stderr."""
        done = subprocess.run([*self.podman, "logs", self.id], capture_output=True, text=True, errors="replace",
                              check=False)
        return done.stdout, done.stderr

    def logs(self) -> str:
        return "".join(self.streams())

    def is_running(self) -> bool:
        return self._inspect("{{.State.Running}}") == "true"

    def stop(self, timeout: int = 10) -> float:
        """`podman stop`; how many seconds it took."""
        began = time.monotonic()
        run([*self.podman, "stop", "--time", str(timeout), self.id], timeout=timeout + 60)
        return time.monotonic() - began

    def signal(self, name: str) -> None:
        run([*self.podman, "kill", "--signal", name, self.id])

    def wait(self, timeout: float = 60) -> int:
        """The container's exit code, once it has ended."""
        try:
            return int(run([*self.podman, "wait", self.id], timeout=timeout).stdout)
        except subprocess.TimeoutExpired:
            raise TimedOut(f"the container still runs after {timeout} s\n{self.story()}") from None

    def remove(self) -> None:
        if self._id:
            subprocess.run([*self.podman, "rm", "--force", "--time", "0", self._id], capture_output=True, check=False)


class PrivateRoot(Machine):
    """The image's files in a directory of their own, booted as PID 1 of new namespaces by unshare and chroot."""

    def __init__(self, image: Image, *command: str, root: Path | None = None) -> None:
        self.command = command or ("/sbin/pyinit",)
        self._own = None if root else Path(tempfile.mkdtemp(prefix="pyinit-root-", dir=CACHE))
        self.root = root or unpack(build_rootfs(image), self._own / "root")
        if LIVE and image.with_pyinit:
            shutil.copytree(TREE / "initd", self.root / "usr/lib/pyinit/initd", dirs_exist_ok=True)
        self.log_path = Path(tempfile.mkstemp(prefix="pyinit-log-")[1])
        self.unshare: subprocess.Popen | None = None
        self.pid = 0

    def start(self) -> PrivateRoot:
        script = ('mount -t proc proc "$1/proc" && mount -t tmpfs -o mode=755 tmpfs "$1/dev" && mkdir "$1/dev/shm" && '
                  'for n in null zero full random urandom tty; do '
                  ': > "$1/dev/$n"; mount --bind /dev/$n "$1/dev/$n"; done && '
                  '{ ip link set lo up || :; } && exec env -i container=unshare PATH=$PATH chroot "$@"')
        namespaces = ["--mount", "--pid", "--fork", "--ipc", "--uts", "--net", "--propagation", "private"]
        with open(self.log_path, "ab") as log:
            self.unshare = subprocess.Popen(
                ["unshare", *namespaces, "sh", "-c", script, "sh", str(self.root), *self.command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
        self.pid = wait_until("unshare has forked", self._find_init, 10)
        return self

    def _find_init(self) -> int:
        assert self.unshare is not None
        if self.unshare.poll() is not None:
            raise Unavailable(f"unshare ended with {self.unshare.returncode}: {self.logs()}")
        children = Path(f"/proc/{self.unshare.pid}/task/{self.unshare.pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def _enter(self) -> list[str]:
        return ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--net", "--ipc", "--uts", "--root", "--wd=/"]

    def put(self, path: str, text: str, mode: int = 0o644) -> PrivateRoot:
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)
        return self

    def logs(self) -> str:
        return self.log_path.read_text(errors="replace")

    def stop(self, timeout: int = 10) -> float:
        began = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        try:
            self.wait(timeout)
        except TimedOut:
            os.kill(self.pid, signal.SIGKILL)
            self.wait(timeout)
        return time.monotonic() - began

    def wait(self, timeout: float = 60) -> int:
        assert self.unshare is not None
        try:
            return self.unshare.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimedOut(f"the init still runs after {timeout} s\n{self.story()}") from None

    def remove(self) -> None:
        if self.unshare and self.unshare.poll() is None:
            if self.pid:
                os.kill(self.pid, signal.SIGKILL)
            else:
                self.unshare.kill()
            self.unshare.wait(30)
        self.log_path.unlink(missing_ok=True)
        if self._own:
            shutil.rmtree(self._own, ignore_errors=True)


def why_no_containers() -> str:
    """Empty where podman can run a container here; else what stands in the way."""
    if os.geteuid() != 0:
        return "not root"
    for program in ("podman", "runc", "mmdebstrap"):
        if not shutil.which(program):
            return f"{program} is not installed"
    try:
        container = Container(Image(with_pyinit=False, with_policy=False), "true")
    except Unavailable as problem:
        return str(problem)
    try:
        container.start()
        return "" if container.wait() == 0 else container.logs()
    except (Unavailable, TimedOut) as problem:
        return str(problem)
    finally:
        container.remove()
