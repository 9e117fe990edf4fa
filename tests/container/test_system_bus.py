"""The system bus: names that services wait for, and the manager as one of its peers; what is asked is recorded of systemd."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import Container
from images import CACHE, Image, build_rootfs

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from initd.core.api_manager import METHODS  # noqa: E402
from initd.core.api_unit import PROCESS_METHODS, UNIT_METHODS  # noqa: E402
from tests.conformance.bus import cases  # noqa: E402
from tests.conformance.bus.client import MANAGER, NOBODY, SYSTEMD, UNIT, BusClient, Refused  # noqa: E402
from tests.conformance.bus.record import ANSWERS  # noqa: E402
from tests.conformance.services.record import SYSTEMD as SYSTEMD_IMAGE  # noqa: E402
from tests.conformance.services.record import pyinit_container  # noqa: E402
from tests.container.conftest import _finish  # noqa: E402

RECORDED = json.loads(ANSWERS.read_text())["answers"]
DENIED = "org.freedesktop.DBus.Error.AccessDenied: Permission denied"
#: Methods that are there to be called.
THERE = {f"{interface}.{each.name}" for interface, methods in
         ((MANAGER, METHODS), (UNIT, UNIT_METHODS), (SYSTEMD + ".Service", PROCESS_METHODS))
         for each in methods if each.handler is not None}
REAL = "/real"
LIBRARIES = "usr/lib/x86_64-linux-gnu"


@pytest.fixture(scope="module")
def real_tools():
    """systemd's own busctl and systemctl, with their libraries, in a directory."""
    directory = CACHE / "systemd-tools"
    if not directory.is_dir():
        growing = CACHE / f"systemd-tools.{os.getpid()}"
        growing.mkdir()
        names = ("./usr/bin/busctl", "./usr/bin/systemctl", f"./{LIBRARIES}")
        subprocess.run(["tar", "-C", str(growing), "-xf", str(build_rootfs(SYSTEMD_IMAGE)), *names], check=True)
        growing.rename(directory)
    return directory


@pytest.fixture(scope="module")
def bus(request, real_tools):
    """A container with a bus, the cases' units, and systemd's tools beside ours."""
    container = pyinit_container((f"--volume={real_tools}:{REAL}:ro",))
    try:
        cases.prepare(container)
        container.start().wait_until_booted()
        container.wait_for_state("dbus.service", "active")
        yield container
    finally:
        _finish(request, [container])


def as_user(uid: int) -> list[str]:
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []


def real(container: Container, *words: str, uid: int = 0) -> subprocess.CompletedProcess:
    """Run one of systemd's own tools inside."""
    paths = f"{REAL}/{LIBRARIES}/systemd:{REAL}/{LIBRARIES}"
    environment = ["env", f"LD_LIBRARY_PATH={paths}", "SYSTEMCTL_FORCE_BUS=1"]
    return container.exec(*as_user(uid), *environment, f"{REAL}/usr/bin/{words[0]}", *words[1:], check=False)


def is_on_bus(container: Container) -> bool:
    with BusClient(container.pid) as client:
        return bool(client.bus("NameHasOwner", "s", SYSTEMD)[0])


# --- as recorded --------------------------------------------------------------------------------------------------------


def test_who_may_call_what(bus):
    """What the bus lets through, and what is answered, for a user without any rights."""
    def kind(text: str) -> str:
        return text if text in ("the bus itself refuses", DENIED) else "another answer"

    found, theirs = cases.access(bus.pid), RECORDED["access"]
    names = {name for name in theirs if name in THERE or theirs[name] == "the bus itself refuses"}
    assert len(names) > 70
    assert {name: kind(found[name]) for name in names} == {name: kind(theirs[name]) for name in names}


def test_activation_by_name(bus):
    assert cases.activation(bus) == RECORDED["activation"]


def test_who_hears_which_signals(bus):
    bus.wait_until("the manager is on the bus", lambda: is_on_bus(bus))
    assert cases.signals(bus) == RECORDED["signals"]


def test_units_that_somebody_refers_to_stay_loaded(bus):
    assert cases.references(bus) == RECORDED["references"]


def test_a_restart_of_the_bus(bus):
    assert cases.comes_back(bus) == RECORDED["comes back"]


