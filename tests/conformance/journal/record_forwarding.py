"""Ask a real systemd-journald what it says of messages over the limit, and what it writes to the kernel's log and to the
terminals of users who are logged in: `python record_forwarding.py > forwarding.json`.

The kernel's log is a pipe in there, the terminal a pseudo terminal that utmp has a user on.
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "container"))

from harness import Container
from images import Image

UNIT = r"""
[Service]
Type=oneshot
SyslogIdentifier=often
LogRateLimitIntervalSec=2s
LogRateLimitBurst=5
ExecStart=/bin/sh -c 'seq 100; sleep 2.5; echo behind'
"""
KMSG_UNIT = """\
[Service]
Type=oneshot
SyslogIdentifier=me
StandardOutput=kmsg
ExecStart=/bin/sh -c 'echo "<3>by kmsg"; echo plain'
"""
CONFIG = "[Journal]\nForwardToKMsg={kmsg}\nReadKMsg=no\nForwardToWall=yes\n"
#: Somebody is logged in on a new terminal; prints what comes there while something is logged.
WALL = r"""
import os, select, struct, subprocess, sys, tty
master, slave = os.openpty()
tty.setraw(slave)
os.chmod(os.ttyname(slave), 0o622)
line = os.ttyname(slave).removeprefix("/dev/").encode()
with open("/run/utmp", "wb") as file:
    file.write(struct.pack("<hxxi32s4s32s256shhiii4i20x", 7, os.getpid(), line, b"t0", b"root", b"", 0, 0, 0, 1, 0, 0, 0, 0, 0))
for words in (["-p", "user.alert", "-t", "alerted", "not so bad"], ["-p", "user.emerg", "-t", "someone", "very bad"]):
    subprocess.run(["logger", *words], check=True)
text = b""
while select.select([master], [], [], 3)[0]:
    text += os.read(master, 4096)
print(ascii(text.decode()))
"""


def suppressed(container: Container) -> list[dict[str, str]]:
    container.systemctl("start", "often.service")
    container.exec("journalctl", "--sync")
    found = container.exec("journalctl", "-o", "json", "SYSLOG_IDENTIFIER=often", "+", "_TRANSPORT=driver").stdout
    entries = [json.loads(line) for line in found.splitlines()]
    names = ("MESSAGE", "MESSAGE_ID", "PRIORITY", "N_DROPPED", "SYSLOG_IDENTIFIER", "SYSLOG_FACILITY", "_TRANSPORT")
    chosen = [entry for entry in entries if "N_DROPPED" in entry or entry["SYSLOG_IDENTIFIER"] == "often"]
    return [{name: entry[name] for name in names if name in entry} for entry in chosen[-3:]]


def reconfigured(container: Container, kmsg: str) -> None:
    container.write("/etc/systemd/journald.conf", CONFIG.format(kmsg=kmsg))
    container.exec("sh", "-c",
                   "rm -f /dev/kmsg; mkfifo /dev/kmsg; cat <>/dev/kmsg >/tmp/seen & systemctl restart systemd-journald")


def main() -> None:
    container = Container(Image(("systemd-sysv", "dbus", "python3", "bsdutils"), with_pyinit=False), "/sbin/init",
                          options=("--systemd=always", "--privileged"))
    found: dict[str, object] = {}
    try:
        container.put("/etc/systemd/system/often.service", UNIT).put("/wall.py", WALL)
        container.put("/etc/systemd/system/kmsg.service", KMSG_UNIT).start()
        container.wait_until_booted()
        found["suppressed"] = suppressed(container)
        for key, kmsg in (("forwarded", "yes"), ("by stream", "no")):
            reconfigured(container, kmsg)
            container.exec("logger", "-p", "user.notice", "-t", "tag", "--id=77", "noticed")
            container.exec("logger", "-p", "user.debug", "-t", "tag", "debugged")
            container.exec("logger", "-p", "kern.err", "-t", "tag", "as the kernel")
            container.systemctl("start", "kmsg.service")
            container.exec("journalctl", "--sync")
            found[key] = container.exec("cat", "/tmp/seen").stdout.splitlines()
        found["wall"] = ast.literal_eval(container.exec("python3", "/wall.py").stdout)
        found["version"] = container.exec("systemctl", "--version").stdout.splitlines()[0]
    finally:
        container.remove()
    json.dump(found, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
