"""What becomes of the bus's wish to start a unit, since somebody calls a name that the unit has (D-Bus Specification,
"Message Bus Starting Services"; the texts as recorded of systemd 252)."""

from __future__ import annotations

from initd.core.answers import SYSTEMD, Error, find_or_load
from initd.core.api_unit import JOB_METHODS, queue_job
from initd.core.busnames import is_of_bus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.answers import Answer
    from initd.core.view import View


def activate(name: str, view: View) -> Answer:
    """The job to submit, or why there is none."""
    if any(unit.is_stop_pending() for unit in view.engine.units.values() if is_of_bus(unit)):
        return Error(SYSTEMD + "ShuttingDown", "Refusing activation, D-Bus is shutting down.")
    found = find_or_load(name, view)
    if isinstance(found, Error):
        return found
    if found.settings.refuse_manual_start:
        text = (f"Operation refused, {found.name} may be requested by dependency only "
                "(it is configured to refuse manual start/stop).")
        return Error(SYSTEMD + "OnlyByDependency", text)
    return queue_job(found, JOB_METHODS["Start"], "replace")
