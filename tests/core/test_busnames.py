"""Whose names are watched, and when there is a bus."""

from __future__ import annotations

from initd.core import effects as ef
from initd.core import events as ev
from initd.core.engine import Engine
from initd.core.load import LoadFacts, load_unit
from initd.core.sources import UnitFiles, UnitText
from initd.core.states import ExecPhase, JobMode, JobType, LoadState
from initd.core.values import Now

SERVICE = "[Unit]\nDefaultDependencies=no\n[Service]\nType=dbus\nBusName={}\nExecStart=/bin/x\n"
BUS = "[Unit]\nDefaultDependencies=no\nRequires=dbus.socket\n[Service]\nType=notify\nExecStart=/bin/bus\n"
SOCKET = "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/bus\n"


def load(name: str, text: str):
    return load_unit(UnitFiles(name, (name,), UnitText(f"/u/{name}", text)), LoadFacts())


class Bus:
    """An engine with a bus's units, and what it has asked for that concerns the bus."""

    def __init__(self, **services: str) -> None:
        self.engine = Engine(Now(0, 0), 1)
        self.engine.pinned = frozenset(("dbus.service", "dbus.socket"))
        self.asked: list[ef.Effect] = []
        texts = {"dbus.service": BUS, "dbus.socket": SOCKET}
        texts |= {f"{name}.service": SERVICE.format(bus_name) for name, bus_name in services.items()}
        self.definitions = [load(name, text) for name, text in texts.items()]
        self.send(ev.UnitsLoaded(tuple(self.definitions)))
        while missing := self.engine.graph.missing():
            self.send(ev.UnitsLoaded(tuple(load(name, "") for name in missing)))

    def send(self, event: ev.Event) -> None:
        kinds = (ef.ConnectBus, ef.DisconnectBus, ef.WatchBusName, ef.UnwatchBusName)
        for effect in self.engine.handle(event, Now(1, 1)):
            if isinstance(effect, kinds):
                self.asked.append(effect)
            elif isinstance(effect, ef.OpenSockets):
                self.send(ev.SocketsOpened(effect.unit))
            elif isinstance(effect, ef.Spawn):
                self.send(ev.SpawnDone(effect.request.unit, ExecPhase.START, 77))
            elif isinstance(effect, ef.KillProcesses):
                self.send(ev.ProcessesKilled(effect.unit, 1))

    def ask(self, unit: str, job: JobType) -> None:
        self.send(ev.JobRequest(1, unit, job, JobMode.REPLACE))

    def boot(self) -> Bus:
        self.ask("dbus.service", JobType.START)
        self.send(ev.NotifyReceived("dbus.service", 77, 0, (("READY", "1"),)))
        return self

    def names(self) -> list[ef.Effect]:
        asked, self.asked = self.asked, []
        return asked


def test_the_manager_goes_to_the_bus_when_it_runs_and_not_before():
    bus = Bus(b="org.x.b", a="org.x.a")
    bus.ask("dbus.service", JobType.START)
    assert bus.names() == []
    bus.send(ev.NotifyReceived("dbus.service", 77, 0, (("READY", "1"),)))
    assert bus.names() == [ef.ConnectBus(("org.x.a", "org.x.b"))]


def test_it_leaves_when_the_bus_is_stopped():
    bus = Bus().boot()
    bus.names()
    bus.ask("dbus.service", JobType.STOP)
    assert bus.names() == [ef.DisconnectBus()]


def test_a_name_loaded_later_is_watched_then():
    bus = Bus().boot()
    bus.names()
    bus.send(ev.UnitsLoaded((load("a.service", SERVICE.format("org.x.a")),)))
    assert bus.names() == [ef.WatchBusName("org.x.a")]


def test_a_unit_that_is_unloaded_takes_its_name_along():
    bus = Bus(a="org.x.a").boot()
    bus.names()
    for effect in bus.engine.collect_garbage(Now(2, 2)):
        if isinstance(effect, ef.UnwatchBusName):
            bus.asked.append(effect)
    assert bus.names() == [ef.UnwatchBusName("org.x.a")]
    assert "org.x.a" not in bus.engine.world.bus_names.units


def test_a_second_service_for_a_name_cannot_be_loaded():
    """conformance/services: bus-twice."""
    units = Bus(a="org.x.same", b="org.x.same").engine.units
    assert (units["a.service"].load_state, units["b.service"].load_state) == (LoadState.LOADED, LoadState.ERROR)
    assert units["b.service"].definition.load_error_name == "org.freedesktop.DBus.Error.FileExists"


def test_a_reload_asks_again_and_forgets_names_that_are_gone():
    bus = Bus(a="org.x.a").boot()
    bus.ask("a.service", JobType.START)
    bus.names()
    fresh = [each for each in bus.definitions if each.name != "a.service"] + [load("a.service", SERVICE.format("org.x.new"))]
    for effect in bus.engine.reload(fresh, Now(2, 2)):
        if isinstance(effect, (ef.WatchBusName, ef.UnwatchBusName)):
            bus.asked.append(effect)
    assert bus.names() == [ef.WatchBusName("org.x.new"), ef.UnwatchBusName("org.x.a")]


def test_a_reload_takes_no_name_from_the_unit_that_has_it():
    bus = Bus(b="org.x.same").boot()
    bus.ask("b.service", JobType.START)
    fresh = [load("a.service", SERVICE.format("org.x.same")), *bus.definitions]
    bus.engine.reload(fresh, Now(2, 2))
    units = bus.engine.units
    assert (units["b.service"].load_state, units["a.service"].load_state) == (LoadState.LOADED, LoadState.ERROR)


def test_a_name_nobody_waits_for_is_no_news():
    bus = Bus().boot()
    bus.send(ev.BusNameChanged("org.x.unknown", ":1.4"))
