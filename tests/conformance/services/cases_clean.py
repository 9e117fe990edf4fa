"""`systemctl clean` (systemctl(1)): what may be removed when, and the states that a unit goes through meanwhile."""

from __future__ import annotations

from tests.conformance.services.cases import service
from tests.conformance.services.play import Case

#: So many files that their removal can be watched. `start` makes them, and leaves a service that is over at once.
_MANY = 8_000
SHOW_RESULT = "show CleanResult"


def _full(name: str, *lines: str) -> tuple[str, ...]:
    fill = f"for (1..{_MANY}) {{ open(F, q(>), qq(/run/{name}/$$_)) }}"
    return ("Type=oneshot", f"RuntimeDirectory={name}", "RuntimeDirectoryPreserve=yes",
            f"ExecStart=/usr/bin/perl -e '{fill}'", *lines)


def _many(name: str, steps: str, *lines: str) -> Case:
    return service(name, *_full(name, *lines), steps=
                   f"start {name}-x.target, job, start, job, clean runtime, until cleaning, {steps}, {SHOW_RESULT}",
                   x_target=_keeper(f"{name}.service"))


def _few(name: str, steps: str, *lines: str) -> Case:
    every = [f"{kind}Directory={name}" for kind in ("Runtime", "State", "Cache", "Logs", "Configuration")]
    return service(name, "Type=oneshot", *every, *lines, x_target=_keeper(f"{name}.service"), steps=
                   f"start {name}-x.target, job, {steps}, settle 0.5, {SHOW_RESULT}")


def _keeper(name: str) -> str:
    """Of a unit that is down clients hear nothing, unless somebody who is up names it."""
    return f"[Unit]\nDefaultDependencies=no\nAfter={name}\n"


_SLEEP, _TRUE, _FALSE = "ExecStart=/bin/sleep 1000", "ExecStart=/bin/true", "ExecStart=/bin/false"
_LISTENER = "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/t/{0}.sock\nStateDirectory={0}\n"
_TIMER = "[Unit]\nDefaultDependencies=no\n[Timer]\nOnCalendar=2190-01-01\nPersistent={}\nUnit=clean-timer.service\n"


def cleaning() -> list[Case]:
    unit, later = ".Unit", "RestartSec=60"
    listener, timer = "clean-socket-x.socket", "clean-timer-x.timer"
    return [
        _few("clean-never-run", f"show CanClean clean-never-run.service {unit}, clean state", _TRUE),
        _few("clean-after-run", "start, job, clean state,cache, until dead, until dead", _TRUE),
        _few("clean-everything", "start, job, until dead, clean all, until dead", _TRUE),
        _few("clean-failed", "start, job, until failed, clean state", _FALSE),
        _few("clean-exited", "start, job, clean state", _TRUE, "RemainAfterExit=yes"),
        _few("clean-running", "start, job, clean state, clean bogus", _SLEEP, "Type=simple"),
        _few("clean-restarting", "start, until auto-restart, clean state, stop, job", _FALSE, "Restart=on-failure", later),
        _few("clean-restart-always", "start, job, stop, job, clean state, until dead, settle 1, stop, job",
             _SLEEP, "Type=simple", "Restart=always", later),
        _few("clean-bogus", "clean bogus, clean state,bogus, clean Runtime", _TRUE),
        service("clean-nothing", "Type=oneshot", "CacheDirectory=clean-nothing", _TRUE, steps=
                f"show CanClean clean-nothing.service {unit}, clean state, clean state,configuration, settle 0.5"),
        service("clean-none-running", "CacheDirectory=clean-none", _SLEEP, steps="start, job, clean state, settle 0.3"),
        _many("clean-timeout", "until failed, settle 0.3, start, job", "TimeoutCleanSec=1ms"),
        _many("clean-stopped", "stop, job, settle 0.5"),
        _many("clean-started", "start, job, settle 0.5"),
        _many("clean-restarted", "restart, job, settle 0.5"),
        _many("clean-killed", "kill all 9, settle 0.5"),
        _many("clean-twice", "clean runtime, until dead, settle 0.5"),
        _many("clean-reset", "reset-failed, until dead, settle 0.5"),
        _many("clean-stop-post", "until dead, settle 0.5", "ExecStopPost=/bin/true"),
        _many("clean-kill-mode", "until failed, settle 0.3", "TimeoutCleanSec=1ms", "KillMode=process", "SendSIGKILL=no"),
        _many("clean-timeout-restart", "until auto-restart, settle 0.3, stop, job",
              "TimeoutCleanSec=1ms", "Restart=on-failure", later),
        service("clean-socket", _SLEEP, x_socket=_LISTENER.format("clean-socket-x"), x_target=_keeper(listener), steps=
                f"start clean-socket-x.target, job, show CanClean {listener} {unit}, clean state {listener}, "
                f"until cleaning {listener}, until dead {listener}, clean cache {listener}, settle 0.3"),
        service("clean-timer", _TRUE, x_timer=_TIMER.format("yes"), x_target=_keeper(timer), steps=
                f"start {timer}, job, stop {timer}, job, show CanClean {timer} {unit}, clean state {timer}, "
                f"clean state {timer}, clean cache {timer}, settle 0.3"),
        service("clean-timer-unkept", _TRUE, x_timer=_TIMER.format("no"), steps=
                f"show CanClean clean-timer-unkept-x.timer {unit}, clean state clean-timer-unkept-x.timer, settle 0.3"),
        service("clean-target", _TRUE, x_target="[Unit]\nDefaultDependencies=no\n", steps=
                "clean state clean-target-x.target, clean bogus clean-target-x.target, settle 0.3"),
    ]
