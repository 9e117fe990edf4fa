"""A manager as PID 1 of namespaces of its own, in which any function can be made to raise; and what is done with it.

`functions` lists all that there are. `STEPS` are what users do: each makes the manager go through some of them.
"""

from __future__ import annotations

import inspect
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType

TREE = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TREE), str(TREE / "tests/container")]

from harness import Machine, TimedOut, wait_until  # noqa: E402
from images import CACHE, Image, build_root  # noqa: E402

from initd.cli.bus import MANAGER, MANAGER_PATH, PROPERTIES, UNIT, Bus, BusError, NotRunning  # noqa: E402
from initd.core.objectpath import unit_path  # noqa: E402
from initd.core.places import Places  # noqa: E402
from tests.injected.units import FILES, STARTED, UNITS  # noqa: E402

#: With a system bus, and with what paths are watched by.
IMAGE = Image(("dbus", "python3-pyinotify"))
#: The parts of the shell, and the modules that join it with the engine.
CODE = ("shell/*.py", "manager.py", "deaths.py", "buslink.py", "clients.py", "configuration.py", "generators.py", "handover.py",
        "journalkeeper.py", "loading.py", "madeunits.py", "mountlink.py", "unitreader.py", "termination.py")
_START = """
mount -t tmpfs -o mode=755 tmpfs "$1/mnt" && mkdir "$1/mnt/upper" "$1/mnt/work" "$1/mnt/root" &&
mount -t overlay overlay -o "lowerdir=$1/layer:$2,upperdir=$1/mnt/upper,workdir=$1/mnt/work" "$1/mnt/root" &&
root=$1/mnt/root &&
mkdir -p "$root/injected" && mount --bind "$1/injected" "$root/injected" &&
mount --bind "$1/initd" "$root/usr/lib/pyinit/initd" &&
mount -t proc proc "$root/proc" && mount -t tmpfs -o mode=755 tmpfs "$root/dev" && mkdir "$root/dev/shm" &&
for n in null zero full random urandom tty; do : > "$root/dev/$n"; mount --bind /dev/$n "$root/dev/$n"; done || exit 1
if [ -n "$3" ]; then
    mkdir -p "$root/sys/fs/cgroup" && echo 0 > "$3/cgroup.procs" && mount --bind "$3" "$root/sys/fs/cgroup" || exit 1
fi
exec env -i container=unshare PATH=$PATH chroot "$root" /sbin/pyinit
"""


def functions() -> list[str]:
    """The keys of all functions (see `hook`) that do anything, from the code as it is."""
    found: list[str] = []
    stub = compile("def stub(): ...", "", "exec").co_consts[0].co_code

    def visit(code: CodeType, file: str) -> None:
        for each in code.co_consts:
            if isinstance(each, CodeType):
                is_stub = each.co_code == stub and each.co_name != "<lambda>"
                if each.co_flags & inspect.CO_NEWLOCALS and not is_stub and not each.co_name.endswith(("comp>", "<genexpr>")):
                    found.append(f"{file}:{each.co_qualname}:{each.co_firstlineno}")
                visit(each, file)

    for pattern in CODE:
        for path in sorted((TREE / "initd").glob(pattern)):
            visit(compile(path.read_text(), str(path), "exec"), str(path.relative_to(TREE / "initd")))
    return found


class Wrong(Exception):
    """The manager does not do what it must."""


