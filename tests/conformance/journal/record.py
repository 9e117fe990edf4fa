"""Ask a real systemd-journald which fields it writes for each transport: `python record.py > fields.json`.

Values that differ from run to run are left out, but for those that a client chose.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "container"))

from harness import Container
from images import Image

UNIT = r"""\
[Service]
Type=oneshot
SyslogIdentifier=chosen
SyslogFacility=daemon
LogLevelMax=info
LogRateLimitIntervalSec=7s
LogRateLimitBurst=700
LogExtraFields=EXTRA=one OTHER=two
ExecStart=/bin/sh -c 'echo "<3>bad"; echo plain; printf unfinished; printf "a  \n\n  \nb\0c\n"; \
  ls -l /run/systemd/units >/tmp/units'
ExecStart=/bin/sh -c 'logger -t tagged -p mail.warning by-syslog'
ExecStart=/usr/bin/python3 /send.py
"""
SEND = r"""
import socket
native = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
native.connect("/run/systemd/journal/socket")
native.send(b"MESSAGE=by-native\nPRIORITY=4\nMINE=1\nMINE=2\n_UID=77\nlower=1\n")
native.send(b"MINE=no-message\n")
native.send(b"MESSAGE=\nMINE=empty\n")
syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
syslog.connect("/dev/log")
for data in b"no number", b"<13>Nov 27 05:00:00 tag[77]: stamped  \n", b"<14>", b"<14>a\nb", b"<14>  x: y":
    syslog.send(data)
"""
CHOSEN = """
MESSAGE PRIORITY SYSLOG_FACILITY SYSLOG_IDENTIFIER SYSLOG_PID SYSLOG_RAW SYSLOG_TIMESTAMP _TRANSPORT _LINE_BREAK EXTRA OTHER
MINE _UID _SYSTEMD_UNIT _SYSTEMD_SLICE _COMM UNIT JOB_TYPE JOB_RESULT
""".split()


def main() -> None:
    container = Container(Image(("systemd-sysv", "dbus", "python3-minimal", "bsdutils"), with_pyinit=False), "/sbin/init",
                          options=("--systemd=always", "--privileged"))
    try:
        container.put("/etc/systemd/system/probe.service", UNIT).put("/send.py", SEND).start()
        container.wait_until_booted()
        container.exec("systemctl", "start", "probe.service")
        container.exec("journalctl", "--sync")
        units = container.exec("cat", "/tmp/units").stdout
        text = container.exec("journalctl", "-o", "json", "_SYSTEMD_UNIT=probe.service", "+", "UNIT=probe.service").stdout
        print(units, container.exec("journalctl", "-o", "export", "-u", "probe").stdout, file=sys.stderr)
        entries = []
        for line in text.splitlines():
            entry = json.loads(line)
            entries.append({"fields": sorted(entry), "values": {name: entry[name] for name in CHOSEN if name in entry}})
        json.dump(entries, sys.stdout, indent=1)
        print()
    finally:
        container.remove()


if __name__ == "__main__":
    main()
