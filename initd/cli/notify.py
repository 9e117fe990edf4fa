"""`systemd-notify`: a script tells the manager how its service is (systemd-notify(1), sd_notify(3)).

The message goes out in the name of the process that called us, where the kernel lets us say so: NotifyAccess=main is
about that one. Unless told otherwise the command ends when the manager has heard it, since a message from a process that
is gone belongs to nobody.
"""

from __future__ import annotations

import _socket
import os
import struct
import sys
from errno import EPERM, ESRCH

from initd.cli.getopt import parse
from initd.cli.options import UsageError
from initd.cli.output import complain, is_answered

_LONG = {"help": "", "version": "", "ready": "", "pid": "?", "uid": "=", "status": "=", "booted": "", "no-block": ""}
_SHORT = {"h": "help"}
_HELP = """\
systemd-notify [OPTIONS...] [VARIABLE=VALUE...]

Tell the manager how a service is.

Options:
     --ready       The service has started
     --pid[=PID]   Its main process: this number, "parent" (the process that
                   calls, which is also meant without a value) or "self"
     --uid=USER    Send as this user
     --status=TEXT What `systemctl status` shows
     --booted      Only say, by the exit status, whether a manager runs here
     --no-block    Do not wait until the message has been heard
  -h --help        Show this help
     --version     Show the version
"""
#: How long the manager may take to hear.
_BARRIER_MSEC = 5000


def main(arguments: list[str]) -> int:
    """The exit status. `arguments` without the program's name."""
    try:
        given, fields = parse(arguments, "systemd-notify", _LONG, _SHORT)
        names = dict(given)
        if is_answered(names, _HELP):
            return 0
        return _run(names, fields)
    except UsageError as problem:
        complain(str(problem))
        return 1


def _run(given: dict[str, str], fields: list[str]) -> int:
    if not given and not fields:
        sys.stdout.write(_HELP)
        return 1
    pid = _pid(given["pid"]) if "pid" in given else 0
    if "booted" in given:
        return 0 if os.path.isdir("/run/systemd/system") else 1
    said = ["READY=1"] if "ready" in given else []
    said += [f"STATUS={given['status']}"] if "status" in given else []
    said += [f"MAINPID={pid}"] if pid else []
    said += fields
    if not said:
        return 0
    user = _ids(given["uid"]) if "uid" in given else (os.getuid(), os.getgid())
    return _send("\n".join(said), (pid or os.getppid(), *user), "no-block" not in given)


def _pid(word: str) -> int:
    if word in ("", "auto", "parent"):
        return os.getppid()
    if word == "self":
        return os.getpid()
    if not (word.isascii() and word.isdigit() and 0 < int(word) < 2**31):
        raise UsageError(f"Failed to parse PID {word}.")
    return int(word)


def _ids(user: str) -> tuple[int, int]:
    import pwd

    try:
        found = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    except KeyError:
        raise UsageError(f"Can't resolve user {user}: Invalid argument") from None
    return found.pw_uid, found.pw_gid


def _send(text: str, sender: tuple[int, int, int], waits: bool) -> int:
    path = os.environ.get("NOTIFY_SOCKET")
    if path is None:
        complain("No status data could be sent: $NOTIFY_SOCKET was not set")
        return 1
    if path[:1] not in ("/", "@") or len(path) < 2:
        complain("Failed to notify init system: Invalid argument")
        return 1
    address = "\0" + path[1:] if path[0] == "@" else path
    talker = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        _say(talker, address, text.encode("utf-8", "surrogateescape"), sender)
    except OSError as problem:
        complain(f"Failed to notify init system: {problem.strerror}")
        return 1
    return _wait(talker, address) if waits else 0


def _say(talker: _socket.socket, address: str, data: bytes, sender: tuple[int, int, int]) -> None:
    """`sender` is a process, a user and a group."""

    def say(pid: int) -> None:
        credentials = struct.pack("=iII", pid, *sender[1:])
        named = [(_socket.SOL_SOCKET, _socket.SCM_CREDENTIALS, credentials)]
        talker.sendmsg([data], named, _socket.MSG_NOSIGNAL, address)

    try:
        say(sender[0])
    except OSError as problem:
        if problem.errno not in (EPERM, ESRCH):
            raise
        say(os.getpid())  # not allowed to speak for another process, or that one is gone


def _wait(talker: _socket.socket, address: str) -> int:
    """BARRIER=1: the manager closes the descriptor once it has heard all that came before (sd_notify(3))."""
    import select

    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", writer))]
        talker.sendmsg([b"BARRIER=1"], rights, _socket.MSG_NOSIGNAL, address)
    except OSError as problem:
        complain(f"Failed to invoke barrier: {problem.strerror}")
        return 1
    finally:
        os.close(writer)
    heard = select.poll()
    heard.register(reader, 0)
    if not heard.poll(_BARRIER_MSEC):
        complain("Failed to invoke barrier: Connection timed out")
        return 1
    return 0
