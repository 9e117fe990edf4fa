"""`systemctl start`, `stop`, `restart`, ...: queue jobs, wait for their end, say what went wrong; and the job list."""

from __future__ import annotations

from initd.cli.bus import MANAGER, PROPERTIES, SYSTEMD, UNIT, Bus, BusError
from initd.cli.names import expand, is_glob
from initd.cli.options import Options, UsageError
from initd.cli.output import complain
from initd.core.objectpath import unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.wire.dbus import Message

#: Verb → (method, the job type for --show-transaction, the verb that messages name).
_METHODS = {
    "start": ("StartUnit", "start", "start"),
    "stop": ("StopUnit", "stop", "stop"),
    "condstop": ("StopUnit", "stop", "stop"),
    "reload": ("ReloadUnit", "reload", "reload"),
    "restart": ("RestartUnit", "restart", "restart"),
    "try-restart": ("TryRestartUnit", "try-restart", "try-restart"),
    "condrestart": ("TryRestartUnit", "try-restart", "try-restart"),
    "reload-or-restart": ("ReloadOrRestartUnit", "reload-or-restart", "reload-or-restart"),
    "force-reload": ("ReloadOrTryRestartUnit", "reload-or-try-restart", "try-reload-or-restart"),
    "condreload": ("ReloadOrTryRestartUnit", "reload-or-try-restart", "try-reload-or-restart"),
    "try-reload-or-restart": ("ReloadOrTryRestartUnit", "reload-or-try-restart", "try-reload-or-restart"),
    "reload-or-try-restart": ("ReloadOrTryRestartUnit", "reload-or-try-restart", "try-reload-or-restart"),
    "isolate": ("StartUnit", "start", "start"),
}

#: D-Bus error → exit status (LSB, as systemctl(1) EXIT STATUS documents it).
_EXIT_STATUS = {
    SYSTEMD + ".NoSuchUnit": 5,
    SYSTEMD + ".LoadFailed": 6,
    SYSTEMD + ".OnlyByDependency": 4,
    SYSTEMD + ".NoIsolation": 4,
    SYSTEMD + ".TransactionIsDestructive": 4,
    "org.freedesktop.DBus.Error.AccessDenied": 4,
    SYSTEMD + ".JobTypeNotApplicable": 3,
}
#: Methods that leave a unit alone that does not run.
_TRYING = ("TryRestartUnit", "ReloadOrTryRestartUnit")
#: Errors that explain themselves: no word of where to read more.
_PLAIN_ERRORS = (SYSTEMD + ".NoSuchUnit", SYSTEMD + ".UnitMasked", SYSTEMD + ".JobTypeNotApplicable")

_RESULT_TEXTS = {
    "canceled": "Job for {} canceled.",
    "timeout": "Job for {} timed out.",
    "dependency": "A dependency job for {} failed. See 'journalctl -xe' for details.",
    "invalid": "{} is not active, cannot reload.",
    "assert": "Assertion failed on job for {}.",
    "unsupported": "Operation on or unit type of {} not supported on this system.",
    "collected": "Queued job for {} was garbage collected.",
    "once": "Unit {} was started already once and can't be started again.",
}
#: Result= of a service → why its job failed.
_REASONS = {
    "resources": "of unavailable resources or another system error",
    "protocol": "the service did not take the steps required by its unit configuration",
    "timeout": "a timeout was exceeded",
    "exit-code": "the control process exited with error code",
    "signal": "a fatal signal was delivered to the control process",
    "core-dump": "a fatal signal was delivered causing the control process to dump core",
    "watchdog": "the service failed to send watchdog ping",
    "start-limit-hit": "start of the service was attempted too often",
    "oom-kill": "of an out-of-memory (OOM) situation",
}


