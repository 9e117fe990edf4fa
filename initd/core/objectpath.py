"""D-Bus object paths of the manager's objects, and back (org.freedesktop.systemd1(5)).

A unit's name becomes one path element: whatever is not an ASCII letter or digit, and a digit in front, is `_` and two
hexadecimal digits for each byte; an empty name is `_`.
"""

from __future__ import annotations

#: An interface of pyinit's own, beside those that systemd has.
OWN_INTERFACE = "org.pyinit.Unit"
OWN_MANAGER = "org.pyinit.Manager"
ROOT = "/org/freedesktop/systemd1"
_UNIT = ROOT + "/unit/"
_JOB = ROOT + "/job/"

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_DIGITS = frozenset(b"0123456789")
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")


def escape(label: str) -> str:
    """One path element for any text."""
    if not label:
        return "_"
    data = label.encode("utf-8", "surrogateescape")
    return "".join(
        chr(byte) if byte in _PLAIN and not (position == 0 and byte in _DIGITS) else f"_{byte:02x}"
        for position, byte in enumerate(data)
    )


def unescape(element: str) -> str:
    """The text behind a path element; an underscore that escapes nothing stays as it is."""
    if element == "_":
        return ""
    found = bytearray()
    position = 0
    while position < len(element):
        code = element[position + 1 : position + 3]
        if element[position] == "_" and len(code) == 2 and _HEXADECIMAL.issuperset(code):
            found.append(int(code, 16))
            position += 2
        else:
            found += element[position].encode("utf-8", "surrogateescape")
        position += 1
    return found.decode("utf-8", "surrogateescape")


def unit_path(name: str) -> str:
    return _UNIT + escape(name)


def unit_name(path: str) -> str | None:
    """The unit's name behind its object path; None where the path is no unit's."""
    element = path[len(_UNIT) :]
    if not path.startswith(_UNIT) or not element or "/" in element:
        return None
    return unescape(element)


def job_path(job_id: int) -> str:
    return f"{_JOB}{job_id}"


def job_id(path: str) -> int | None:
    """The job's id behind its object path; None where the path is no job's."""
    element = path[len(_JOB) :]
    if not path.startswith(_JOB) or not (element.isascii() and element.isdigit()):
        return None
    return int(element)
