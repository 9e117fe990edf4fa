"""The terminal: a pager for what is longer than it, its width, its colours (journalctl(1), ENVIRONMENT)."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from initd.cli.journal_options import JournalOptions

_PAGERS = ("pager", "less", "more")
#: less(1): quit at once where all fits, keep colours, cut long lines, leave the text on the terminal.
_LESS = "FRSXMK"


def columns() -> int:
    word = os.environ.get("COLUMNS", "")
    if word.isascii() and word.isdigit() and int(word):
        return int(word)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


def uses_colours() -> bool:
    word = os.environ.get("SYSTEMD_COLORS", "").lower()
    if word:
        return word not in ("0", "no", "n", "false", "f", "off")
    if "NO_COLOR" in os.environ or os.environ.get("TERM", "dumb") == "dumb":
        return False
    return _on_terminal


def on_terminal() -> bool:
    """Whether what is printed is seen by somebody, be it through a pager."""
    return _on_terminal


def _is_terminal() -> bool:
    try:
        return os.isatty(1)
    except OSError:
        return False


#: Asked before a pager takes the terminal's place.
_on_terminal = _is_terminal()


class pager:
    """While it is entered, what is printed goes through a pager, where there is a terminal and one may be used."""

    def __init__(self, options: JournalOptions) -> None:
        self._is_wanted = _on_terminal and not options.no_pager and not options.follow
        self._jumps = options.pager_end
        self._pid = 0

    def __enter__(self) -> pager:
        if self._is_wanted:
            for words in _candidates():
                if self._start(words):
                    break
        return self

    def _start(self, words: list[str]) -> bool:
        less = os.environ.get("SYSTEMD_LESS", _LESS) + (" +G" if self._jumps else "")
        environment = {**os.environ, "LESS": less, "LESSCHARSET": os.environ.get("SYSTEMD_LESSCHARSET", "utf-8")}
        if _is_lifted():
            environment["LESSSECURE"] = "1"
        read_fd, write_fd = os.pipe()
        try:
            self._pid = os.posix_spawnp(words[0], words, environment, file_actions=[(os.POSIX_SPAWN_DUP2, read_fd, 0)])
        except OSError:
            os.close(write_fd)
            return False
        finally:
            os.close(read_fd)
        sys.stdout.flush()
        os.dup2(write_fd, 1)
        os.close(write_fd)
        return True

    def __exit__(self, *problem: Any) -> bool:
        if not self._pid:
            return False
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            pass  # whoever reads it has read enough
        null_fd = os.open("/dev/null", os.O_WRONLY)
        os.dup2(null_fd, 1)
        os.close(null_fd)
        while True:
            try:
                os.waitpid(self._pid, 0)
                break
            except KeyboardInterrupt:
                continue  # it was meant for the pager
        return bool(problem and problem[0] is BrokenPipeError)


def _candidates() -> list[list[str]]:
    for name in ("SYSTEMD_PAGER", "PAGER"):
        word = os.environ.get(name)
        if word is None:
            continue
        if word in ("", "cat"):
            return []
        if not _is_lifted():
            return [word.split()] + [[each] for each in _PAGERS]
    return [[each] for each in _PAGERS]


def _is_lifted() -> bool:
    """Somebody else's environment, with our rights: their pager is not run."""
    return os.getuid() != os.geteuid() or "SUDO_UID" in os.environ
