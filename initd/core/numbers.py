"""Whole numbers, sizes, shares and booleans as systemd reads them from text.

Spaces may stand before a number, and it may be in any base of C's.
"""

from __future__ import annotations

from initd.core.values import INFINITY

_BOOLEANS = {
    "1": True, "yes": True, "y": True, "true": True, "t": True, "on": True,
    "0": False, "no": False, "n": False, "false": False, "f": False, "off": False,
}
_SIZES = {"": 1, "B": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50, "E": 2**60}


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


def to_bool(text: str) -> bool:
    """ValueError where it is neither yes nor no."""
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is neither yes nor no") from None


def to_size(text: str) -> int:
    """Bytes, K, M, G, … to the base 1024, a fraction allowed. ValueError otherwise."""
    word = text.strip()
    digits = word.rstrip("BKMGTPE")
    suffix = word[len(digits):]
    number, point, fraction = digits.strip().partition(".")
    if number.startswith("-") and number[1:].isdecimal():
        raise NumberRangeError(f"{text!r} is less than nothing")
    if suffix not in _SIZES or not number.isdecimal() or not number.isascii():
        raise ValueError(f"{text!r} is not a size")
    if point and not (fraction.isdecimal() and fraction.isascii()):
        raise ValueError(f"{text!r} is not a size")
    size = int(number) * _SIZES[suffix]
    if fraction:
        size += int(fraction) * _SIZES[suffix] // 10 ** len(fraction)
    if size >= INFINITY:
        raise NumberRangeError(f"{text!r} is out of range")
    return size


def to_permyriad(text: str) -> int:
    """Hundredths of a percent from "20%", "1.5%", "10‰"; ValueError otherwise."""
    for sign, factor in (("%", 100), ("‰", 10), ("‱", 1)):
        if text.endswith(sign):
            number, point, fraction = text[:-1].partition(".")
            if not number.isdecimal() or not number.isascii() or point and not fraction.isdecimal():
                break
            scale = factor if point else 1
            value = int(number) * factor
            if fraction and 10 ** len(fraction) <= scale:
                value += int(fraction) * factor // 10 ** len(fraction)
            elif fraction:
                break
            return value
    raise ValueError(f"{text!r} is not a percentage")
