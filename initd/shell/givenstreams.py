"""Input and output that a client has given to a service it makes (systemd-run --pipe): who keeps them until they are needed?

They are closed when the service ends, so that whoever reads on the other end sees that, and when it is unloaded.
"""

from __future__ import annotations

from initd.shell.fds import OwnedFd


class GivenStreams:
    """Owns them. By unit, and by 0, 1 or 2."""

    def __init__(self) -> None:
        self._fds: dict[str, dict[int, OwnedFd]] = {}

    def keep(self, unit: str, fds: dict[int, OwnedFd]) -> None:
        """Takes them over; those that the unit had are closed."""
        self.close(unit)
        if fds:
            self._fds[unit] = fds

    def of(self, unit: str) -> tuple[tuple[int, int], ...]:
        """(0, 1 or 2, descriptor) each; they stay ours."""
        return tuple((target, fd.fileno()) for target, fd in self._fds.get(unit, {}).items())

    def close(self, unit: str) -> None:
        for fd in self._fds.pop(unit, {}).values():
            fd.close()

    # --- another manager in our place --------------------------------------------------------------------------------

    def save(self, fds: list[int]) -> dict[str, dict[int, int]]:
        saved = {unit: {target: fd.fileno() for target, fd in kept.items()} for unit, kept in self._fds.items()}
        fds += [fd for kept in saved.values() for fd in kept.values()]
        return saved

    def restore(self, saved: dict[str, dict[int, int]]) -> None:
        self._fds = {unit: {target: OwnedFd(fd) for target, fd in kept.items()} for unit, kept in saved.items()}