class Subject(Machine):
    """Booted at once; `boot` and `reexec` are what the hook is told then."""

    def __init__(self, **words: str) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="injected-", dir=CACHE))
        self._cgroup = self._make_cgroup()
        self._prepare()
        for when, text in words.items():
            (self.place / "injected" / when).write_text(text)
        with open(self.place / "output", "ab") as output:
            self.unshare = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts", "--net", "--propagation", "private",
                 "sh", "-c", _START, "sh", str(self.place), str(build_root(IMAGE)), str(self._cgroup or "")],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
        self.pid = self.wait_until("unshare has forked", self._find_init, 20)
        self._bus: Bus | None = None

    def _prepare(self) -> None:
        for name in ("mnt", "injected", "layer/etc/systemd/system", "layer/srv/on", "layer/etc/systemd/system.conf.d"):
            (self.place / name).mkdir(parents=True)
        files = {f"etc/systemd/system/{name}": text for name, text in UNITS.items()} | FILES
        for name, text in files.items():
            path = self.place / "layer" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755 if text.startswith("#!") else 0o644)
        shutil.copytree(TREE / "initd", self.place / "initd", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(Path(__file__).with_name("hook.py"), self.place / "initd/injected_hook.py")
        main = self.place / "initd/__main__.py"
        before, mark, _ = main.read_text().partition("begin(sys.argv[1:])\n")
        main.write_text(f"{before}from initd import injected_hook\n\ninjected_hook.install()\n{mark}")

    def _make_cgroup(self) -> Path | None:
        """A control group whose tree the manager may write; None where this machine lets nobody make one."""
        for base in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
            cgroup = base / f"pyinit-{self.place.name}"
            try:
                if (base / "cgroup.procs").exists():
                    cgroup.mkdir()
                    return cgroup
            except OSError:
                continue
        return None

    def _remove_cgroup(self, cgroup: Path) -> bool:
        """True when it is gone: those who were in it take their time to end."""
        try:
            for path, _, _ in os.walk(cgroup, topdown=False):
                os.rmdir(path)
        except OSError:
            return False
        return True

    def _find_init(self) -> int:
        if self.unshare.poll() is not None:
            raise Wrong(f"unshare ended with {self.unshare.returncode}: {self.logs()}")
        children = Path(f"/proc/{self.unshare.pid}/task/{self.unshare.pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def _enter(self) -> list[str]:
        return ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--net", "--ipc", "--uts", "--root", "--wd=/"]

    def logs(self) -> str:
        return (self.place / "output").read_text(errors="replace")

    def path(self, inside: str) -> Path:
        return Path(f"/proc/{self.pid}/root{inside}")

    def remove(self) -> None:
        if self._bus is not None:
            self._bus.close()
        if self.unshare.poll() is None:
            os.kill(self.unshare.pid, signal.SIGKILL)  # its child goes with it
            self.unshare.wait(30)
        if self._cgroup is not None:
            wait_until("the control group is empty", lambda cgroup=self._cgroup: self._remove_cgroup(cgroup), 10)
        shutil.rmtree(self.place, ignore_errors=True)

    # --- the hook ----------------------------------------------------------------------------------------------------

    def said(self, kind: str) -> list[str]:
        """What the hook has written of a kind, the rest of each line."""
        path = self.place / "injected/log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [rest for word, _, rest in (line.partition("\t") for line in lines) if word == kind]

    def tell(self, *words: str) -> None:
        """Have the hook do something; it is heard when this returns."""
        text = "\t".join(words)
        before = len(self.said("heard"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            def send() -> bool:
                try:
                    sender.sendto(text.encode(), str(self.place / "injected/hook"))
                except OSError:
                    return False  # it has ended, or another manager takes over
                return True
            self.wait_for("the hook listens", send)
        self.wait_for("the hook has heard", lambda: len(self.said("heard")) > before)

    def prepare_reexec(self, *words: str) -> None:
        (self.place / "injected/reexec").write_text("\t".join(words))

    def wait_for(self, what: str, probe: Callable[[], object], timeout: float = 30) -> None:
        def answer() -> bool:
            if self.unshare.poll() is not None:
                raise Wrong(f"the manager has ended with {self.unshare.returncode}")
            return bool(probe())
        try:
            self.wait_until(what, answer, timeout)
        except TimedOut as error:
            raise Wrong(str(error).splitlines()[0]) from None

    # --- asking ------------------------------------------------------------------------------------------------------

    def ask(self, path: str, interface: str, member: str, signature: str = "", *args: object) -> tuple:
        """A call on a connection that is made when there is none. OSError where it breaks, or no answer comes."""
        try:
            if self._bus is None:
                self._bus = Bus(Places(run=str(self.path("/run"))), timeout=15)
            return self._bus.call(path, interface, member, signature, *args)
        except BusError as error:
            if error.name.startswith("org.freedesktop.") and not error.name.endswith((".NoReply", ".Disconnected")):
                raise
            self._drop()
            raise OSError(error.text) from None
        except (NotRunning, OSError) as error:
            self._drop()
            raise OSError(str(error)) from None

    def _drop(self) -> None:
        if self._bus is not None:
            self._bus.close()
        self._bus = None

    def job(self, verb: str, unit: str) -> None:
        """A client that asks for a job does not mind being refused: what is wrong is found by `check`."""
        try:
            self.ask(MANAGER_PATH, MANAGER, f"{verb}Unit", "ss", unit, "replace")
        except (OSError, BusError):
            pass

    def state(self, unit: str) -> str:
        """ActiveState, "" while nobody answers."""
        try:
            return str(self.ask(unit_path(unit), PROPERTIES, "Get", "ss", UNIT, "ActiveState")[0][1])
        except (OSError, BusError):
            return ""

    def settle(self, unit: str, *states: str) -> None:
        """Wait for a state, but not for long: what an injected exception has touched may never come to it."""
        until = time.monotonic() + 1.5
        while self.state(unit) not in states and time.monotonic() < until and self.unshare.poll() is None:
            time.sleep(0.03)

    # --- what must be ------------------------------------------------------------------------------------------------

    def check(self, is_whole: bool = True) -> None:
        """It lives, answers, starts and stops what is asked for; where it `is_whole`, everything can be stopped, and nobody is
        left unreaped."""
        self.tell("off")
        self.wait_for("the manager answers", lambda: self.state("early.service"), 20)
        for verb, wanted in (("Start", "active"), ("Stop", "inactive")):
            self.ask_surely(f"{verb}Unit", "probe.service")
            self.wait_for(f"probe.service is {wanted}", lambda wanted=wanted: self.state("probe.service") == wanted, 20)
        if not is_whole:
            return
        self.stop_all()
        self.wait_for("the dead are reaped", lambda: not self.zombies_here(), 20)

    def ask_surely(self, member: str, unit: str) -> None:
        try:
            self.ask(MANAGER_PATH, MANAGER, member, "ss", unit, "replace")
        except (OSError, BusError) as error:
            raise Wrong(f"{member} {unit}: {error}") from None

    def stop_all(self) -> None:
        # What starts others first.
        for name in sorted(STARTED, key=lambda name: name.endswith(".service")):
            self.ask_surely("StopUnit", name)
        for name in STARTED:
            self.wait_for(f"{name} is stopped", lambda name=name: self.state(name) in ("inactive", "failed"), 20)
        self.ask(MANAGER_PATH, MANAGER, "ResetFailed")

    def zombies_here(self) -> list[str]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [pid for pid in children if _state_of(pid) == "Z"]

    def end(self) -> None:
        """SIGTERM: told to stop, it does, and says that all is well."""
        os.kill(self.pid, signal.SIGTERM)
        try:
            code = self.unshare.wait(30)
        except subprocess.TimeoutExpired:
            raise Wrong("SIGTERM does not end it") from None
        if code:
            raise Wrong(f"SIGTERM: ended with {code}")


def _state_of(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


# --- what users do --------------------------------------------------------------------------------------------------------


def _start_and_stop(*names: str) -> Callable[[Subject], None]:
    def step(subject: Subject) -> None:
        for name in names:
            subject.job("Start", name)
        for name in names:
            subject.settle(name, "active", "failed")
        for name in names:
            subject.job("Stop", name)
        for name in names:
            subject.settle(name, "inactive", "failed")
    return step


def _restart(subject: Subject) -> None:
    subject.job("Start", "plain.service")
    subject.settle("plain.service", "active")
    for verb in ("Reload", "Restart"):
        subject.job(verb, "plain.service")
        subject.settle("plain.service", "active")
    try:
        subject.ask(MANAGER_PATH, MANAGER, "KillUnit", "ssi", "plain.service", "all", 9)
    except (OSError, BusError):
        pass
    subject.settle("plain.service", "failed")


def _connect(subject: Subject) -> None:
    for name in ("here.socket", "each.socket"):
        subject.job("Start", name)
        subject.settle(name, "active")
    for path in ("/run/here", "/run/each", "/run/each"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            try:
                client.connect(str(subject.path(path)))
                client.send(b"x")
                if path.endswith("each"):
                    client.recv(1)
            except OSError:
                pass  # that it is not there is what `check` may find
    subject.settle("here.service", "active")


def _elapse(subject: Subject) -> None:
    subject.job("Start", "often.timer")
    time.sleep(0.25)


def _touch(subject: Subject) -> None:
    subject.job("Start", "seen.path")
    subject.settle("seen.path", "active")
    subject.path("/srv/changed").touch()
    seen = subject.path("/srv/seen")
    seen.touch()
    until = time.monotonic() + 1
    while seen.exists() and time.monotonic() < until:
        time.sleep(0.01)


def _commands(*lines: str) -> Callable[[Subject], None]:
    def step(subject: Subject) -> None:
        for line in lines:
            try:
                subject.exec("sh", "-c", line, check=False, timeout=40)
            except subprocess.TimeoutExpired:
                pass  # whoever asked may have been forgotten
    return step


def _kill_journal(subject: Subject) -> None:
    for pid in Path(f"/proc/{subject.pid}/task/{subject.pid}/children").read_text().split():
        if b"journal" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(int(pid), signal.SIGKILL)
    _start_and_stop("after.service")(subject)


def _reexecute(subject: Subject) -> None:
    subject.job("Start", "plain.service")
    subject.job("Start", "here.socket")
    subject.settle("here.socket", "active")
    before = len(subject.said("heard"))
    try:
        subject.ask(MANAGER_PATH, MANAGER, "Reexecute")
    except (OSError, BusError):
        pass
    until = time.monotonic() + 3
    while len(subject.said("heard")) == before and time.monotonic() < until:
        time.sleep(0.02)


def _calls(*calls: tuple[str, str, object]) -> Callable[[Subject], None]:
    """Of the manager: member, signature, arguments."""
    def step(subject: Subject) -> None:
        for member, signature, *words in calls:
            try:
                subject.ask(MANAGER_PATH, MANAGER, member, signature, *words)
            except (OSError, BusError):
                pass
    return step


def _bus_call(member: str, *words: str, to: str = "org.freedesktop.systemd1") -> str:
    return ("dbus-send --system --print-reply --reply-timeout=2000 --type=method_call "
            f"--dest={to} /org/freedesktop/systemd1 {member} {' '.join(words)}")


#: The quick ones first.
STEPS: dict[str, Callable[[Subject], None]] = {
    "start": _start_and_stop("plain.service", "user.service", "after.service"),
    "mount": _start_and_stop("srv-on.mount"),
    "timer": _elapse,
    "path": _touch,
    "socket": _connect,
    "restart": _restart,
    "fail": _start_and_stop("crash.service", "missing.service"),
    "enclosed": _start_and_stop("dynamic.service", "closed.service"),
    "notify": _start_and_stop("notify.service", "forking.service"),
    "journal": _kill_journal,
    "batch": _start_and_stop("many.target"),
    "conditions": _start_and_stop("asked.service"),
    "stored": _start_and_stop("stores.service"),
    "special": _start_and_stop("special.socket", "linked.socket"),
    "files": _calls(
        ("EnableUnitFiles", "asbb", ["after.service"], True, True), ("ListUnitFilesByPatterns", "asas", [], ["a*"]),
        ("GetUnitFileState", "s", "after.service"), ("GetUnitFileLinks", "sb", "after.service", True), ("GetDefaultTarget", ""),
        ("ReenableUnitFiles", "asbb", ["after.service"], True, True), ("DisableUnitFiles", "asb", ["after.service"], True),
        ("MaskUnitFiles", "asbb", ["after.service"], True, True), ("UnmaskUnitFiles", "asb", ["after.service"], True),
        ("PresetUnitFiles", "asbb", ["after.service"], True, True), ("PresetAllUnitFiles", "sbb", "enable-only", True, False),
        ("LinkUnitFiles", "asbb", ["/srv/linked.service"], True, True), ("RevertUnitFiles", "as", ["after.service"]),
        ("AddDependencyUnitFiles", "asssbb", ["after.service"], "early.service", "Wants", True, True),
        ("SetDefaultTarget", "sb", "default.target", False), ("ListUnitFiles", ""), ("Subscribe", ""), ("Unsubscribe", ""),
        ("FreezeUnit", "s", "early.service"), ("ThawUnit", "s", "early.service"),
        ("CleanUnit", "sas", "stores.service", ["cache", "state"]), ("GetUnitProcesses", "s", "early.service"), ("Dump", "")),
    "bus": _commands(
        "systemctl start dbus.service",
        _bus_call("org.freedesktop.systemd1.Manager.Subscribe") + "; " +
        _bus_call("org.freedesktop.systemd1.Manager.GetUnit", "string:early.service") + "; " +
        _bus_call("org.freedesktop.systemd1.Manager.RestartUnit", "string:after.service", "string:replace"),
        "systemctl start --no-block named.service; " + _bus_call("org.example.Any", to="org.example.wanted"),
        "systemctl stop named.service wanted.service; systemctl restart dbus.service"),
    "reload": _commands("systemctl daemon-reload"),
    "change": _commands("systemctl enable plain.service; systemctl disable plain.service",
                        "systemctl set-property --runtime early.service Nice=2; systemctl set-environment A=b",
                        "systemctl log-level info; systemctl log-level debug"),
    "run": _commands("systemd-run --wait --pipe /bin/true", "systemd-run --scope /bin/true",
                     "systemd-run --on-active=10ms /bin/true"),
    "ask": _commands("systemctl status --no-pager early.service; systemctl list-units --all", "systemctl show early.service",
                     "systemctl show; systemd-cgls --no-pager; systemctl list-timers; systemctl list-unit-files"),
    "reexec": _reexecute,
}
