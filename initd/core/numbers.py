"""Whole numbers as systemd reads them from text: spaces may stand before them, and they may be in any base of C's."""

from __future__ import annotations


class NumberRangeError(ValueError):
    """A number, but none that fits: ERANGE instead of EINVAL."""


def fault(error: ValueError) -> str:
    """What the C library calls it."""
    return "Numerical result out of range" if isinstance(error, NumberRangeError) else "Invalid argument"


def to_int(text: str, low: int, high: int) -> int:
    """A whole number between the limits, in any base that C knows. ValueError otherwise."""
    word = text.lstrip()
    sign = -1 if word.startswith("-") else 1
    digits = word[1:] if word[:1] in ("+", "-") else word
    if not digits[:1].isdigit() or not (digits.isalnum() and digits.isascii()):
        raise ValueError(f"{text!r} is not a number")
    if digits[:2].lower() in ("0x", "0b", "0o"):
        value = int(digits, 0)
    elif len(digits) > 1 and digits[0] == "0":
        value = int(digits, 8)
    else:
        value = int(digits)
    value *= sign
    if not low <= value <= high:
        raise NumberRangeError(f"{text!r} is out of range")
    return value
