"""Checks of standard input, output and error, of terminals, and of what becomes of the lines that a service writes."""

from __future__ import annotations

from selfcheck import SelfCheck

_TTY = "TTYPath=@tty@"
_READS_TTY = f"StandardInput=tty\n{_TTY}"
_HAS = "is [ \"$(stream {})\" = {} ]"
_TERMINAL = "\"$(terminal $1)\""
_ECHOES = "stty -a {}| grep -q ' echo '"
_OFTEN = "seq 100 | sed \"s/.*/often $1 &/\"; exit 42"

STREAMS: dict[str, SelfCheck] = {
    "input-text": SelfCheck("StandardInputText=hello", "read word; is [ \"$word\" = hello ]"),
    "input-data": SelfCheck("StandardInputData=aGVsbG8K", "read word; is [ \"$word\" = hello ]"),
    "input-data-word": SelfCheck("StandardInput=data", "read word; is [ \"$word\" = hello ]",
                                 "StandardInputText=hello\nStandardInput=null\nStandardInput=file:/dev/null"),
    "input-file": SelfCheck("StandardInput=file:/check/env", _HAS.format(0, "/check/env")),
    "input-tty": SelfCheck("StandardInput=tty", _HAS.format(0, _TERMINAL), _TTY),
    "input-tty-force": SelfCheck("StandardInput=tty-force", _HAS.format(0, _TERMINAL), _TTY),
    "input-tty-fail": SelfCheck("StandardInput=tty-fail", _HAS.format(0, _TERMINAL), _TTY),
    "output-null": SelfCheck("StandardOutput=null", _HAS.format(1, "/dev/null")),
    "output-file": SelfCheck("StandardOutput=file:/run/checks/%N.out", _HAS.format(1, "/run/checks/$1.out")),
    "output-append": SelfCheck("StandardOutput=append:/run/checks/%N.out", _HAS.format(1, "/run/checks/$1.out")),
    "output-truncate": SelfCheck("StandardOutput=truncate:/run/checks/%N.out", _HAS.format(1, "/run/checks/$1.out")),
    "output-tty": SelfCheck("StandardOutput=tty", _HAS.format(1, _TERMINAL), _TTY),
    "output-inherit": SelfCheck("StandardOutput=inherit", _HAS.format(1, _TERMINAL), f"{_READS_TTY}\nStandardOutput=null"),
    # Without it the terminal would be inherited.
    "output-journal": SelfCheck("StandardOutput=journal", "is [ -n \"$JOURNAL_STREAM\" ]", f"{_READS_TTY}\nStandardError=null"),
    "output-console": SelfCheck("StandardOutput=journal+console", "echo seen $1; exit 42", f"{_READS_TTY}\nStandardError=null",
                                logged=lambda logs, unit: f"seen {unit}" in logs),
    "output-kmsg": SelfCheck("StandardOutput=kmsg", "[ -n \"$JOURNAL_STREAM\" ] && exit 41; exit 42"),
    "error-null": SelfCheck("StandardError=null", _HAS.format(2, "/dev/null")),
    "error-file": SelfCheck("StandardError=file:/run/checks/%N.err", _HAS.format(2, "/run/checks/$1.err")),
    "error-tty": SelfCheck("StandardError=tty", _HAS.format(2, _TERMINAL), _TTY),
    "error-journal": SelfCheck("StandardError=journal", "is [ -n \"$JOURNAL_STREAM\" ]", "StandardOutput=null"),
    "error-kmsg": SelfCheck("StandardError=kmsg", "[ -n \"$JOURNAL_STREAM\" ] && exit 41; exit 42"),
    # --- terminals
    "tty-path": SelfCheck(_TTY, _HAS.format(1, _TERMINAL), "StandardOutput=tty"),
    "tty-rows": SelfCheck("TTYRows=33", "is [ \"$(stty size | cut -d' ' -f1)\" = 33 ]", _READS_TTY),
    "tty-columns": SelfCheck("TTYColumns=99", "is [ \"$(stty size | cut -d' ' -f2)\" = 99 ]", _READS_TTY),
    # It does not echo when it is made, and the unit leaves it like that: once before, once behind.
    "tty-reset": SelfCheck("TTYReset=yes", _ECHOES.format("") + " && : > /run/checks/$1.before; stty -echo; exit 42",
                           _READS_TTY,
                           f"{_ECHOES.format('< /run/checks/tty/$1 ')} || exit 42; near [ -e /run/checks/$1.before ]"),
    "tty-hangup": SelfCheck("TTYVHangup=yes", "is soon [ -e /run/checks/tty/$1.hung ]", _TTY),
    "tty-disallocate": SelfCheck("TTYVTDisallocate=yes", "is soon grep -q 3J /run/checks/tty/$1.out", _TTY),
    # --- logs
    "level-prefix": SelfCheck("SyslogLevelPrefix=no", "echo \"<3>with $1\"; exit 42",
                              logged=lambda logs, unit: f"<3>with {unit}" in logs),
    "identifier": SelfCheck("SyslogIdentifier=mine", "echo named $1; is soon stored $1 SYSLOG_IDENTIFIER=mine"),
    "facility": SelfCheck("SyslogFacility=local7", "echo from $1; is soon stored $1 SYSLOG_FACILITY=23"),
    "level": SelfCheck("SyslogLevel=warning", "echo level $1; is soon stored $1 PRIORITY=4"),
    "extra-fields": SelfCheck("LogExtraFields=MINE=%N", "echo more $1; is soon stored $1 MINE=$1"),
    "level-max": SelfCheck("LogLevelMax=warning", "echo \"<6>low $1\"; exit 42",
                           logged=lambda logs, unit: f"low {unit}" not in logs),
    "rate-burst": SelfCheck("LogRateLimitBurst=5", _OFTEN, "LogRateLimitIntervalSec=1min",
                            logged=lambda logs, unit: logs.count(f"often {unit} ") < 100),
    # Without it the burst counts for the 30 s of journald.conf(5).
    "rate-interval": SelfCheck("LogRateLimitIntervalSec=100ms",
                               "seq 100 | sed \"s/.*/often $1 &/\"; sleep 0.5; echo behind $1; exit 42", "LogRateLimitBurst=5",
                               logged=lambda logs, unit: f"behind {unit}" in logs),
    "filter-patterns": SelfCheck("LogFilterPatterns=~secret", "echo secret $1; exit 42",
                                 logged=lambda logs, unit: f"secret {unit}" not in logs),
    "namespace": SelfCheck("LogNamespace=elsewhere", "echo inside $1; exit 42",
                           logged=lambda logs, unit: f"inside {unit}" not in logs),
}
