"""Units that check themselves: a directive each, and a shell script that succeeds where the directive is in force.

`status NAME` in a script is a field of /proc/self/status, `limit NAME` the soft and hard limit of /proc/self/limits.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import NamedTuple

from harness import Container


class SelfCheck(NamedTuple):
    #: The directive that is judged, and further lines that the check needs.
    line: str
    script: str
    more: str = ""

    @property
    def key(self) -> str:
        return self.line.partition("=")[0]


_FUNCTIONS = """\
status() { while read -r key value; do [ "$key" = "$1:" ] && echo $value; done < /proc/$$/status; }
limit() { sed -n "s/^$1  *\\([^ ]*\\)  *\\([^ ]*\\) .*/\\1 \\2/p" /proc/$$/limits; }
capability() { [ $((0x$(status $1) >> $2 & 1)) = 1 ]; }
"""
_GROUP = "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)"
#: Name → check. The name is the unit's.
CHECKS: dict[str, SelfCheck] = {
    "user": SelfCheck("User=daemon", "[ $(id -un) = daemon ] && [ $USER = daemon ]"),
    "group": SelfCheck("Group=daemon", "[ $(id -gn) = daemon ]"),
    "groups": SelfCheck("SupplementaryGroups=mail", "id -Gn | grep -qw mail"),
    "umask": SelfCheck("UMask=0027", "[ $(umask) = 0027 ]"),
    "cwd": SelfCheck("WorkingDirectory=/usr", "[ $(pwd) = /usr ]"),
    "root-directory": SelfCheck("RootDirectory=/", "[ -d /usr ]"),
    "search-path": SelfCheck("ExecSearchPath=/usr/bin:/bin", "[ $PATH = /usr/bin:/bin ]"),
    "environment": SelfCheck("Environment=A=1", "[ $A = 1 ]"),
    "environment-file": SelfCheck("EnvironmentFile=/check/env", "[ \"$B\" = 'two words' ]"),
    "pass-environment": SelfCheck("PassEnvironment=FROM_OUTSIDE", "[ $FROM_OUTSIDE = seen ]"),
    "unset-environment": SelfCheck("UnsetEnvironment=LANG", "[ -z \"$LANG\" ]"),
    "limit-nofile": SelfCheck("LimitNOFILE=100:200", "[ \"$(limit 'Max open files')\" = '100 200' ]"),
    "limit-nofile-high": SelfCheck("LimitNOFILE=100:2000000", "[ \"$(limit 'Max open files')\" = '100 2000000' ]"),
    "limit-core": SelfCheck("LimitCORE=0", "[ \"$(limit 'Max core file size')\" = '0 0' ]"),
    "limit-fsize": SelfCheck("LimitFSIZE=1G", "[ \"$(limit 'Max file size')\" = '1073741824 1073741824' ]"),
    "limit-memlock": SelfCheck("LimitMEMLOCK=64K", "[ \"$(limit 'Max locked memory')\" = '65536 65536' ]"),
    "limit-nproc": SelfCheck("LimitNPROC=500", "[ \"$(limit 'Max processes')\" = '500 500' ]"),
    "nice": SelfCheck("Nice=7", "[ $(nice) = 7 ]"),
    "nice-low": SelfCheck("Nice=-5", "[ $(nice) = -5 ]"),
    "oom": SelfCheck("OOMScoreAdjust=500", "[ $(cat /proc/self/oom_score_adj) = 500 ]"),
    "oom-low": SelfCheck("OOMScoreAdjust=-500", "[ $(cat /proc/self/oom_score_adj) = -500 ]"),
    "scheduling": SelfCheck("CPUSchedulingPolicy=batch", "chrt -p $$ | grep -q SCHED_BATCH"),
    "scheduling-realtime": SelfCheck("CPUSchedulingPolicy=rr", "chrt -p $$ | grep -q SCHED_RR"),
    "scheduling-reset": SelfCheck("CPUSchedulingResetOnFork=yes", "chrt -p $$ | grep -q RESET_ON_FORK",
                                  "CPUSchedulingPolicy=batch"),
    "affinity": SelfCheck("CPUAffinity=0", "[ $(taskset -p $$ | sed 's/.*: //') = 1 ]"),
    "io-class": SelfCheck("IOSchedulingClass=idle", "[ $(ionice -p $$) = idle ]"),
    "io-realtime": SelfCheck("IOSchedulingClass=realtime", "ionice -p $$ | grep -q realtime"),
    "io-priority": SelfCheck("IOSchedulingPriority=6", "[ \"$(ionice -p $$)\" = 'best-effort: prio 6' ]"),
    "timer-slack": SelfCheck("TimerSlackNSec=1ms", "[ $(cat /proc/self/timerslack_ns) = 1000000 ]"),
    "personality": SelfCheck("Personality=x86", "[ $(cat /proc/self/personality) = 00000008 ]"),
    "coredump-filter": SelfCheck("CoredumpFilter=elf-headers", "[ $(cat /proc/self/coredump_filter) = 00000010 ]"),
    "sigpipe": SelfCheck("IgnoreSIGPIPE=no", "[ $(status SigIgn) = 0000000000000000 ]"),
    "no-new-privileges": SelfCheck("NoNewPrivileges=yes", "[ $(status NoNewPrivs) = 1 ]"),
    "bounding-set": SelfCheck("CapabilityBoundingSet=CAP_CHOWN", "[ $(status CapBnd) = 0000000000000001 ]"),
    "ambient": SelfCheck("AmbientCapabilities=CAP_NET_BIND_SERVICE", "capability CapAmb 10"),
    "ambient-admin": SelfCheck("AmbientCapabilities=CAP_SYS_ADMIN", "capability CapAmb 21"),
    "secure-bits": SelfCheck("SecureBits=noroot", "[ $(status CapEff) = 0000000000000000 ]"),
    "runtime-directory": SelfCheck("RuntimeDirectory=check-run", "[ -w $RUNTIME_DIRECTORY ]"),
    "runtime-directory-mode": SelfCheck("RuntimeDirectoryMode=0711", "[ $(stat -c %a $RUNTIME_DIRECTORY) = 711 ]",
                                        "RuntimeDirectory=check-mode"),
    "state-directory": SelfCheck("StateDirectory=check-state", "[ -w $STATE_DIRECTORY ]"),
    "cache-directory": SelfCheck("CacheDirectory=check-cache", "[ -w $CACHE_DIRECTORY ]"),
    "logs-directory": SelfCheck("LogsDirectory=check-logs", "[ -w $LOGS_DIRECTORY ]"),
    "configuration-directory": SelfCheck("ConfigurationDirectory=check-conf", "[ -d $CONFIGURATION_DIRECTORY ]"),
    "input-text": SelfCheck("StandardInputText=hello", "read word; [ $word = hello ]"),
    "input-file": SelfCheck("StandardInput=file:/check/env", "read word; [ -n \"$word\" ]"),
    "output-file": SelfCheck("StandardOutput=append:/run/check-out", "[ $(readlink /proc/$$/fd/1) = /run/check-out ]"),
    "output-journal": SelfCheck("StandardOutput=journal", "[ -n \"$JOURNAL_STREAM\" ]"),
    "error-null": SelfCheck("StandardError=null", "[ $(readlink /proc/$$/fd/2) = /dev/null ]"),
    "load-credential": SelfCheck("LoadCredential=a:/check/env", "cmp -s /check/env $CREDENTIALS_DIRECTORY/a"),
    "set-credential": SelfCheck("SetCredential=a:b", "[ $(cat $CREDENTIALS_DIRECTORY/a) = b ]"),
    "import-credential": SelfCheck("ImportCredential=out*", "[ -s $CREDENTIALS_DIRECTORY/outside ]"),
    "delegate": SelfCheck("Delegate=yes", f"mkdir {_GROUP}/mine"),
    "memory-max": SelfCheck("MemoryMax=100M", f"[ $(cat {_GROUP}/memory.max) = 104857600 ]"),
    "tasks-max": SelfCheck("TasksMax=77", f"[ $(cat {_GROUP}/pids.max) = 77 ]"),
    "cpu-weight": SelfCheck("CPUWeight=20", f"[ $(cat {_GROUP}/cpu.weight) = 20 ]"),
}
_RUN = """\
cd /check/units
for unit in *.service; do
    systemctl start $unit >/dev/null 2>&1
    echo "$unit $(systemctl show --value -p Result $unit)"
