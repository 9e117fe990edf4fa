"""A command as Python's shlex.split() takes it apart, which is not in python3-minimal: sh's quotes, and nothing else of sh."""

from __future__ import annotations

import re

_SPACE = re.compile(r"[ \t\r\n]+")
_WORD = re.compile(r"""(?:[^ \t\r\n'"\\]+|'[^']*'|"(?:[^"\\]|\\.)*"|\\.)+""", re.DOTALL)
_PART = re.compile(r"""([^'"\\]+)|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)""", re.DOTALL)


def split(text: str) -> list[str]:
    """ValueError for a quote that is not closed, or a backslash at the end."""
    found: list[str] = []
    position = 0
    while True:
        if space := _SPACE.match(text, position):
            position = space.end()
        if position == len(text):
            return found
        word = _WORD.match(text, position)
        position = word.end() if word else position
        if not word or position < len(text) and not _SPACE.match(text, position):
            raise ValueError("No escaped character" if text[position:] == "\\" else "No closing quotation")
        found.append(_PART.sub(_part, word[0]))


def _part(part: re.Match[str]) -> str:
    bare, single, double, escaped = part.groups()
    if double is not None:
        return re.sub(r'\\(["\\])', r"\1", double)
    return bare or single or escaped or ""
