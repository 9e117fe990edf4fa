"""Checks of how a unit is stopped (systemd.kill(5)), and of what it may use (systemd.resource-control(5))."""

from __future__ import annotations

from selfcheck import SelfCheck


def _killed(line: str, traps: str, more: str = "", after: str = "") -> SelfCheck:
    """A service that waits for signals, and is up when it is ready for them."""
    ready = "ExecStartPost=/bin/sh -c 'until [ -e /run/checks/%N.ready ]; do sleep 0.05; done'"
    script = f"{traps}; : > /run/checks/$1.ready; while :; do sleep 0.2; done"
    return SelfCheck(line, script, f"{ready}\n{more}", after, kind="exec")


KILL: dict[str, SelfCheck] = {
    "kill-signal": _killed("KillSignal=SIGUSR1", "trap 'exit 40' USR1; trap 'exit 42' TERM"),
    "kill-mode": _killed("KillMode=process", "sleep 600 & echo $! > /run/checks/$1.child",
                         after="is kill -0 $(cat /run/checks/$1.child)"),
    "send-sighup": _killed("SendSIGHUP=yes", "trap 'exit 40' HUP; trap : TERM", "TimeoutStopSec=1s"),
    "send-sigkill": _killed("SendSIGKILL=no", "trap '' TERM; echo $$ > /run/checks/$1.pid", "TimeoutStopSec=200ms",
                            "is kill -0 $(cat /run/checks/$1.pid)"),
    "final-kill-signal": _killed("FinalKillSignal=SIGQUIT", "trap 'exit 40' QUIT; trap : TERM", "TimeoutStopSec=500ms"),
    "restart-kill-signal": _killed("RestartKillSignal=SIGUSR1", "trap ': > /run/checks/$1.restarted; exit' USR1",
                                   after="systemctl start $1; systemctl restart $1; systemctl stop $1; "
                                         "is [ -e /run/checks/$1.restarted ]"),
    "watchdog-signal": _killed("WatchdogSignal=SIGUSR1", "trap ': > /run/checks/$1.watched; exit 40' USR1",
                               "WatchdogSec=300ms", "systemctl start $1; is soon [ -e /run/checks/$1.watched ]"),
}


def _attribute(line: str, file: str, value: str) -> SelfCheck:
    return SelfCheck(line, f"is [ \"$(cat $group/{file})\" = '{value}' ]")


GROUPS: dict[str, SelfCheck] = {
    "delegate": SelfCheck("Delegate=yes", "is mkdir $group/mine", "User=@user@"),
    "slice": SelfCheck("Slice=checks.slice", "near grep -q /checks.slice/ /proc/self/cgroup"),
    "io-accounting": SelfCheck("IOAccounting=yes", "is [ -e $group/io.stat ]"),
    "cpu-weight": _attribute("CPUWeight=20", "cpu.weight", "20"),
    "cpu-shares": _attribute("CPUShares=205", "cpu.weight", "20"),
    "cpu-quota": _attribute("CPUQuota=20%", "cpu.max", "20000 100000"),
    "cpu-quota-period": SelfCheck("CPUQuotaPeriodSec=10ms", "is [ \"$(cat $group/cpu.max)\" = '2000 10000' ]", "CPUQuota=20%"),
    "allowed-cpus": _attribute("AllowedCPUs=0", "cpuset.cpus", "0"),
    "allowed-nodes": _attribute("AllowedMemoryNodes=0", "cpuset.mems", "0"),
    "memory-min": _attribute("MemoryMin=10M", "memory.min", "10485760"),
    "memory-low": _attribute("MemoryLow=10M", "memory.low", "10485760"),
    "memory-high": _attribute("MemoryHigh=100M", "memory.high", "104857600"),
    "memory-max": _attribute("MemoryMax=100M", "memory.max", "104857600"),
    "memory-limit": _attribute("MemoryLimit=100M", "memory.max", "104857600"),
    "memory-swap-max": _attribute("MemorySwapMax=100M", "memory.swap.max", "104857600"),
    "tasks-max": _attribute("TasksMax=77", "pids.max", "77"),
    "io-weight": SelfCheck("IOWeight=20", "is grep -qx 'default 20' $group/io.weight"),
}