# --- systemd's tools ----------------------------------------------------------------------------------------------------


#: Name → the service that has it. The manager is on the bus itself, and offers the interface; the bus does not.
LOGGING = {"itself": SYSTEMD, "thebus": "org.freedesktop.DBus", "nobody": "org.example.nobody"}
ASKED = """
level itself | target itself | level itself debug | level itself | level itself 3 | level itself | level itself info
level itself bogus | level itself | target itself bogus | level itself bogus more | level thebus | level thebus info
target thebus bogus | level nobody | target nobody auto | level dbus | level nosuch | level nosuch bogus
level multi-user.target | level dbus.socket info | level foo@ | level
"""


@pytest.fixture
def logging(bus):
    for unit, name in LOGGING.items():
        bus.write(f"/etc/systemd/system/{unit}.service", f"[Service]\nBusName={name}\nExecStart=/bin/true\n")
    bus.systemctl("daemon-reload")
    bus.wait_until("the manager is on the bus", lambda: is_on_bus(bus))
    return bus


def test_services_are_asked_for_their_log_settings_as_systemctl_asks(logging):
    for call in ASKED.replace("\n", "|").strip("|").split("|"):
        words = f"service-log-{call.strip()}".split()
        theirs, ours = real(logging, "systemctl", *words), logging.exec("systemctl", *words, check=False)
        assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr), words


def test_other_users_may_look_at_log_settings(logging):
    words = ("systemctl", "service-log-level", "itself")
    assert logging.exec(*as_user(NOBODY), *words).stdout == "info\n"
    ours, theirs = (run(*words, "debug") for run in (
        lambda *words: logging.exec(*as_user(NOBODY), *words, check=False), lambda *words: real(logging, *words, uid=NOBODY)))
    assert ours.returncode == theirs.returncode == 1
    assert ours.stderr == theirs.stderr



@pytest.mark.parametrize("uid", (0, NOBODY))
def test_busctl_lists_units(bus, uid):
    done = real(bus, "busctl", "--json=short", "call", SYSTEMD, cases.ROOT, MANAGER, "ListUnits", uid=uid)
    assert done.returncode == 0, done.stderr
    units = {row[0]: row for row in json.loads(done.stdout)["data"][0]}
    assert units["dbus.service"][3] == "active"


def test_busctl_knows_whose_the_name_is(bus):
    lines = [line.split() for line in real(bus, "busctl", "list", "--no-legend").stdout.splitlines()]
    assert [SYSTEMD, "1"] in [line[:2] for line in lines]


@pytest.mark.parametrize("uid", (0, NOBODY))
def test_systemctl_over_the_bus(bus, uid):
    done = real(bus, "systemctl", "is-active", "dbus.service", uid=uid)
    assert (done.returncode, done.stdout) == (0, "active\n"), done.stderr


def test_systemctl_waits_for_its_job_over_the_bus(bus):
    done = real(bus, "systemctl", "start", "slow.service")
    assert (done.returncode, bus.show("slow.service", "SubState")) == (0, "exited"), done.stderr
    bus.systemctl("stop", "slow.service")


def test_systemctl_waits_for_the_unit_over_the_bus(bus):
    """--wait: it refers to the unit, so that its end can be asked for."""
    done = real(bus, "systemctl", "start", "--wait", "brief.service")
    assert (done.returncode, done.stderr) == (1, "")


def test_systemctl_of_a_user_without_rights_is_denied(bus):
    done = real(bus, "systemctl", "start", "slow.service", uid=NOBODY)
    assert done.returncode != 0 and "denied" in done.stderr
    assert bus.show("slow.service", "ActiveState") == "inactive"


@pytest.mark.parametrize("words", [
    ("is-active", "dbus.service"), ("is-active", "slow.service"), ("show", "-p", "Id,ActiveState", "dbus.service"),
    ("is-system-running",), ("start", "slow.service"), ("stop", "dbus.service"), ("kill", "dbus.service"),
    ("daemon-reload",), ("daemon-reexec",),
])
def test_our_systemctl_says_the_same_to_a_user_without_rights(bus, words):
    """It asks over the bus, as it may not use the private socket."""
    theirs = real(bus, "systemctl", *words, uid=NOBODY)
    ours = bus.exec(*as_user(NOBODY), "systemctl", *words, check=False)
    assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)


