"""Cases of signals, of sd_notify's words and who may say them, of limits, and of units that depend on each other."""

from __future__ import annotations

from tests.conformance.services.cases import act, service
from tests.conformance.services.play import Case

_STOP = ", stop, job"
_STAYS = "start, job, until running, sleep 0.3" + _STOP
_SEEN = "env:SERVICE_RESULT,EXIT_CODE,EXIT_STATUS"


def kills() -> list[Case]:
    out = []
    for mode in ("control-group", "mixed", "process", "none"):
        lines = [f"KillMode={mode}", "TimeoutStopSec=0.8"]
        slow = [f"KillMode={mode}", "TimeoutStopSec=3"]
        out += [
            service(
                f"kill-{mode}",
                *lines,
                "ExecStart=" + act("child:trap:TERM:sleep,,0.2;exit,,0|await:probe|log:the child lives", "forever"),
                steps="start, job, until running, sleep 0.3, stop, job, gate probe, sleep 0.4, kill all 9",
            ),
            service(
                f"kill-{mode}-deaf-child",
                *lines,
                "ExecStart=" + act("child:ignore:TERM|await:probe|log:the child lives", "forever"),
                steps="start, job, until running, sleep 0.3, stop, job, gate probe, sleep 0.4, kill all 9",
            ),
            service(
                f"kill-{mode}-deaf-main",
                *lines,
                "ExecStart=" + act("ignore:TERM", "forever"),
                steps="start, job, until running, sleep 0.3, stop, job, gate probe, sleep 0.4, kill all 9",
            ),
            service(
                f"kill-{mode}-main-exits",
                *slow,
                "ExecStart=" + act("child:ignore:TERM|await:probe|log:the child lives", "await:go", "exit:0"),
                steps="start, job, until running, sleep 0.3, gate go, settle 0.6, gate probe, settle 1.2, kill all 9",
            ),
            service(
                f"kill-{mode}-stop-post-leaves",
                *slow,
                "ExecStart=" + act("await:go", "exit:0"),
                "ExecStopPost=" + act("daemon:ignore:TERM|await:probe|log:the daemon lives"),
                steps="start, job, until running, gate go, settle 0.6, gate probe, settle 1.2, kill all 9",
            ),
        ]
    hears = [f"trap:{name}:log:{name}" for name in ("TERM", "HUP", "INT", "USR1", "USR2")]
    out += [
        service("kill-signal", "KillSignal=SIGUSR1", "TimeoutStopSec=0.6", "ExecStart=" + act(*hears, "forever"), steps=_STAYS),
        service("kill-signal-kills", "KillSignal=SIGUSR1", "ExecStart=" + act("forever"), steps=_STAYS),
        service("kill-signal-int", "KillSignal=SIGINT", "ExecStart=" + act("forever"), steps=_STAYS),
        service(
            "kill-restart-signal",
            "RestartKillSignal=SIGUSR2",
            "TimeoutStopSec=0.6",
            "ExecStart=" + act(*hears, "forever"),
            steps="start, job, until running, sleep 0.3, restart, job, sleep 0.3" + _STOP,
        ),
        service(
            "kill-final-signal",
            "FinalKillSignal=SIGUSR1",
            "TimeoutStopSec=0.5",
            "ExecStart=" + act("ignore:TERM", "forever"),
            steps=_STAYS,
        ),
        service(
            "kill-sighup",
            "SendSIGHUP=yes",
            "TimeoutStopSec=0.6",
            "ExecStart=" + act(*hears, "forever"),
            steps="start, job, until running, sleep 0.3" + _STOP + ", sorted",
        ),
        service(
            "kill-continued",
            "ExecStart=" + act("forever"),
            steps="start, job, until running, sleep 0.3, kill main 19, sleep 0.2" + _STOP,
        ),
        service(
            "kill-by-hand-main",
            "ExecStart=" + act("child:forever", *hears, "forever"),
            steps="start, job, until running, sleep 0.3, kill main 15, sleep 0.3, kill main 9, until failed",
        ),
        service("kill-by-hand-all", "ExecStart=" + act("forever"), steps="start, job, until running, kill all 15, until dead"),
        service(
            "kill-by-hand-no-control",
            "ExecStart=" + act("forever"),
            steps="start, job, until running, kill control 15, sleep 0.2" + _STOP,
        ),
        service("kill-by-hand-inactive", "ExecStart=/bin/true", steps="kill main 15, kill all 15, kill control 15"),
        service(
            "kill-exit-on-term-1",
            "ExecStart=" + act("trap:TERM:exit:1", "forever"),
            "ExecStopPost=" + act(_SEEN),
            steps="start, job, until running, sleep 0.3" + _STOP,
        ),
        service(
            "kill-exit-on-term-143",
            "SuccessExitStatus=143",
            "ExecStart=" + act("trap:TERM:exit:143", "forever"),
            steps="start, job, until running, sleep 0.3" + _STOP,
        ),
        service(
            "kill-sigkill-by-hand-stop",
            "Restart=always",
            "RestartSec=0.2",
            "ExecStart=" + act("forever"),
            steps="start, job, until running, kill main 9, until auto-restart, until running" + _STOP,
        ),
        service(
            "kill-stop-during-restart",
            "Restart=always",
            "RestartSec=2",
            "ExecStart=" + act("await:go", "exit:1"),
            steps="start, job, until running, gate go, until auto-restart" + _STOP,
        ),
        service(
            "kill-start-during-restart",
            "Restart=always",
            "RestartSec=1",
            "ExecStart=" + act("nth:2:forever", "await:go", "exit:1"),
            steps="start, job, until running, gate go, until auto-restart, start, job, sleep 0.3" + _STOP,
        ),
    ]
    return out


