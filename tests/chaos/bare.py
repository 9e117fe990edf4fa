"""An image booted as PID 1 of namespaces of its own, without a container runtime: a tenth of what a container costs.

Each is a process that has its root (an overlay in memory), its /proc, /dev and /run, and nothing of the machine's. Another
process is its parent and watches it: that one sends the signals, sees the very moment at which the init ends (the kernel stops
it there, see ptrace(2), PTRACE_EVENT_EXIT), and looks who else is there still. Root only.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

NEW_NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000  # mount, uts, ipc, pid, net
MS_RDONLY, MS_NOSUID, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 32, 4096, 16384, 1 << 18
PR_CAPBSET_DROP = 24
#: What a container has: chown, dac_override, fowner, fsetid, kill, set[ug]id, setpcap, net_bind_service, sys_chroot, setfcap.
CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 31}
PTRACE_CONT, PTRACE_DETACH, PTRACE_SEIZE = 7, 17, 0x4206
PTRACE_O_TRACEEXIT, PTRACE_EVENT_EXIT, PTRACE_EVENT_STOP = 0x40, 6, 128
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
#: After so many seconds it is killed, and the end says so.
PATIENCE = 40
_LIBC = ctypes.CDLL(None, use_errno=True)


class End(NamedTuple):
    #: As os.waitstatus_to_exitcode has it; None where it had to be killed.
    code: int | None
    #: What it and all below it took.
    cpu_msec: int
    #: Command lines of who was there when the init ended.
    left: list[str]
    output: str


class Bare:
    """`directory` is its own for as long as the caller likes: `run` is its /run, `root` what it wrote elsewhere."""

    def __init__(self, image: Path, files: dict[str, str], *command: str) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="pyinit-bare-", dir="/dev/shm")
        self.directory = Path(self._temporary.name)
        self._image = image
        self.command = command or ("/sbin/pyinit",)
        for name in ("run", "root", "work", "mounted"):
            (self.directory / name).mkdir()
        for name, text in files.items():
            path = self.directory / "root" / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def live(self, signals: list[tuple[float, int]]) -> End:
        """Boots, sends each signal so many seconds after PID 1 began to heed any, and waits for the end."""
        answer, told = os.pipe()
        sys.stdout.flush()
        watcher = os.fork()
        if not watcher:
            os.close(answer)
            code = 1
            try:
                os.write(told, json.dumps(self._watch(signals)).encode())
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(told)
        with open(answer, "rb") as stream:
            text = stream.read()
        os.waitpid(watcher, 0)
        if not text:
            raise RuntimeError(f"nothing could be started: {self._output()}")
        return End(*json.loads(text), self._output())

    def remove(self) -> None:
        self._temporary.cleanup()

    def _output(self) -> str:
        path = self.directory / "output"
        return path.read_text(errors="replace") if path.exists() else ""

    # --- in the process that watches ----------------------------------------------------------------------------------

    def _watch(self, signals: list[tuple[float, int]]) -> tuple[int | None, int, list[str]]:
        _call("unshare", NEW_NAMESPACES)
        self._mount()
        seized, go = os.pipe()
        init = os.fork()
        if not init:
            os.close(go)
            self._become_init(seized)
        _call("ptrace", PTRACE_SEIZE, init, None, ctypes.c_void_p(PTRACE_O_TRACEEXIT))
        os.close(seized)
        os.close(go)
        _wait_for_ears(init)
        is_late = _send_later(init, signals)
        status, left = self._follow(init)
        signal.setitimer(signal.ITIMER_REAL, 0)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (None if is_late else os.waitstatus_to_exitcode(status)), int((used.ru_utime + used.ru_stime) * 1000), left

    def _mount(self) -> None:
        root = str(self.directory / "mounted")
        _mount("none", "/", None, MS_REC | MS_PRIVATE)
        _mount("overlay", root, "overlay", 0,
               f"lowerdir={self._image},upperdir={self.directory / 'root'},workdir={self.directory / 'work'}")
        _mount(str(self.directory / "run"), root + "/run", None, MS_BIND)
        _mount("tmpfs", root + "/dev", "tmpfs", MS_NOSUID, "mode=755")
        for name in DEVICES:
            Path(root, "dev", name).touch()
            _mount(f"/dev/{name}", f"{root}/dev/{name}", None, MS_BIND)
        Path(root, "dev/shm").mkdir()

    def _become_init(self, seized: int) -> None:
        output = os.open(self.directory / "output", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.read(seized, 1)  # until the other end is closed
            root = str(self.directory / "mounted")
            _mount("proc", root + "/proc", "proc", MS_NOSUID)
            for name in filter(lambda each: os.path.exists(f"{root}/proc/{each}"), ("sys", "sysrq-trigger")):  # the machine's
                _mount(f"{root}/proc/{name}", f"{root}/proc/{name}", None, MS_BIND | MS_REC)
                _mount("none", f"{root}/proc/{name}", None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID)
            os.setsid()
            for number in (1, 2):
                os.dup2(output, number)
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            os.closerange(3, 64)
            os.chroot(root)
            os.chdir("/")
            for number in range(1, signal.NSIG):
                if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
                    signal.signal(number, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
            for number in set(range(int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1)) - CAPABILITIES:
                _call("prctl", PR_CAPBSET_DROP, number, 0, 0, 0)
            os.execve(self.command[0], self.command, {"container": "bare", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        except BaseException as error:
            os.write(output, f"{type(error).__name__}: {error}\n".encode())
            os._exit(126)

    def _follow(self, init: int) -> tuple[int, list[str]]:
        """Until it has ended: its status, and who was left behind."""
        left: list[str] = []
        while True:
            status = os.waitpid(init, 0)[1]
            if not os.WIFSTOPPED(status):
                return status, left
            event = status >> 16
            if event == PTRACE_EVENT_EXIT:
                left = _others(self.directory / "mounted/proc", init)
                _call("ptrace", PTRACE_DETACH, init, None, None)
            else:
                passed_on = 0 if event else os.WSTOPSIG(status)
                _call("ptrace", PTRACE_CONT, init, None, ctypes.c_void_p(passed_on))


def _wait_for_ears(init: int) -> None:
    """Until it blocks or handles SIGTERM. The kernel drops it for who is PID 1 and has not said so: nothing that an init
    can do something about in its first few instructions."""
    bit = 1 << signal.SIGTERM - 1
    while True:
        text = Path(f"/proc/{init}/status").read_text()
        masks = re.findall(r"(?m)^Sig(?:Blk|Cgt):\t([0-9a-f]+)$", text)
        if any(int(mask, 16) & bit for mask in masks) or re.search(r"(?m)^State:\t[tZX]", text):  # or it is at its end
            return


def _send_later(init: int, signals: list[tuple[float, int]]) -> list[bool]:
    """Sets the clock for it. What is returned gets an entry when patience ends."""
    due = [*sorted(signals), (PATIENCE, signal.SIGKILL)]
    began = time.monotonic()
    is_late: list[bool] = []

    def send(*_: object) -> None:
        _, number = due.pop(0)
        if not due:
            is_late.append(True)
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(init, number)
        set_timer()

    def set_timer() -> None:
        if due:
            signal.setitimer(signal.ITIMER_REAL, max(due[0][0] - (time.monotonic() - began), 1e-6))
    signal.signal(signal.SIGALRM, send)
    set_timer()
    return is_late


def _others(proc: Path, init: int) -> list[str]:
    """Everyone in its namespace but itself, and but those who are dead already and wait for it."""
    found = []
    for path in proc.glob("[0-9]*"):
        try:
            text = (path / "status").read_text()
            if path.name != "1" and "\nState:\tZ" not in text and "\nState:\tX" not in text:
                found.append(f"{path.name}: {(path / 'cmdline').read_bytes().decode(errors='replace')}")
        except OSError:
            continue  # it has ended
    return found


def _mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    _call("mount", *(each.encode() if each is not None else None for each in (source, target, kind)), ctypes.c_ulong(flags),
          options.encode() if options else None)


def _call(name: str, *arguments: object) -> int:
    result = getattr(_LIBC, name)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}{arguments}: {os.strerror(number)}")
    return result
