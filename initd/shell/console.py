"""The container's terminal: who has it, and handing it on."""

from __future__ import annotations

import _signal
import fcntl

_TIOCNOTTY = 0x5422


def give_up_terminal(fd: int) -> None:
    """Let go of our controlling terminal, so that the foreground command can take it as its own.

    A session leader that lets go sends SIGHUP to the terminal's foreground group, which is us (tty_ioctl(4)).
    """
    previous = _signal.signal(_signal.SIGHUP, _signal.SIG_IGN)
    try:
        fcntl.ioctl(fd, _TIOCNOTTY)
    except OSError:
        pass  # it was not our controlling terminal: nothing to let go of
    finally:
        _signal.signal(_signal.SIGHUP, previous)