def messages() -> list[Case]:
    ready = ("main", "notify:READY=1")
    out = [
        service(
            "message-status",
            "Type=notify",
            "ExecStart=" + act("notify:STATUS=going up", *ready, "notify:STATUS=here", "forever"),
            steps="start, job, sleep 0.3, show StatusText" + _STOP,
        ),
        service(
            "message-errno",
            "Type=notify",
            "ExecStart=" + act("notify:ERRNO=2", *ready, "notify:BUSERROR=org.example.Error", "forever"),
            steps="start, job, sleep 0.3, show StatusErrno" + _STOP,
        ),
        service(
            "message-exit-status",
            "Type=notify",
            "ExecStart=" + act(*ready, "notify:EXIT_STATUS=3", "await:go", "exit:0"),
            steps="start, job, until running, gate go, until dead",
        ),
        service(
            "message-ready-reloading",
            "Type=notify",
            "ExecStart=" + act("notify:READY=1;RELOADING=1", "await:go", "notify:READY=1", "forever"),
            steps="start, until start, sleep 0.4, gate go, job" + _STOP,
        ),
        service(
            "message-ready-stopping",
            "Type=notify",
            "ExecStart=" + act("notify:READY=1", "await:go", "notify:READY=1;STOPPING=1", "await:end"),
            steps="start, job, until running, gate go, until stop-sigterm, gate end, until dead",
        ),
        service(
            "message-stopping-ready",
            "Type=notify",
            "ExecStart=" + act("notify:READY=1", "await:go", "notify:STOPPING=1;READY=1", "await:end"),
            steps="start, job, until running, gate go, sleep 0.4, gate end, until dead",
        ),
        service(
            "message-start-reloading",
            "Type=notify",
            "ExecStart=" + act("notify:RELOADING=1", "await:go", "notify:READY=1", "forever"),
            steps="start, until start, sleep 0.3, gate go, job" + _STOP,
        ),
        service(
            "message-post-reloading",
            "Type=notify",
            "ExecStartPost=" + act("await:on"),
            "ExecStart="
            + act("notify:READY=1", "await:go", "notify:RELOADING=1", "touch:on", "await:end", "notify:READY=1", "forever"),
            steps="start, until start-post, gate go, until reload, gate end, until running" + _STOP,
        ),
        service(
            "message-post-stopping",
            "Type=notify",
            "ExecStartPost=" + act("await:on"),
            "ExecStop=" + act("log:stop"),
            "ExecStart=" + act("notify:READY=1", "await:go", "notify:STOPPING=1", "touch:on", "await:end"),
            steps="start, until start-post, gate go, until stop-sigterm, gate end, until dead",
        ),
        service(
            "message-unknown",
            "Type=notify",
            "ExecStart=" + act("notify:X_FOO=1;READY=0;RELOADING=0", *ready, "forever"),
            steps=_STAYS,
        ),
        service(
            "message-mainpid",
            "Type=notify",
            "NotifyAccess=all",
            "ExecStart=" + act("daemon:await:go|exit:3", "mainpid", "notify:READY=1", "await:first", "exit:0"),
            steps="start, job, until running, gate first, sleep 0.4, gate go, until failed",
        ),
        service(
            "message-mainpid-forking",
            "Type=forking",
            "NotifyAccess=all",
            "PIDFile=",
            "ExecStart=" + act("daemon:await:go|exit:3", "child:forever", "mainpid"),
            steps="start, job, until running, sleep 0.4, gate go, until failed",
        ),
        service(
            "message-mainpid-foreign",
            "Type=notify",
            "ExecStart=" + act("notify:MAINPID=1", "notify:MAINPID=999999", *ready, "await:go", "exit:2"),
            steps="start, job, until running, gate go, until failed",
        ),
        service(
            "message-barrier",
            "Type=notify",
            "ExecStart=" + act(*ready, "notify:STATUS=before", "barrier", "forever"),
            steps="start, job, sleep 0.4, show StatusText" + _STOP,
        ),
        service(
            "message-after-stop",
            "Type=notify",
            "ExecStart=" + act("trap:TERM:notify,,STATUS=bye|sleep,,0.3|exit,,0", *ready, "forever"),
            steps="start, job, sleep 0.2, stop, job",
        ),
        service(
            "message-stop-post",
            "Type=notify",
            "NotifyAccess=all",
            "ExecStart=" + act(*ready, "await:go"),
            "ExecStopPost=" + act("notify:STATUS=the end", "barrier", "await:end"),
            steps="start, job, gate go, until stop-post, seen barrier, show StatusText, gate end, until dead",
        ),
        service("message-no-socket", "ExecStart=" + act("env:NOTIFY_SOCKET", "forever"), steps=_STAYS),
        service(
            "message-socket",
            "NotifyAccess=main",
            "ExecStartPre=" + act("env:NOTIFY_SOCKET"),
            "ExecStart=" + act("env:NOTIFY_SOCKET", "forever"),
            "ExecStopPost=" + act("env:NOTIFY_SOCKET"),
            steps=_STAYS,
        ),
        service(
            "message-socket-exec",
            "NotifyAccess=exec",
            "ExecStartPre=" + act("env:NOTIFY_SOCKET"),
            "ExecStart=" + act("env:NOTIFY_SOCKET", "forever"),
            "ExecStopPost=" + act("env:NOTIFY_SOCKET"),
            steps=_STAYS,
        ),
    ]
    for access in ("none", "main", "exec", "all"):
        out += [
            service(
                f"access-{access}-main",
                f"NotifyAccess={access}",
                "ExecStart=" + act("notify:STATUS=main", "forever"),
                steps="start, job, sleep 0.4, show StatusText" + _STOP,
            ),
            service(
                f"access-{access}-child",
                f"NotifyAccess={access}",
                "ExecStart=" + act("child:notify:STATUS=child|sleep:0.3", "forever"),
                steps="start, job, sleep 0.8, show StatusText" + _STOP,
            ),
            service(
                f"access-{access}-control",
                f"NotifyAccess={access}",
                "ExecStart=" + act("forever"),
                "ExecStartPost=" + act("notify:STATUS=control", "sleep:0.3"),
                steps="start, job, sleep 0.2, show StatusText" + _STOP,
            ),
            service(
                f"access-{access}-control-child",
                f"NotifyAccess={access}",
                "ExecStart=" + act("forever"),
                "ExecStartPost=" + act("child:notify:STATUS=grandchild|sleep:0.3", "sleep:0.3"),
                steps="start, job, sleep 0.8, show StatusText" + _STOP,
            ),
            service(
                f"access-{access}-type",
                "Type=notify",
                f"NotifyAccess={access}",
                "TimeoutStartSec=1.5",
                "ExecStart=" + act("child:notify:READY=1|sleep:0.3", "forever"),
                steps="start, job, sleep 0.8, show NotifyAccess" + _STOP,
            ),
        ]
    return out


