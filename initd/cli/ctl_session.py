"""One command of `pyinitctl`: which words there are, and who carries them out.

A word that is in WORDS is ours (`ctl_words`); any other is a verb of `systemctl`, or one of PROGRAMS with its own arguments.
"""

from __future__ import annotations

from initd.cli import systemctl
from initd.cli.bus import BusError, NotRunning
from initd.cli.options import UsageError
from initd.cli.output import complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from initd.core.places import Places

#: Word → (arguments, what it does). `ctl_words` has their functions.
WORDS: dict[str, tuple[str, str]] = {
    "status": ("[NAME...]", "All services in a table, or systemctl's status of some"),
    "start": ("NAME...|all", "Start services, and say what became of them"),
    "stop": ("NAME...|all", "Stop them"),
    "restart": ("NAME...|all", "Stop and start them; unit files are not read again"),
    "reload": ("[NAME...]", "Have services read their configuration again; without a name, stop and start everything"),
    "tail": ("[-f] [-N] NAME", "The last N lines that a service wrote (20), with -f those to come"),
    "fg": ("NAME", "Watch what a service writes, and type for it where it reads a pipe; Ctrl-C detaches"),
    "signal": ("SIGNAL NAME...|all", "Send a signal to main processes"),
    "clear": ("all", "Drop the journal; the lines of one service cannot be dropped alone"),
    "reread": ("", "Say which unit files are new, changed or gone"),
    "update": ("", "Read unit files again; restart what has changed, start what is new, stop what is gone"),
    "add": ("NAME...", "Read unit files again and start these"),
    "remove": ("NAME...", "Forget units that are down, and that they have failed"),
    "avail": ("", "Services that have unit files"),
    "pid": ("[NAME...|all]", "The manager's process, or services' main ones"),
    "maintail": ("[-f]", "What the manager itself wrote last"),
    "shutdown": ("", "Stop everything, and end the container"),
    "version": ("", "The version"),
    "help": ("[WORD]", "This list, or one line of it"),
    "exit": ("", "Leave the shell (as do quit and Ctrl-D)"),
}
#: Words that mean another, and those that mean nothing here.
ALIASES = {"quit": "exit", "?": "help"}
REFUSED = {"open": "there is no other server to talk to: --runtime-directory= names another manager."}
#: What may stand in front of its own arguments → the module of `initd.cli`.
PROGRAMS = {"journalctl": "journalctl", "systemctl": "systemctl", "top": "top", "health": "health", "check": "check"}
USAGE = """\
pyinitctl [--user|--runtime-directory=DIR] [COMMAND [ARGUMENTS…]]

Carry out a command, or without one read commands from the terminal, with completion by TAB and a history.
NAME is a unit, a pattern, GROUP:NAME, or GROUP:* for all of a group; "all" stands for the services that a boot starts.

"""

class Session:
    """Which manager is asked, and by whom."""

    def __init__(self, scope: list[str], places: Places | None, is_interactive: bool = False) -> None:
        #: For other commands: options that name the manager.
        self.scope = scope
        self.places = places
        self.is_interactive = is_interactive

    def systemctl(self, *words: str) -> int:
        return systemctl.main([*self.scope, *words])

    def journalctl(self, *words: str) -> int:
        from initd.cli.journalctl import main as journalctl

        return journalctl([*self.scope, "--no-pager", "-q", *words])

    def run(self, words: list[str]) -> int:
        """One command's exit status."""
        word, arguments = ALIASES.get(words[0], words[0]), words[1:]
        try:
            if word in REFUSED:
                raise UsageError(f"{word}: {REFUSED[word]}")
            if word in WORDS:
                module = __import__("initd.cli.ctl_words", fromlist=("run",))
                return int(module.run(self, word, arguments))
            if word in PROGRAMS:
                program: Callable[[list[str]], int] = __import__(f"initd.cli.{PROGRAMS[word]}", fromlist=("main",)).main
                return program([*(() if word == "check" else self.scope), *arguments])
            return self.systemctl(word, *arguments)
        except UsageError as problem:
            complain(str(problem))
        except ValueError as problem:
            complain(f"Failed to mangle unit name: {problem}")
        except NotRunning as problem:
            return systemctl.report_not_running(word, problem)
        except BusError as problem:
            complain(f"Failed to {word}: {problem.text}")
        return 1


def help_text() -> str:
    width = max(len(f"{word} {synopsis}") for word, (synopsis, _) in WORDS.items())
    lines = [f"  {f'{word} {synopsis}'.ljust(width)}  {text}\n" for word, (synopsis, text) in WORDS.items()]
    more = f"\nEvery verb of systemctl is one here as well, and {', '.join(PROGRAMS)} with what follows them.\n"
    return USAGE + "".join(lines) + more
