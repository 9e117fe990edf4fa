"""What runs here as OpenMetrics text (version 1.0.0), from the broker's answers."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
SYSTEM_STATES = ("initializing", "starting", "running", "degraded", "maintenance", "stopping")
ACTIVE_STATES = ("active", "reloading", "inactive", "failed", "activating", "deactivating")

Sample = tuple[str, dict[str, str], "int | float"]


def exposition(status: dict[str, Any], is_ready: bool, units: list[dict[str, Any]]) -> str:
    """The whole page. A unit is in it while it is anything but inactive."""
    shown = [row for row in units if row["active"] != "inactive"]
    services = [row for row in shown if row["restarts"] is not None]
    boot_usec = status["FinishTimestampMonotonic"] - status["UserspaceTimestampMonotonic"]
    families: list[tuple[str, str, str, str, list[Sample]]] = [
        ("pyinit_ready", "gauge", "", "Whether pyinit health says so.", [("", {}, int(is_ready))]),
        ("pyinit_system_state", "stateset", "", "What systemctl is-system-running says.",
         [("", {"pyinit_system_state": state}, int(state == status["SystemState"])) for state in SYSTEM_STATES]),
        ("pyinit_start_time_seconds", "gauge", "seconds", "When the manager started.",
         [("", {}, status["UserspaceTimestamp"] / 1e6)]),
        ("pyinit_boot_duration_seconds", "gauge", "seconds", "From there until the boot was over.",
         [("", {}, boot_usec / 1e6)] if status["FinishTimestampMonotonic"] else []),
        ("pyinit_jobs", "gauge", "", "Jobs that run or wait.", [("", {}, status["NJobs"])]),
        ("pyinit_units", "gauge", "", "Loaded units by active state.",
         [("", {"state": state}, sum(row["active"] == state for row in units)) for state in ACTIVE_STATES]),
        ("pyinit_unit_state", "stateset", "", "The active state of a unit.",
         [("", {"unit": row["name"], "pyinit_unit_state": state}, int(state == row["active"]))
          for row in shown for state in ACTIVE_STATES]),
        ("pyinit_unit_state_change_time_seconds", "gauge", "seconds", "Since when a unit is in its state.",
         [("", {"unit": row["name"]}, row["since"] / 1e6) for row in shown if row["since"]]),
        ("pyinit_service_restarts", "counter", "", "How often a service was restarted by Restart=.",
         [("_total", {"unit": row["name"]}, row["restarts"]) for row in services]),
        ("pyinit_service_memory_bytes", "gauge", "bytes", "What the processes of a service use.",
         [("", {"unit": row["name"]}, row["memory"]) for row in services if row["memory"] is not None]),
    ]  # fmt: skip
    return "".join(line for family in families for line in _family(*family)) + "# EOF\n"


def _family(name: str, kind: str, unit: str, text: str, samples: list[Sample]) -> Iterable[str]:
    yield f"# TYPE {name} {kind}\n"
    if unit:
        yield f"# UNIT {name} {unit}\n"
    yield f"# HELP {name} {text}\n"
    for ending, labels, value in samples:
        joined = ",".join(f'{key}="{_escape(label)}"' for key, label in labels.items())
        yield f"{name}{ending}{{{joined}}} {value}\n" if joined else f"{name}{ending} {value}\n"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