def queue(arguments: list[str], options: Options) -> int:
    """One of the verbs that queue a job for each unit."""
    verb: str = options.verb  # type: ignore[attr-defined]
    if options.marked and verb != "reload-or-restart":
        raise UsageError("--marked may only be used with 'reload-or-restart'.")
    if options.marked and arguments:
        raise UsageError("No additional arguments allowed with --marked.")
    if options.wait and options.no_block:
        raise UsageError("--wait may not be combined with --no-block.")
    if verb == "isolate":
        options.job_mode = "isolate"
    bus = Bus(options.places)
    if options.marked:
        return _queue_marked(bus, options)
    if verb == "start" and not options.all and any(is_glob(word) for word in arguments):
        complain(
            "Warning: systemctl start called with a glob pattern.\n"
            "Hint: unit globs expand to loaded units, so start will usually have no effect.\n"
            "      Passing --all will also load units which are pulled in by other units.\n"
            "      See systemctl(1) for more details."
        )
    names = expand(arguments, bus, ".target" if verb == "isolate" else ".service", _states_for(verb, options))
    if options.parallel:
        from initd.cli.rolling import in_order, roll

        globbed = sorted(names[len(words := [word for word in arguments if not is_glob(word)]):], key=in_order)
        return roll(bus, verb, names[:len(words)] + globbed, options, queue_units)
    return queue_units(bus, verb, names, options)


def _queue_marked(bus: Bus, options: Options) -> int:
    """Whatever is marked for a reload or a restart (systemctl(1), --marked)."""
    (paths,) = bus.ask("EnqueueMarkedJobs")
    jobs = {path: path for path in paths}
    return 0 if options.no_block or not jobs or _wait_for_jobs(bus, jobs, options) else 1


def _states_for(verb: str, options: Options) -> list[str]:
    """Globs of `start` match what is not running, unless --all; others match whatever is loaded."""
    return ["inactive", "failed"] if verb == "start" and not options.all else []


def queue_units(bus: Bus, verb: str, names: list[str], options: Options) -> int:
    """Queue the verb's job for these units, wait, and report; the exit status."""
    status = 0
    jobs: dict[str, str] = {}
    queued: list[str] = []
    for name in names:
        try:
            path = _queue_one(bus, verb, name, options)
        except BusError as problem:
            if problem.name == SYSTEMD + ".UnitMasked" and _METHODS[verb][0] in _TRYING:
                continue  # what is masked does not run, so there is nothing to try
            status = _report_refusal(bus, problem, verb, name)
            continue
        if not options.no_block:
            jobs[path] = name
        if not options.quiet:
            _warn_of_reload(bus, name)
        queued.append(name)
    if jobs and not _wait_for_jobs(bus, jobs, options):
        status = 1
    if verb in ("stop", "condstop") and not options.quiet:
        for name in queued:  # once all have stopped: what was stopped as well does not activate it again
            _warn_of_triggers(bus, name)
    if options.wait and not status and not options.no_block and verb in ("start", "restart"):
        status = 0 if _wait_until_inactive(bus, names) else 1
    return status


def _queue_one(bus: Bus, verb: str, name: str, options: Options) -> str:
    """Queue one job; its path."""
    method, job_type, _ = _METHODS[verb]
    if not options.show_transaction:
        (path,) = bus.ask(method, "ss", name, options.job_mode)
        return path  # type: ignore[no-any-return]
    number, path, unit, _, made, others = bus.ask("EnqueueUnitJob", "sss", name, job_type, options.job_mode)
    complain(f"Enqueued anchor job {number} {unit}/{made}.")
    for number, _, unit, _, made in others:
        complain(f"Enqueued auxiliary job {number} {unit}/{made}.")
    return path  # type: ignore[no-any-return]


def _report_refusal(bus: Bus, problem: BusError, verb: str, name: str) -> int:
    complain(f"Failed to {_METHODS[verb][2]} {name}: {problem.text}")
    if problem.name not in _PLAIN_ERRORS:
        kind = "user" if bus.option == " --user" else "system"
        complain(f"See {kind} logs and 'systemctl{bus.option} status {_quoted(name)}' for details.")
    return _EXIT_STATUS.get(problem.name, 1)


def _warn_of_reload(bus: Bus, name: str) -> None:
    try:
        if bus.get(unit_path(name), UNIT, "NeedDaemonReload"):
            warn_of_changes(bus, name)
    except BusError:
        pass  # a unit that is gone already needs no warning


def warn_of_changes(bus: Bus, name: str) -> None:
    complain(
        f"Warning: The unit file, source configuration file or drop-ins of {name} changed on disk. "
        f"Run 'systemctl{bus.option} daemon-reload' to reload units."
    )


