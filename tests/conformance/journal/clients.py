"""Programs that write into a journal, unmodified: logger(1), systemd's systemd-cat, syslog(3), Python's SysLogHandler, and
Debian's python3-systemd. One unit runs them all; what is kept of them is the same under systemd-journald and under ours.
"""

from __future__ import annotations

import json
import re
from typing import Any

HOST = "clients"
UNIT = r"""
[Service]
Type=oneshot
Environment=PYTHONDONTWRITEBYTECODE=1
ExecStart=/bin/sh /clients.sh
ExecStart=/usr/bin/python3 /clients.py
"""
OF_A_USER = r"""
[Unit]
Requires=waits.service
After=waits.service
[Service]
Type=oneshot
User=games
ExecStart=/bin/sh /user.sh
ExecStart=/usr/bin/python3 /user.py
"""
#: Waits for who may not look into the journal.
WAITS = r"""
[Service]
ExecStartPre=/bin/sh -c 'rm -f /want /done; mkfifo -m 666 /want /done'
ExecStart=/bin/sh /waits.sh
"""
WAITS_SHELL = r"""
unit=user.service before=0
. /kept.sh
while read line < /want; do more_than $before; before=$(kept); echo > /done; done
"""
#: How many lines there are of a unit, and the wait for more; ten seconds at most.
KEPT = r"""
kept() { journalctl -q -o cat _SYSTEMD_UNIT=$unit | wc -l; }
more_than() { for each in $(seq 100); do [ $(kept) -gt $1 ] && break; sleep 0.1; done; journalctl --sync; }
"""
USER_SHELL = r"""
seen() { echo > /want; read line < /done; }
{ echo by a user; seen; } | logger -t tagged
echo a line of a user
seen
"""
USER_PYTHON = r"""
from systemd import journal
journal.send("an entry of a user", MINE="1")
open("/want", "w").write("\n")
open("/done").read()
"""
#: `@CAT@` is systemd's own systemd-cat.
SHELL = r"""
# Nobody is number 777777: of who is, logger(1) gives the kernel a proof that not every container allows.
# Each is still there when the journal has looked who it was: without that it is a race, under systemd as well.
unit=clients.service
. /kept.sh
log() { before=$(kept); { cat; more_than $before; } | logger "$@"; }
echo to stderr >&2
echo plain | log -t plain
echo with a level | log -t tagged -p local3.notice
echo with a pid | log -t tagged -i
echo with that pid | log -t tagged --id=777777 -p daemon.err
echo as RFC 3164 | log -t tagged --rfc3164 --socket-errors=on -u /dev/log
echo as RFC 5424 | log -t tagged --rfc5424 --socket-errors=on -u /dev/log
printf '<11>a level in front\n' | log -t tagged --prio-prefix
printf 'two\nlines\n' | log -t tagged
printf 'MESSAGE=of fields\nPRIORITY=2\nSYSLOG_IDENTIFIER=given\nMINE=1\nMINE=2\n' | logger --journald
@CAT@ -t catty -p warning sh -c 'echo a line of systemd-cat; journalctl --sync; echo another one of it >&2; journalctl --sync'
@CAT@ -t catty --level-prefix=yes sh -c 'echo "<3>with a level of its own"; journalctl --sync'
@CAT@ -t catty --level-prefix=no sh -c 'echo "<3>without one"; journalctl --sync'
@CAT@ -t catty --priority=info --stderr-priority=err sh -c 'echo out; journalctl --sync; echo err >&2; journalctl --sync'
before=$(kept)
{ echo from a pipe; more_than $before; } | @CAT@ -t piped
"""
PYTHON = r'''
import logging, logging.handlers, subprocess, syslog
from systemd import journal

handler = logging.handlers.SysLogHandler(address="/dev/log", facility="local1")
handler.ident = "handler: "
log = logging.getLogger("clients")
log.setLevel(logging.DEBUG)
log.addHandler(handler)
log.debug("fine")
log.info("known")
log.warning("umlauts: \u00e4\u00f6\u00fc \u20ac")
log.error("two\nlines by SysLogHandler")
log.critical("worst")
log.removeHandler(handler)
bare = logging.handlers.SysLogHandler(address="/dev/log")
bare.append_nul = False
log.addHandler(bare)
log.info("without an identifier")
log.removeHandler(bare)

syslog.syslog("without openlog")
syslog.openlog("opened", syslog.LOG_PID | syslog.LOG_NDELAY, syslog.LOG_MAIL)
syslog.syslog(syslog.LOG_CRIT, "by syslog(3)")
syslog.syslog(syslog.LOG_AUTHPRIV | syslog.LOG_NOTICE, "with a facility")
syslog.closelog()

journal.send("by send")
journal.send("with fields", MESSAGE_ID="0123456789abcdef0123456789abcdef", PRIORITY=4, SYSLOG_IDENTIFIER="chosen", ERRNO=2)
journal.send("two\nlines by send", MULTI="a\nb\n\nc", EMPTY="", TAB="a\tb")
journal.send("binary", BINARY=bytes(range(256)), UMLAUT="\u00e4")
journal.send("large", LARGE="l" * 60_000)
journal.send("larger", LARGER="\n".join(["m" * 1023] * 2048))
journal.sendv(b"MESSAGE=by sendv", b"MINE=1", b"MINE=2", b"PRIORITY=7")
log.addHandler(journal.JournalHandler(SYSLOG_IDENTIFIER="journalhandler"))
log.warning("by JournalHandler", extra={"ORDER": "7"})
try:
    1 / 0
except ZeroDivisionError:
    log.exception("with a traceback")
stream = journal.stream("streamed", priority=5, level_prefix=True)
stream.write("by stream\n<4>with a prefix\n")
stream.flush()
subprocess.run(["journalctl", "--sync"], check=True)
'''
#: Names of the values that differ from run to run; that they are there is compared.
OTHER = frozenset("""
__CURSOR __REALTIME_TIMESTAMP __MONOTONIC_TIMESTAMP _SOURCE_REALTIME_TIMESTAMP _BOOT_ID _MACHINE_ID _HOSTNAME _PID _STREAM_ID
_SYSTEMD_INVOCATION_ID _SYSTEMD_CGROUP _CAP_EFFECTIVE TID
""".split())
#: Where numbers are those of a run: times and pids.
NUMBERED = frozenset("SYSLOG_PID SYSLOG_TIMESTAMP SYSLOG_RAW _CMDLINE MESSAGE".split())
#: Of the kernel's audit and of security modules, as this machine happens to have them.
OF_THE_HOST = frozenset("_AUDIT_SESSION _AUDIT_LOGINUID _SELINUX_CONTEXT".split())
_MONTH = re.compile(r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b +")


def prepare(container: Any, cat: str) -> None:
    """Before the start; `cat` runs systemd's systemd-cat."""
    container.put("/etc/systemd/system/clients.service", UNIT).put("/etc/systemd/system/user.service", OF_A_USER)
    container.put("/etc/systemd/system/waits.service", WAITS)
    container.put("/kept.sh", KEPT).put("/waits.sh", WAITS_SHELL).put("/user.sh", USER_SHELL).put("/user.py", USER_PYTHON)
    container.put("/clients.sh", SHELL.replace("@CAT@", cat)).put("/clients.py", PYTHON)


def run(container: Any) -> list[dict[str, list[str]]]:
    """Every entry that the clients made, as what can be compared of it."""
    for unit in ("clients.service", "user.service"):
        container.systemctl("start", unit, timeout=120)
    container.exec("journalctl", "--sync")
    found = []
    for unit in ("clients.service", "user.service"):
        text = container.exec("journalctl", "-q", "-a", "-o", "json", f"_SYSTEMD_UNIT={unit}").stdout
        found += [comparable(line) for line in text.splitlines()]
    # logger(1) ends as it sends these: whether the journal still sees whose they are is a race.
    found = [entry for entry in found if entry.get("SYSLOG_IDENTIFIER") != ["given"]]
    text = container.exec("journalctl", "-q", "-a", "-o", "json", "SYSLOG_IDENTIFIER=given").stdout
    found += [{name: value for name, value in comparable(line).items() if name[0] != "_" or name == "_TRANSPORT"}
              for line in text.splitlines()]
    return sorted(found, key=lambda entry: (entry.get("MESSAGE", [""]), sorted(entry.items())))


def comparable(line: str) -> dict[str, list[str]]:
    entry = {}
    for name, value in json.loads(line).items():
        if name in OF_THE_HOST:
            continue
        several = value if isinstance(value, list) and not all(isinstance(each, int) for each in value) else [value]
        entry[name] = [""] if name in OTHER else sorted(_shown(name, each) for each in several)
    return entry


def _shown(name: str, value: Any) -> str:
    text = bytes(value).decode("latin-1") if isinstance(value, list) else str(value)
    text = re.sub(r"/real/usr/bin/|/usr/bin/(?=systemd-cat)", "", text)
    text = re.sub(r" at 0x[0-9a-f]+", " at 0x0", text)
    if len(text) > 500:
        return f"{text[:20]}… {len(text)} characters"
    return _MONTH.sub("Mon ", re.sub(r"\d+", "0", text)) if name in NUMBERED else text
