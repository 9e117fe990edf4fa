"""`pyinit events`: a line for each state that a unit enters, each job that comes or ends, and what the manager does, as it
happens."""

from __future__ import annotations

import os
import select
import time

from initd.cli.bus import BusError, NotRunning
from initd.cli.eventsource import Source
from initd.cli.getopt import parse as parse_words
from initd.cli.getopt import understood
from initd.cli.managers import chosen
from initd.cli.names import mangle_glob
from initd.cli.options import UNIT_TYPES, UsageError
from initd.cli.output import complain
from initd.core import happenings
from initd.core.happenings import KINDS, Filter, Happening
from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from initd.core.places import Places

USAGE = f"""\
pyinit events [OPTIONS…] [PATTERN…]

Print what happens to units, or to those whose names match: each state they enter, with how their main process ended, each
job with its result, and what the manager itself does. It goes on when the manager executes itself again.

  --json           an object in each line; "time" in microseconds since 1970
  --unit=PATTERN   the same as a word
  --type=TYPE      of units of these types only
  --state=STATE    only when a unit enters one of these states: failed, active, auto-restart, …
  --event=EVENT    only these: {", ".join(list(KINDS)[:5])},
                   {", ".join(list(KINDS)[5:])}
  --count=N        end after so many, not counting those of the manager itself
  --user           of the manager of whoever calls
  --runtime-directory=DIR   of the manager of a group (pyinit --daemon)
  -h --help        print this

Without --event= all are shown but unit-added and unit-removed. The values of one option stand behind commas, or the option is
repeated. The first line is "connected". Exits 0 after --count=, or when nobody reads any more, 1 if there is no manager
or it went away, 2 for options that make no sense.
"""
_LONG = {"json": "", "unit": "=", "type": "=", "state": "=", "event": "=", "count": "=", "user": "", "runtime-directory": "=",
         "help": ""}


class Wanted(Record):
    """What the command line says. `count` is 0 for no end."""

    filter: Filter = Filter()
    count: int = 0
    is_json: bool = False
    places: Places | None = None


def parse(arguments: list[str]) -> Wanted | None:
    """None: help is wanted. UsageError for what makes no sense."""
    given, words = parse_words(arguments, "pyinit events", _LONG, {"h": "help"})
    values = dict(given)
    if "help" in values:
        return None

    def listed(name: str) -> tuple[str, ...]:
        return tuple(word for each, value in given if each == name for word in value.split(",") if word)

    for name, known in (("type", UNIT_TYPES), ("event", tuple(KINDS))):
        for word in listed(name):
            if word not in known:
                raise UsageError(f"pyinit events: --{name}={word}: one of {', '.join(known)}.")
    count = values.get("count", "0")
    if not (count.isascii() and count.isdigit()):
        raise UsageError(f"pyinit events: --count={count}: not a number.")
    try:
        patterns = tuple(mangle_glob(word) for word in (*words, *listed("unit")))
    except ValueError as error:
        raise UsageError(f"pyinit events: {error}") from None
    wanted = Filter(patterns, listed("type"), listed("state"), listed("event"))
    return Wanted(wanted, int(count), "json" in values, chosen("user" if "user" in values else "system",
                                                                 values.get("runtime-directory")))


def main(arguments: list[str]) -> int:
    """The exit status."""
    import _signal

    wanted = understood(parse, arguments, USAGE)
    if isinstance(wanted, int):
        return wanted
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    try:
        return _follow(Source(wanted.places), wanted)
    except (NotRunning, BusError) as problem:
        complain(f"pyinit events: the manager does not answer: {problem.text}")
        return 1
    except BrokenPipeError:
        return 0


def _follow(source: Source, wanted: Wanted) -> int:
    left = wanted.count
    news: Iterable[Happening] = source.first
    while True:
        for each in news:
            if not wanted.filter.wants(each):
                continue
            _print(each, wanted.is_json)
            if each.unit and left:
                left -= 1
                if not left:
                    return 0
        poll = select.poll()
        poll.register(1, 0)  # whether anybody reads it
        poll.register(source.fileno(), select.POLLIN)
        if any(fd == 1 for fd, _ in poll.poll()):
            return 0
        news = source.read()


def _print(happening: Happening, is_json: bool) -> None:
    """A line at once."""
    if is_json:
        line = happenings.json(happening)
    else:
        at = time.localtime(happening.time_usec // 1_000_000)
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S', at)}.{happening.time_usec % 1_000_000:06d} {happenings.text(happening)}"
    os.write(1, f"{line}\n".encode("utf-8", "surrogateescape"))