def _warn_of_triggers(bus: Bus, name: str) -> None:
    try:
        triggers = bus.get(unit_path(name), UNIT, "TriggeredBy")
        active = [each for each in triggers if bus.get(unit_path(each), UNIT, "ActiveState") in ("active", "reloading")]
    except BusError:
        return  # a unit that is gone already needs no warning
    if active:
        complain(f"Warning: Stopping {name}, but it can still be activated by:")
        for each in active:
            complain(f"  {each}")


# --- waiting --------------------------------------------------------------------------------------------------------


def _is_job_removed(message: Message) -> bool:
    return message.member == "JobRemoved" and message.interface == MANAGER


def _wait_for_jobs(bus: Bus, jobs: dict[str, str], options: Options) -> bool:
    """Wait for the end of every job; whether all did what they should."""
    all_done = True
    while jobs:
        _, path, unit, result = bus.wait_for_signal(_is_job_removed).body  # type: ignore[misc]
        if jobs.pop(path, None) is None or result in ("done", "skipped"):  # type: ignore[call-overload]
            continue
        all_done = False
        if not options.quiet:
            report_result(bus, unit, result)  # type: ignore[arg-type]
    return all_done


def report_result(bus: Bus, unit: str, result: str) -> None:
    text = _RESULT_TEXTS.get(result)
    if text is not None:
        complain(text.format(unit))
        return
    service_result = ""
    if unit.endswith(".service"):
        try:
            service_result = bus.get(unit_path(unit), SYSTEMD + ".Service", "Result")
        except BusError:
            pass  # the unit is gone; its name is all there is to say
    reason = _REASONS.get(service_result)
    complain(f"Job for {unit} failed because {reason}." if reason else f"Job for {unit} failed.")
    shown, option = _quoted(unit), bus.option
    complain(f'See "systemctl{option} status {shown}" and "journalctl{option} -xeu {shown}" for details.')
    if service_result == "start-limit-hit":
        complain(f'To force a start use "systemctl{option} reset-failed {shown}"\n'
                 f'followed by "systemctl{option} start {shown}" again.')


def _quoted(name: str) -> str:
    """The name as it can be pasted into a shell."""
    return f"'{name}'" if "\\" in name or name.startswith("-") else name


def _wait_until_inactive(bus: Bus, names: list[str]) -> bool:
    """--wait: until every unit is down again; whether none has failed."""
    waiting = {unit_path(name): name for name in names}
    is_good = True
    for path in tuple(waiting):
        state = bus.get(path, UNIT, "ActiveState")
        if state in ("inactive", "failed"):
            del waiting[path]
            is_good = is_good and state == "inactive"

    while waiting:
        path, state = state_told_by(bus.wait_for_signal(tells_a_state))
        if state in ("inactive", "failed") and waiting.pop(path, None) is not None:
            is_good = is_good and state == "inactive"
    return is_good


def tells_a_state(message: Message) -> bool:
    return message.interface == PROPERTIES or message.member == "UnitRemoved"


def state_told_by(message: Message) -> tuple[str, str]:
    """The unit's path, and its state where the signal tells it. A unit is unloaded only after it went down well."""
    if message.member == "UnitRemoved":
        return str(message.body[1]), "inactive"
    interface, changed, _ = message.body
    return message.path, changed.get("ActiveState", ("s", ""))[1] if interface == UNIT else ""  # type: ignore


# --- the job list ---------------------------------------------------------------------------------------------------


def list_jobs(arguments: list[str], options: Options) -> int:
    from initd.cli.listing_jobs import show

    return show(arguments, options)


def cancel(arguments: list[str], options: Options) -> int:
    bus = Bus(options.places)
    if not arguments:
        bus.ask("ClearJobs")
        return 0
    status = 0
    for word in arguments:
        if not (word.isascii() and word.isdigit() and 0 < int(word) < 2**32):
            complain(f'Failed to parse job id "{word}": Invalid argument')
            return 1
        try:
            bus.ask("CancelJob", "u", int(word))
        except BusError as problem:
            complain(f"Failed to cancel job {word}: {problem.text}")
            status = 1
    return status
