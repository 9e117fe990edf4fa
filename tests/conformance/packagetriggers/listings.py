"""What systemctl prints of the packages' sockets, timers and paths after a boot, as far as it is the same at any time.

Times are told by whether they are there, but for those that a calendar fixes: these are of the next hours, and so of the clock.
Left out are the units that belong to systemd or to pyinit.
"""

from __future__ import annotations

import re
from typing import Callable

from tests.conformance.packagetriggers import cases

TIMERS = tuple(f"{name}.timer" for name in cases.TIMERS)
SOCKETS = tuple(f"{name}.socket" for name in (*cases.SOCKETS, "dbus"))
PATHS = ("cups.path", "acpid.path")

LISTS = (
    "list-timers --all", "list-timers", "list-timers --no-legend apt*", "list-timers --all --plain anacron",
    "list-sockets --all", "list-sockets --show-types", "list-sockets --all ssh", "list-automounts cups*", "list-paths",
    *(f"list-units --all --type={kind} {' '.join(units)}"
      for kind, units in (("timer", TIMERS), ("socket", SOCKETS), ("path", PATHS))),
    f"list-unit-files {' '.join((*TIMERS, *SOCKETS, *PATHS))}",
    *(f"status -n0 {unit}" for unit in (*TIMERS, *SOCKETS, *PATHS)),
)
#: No more started at boot, and again.
CHANGES = tuple(
    f"{verb} {unit}" for unit in ("anacron.timer", "uuidd.socket", "cups.path", "cups.socket")
    for verb in ("disable", "is-enabled", "enable", "is-enabled", "disable --now", "is-active", "enable --now", "is-active")
)

_MINE = re.compile(r"\b(?:systemd-|syslog\.|proc-sys-)")
_DATE = r"[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
_SPAN = r"(?:\d+(?:us|ms|s|min|h|w| days?| months?| years?) ?)+"


def listing(shell: Callable[[str], str], commands: tuple[str, ...]) -> dict[str, list[str]]:
    """Each command, numbered → its lines. `shell` runs a script inside, and returns what it printed."""
    cut = "==== "
    script = "".join(f"echo '{cut}'; systemctl --no-pager {command} 2>&1\n".replace("*", "\\*") for command in commands)
    texts = shell(script).split(cut + "\n")[1:]
    return {f"{number} {command}": told(text) for number, (command, text) in enumerate(zip(commands, texts, strict=True))}


def told(text: str) -> list[str]:
    lines = []
    for line in text.splitlines():
        if _MINE.search(line) or re.match(r" *(?:CGroup|CPU|Memory|Tasks|Process|Main PID)|\d+ .* listed\.$|\d+ loaded", line):
            continue
        line = re.sub(_DATE, "DATE", line)
        line = re.sub(f"{_SPAN}(left|ago)", r"SPAN \1", line)
        lines.append(line.rstrip())
    # Which of them is next depends on the time of day, and on delays that are drawn; how wide a column is, on other units.
    is_status = any(line.startswith((" ", "○", "●", "×")) for line in lines[:1])
    return lines if is_status else sorted(re.sub("  +", " ", line) for line in lines)
