"""`pyinit cache`: what an image's units say is kept (`initd.unitcache`), for the first boot of each container made of it.

Read is what a boot to the default target would, but for what generators make and what is mounted: each container has its own.
Asks no manager.
"""

from __future__ import annotations

from initd import HELPER
from initd.cli.output import complain
from initd.configuration import Configuration
from initd.core.graph import Graph
from initd.core.places import SYSTEM
from initd.core.unit import Machine
from initd.loading import ALWAYS_LOADED
from initd.options import Options
from initd.shell import limits
from initd.shell.unitdirs import UnitDirs
from initd.unitcache import FILE, UnitCache
from initd.unitreader import UnitReader

USAGE = """\
pyinit cache

Read the units that a boot would read here, and keep what they say: a boot that finds the same files need not parse them.
The package does that whenever units are installed. In a Dockerfile, behind what copies units of your own:

  RUN pyinit cache

A boot does it as well, for the next one of the same container.

  -h --help  print this

Exits 0, 1 where the file cannot be written, or 2.
"""


def main(arguments: list[str]) -> int:
    if arguments in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    if arguments:
        complain(f"pyinit cache: what is {arguments[0]}? See pyinit cache --help")
        return 2
    cache = UnitCache(FILE)
    if not cache.is_kept:
        complain("pyinit cache: there is no file of byte code, which Debian's package makes: nothing can be kept.")
        return 1
    try:
        keep(cache)
    except OSError as error:
        complain(f"pyinit cache: {error.filename or FILE}: {error.strerror}")
        return 1
    return 0


def keep(cache: UnitCache) -> None:
    """OSError where the file cannot be written."""
    options = Options()
    container = limits.probe()
    configuration = Configuration(options, container, SYSTEM)
    facts = configuration.read().facts
    units = UnitReader(UnitDirs(search_path=SYSTEM.unit_path), facts, container, HELPER, options.is_strict, SYSTEM, cache)
    graph = Graph(lambda _: Machine())
    for name in (configuration.target, *ALWAYS_LOADED):
        graph.want(name)
    cache.open(facts)
    while missing := graph.missing():
        for name in missing:
            graph.add(units.read(name))
    cache.close()
    if cache.has_news:
        for _ in cache.pieces():
            pass
