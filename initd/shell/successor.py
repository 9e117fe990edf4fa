"""How one manager makes room for another in the same process: its state in a memory file, its descriptors kept open.

execve(2) keeps pid, children, pending signals and every descriptor that is not close-on-exec under its number. So
numbers are all that has to be written down.
"""

from __future__ import annotations

import marshal
import os

from initd.shell.environment import container_environment
from initd.shell.fds import OwnedFd, open_memory_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, NoReturn

    from initd.shell.loop import Loop

#: What a manager is started with that is only to see whether it could begin.
TRIAL = "--trial"


def execute(program: str, option: str, arguments: Iterable[str], state: Any, fds: Iterable[int]) -> NoReturn:
    """Become `program`, told by `option` which descriptor has the state. OSError: we are still who we were."""
    memory_file = open_memory_file("pyinit-state", marshal.dumps(state))
    kept = {*fds, memory_file.fileno()}
    try:
        for fd in kept:
            os.set_inheritable(fd, True)
        os.execve(program, ["pyinit", f"{option}{memory_file.fileno()}", *arguments], container_environment())
    except OSError:
        keep_to_ourselves(kept)
        memory_file.close()
        raise
    raise AssertionError("execve returns only by an error")


def begin_anew(program: str, loop: Loop, arguments: Iterable[str]) -> NoReturn:
    """Become `program` as it was when the container started: nothing is handed on. A signal that comes meanwhile is its."""
    loop.block_signals()
    os.execve(program, ["pyinit", *arguments], container_environment())
    raise AssertionError("execve returns only by an error")


def spawn_trial(program: str) -> int:
    """A process that ends with 0 if a manager could begin here: after half an upgrade, none could. Its pid, or OSError."""
    quiet = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1)]
    return os.posix_spawn(program, ["pyinit", TRIAL], {}, file_actions=quiet)


def read_state(fd: int) -> Any:
    """What the manager before us has left. Raises ValueError or EOFError where it is not whole."""
    with OwnedFd(fd) as memory_file:
        os.lseek(memory_file.fileno(), 0, os.SEEK_SET)
        data = bytearray()
        while chunk := os.read(memory_file.fileno(), 1 << 20):
            data += chunk
    return marshal.loads(bytes(data))


def keep_to_ourselves(fds: Iterable[int]) -> None:
    """What was inherited is not to be inherited by others."""
    for fd in fds:
        os.set_inheritable(fd, False)
