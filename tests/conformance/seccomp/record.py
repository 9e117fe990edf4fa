"""Asks a real systemd, in a privileged container, for the seccomp programs it gives the cases; writes programs.json.

    python3 -m tests.conformance.seccomp.record

Each unit runs a static program that only pauses, and whose filters are read with PTRACE_SECCOMP_GET_FILTER (ptrace(2)) from
outside, oldest first. A program that several units have is kept once.
"""

from __future__ import annotations

import base64
import ctypes
import datetime
import io
import json
import os
import platform
import signal
import subprocess
import sys
import tarfile
import tempfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402

from tests.conformance.seccomp.cases import CASES  # noqa: E402

PROGRAMS = Path(__file__).resolve().parent / "programs.json"
_PAUSES = r'''
void _start(void)
{
    for (;;) {
        long pause = 34;
        __asm__ volatile("syscall" : "+a"(pause) : : "rcx", "r11", "memory");
    }
}
'''
_SEIZE, _INTERRUPT, _DETACH, _GET_FILTER = 0x4206, 0x4207, 17, 0x420C
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


def main() -> None:
    container = Container(Image(("systemd-sysv", "dbus"), with_pyinit=False), "/sbin/init",
                          options=("--systemd=always", "--privileged"))
    try:
        container.start().wait_until_booted()
        PROGRAMS.write_text(json.dumps(record(container), indent=0) + "\n")
    finally:
        container.remove()


def record(container: Container) -> dict[str, object]:
    put(container)
    container.systemctl("daemon-reload")
    programs: list[str] = []
    cases = {}
    for name in CASES:
        container.systemctl("start", f"case-{name}.service")
        pid = outside(container, container.main_pid(f"case-{name}.service"))
        found = [base64.b64encode(zlib.compress(program, 9)).decode() for program in filters(pid)]
        programs += [program for program in dict.fromkeys(found) if program not in programs]
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        cases[name] = {"lines": CASES[name], "no_new_privileges": int(status["NoNewPrivs"]),
                       "programs": [programs.index(program) for program in found]}
        container.systemctl("kill", "--signal=KILL", f"case-{name}.service", check=False)
    version = container.exec("systemctl", "--version").stdout.splitlines()[0]
    return {"version": version, "machine": platform.machine(), "date": datetime.date.today().isoformat(),
            "cases": cases, "programs": programs}


def put(container: Container) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive, tempfile.TemporaryDirectory() as directory:
        source = Path(directory, "pauses.c")
        source.write_text(_PAUSES)
        subprocess.run(["cc", "-static", "-nostdlib", "-O2", "-o", f"{directory}/pauses", source], check=True)
        archive.add(f"{directory}/pauses", "usr/local/bin/pauses")
        for name, lines in CASES.items():
            data = "\n".join(("[Service]", "Type=exec", "ExecStart=/usr/local/bin/pauses", *lines, "")).encode()
            member = tarfile.TarInfo(f"etc/systemd/system/case-{name}.service")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    subprocess.run([*container.podman, "exec", "--interactive", container.id, "tar", "-C", "/", "-xf", "-"],
                   input=buffer.getvalue(), check=True)


def outside(container: Container, pid: int) -> int:
    """The process with this number in the container, as this machine numbers it."""
    for process in container.processes_here():
        try:
            text = (process / "status").read_text()
        except OSError:
            continue
        numbers = next(line.split()[1:] for line in text.splitlines() if line.startswith("NSpid:"))
        if numbers[-1] == str(pid):
            return int(process.name)
    raise LookupError(pid)


def filters(pid: int) -> list[bytes]:
    """The programs of a process that pauses: structs sock_filter, oldest first."""
    ptrace(_SEIZE, pid)
    try:
        ptrace(_INTERRUPT, pid)
        os.waitpid(pid, 0x40000000)
        found = []
        while True:
            length = _libc.ptrace(_GET_FILTER, pid, len(found), None)
            if length < 0:
                return found
            buffer = ctypes.create_string_buffer(length * 8)
            ptrace(_GET_FILTER, pid, len(found), ctypes.addressof(buffer))
            found.append(buffer.raw)
    finally:
        ptrace(_DETACH, pid)


def ptrace(request: int, pid: int, address: int | None = None, data: int | None = None) -> None:
    if _libc.ptrace(request, pid, address, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