# --- a client of our own ------------------------------------------------------------------------------------------------


def test_a_user_without_rights_follows_a_unit(bus):
    """PropertiesChanged of every state it goes through, as over the private socket."""
    with BusClient(bus.pid, NOBODY) as client:
        client.match(f"type='signal',sender='{SYSTEMD}',member='PropertiesChanged'")
        client.ask("Subscribe")
        bus.systemctl("start", "slow.service")
        bus.systemctl("stop", "slow.service")
        states = [message.body[1]["SubState"][1] for message in client.drain(1)
                  if message.path.endswith("/slow_2eservice") and "SubState" in message.body[1]]
    in_order = [state for state, before in zip(states, ["", *states]) if state != before]
    assert in_order[-3:] == ["start", "exited", "dead"]


def test_daemon_reexec_is_not_noticed_on_the_bus(bus):
    """The same connection of the bus; who has subscribed goes on hearing, and what was up stays up."""
    bus.systemctl("start", "good.service")
    with BusClient(bus.pid, NOBODY) as client:
        client.match(f"type='signal',sender='{SYSTEMD}',member='PropertiesChanged'")
        client.ask("Subscribe")
        before = client.bus("GetNameOwner", "s", SYSTEMD)
        bus.systemctl("daemon-reexec")
        client.drain(0.3)
        bus.systemctl("start", "slow.service")
        assert any(message.path.endswith("/slow_2eservice") for message in client.drain(0.5))
        assert client.bus("GetNameOwner", "s", SYSTEMD) == before
        assert client.ask("Unsubscribe") == ()
    bus.systemctl("stop", "slow.service")
    assert bus.show("good.service", "SubState") == "running"
    with BusClient(bus.pid) as client:
        assert client.ask("Reexecute") == ()
        assert client.get(cases.ROOT + "/unit/good_2eservice", UNIT, "ActiveState") == "active"
    bus.systemctl("stop", "good.service")


def test_calls_before_the_manager_is_there_wait_for_it(bus):
    """The bus holds them back, since the name can be activated; then they are answered."""
    bus.systemctl("restart", "dbus.service")
    with BusClient(bus.pid) as client:
        assert client.ask("GetUnit", "s", "dbus.service")[0].endswith("dbus_2eservice")


def test_a_client_that_goes_at_once_changes_nothing(bus):
    """Whose wish it was cannot be told any more."""
    bus.wait_until("the manager is on the bus", lambda: is_on_bus(bus))
    with BusClient(bus.pid) as client:
        client.send(SYSTEMD, cases.ROOT, MANAGER, "NoSuchMethod", "", ())
    with BusClient(bus.pid) as client:
        with pytest.raises(Refused, match="Unknown method NoSuchMethod"):
            client.ask("NoSuchMethod")


# --- Debian's own packages ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def packages(request):
    """With services that take a name at boot (avahi), and when somebody calls it (polkit)."""
    container = Container(Image(("dbus", "avahi-daemon", "polkitd")))
    try:
        container.start().wait_until_booted()
        yield container
    finally:
        _finish(request, [container])


def test_a_package_s_service_is_up_when_it_has_its_name(packages):
    packages.wait_for_state("avahi-daemon.service", "active")
    with BusClient(packages.pid) as client:
        assert client.bus("NameHasOwner", "s", "org.freedesktop.Avahi")[0]
        assert client.call("/", "org.freedesktop.Avahi.Server", "GetVersionString", destination="org.freedesktop.Avahi")


def test_a_package_s_service_is_started_by_whoever_calls_its_name(packages):
    name = "org.freedesktop.PolicyKit1"
    for _ in range(2):
        assert packages.systemctl("is-active", "polkit.service", check=False).strip() == "inactive"
        with BusClient(packages.pid, NOBODY) as client:
            assert client.call("/", "org.freedesktop.DBus.Peer", "Ping", destination=name) == ()
            owner = client.bus("GetConnectionUnixProcessID", "s", name)[0]
        assert packages.systemctl("is-active", "polkit.service").strip() == "active"
        assert packages.main_pid("polkit.service") == owner
        packages.systemctl("stop", "polkit.service")