def stores() -> list[Case]:
    """The descriptor store: what is kept, under which name, and who gets it."""
    keep = ("Type=notify", "Restart=on-failure", "RestartSec=0.2")
    again = (
        "start, job, until running, sleep 0.3, show NFileDescriptorStore, gate go, until auto-restart, until running" + _STOP
    )

    def case(name: str, *words: str, most: int = 8, steps: str = again) -> Case:
        first = act("fds", *words, "notify:READY=1", "await:go", "nth:1:exit:1", "forever")
        return service(f"store-{name}", *keep, f"FileDescriptorStoreMax={most}", "ExecStart=" + first, steps=steps)

    one = "notifyfd:/run/t/%N/a:FDSTORE=1;FDNAME=a"
    return [
        case("one", one),
        case("no-name", "notifyfd:/run/t/%N/a:FDSTORE=1"),
        case("colon-name", "notifyfd:/run/t/%N/a:FDSTORE=1;FDNAME=a:b"),
        case("two", one, "notifyfd:/run/t/%N/b:FDSTORE=1;FDNAME=b"),
        case("same-name", one, "notifyfd:/run/t/%N/b:FDSTORE=1;FDNAME=a"),
        case("removed", one, "notifyfd:/run/t/%N/b:FDSTORE=1;FDNAME=b", "notify:FDSTOREREMOVE=1;FDNAME=a"),
        case("removed-both", one, "notifyfd:/run/t/%N/b:FDSTORE=1;FDNAME=a", "notify:FDSTOREREMOVE=1;FDNAME=a"),
        case("full", one, "notifyfd:/run/t/%N/b:FDSTORE=1;FDNAME=b", "notifyfd:/run/t/%N/c:FDSTORE=1;FDNAME=c", most=2),
        case("off", one, most=0),
        case("without-word", "notifyfd:/run/t/%N/a:STATUS=here"),
        case("hung-up", "notifypipe:FDSTORE=1;FDNAME=p;FDPOLL=1", "sleep:0.2"),
        case("not-polled", "notifypipe:FDSTORE=1;FDNAME=p;FDPOLL=0", "sleep:0.2"),
        service(
            "store-stopped",
            "Type=notify",
            "FileDescriptorStoreMax=8",
            "ExecStart=" + act("fds", one, "notify:READY=1", "forever"),
            steps="start, job, sleep 0.2, show NFileDescriptorStore, stop, job, start, job, sleep 0.3" + _STOP,
        ),
        service(
            "store-restarted",
            "Type=notify",
            "FileDescriptorStoreMax=8",
            "ExecStart=" + act("fds", one, "notify:READY=1", "forever"),
            steps="start, job, sleep 0.3, restart, job, sleep 0.3, restart, job, sleep 0.2" + _STOP,
        ),
        service(
            "store-lines",
            *keep,
            "FileDescriptorStoreMax=8",
            "ExecStartPre=" + act("fds"),
            "ExecStartPost=" + act("fds"),
            "ExecStopPost=" + act("fds"),
            "ExecStart=" + act("fds", one, "notify:READY=1", "await:go", "nth:1:exit:1", "forever"),
            steps=again,
        ),
    ]


