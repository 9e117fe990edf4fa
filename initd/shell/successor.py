"""How one manager makes room for another in the same process: its state in a memory file, its descriptors kept open.

execve(2) keeps pid, children, pending signals and every descriptor that is not close-on-exec under its number. So
numbers are all that has to be written down.
"""

from __future__ import annotations

import marshal
import os
from binascii import crc32
from struct import Struct

from initd.shell.environment import container_environment
from initd.shell.fds import OwnedFd, open_memory_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, NoReturn

    from initd.shell.loop import Loop

#: Behind the state, where a manager that knows nothing of it does not look: what it is, how long, and its checksum.
_MARK = b"pyinit-state"
_TRAILER = Struct(f"<{len(_MARK)}sQI")

#: What a manager is started with that is only to see whether it could begin.
TRIAL = "--trial"


def execute(program: str, option: str, arguments: Iterable[str], state: Any, fds: Iterable[int]) -> NoReturn:
    """Become `program`, told by `option` which descriptor has the state. OSError: we are still who we were."""
    memory_file = open_memory_file("pyinit-state", encode(state))
    kept = {*fds, memory_file.fileno()}
    try:
        for fd in kept:
            os.set_inheritable(fd, True)
        os.execve(program, ["pyinit", f"{option}{memory_file.fileno()}", *arguments], container_environment())
    except Exception:
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
    """What the manager before us has left. Raises ValueError where it is not whole."""
    with OwnedFd(fd) as memory_file:
        os.lseek(memory_file.fileno(), 0, os.SEEK_SET)
        data = bytearray()
        while chunk := os.read(memory_file.fileno(), 1 << 20):
            data += chunk
    return decode(bytes(data))


def encode(state: Any) -> bytes:
    data = marshal.dumps(state)
    return data + _TRAILER.pack(_MARK, len(data), crc32(data))


def decode(data: bytes) -> Any:
    """ValueError where that is not what `encode` has made. An older manager has left no checksum."""
    begin = len(data) - _TRAILER.size
    if begin >= 0 and data.startswith(_MARK, begin):
        _, length, checksum = _TRAILER.unpack_from(data, begin)
        data = data[:begin]
        if (length, checksum) != (begin, crc32(data)):
            raise ValueError("the state is spoiled")
    try:
        return marshal.loads(data)
    except (EOFError, TypeError) as error:
        raise ValueError(f"the state is not whole: {error}") from None


def close_inherited() -> None:
    """Close what has come through an exec but for standard input, output and error: what we open ourselves is close-on-exec."""
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        try:
            if fd > 2 and os.get_inheritable(fd):
                os.close(fd)
        except OSError:
            pass  # the one that listed them
    os.environ.pop("LISTEN_FDS", None)


def keep_to_ourselves(fds: Iterable[int]) -> None:
    """What was inherited is not to be inherited by others."""
    for fd in fds:
        os.set_inheritable(fd, False)
