"""Cases of time and of the lines beside ExecStart=: timeouts, watchdog, conditions, reload, stop, and what they see."""

from __future__ import annotations

from tests.conformance.services.cases import act, service
from tests.conformance.services.play import Case

_STOP = ", stop, job"
_STAYS = "start, job, until running, sleep 0.3" + _STOP
_SEEN = "env:SERVICE_RESULT,EXIT_CODE,EXIT_STATUS,MAINPID,INVOCATION_ID"
_MODES = ("terminate", "abort", "kill")


def timeouts() -> list[Case]:
    out = []
    for mode in _MODES:
        deaf = {"": (), "deaf-": ("ignore:TERM,ABRT",)}
        for how, words in deaf.items():
            out += [
                service(
                    f"timeout-start-{how}{mode}",
                    "Type=notify",
                    "TimeoutStartSec=0.8",
                    "TimeoutStopSec=1.2",
                    f"TimeoutStartFailureMode={mode}",
                    "LimitCORE=0",
                    "ExecStart=" + act(*words, "forever"),
                    "ExecStopPost=" + act(_SEEN),
                    steps="start, job, until failed",
                ),
                service(
                    f"timeout-stop-{how}{mode}",
                    "Type=notify",
                    "TimeoutStopSec=1.2",
                    f"TimeoutStopFailureMode={mode}",
                    "LimitCORE=0",
                    "ExecStart=" + act("ignore:TERM", *words, "notify:READY=1", "forever"),
                    "ExecStopPost=" + act(_SEEN),
                    steps=_STAYS,
                ),
                service(
                    f"timeout-stop-line-{how}{mode}",
                    "Type=notify",
                    "TimeoutStopSec=1.2",
                    f"TimeoutStopFailureMode={mode}",
                    "LimitCORE=0",
                    "ExecStart=" + act(*words, "notify:READY=1", "forever"),
                    "ExecStop=" + act("forever"),
                    "ExecStopPost=" + act(_SEEN),
                    steps=_STAYS + ", collapsed",
                ),
            ]
        out += [
            service(
                f"timeout-start-pre-{mode}",
                "TimeoutStartSec=0.8",
                f"TimeoutStartFailureMode={mode}",
                "LimitCORE=0",
                "ExecStartPre=" + act("forever"),
                "ExecStart=" + act("log:never"),
                steps="start, job, until failed",
            ),
            service(
                f"timeout-start-post-{mode}",
                "TimeoutStartSec=0.8",
                f"TimeoutStartFailureMode={mode}",
                "LimitCORE=0",
                "ExecStart=" + act("forever"),
                "ExecStartPost=" + act("forever"),
                steps="start, job, until failed, collapsed",
            ),
            service(
                f"timeout-condition-{mode}",
                "TimeoutStartSec=0.8",
                f"TimeoutStartFailureMode={mode}",
                "LimitCORE=0",
                "ExecCondition=" + act("forever"),
                "ExecStart=" + act("log:never"),
                steps="start, job, until failed",
            ),
            service(
                f"timeout-stop-post-{mode}",
                "TimeoutStopSec=1.2",
                f"TimeoutStopFailureMode={mode}",
                "LimitCORE=0",
                "ExecStart=" + act("await:go", "exit:0"),
                "ExecStopPost=" + act("ignore:TERM,ABRT", "forever"),
                steps="start, job, until running, gate go, until failed",
            ),
        ]
    out += [
        service(
            "timeout-stop-no-sigkill",
            "Type=notify",
            "TimeoutStopSec=1.2",
            "SendSIGKILL=no",
            "ExecStart=" + act("ignore:TERM", "notify:READY=1", "await:end"),
            steps=_STAYS + ", gate end",
        ),
        service(
            "timeout-abort",
            "Type=notify",
            "TimeoutAbortSec=0.5",
            "TimeoutStopSec=5",
            "WatchdogSec=0.4",
            "LimitCORE=0",
            "ExecStart=" + act("ignore:ABRT", "notify:READY=1", "forever"),
            steps="start, job, until running, until failed",
        ),
        service(
            "timeout-abort-default",
            "Type=notify",
            "TimeoutStopSec=0.6",
            "WatchdogSec=0.4",
            "LimitCORE=0",
            "ExecStart=" + act("ignore:ABRT", "notify:READY=1", "forever"),
            steps="start, job, until running, until failed",
        ),
        service(
            "timeout-start-infinite",
            "Type=notify",
            "TimeoutStartSec=infinity",
            "ExecStart=" + act("await:go", "notify:READY=1", "forever"),
            steps="start, until start, sleep 0.5, gate go, job" + _STOP,
        ),
        service(
            "timeout-sec",
            "Type=notify",
            "TimeoutSec=0.5",
            "ExecStart=" + act("ignore:TERM", "forever"),
            steps="start, job, until failed",
        ),
        service(
            "timeout-restarted",
            "Type=notify",
            "TimeoutStartSec=0.8",
            "Restart=on-failure",
            "RestartSec=0.2",
            "ExecStart=" + act("nth:1:forever", "notify:READY=1", "forever"),
            steps="start, until auto-restart, until running" + _STOP,
        ),
        service(
            "runtime-max",
            "RuntimeMaxSec=0.5",
            "ExecStart=" + act("forever"),
            "ExecStop=" + act("log:stop"),
            "ExecStopPost=" + act(_SEEN),
            steps="start, job, until running, until failed",
        ),
        service(
            "runtime-max-exits-0",
            "RuntimeMaxSec=0.5",
            "ExecStart=" + act("trap:TERM:exit:0", "forever"),
            steps="start, job, until running, until failed",
        ),
        service(
            "runtime-max-oneshot", "Type=oneshot", "RuntimeMaxSec=0.3", "ExecStart=" + act("sleep:0.8"), steps="start, job"
        ),
        service(
            "runtime-max-exited",
            "RemainAfterExit=yes",
            "RuntimeMaxSec=0.5",
            "ExecStart=" + act("exit:0"),
            steps="start, job, until exited, sleep 0.9" + _STOP,
        ),
        service(
            "extend-start",
            "Type=notify",
            "TimeoutStartSec=0.8",
            "ExecStart=" + act("notify:EXTEND_TIMEOUT_USEC=2500000", "sleep:1.4", "notify:READY=1", "forever"),
            steps=_STAYS,
        ),
        service(
            "extend-start-too-short",
            "Type=notify",
            "TimeoutStartSec=0.8",
            "ExecStart=" + act("notify:EXTEND_TIMEOUT_USEC=1200000", "sleep:5", "notify:READY=1"),
            steps="start, job, until failed",
        ),
        service(
            "extend-stop",
            "Type=notify",
            "TimeoutStopSec=1.2",
            "ExecStart=" + act("trap:TERM:notify,,EXTEND_TIMEOUT_USEC=4000000|sleep,,2|exit,,0", "notify:READY=1", "forever"),
            steps=_STAYS,
        ),
        service(
            "extend-runtime",
            "Type=notify",
            "RuntimeMaxSec=0.5",
            "ExecStart=" + act("notify:READY=1", "notify:EXTEND_TIMEOUT_USEC=1200000", "await:go", "exit:0"),
            steps="start, job, until running, sleep 0.8, gate go, until dead",
        ),
    ]
    return out


