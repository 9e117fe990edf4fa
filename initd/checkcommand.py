"""`pyinit check`: the machine's facts and what this container allows, handed to the command."""

from __future__ import annotations

import os

from initd.cli.check import check
from initd.core.managerconf import configure
from initd.shell import allowed, limits, machine
from initd.shell.managerconf import read_configuration
from initd.shell.unitdirs import UnitDirs

HELPER = os.path.dirname(os.path.abspath(__file__)) + "/exec/pyinit-exec"


def main(arguments: list[str]) -> int:
    container = limits.probe()
    files, _ = read_configuration()
    facts = configure(files, machine.read_facts(container)).facts
    return check(arguments, UnitDirs(), facts, allowed.probe(container, HELPER))
