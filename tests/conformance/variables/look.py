"""Which variables tell a service's processes why they were started: by whose failure, timer, path, or by which connection.

systemd.exec(5), ENVIRONMENT VARIABLES SET OR PROPAGATED BY THE SERVICE MANAGER; systemd.socket(5), Accept=. Every unit
writes down what it was told, and scenes start them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from harness import Container

HERE = Path(__file__).resolve().parent
OPTIONS = ("--systemd=always",)
_SEEN = "/bin/sh -c 'env | grep -E \"^(MONITOR|TRIGGER|REMOTE)_\" | LC_ALL=C sort | sed \"s,^,{}: ,\" >> /run/seen/$$0' %N"
_DONE = "ExecStopPost=/bin/sh -c ': > /run/seen/done-$$0' %N\n"
_KEYS = ("ExecStartPre", "ExecStart", "ExecStartPost", "ExecStop", "ExecStopPost")
_TELLS = "".join(f"{key}={_SEEN.format(key)}\n" for key in _KEYS) + _DONE
_HANDLER = f"[Service]\nType=oneshot\n{_TELLS}"
_CONNECT = """\
import sys
from _socket import socket
family, kind, where = eval(sys.argv[1])
connection = socket(family, kind)
connection.connect(where)
connection.shutdown(1)
while connection.recv(100): pass
"""


def _fails(command: str, *handlers: str, more: str = "") -> str:
    key = "OnSuccess" if command == "/bin/true" else "OnFailure"
    return f"[Unit]\n{key}={' '.join(handlers)}\n[Service]\nType=oneshot\nExecStart={command}\n{more}"


#: Name → text.
UNITS = {
    **{f"{name}.service": _HANDLER for name in (
        "exit-handler", "signal-handler", "success-handler", "missing-handler", "shared-handler", "timeout-handler",
        "mixed-handler", "never-handler", "dependent-handler", "once", "elapsed", "there")},
    "template-handler@.service": _HANDLER,
    "exit.service": _fails("/bin/sh -c 'exit 3'", "exit-handler.service"),
    "signal.service": _fails("/bin/sh -c 'kill -USR1 $$$$'", "signal-handler.service"),
    "success.service": _fails("/bin/true", "success-handler.service"),
    "missing.service": _fails("/nonexistent", "missing-handler.service"),
    "timeout.service": _fails("/bin/sleep 60", "timeout-handler.service", more="TimeoutStartSec=200ms\n"),
    "template.service": _fails("/bin/sh -c 'exit 4'", "template-handler@%n.service"),
    "one.service": _fails("/bin/sh -c 'exit 5'", "shared-handler.service"),
    "two.service": _fails("/bin/sh -c 'exit 6'", "shared-handler.service"),
    "mixed-success.service": _fails("/bin/true", "mixed-handler.service"),
    "mixed-failure.service": _fails("/bin/sh -c 'exit 7'", "mixed-handler.service"),
    "never.service": _fails("/bin/sh -c 'exit 8'", "never-handler.service"),
    "dependent.service": "[Unit]\nRequires=exit.service\nAfter=exit.service\nOnFailure=dependent-handler.service\n"
                         "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "once.timer": "[Timer]\nOnActiveSec=100ms\nAccuracySec=1us\n",
    "elapsed.timer": "[Timer]\nOnCalendar=*:*:*\nAccuracySec=1us\n",
    "there.path": "[Path]\nPathExists=/run/there\n",
    "four.socket": "[Socket]\nListenStream=127.0.0.1:1001\nAccept=yes\n",
    "mapped.socket": "[Socket]\nListenStream=1002\nAccept=yes\n",
    "local.socket": "[Socket]\nListenStream=/run/local.sock\nAccept=yes\n",
    "sequence.socket": "[Socket]\nListenSequentialPacket=/run/sequence.sock\nAccept=yes\n",
    **{f"{name}@.service": f"[Service]\n{_TELLS.replace('%N', '%p')}" for name in ("four", "mapped", "local", "sequence")},
}
_BY_HAND = "systemctl start shared-handler.service"
_SETTLE = "until ls /run/seen/done-* 2>/dev/null; do sleep 0.1; done"
#: What happens, in shell; then until which unit's notes are there.
SCENES = {
    "exit": ("systemctl start exit.service", "exit-handler"),
    "signal": ("systemctl start signal.service", "signal-handler"),
    "success": ("systemctl start success.service", "success-handler"),
    "missing": ("systemctl start missing.service", "missing-handler"),
    "timeout": ("systemctl start timeout.service", "timeout-handler"),
    "template": ("systemctl start template.service", "template-handler@template.service"),
    "first": (f"systemctl start one.service; {_SETTLE}", "shared-handler"),
    "again-by-hand": (_BY_HAND, "shared-handler"),
    "by-hand-reset": (f"systemctl reset-failed one.service; {_BY_HAND}", "shared-handler"),
    "second": (f"systemctl start two.service; {_SETTLE}", "shared-handler"),
    "both-by-hand": (f"systemctl start one.service; {_SETTLE}; rm -f /run/seen/*; {_BY_HAND}", "shared-handler"),
    "both-reset": (f"systemctl reset-failed one.service two.service; {_BY_HAND}", "shared-handler"),
    "mixed-success": (f"systemctl start mixed-success.service; {_SETTLE}", "mixed-handler"),
    "mixed-by-hand": ("systemctl start mixed-handler.service", "mixed-handler"),
    "mixed-failure": (f"systemctl start mixed-failure.service; {_SETTLE}", "mixed-handler"),
    "never-by-hand": ("systemctl start never-handler.service", "never-handler"),
    "dependent": ("systemctl start dependent.service", "dependent-handler"),
    "timer": ("systemctl start once.timer", "once"),
    "timer-by-hand": (f"systemctl start once.timer; {_SETTLE}; rm -f /run/seen/*; systemctl start once.service", "once"),
    "timer-restart": (f"systemctl start once.timer; {_SETTLE}; rm -f /run/seen/*; systemctl restart once.service", "once"),
    "calendar": ("systemctl start elapsed.timer", "elapsed"),
    "path": ("systemctl start there.path; touch /run/there", "there"),
    "four": ("python3 -IS /run/connect.py '(2, 1, (\"127.0.0.1\", 1001))'", "four"),
    "mapped": ("python3 -IS /run/connect.py '(2, 1, (\"127.0.0.1\", 1002))'", "mapped"),
    "six": ("python3 -IS /run/connect.py '(10, 1, (\"::1\", 1002))'", "mapped"),
    "local": ("python3 -IS /run/connect.py '(1, 1, \"/run/local.sock\")'", "local"),
    "sequence": ("python3 -IS /run/connect.py '(1, 5, \"/run/sequence.sock\")'", "sequence"),
}
#: What differs from one run to the next.
_VOLATILE = re.compile(r"(INVOCATION_ID|USEC|REMOTE_PORT)=.+")


def look(container: Container) -> dict[str, list[str]]:
    """Scene → what was seen in it."""
    container.wait_until_booted()
    container.exec("mkdir", "-p", "/run/seen")
    container.write("/run/connect.py", _CONNECT)
    for name, text in UNITS.items():
        container.write(f"/etc/systemd/system/{name}", text)
    container.systemctl("daemon-reload")
    container.systemctl("start", "four.socket", "mapped.socket", "local.socket", "sequence.socket")
    return {name: _play(container, script, unit) for name, (script, unit) in SCENES.items()}


def _play(container: Container, script: str, unit: str) -> list[str]:
    container.exec("sh", "-c", f"rm -f /run/seen/*; {script}; :", timeout=60)
    container.wait_until(f"{unit} has ended", lambda: _has_ended(container, unit))
    container.exec("sh", "-c", "systemctl stop once.timer elapsed.timer there.path; rm -f /run/there", check=False)
    text = container.exec("sh", "-c", f"cat '/run/seen/{unit}' 2>/dev/null || :").stdout
    # A trigger starts its unit as often as it can: once is enough.
    return list(dict.fromkeys(_VOLATILE.sub(r"\1=…", line) for line in text.splitlines()))


def _has_ended(container: Container, unit: str) -> bool:
    """ExecStopPost= is the last that a unit runs."""
    return container.exec("test", "-e", f"/run/seen/done-{unit}", check=False).returncode == 0


def read_answers() -> dict[str, list[str]]:
    scenes: dict[str, list[str]] = json.loads((HERE / "answers.json").read_text())["scenes"]
    return scenes
