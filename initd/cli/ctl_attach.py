"""`fg` of `pyinitctl`: the terminal on a service's output, and on its input where that is a pipe.

Output is what the journal gets. Input can be had where StandardInput= is a FIFO of a socket unit, or where the process
reads any pipe; what reads a terminal, a socket or /dev/null cannot be typed for from here, which is said.
"""

from __future__ import annotations

import os
import stat

from initd.cli.bus import PROPERTIES, SYSTEMD, UNIT, Bus
from initd.cli.ctl_session import Session
from initd.cli.output import complain
from initd.core.objectpath import unit_path

_DOWN = ("inactive", "failed")
#: How long the last lines may take to be stored and shown.
_LAST_WORDS_SEC = 0.3


def attach(session: Session, name: str) -> int:
    """0: the user has detached, or the service has ended well; 3: it does not run; 1: it has failed."""
    bus = Bus(session.places)
    path = unit_path(name)
    if bus.get(path, UNIT, "ActiveState") in _DOWN:
        complain(f"{name} does not run.")
        return 3
    target, what = _open_input(bus, name)
    print(f"{name}; {what}; Ctrl-C detaches.", flush=True)
    follower = _follow(session, name)
    try:
        return _stay(bus, path, target)
    except KeyboardInterrupt:
        print("\nDetached.")
        return 0
    finally:
        import _signal

        os.kill(follower, _signal.SIGKILL)
        os.waitpid(follower, 0)


def _open_input(bus: Bus, name: str) -> tuple[int, str]:
    """A descriptor to write to, -1 for none, and what there is in words."""
    path = unit_path(name)
    places = [f"/proc/{bus.get(path, SYSTEMD + '.Service', 'MainPID')}/fd/0"]
    for socket in bus.get(path, UNIT, "TriggeredBy"):
        if socket.endswith(".socket"):
            places += [address for kind, address in bus.get(unit_path(socket), SYSTEMD + ".Socket", "Listen") if kind == "FIFO"]
    standard_input = bus.get(path, SYSTEMD + ".Service", "StandardInput")
    if standard_input in ("null", "file", "data"):
        return -1, f"it reads nothing from here (StandardInput={standard_input})"
    for place in places:
        try:
            if stat.S_ISFIFO(os.stat(place).st_mode):
                return os.open(place, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC), "what you type goes to it line by line"
        except OSError:
            continue  # not ours to open; another may be
    return -1, f"it reads no pipe that could be written to (StandardInput={standard_input})"


def _follow(session: Session, name: str) -> int:
    pid = os.fork()
    if not pid:
        code = 1
        try:
            code = session.journalctl("-o", "cat", "-n", "10", "-f", "-u", name)
        except KeyboardInterrupt:
            code = 130
        finally:
            os._exit(code)
    return pid


def _stay(bus: Bus, path: str, target: int) -> int:
    import select
    import time

    bus.ask("Subscribe")
    watched = [bus, 0] if target >= 0 else [bus]
    state = bus.get(path, UNIT, "ActiveState")
    while state not in _DOWN:
        ready, _, _ = select.select(watched, [], [])
        if 0 in ready and not _pass_on(target):
            watched.remove(0)
        for message in bus.signals() if bus in ready else ():
            if message.interface == PROPERTIES and message.path == path and message.body[0] == UNIT:
                state = message.body[1].get("ActiveState", ("", state))[1]
            elif message.member == "UnitRemoved" and message.body[1] == path:
                state = "inactive"
    time.sleep(_LAST_WORDS_SEC)
    print(f"It is {state}.")
    return 1 if state == "failed" else 0


def _pass_on(target: int) -> bool:
    """False where there is no more to be typed, or nobody to read it."""
    data = os.read(0, 4096)
    if not data:
        os.close(target)
        return False
    try:
        os.write(target, data)
    except BlockingIOError:
        complain("It does not read: this line is lost.")
    except BrokenPipeError:
        complain("It has closed its input.")
        return False
    return True
