"""Units made and changed by D-Bus: the files are written, read again, and what they say is in force at once.

Decides nothing: `core.transient` says which files a call comes to.
"""

from __future__ import annotations

from initd.clients import Caller, Clients
from initd.core.answers import Error, Return, Submit
from initd.core.cgroup_attributes import CgroupPlan, Surroundings, changed_attributes, plan_cgroup
from initd.core.events import ScopeMade, UnitsLoaded
from initd.core.places import Places
from initd.core.states import UnitType
from initd.shell.unitwriter import UnitWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from initd.core.answers import Answer
    from initd.core.events import Event
    from initd.core.settings import UnitDefinition
    from initd.core.transient import DropIn, UnitFile
    from initd.core.unit import Unit
    from initd.shell.perform import Performer
    from initd.shell.unitdirs import UnitDirs


class MadeUnits:
    """`read` gives a unit's definition from its files, `load` reads it and all it mentions, `feed` tells the engine;
    `clients` hear of what comes of it."""

    def __init__(
        self,
        dirs: UnitDirs,
        read: Callable[[str], UnitDefinition],
        load: Callable[[str], Unit],
        feed: Callable[[Event], None],
        performer: Performer,
        clients: Clients,
        surroundings: Callable[[Unit], Surroundings],
        places: Places,
    ) -> None:
        self._writer = UnitWriter(places)
        self._surroundings = surroundings
        self._dirs = dirs
        self._read = read
        self._load = load
        self._feed = feed
        self._performer = performer
        self._clients = clients

    def start(self, caller: Caller, files: tuple[UnitFile, ...], mode: str, is_referred: bool) -> None:
        """StartTransientUnit(): the first of these is to run on the caller's descriptors, where it names some, and stays
        loaded while the caller is there, where it `is_referred` to."""
        name, wanted = files[0].name, files[0].streams
        passed = caller.channel.take_fds(caller.client, tuple(number for _, number in wanted))
        if passed is None or any(file.streams for file in files[1:]):
            caller.answer(Error("org.freedesktop.DBus.Error.InvalidArgs", "The descriptors did not come with the call."))
            return
        self._performer.given_streams.keep(name, dict(zip((target for target, _ in wanted), passed)))
        answer = self._make(files, mode)
        if isinstance(answer, Error):
            self._performer.given_streams.close(name)
        if is_referred and isinstance(answer, Submit):
            self._clients.refer(caller, name)
        self._clients.answer(caller, answer)

    def _make(self, files: tuple[UnitFile, ...], mode: str) -> Answer:
        """Write the files; the answer is the job of the first."""
        try:
            for file in files:
                self._writer.write_unit(file.name, file.text)
        except OSError as error:
            return _failure(error)
        for file in files[::-1]:
            unit = self._read_again(file.name)
            if file.pids:
                self._feed(ScopeMade(file.name, file.pids, file.controller))
        from initd.core.api_unit import JOB_METHODS, queue_job

        return queue_job(unit, JOB_METHODS["Start"], mode)

    def change(self, unit: Unit, is_runtime: bool, dropins: tuple[DropIn, ...]) -> Return | Error:
        """Write the drop-ins, and what they change into the unit's running cgroup."""
        before = self._plan(unit)
        try:
            for dropin in dropins:
                self._writer.write_dropin(unit.name, dropin.stem, dropin.text, is_runtime)
        except OSError as error:
            return _failure(error)
        self._read_again(unit.name)
        if unit.is_prepared or unit.type is UnitType.SLICE and unit.active_state.is_up:
            self._performer.limit(unit.name, unit.cgroup, changed_attributes(before, self._plan(unit)))
        return Return()

    def forget(self, name: str) -> None:
        """The unit was unloaded."""
        kinds = (".service", ".timer", ".path", ".socket", ".slice", ".scope", ".mount")
        if name.endswith(kinds) and self._writer.remove_unit(name):
            self._dirs.forget()

    def _plan(self, unit: Unit) -> CgroupPlan:
        settings = unit.definition.cgroup
        return plan_cgroup(settings, surroundings=self._surroundings(unit)) if settings is not None else CgroupPlan()

    def _read_again(self, name: str) -> Unit:
        self._dirs.forget()
        self._feed(UnitsLoaded((self._read(name),)))
        return self._load(name)


def _failure(error: OSError) -> Error:
    return Error("org.freedesktop.DBus.Error.Failed", error.strerror or str(error))
