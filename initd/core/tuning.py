"""What clients may change of the manager itself while it runs: properties that can be set (org.freedesktop.systemd1(5)).

Plain fields on the engine's world. `check` says what a value comes to, or why it is refused, in systemd's words.
"""

from __future__ import annotations

from initd.core.values import LOG_DEBUG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: syslog(3)'s words, by their numbers.
LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
#: systemd(1), --log-target=.
TARGETS = (
    "console", "console-prefixed", "kmsg", "journal", "journal-or-kmsg", "syslog", "syslog-or-kmsg", "auto", "null",
)  # fmt: skip
#: What SetShowStatus() takes beside booleans.
SHOW_STATUS = ("auto", "error", "temporary")


class Tuning:
    __slots__ = ("log_level", "log_target", "service_watchdogs", "show_status")

    def __init__(self) -> None:
        #: The manager's own messages of lower importance are not logged. All are, by themselves: what of a unit could not be
        #: applied is said there.
        self.log_level = LOG_DEBUG
        self.log_target = "journal"
        #: False: no watchdog expires, and no …Action= is carried out.
        self.service_watchdogs = True
        #: Kept and shown. What is written on the console is the journal's to decide.
        self.show_status = False


class Unfit(ValueError):
    """The value is refused; the text says why."""


def check(field: str, value: Any) -> Any:
    """The value for this field of `Tuning`; Unfit where it is none."""
    return {"log_level": _level, "log_target": _target, "show_status": _show_status}.get(field, bool)(value)


def _level(word: str) -> int:
    """A word or a number; "" is what it was at the start."""
    if word in LEVELS:
        return LEVELS.index(word)
    if len(word) == 1 and word in "01234567":
        return int(word)
    if not word:
        return LOG_DEBUG
    raise Unfit(f"Invalid log level '{word}'")


def _target(word: str) -> str:
    if word and word not in TARGETS:
        raise Unfit(f"Invalid log target '{word}'")
    return word or "journal"


def _show_status(word: str) -> bool:
    lower = word.lower()
    if lower in ("1", "yes", "y", "true", "t", "on"):
        return True
    if lower in ("", "0", "no", "n", "false", "f", "off", *SHOW_STATUS):
        return False
    raise Unfit(f"Invalid show status '{word}'")
