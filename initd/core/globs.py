"""Shell patterns (glob(7)) in which "/" is a character like any other, as systemd has them for names of units and variables."""

from __future__ import annotations

_SPECIAL = frozenset("*?[")


def matches(text: str, pattern: str) -> bool:
    """Upper and lower case differ. A pattern without anything special is the text itself."""
    if _SPECIAL.isdisjoint(pattern):
        return text == pattern
    from fnmatch import fnmatchcase  # it brings `re`, which no boot needs

    return fnmatchcase(text, pattern)
