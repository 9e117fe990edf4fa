"""The sentences about jobs that users and scripts know from systemd's log, by job type and result.

Wording follows systemd 252 with StatusUnitFormat=combined, Debian's default: "nginx.service - A web server".
"""

from __future__ import annotations

from initd.core.states import JobResult, JobType, ServiceType, UnitType
from initd.core.unit import Unit
from initd.core.values import LOG_ERR, LOG_INFO, LOG_WARNING

#: systemd's catalogue ids (systemd.journal-fields(7), MESSAGE_ID=), which monitoring matches.
ID_STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"
ID_STARTED = "39f53479d3a045ac8e11786248231fbf"
ID_STOPPING = "de5b426a63be47a7b6ac3eaac82e2f6f"
ID_STOPPED = "9d1aaa27d60140bd96365438aad20286"
ID_FAILED = "be02cf6855d2428ba40df7e9d022f03d"
ID_RELOADING = "d34d037fff1847e6ae669a370e694725"
ID_RELOADED = "7b05ebc668384222baa8881179cfda54"
ID_RESTART_SCHEDULED = "5eb03494b6584870a536b337290809b3"
ID_FAILURE_RESULT = "d9b373ed55a64feb8242e02dbe79a49c"
ID_PROCESS_EXIT = "98e322203f7a4ed290d09fe03c09fe15"

_STARTED = {
    UnitType.TARGET: "Reached target {}.",
    UnitType.SLICE: "Created slice {}.",
    UnitType.SOCKET: "Listening on {}.",
    UnitType.MOUNT: "Mounted {}.",
    UnitType.AUTOMOUNT: "Set up automount {}.",
    UnitType.SWAP: "Activated swap {}.",
}
_STOPPED = {
    UnitType.TARGET: "Stopped target {}.",
    UnitType.SLICE: "Removed slice {}.",
    UnitType.SOCKET: "Closed {}.",
    UnitType.MOUNT: "Unmounted {}.",
    UnitType.AUTOMOUNT: "Unset automount {}.",
    UnitType.SWAP: "Deactivated swap {}.",
}
_START_RESULT = {
    JobResult.TIMEOUT: "Timed out starting {}.",
    JobResult.FAILED: "Failed to start {}.",
    JobResult.DEPENDENCY: "Dependency failed for {}.",
    JobResult.ASSERT: "Assertion failed for {}.",
    JobResult.UNSUPPORTED: "Starting of {} unsupported.",
    JobResult.ONCE: "Unit {} has been started before and cannot be started again.",
}


#: What some types have words of their own for.
_START_RESULT_OF = {
    (UnitType.MOUNT, JobResult.FAILED): "Failed to mount {}.", (UnitType.MOUNT, JobResult.TIMEOUT): "Timed out mounting {}.",
    (UnitType.AUTOMOUNT, JobResult.FAILED): "Failed to set up automount {}.",
}


def title(unit: Unit) -> str:
    """What a log line calls the unit: "name - description", or the name alone where there is no description."""
    description = unit.settings.description
    return f"{unit.name} - {description}" if description and description != unit.name else unit.name


def begun(unit: Unit, job_type: JobType) -> tuple[str, str] | None:
    """(text, message id) for a job that starts to run, None where systemd says nothing."""
    if unit.type not in (UnitType.SERVICE, UnitType.MOUNT):
        return None
    if job_type is JobType.START:
        return f"{'Mounting' if unit.type is UnitType.MOUNT else 'Starting'} {title(unit)}...", ID_STARTING
    if job_type in (JobType.STOP, JobType.RESTART):
        return f"{'Unmounting' if unit.type is UnitType.MOUNT else 'Stopping'} {title(unit)}...", ID_STOPPING
    if job_type is JobType.RELOAD:
        return f"Reloading {title(unit)}...", ID_RELOADING
    return None


def ended(unit: Unit, job_type: JobType, result: JobResult) -> tuple[int, str, str] | None:
    """(priority, text, message id) for a job that has ended, None where systemd says nothing."""
    done = result is JobResult.DONE
    name = title(unit)
    if job_type is JobType.START:
        if done:
            return LOG_INFO, _started_format(unit).format(name), ID_STARTED
        text = _START_RESULT_OF.get((unit.type, result)) or _START_RESULT.get(result)
        is_warning = result in (JobResult.DEPENDENCY, JobResult.ASSERT, JobResult.UNSUPPORTED)
        priority = LOG_WARNING if is_warning else LOG_ERR
        return (priority, text.format(name), ID_FAILED) if text else None
    if job_type in (JobType.STOP, JobType.RESTART):
        if done:
            return LOG_INFO, _STOPPED.get(unit.type, "Stopped {}.").format(name), ID_STOPPED
        is_mount = unit.type is UnitType.MOUNT
        if result is JobResult.FAILED:
            return LOG_ERR, f"{'Failed unmounting' if is_mount else 'Stopped (with error)'} {name}.", ID_STOPPED
        doing = "unmounting" if is_mount else "stopping"
        return (LOG_ERR, f"Timed out {doing} {name}.", ID_STOPPED) if result is JobResult.TIMEOUT else None
    if job_type is JobType.RELOAD:
        if done:
            return LOG_INFO, f"Reloaded {name}.", ID_RELOADED
        if result in (JobResult.FAILED, JobResult.TIMEOUT):
            return LOG_ERR, f"Reload failed for {name}.", ID_RELOADED
    return None


def _started_format(unit: Unit) -> str:
    settings = unit.definition.specific
    if getattr(settings, "type", None) is ServiceType.ONESHOT:
        return "Finished {}."
    return _STARTED.get(unit.type, "Started {}.")
