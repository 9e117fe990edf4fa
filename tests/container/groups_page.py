"""`make groups-page`: debian/doc/events-and-groups.md, what these commands say in a container."""

from __future__ import annotations

from harness import Container
from images import Image
from pages import DOCS, Page, indented, write

CONF = """\
[supervisord]
[program:web]
command=/bin/sleep 1000
priority=1
[program:crashes]
command=/bin/sh -c 'sleep 1; exit 3'
startretries=1
[eventlistener:ear]
command=/usr/local/bin/ear
events=PROCESS_STATE
"""
EAR = """\
#!/usr/bin/python3
import sys
from supervisor import childutils
while True:
    headers, payload = childutils.listener.wait(sys.stdin, sys.stdout)
    print(headers["eventname"], payload, file=sys.stderr, flush=True)
    childutils.listener.ok(sys.stdout)
"""
FILES = {
    "/etc/systemd/system/worker@.service": """\
[Service]
Type=exec
Slice=app.slice
ExecStart=/bin/sh -c 'test ! -e /run/bad-%i && exec sleep 1000'
[Install]
WantedBy=multi-user.target
""",
    "/etc/supervisord.conf": CONF,
    "/usr/local/bin/ear": EAR,
}
PAGE = DOCS / "events-and-groups.md"
#: Title → command lines, as they are typed.
SESSION = {
    "As many workers as one wants": ("pyinit scale worker@ 3", "pyinit scale worker@ 2", "pyinit scale worker@ 4"),
    "One after the other": (
        "systemctl restart --rolling 'worker@*'", "systemctl restart --parallel=2 app.slice", "touch /run/bad-2",
        "systemctl restart --rolling app.slice", "rm /run/bad-2; systemctl restart worker@2"),
    "What happens": (
        "pyinit events --count=5 'worker@*' & sleep 1; systemctl restart worker@1; wait",
        "pyinit events --json --state=failed --count=1 & sleep 1; touch /run/bad-3; systemctl restart worker@3; wait"),
    "Moving in from supervisor, event listeners included": (
        "cat /etc/supervisord.conf", "cat /usr/local/bin/ear",
        "pyinit import --enable --from=supervisord /etc/supervisord.conf",
        "systemctl start ear; systemctl start web crashes; sleep 4; journalctl --identifier=ear --output=cat"),
}
HEAD = """\
# Events and groups

Printed by `tests/container/groups_page.py`: what the commands said in a container of Debian 12, not edited. Two files are
there: `/etc/systemd/system/worker@.service`

"""
TAIL_OF_HEAD = """
and a `supervisord.conf` with an event listener that is written as supervisor's documentation has it.
"""


def tour(box: Container) -> str:
    for path, text in FILES.items():
        box.put(path, text, 0o755 if "bin" in path else 0o644)
    box.start().wait_until_booted()
    page = Page(box, HEAD + indented(FILES["/etc/systemd/system/worker@.service"]) + TAIL_OF_HEAD, "$")
    for title, lines in SESSION.items():
        page.say(f"## {title}")
        for line in lines:
            page.show(line)
    return page.text


if __name__ == "__main__":
    write(PAGE, Container(Image(("supervisor", "procps")), "/sbin/pyinit", "systemd.mask=supervisor.service"), tour)
