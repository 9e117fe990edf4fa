"""Automount points: set up, heard, answered and taken away (the kernel's Documentation/filesystems/autofs.rst, protocol 5).

The kernel writes a packet to a pipe for everybody whom it stops at an automount point, but for processes of our own process
group; it is answered by an ioctl on the directory. Mounting, and asking for what is to expire, is done by pyinit-exec
(initd/exec/request.c).
"""

from __future__ import annotations

import os
from struct import Struct

from initd.core.effects import AnswerAutomount, CloseAutomount, Effect, ExpireAutomount, OpenAutomount
from initd.core.events import AutomountLost, AutomountOpened, AutomountRequested, Event
from initd.core.settings import AutomountSettings
from initd.shell.askhelper import ask_helper
from initd.shell.fds import OwnedFd
from initd.shell.loop import READ, Loop
from initd.wire.proc import parse_mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_DEVICE = "/dev/autofs"
#: linux/auto_fs.h: AUTOFS_IOC_READY, AUTOFS_IOC_FAIL; linux/auto_dev-ioctl.h: AUTOFS_DEV_IOCTL_OPENMOUNT, and its argument:
#: version 1.0, length, a descriptor, the number of the file system, to which the path is added.
_READY, _FAIL, _OPEN = 0x9360, 0x9361, 0xC0189374
_QUESTION = Struct("=IIIiII")
#: struct autofs_v5_packet: version, type, token, device, inode, uid, gid, pid, thread group, length and text of a name.
_PACKET = Struct("=iiIIQIIIII256s")
_EXPIRY = (4, 6)
_PACKET_MAX = 512


def are_supported() -> bool:
    return os.path.exists(_DEVICE)


class Automounts:
    """Owns the pipes' ends. Directories are opened where they are needed: nobody could unmount them. `helper` is the path of
    pyinit-exec."""

    def __init__(self, loop: Loop, feed: Callable[[Event], None], helper: str) -> None:
        self._loop = loop
        self._feed = feed
        self._helper = helper
        #: Unit → the pipe, the file system's number, its place.
        self._points: dict[str, tuple[OwnedFd, int, str]] = {}

    def handlers(self) -> dict[type[Effect], Callable[..., Event | None]]:
        return {OpenAutomount: self._open, AnswerAutomount: self._answer, ExpireAutomount: self._expire,
                CloseAutomount: self._close}

    def _open(self, effect: OpenAutomount) -> Event:
        settings = effect.settings
        assert isinstance(settings, AutomountSettings)
        if _is_mounted(settings.where):
            return AutomountOpened(effect.unit, is_taken=True)
        try:
            _prepare(settings)
            seconds = -(-settings.timeout_idle_usec // 1_000_000)  # a part of one counts as a whole
            words = ("--automount", settings.where, settings.extra_options, str(seconds))
            pipe, directory = ask_helper(self._helper, words, 2)
        except OSError as error:
            return AutomountOpened(effect.unit, error.strerror)
        with directory:
            self._points[effect.unit] = pipe, os.fstat(directory.fileno()).st_dev, settings.where
        self._watch(effect.unit)
        return AutomountOpened(effect.unit)

    def _watch(self, unit: str) -> None:
        self._loop.add(self._points[unit][0].fileno(), READ, lambda _: self._hear(unit))

    def _hear(self, unit: str) -> None:
        data = os.read(self._points[unit][0].fileno(), _PACKET_MAX)
        if len(data) < _PACKET.size:
            self._forget(unit)
            self._feed(AutomountLost(unit))
            return
        _, kind, token, _, _, _, _, thread, process, _, _ = _PACKET.unpack_from(data)
        is_expiry, pid = kind in _EXPIRY, process or thread
        self._feed(AutomountRequested(unit, token, is_expiry, pid, "" if is_expiry else _name_of(pid)))

    def _answer(self, effect: AnswerAutomount) -> None:
        """Whatever the error is: the kernel makes ENOENT of it."""
        from fcntl import ioctl

        with self._directory(effect.unit) as directory:
            for token in effect.tokens if directory.is_open else ():
                try:
                    ioctl(directory.fileno(), _FAIL if effect.error else _READY, token)
                except OSError:
                    pass  # who waited has been killed

    def _expire(self, effect: ExpireAutomount) -> None:
        """Nobody waits for the process: its end tells nothing."""
        with self._directory(effect.unit) as directory:
            if directory.is_open:
                actions = [(os.POSIX_SPAWN_DUP2, directory.fileno(), 0)]
                os.posix_spawn(self._helper, ["pyinit-exec", "--expire"], {}, file_actions=actions, setsigmask=())

    def _directory(self, unit: str) -> OwnedFd:
        """The automount point, whatever is mounted on it; none where it is gone."""
        from fcntl import ioctl

        if unit not in self._points:
            return OwnedFd(-1)
        _, device, where = self._points[unit]
        minor = os.minor(device)
        number = minor & 0xFF | os.major(device) << 8 | (minor & ~0xFF) << 12  # as the kernel tells devices to programs
        path = os.fsencode(where) + b"\0"
        question = bytearray(_QUESTION.pack(1, 0, _QUESTION.size + len(path), -1, number, 0) + path)
        try:
            with OwnedFd(os.open(_DEVICE, os.O_RDONLY | os.O_CLOEXEC)) as device_fd:
                ioctl(device_fd.fileno(), _OPEN, question)
        except OSError:
            return OwnedFd(-1)
        return OwnedFd(_QUESTION.unpack_from(question)[3])

    def _forget(self, unit: str) -> str:
        pipe, _, where = self._points.pop(unit)
        self._loop.remove(pipe.fileno())
        pipe.close()
        return where

    def _close(self, effect: CloseAutomount) -> None:
        if effect.unit in self._points:
            try:
                ask_helper(self._helper, ("--detach", self._forget(effect.unit)), 0)
            except OSError:
                pass  # somebody else has unmounted it

    # --- another manager in our place -------------------------------------------------------------------------------

    def save(self, fds: list[int]) -> dict[str, Any]:
        fds += [pipe.fileno() for pipe, _, _ in self._points.values()]
        return {unit: (pipe.fileno(), *rest) for unit, (pipe, *rest) in self._points.items()}

    def restore(self, saved: dict[str, Any]) -> None:
        for unit, (pipe, device, where) in saved.items():
            self._points[unit] = OwnedFd(pipe), device, where
            self._watch(unit)


def _is_mounted(where: str) -> bool:
    with open("/proc/self/mountinfo", "rb") as file:
        return any(point.path == where for point in parse_mounts(file.read()))


def _prepare(settings: AutomountSettings) -> None:
    """The directory, and what tells our processes from those that are stopped. OSError where that cannot be."""
    if not os.path.isdir(settings.where):
        os.makedirs(os.path.dirname(settings.where), 0o755, exist_ok=True)
        os.mkdir(settings.where)
        os.chmod(settings.where, settings.directory_mode)
    if not os.getpgrp():
        os.setpgid(0, 0)  # it was one outside of this container, which has no number here


def _name_of(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "n/a"
