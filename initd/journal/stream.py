"""Bytes of a service's output → messages, as systemd-journald cuts them.

A message ends at a newline, a NUL, after LINE_MAX bytes, where the writing process changes, or at the end of the
stream (`_LINE_BREAK=` in systemd.journal-fields(7)). Blanks at its end are cut off, a `<N>` in front is its level,
and an empty one is no message. A line of blanks alone is kept as it is (all of this seen on systemd 252).

Pure: no sockets here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator

#: journald.conf(5), LineMax=.
LINE_MAX = 48 * 1024

_LEVELS = {b"<%d>" % level: level for level in range(8)}


class LineCutter:
    """Holds the unfinished last line of one stream, never more than `line_max` bytes of it."""

    __slots__ = ("line_max", "rest")

    def __init__(self, line_max: int = LINE_MAX) -> None:
        self.line_max = line_max
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are now complete, in order."""
        if b"\0" in data:
            data = data.replace(b"\0", b"\n")
        lines = (self.rest + data).split(b"\n")
        if len(max(lines, key=len)) > self.line_max:
            lines = list(_cut_long(lines, self.line_max))
        self.rest = lines.pop()
        return lines

    def finish(self) -> list[bytes]:
        """The unfinished line, if there is one: the stream has ended, or another process writes now."""
        rest, self.rest = self.rest, b""
        return [rest] if rest else []


def messages(lines: Iterable[bytes], priority: int, level_prefix: bool) -> Iterator[tuple[int, bytes]]:
    """What each line says, and its level. `priority` is the level of lines that do not name one."""
    for line in lines:
        level = priority
        if level_prefix and line[:1] == b"<" and line[:3] in _LEVELS:
            level, line = _LEVELS[line[:3]], line[3:]
        if line:
            yield level, line.rstrip(b" \t\r") or line


def _cut_long(lines: Iterable[bytes], line_max: int) -> Iterator[bytes]:
    for line in lines:
        while len(line) > line_max:
            yield line[:line_max]
            line = line[line_max:]
        yield line