def watchdogs() -> list[Case]:
    beats = "start, job, until running, sleep 1"
    return [
        service(
            "watchdog-kept",
            "Type=notify",
            "WatchdogSec=0.5",
            "ExecStart=" + act("notify:READY=1", *(["sleep:0.2", "notify:WATCHDOG=1"] * 6), "exit:0"),
            steps="start, job, until running, until dead",
        ),
        service(
            "watchdog-signal",
            "Type=notify",
            "WatchdogSec=0.4",
            "WatchdogSignal=SIGUSR1",
            "ExecStart=" + act("notify:READY=1", "forever"),
            "ExecStopPost=" + act(_SEEN),
            steps="start, job, until running, until failed",
        ),
        service(
            "watchdog-exits-0",
            "Type=notify",
            "WatchdogSec=0.4",
            "ExecStart=" + act("trap:ABRT:exit:0", "notify:READY=1", "forever"),
            steps="start, job, until running, until failed",
        ),
        service(
            "watchdog-trigger",
            "Type=notify",
            "LimitCORE=0",
            "ExecStart=" + act("notify:READY=1", "await:go", "notify:WATCHDOG=trigger", "forever"),
            "ExecStop=" + act("log:stop"),
            "ExecStopPost=" + act(_SEEN),
            steps="start, job, until running, gate go, until failed",
        ),
        service(
            "watchdog-trigger-start",
            "Type=notify",
            "LimitCORE=0",
            "ExecStart=" + act("await:go", "notify:WATCHDOG=trigger", "forever"),
            steps="start, until start, gate go, job",
        ),
        service(
            "watchdog-usec",
            "Type=notify",
            "LimitCORE=0",
            "ExecStart=" + act("notify:WATCHDOG_USEC=400000", "notify:READY=1", "await:go", "forever"),
            steps="start, job, until running, show WatchdogUSec, until failed",
        ),
        service(
            "watchdog-usec-longer",
            "Type=notify",
            "WatchdogSec=0.4",
            "ExecStart=" + act("notify:WATCHDOG_USEC=5000000;READY=1", "forever"),
            steps=beats + ", show WatchdogUSec" + _STOP,
        ),
        service(
            "watchdog-usec-off",
            "Type=notify",
            "WatchdogSec=0.4",
            "ExecStart=" + act("notify:READY=1", "notify:WATCHDOG_USEC=0", "forever"),
            steps=beats + _STOP,
        ),
        service(
            "watchdog-stop",
            "Type=notify",
            "WatchdogSec=0.8",
            "LimitCORE=0",
            "ExecStart=" + act("trap:TERM:sleep,,1.3|exit,,0", "notify:READY=1", *(["sleep:0.15", "notify:WATCHDOG=1"] * 30)),
            steps=_STAYS,
        ),
        service(
            "watchdog-reload",
            "Type=notify",
            "WatchdogSec=0.5",
            "LimitCORE=0",
            "ExecReload=" + act("forever"),
            "ExecStart=" + act("notify:READY=1", "await:go", "notify:WATCHDOG=1", "forever"),
            steps="start, job, gate go, reload, until failed, job, collapsed",
        ),
        service(
            "watchdog-environment",
            "Type=notify",
            "WatchdogSec=5",
            "ExecStart=" + act("env:WATCHDOG_USEC", "notify:READY=1", "forever"),
            steps=_STAYS,
        ),
    ]


