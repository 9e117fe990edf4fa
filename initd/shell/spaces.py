"""What the processes of a unit share while it is up, and other units may join (JoinsNamespaceOf=).

The directories behind PrivateTmp=, and for PrivateNetwork= and PrivateIPC= a place where the first process leaves its
namespace and the next ones find it: a pair of sockets that holds the namespace's descriptor. So nobody has to look at
a process that may be gone already. A space goes away with the last unit that uses it.
"""

from __future__ import annotations

import errno
import os
import stat

from initd.shell.directories import remove_directories
from initd.shell.fds import OwnedFd, read_small

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TEMPORARY = ("/tmp", "/var/tmp")
_AF_UNIX, _SOCK_DGRAM_CLOEXEC = 1, 2 | 0o2000000


class Space:
    """Of one unit, or of several that joined."""

    __slots__ = ("units", "temporary", "_pairs")

    def __init__(self) -> None:
        self.units: set[str] = set()
        #: The directories that the unit has for /tmp and /var/tmp; None until it needs them.
        self.temporary: tuple[str, str] | None = None
        self._pairs: dict[int, tuple[OwnedFd, OwnedFd]] = {}

    def make_temporary(self, unit: str) -> tuple[str, str]:
        """Both directories, made if need be; an OSError where that is not possible. "" for one whose place is read-only:
        nobody can leave anything there."""
        if self.temporary is None:
            self.temporary = (_make(_TEMPORARY[0], unit), _make(_TEMPORARY[1], unit))
        return self.temporary

    def pair(self, kind: int) -> tuple[int, int]:
        """Descriptors of the sockets that hold the namespace of this kind (CLONE_NEW*): to receive it, to send it."""
        pair = self._pairs.get(kind)
        if pair is None:
            pair = self._pairs[kind] = _socket_pair()
        return pair[0].fileno(), pair[1].fileno()

    def save(self, fds: list[int]) -> tuple[Any, ...]:
        pairs = {kind: (one.fileno(), other.fileno()) for kind, (one, other) in self._pairs.items()}
        fds += [fd for pair in pairs.values() for fd in pair]
        return self.units, self.temporary, pairs

    def restore(self, saved: tuple[Any, ...]) -> None:
        self.units, self.temporary, pairs = saved
        self._pairs = {kind: (OwnedFd(one), OwnedFd(other)) for kind, (one, other) in pairs.items()}

    def close(self) -> list[tuple[str, int]]:
        """What could not be removed, with its errno."""
        for pair in self._pairs.values():
            for end in pair:
                end.close()
        self._pairs.clear()
        return remove_directories(tuple([os.path.dirname(path) for path in self.temporary or () if path]))


class Spaces:
    """By unit."""

    def __init__(self) -> None:
        self._spaces: dict[str, Space] = {}

    def of(self, unit: str, joined: tuple[str, ...]) -> Space:
        """The unit's; the first time that of a unit it joins, where one of those is up."""
        space = self._spaces.get(unit)
        if space is None:
            found = [self._spaces[name] for name in joined if name in self._spaces]
            space = self._spaces[unit] = found[0] if found else Space()
            space.units.add(unit)
        return space

    def release(self, unit: str) -> list[tuple[str, int]]:
        """The unit is down: what could not be removed, with its errno."""
        space = self._spaces.pop(unit, None)
        if space is None:
            return []
        space.units.discard(unit)
        return [] if space.units else space.close()


    def save(self, fds: list[int]) -> list[tuple[Any, ...]]:
        """For another manager in our place: each space once; what must be inherited is added to `fds`."""
        return [space.save(fds) for space in dict.fromkeys(self._spaces.values())]

    def restore(self, saved: list[tuple[Any, ...]]) -> None:
        for each in saved:
            space = Space()
            space.restore(each)
            self._spaces.update(dict.fromkeys(space.units, space))


def _make(base: str, unit: str) -> str:
    """A directory that only root finds, and in it the one that becomes /tmp: as systemd names them."""
    boot_id = read_small("/proc/sys/kernel/random/boot_id").decode().strip().replace("-", "")
    while True:
        path = f"{base}/systemd-private-{boot_id}-{unit}-{os.urandom(3).hex()}"
        try:
            os.mkdir(path, stat.S_IRWXU)
            break
        except FileExistsError:
            continue
        except OSError as error:
            if error.errno != errno.EROFS:
                raise
            return ""
    os.mkdir(f"{path}/tmp")
    os.chmod(f"{path}/tmp", 0o1777)
    return f"{path}/tmp"


def _socket_pair() -> tuple[OwnedFd, OwnedFd]:
    """`_socket`, as in the loop: the module `socket` takes long to import."""
    import _socket

    one, other = _socket.socketpair(_AF_UNIX, _SOCK_DGRAM_CLOEXEC)
    return OwnedFd(one.detach()), OwnedFd(other.detach())
