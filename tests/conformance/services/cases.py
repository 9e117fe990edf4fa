"""The cases: units that come to every kind of end, told to do so by the player's steps."""

from __future__ import annotations

from tests.conformance.services.play import ACTOR, Case


def act(*words: str) -> str:
    """A command line: the actor with these words."""
    return f"{ACTOR} {_DIRECTORY} " + " ".join(f'"{word}"' for word in words)


_DIRECTORY = "/run/t/%N"


def service(name: str, *lines: str, steps: tuple[str, ...] | str = (), unit: tuple[str, ...] = (), **others: str) -> Case:
    """A case with one service, and other units beside it (`x_target="…"` is NAME-x.target)."""
    body = "\n".join(["[Unit]", "DefaultDependencies=no", *unit, "[Service]", "StandardOutput=null", *lines]) + "\n"
    units = {f"{name}.service": body}
    for key, text in others.items():
        stem, _, kind = key.rpartition("_")
        units[f"{name}-{stem}.{kind}"] = text
    given = tuple(steps.split(", ")) if isinstance(steps, str) else steps
    return Case(name, units, given)


#: How a main process can end: name → the words it says at its end.
ENDS = {
    "exit0": ("exit:0",),
    "exit1": ("exit:1",),
    "term": ("die:TERM",),
    "kill": ("die:KILL",),
    "abort": ("die:ABRT",),
    "core": ("die:ABRT",),
    "timeout": ("ignore:TERM", "forever"),
    "watchdog": ("forever",),
}
#: systemd.service(5), Restart=: which ends it restarts after. Of those that time out or miss the watchdog every run does.
COVERED = {
    "no": (),
    "on-watchdog": ("watchdog",),
    "on-abnormal": ("timeout", "watchdog"),
    "on-success": (),
    "on-abort": (),
    "on-failure": ("timeout", "watchdog"),
    "always": ("timeout", "watchdog"),
}
RESTARTS = ("no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always")


def after(restart: str, end: str) -> str:
    return "until auto-restart, until running, stop, job" if end in COVERED[restart] else "until failed, settle 0.8, stop, job"


def restarts() -> list[Case]:
    """Restart= × every kind of end. After one restart the service stays; then it is stopped."""
    out = []
    for restart in RESTARTS:
        for end, words in ENDS.items():
            lines = [f"Restart={restart}", "RestartSec=0.3", "TimeoutStopSec=2"]
            lines.append("LimitCORE=" + ("infinity" if end == "core" else "0"))
            lines.append("WorkingDirectory=/run")
            # The second run stays.
            lines.append("ExecStart=" + act("notify:READY=1", "nth:2:forever", "await:go", *words))
            lines.append("Type=notify")
            steps = "start, job, until running, gate go, settle 1.0, stop, job"
            if end == "timeout":
                lines += ["RuntimeMaxSec=0.6", "TimeoutStopSec=0.6"]
                steps = "start, job, until running, gate go, " + after(restart, end)
            elif end == "watchdog":
                lines += ["WatchdogSec=0.6", "LimitCORE=0"]
                steps = "start, job, until running, gate go, " + after(restart, end)
            out.append(service(f"restart-{restart}-{end}", *lines, steps=steps))
    return out


def exit_statuses() -> list[Case]:
    out = []

    def ends(name: str, end: str, *lines: str) -> None:
        words = ENDS.get(end, (end,))
        run = act("nth:2:forever", "await:go", *words)
        out.append(
            service(
                name,
                "RestartSec=0.2",
                "LimitCORE=0",
                *lines,
                "ExecStart=" + run,
                steps="start, job, until running, gate go, settle 0.8, stop, job",
            )
        )

    for end in ("exit0", "exit1", "exit:3", "term", "kill"):
        word = end.replace(":", "")
        ends(f"prevent-{word}", end, "Restart=always", "RestartPreventExitStatus=0 3 SIGKILL")
        ends(f"force-{word}", end, "Restart=no", "RestartForceExitStatus=3 SIGTERM")
        ends(f"success-{word}", end, "Restart=on-failure", "SuccessExitStatus=3 SIGKILL")
        ends(f"prevent-force-{word}", end, "Restart=no", "RestartForceExitStatus=3", "RestartPreventExitStatus=3")
    ends("usr1", "die:USR1", "Restart=on-success")
    ends("hup", "die:HUP", "Restart=on-success")
    ends("pipe", "die:PIPE", "IgnoreSIGPIPE=no", "Restart=on-success")
    ends("int", "die:INT", "Restart=on-success")
    return out


