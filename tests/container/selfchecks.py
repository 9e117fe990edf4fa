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
#: Directive → why no unit checks it.
UNCHECKED = {
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
