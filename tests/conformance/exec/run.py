"""Runs the cases in a booted container, whose init may be systemd or pyinit, and tells what became of each."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
from pathlib import Path

from harness import Container

from tests.conformance.exec.cases import CASES, fill, unit_name, unit_text

HERE = Path(__file__).resolve().parent
#: The container's own environment: what PassEnvironment= and LoadCredential= by name pick from.
OPTIONS = ("--systemd=always", "--cap-add=NET_RAW,MKNOD,AUDIT_WRITE", "--hostname=recorder", "--env=FROM_OUTSIDE=seen",
           "--env=CREDENTIALS_DIRECTORY=/etc/outside-credentials")
#: By the name that cases know them by.
CONTAINERS = {
    "default": OPTIONS,
    "privileged": (*OPTIONS, "--privileged"),
    "less": (*OPTIONS, "--cap-drop=SETPCAP,SYS_CHROOT,SETUID,SETGID"),
}
PROPERTIES = "LoadState,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus"

#: Holds a terminal open that nobody has as their own.
_PTY = """\
import os, sys
master, slave = os.openpty()
print(os.ttyname(slave))
sys.stdout.flush()
if os.fork(): os._exit(0)
os.setsid()
for fd in (0, 1, 2): os.close(fd)
out = os.open("/probe/pty.out", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
while True: os.write(out, os.read(master, 4096))
"""
#: Answers one connection with who has come.
_SERVE = """\
import os, sys
from _socket import socket, AF_UNIX, SOCK_STREAM
listener = socket(AF_UNIX, SOCK_STREAM)
if os.path.exists(sys.argv[1]): os.unlink(sys.argv[1])
listener.bind(sys.argv[1])
listener.listen(1)
if os.fork(): os._exit(0)
for fd in (1, 2): os.close(fd)
fd, _ = listener._accept()
peer = socket(fileno=fd)
name = peer.getpeername()
peer.send(repr(name[name.index(b"/"):] if isinstance(name, bytes) else name).encode())
"""
#: One case after the other: what happened, between lines that name it.
_RUN = """\
cd /probe/cases
for number in *; do
    name=${number#*.}
    unit=case-$name.service
    echo "=== $name"
    sh ./$number/before >/dev/null 2>&1
    timeout 20 systemctl start $unit >/dev/null 2>&1; echo "start $?"
    systemctl show -p "$1" $unit
    cat /probe/out/$unit 2>/dev/null | sed 's/^/seen /'
    timeout 10 sh ./$number/after 2>&1 | sed 's/^/after /'
    systemctl stop $unit >/dev/null 2>&1
done
"""
#: What differs from one run to the next.
_VOLATILE = frozenset(("env:INVOCATION_ID", "env:JOURNAL_STREAM", "env:SYSTEMD_EXEC_PID"))
#: The soft one is the tag.
_LEFT_OUT = frozenset(("limit:realtime timeout",))


def run_cases(container: Container, where: str = "default", only: str = "") -> dict[str, dict[str, object]]:
    """The answer of every case for this kind of container, by its name."""
    container.wait_until_booted()
    _put(container, {"probe/pty.py": (_PTY, 0o644), "probe/serve.py": (_SERVE, 0o644),
                     "etc/outside-credentials/outside": ("from outside\n", 0o600)})
    pty = container.exec("/usr/bin/python3", "-IS", "/probe/pty.py").stdout.strip()
    names = names_of(where, only)
    files = {"probe/probe.sh": ((HERE / "probe.sh").read_text(), 0o755), "probe/run.sh": (_RUN, 0o755)}
    for number, name in enumerate(names):
        files[f"etc/systemd/system/{unit_name(name)}"] = (unit_text(name, pty), 0o644)
        files[f"probe/cases/{number:03}.{name}/before"] = (fill(CASES[name].before, pty), 0o644)
        files[f"probe/cases/{number:03}.{name}/after"] = (fill(CASES[name].after, pty), 0o644)
    _put(container, files)
    container.exec("sh", "-c", "useradd -u 2345 -m -s /bin/sh someone; mkdir -p -m 1777 /probe/out && systemctl daemon-reload")
    text = container.exec("sh", "/probe/run.sh", PROPERTIES, timeout=600).stdout
    return {name: _answer(lines.replace(pty, "/dev/pts/PTY"))
            for name, _, lines in (part.partition("\n") for part in text.split("=== ")[1:])}


def names_of(where: str, only: str = "") -> list[str]:
    return [name for name, case in CASES.items() if case.where == where and re.search(only, name)]


def _answer(text: str) -> dict[str, object]:
    answer: dict[str, object] = {}
    seen: dict[str, str] = {}
    after: list[str] = []
    for line in text.splitlines():
        front, _, rest = line.partition(" ")
        if front == "seen":
            key, _, value = rest.partition(" ")
            key, value = _limit(rest) if key.startswith("limit:") else (key, value)
            if key not in _LEFT_OUT:
                seen[key] = "…" if key in _VOLATILE else value
        elif front == "after":
            after.append(rest)
        elif front == "start":
            answer["start"] = int(rest)
        else:
            name, _, value = line.partition("=")
            answer[name] = value
    return answer | ({"seen": seen} if seen else {}) | ({"after": after} if after else {})


def _limit(text: str) -> tuple[str, str]:
    """The names of limits have spaces in them."""
    name, soft, hard = [part.strip() for part in text.split("|")]
    return name, f"{soft} {hard}"


def _put(container: Container, files: dict[str, tuple[str, int]]) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, (text, mode) in files.items():
            member = tarfile.TarInfo(path)
            data = text.encode()
            member.size, member.mode = len(data), mode
            archive.addfile(member, io.BytesIO(data))
    subprocess.run([*container.podman, "exec", "--interactive", container.id, "tar", "-C", "/", "-xf", "-"],
                   input=buffer.getvalue(), check=True)


def read_answers() -> dict[str, dict[str, object]]:
    """What the recorded systemd answered, as differences from the case that sets nothing."""
    recorded = json.loads((HERE / "answers.json").read_text())
    cases: dict[str, dict[str, object]] = recorded["cases"]
    return cases
