"""Cases of services that take a name of the system bus: Type=dbus, BusName=."""

from __future__ import annotations

from tests.conformance.services.cases import act, service
from tests.conformance.services.play import Case

#: Who may take the names of the cases, for /etc/dbus-1/system.d.
POLICY = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><policy context="default"><allow own_prefix="org.example"/></policy></busconfig>
"""
POLICY_PATH = "/etc/dbus-1/system.d/conformance.conf"

_NAME = "org.example.%N"
_DBUS = ("Type=dbus", f"BusName={_NAME}")
_TAKE, _GIVE = f"name:{_NAME}", f"unname:{_NAME}"
_UP = "start, job, until running"
_STOP = ", stop, job"


def _main(*words: str) -> str:
    return "ExecStart=" + act(*words)


def _by_name(name: str, *words: str) -> str:
    """Another service, that does something with the name of the case."""
    return f"[Unit]\nDefaultDependencies=no\n[Service]\nStandardOutput=null\nType=exec\n{_main(*words).replace('%N', name)}\n"


def _starts() -> list[Case]:
    """What comes before the name, or instead of it.

    Where a process ends and its name goes with it, systemd hears either first: no case has that.
    """
    return [
        service("bus-up", *_DBUS, _main(_TAKE, "forever"), steps=_UP + _STOP),
        service(
            "bus-starting",
            *_DBUS,
            _main("await:go", _TAKE, "forever"),
            steps="start, until start, sleep 0.3, gate go, job, until running" + _STOP,
        ),
        service("bus-exit0-before", *_DBUS, _main("sleep:0.2", "exit:0"), steps="start, job"),
        service("bus-exit3-before", *_DBUS, _main("sleep:0.2", "exit:3"), steps="start, job"),
        service("bus-dies-before", *_DBUS, _main("sleep:0.2", "die:KILL"), steps="start, job"),
        service(
            "bus-exit0-before-remains", *_DBUS, "RemainAfterExit=yes", _main("sleep:0.2", "exit:0"), steps="start, job" + _STOP
        ),
        service("bus-timeout", *_DBUS, "TimeoutStartSec=0.5", _main("forever"), steps="start, job"),
        service("bus-stop-starting", *_DBUS, _main("forever"), steps="start, until start, sleep 0.2" + _STOP),
        service("bus-no-program", *_DBUS, "ExecStart=/nowhere/at/all", steps="start, job"),
        service(
            "bus-post",
            *_DBUS,
            _main(_TAKE, "forever"),
            "ExecStartPost=" + act("await:go", "exit:0"),
            steps="start, until start-post, gate go, job, until running" + _STOP,
        ),
        service(
            "bus-child-takes",
            *_DBUS,
            _main("ignore:CHLD", f"child:{_TAKE.replace(':', ',,')}|await:go|exit:0", "forever"),
            steps=_UP + ", gate go, settle 1",
        ),
        service(
            "bus-main-leaves-child",
            *_DBUS,
            "TimeoutStopSec=2",
            _main(f"child:{_TAKE.replace(':', ',,')}|forever", "await:go", "exit:0"),
            steps=_UP + ", gate go, until dead",
        ),
        service(
            "bus-exittype-cgroup",
            *_DBUS,
            "ExitType=cgroup",
            _main(f"daemon:{_TAKE.replace(':', ',,')}|forever", "await:go", "exit:0"),
            steps=_UP + ", gate go, sleep 0.4" + _STOP,
        ),
        service("bus-implied", f"BusName={_NAME}", _main("await:go", _TAKE, "forever"), steps="start, until start, sleep 0.2, "
                "gate go, job, until running, show Type" + _STOP),
        service("bus-restarted", *_DBUS, _main(_TAKE, "forever"), steps=_UP + ", restart, job" + _STOP),
    ]


def _losses() -> list[Case]:
    """The name goes while the service is up."""
    out = [
        service(
            f"bus-lost-{restart}",
            *_DBUS,
            f"Restart={restart}",
            "RestartSec=0.2",
            _main(_TAKE, "nth:2:forever", "await:go", _GIVE, "forever"),
            "ExecStop=" + act("log:stop"),
            "ExecStopPost=" + act("env:SERVICE_RESULT,EXIT_CODE,EXIT_STATUS"),
            steps=_UP + ", gate go, settle 1.5" + _STOP,
        )
        for restart in ("no", "on-success", "on-failure", "always")
    ]
    gives = _main(_TAKE, "await:go", _GIVE, "forever")
    return out + [
        service("bus-hangs-up", *_DBUS, _main(_TAKE, "await:go", "hangup:", "forever"), steps=_UP + ", gate go, settle 1"),
        service(
            "bus-lost-deaf",
            *_DBUS,
            "TimeoutStopSec=0.5",
            _main("ignore:TERM", _TAKE, "await:go", _GIVE, "forever"),
            steps=_UP + ", gate go, settle 1",
        ),
        service(
            "bus-lost-exit3",
            *_DBUS,
            _main("trap:TERM:exit:3", _TAKE, "await:go", _GIVE, "forever"),
            steps=_UP + ", gate go, settle 1",
        ),
        service("bus-lost-remains", *_DBUS, "RemainAfterExit=yes", gives, steps=_UP + ", gate go, settle 1" + _STOP),
        service(
            "bus-exits-remains",
            *_DBUS,
            "RemainAfterExit=yes",
            _main(f"child:{_TAKE.replace(':', ',,')}|forever", "await:go", "exit:0"),
            steps=_UP + ", gate go, settle 1" + _STOP,
        ),
        service(
            "bus-lost-in-reload",
            *_DBUS,
            gives,
            "ExecReload=" + act("await:on", "exit:0"),
            steps=_UP + ", reload, until reload, gate go, settle 0.5, gate on, settle 1" + _STOP,
        ),
        service(
            "bus-lost-in-start-post",
            *_DBUS,
            gives,
            "ExecStartPost=" + act("await:on", "exit:0"),
            steps="start, until start-post, gate go, settle 0.5, gate on, settle 1" + _STOP,
        ),
        service(
            "bus-lost-in-stop",
            *_DBUS,
            gives,
            "ExecStop=" + act("touch:go", "sleep:0.5", "exit:0"),
            steps=_UP + _STOP,
        ),
        service(
            "bus-lost-while-starting",
            *_DBUS,
            "TimeoutStartSec=1",
            "ExecStartPre=" + act(f"daemon:{_TAKE.replace(':', ',,')}|await:go|exit:0", "sleep:0.4"),
            _main("forever"),
            steps="start, until start, sleep 0.3, gate go, settle 1.5" + _STOP,
        ),
        service(
            "bus-stopping-keeps-name",
            *_DBUS,
            "TimeoutStopSec=0.5",
            _main("ignore:TERM", _TAKE, "forever"),
            steps=_UP + _STOP,
        ),
    ]


def _others() -> list[Case]:
    """Somebody else has the name, or the name is there without Type=dbus."""
    give = "ExecStart=" + act(f"name:{_NAME}:1", "forever")
    return [
        service(
            "bus-taken",
            *_DBUS,
            "TimeoutStartSec=1",
            _main(_TAKE, "forever"),
            steps="start bus-taken-other.service, job, seen ready, start, job, settle 1.2" + _STOP
            + ", stop bus-taken-other.service, job",
            # It keeps the unit loaded: who has the name is known long before the start.
            other_service=_by_name("bus-taken", "sleep:0.3", _TAKE, "log:ready", "forever").replace(
                "[Service]", "After=bus-taken.service\n[Service]"
            ),
        ),
        service(
            "bus-taken-while-starting",
            *_DBUS,
            "TimeoutStartSec=1",
            _main("forever"),
            steps="start, until start, start bus-taken-while-starting-other.service, settle 1.5" + _STOP
            + ", stop bus-taken-while-starting-other.service, job",
            other_service=_by_name("bus-taken-while-starting", _TAKE, "forever"),
        ),
        service(
            "bus-replaced",
            *_DBUS,
            give,
            steps=_UP + ", start bus-replaced-other.service, settle 1, kill main 15, settle 1"
            ", stop bus-replaced-other.service, job, settle 0.5" + _STOP,
            other_service=_by_name("bus-replaced", f"name:{_NAME}:2", "forever"),
        ),
        service(
            "bus-twice",
            *_DBUS,
            _main(_TAKE, "forever"),
            steps="start, job, start bus-twice-other.service, job, show LoadState bus-twice-other.service .Unit, "
            "show LoadError bus-twice-other.service .Unit" + _STOP,
            other_service="[Unit]\nDefaultDependencies=no\n[Service]\nType=dbus\nBusName=org.example.bus-twice\n"
            "ExecStart=" + act(_TAKE, "forever") + "\n",
        ),
        service(
            "bus-simple-loses",
            "Type=simple",
            f"BusName={_NAME}",
            _main(_TAKE, "await:go", _GIVE, "forever"),
            steps=_UP + ", gate go, settle 1, show Type" + _STOP,
        ),
        service(
            "bus-notify-loses",
            "Type=notify",
            f"BusName={_NAME}",
            _main(_TAKE, "notify:READY=1", "await:go", _GIVE, "forever"),
            steps=_UP + ", gate go, settle 1" + _STOP,
        ),
        service(
            "bus-forking-main",
            "Type=forking",
            "GuessMainPID=no",
            f"BusName={_NAME}",
            _main(f"daemon:{_TAKE.replace(':', ',,')}|forever", "exit:0"),
            steps=_UP + ", sleep 0.3, kill main 15, settle 1" + _STOP,
        ),
        service(
            "bus-forking-no-main",
            "Type=forking",
            "GuessMainPID=no",
            _main("daemon:forever", "exit:0"),
            steps=_UP + ", sleep 0.3, kill main 15, settle 1" + _STOP,
        ),
        service(
            "bus-forking-late-main",
            "Type=forking",
            "GuessMainPID=no",
            f"BusName={_NAME}",
            _main(f"daemon:await:go|{_TAKE.replace(':', ',,')}|forever", "exit:0"),
            steps=_UP + ", gate go, sleep 0.4, kill main 15, settle 1" + _STOP,
        ),
        service(
            "bus-forking-foreign-main",
            "Type=forking",
            "GuessMainPID=no",
            f"BusName={_NAME}",
            _main("daemon:forever", "exit:0"),
            steps=_UP + ", start bus-forking-foreign-main-other.service, sleep 0.4, kill main 10, sleep 0.3"
            ", stop bus-forking-foreign-main-other.service, job, settle 1" + _STOP,
            other_service=_by_name("bus-forking-foreign-main", "trap:USR1:log:hit", _TAKE, "forever"),
        ),
        service(
            "bus-oneshot",
            "Type=oneshot",
            "RemainAfterExit=yes",
            f"BusName={_NAME}",
            _main(f"daemon:{_TAKE.replace(':', ',,')}|forever", "exit:0"),
            steps="start, job, until exited, sleep 0.3, kill main 15, settle 1" + _STOP,
        ),
        service(
            "bus-child-known-main",
            "Type=simple",
            f"BusName={_NAME}",
            _main(f"child:{_TAKE.replace(':', ',,')}|forever", "trap:USR1:log:main", "trap:TERM:sleep:0.3;exit:0", "forever"),
            steps=_UP + ", sleep 0.4, kill main 10, settle 0.5" + _STOP,
        ),
    ]


def names() -> list[Case]:
    return _starts() + _losses() + _others()
