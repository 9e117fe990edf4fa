"""Broken unit files: PID 1 stays up, everything else starts, and the message says which file, line and why."""

from __future__ import annotations

import re

from harness import SERVICES

GOOD = "[Service]\nExecStart=/bin/sleep 9999\n[Install]\nWantedBy=multi-user.target\n"
WANTED = "/etc/systemd/system/multi-user.target.wants"

BAD = {
    "section.service": "[Service]\nExecStart=/bin/sleep 9999\n[Nonsense]\nA=b\n",
    "key.service": "[Service]\nExecStart=/bin/sleep 9999\nNoSuchKey=1\n",
    "value.service": "[Service]\nExecStart=/bin/sleep 9999\nType=sometimes\n",
    "nothing.service": "[Unit]\nDescription=nothing to execute\n",
    "relative.service": "[Service]\nExecStart=./x y\n",
    "longline.service": "[Unit]\nDescription=" + "x" * 1_100_000 + "\n[Service]\nExecStart=/bin/sleep 9999\n",
    "missing.service": "[Unit]\nRequires=does-not-exist.service\nAfter=does-not-exist.service\n" + GOOD,
    "circle-a.service": "[Unit]\nAfter=circle-b.service\nWants=circle-b.service\n" + GOOD,
    "circle-b.service": "[Unit]\nAfter=circle-a.service\n" + GOOD,
    "noprogram.service": "[Service]\nExecStart=/no/such/program\n",
    "garbage.service": "\0\1\2[[[\n]=\n=x\n\\\n",
}


LINKS = "".join(f"ln -s ../{name} {WANTED}/{name}\n" for name in [*BAD, "good.service", "latin.service"])


def test_the_rest_of_the_system_boots(boot):
    def add(container):
        for name, text in BAD.items():
            container.put(f"/etc/systemd/system/{name}", text)
        container.put("/etc/systemd/system/good.service", GOOD)
        container.put("/usr/local/sbin/boot-with-litter", (
            "#!/bin/sh\ncd /etc/systemd/system\n" + LINKS +
            "printf '[Unit]\\nDescription=caf\\351\\n[Service]\\nExecStart=/bin/sleep 9999\\n' > latin.service\n"
            "ln -s /nowhere dangling.service\nln -s loop2.service loop1.service\nln -s loop1.service loop2.service\n"
            f"ln -s ../dangling.service {WANTED}/dangling.service\nln -s ../loop1.service {WANTED}/loop1.service\n"
            "mkdir directory.service\nexec /sbin/pyinit\n"), 0o755)

    machine = boot(SERVICES, "/usr/local/sbin/boot-with-litter", before=add)
    assert machine.wait_until_booted() == "degraded"  # noprogram.service has failed
    for unit in ("nginx", "ssh", "cron", "good", "section", "key", "value"):
        assert machine.systemctl("is-active", f"{unit}.service", check=False) == "active\n", unit
    assert machine.show("nothing.service", "LoadState") == "bad-setting"
    assert machine.show("relative.service", "LoadState") == "bad-setting"
    assert machine.show("latin.service", "LoadState") == "error"  # as systemd 252 does: no unit with a line like that
    assert machine.show("noprogram.service", "Result") == "exit-code"
    assert machine.show("missing.service", "ActiveState") == "inactive"
    logs = machine.logs()
    directory = "/etc/systemd/system"
    assert re.search(rf"{directory}/section\.service:3: .*Nonsense", logs)
    assert re.search(rf"{directory}/key\.service:3: .*NoSuchKey", logs)
    assert re.search(rf"{directory}/value\.service:3: .*sometimes", logs)
    assert re.search(rf"{directory}/latin\.service:2: .*UTF-8", logs)
    assert re.search(r"circle-[ab]\.service: .*cycle", logs)
    machine.stop()
    assert machine.wait() == 0


def test_a_client_that_sends_rubbish_or_stops_reading_is_dropped(booted):
    booted.write("/tmp/rude.py", """\
import _socket, sys
def connect():
    s = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM); s.connect("/run/systemd/private"); return s
rubbish = connect(); rubbish.sendall(b"\\0GET / HTTP/1.1\\r\\n\\r\\n" * 1000)
silent = connect()
deaf = connect(); deaf.sendall(b"\\0AUTH EXTERNAL 30\\r\\nBEGIN\\r\\n")
deaf.setblocking(False)
try:
    for i in range(100000): deaf.send(b"l\\1\\0\\1\\377\\377\\377\\377" * 100)
except OSError as error:
    print("dropped or full")
""")
    booted.exec("python3", "-IS", "/tmp/rude.py", check=False)
    assert booted.systemctl("is-active", "nginx.service") == "active\n"
    assert "Welcome to nginx!" in booted.fetch()
