"""`systemd-run --scope`: what is said and how it ends, for a real systemd and for ours; recorded in run.json by record.py."""

from __future__ import annotations

import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))

CASES = (
    ["true"], ["sh", "-c", "exit 3"], ["sh", "-c", "kill -9 $$"], ["/nonexistent"], ["nonexistent"], ["/etc/passwd"],
    ["--wait", "true"], ["--pty", "true"], ["--pipe", "true"], ["--remain-after-exit", "true"], ["--service-type=exec", "true"],
    ["--no-block", "true"], ["--on-active=1", "true"], ["--timer-property=Unit=x", "true"], ["--quiet", "true"],
    ["--unit=named", "true"], ["--unit=named.scope", "true"], ["--unit=named.service", "true"], ["--uid=daemon", "id"],
    ["--gid=daemon", "id"], ["--uid=daemon", "--gid=games", "id"], ["--uid=nosuchuser", "true"], ["--gid=nosuchgroup", "true"],
    ["--nice=5", "nice"], ["--nice=99", "nice"], ["--nice=abc", "nice"], ["-E", "A=b c", "sh", "-c", "echo $A"],
    ["--working-directory=/tmp", "pwd"], ["--same-dir", "pwd"], ["--slice=odd", "true"],
    ["--slice=odd.service", "true"], ["--description=Odd", "true"], ["--property=TimeoutStopSec=5", "true"],
    ["--property=User=daemon", "id", "-u"], ["--property=Type=exec", "true"], ["--property=Nonsense=1", "true"],
    ["--property=MemoryMax=10M", "true"], ["--collect", "true"], ["--send-sighup", "true"], ["--shell"], [],
    ["--uid=daemon", "sh", "-c", "echo $HOME $USER $LOGNAME $SHELL"],
    ["sh", "-c", "env | cut -d= -f1 | sort | tr '\\n' ' '"],
    ["-q", "sh", "-c", "systemctl show --value -p Id,ActiveState,SubState,Slice,TimeoutStopUSec,CollectMode "
                       "$(systemctl list-units --plain --no-legend --type=scope run-\\* | cut -d' ' -f1)"],
    ["--unit=shown", "-q", "sh", "-c", "systemctl list-units --plain --no-legend --type=scope shown.scope"],
)


def look(container) -> list[list[object]]:
    """Arguments, exit status, output and errors of each."""
    told: list[list[object]] = []
    for words in CASES:
        done = container.exec("systemd-run", "--scope", *words, check=False, text="")
        texts = [re.sub(r"run-r[0-9a-f]{32}|run-\d+", "run-X", text) for text in (done.stdout, done.stderr)]
        told.append([words, done.returncode, *texts])
    return told