def conditions() -> list[Case]:
    out = []
    for word in ("exit:0", "exit:1", "exit:254", "exit:255", "die:TERM", "die:KILL"):
        out.append(
            service(
                "exec-condition-" + word.replace(":", ""),
                "ExecCondition=" + act("log:asked", "await:go", word),
                "ExecStartPre=" + act("log:pre"),
                "ExecStart=" + act("log:main", "await:end"),
                "ExecStop=" + act("log:stop"),
                "ExecStopPost=" + act("log:post", _SEEN),
                steps="start, until condition, gate go, job, sleep 0.3, stop, job",
            )
        )
    out += [
        service(
            "exec-condition-two",
            "ExecCondition=" + act("log:one"),
            "ExecCondition=" + act("log:two", "exit:1"),
            "ExecStart=" + act("log:main"),
            steps="start, job",
        ),
        service(
            "exec-condition-dash",
            "ExecCondition=-" + act("exit:255"),
            "ExecStart=" + act("log:main", "exit:0"),
            steps="start, job, until dead",
        ),
        service(
            "exec-condition-dash-1",
            "ExecCondition=-" + act("exit:1"),
            "ExecStart=" + act("log:main", "exit:0"),
            steps="start, job, sleep 0.3",
        ),
        service(
            "exec-condition-restart",
            "ExecCondition=" + act("exit:1"),
            "ExecStart=/bin/true",
            "Restart=always",
            steps="start, job",
        ),
        service(
            "exec-condition-255-restart",
            "ExecCondition=" + act("nth:1:exit:255", "exit:0"),
            "ExecStart=" + act("forever"),
            "Restart=on-failure",
            "RestartSec=0.2",
            steps="start, job, until auto-restart, until running" + _STOP,
        ),
        service("exec-condition-missing", "ExecCondition=/no/such/program", "ExecStart=/bin/true", steps="start, job"),
        service(
            "exec-condition-success-status",
            "ExecCondition=" + act("exit:3"),
            "SuccessExitStatus=3",
            "ExecStart=" + act("log:main"),
            steps="start, job, sleep 0.3",
        ),
    ]
    return out


