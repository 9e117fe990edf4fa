"""The options of `systemd-run` (systemd-run(1)), and where the command begins."""

from __future__ import annotations

from initd.cli.getopt import parse
from initd.core.states import UnitType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.places import Places

TIMES = {
    "on-active": "OnActiveSec", "on-boot": "OnBootSec", "on-startup": "OnStartupSec",
    "on-unit-active": "OnUnitActiveSec", "on-unit-inactive": "OnUnitInactiveSec", "on-calendar": "OnCalendar",
}
_FLAGS = (
    "help", "version", "user", "system", "scope", "slice-inherit", "remain-after-exit", "send-sighup", "same-dir", "pty",
    "pipe", "quiet", "on-timezone-change", "on-clock-change", "no-block", "wait", "collect", "shell", "no-ask-password",
)
_VALUES = (
    "unit", "property", "description", "slice", "service-type", "uid", "gid", "nice", "working-directory", "setenv", *TIMES,
    "path-property", "socket-property", "timer-property", "host", "machine", "runtime-directory",
)
_LONG = dict.fromkeys(_FLAGS, "") | dict.fromkeys(_VALUES, "=")
_SHORT = {
    "h": "help", "H": "host", "M": "machine", "u": "unit", "p": "property", "r": "remain-after-exit", "d": "same-dir",
    "E": "setenv", "t": "pty", "P": "pipe", "q": "quiet", "G": "collect", "S": "shell",
}


class Options:
    """What was asked for: `flags` by name, the last value of each option in `values`, and lists of those that repeat."""

    def __init__(self, given: list[tuple[str, str]]) -> None:
        self.flags = {name for name, _ in given if not _LONG[name]}
        self.values = {name: value for name, value in given if _LONG[name]}
        self.given = given

    @property
    def places(self) -> Places | None:
        """Of the manager that is to be asked; None: the system's."""
        from initd.cli.managers import chosen

        directory = "" if self.has("system") else self.values.get("runtime-directory")
        return chosen("user" if self.has("user") else "system", directory)

    def each(self, *names: str) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.given if name in names]

    def has(self, *names: str) -> bool:
        return not self.flags.isdisjoint(names)

    @property
    def has_times(self) -> bool:
        """A timer is to elapse at some time."""
        return bool(self.each(*TIMES)) or self.has("on-timezone-change", "on-clock-change")

    @property
    def trigger(self) -> UnitType | None:
        """The type of the unit that is to start the service."""
        if self.has_times:
            return UnitType.TIMER
        for name, kind in (("path-property", UnitType.PATH), ("socket-property", UnitType.SOCKET)):
            if self.each(name):
                return kind
        return None


def split(arguments: list[str]) -> tuple[Options, list[str]]:
    """Options end where the command begins."""
    end = 0
    while end < len(arguments) and arguments[end].startswith("-") and arguments[end] != "--":
        word = arguments[end]
        name = word[2:] if word.startswith("--") else _SHORT.get(word[-1], "")
        takes_value = "=" not in word and any(
            _LONG[each] == "=" for each in _LONG if each == name or word.startswith("--") and each.startswith(name))
        end += 2 if takes_value else 1
    given, words = parse(arguments[:end], "systemd-run", _LONG, _SHORT)
    rest = arguments[end:]
    return Options(given), words + (rest[1:] if rest[:1] == ["--"] else rest)