done
"""
#: All that the checks need of a container.
OPTIONS = ("--env=FROM_OUTSIDE=seen", "--env=CREDENTIALS_DIRECTORY=/check/credentials")


def prepare(container: Container) -> None:
    with tempfile.TemporaryDirectory(prefix="pyinit-check-") as temporary:
        root = Path(temporary, "check")
        for name in ("units", "credentials"):
            (root / name).mkdir(parents=True)
        (root / "env").write_text("B='two words'\n")
        (root / "credentials" / "outside").write_text("from outside\n")
        (root / "run.sh").write_text(_RUN)
        for name, check in CHECKS.items():
            (root / f"{name}.sh").write_text(_FUNCTIONS + check.script + "\n")
            lines = [line for line in (check.line, check.more) if line]
            unit = ["[Service]", "Type=oneshot", f"ExecStart=/bin/sh /check/{name}.sh", *lines]
            (root / "units" / f"check-{name}.service").write_text("\n".join(unit) + "\n")
        container.put_file("/check", root)
        container.put_file("/etc/systemd/system/", f"{root}/units/.")


def outcomes(container: Container) -> dict[str, bool]:
    """Name → its own verdict."""
    lines = container.exec("sh", "/check/run.sh", timeout=300).stdout.split("\n")
    found = dict(line.split() for line in lines if line)
    return {name: found[f"check-{name}.service"] == "success" for name in CHECKS}


def fates(container: Container) -> dict[str, str]:
    """Name → what `pyinit check` says of the directive there."""
    units = [f"check-{name}.service" for name in CHECKS]
    rows = json.loads(container.exec("pyinit", "check", "--json", *units).stdout)
    return {name: next(row["fate"] for row in rows
                       if row["unit"] == f"check-{name}.service" and row["key"] == check.key)
            for name, check in CHECKS.items()}