def lines() -> list[Case]:
    """ExecStartPre= to ExecStopPost=, in order, failing, ignored."""
    logs = {key: act(f"log:{key}") for key in ("pre1", "pre2", "post1", "post2", "stop1", "stop2", "stoppost1", "stoppost2")}
    around = ("ExecStop=" + logs["stop1"], "ExecStopPost=" + act("log:stoppost", _SEEN))
    main = "ExecStart=" + act("main", "invocation", "log:main", "forever")
    slow = "ExecStart=" + act("trap:TERM:sleep,,0.3|exit,,0", "main", "invocation", "log:main", "forever")
    out = [
        service(
            "lines-all",
            "Type=notify",
            "ExecStartPre=" + logs["pre1"],
            "ExecStartPre=" + logs["pre2"],
            "ExecStart=" + act("main", "invocation", "log:main", "notify:READY=1", "forever"),
            "ExecStartPost=" + act("log:post1", "env:MAINPID,INVOCATION_ID,SERVICE_RESULT"),
            "ExecStartPost=" + logs["post2"],
            "ExecReload=" + act("log:reload1", "env:MAINPID,INVOCATION_ID,SERVICE_RESULT"),
            "ExecReload=" + act("log:reload2"),
            "ExecStop=" + act("log:stop1", _SEEN),
            "ExecStop=" + logs["stop2"],
            "ExecStopPost=" + act("log:stoppost1", _SEEN),
            "ExecStopPost=" + logs["stoppost2"],
            steps="start, job, until running, reload, job" + _STOP,
        ),
        service(
            "lines-pre-fails",
            "ExecStartPre=" + act("log:pre1", "exit:3"),
            "ExecStartPre=" + logs["pre2"],
            main,
            *around,
            steps="start, job, until failed",
        ),
        service(
            "lines-pre-dash",
            "ExecStartPre=-" + act("log:pre1", "exit:3"),
            "ExecStartPre=" + logs["pre2"],
            main,
            *around,
            steps=_STAYS,
        ),
        service("lines-pre-term", "ExecStartPre=" + act("die:TERM"), main, *around, steps="start, job, until failed"),
        service(
            "lines-pre-success-status",
            "SuccessExitStatus=3 SIGUSR1",
            "ExecStartPre=" + act("exit:3"),
            "ExecStartPre=" + act("die:USR1"),
            main,
            *around,
            steps="start, job, sleep 0.4" + _STOP,
        ),
        service("lines-pre-missing", "ExecStartPre=/no/such/program", main, *around, steps="start, job, until failed"),
        service("lines-pre-missing-dash", "ExecStartPre=-/no/such/program", main, *around, steps=_STAYS),
        service(
            "lines-pre-leaves",
            "ExecStartPre=" + act("daemon:await:end|log:the daemon lives"),
            main,
            *around,
            steps="start, job, until running, gate end, sleep 0.3" + _STOP,
        ),
        service(
            "lines-pre-stopped",
            "ExecStartPre=" + act("log:pre", "forever"),
            main,
            *around,
            steps="start, until start-pre, sleep 0.3" + _STOP,
        ),
        service(
            "lines-pre-killed",
            "ExecStartPre=" + act("log:pre", "forever"),
            main,
            *around,
            steps="start, until start-pre, sleep 0.3, kill control 9, job",
        ),
        service(
            "lines-post-fails",
            main,
            "ExecStartPost=" + act("sleep:0.3", "log:post1", "exit:3"),
            "ExecStartPost=" + logs["post2"],
            *around,
            steps="start, job, until failed",
        ),
        service(
            "lines-post-dash",
            main,
            "ExecStartPost=-" + act("sleep:0.3", "log:post1", "exit:3"),
            "ExecStartPost=" + logs["post2"],
            *around,
            steps=_STAYS,
        ),
        service(
            "lines-post-main-exits",
            "ExecStart=" + act("await:go", "exit:0"),
            "ExecStartPost=" + act("await:on"),
            *around,
            steps="start, until start-post, gate go, sleep 0.4, gate on, job, until dead",
        ),
        service(
            "lines-post-main-fails",
            "ExecStart=" + act("await:go", "exit:6"),
            "ExecStartPost=" + act("await:on"),
            *around,
            steps="start, until start-post, gate go, sleep 0.4, gate on, job, until failed",
        ),
        service(
            "lines-post-stopped",
            slow,
            "ExecStartPost=" + act("sleep:0.2", "log:post", "forever"),
            *around,
            steps="start, until start-post, seen post" + _STOP,
        ),
        service(
            "lines-stop-fails",
            main,
            "ExecStop=" + act("log:stop1", "exit:3"),
            "ExecStop=" + logs["stop2"],
            "ExecStopPost=" + act(_SEEN),
            steps=_STAYS,
        ),
        service(
            "lines-stop-dash",
            main,
            "ExecStop=-" + act("log:stop1", "exit:3"),
            "ExecStop=" + logs["stop2"],
            "ExecStopPost=" + act(_SEEN),
            steps=_STAYS,
        ),
        service(
            "lines-stop-asks",
            "ExecStart=" + act("log:main", "await:asked", "exit:0"),
            "ExecStop=" + act("touch:asked", "sleep:0.5"),
            "ExecStopPost=" + act(_SEEN),
            steps=_STAYS,
        ),
        service(
            "lines-stop-post-fails",
            main,
            "ExecStopPost=" + act("log:stoppost1", "exit:4"),
            "ExecStopPost=" + logs["stoppost2"],
            steps=_STAYS,
        ),
        service(
            "lines-stop-post-dash",
            main,
            "ExecStopPost=-" + act("log:stoppost1", "exit:4"),
            "ExecStopPost=" + logs["stoppost2"],
            steps=_STAYS,
        ),
        service(
            "lines-stop-on-exit",
            "ExecStart=" + act("await:go", "exit:0"),
            "ExecStop=" + act("log:stop", _SEEN),
            "ExecStopPost=" + act("log:post", _SEEN),
            steps="start, job, until running, gate go, until dead",
        ),
        service(
            "lines-stop-on-failure",
            "ExecStart=" + act("await:go", "exit:5"),
            "ExecStop=" + act("log:stop", _SEEN),
            "ExecStopPost=" + act("log:post", _SEEN),
            steps="start, job, until running, gate go, until failed",
        ),
        service(
            "lines-stop-on-signal",
            "ExecStart=" + act("await:go", "die:USR2"),
            "ExecStop=" + act("log:stop", _SEEN),
            "ExecStopPost=" + act("log:post", _SEEN),
            steps="start, job, until running, gate go, until failed",
        ),
        service(
            "lines-oneshot",
            "Type=oneshot",
            "ExecStartPre=" + logs["pre1"],
            "ExecStart=" + act("log:main", "await:go"),
            "ExecStartPost=" + logs["post1"],
            *around,
            steps="start, until start, gate go, job",
        ),
        service(
            "lines-oneshot-fails",
            "Type=oneshot",
            "ExecStart=" + act("log:main", "exit:2"),
            "ExecStartPost=" + logs["post1"],
            *around,
            steps="start, job",
        ),
        service(
            "lines-forking",
            "Type=forking",
            "ExecStartPre=" + logs["pre1"],
            "ExecStart=" + act("daemon:main|await:go|exit:2", "log:parent"),
            "ExecStartPost=" + act("log:post1", "env:MAINPID"),
            *around,
            steps="start, job, until running, gate go, until failed",
        ),
    ]
    for state in ("pre", "post"):
        out.append(
            service(
                f"lines-{state}-restart",
                f"ExecStart{state.capitalize()}=" + act("nth:1:exit:1", "exit:0"),
                "Restart=on-failure",
                "RestartSec=0.2",
                "ExecStart=" + act("forever"),
                steps="start, job, until auto-restart, until running" + _STOP,
            )
        )
    return out


