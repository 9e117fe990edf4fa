"""Which of two version strings is newer: the order of the UAPI group's Version Format Specification.

Knows nothing of what the versions are of. Tried against `systemd-analyze compare-versions` of systemd 252.
"""

from __future__ import annotations

_DIGITS = "0123456789"
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MEANS_SOMETHING = frozenset(_DIGITS + _LETTERS + "~.^-")


def compare(left: str, right: str) -> int:
    """Below 0 where `left` is older, 0 where they are the same, above 0 where it is newer."""
    while True:
        left, right = _without_separators(left), _without_separators(right)
        # A "~" comes before even the end of the other string: 1~rc1 is older than 1.
        for mark in "~-^.":
            if mark == "-" and not (left and right):
                return bool(left) - bool(right)
            if left[:1] == mark or right[:1] == mark:
                if left[:1] != right[:1]:
                    return -1 if left[:1] == mark else 1
                left, right = left[1:], right[1:]
        is_number = left[:1].isdecimal() or right[:1].isdecimal()
        run = _DIGITS if is_number else _LETTERS
        first, second = [text[:len(text) - len(text.lstrip(run))] for text in (left, right)]
        order = _by_number(first, second) if is_number else (first > second) - (first < second)
        if order:
            return order
        left, right = left[len(first):], right[len(second):]


def _without_separators(text: str) -> str:
    """From the first character on that means something."""
    return text[next((place for place, char in enumerate(text) if char in _MEANS_SOMETHING), len(text)):]


def _by_number(first: str, second: str) -> int:
    """Numbers of any length; one that is not there is below zero. Leading zeros do not count."""
    if bool(first) != bool(second):
        return 1 if first else -1
    one, two = first.lstrip("0"), second.lstrip("0")
    return ((len(one), one) > (len(two), two)) - ((len(one), one) < (len(two), two))
