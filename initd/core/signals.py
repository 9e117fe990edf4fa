"""Signal names and numbers, as systemd.kill(5) and systemctl write them (Linux, all architectures Debian ships
but mips, whose numbers differ).
"""

from __future__ import annotations

_NAMES = (
    "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG "
    "XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"
).split()
_NUMBERS = {name: number for number, name in enumerate(_NAMES, 1)} | {"IOT": 6, "CLD": 17, "POLL": 29}
#: What libc leaves to programs of the kernel's 32 to 64.
RTMIN, RTMAX = 34, 64


def number(text: str) -> int:
    """The signal called "SIGTERM", "TERM", "RTMIN+3", "SIGRTMAX-1" or "15". ValueError where there is none."""
    text = text.strip()
    if text.isdecimal() and text.isascii():
        value = int(text)
        if 0 < value <= RTMAX:
            return value
        raise ValueError(f"signal {text} is out of range")
    word = text[3:] if text.startswith("SIG") else text
    if word in _NUMBERS:
        return _NUMBERS[word]
    value = _realtime(word)
    if RTMIN <= value <= RTMAX:
        return value
    raise ValueError(f"unknown signal {text!r}")


def _realtime(word: str) -> int:
    """The number behind RTMIN+n and RTMAX-n; 0 where it is neither."""
    for base_name, base, sign in (("RTMIN", RTMIN, "+"), ("RTMAX", RTMAX, "-")):
        if word == base_name:
            return base
        offset = word[len(base_name) + 1:]
        if word.startswith(base_name + sign) and offset.isdecimal() and offset.isascii() and len(offset) <= 2:
            return base + int(offset) if sign == "+" else base - int(offset)
    return 0


def name(number: int) -> str:
    """"SIGTERM", "SIGRTMIN+3"; the bare number where there is no such signal."""
    return "SIG" + short_name(number) if 0 < number <= RTMAX and number not in (32, 33) else str(number)


def short_name(number: int) -> str:
    """"TERM", "RTMIN+3"; the bare number where there is no such signal."""
    if 0 < number <= len(_NAMES):
        return _NAMES[number - 1]
    if number == RTMIN:
        return "RTMIN"
    if number == RTMAX:
        return "RTMAX"
    if RTMIN < number < RTMAX:
        return f"RTMIN+{number - RTMIN}"
    return str(number)