def reloads() -> list[Case]:
    main = "ExecStart=" + act("main", "forever")
    run = "start, job, until running, sleep 0.3, reload"
    return [
        service("reload-good", main, "ExecReload=" + act("log:reload", "env:MAINPID"), steps=run + ", job" + _STOP),
        service(
            "reload-fails",
            main,
            "ExecReload=" + act("log:reload", "exit:2"),
            "ExecReload=" + act("log:never"),
            steps=run + ", job, show ReloadResult" + _STOP,
        ),
        service(
            "reload-dash", main, "ExecReload=-" + act("exit:2"), "ExecReload=" + act("log:second"), steps=run + ", job" + _STOP
        ),
        service(
            "reload-timeout",
            main,
            "TimeoutStartSec=0.5",
            "ExecReload=" + act("ignore:TERM", "forever"),
            steps=run + ", job, show ReloadResult" + _STOP,
        ),
        service(
            "reload-killed", main, "ExecReload=" + act("forever"), steps=run + ", until reload, kill control 9, job" + _STOP
        ),
        service(
            "reload-stop",
            main,
            "ExecReload=" + act("forever"),
            "ExecStop=" + act("log:stop"),
            steps=run + ", until reload" + _STOP + ", collapsed",
        ),
        service(
            "reload-main-exits",
            "ExecStart=" + act("await:go", "exit:0"),
            "ExecReload=" + act("await:on"),
            steps=run + ", until reload, gate go, sleep 0.3, gate on, job, until dead",
        ),
        service(
            "reload-main-fails",
            "ExecStart=" + act("await:go", "exit:3"),
            "ExecReload=" + act("await:on"),
            steps=run + ", until reload, gate go, sleep 0.3, gate on, job, until failed",
        ),
        service(
            "reload-twice",
            main,
            "ExecReload=" + act("log:reload", "sleep:0.4"),
            steps=run + ", until reload, reload, job" + _STOP,
        ),
        service("reload-inactive", main, "ExecReload=" + act("log:reload"), steps="reload, job"),
        service("reload-none", main, steps=run + ", job" + _STOP),
        service(
            "reload-exited",
            "RemainAfterExit=yes",
            "ExecStart=/bin/true",
            "ExecReload=" + act("log:reload"),
            steps="start, job, until exited, reload, job" + _STOP,
        ),
        service(
            "reload-oneshot",
            "Type=oneshot",
            "RemainAfterExit=yes",
            "ExecStart=/bin/true",
            "ExecReload=" + act("log:reload", "exit:1"),
            steps="start, job, until exited, reload, job" + _STOP,
        ),
        service(
            "reload-restart",
            main,
            "ExecReload=" + act("trap:TERM:sleep,,0.3|exit,,1", "await:go"),
            steps=run + ", until reload, sleep 0.3, restart, job, until running" + _STOP,
        ),
        service(
            "reload-notify",
            "Type=notify",
            "ExecReload=" + act("touch:asked", "await:done"),
            "ExecStart="
            + act("notify:READY=1", "await:asked", "notify:RELOADING=1", "touch:done", "await:go", "notify:READY=1", "forever"),
            steps=run + ", until reload, sleep 0.5, gate go, job, until running" + _STOP,
        ),
    ]