def limits() -> list[Case]:
    fails = "ExecStart=" + act("log:run", "exit:1")
    return [
        service(
            "limit-restarts",
            "Restart=always",
            "RestartSec=0.1",
            fails,
            unit=("StartLimitBurst=3", "StartLimitIntervalSec=30"),
            steps="start, job, until auto-restart, until auto-restart, until auto-restart, until failed",
        ),
        service(
            "limit-by-hand",
            "Type=oneshot",
            "ExecStart=/bin/true",
            unit=("StartLimitBurst=2", "StartLimitIntervalSec=30"),
            steps="start, job, start, job, start, job, start, job, sleep 0.2",
        ),
        service(
            "limit-by-hand-fails",
            "Type=oneshot",
            fails,
            unit=("StartLimitBurst=2", "StartLimitIntervalSec=30"),
            steps="start, job, start, job, start, job",
        ),
        service(
            "limit-reset",
            "Type=oneshot",
            fails,
            unit=("StartLimitBurst=1", "StartLimitIntervalSec=30"),
            steps="start, job, start, job, reset-failed, start, job, reset-failed, sleep 0.2",
        ),
        service("limit-off", "Type=oneshot", fails, unit=("StartLimitIntervalSec=0",), steps=", ".join(["start, job"] * 8)),
        service(
            "limit-interval",
            "Type=oneshot",
            "ExecStart=" + act("log:run", "exit:1"),
            unit=("StartLimitBurst=1", "StartLimitIntervalSec=0.5"),
            steps="start, job, sleep 0.7, start, job",
        ),
        service(
            "limit-restart-job",
            "ExecStart=" + act("forever"),
            unit=("StartLimitBurst=2", "StartLimitIntervalSec=30"),
            steps="start, job, restart, job, restart, job, sleep 0.2",
        ),
        service(
            "limit-restarts-counted",
            "Restart=on-failure",
            "RestartSec=0.1",
            "ExecStart=" + act("nth:1:exit:1", "nth:2:exit:1", "forever"),
            steps="start, job, until auto-restart, until auto-restart, settle 0.8, stop, job, start, job, sleep 0.3, stop, job",
        ),
        service(
            "limit-restarts-forgotten",
            "Restart=on-failure",
            "RestartSec=0.1",
            "ExecStart=" + act("nth:2:forever", "exit:1"),
            steps="start, job, until auto-restart, sleep 0.6, show NRestarts, "
            "reset-failed, sleep 0.1, show NRestarts, stop, job",
        ),
    ]


