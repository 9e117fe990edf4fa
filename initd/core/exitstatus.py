"""Exit statuses: their names, and whether a process ended well (systemd.exec(5), PROCESS EXIT CODES)."""

from __future__ import annotations

from initd.core.numbers import to_int
from initd.core.values import ProcessEnd

_LIBC = {"SUCCESS": 0, "FAILURE": 1}
_LSB = {
    "INVALIDARGUMENT": 2, "NOTIMPLEMENTED": 3, "NOPERMISSION": 4, "NOTINSTALLED": 5, "NOTCONFIGURED": 6,
    "NOTRUNNING": 7,
}
_BSD = {
    "USAGE": 64, "DATAERR": 65, "NOINPUT": 66, "NOUSER": 67, "NOHOST": 68, "UNAVAILABLE": 69, "SOFTWARE": 70,
    "OSERR": 71, "OSFILE": 72, "CANTCREAT": 73, "IOERR": 74, "TEMPFAIL": 75, "PROTOCOL": 76, "NOPERM": 77, "CONFIG": 78,
}
_SYSTEMD = {
    "CHDIR": 200, "NICE": 201, "FDS": 202, "EXEC": 203, "MEMORY": 204, "LIMITS": 205, "OOM_ADJUST": 206,
    "SIGNAL_MASK": 207, "STDIN": 208, "STDOUT": 209, "CHROOT": 210, "IOPRIO": 211, "TIMERSLACK": 212, "SECUREBITS": 213,
    "SETSCHEDULER": 214, "CPUAFFINITY": 215, "GROUP": 216, "USER": 217, "CAPABILITIES": 218, "CGROUP": 219,
    "SETSID": 220, "CONFIRM": 221, "STDERR": 222, "PAM": 224, "NETWORK": 225, "NAMESPACE": 226,
    "NO_NEW_PRIVILEGES": 227, "SECCOMP": 228, "SELINUX_CONTEXT": 229, "PERSONALITY": 230, "APPARMOR": 231,
    "ADDRESS_FAMILIES": 232, "RUNTIME_DIRECTORY": 233, "CHOWN": 235, "SMACK_PROCESS_LABEL": 236, "KEYRING": 237,
    "STATE_DIRECTORY": 238, "CACHE_DIRECTORY": 239, "LOGS_DIRECTORY": 240, "CONFIGURATION_DIRECTORY": 241,
    "NUMA_POLICY": 242, "CREDENTIALS": 243, "BPF": 244, "EXCEPTION": 255,
}
#: (class, names) in the order `systemd-analyze exit-status` prints them.
CLASSES = (("libc", _LIBC), ("systemd", _SYSTEMD), ("LSB", _LSB), ("BSD", _BSD))
NUMBERS = _LIBC | _SYSTEMD | _LSB | _BSD
_NAMES = {number: name for name, number in NUMBERS.items()}

#: Signals that end a daemon well: it was asked to go (systemd.service(5), SuccessExitStatus=).
_CLEAN_SIGNALS = frozenset((1, 2, 13, 15))  # HUP INT PIPE TERM

StatusSet = tuple[tuple[int, ...], tuple[int, ...]]
_EMPTY: StatusSet = ((), ())


def name(status: int) -> str:
    """"CHDIR" for 200; empty where the status has no name."""
    return _NAMES.get(status, "")


def number(text: str) -> int:
    """The status of this name or number, 0 to 255. ValueError where there is none."""
    if text in NUMBERS:
        return NUMBERS[text]
    return to_int(text, 0, 255)


def is_clean(end: ProcessEnd, success: StatusSet = _EMPTY, is_daemon: bool = True) -> bool:
    """Whether a process ended well.

    That is with 0, with what SuccessExitStatus= lists, or, for a daemon, by a signal that asks it to go. Commands that
    should run to their end (`is_daemon` False) may not be signalled.
    """
    statuses, signals = success
    if end.code == "exited":
        return end.status == 0 or end.status in statuses
    if end.code == "killed":
        return (is_daemon and end.status in _CLEAN_SIGNALS) or end.status in signals
    return False
