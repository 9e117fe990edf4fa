"""What system.conf and its drop-ins come to: the manager's defaults for units (systemd-system.conf(5)).

Where the files are, `shell.managerconf` knows; what their keys mean, `core.managerkeys`.
"""

from __future__ import annotations

from initd.core.record import Record
from initd.core.settings_exec import ExecSettings
from initd.core.sources import LoadFacts
from initd.core.values import Diagnostic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ManagerConfig(Record):
    """What the files say, over what was there before.

    `limits` holds only what DefaultLimit…= sets, and is in `facts.limits` too. `manager_environment` is what
    PassEnvironment= may pick from, as the container's own variables are.
    """

    facts: LoadFacts
    limits: dict[str, tuple[int, int]] = {}
    manager_environment: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    #: CPUAffinity=, NUMAPolicy=, NUMAMask= and SystemCallArchitectures=.
    settings: ExecSettings = ExecSettings()
    #: Field of `core.tuning.Tuning` → its value, of those that are set.
    tuning: dict[str, Any] = {}
