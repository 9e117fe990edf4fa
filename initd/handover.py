"""daemon-reexec: a manager is asked to make room for another, tries whether that could begin, and hands everything over.

What is handed over are parts: anything with `save(fds)` and `restore(saved)`. `save` gives values (records too) and adds
the descriptors that must stay open to `fds`; `restore` is called on a part that has just been made. The engine has a way
of its own (`core.snapshot`), since units must be loaded in between. Connections of clients are parts too: whoever waits
for an answer gets it from the new manager.
"""

from __future__ import annotations

from initd.clients import Caller, Clients
from initd.core.answers import Error, Return
from initd.core.values import LOG_ERR, LOG_INFO, ProcessEnd
from initd.options import STATE
from initd.shell import successor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    class Part(Protocol):
        """See the module's docstring."""

        def save(self, fds: list[int]) -> Any: ...
        def restore(self, saved: Any) -> None: ...


class Handover:
    """`helper` is what starts managers, `words` the command line of this one; `say` writes to the journal."""

    def __init__(self, helper: str, words: tuple[str, ...], clients: Clients, say: Callable[[int, str], None]) -> None:
        self._helper = helper
        self._words = words
        self._clients = clients
        self._say = say
        #: Clients that wait for it.
        self._callers: list[Caller] = []
        #: The process that finds out whether another manager could begin; 0 for none.
        self.trial_pid = 0
        self.is_due = False

    # --- the manager that goes ---------------------------------------------------------------------------------------

    def ask(self, caller: Caller | None = None) -> None:
        """First see whether another manager could begin: after half an upgrade it would be the end of the container."""
        if caller is not None:
            self._callers.append(caller)
        if self.trial_pid:
            return  # one trial serves all that ask
        try:
            self.trial_pid = successor.spawn_trial(self._helper)
        except Exception as error:  # whatever it is, whoever asked is told
            self.refuse(getattr(error, "strerror", None) or str(error))

    def on_trial_exit(self, end: ProcessEnd) -> None:
        self.trial_pid = 0
        if end == ProcessEnd("exited", 0):
            self.is_due = True
        else:
            self.refuse(f"its trial {end.code}, status={end.status}")

    def refuse(self, why: str) -> None:
        self.is_due = False
        text = f"Another manager cannot begin here, going on with this one: {why}"
        self._say(LOG_ERR, text)
        callers, self._callers = self._callers, []
        for caller in callers:
            caller.answer(Error("org.freedesktop.DBus.Error.Failed", text))

    def execute(self, parts: Mapping[str, Part], engine: dict[str, Any]) -> None:
        """Does not come back, but raises where the other manager cannot be executed. Signals must be blocked."""
        self.is_due = False
        self._say(LOG_INFO, "Reexecuting.")
        state, fds = save(parts)
        successor.execute(self._helper, STATE, self._words, {"engine": engine, "parts": state, "fds": fds}, fds)

    # --- the manager that comes --------------------------------------------------------------------------------------

    def save(self, fds: list[int]) -> list[Any]:
        return [self._clients.spell(caller) for caller in self._callers]

    def restore(self, saved: list[Any]) -> None:
        self._callers = self._clients.find(saved)

    def answer(self) -> None:
        """It is done: tell who asked for it."""
        for caller in self._callers:
            caller.answer(Return())
        self._callers.clear()


def save(parts: Mapping[str, Part]) -> tuple[dict[str, Any], list[int]]:
    """Plain values by the names of the parts, and every descriptor that they speak of."""
    from initd.core.saved import dump

    fds: list[int] = []
    return {name: dump(part.save(fds)) for name, part in parts.items()}, fds


def restore(parts: Mapping[str, Part], saved: Mapping[str, Any]) -> list[str]:
    """In the order of `parts`. A part that cannot read what is there for it begins anew: the errors, in words."""
    from initd.core import snapshot
    from initd.core.saved import Reader
    from initd.wire.execcontext import ExecReport

    reader = Reader([*snapshot.classes(), ExecReport])
    problems = []
    for name, part in parts.items():
        try:
            part.restore(reader.load(saved[name]))
        except Exception as error:  # whatever another version has written: the rest must go on
            problems.append(f"What was known of {name} is lost: {type(error).__name__} {error}")
    return problems
