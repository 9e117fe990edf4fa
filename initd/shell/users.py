"""Who is it that a unit runs as? User=, Group=, SupplementaryGroups=, DynamicUser= looked up in the user database.

Numbers without an entry in the database are refused for User=, as systemd does. Knows no process.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
from binascii import crc32

from initd.core.record import Record
from initd.core.settings import ExecSettings

EXIT_GROUP = 216
EXIT_USER = 217

#: The range systemd takes dynamic users from (systemd.exec(5), DynamicUser=).
_DYNAMIC_FIRST, _DYNAMIC_LAST = 61184, 65519


class Credentials(Record):
    """What was found. None: not asked for. `groups` None leaves the supplementary groups alone."""

    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None
    name: str = ""
    home: str = ""
    shell: str = ""


class UserError(Exception):
    """The user or group does not exist; `exit_status` and `step` as systemd reports it."""

    def __init__(self, exit_status: int, step: str, name: str) -> None:
        super().__init__(name)
        self.exit_status = exit_status
        self.step = step
        self.name = name
        self.errno = errno.ESRCH


class DynamicUsers:
    """Who has which number of DynamicUser= while a unit with it runs. Units that name the same user share it."""

    def __init__(self) -> None:
        self._uids: dict[str, int] = {}
        self._units: dict[str, set[str]] = {}

    def allocate(self, name: str, unit: str) -> int:
        """The number is the name's own, so that what the unit keeps needs no new owner; the next one if it is taken."""
        uid = self._uids.get(name)
        if uid is None:
            uid = self._uids[name] = self._choose(name)
        self._units.setdefault(name, set()).add(unit)
        return uid

    def all(self) -> dict[str, int]:
        return dict(self._uids)

    def look_up(self, name: str) -> int | None:
        return self._uids.get(name)

    def release(self, unit: str) -> None:
        """The unit is down: its number is free where no other unit has it."""
        for name, units in list(self._units.items()):
            units.discard(unit)
            if not units:
                del self._units[name], self._uids[name]

    def save(self, fds: list[int]) -> tuple[dict[str, int], dict[str, set[str]]]:
        """For another manager in our place."""
        return self._uids, self._units

    def restore(self, saved: tuple[dict[str, int], dict[str, set[str]]]) -> None:
        self._uids, self._units = saved

    def _choose(self, name: str) -> int:
        size = _DYNAMIC_LAST - _DYNAMIC_FIRST + 1
        start = crc32(name.encode("utf-8", "surrogateescape")) % size
        taken = set(self._uids.values())
        for step in range(size):
            uid = _DYNAMIC_FIRST + (start + step) % size
            if uid not in taken and not _is_known(uid):
                return uid
        raise UserError(EXIT_USER, "USER", name)


def resolve(settings: ExecSettings, unit: str = "", dynamic: DynamicUsers | None = None) -> Credentials:
    """UserError where a name cannot be found."""
    user = settings.user
    found = Credentials()
    if settings.dynamic_user:
        found = _dynamic_user(user or unit.rsplit(".", 1)[0], settings.group, unit, dynamic or DynamicUsers())
    elif user:
        found = _find_user(user)
    if settings.group and not (settings.dynamic_user and settings.group == found.name):
        found = found.replace(gid=_find_group(settings.group))
    return found.replace(groups=_groups(found, settings.supplementary_groups))


def _find_user(user: str) -> Credentials:
    if user in ("root", "0"):
        # Known without a look into the database, so that root's services start on a broken system, too.
        shell = "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"
        return Credentials(0, 0, None, "root", "/root", shell)
    try:
        entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except (KeyError, OverflowError):
        raise UserError(EXIT_USER, "USER", user) from None
    # systemd makes the entry of "nobody" up: its home is /, which no service is told.
    home = "" if entry.pw_name == "nobody" else _clean_home(entry.pw_dir)
    return Credentials(entry.pw_uid, entry.pw_gid, None, entry.pw_name, home, _clean_shell(entry.pw_shell))


def _clean_home(home: str) -> str:
    return home if home.startswith("/") and home.strip("/") else ""


def _clean_shell(shell: str) -> str:
    return "" if shell.rsplit("/", 1)[-1] in ("nologin", "false", "true") else shell


def _find_group(group: str) -> int:
    if group in ("root", "0"):
        return 0
    try:
        return (grp.getgrgid(int(group)) if group.isdecimal() else grp.getgrnam(group)).gr_gid
    except (KeyError, OverflowError):
        raise UserError(EXIT_GROUP, "GROUP", group) from None


def _groups(found: Credentials, supplementary: tuple[str, ...]) -> tuple[int, ...] | None:
    """A user's groups from the database, and those the unit adds. None where the unit says nothing of either."""
    groups: list[int] = []
    if found.name and found.uid and found.gid is not None:
        groups += os.getgrouplist(found.name, found.gid)
    for name in supplementary:
        gid = _find_group(name)
        if gid not in groups:
            groups.append(gid)
    return tuple(groups) if groups or found.uid is not None or found.gid is not None else None


def _dynamic_user(name: str, group: str, unit: str, dynamic: DynamicUsers) -> Credentials:
    """A user of that name if there is one, else one that exists while the unit runs."""
    try:
        return _find_user(name)
    except UserError:
        uid = dynamic.allocate(name, unit)
    gid = uid
    if group in ("", name):
        try:
            gid = _find_group(name)
        except UserError:
            pass  # a group of its own, of the same number
    return Credentials(uid, gid, None, name)


def _is_known(number: int) -> bool:
    """Somebody else's number, as a user or as a group."""
    for look_up in (pwd.getpwuid, grp.getgrgid):
        try:
            look_up(number)
        except KeyError:
            continue
        return True
    return False
