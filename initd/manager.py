"""Joins engine and shell: what happens becomes an event, what the engine wants is carried out, until it says Exit.

The order of a boot, and why: signals first, so that a SIGTERM is heard from the first instant on (the launcher
blocked them all); the journal next, so that nobody's line is lost; then the sockets; then units.
`/run/systemd/system`, by which everybody tells a booted system, is made when the control socket answers and removed
when we go.

This is the only module that imports `core.engine`, and it has no logic of its own.
"""

from __future__ import annotations

import _signal
import os
import sys
import time
from collections import deque

from initd import HELPER, handover, unitcache
from initd.attempts import Attempts
from initd.buslink import BusLink
from initd.clients import Caller, Clients
from initd.configuration import Configuration, variables
from initd.core import bugs, foreground
from initd.core import effects as ef
from initd.core import events as ev
from initd.core.answers import (
    FREEZE,
    GET_LOADED,
    IN_FILE,
    SET_PROPERTIES,
    START_TRANSIENT,
    Error,
    Order,
    Return,
    internal_error,
)
from initd.core.engine import Engine
from initd.core.places import SYSTEM, Places
from initd.core.settings import UnitDefinition
from initd.core.shutdown import Stage
from initd.core.socket import instance_name
from initd.core.unit import Unit
from initd.core.values import LOG_ERR, LOG_WARNING, Diagnostic, ProcessEnd
from initd.core.view import View
from initd.deaths import Deaths
from initd.generators import Generators
from initd.handover import Handover
from initd.journalkeeper import JournalKeeper
from initd.loading import ALWAYS_LOADED, Loading
from initd.madeunits import MadeUnits
from initd.mountlink import MountLink
from initd.options import Options
from initd.shell import bootfiles, cgroup, limits, successor, utmp, zones
from initd.shell.backlog import Backlog, TooManyChores
from initd.shell.clock import now
from initd.shell.console import give_up_terminal
from initd.shell.control import Control
from initd.shell.environment import container_environment
from initd.shell.facts import MachineFacts
from initd.shell.journal import Journal
from initd.shell.kill import Killer
from initd.shell.launcher import Launching
from initd.shell.loop import RANK_EXITS, RANK_MESSAGES, READ, Loop
from initd.shell.notify import NotifySocket
from initd.shell.notify import send as notify_parent
from initd.shell.perform import Performer
from initd.shell.spawn import Spawner
from initd.shell.track import Tracker
from initd.shell.unitdirs import UnitDirs
from initd.unitcache import UnitCache
from initd.unitreader import UnitReader
from initd.wire.dbus import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from initd.handover import Part
    from initd.shell.fds import OwnedFd

#: Signal number → the name the engine knows it by. systemd(1), SIGNALS, plus those a foreground command may want.
_SIGRTMIN = 34
_SIGNALS = {
    _signal.SIGTERM: "TERM", _signal.SIGINT: "INT", _signal.SIGHUP: "HUP", _signal.SIGPWR: "PWR",
    _signal.SIGQUIT: "QUIT", _signal.SIGUSR1: "USR1", _signal.SIGUSR2: "USR2", _signal.SIGWINCH: "WINCH",
} | {_SIGRTMIN + n: f"RTMIN+{n}" for n in (0, 1, 2, 3, 4, 5, 6, 7, 13, 14, 15, 16, 17, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29)}


#: Effects with which others than the performer and clients have something to do.
_FOLLOWED = frozenset((ef.UnitRemoved, ef.Reload, ef.Reexecute, ef.StartupFinished))

#: Where processes come and go too fast to say whether a unit has any.
LOOK_AGAIN_USEC = 20_000

#: After a bug: long enough not to fill the log with one that comes back at once, short enough not to be missed.
BUG_PAUSE_SEC = 0.1


