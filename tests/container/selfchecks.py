"""All checks by name, and what is applied and has none."""

from __future__ import annotations

from selfcheck import SelfCheck
from selfchecks_control import GROUPS, KILL
from selfchecks_process import PROCESS
from selfchecks_sandbox import SANDBOX
from selfchecks_streams import STREAMS

CHECKS: dict[str, SelfCheck] = PROCESS | STREAMS | SANDBOX | KILL | GROUPS

_COUNTED = "what can be counted always is, and is shown without it"
_DEVICE = "names a block device, and a controller that limits it: what a machine of the tests does not have"
_STARTUP = "in force until the boot is over, which no unit that is started later sees: tests/core/test_startup_limits.py"
_BELOW = "is what the units below get: tests/core/test_startup_limits.py"
#: Directive → why no unit checks it.
UNCHECKED = {
    "TimeoutCleanSec": "is about what systemctl clean does: tests/conformance/services/cases_clean.py",
    "DefaultMemoryLow": _BELOW,
    "DefaultMemoryMin": _BELOW,
    "StartupAllowedCPUs": _STARTUP,
    "StartupAllowedMemoryNodes": _STARTUP,
    "StartupCPUShares": _STARTUP,
    "StartupCPUWeight": _STARTUP,
    "StartupIOWeight": _STARTUP,
    "CPUAccounting": _COUNTED,
    "MemoryAccounting": _COUNTED,
    "TasksAccounting": _COUNTED,
    "IODeviceWeight": _DEVICE,
    "IOReadBandwidthMax": _DEVICE,
    "IOWriteBandwidthMax": _DEVICE,
    "IOReadIOPSMax": _DEVICE,
    "IOWriteIOPSMax": _DEVICE,
    "IODeviceLatencyTargetSec": _DEVICE,
}
