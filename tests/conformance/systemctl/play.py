"""Plays session.txt in a container that has booted, and gives back what each command said and how it ended.

A session is a list of rows, a row a list of command lines. Which `systemctl` the lines mean is what $PATH finds first.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
#: Where the systemctl of systemd's package lies, beside ours.
REAL = "/opt/systemd/bin"
_PLACE = "/var/tmp/ctl"

SLEEP = "ExecStart=/bin/sleep infinity\n"
UNITS = {
    "ctl-web.service": "[Unit]\nDescription=A web server\n[Service]\n" + SLEEP + "ExecReload=/bin/true\n",
    "ctl-once.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "ctl-stay.service": "[Unit]\nDescription=Stays\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
    "ctl-fail.service": "[Unit]\nDescription=Always fails\n[Service]\nType=oneshot\nExecStart=/bin/false\n",
    "ctl-crash.service": "[Service]\nType=notify\nExecStart=/bin/false\n",
    "ctl-needs.service": "[Unit]\nRequires=ctl-fail.service\nAfter=ctl-fail.service\n[Service]\n" + SLEEP,
    "ctl-only.service": "[Unit]\nRefuseManualStart=yes\n[Service]\n" + SLEEP,
    "ctl-noexec.service": "[Service]\nExecStart=/nosuch/program\n",
    "ctl-unmet.service": "[Unit]\nConditionPathExists=/nosuch\n[Service]\n" + SLEEP,
    "ctl-bad.service": "[Service]\nType=oneshot\n",
    "ctl@.service": "[Unit]\nDescription=Instance %i\n[Service]\n" + SLEEP + "[Install]\nWantedBy=ctl-some.target\n",
    "ctl-never.service": "[Service]\nType=notify\nTimeoutStartSec=infinity\n" + SLEEP,
    "ctl-waits.service": "[Unit]\nAfter=ctl-never.service\n[Service]\n" + SLEEP,
    "ctl-some.target": "[Unit]\nDescription=Some\n",
    "ctl-more.target": "[Unit]\nWants=ctl-stay.service ctl-web.service ctl-fail.service ctl-deep.target\n",
    "ctl-deep.target": "[Unit]\nWants=ctl-once.service\n",
    "ctl-timer.timer": "[Timer]\nOnActiveSec=10h\nUnit=ctl-once.service\n",
    "ctl-listen.socket": "[Socket]\nListenStream=/run/ctl.sock\nListenDatagram=/run/ctl.datagrams\nService=ctl-sock.service\n",
    "ctl-sock.service": "[Service]\n" + SLEEP,
    "ctl-long.service": "[Unit]\nDescription=" + "A long description that does not end " * 5 + "\n[Service]\n" + SLEEP,
    "ctl-dropin.service": "[Service]\n" + SLEEP,
    "ctl-dropin.service.d/10-a.conf": "[Service]\nEnvironment=A=1\n",
    "ctl-dropin.service.d/20-b.conf": "[Unit]\nDescription=From a drop-in\n",
    "ctl-doc.service": "[Unit]\nDocumentation=man:sleep(1) https://example.com/\n[Service]\nEnvironment=A=1 \"B=with blank\"\n"
                       + SLEEP,
    "ctl-steps.service": "[Service]\nExecStartPre=/bin/true\nExecStartPre=-/bin/false\n" + SLEEP,
    "ctl-trap.service": "[Service]\nExecStart=/bin/sh -c \"trap : HUP USR1; while :; do sleep 1000 & wait; done\"\n",
    "ctl-badreload.service": "[Service]\n" + SLEEP + "ExecReload=/bin/false\n",
    "ctl-dirs.service": "[Service]\nStateDirectory=ctl-dirs\nCacheDirectory=ctl-dirs\nLogsDirectory=ctl-dirs\n" + SLEEP,
    "ctl-bare-a.service": "[Unit]\nDefaultDependencies=no\n[Service]\nSlice=-.slice\n" + SLEEP,
    "ctl-bare-b.service": "[Unit]\nDefaultDependencies=no\nRequires=ctl-bare-a.service\nAfter=ctl-bare-a.service\n"
                          "[Service]\nSlice=-.slice\n" + SLEEP,
    "ctl-bare.target": "[Unit]\nDefaultDependencies=no\nWants=ctl-bare-b.service\n",
    "ctl-install.service": "[Unit]\nDescription=Can be enabled\n[Service]\n" + SLEEP + "[Install]\nWantedBy=ctl-some.target\n",
}  # fmt: skip
SET_UP = f"""
cd /etc/systemd/system
ln -s /dev/null ctl-masked.service
mkdir -p /lib/systemd/system
printf '[Service]\\nExecStart=/bin/sleep infinity\\n' > /lib/systemd/system/ctl-lib.service
systemctl daemon-reload
systemctl start ctl-trap ctl-long ctl-dropin ctl-doc ctl-steps
mkdir -p {_PLACE}
"""
#: Every line in a shell of its own. A line that does not end is one that differs.
_RUNNER = r"""
n=0
while IFS= read -r line; do
    case "$line" in
    ''|'#'*) continue ;;
    '@'*) timeout 30 sh -c "${line#@}" </dev/null >/dev/null 2>&1; continue ;;
    esac
    n=$((n + 1))
    timeout -k 1 15 sh -c "$line" </dev/null >$OUT/$n.out 2>$OUT/$n.err
    echo $? >$OUT/$n.rc
