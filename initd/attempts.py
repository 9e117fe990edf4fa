"""What goes wrong with one thing keeps no other waiting: an exception is told, and the next thing is done."""

from __future__ import annotations

import os

from initd.core import bugs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from initd.core.effects import Log


class Attempts:
    """`write` gets the lines that tell of an exception; where it raises itself, they go to standard error."""

    def __init__(self, write: Callable[[Log], object]) -> None:
        self._write = write
        #: There was one since somebody has set this back.
        self.has_met_bug = False

    def report(self, what: str, error: Exception) -> None:
        self.has_met_bug = True
        lines = bugs.report(what, error)
        try:
            for line in lines:
                self._write(line)
        except Exception:  # one on the way to the journal, perhaps the one that is told of
            os.write(2, "".join([f"{line.text}\n" for line in lines]).encode("utf-8", "replace"))

    def once(self, action: Callable[..., Any], *words: object, name: str = "") -> Any:
        """What it returns; None where it raises. `name` is what is told of, if not the action."""
        try:
            return action(*words)
        except Exception as error:
            self.report(name or getattr(action, "__qualname__", "something"), error)
            return None

    def twice(self, action: Callable[..., Any], *words: object, name: str = "") -> Any:
        """For what nobody tells of again, as a signal or a death: once more where it goes wrong."""
        for _ in range(2):
            try:
                return action(*words)
            except Exception as error:
                self.report(name or getattr(action, "__qualname__", "something"), error)
        return None