def relations() -> list[Case]:
    """What happens to a service because of other units, and to them because of it."""
    main = "ExecStart=" + act("await:go", "exit:1")
    stays = "[Unit]\nDefaultDependencies=no\n{}\n[Service]\nStandardOutput=null\nExecStart=/bin/sleep 1000\n"
    once = "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/true\n"
    run = "start, job, until running, gate go, sleep 0.8, stop, job"
    return [
        service(
            "refuse-start", "ExecStart=" + act("forever"), unit=("RefuseManualStart=yes",), steps="start, job, restart, job"
        ),
        service(
            "refuse-stop",
            "ExecStart=" + act("await:go", "exit:0"),
            unit=("RefuseManualStop=yes",),
            steps="start, job, stop, job, restart, job, gate go, until dead",
        ),
        service(
            "job-timeout",
            "Type=notify",
            "TimeoutStartSec=60",
            "ExecStart=" + act("forever"),
            unit=("JobTimeoutSec=0.5",),
            steps="start, job, sleep 0.2, stop, job",
        ),
        service(
            "job-running-timeout",
            "Type=oneshot",
            "ExecStart=" + act("forever"),
            unit=("JobRunningTimeoutSec=0.5",),
            steps="start, job, sleep 0.2, stop, job",
        ),
        service("on-failure", main, unit=("OnFailure=on-failure-other.service",), steps=run, other_service=once),
        service(
            "on-failure-restart",
            "ExecStart=" + act("nth:2:forever", "await:go", "exit:1"),
            "Restart=on-failure",
            "RestartSec=0.2",
            unit=("OnFailure=on-failure-restart-other.service",),
            steps="start, job, until running, gate go, until auto-restart, until running, sleep 0.5, stop, job",
            other_service=once,
        ),
        service(
            "on-success",
            "ExecStart=" + act("await:go", "exit:0"),
            unit=("OnSuccess=on-success-other.service",),
            steps=run,
            other_service=once,
        ),
        service(
            "binds-to",
            "ExecStart=" + act("forever"),
            unit=("BindsTo=binds-to-other.service", "After=binds-to-other.service"),
            steps="start, job, until running, stop binds-to-other.service, job, until dead",
            other_service=stays.format(""),
        ),
        service(
            "binds-to-restarting",
            "Restart=always",
            "RestartSec=0.5",
            "ExecStart=" + act("nth:2:forever", "await:go", "exit:1"),
            steps="start, start binds-to-restarting-other.service, job, until running, gate go, until auto-restart, "
            "until running, sleep 0.3, stop, job, until dead binds-to-restarting-other.service",
            other_service=stays.format("BindsTo=binds-to-restarting.service\nAfter=binds-to-restarting.service"),
        ),
        service(
            "requires-restarted",
            "ExecStart=" + act("forever"),
            steps="start, start requires-restarted-other.service, job, restart, job, sleep 0.3, stop, job",
            other_service=stays.format("Requires=requires-restarted.service\nAfter=requires-restarted.service"),
        ),
        service(
            "requires-fails",
            "Type=oneshot",
            "ExecStart=/bin/false",
            steps="start requires-fails-other.service, job",
            other_service=stays.format("Requires=requires-fails.service\nAfter=requires-fails.service"),
        ),
        service(
            "part-of",
            "ExecStart=" + act("forever"),
            steps="start, start part-of-other.service, job, restart, job, stop, job",
            other_service=stays.format("PartOf=part-of.service"),
        ),
        service(
            "stop-when-unneeded",
            "ExecStart=" + act("forever"),
            unit=("StopWhenUnneeded=yes",),
            steps="start stop-when-unneeded-other.service, job, until running, "
            "stop stop-when-unneeded-other.service, job, until dead",
            other_service=stays.format("Wants=stop-when-unneeded.service\nAfter=stop-when-unneeded.service"),
        ),
        service(
            "stop-when-unneeded-at-once",
            "ExecStart=" + act("forever"),
            unit=("StopWhenUnneeded=yes",),
            steps="start, job, until dead",
        ),
        service(
            "upholds",
            "ExecStart=" + act("nth:1:await:go|exit:1", "forever"),
            steps="start upholds-other.service, job, until running, gate go, until running, stop, job, until running, "
            "stop upholds-other.service, job, stop, job, sleep 0.3",
            other_service=stays.format("Upholds=upholds.service"),
        ),
        service(
            "condition-unmet", "ExecStart=" + act("forever"), unit=("ConditionPathExists=/no/such/path",), steps="start, job"
        ),
        service("condition-met", "ExecStart=" + act("forever"), unit=("ConditionPathExists=/etc/passwd",), steps=_STAYS),
        service("assert-unmet", "ExecStart=" + act("forever"), unit=("AssertPathExists=/no/such/path",), steps="start, job"),
        service(
            "condition-unmet-required",
            "ExecStart=" + act("forever"),
            unit=("ConditionPathExists=/no/such/path",),
            steps="start condition-unmet-required-other.service, job, stop condition-unmet-required-other.service, job",
            other_service=stays.format("Requires=condition-unmet-required.service\nAfter=condition-unmet-required.service"),
        ),
        service(
            "assert-unmet-required",
            "ExecStart=" + act("forever"),
            unit=("AssertPathExists=/no/such/path",),
            steps="start assert-unmet-required-other.service, job",
            other_service=stays.format("Requires=assert-unmet-required.service\nAfter=assert-unmet-required.service"),
        ),
        service(
            "condition-unmet-restart",
            "Restart=always",
            "RestartSec=0.2",
            "ExecStart=" + act("touch:no", "await:go", "exit:1"),
            unit=("ConditionPathExists=!/run/t/condition-unmet-restart/no",),
            steps="start, job, until running, gate go, until dead, sleep 0.5",
        ),
        service(
            "collect-inactive",
            main,
            unit=("CollectMode=inactive",),
            steps="start, job, gate go, until failed, sleep 0.2, show Result, reset-failed",
        ),
        service(
            "collect-failed",
            main,
            unit=("CollectMode=inactive-or-failed",),
            steps="start, job, gate go, until failed, sleep 0.2, show Result",
        ),
        service("restart-inactive", "ExecStart=" + act("forever"), steps="restart, job" + _STOP),
        service(
            "restart-failed",
            "ExecStart=" + act("nth:2:forever", "exit:1"),
            steps="start, job, until failed, restart, job" + _STOP,
        ),
        service("start-active", "ExecStart=" + act("forever"), steps="start, job, start, job" + _STOP),
        service(
            "start-while-stopping",
            "ExecStart=" + act("trap:TERM:sleep,,0.5|exit,,0", "forever"),
            steps="start, job, sleep 0.3, stop, until stop-sigterm, start, job" + _STOP,
        ),
        service("stop-inactive", "ExecStart=" + act("forever"), steps="stop, job"),
        service(
            "conflicts",
            "ExecStart=" + act("forever"),
            unit=("Conflicts=conflicts-other.service",),
            steps="start, job, start conflicts-other.service, job, sleep 0.2, stop conflicts-other.service, job",
            other_service=stays.format(""),
        ),
    ]