done
echo $n >$OUT/n
"""


class Line(NamedTuple):
    row: str
    text: str


def session() -> list[Line]:
    """The lines that are compared."""
    found, row = [], ""
    for text in (HERE / "session.txt").read_text().splitlines():
        if text.startswith("## "):
            row = text[3:]
        elif text and text[0] not in "#@":
            found.append(Line(row, text))
    return found


def play(container: Any, with_real: bool) -> list[dict[str, Any]]:
    """One answer for each line of the session: exit, out, err."""
    for name, text in UNITS.items():
        container.write(f"/etc/systemd/system/{name}", text)
    container.exec("sh", "-ec", SET_UP)
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    environment = {"PATH": f"{REAL}:{path}" if with_real else path, "LANG": "C.UTF-8", "TZ": "UTC", "TERM": "dumb",
                   "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0", "COLUMNS": "80", "OUT": _PLACE}
    words = [f"{name}={value}" for name, value in environment.items()]
    container.exec("env", "-i", *words, "sh", "-c", _RUNNER, text=(HERE / "session.txt").read_text(), timeout=900)
    place = Path(f"/proc/{container.pid}/root{_PLACE}")
    answers = []
    for number in range(1, int((place / "n").read_text()) + 1):
        said = {kind: settled((place / f"{number}.{kind}").read_bytes().decode(errors="replace")) for kind in ("out", "err")}
        answers.append({"exit": int((place / f"{number}.rc").read_text()), **said})
    return answers


def processes(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=True)


_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? UTC"
_SPAN = r"(?:\d+(?:us|ms|s|min|h)|\d+\.\d+s)(?: \d+(?:us|ms|s|min|h))*"
#: Pids, times, ids and amounts: what is never the same twice.
_VOLATILE = (
    (re.compile(r"\r+\n"), "\n"),
    (re.compile(_DAY), "TIME"),
    (re.compile(r"@\d{10}(\.\d+)?"), "TIME"),
    (re.compile(_SPAN + r" (ago|left)"), r"SPAN \1"),
    (re.compile(r"(Duration): .*"), r"\1: SPAN"),
    # systemd counts where the machine lets it have the controllers for it, ours counts itself.
    (re.compile(r"^ +(Tasks|Memory|CPU|CGroup): (?!/(libpod|system|user|init)).*\n", re.MULTILINE), ""),
    (re.compile(r"next_elapse=[^}]*"), "next_elapse=SPAN "),
    (re.compile(r"file://[0-9a-f]{12}/"), "file://HOST/"),
    (re.compile(r"(Main PID|PID|Process|Cntrl PID): \d+"), r"\1: N"),
    (re.compile(r"(├─|└─)((?:\x1b\[[\d;]*m)?) *\d+ "), r"\1\2N "),
    (re.compile(r"/libpod_parent/libpod-[0-9a-f]+"), ""),
    (re.compile(r"(start_time|stop_time)=\[[^]]*\]"), r"\1=[TIME]"),
    (re.compile(r"\bpid=[1-9]\d*"), "pid=N"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"([jJ]ob) \d+"), r"\1 N"),
    (re.compile(r"^\d+ +(?=ctl)", re.MULTILINE), "N "),
    (re.compile(r"\.#[\w.@-]+?[0-9a-f]{16}"), ".#TEMPORARY"),
)  # fmt: skip


def settled(text: str) -> str:
    for pattern, word in _VOLATILE:
        text = pattern.sub(word, text)
    lines = [line.rstrip() for line in text.splitlines()]
    if all(_PROPERTY.match(line) for line in lines):
        # In which order properties come is nobody's business, nor, to systemd, that of a list of units.
        lines = [_sorted_words(line) for block in _blocks(lines) for line in sorted(block)]
    return "\n".join(lines)


_PROPERTY = re.compile(r"[A-Z]\w+=|$")


def _blocks(lines: list[str]) -> list[list[str]]:
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line:
            blocks[-1].append(line)
        else:
            blocks += [[""], []]
    return blocks


def _sorted_words(line: str) -> str:
    name, _, value = line.partition("=")
    is_list = name in ("Wants", "Requires", "After", "Before", "Names")
    return f"{name}={' '.join(sorted(value.split()))}" if is_list else line
