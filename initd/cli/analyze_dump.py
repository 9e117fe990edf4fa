"""`systemd-analyze dump [PATTERN…]`: the manager's own account of its units and jobs."""

from __future__ import annotations

import sys

from initd.cli.analyze_options import AnalyzeOptions
from initd.cli.bus import Bus, BusError, NotRunning
from initd.cli.names import mangle_glob
from initd.cli.output import complain
from initd.cli.systemctl import report_not_running


def dump(arguments: list[str], options: AnalyzeOptions) -> int:
    try:
        bus = Bus(options.places)
    except NotRunning as problem:
        return report_not_running("dump", problem)
    try:
        if arguments:
            (text,) = bus.ask("DumpUnitsMatchingPatterns", "as", [mangle_glob(word) for word in arguments])
        else:
            (text,) = bus.ask("Dump")
    except ValueError as problem:
        complain(f"Failed to mangle unit name: {problem}")
        return 1
    except BusError as problem:
        complain(f"Failed to call Dump: {problem.text}")
        return 1
    sys.stdout.write(text)
    return 0
