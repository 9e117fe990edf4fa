"""What TAB offers in `pyinitctl`: words, then what a word is for, asked of the manager as shells' completion asks."""

from __future__ import annotations

import contextlib
import io

from initd.cli.ctl_session import ALIASES, PROGRAMS, WORDS
from initd.cli.shell_completion import ARGUMENTS, QUESTIONS
from initd.cli.systemctl import VERBS
from initd.core import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from initd.cli.ctl_session import Session

#: What words of our own are for, as ARGUMENTS says it of verbs.
_OWN = {"tail": "units", "fg": "running", "pid": "running", "signal": "running", "add": "startable", "remove": "units",
        "status": "units", "start": "startable", "stop": "running", "restart": "units", "reload": "reloadable"}
_WITH_ALL = frozenset(("start", "stop", "restart", "signal", "clear", "pid"))


class Completer:
    """For readline: `line()` is what is typed, `begin()` where the word begins that is to be completed."""

    def __init__(self, session: Session, line: Callable[[], str], begin: Callable[[], int]) -> None:
        self._session, self._line, self._begin = session, line, begin
        self._offered: list[str] = []

    def complete(self, text: str, state: int) -> str | None:
        """The word number `state` that may stand there."""
        if state == 0:
            try:
                words = self.words(self._line()[:self._begin()].split())
                self._offered = [f"{word} " for word in words if word.startswith(text)]
            except Exception:  # readline would swallow it, and TAB is no place for a traceback
                self._offered = []
        return self._offered[state] if state < len(self._offered) else None

    def words(self, before: list[str]) -> list[str]:
        """All that may stand behind these words."""
        if not before or before == ["help"]:
            return sorted({*WORDS, *ALIASES, *PROGRAMS, *(() if before else VERBS)} - {"?"})
        verb, n_words = before[0], len([word for word in before if not word.startswith("-")])
        if verb == "signal" and n_words == 1:
            return [signals.short_name(number) for number in range(1, 32)]
        kind = _OWN.get(verb) or next((kind for kind, verbs in ARGUMENTS.items() if verb in verbs), "")
        return (["all"] if verb in _WITH_ALL and n_words == 1 + (verb == "signal") else []) + self._listed(kind)

    def _listed(self, kind: str) -> list[str]:
        question = QUESTIONS.get(kind)
        if question is None:
            return []
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            self._session.systemctl("--no-legend", "--plain", "--no-pager", "--full", *question.split())
        return sorted({line.split()[0] for line in out.getvalue().splitlines() if line.strip()})