class Manager:
    """One boot. `run()` returns the exit code."""

    def __init__(self, options: Options, library: str, places: Places = SYSTEM) -> None:
        self.container = limits.probe()
        self.configuration = Configuration(options, self.container, places)
        self.options = options
        self.places = places
        self.exit: ef.Exit | None = None
        self.loop = Loop()
        self.engine = Engine(now(), int.from_bytes(os.urandom(16)), options.shutdown_budget_usec)
        # A manager beside another init leaves that one's tree alone, but for the part that a user was given.
        may_try = self.container.is_pid_1 or places.mode == "user" and self.container.uid != 0
        self.cgroups = cgroup.detect() if may_try else None
        self.tracker = Tracker(self.engine.graph.numbers, self.container.tag_base, self.cgroups)
        self.journal = Journal(places.run, sys.executable, library + "/initd/journal/__main__.py", mode=places.mode)
        self.killer = Killer(self.tracker, before=self.journal.flush)
        self.journal_keeper = JournalKeeper(self.loop, self.journal, self.killer)
        self.attempts = Attempts(self.journal.write)
        self.loop.call, self.loop.call_surely = self.attempts.once, self.attempts.twice
        self.deaths = Deaths(self.tracker, self.killer, self.attempts, self._on_notify, self._on_death, self.feed,
                             lambda unit: self.performer.attacher.look(unit))
        config = self.configuration.read()
        #: What was found out before there was a journal to tell it to.
        self._early = config.diagnostics
        defaults = config.facts
        self.spawner = Spawner(self.configuration.spawn_facts(config, HELPER), self.cgroups)
        self.engine.world.places = places
        self.engine.world.zones = zones  # type: ignore[assignment]
        self.engine.world.machine_id = defaults.machine_id
        self.engine.world.default_tasks_max = defaults.tasks_max
        self.unit_dirs = UnitDirs(search_path=places.unit_path)
        self.unit_cache = UnitCache(unitcache.FILE if places.is_init else "")
        self.units = UnitReader(
            self.unit_dirs, defaults, self.container, HELPER, options.is_strict, places, self.unit_cache)
        self.facts = MachineFacts(
            self.container, self.tracker, self.unit_dirs, self.cgroups, defaults,
            lambda: [pid for pid in (os.getpid(), self.journal.pid) if pid],
            self.units.fates_of,
            self.spawner.dynamic_users,
            places,
            self.units.whence,
        )
        self._share_own_environment(self._own_environment())
        self.configuration.tune(self.engine.world.tuning, config.tuning)
        self.engine.world.shutdown.drain_usec, problems = self.configuration.drain_usec()
        self._early = (*self._early, *problems, *self.configuration.follow_command(self.engine.world.tuning))
        self._direct_journal()
        self.generators = Generators(
            self.configuration.command, container_environment(), self.facts.of_generators, self._own_environment,
            self._share_own_environment, lambda: now().monotonic_usec, self.say, places, self.attempts.once,
        )
        self.loading = Loading(self.engine.graph, self.units, self.attempts, self.feed, lambda: self.exit is not None)
        self.view = View(self.engine, self.facts, self.load_one)
        self.backlog = Backlog(lambda: now().monotonic_usec)
        self.control = Control(
            self.loop, self._on_call, lambda: now().monotonic_usec, self.backlog, lambda name: self.feed(ev.ClientGone(name)))
        self.clients = Clients({"control": self.control}, self.view, self.feed)
        self.bus = BusLink(
            self.loop, lambda: now().monotonic_usec, self.backlog, self.tracker, self.clients, self.view, self.feed,
            self._answer, self.say, self.deaths.hear_all, places.bus,
        )
        self.mounts = MountLink(self.loop, self.engine.graph, self.units, self.loading.load, self.feed, self.attempts.twice)
        self.performer = Performer(
            self.loop, self.spawner, self.tracker, self.killer, self.journal, self.feed, self.cgroups,
            self._on_connection, self.deaths.note, self.bus.handlers() | self.mounts.handlers(),
        )
        self.made_units = MadeUnits(self.unit_dirs, self.units.read, self.load_one, self.feed, self.performer,
                                    self.clients, self.engine.world.surroundings, places)
        self._last_connection = 0
        self.notify: NotifySocket | None = None
        self._has_booted = False
        self._events: deque[ev.Event | Launching] = deque()
        self._is_feeding = False
        self.handover = Handover(HELPER, options.words, self.clients, self.say)

    def _reconfigure(self) -> None:
        config = self.configuration.read()
        self.facts.load = self.units.facts = config.facts
        self.engine.world.default_tasks_max = config.facts.tasks_max
        self.spawner.facts = self.configuration.spawn_facts(config, HELPER)
        self.configuration.tune(self.engine.world.tuning, config.tuning)
        self._direct_journal()
        self.tell(config.diagnostics)

    def _own_environment(self) -> dict[str, str]:
        return self.configuration.own_environment(self.facts.load.default_environment)

    def _share_own_environment(self, own: dict[str, str]) -> None:
        self.engine.world.own_environment = tuple(f"{name}={value}" for name, value in own.items())
        self._share_environment()

    def _share_environment(self) -> None:
        self.spawner.manager_environment = variables(self.engine.environment)

    # --- events in, effects out ------------------------------------------------------------------------------------

    def feed(self, event: ev.Event) -> None:
        """Give the engine an event, carry out what it wants, and give it the answers, until it wants nothing more. What goes
        wrong with one of them is told, and not raised."""
        if isinstance(event, ev.JobRequest) and not self._is_feeding:
            self.attempts.once(self.loading.look_for_missing)
        self._events.append(event)
        if self._is_feeding:
            return
        self._is_feeding = True
        is_holding = self.attempts.once(self.journal.hold)
        try:
            while self._events and self.exit is None:
                event = self._events.popleft()
                if isinstance(event, Launching):
                    event = self.attempts.twice(self.performer.launcher.answer, event) or bugs.spawn_failed(event.request)
                self.attempts.twice(self._handle, event)
        finally:
            self._is_feeding = False  # or nobody would be heard any more
        self.attempts.once(self.performer.launcher.end_batch)
        if is_holding:
            self.attempts.once(self.journal.release)
        self.attempts.once(self.clients.tell_changes)

    def _handle(self, event: ev.Event) -> None:
        try:
            self.engine.is_heard = self.clients.are_there
        except Exception as error:
            self.attempts.report("whether anybody listens", error)
        try:
            effects = self.engine.handle(event, now())
        except Exception as error:  # a bug must not end PID 1, and must be told
            self.attempts.report(type(event).__name__, error)
            return
        self.carry_out(effects)
        if isinstance(event, ev.EnvironmentRequest):
            self._share_environment()
        elif isinstance(event, ev.TuningRequest):
            self._direct_journal()

    def _direct_journal(self) -> None:
        tuning = self.engine.world.tuning
        self.journal.direct(tuning.log_target, tuning.log_level)

    def carry_out(self, effects: list[ef.Effect]) -> None:
        if self._is_feeding:
            effects = self.attempts.once(self.performer.launcher.begin_batch, effects) or effects
        for effect in effects:
            if isinstance(effect, ef.Exit):
                self.exit = effect
                return
            try:
                answer = self.performer.perform(effect)
            except Exception as error:
                self.attempts.report(type(effect).__name__, error)
                answer = bugs.answer(effect, error)
            if answer is not None:
                self._events.append(answer)
            name = type(effect).__name__
            self.attempts.twice(self.clients.tell, effect, name=name)
            if type(effect) in _FOLLOWED:
                self.attempts.once(self._follow, effect, name=name)

    def _follow(self, effect: ef.Effect) -> None:
        """What that is, for each of `_FOLLOWED`."""
        if isinstance(effect, ef.UnitRemoved):
            self.tracker.unload(effect.unit)
            self.made_units.forget(effect.unit)
            self.performer.given_streams.close(effect.unit)
        elif isinstance(effect, ef.Reload):
            self.reload()
        elif isinstance(effect, ef.Reexecute):
            self.generators.begin(self.handover.ask)
        elif isinstance(effect, ef.StartupFinished):
            self._on_startup_finished()

    def _on_startup_finished(self) -> None:
        self._keep_units()
        for address in self.performer.sockets.inherited.close():
            self.say(LOG_WARNING, f"No unit listens on {address}, which was passed to us: closed.")
        if not self.places.is_init:
            notify_parent(os.environ, (("READY", "1"),))
            return
        bootfiles.end_first_boot("/")
        if self.container.is_pid_1:
            utmp.end_boot(self._is_up, now().realtime_usec)

    def say(self, priority: int, text: str) -> None:
        self.journal.write(ef.Log(priority, "", text))

    def tell(self, diagnostics: Iterable[Diagnostic]) -> None:
        for diagnostic in diagnostics:
            self.say(diagnostic.priority, str(diagnostic))

    # --- units -----------------------------------------------------------------------------------------------------

    def _is_up(self, name: str) -> bool:
        return name in self.engine.units and self.engine.units[name].active_state.is_up

    def load_one(self, name: str) -> Unit:
        self.loading.load_asked(name)
        return self.engine.units[name]

    def _on_connection(self, unit: str, connection: OwnedFd, peer: str, source: str) -> None:
        """Accept=yes: the unit that is to serve it is loaded, and then the engine is told."""
        self._last_connection += 1
        number = self._last_connection
        self.performer.connections[number] = connection
        machine = self.engine.units[unit].machine
        name = instance_name(unit, getattr(machine, "n_accepted", 0), peer)
        self.loading.load(name)
        self.feed(ev.ConnectionAccepted(unit, number, name, source))

    def reload(self, caller: Caller | None = None) -> None:
        """daemon-reload: generators are run, then every unit that is known is read again, and what those mention now. The
        caller hears that it is done, which may be later."""
        self.attempts.once(self.clients.tell_reloading, True)
        self.attempts.once(self._reconfigure)
        self.generators.begin(lambda: self._end_reload(caller))

    def _end_reload(self, caller: Caller | None) -> None:
        try:
            self._read_again()
        except Exception as error:
            self.attempts.once(self.clients.tell_reloading, False)
            if caller is None:
                raise
            self._answer_bug(caller, "Reload", error)
        else:
            if caller is not None:
                caller.answer(Return())

    def _read_again(self) -> None:
        world = self.engine.world
        world.boot_times = world.boot_times.replace(units_load=now())
        self.attempts.once(self.unit_cache.open, self.units.facts)
        try:
            self.carry_out(self.engine.reload(self.loading.read_again(), now()))
            self.loading.load()
        finally:
            self.unit_cache.close()
        self._keep_units()
        self.clients.tell_reloading(False)

    def _keep_units(self) -> None:
        """What was read is written down for the next boot, when there is time."""
        if self.unit_cache.has_news:
            # A disk that takes nothing is nobody's fault: the next boot reads all files, as this one did.
            self.attempts.once(
                self.backlog.begin, self.unit_cache.pieces(), lambda _: None,
                lambda error: isinstance(error, OSError) or self.attempts.report("keeping units", error))

    # --- clients ---------------------------------------------------------------------------------------------------

    def _on_call(self, client: int, uid: int, message: Message) -> None:
        self._answer(Caller(self.control, client, message.serial), uid, message)

    def _answer(self, caller: Caller, uid: int, message: Message) -> None:
        try:
            self.clients.on_call(caller, uid, message, self._carry_out_order)
        except Exception as error:
            self._answer_bug(caller, message.member or "", error)

    def _answer_bug(self, caller: Caller, member: str, error: Exception) -> None:
        self.attempts.report(f"call {member}", error)
        caller.answer(internal_error(error))

    def _carry_out_order(self, order: Order, caller: Caller) -> None:
        if order.kind == IN_FILE:
            caller.channel.reply_file(caller.client, caller.serial, order.args[0])
        elif order.kind == FREEZE:
            caller.answer(self.performer.freeze(order))
        elif order.kind == GET_LOADED:
            caller.answer(Return("ay", (self.units.pack(self.engine.graph, self.options.words),)))
        elif order.kind == START_TRANSIENT:
            self.made_units.start(caller, *order.args)
        elif order.kind == SET_PROPERTIES:
            self.clients.answer(caller, self.made_units.change(*order.args))
        elif order.kind == "Reload":
            self.reload(caller)
        elif order.kind == "Reexecute":
            self.generators.begin(lambda: self.handover.ask(caller))
        else:
            self._begin_order(order, caller)

    def _begin_order(self, order: Order, caller: Caller) -> None:
        from initd.shell import orders

        def on_answer(answer: Return | Error) -> None:
            caller.answer(answer)
            if orders.is_change(order, answer):
                self.unit_dirs.forget()
                self.clients.tell_unit_files_changed()

        try:
            self.backlog.begin(
                orders.carry_out(order, self.places), on_answer, lambda error: self._answer_bug(caller, order.kind, error))
        except TooManyChores:
            caller.answer(Error("org.freedesktop.DBus.Error.LimitsExceeded", "Too many questions at a time, ask again."))

    # --- the loop --------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Boot, run, and end. The container's exit code."""
        os.umask(0o022)  # whatever the runtime has: nobody else is to write where our sockets and files are
        self.attempts.twice(self._listen_to_signals)
        if self.container.is_pid_1 and self.places.is_init:
            self.attempts.once(bootfiles.take_name, "systemd")
        if self.options.state_fd < 0 or not self.attempts.twice(self._go_on, self.options.state_fd):
            self._prepare()
            self.attempts.twice(self.loop.unblock_signals)
            self.attempts.once(self.loop.run_once, 0)
            if self.exit is None:  # no signal has come since the container's first instant
                self.attempts.twice(self._begin_boot)
        self.attempts.twice(self.loop.unblock_signals)
        while self.exit is None:
            self.attempts.once(self._wake_up)
            if self.attempts.has_met_bug:
                self.attempts.has_met_bug = False
                time.sleep(BUG_PAUSE_SEC)
        self.attempts.twice(self._end)
        if self.exit.verb == "soft-reboot":
            successor.begin_anew(HELPER, self.loop, self.options.words)
        return self.exit.exit_code

    def _begin_boot(self) -> None:
        if self._has_booted or self.generators.is_running:
            return  # the second attempt, behind one that failed later
        times = self.engine.world.boot_times
        self.engine.world.boot_times = times.replace(generators_start=now())
        self.generators.begin(lambda: self.attempts.twice(self._boot), is_boot=True)

    def _wake_up(self) -> None:
        wanted = [self.attempts.once(part.next_deadline) for part in (self.engine, self.control, self.bus, self.generators)]
        deadlines = [each for each in (*wanted, self.journal_keeper.retry_usec) if each is not None]
        if self.attempts.has_met_bug or self.killer.is_chasing or self.backlog.is_pending:
            deadlines.append(0)
        elif self.deaths.is_to_look:
            deadlines.append(now().monotonic_usec + LOOK_AGAIN_USEC)
        timeout = max(min(deadlines) - now().monotonic_usec, 0) if deadlines else None
        self.attempts.once(self.journal_keeper.watch)
        self.attempts.once(self.tracker.forget)
        is_busy = self._listen(timeout)
        self.attempts.once(self.deaths.look_for_empty_units)
        self.attempts.once(self.journal_keeper.on_deadline)
        self.attempts.once(self.backlog.go_on, is_busy)
        self.attempts.once(self.control.on_deadline)
        self.attempts.once(self.bus.on_deadline)
        self.attempts.once(self.generators.on_deadline)
        deadline = self.engine.next_deadline()
        if deadline is not None and deadline <= now().monotonic_usec:
            self.feed(ev.Tick())
        self.carry_out(self.engine.collect_garbage(now()))
        if self.handover.is_due and self.exit is None and not (self.killer.is_chasing or self.generators.is_running):
            self._reexecute()

    def _listen(self, timeout_usec: int | None) -> bool:
        """Until something has happened, or the time is over; whether anything has."""
        if not self.deaths.has_more:
            return self.loop.run_once(timeout_usec)
        self.loop.run_once(0)
        self._on_children()
        return True

    def _on_children(self) -> None:
        """What is to be said of all of them goes to the journal at once."""
        is_holding = self.attempts.once(self.journal.hold)
        try:
            self.deaths.on_children()
        finally:
            if is_holding:
                self.attempts.once(self.journal.release)

    def _listen_to_signals(self) -> None:
        for number, name in _SIGNALS.items():
            self.attempts.twice(self.loop.add_signal, number, lambda name=name: self.feed(ev.SignalReceived(name)))
        self.attempts.twice(self.loop.add_signal, _signal.SIGCHLD, self._on_children, RANK_EXITS)
        _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)

    def _prepare(self) -> None:
        self.attempts.once(self.performer.sockets.inherited.collect, os.environ)
        prepare = (bootfiles.prepare_run, "/") if self.places.is_init else (bootfiles.prepare_own, self.places)
        problems = self.attempts.once(*prepare) or []
        if self.places.is_init:
            problems += self.attempts.once(self._identify) or []
        if self.container.is_pid_1:
            self.attempts.once(utmp.begin_boot, now().realtime_usec)
        unbound = self.attempts.once(self.journal.open) or []
        self.attempts.once(self.journal_keeper.begin)
        self.attempts.once(self.tell, [*problems, *self._early])
        for text in unbound:
            self.attempts.once(self.say, LOG_WARNING, text)
        self.attempts.twice(self._open_notify)

    def _open_notify(self) -> None:
        try:
            self.notify = NotifySocket(self.places.notify)
            self.loop.add(self.notify.fileno(), READ, self._on_notify, RANK_MESSAGES)
        except OSError as error:
            self.say(LOG_ERR, f"Cannot listen on {self.places.notify}: {error.strerror}")

    def _identify(self) -> list[Diagnostic]:
        """The container's id, and which tools of the boot it lacks."""
        command = self.configuration.command
        wanted = command.machine_id if command is not None else ""
        machine_id, problems, _ = bootfiles.ensure_machine_id("/", dict(os.environ), wanted)
        self.engine.world.machine_id = self.facts.machine_id = machine_id
        self.facts.load = self.units.facts = self.units.facts.replace(machine_id=machine_id)
        return [*problems, *bootfiles.missing_tools("/")]

    def _open_control(self) -> None:
        try:
            self.control.open(self.places.private)
        except OSError as error:
            self.say(LOG_ERR, f"Cannot listen on {self.places.private}, systemctl will not reach us: {error.strerror}")
            return
        if self.places.is_init:
            self.tell(bootfiles.mark_booted("/"))

    def _boot(self) -> None:
        if self.exit is not None or self.engine.world.shutdown.stage is not Stage.NONE:
            return  # the end was asked for while generators ran
        if not self._has_booted:
            self._has_booted = True
            self.attempts.twice(self._open_control)
        target = self._pin_target()
        if self.options.command:
            self.feed(ev.UnitsLoaded((self._foreground(),)))
            self.engine.world.foreground = target
        world, began = self.engine.world, now()
        world.boot_times = world.boot_times.replace(generators_finish=began)
        self.attempts.once(self.unit_cache.open, self.units.facts)
        if self.places.is_init:
            self.attempts.once(self._watch_mounts)
        self.attempts.twice(self.loading.load, target, *sorted(self.engine.pinned - {target}))
        self.unit_cache.close()
        world.boot_times = world.boot_times.replace(units_load_start=began, units_load_finish=now())
        self.feed(ev.Boot(target))

    def _watch_mounts(self) -> None:
        problem = self.mounts.open()
        if problem:
            self.say(LOG_ERR, problem)

    def _pin_target(self) -> str:
        target = foreground.NAME if self.options.command else self.configuration.target
        self.engine.pinned = frozenset((target, *ALWAYS_LOADED[:None if self.places.is_init else 1]))
        return target

    def _foreground(self) -> UnitDefinition:
        tty = ""
        if os.isatty(0):
            tty = "/dev/console" if os.path.exists("/dev/console") else os.ttyname(0)
            give_up_terminal(0)
        return foreground.foreground_definition(
            self.options.command, self.configuration.target, tuple(container_environment()), os.getcwd(), tty
        )

    def _on_notify(self, _: int = 0) -> None:
        if self.notify is None:
            return
        for notification in self.notify.receive(self.tracker):
            try:
                if notification.event is not None:
                    self.performer.fd_store.offer(notification.fds)
                    self.feed(notification.event)
                elif notification.problem:
                    self.say(LOG_WARNING, notification.problem)
            finally:
                notification.close()

    def _on_death(self, pid: int, end: ProcessEnd, unit: str | None) -> None:
        if pid == self.journal.pid:
            self.journal_keeper.on_exit(end, is_last=self.exit is not None)
        elif pid == self.handover.trial_pid:
            self.handover.on_trial_exit(end)
        elif self.generators.on_exit(pid, end):
            pass
        elif unit is not None:
            self.deaths.note(unit)
            if end.status == _signal.SIGKILL and end.code == "killed":
                self.attempts.once(self.performer.oom.check, unit)
            self.feed(ev.ProcessExited(unit, pid, end))

    # --- another manager in our place (daemon-reexec) ---------------------------------------------------------------

    def _parts(self) -> dict[str, Part]:
        """In the order in which they are restored: who says something comes after who writes it down, and clients come
        last, as what is loaded again is no news to them."""
        return {
            "journal": self.journal, "tracker": self.tracker, "killer": self.killer, "spawner": self.spawner,
            "sockets": self.performer.sockets, "given_streams": self.performer.given_streams,
            "fd_store": self.performer.fd_store, "automounts": self.performer.automounts, "performer": self.performer,
            "manager": self, "control": self.control, "bus": self.bus, "clients": self.clients, "handover": self.handover,
        }

    def save(self, fds: list[int]) -> dict[str, Any]:
        """What is the manager's own."""
        notify = self.notify.fileno() if self.notify is not None else -1
        fds += [notify] if notify >= 0 else []
        return {"notify": notify, "last_connection": self._last_connection, "reaped_units": self.deaths.units}

    def restore(self, saved: dict[str, Any]) -> None:
        if saved["notify"] >= 0:
            self.notify = NotifySocket(self.places.notify, saved["notify"])
            self.loop.add(self.notify.fileno(), READ, self._on_notify, RANK_MESSAGES)
        self._last_connection = saved["last_connection"]
        self.deaths.units |= saved["reaped_units"]

    def _reexecute(self) -> None:
        # Signals stay with the kernel from here on; those that have come already are heard by us.
        self.loop.block_signals()
        try:
            self.attempts.once(self.loop.run_once, 0)
            self.deaths.hear_all()  # they are reaped: the other manager would never know
            self.backlog.finish()
            if self.exit is None:
                self.clients.tell_reloading(True)
                self.handover.execute(self._parts(), self.engine.save())
        except Exception as error:
            if not isinstance(error, OSError):
                self.attempts.report("daemon-reexec", error)
            self.handover.refuse(getattr(error, "strerror", None) or str(error))
            self.attempts.once(self.clients.tell_reloading, False)
        finally:
            self.loop.unblock_signals()

    def _go_on(self, state_fd: int) -> bool:
        """Take over from the manager before us: the same process, the same children, another program. False where what it has
        left cannot be read, so that all begins anew."""
        try:
            self._take_over(state_fd)
        except Exception as error:
            self._begin_without_state(error)
            return False
        return True

    def _take_over(self, state_fd: int) -> None:
        from initd.core.snapshot import Saved

        state = successor.read_state(state_fd)
        saved, states, fds = Saved(state["engine"]), state["parts"], state["fds"]
        saved.reserve(self.engine.world)
        self.attempts.once(successor.keep_to_ourselves, fds)
        parts = self._parts()
        outside = {name: parts.pop(name) for name in ("control", "bus", "clients", "handover")}
        problems = self.attempts.twice(handover.restore, parts, states) or []
        self.attempts.once(self.journal_keeper.go_on)
        self.attempts.twice(self._pin_target)
        self.feed(ev.UnitsLoaded(tuple([saved.definition(name, self.loading.read(name)) for name in saved.names])))
        self.attempts.twice(self.loading.load)
        self.carry_out(self.engine.restore(saved, now()))
        self.attempts.once(self._direct_journal)
        self.attempts.once(self._share_environment)
        problems += self.attempts.twice(handover.restore, outside, states) or []
        if not self.control.is_open:  # what was known of it is lost
            self.attempts.twice(self._open_control)
        if self.notify is None:
            self.attempts.twice(self._open_notify)
        self.attempts.once(self.tell, [*self._early, *(Diagnostic(LOG_ERR, "", 0, text) for text in problems)])
        self.attempts.once(self.clients.tell_reloading, False)
        self.attempts.once(self._watch_mounts)
        self.attempts.once(self.handover.answer)
        self.attempts.once(self.journal_keeper.renew)
        self.deaths.has_more = True  # who died while nobody listened

    def _begin_without_state(self, error: Exception) -> None:
        """Whose process is whose nobody knows any more, nor which descriptor is whose: all end."""
        self.say(LOG_ERR, "What the manager before this one has left cannot be read, everything begins anew: "
                          f"{type(error).__name__} {error}")
        self.attempts.once(successor.close_inherited)
        self.journal_keeper.spare()
        self.attempts.twice(self.killer.kill_everything, ef.KillEverything(_signal.SIGKILL))

    # --- the end ---------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Everything is stopped: take the marker away, let the journal write out what it has, and go."""
        self.attempts.once(self.generators.stop)
        if self.places.is_init:
            self.attempts.once(bootfiles.remove_booted_marker, "/")
        self.attempts.once(self.bus.close)
        self.attempts.once(self.control.close)
        self.attempts.once(self._close_notify)
        self.attempts.twice(self.journal_keeper.end)
        self.attempts.twice(self._await_journal)
        self.attempts.twice(self._write_kept)
        self.attempts.once(self._leave_message)
        self.attempts.once(bootfiles.remove_own, self.places)
        self.attempts.once(notify_parent, os.environ, (("STOPPING", "1"),))

    def _close_notify(self) -> None:
        if self.notify is not None:
            self.loop.remove(self.notify.fileno())
            self.notify.close()

    def _await_journal(self) -> None:
        deadline = self.engine.world.shutdown.last_words_end_usec(now().monotonic_usec)
        while self.journal.pid and now().monotonic_usec < deadline:
            self._listen(deadline - now().monotonic_usec)

    def _write_kept(self) -> None:
        """What the journal has not taken, and from now on all else, goes to stderr."""
        self.journal.direct("console", self.engine.world.tuning.log_level)
        for text in self.journal.take_kept():
            os.write(2, text + b"\n")

    def _leave_message(self) -> None:
        path = bootfiles.message_path(os.environ) if self.places.is_init else ""
        if path and self.exit is not None and self.exit.verb != "soft-reboot":
            from initd import termination

            os.write(2, termination.write(path, self.engine.world).encode("utf-8", "replace"))

