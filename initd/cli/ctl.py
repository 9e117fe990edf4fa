"""`pyinitctl`: a shell, or one command, in systemctl's verbs and the words of supervisorctl's users.

In the shell each command runs in a child, so that whatever becomes of it, of the terminal or of Ctrl-C, the shell goes on.
"""

from __future__ import annotations

import os
import sys

from initd.cli.ctl_session import ALIASES, Session, help_text
from initd.cli.managers import chosen
from initd.cli.output import complain, print_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PROMPT = "pyinit> "


def main(arguments: list[str]) -> int:
    """The exit status. `arguments` without the program's name."""
    words = list(arguments)
    scope: list[str] = []
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option in ("-h", "--help"):
            print(help_text(), end="")
            return 0
        if option == "--version":
            print_version()
            return 0
        if option == "--runtime-directory" and words:
            option += "=" + words.pop(0)
        if option not in ("--user", "--system") and not option.startswith("--runtime-directory="):
            complain(f"pyinitctl: unknown option {option}; those of a command stand behind it.")
            return 1
        scope.append(option)
    directory = [each.partition("=")[2] for each in scope if "=" in each]
    places = chosen("user" if "--user" in scope else "system", directory[-1] if directory else None)
    if words:
        return Session(scope, places).run(words)
    return Shell(Session(scope, places, os.isatty(0))).loop()


class Shell:
    """Reads commands: of a person, with a prompt, editing and history where python3's readline is there; or of a script."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._readline: object = None

    def loop(self) -> int:
        """The last command's exit status, where a script asks; 0 for a person."""
        if self._session.is_interactive:
            self._begin()
        status = 0
        try:
            while (line := self._next_line()) is not None:
                status = self._run_line(line, status)
                if status < 0:
                    break
        finally:
            self._end()
        return 0 if self._session.is_interactive or status < 0 else status

    def _run_line(self, line: str, status: int) -> int:
        """The status, which an empty line leaves as it is; -1 to leave."""
        from initd.core.words import split

        try:
            words = split(line)
        except ValueError as problem:
            complain(str(problem))
            return 1
        if not words or words[0].startswith("#"):
            return status
        if ALIASES.get(words[0], words[0]) == "exit":
            return -1
        return in_child(lambda: self._session.run(words))

    def _next_line(self) -> str | None:
        if not self._session.is_interactive:
            return sys.stdin.readline() or None
        while True:
            try:
                return input(PROMPT)
            except EOFError:
                print()
                return None
            except KeyboardInterrupt:
                print()

    def _begin(self) -> None:
        try:
            import readline
        except ImportError:
            print("No line editing and no completion: install python3 for its readline.")
            return
        from initd.cli.ctl_complete import Completer

        self._readline = readline
        readline.set_completer_delims(" \t\n")
        readline.set_completer(Completer(self._session, readline.get_line_buffer, readline.get_begidx).complete)
        readline.parse_and_bind("tab: complete")
        readline.set_history_length(1000)
        try:
            readline.read_history_file(history_path())
        except OSError:
            pass  # there is none yet

    def _end(self) -> None:
        if self._readline is None:
            return
        path = history_path()
        try:
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
            self._readline.write_history_file(path)  # type: ignore[attr-defined]
        except OSError as problem:
            complain(f"The history cannot be written to {path}: {problem.strerror}")


def history_path() -> str:
    """In the user's own state (XDG Base Directory Specification)."""
    state = os.environ.get("XDG_STATE_HOME", "")
    return (state if state.startswith("/") else os.path.expanduser("~/.local/state")) + "/pyinitctl/history"


def in_child(function: Callable[[], int]) -> int:
    """Its exit status, 128+n where a signal ended it. Ctrl-C is for the child."""
    import _signal

    sys.stdout.flush()
    before = _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    pid = os.fork()
    if not pid:
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        status = 1
        try:
            status = function()
            sys.stdout.flush()
        except KeyboardInterrupt:
            status = 130
        except BrokenPipeError:
            status = 0
        except Exception:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    _, waited = os.waitpid(pid, 0)
    _signal.signal(_signal.SIGINT, before)
    code = os.waitstatus_to_exitcode(waited)
    return code if code >= 0 else 128 - code