def types() -> list[Case]:
    stop = ", stop, job"
    stays = "start, job, until running" + stop
    out = []
    for kind in ("simple", "exec", "idle"):
        out += [
            service(f"{kind}-stays", f"Type={kind}", "ExecStart=" + act("forever"), steps=stays),
            service(
                f"{kind}-exits",
                f"Type={kind}",
                "ExecStart=" + act("await:go", "exit:0"),
                steps="start, job, until running, gate go, until dead",
            ),
            service(
                f"{kind}-fails",
                f"Type={kind}",
                "ExecStart=" + act("await:go", "exit:7"),
                steps="start, job, until running, gate go, until failed",
            ),
            service(f"{kind}-missing", f"Type={kind}", "ExecStart=/no/such/program", steps="start, job, until failed"),
            service(f"{kind}-missing-ok", f"Type={kind}", "ExecStart=-/no/such/program", steps="start, job, sleep 0.5"),
            service(f"{kind}-user", f"Type={kind}", "User=nosuchuser", "ExecStart=/bin/true", steps="start, job, until failed"),
            service(
                f"{kind}-remains",
                f"Type={kind}",
                "RemainAfterExit=yes",
                "ExecStart=" + act("await:go", "exit:0"),
                steps="start, job, until running, gate go, until exited" + stop,
            ),
            service(
                f"{kind}-remains-fails",
                f"Type={kind}",
                "RemainAfterExit=yes",
                "ExecStart=" + act("await:go", "exit:2"),
                steps="start, job, until running, gate go, until failed",
            ),
            service(
                f"{kind}-dash",
                f"Type={kind}",
                "ExecStart=-" + act("await:go", "exit:2"),
                steps="start, job, until running, gate go, until dead",
            ),
        ]
    out += [
        service(
            "oneshot-0", "Type=oneshot", "ExecStart=" + act("await:go", "exit:0"), steps="start, until start, gate go, job"
        ),
        service(
            "oneshot-1", "Type=oneshot", "ExecStart=" + act("await:go", "exit:1"), steps="start, until start, gate go, job"
        ),
        service(
            "oneshot-term", "Type=oneshot", "ExecStart=" + act("await:go", "die:TERM"), steps="start, until start, gate go, job"
        ),
        service(
            "oneshot-several",
            "Type=oneshot",
            *("ExecStart=" + act(f"log:{n}", f"await:go{n}") for n in (1, 2, 3)),
            steps="start, until start, gate go1, gate go2, gate go3, job",
        ),
        service(
            "oneshot-several-second-fails",
            "Type=oneshot",
            "ExecStart=" + act("log:1"),
            "ExecStart=" + act("log:2", "await:go", "exit:3"),
            "ExecStart=" + act("log:3"),
            steps="start, until start, gate go, job",
        ),
        service(
            "oneshot-several-dash",
            "Type=oneshot",
            "ExecStart=" + act("log:1"),
            "ExecStart=-" + act("log:2", "await:go", "exit:3"),
            "ExecStart=" + act("log:3", "await:on"),
            steps="start, until start, gate go, gate on, job",
        ),
        service(
            "oneshot-remains",
            "Type=oneshot",
            "RemainAfterExit=yes",
            "ExecStart=" + act("await:go"),
            steps="start, until start, gate go, job, until exited, start, job" + stop,
        ),
        service(
            "oneshot-none-stop",
            "Type=oneshot",
            "RemainAfterExit=yes",
            "ExecStop=" + act("log:stop"),
            steps="start, job, until exited" + stop,
        ),
        service(
            "oneshot-stopped-early",
            "Type=oneshot",
            "ExecStart=" + act("forever"),
            "ExecStop=" + act("log:stop"),
            "ExecStopPost=" + act("log:post"),
            steps="start, until start" + stop,
        ),
        service(
            "oneshot-timeout",
            "Type=oneshot",
            "TimeoutStartSec=0.6",
            "ExecStart=" + act("forever"),
            steps="start, job, until failed",
        ),
        service(
            "oneshot-restart-on-failure",
            "Type=oneshot",
            "Restart=on-failure",
            "RestartSec=0.2",
            "ExecStart=" + act("nth:1:exit:1", "await:go"),
            steps="start, until auto-restart, until start, gate go, job",
        ),
        service(
            "oneshot-leftover",
            "Type=oneshot",
            "ExecStart=" + act("daemon:forever", "await:go"),
            steps="start, until start, gate go, job, until dead",
        ),
        service(
            "oneshot-leftover-remains",
            "Type=oneshot",
            "RemainAfterExit=yes",
            "ExecStart=" + act("daemon:forever", "await:go"),
            steps="start, until start, gate go, job, until exited, sleep 0.3, stop, job",
        ),
        # forking
        service(
            "forking-guess",
            "Type=forking",
            "ExecStart=" + act("daemon:await:go|exit:0"),
            steps="start, job, until running, gate go, until dead",
        ),
        service(
            "forking-guess-fails",
            "Type=forking",
            "ExecStart=" + act("daemon:await:go|exit:4"),
            steps="start, job, until running, gate go, until failed",
        ),
        service(
            "forking-guess-off",
            "Type=forking",
            "GuessMainPID=no",
            "ExecStart=" + act("daemon:await:go|exit:4"),
            steps="start, job, until running, gate go, until dead",
        ),
        service("forking-stop", "Type=forking", "ExecStart=" + act("daemon:forever"), steps=stays),
        service(
            "forking-two",
            "Type=forking",
            "ExecStart=" + act("daemon:await:go|exit:4", "child:forever"),
            steps="start, job, until running, gate go, sleep 0.5" + stop,
        ),
        service(
            "forking-fails", "Type=forking", "ExecStart=" + act("await:go", "exit:2"), steps="start, until start, gate go, job"
        ),
        service(
            "forking-nothing",
            "Type=forking",
            "ExecStart=" + act("await:go", "exit:0"),
            steps="start, until start, gate go, job, sleep 0.5",
        ),
        service(
            "forking-nothing-remains",
            "Type=forking",
            "RemainAfterExit=yes",
            "ExecStart=" + act("await:go"),
            steps="start, until start, gate go, job, sleep 0.5" + stop,
        ),
        service(
            "forking-killed",
            "Type=forking",
            "ExecStart=" + act("await:go", "die:TERM"),
            steps="start, until start, gate go, job",
        ),
        service(
            "forking-timeout",
            "Type=forking",
            "TimeoutStartSec=0.6",
            "ExecStart=" + act("forever"),
            steps="start, job, until failed",
        ),
        service(
            "forking-pidfile",
            "Type=forking",
            "PIDFile=/run/forking-pidfile.pid",
            "ExecStart=" + act("daemon:pidfile:/run/forking-pidfile.pid|await:go|exit:5", "await:ready"),
            steps="start, until start, sleep 0.5, gate ready, job, until running, gate go, until failed",
        ),
        service(
            "forking-pidfile-late",
            "Type=forking",
            "PIDFile=/run/forking-pidfile-late.pid",
            "ExecStart=" + act("daemon:await:write|pidfile:/run/forking-pidfile-late.pid|await:go|exit:0"),
            steps="start, until start, sleep 0.6, gate write, job, until running, gate go, until dead",
        ),
        service(
            "forking-pidfile-never",
            "Type=forking",
            "PIDFile=/run/forking-pidfile-never.pid",
            "ExecStart=" + act("daemon:await:go|exit:0"),
            steps="start, until start, sleep 0.6, gate go, sleep 2, stop, job",
        ),
        service(
            "forking-pidfile-timeout",
            "Type=forking",
            "PIDFile=/run/forking-pidfile-timeout.pid",
            "TimeoutStartSec=1",
            "ExecStart=" + act("daemon:forever"),
            steps="start, job, until failed",
        ),
        service(
            "forking-pidfile-start-post",
            "Type=forking",
            "PIDFile=/run/forking-pidfile-start-post.pid",
            "ExecStart=" + act("daemon:await:write|pidfile:/run/forking-pidfile-start-post.pid|await:go|exit:0"),
            "ExecStartPost=" + act("touch:write", "await:posted"),
            steps="start, until start-post, sleep 0.5, gate posted, job, until running, gate go, until dead",
        ),
        # notify
        service(
            "notify-ready",
            "Type=notify",
            "ExecStart=" + act("await:go", "notify:READY=1", "await:on", "exit:0"),
            steps="start, until start, gate go, job, until running, gate on, until dead",
        ),
        service(
            "notify-exits-0", "Type=notify", "ExecStart=" + act("await:go", "exit:0"), steps="start, until start, gate go, job"
        ),
        service(
            "notify-exits-1", "Type=notify", "ExecStart=" + act("await:go", "exit:1"), steps="start, until start, gate go, job"
        ),
        service(
            "notify-exits-0-remains",
            "Type=notify",
            "RemainAfterExit=yes",
            "ExecStart=" + act("await:go", "exit:0"),
            steps="start, until start, gate go, job, sleep 0.5" + stop,
        ),
        service(
            "notify-timeout",
            "Type=notify",
            "TimeoutStartSec=0.6",
            "ExecStart=" + act("forever"),
            steps="start, job, until failed",
        ),
        service(
            "notify-stopping",
            "Type=notify",
            "ExecStart=" + act("notify:READY=1", "await:go", "notify:STOPPING=1", "await:on", "exit:0"),
            steps="start, job, until running, gate go, until stop-sigterm, gate on, until dead",
        ),
        service(
            "notify-stopping-fails",
            "Type=notify",
            "ExecStop=" + act("log:stop"),
            "ExecStopPost=" + act("log:post"),
            "ExecStart=" + act("notify:READY=1", "await:go", "notify:STOPPING=1", "await:on", "exit:3"),
            steps="start, job, until running, gate go, until stop-sigterm, gate on, until failed",
        ),
        service(
            "notify-stopping-timeout",
            "Type=notify",
            "TimeoutStopSec=0.6",
            "ExecStart=" + act("notify:READY=1", "await:go", "notify:STOPPING=1", "forever"),
            steps="start, job, until running, gate go, until failed",
        ),
        service(
            "notify-stopping-early",
            "Type=notify",
            "ExecStart=" + act("notify:STOPPING=1", "await:go", "exit:0"),
            steps="start, until start, sleep 0.4, gate go, job",
        ),
        service(
            "notify-reloading",
            "Type=notify",
            "ExecStart=" + act("notify:READY=1", "await:go", "notify:RELOADING=1", "await:on", "notify:READY=1", "forever"),
            steps="start, job, until running, gate go, until reload, gate on, until running" + stop,
        ),
        service(
            "notify-reloading-timeout",
            "Type=notify",
            "TimeoutStartSec=0.8",
            "ExecStart=" + act("notify:READY=1", "await:go", "notify:RELOADING=1", "forever"),
            steps="start, job, until running, gate go, until reload, sleep 1.2" + stop,
        ),
        service(
            "notify-reloading-exits",
            "Type=notify",
            "ExecStart=" + act("notify:READY=1", "await:go", "notify:RELOADING=1", "await:on", "exit:0"),
            steps="start, job, until running, gate go, until reload, gate on, until dead",
        ),
        service(
            "notify-reloading-stop",
            "Type=notify",
            "ExecStart=" + act("notify:READY=1", "await:go", "notify:RELOADING=1", "forever"),
            "ExecStop=" + act("log:stop"),
            steps="start, job, until running, gate go, until reload" + stop,
        ),
        service(
            "notify-reload-at-once",
            "Type=notify",
            "ExecStart=" + act("notify:RELOADING=1;READY=1", "await:go", "notify:RELOADING=1;READY=1", "forever"),
            steps="start, job, until running, gate go, sleep 0.5" + stop,
        ),
        service(
            "notify-ready-simple",
            "Type=simple",
            "NotifyAccess=main",
            "ExecStart=" + act("await:go", "notify:READY=1", "notify:RELOADING=1", "await:on", "notify:READY=1", "forever"),
            steps="start, job, until running, gate go, until reload, gate on, until running" + stop,
        ),
        # exit type
        service(
            "exittype-cgroup",
            "ExitType=cgroup",
            "ExecStart=" + act("daemon:await:go|exit:0", "await:first", "exit:0"),
            steps="start, job, until running, gate first, sleep 0.5, gate go, until dead",
        ),
        service(
            "exittype-cgroup-fails",
            "ExitType=cgroup",
            "ExecStart=" + act("daemon:await:go|exit:0", "await:first", "exit:3"),
            steps="start, job, until running, gate first, sleep 0.5, gate go, sleep 0.5, stop, job",
        ),
        service(
            "exittype-cgroup-stop",
            "ExitType=cgroup",
            "ExecStart=" + act("daemon:forever", "await:first", "exit:0"),
            steps="start, job, until running, gate first, sleep 0.5, stop, job",
        ),
        service(
            "exittype-main",
            "ExecStart=" + act("daemon:forever", "await:first", "exit:0"),
            steps="start, job, until running, gate first, until dead",
        ),
    ]
    return out


def every() -> list[Case]:
    from tests.conformance.services import cases_bus as bus
    from tests.conformance.services import cases_clean as clean
    from tests.conformance.services import cases_phases as phases
    from tests.conformance.services import cases_words as words

    makers = (
        clean.cleaning,
        types,
        restarts,
        exit_statuses,
        phases.timeouts,
        phases.watchdogs,
        phases.conditions,
        phases.lines,
        phases.reloads,
        words.kills,
        words.messages,
        words.stores,
        words.limits,
        words.relations,
        bus.names,
    )
    return [case for make in makers for case in make()]
