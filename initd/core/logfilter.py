"""Which messages does a unit want kept? Patterns to allow and, with a tilde in front, to deny (systemd.exec(5) of systemd
253 and later, LogFilterPatterns=).

A message that matches one to deny is discarded; where there are some to allow, so is one that matches none of them. What a
pattern may say is what Python's `re` can, and the character classes of POSIX; whoever loads a unit is told of others.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

_CLASSES = {
    "[:alnum:]": "0-9A-Za-z", "[:alpha:]": "A-Za-z", "[:blank:]": " \\t", "[:cntrl:]": "\\x00-\\x1f\\x7f", "[:digit:]": "0-9",
    "[:graph:]": "!-~", "[:lower:]": "a-z", "[:print:]": " -~", "[:punct:]": "!-/:-@\\[-`{-~", "[:space:]": " \\t-\\r",
    "[:upper:]": "A-Z", "[:word:]": "0-9A-Za-z_", "[:xdigit:]": "0-9A-Fa-f",
}


def compile_pattern(text: str) -> re.Pattern[str]:
    """Without a tilde that denies. ValueError where it is no pattern."""
    import re  # dear, and few units have patterns

    for name, characters in _CLASSES.items():
        text = text.replace(name, characters)
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None


class LogFilter:
    """Of one unit. Its patterns must be such as can be compiled."""

    __slots__ = ("_allowed", "_denied")

    def __init__(self, patterns: Iterable[str]) -> None:
        self._allowed, self._denied = [], []
        for text in patterns:
            if text.startswith("~"):
                self._denied.append(compile_pattern(text[1:]))
            else:
                self._allowed.append(compile_pattern(text))

    def keeps(self, message: bytes) -> bool:
        text = message.decode("utf-8", "surrogateescape")
        if any(pattern.search(text) for pattern in self._denied):
            return False
        return not self._allowed or any(pattern.search(text) for pattern in self._allowed)

    def kept(self, block: bytes) -> bytes:
        """Of lines, each ended by a newline, those that stay."""
        return b"".join([line + b"\n" for line in block[:-1].split(b"\n") if self.keeps(line)])
