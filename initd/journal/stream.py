"""Bytes of a service's output → messages, as systemd-journald cuts them.

A message ends at a newline, a NUL, after LINE_MAX bytes, where the writing process changes, or at the end of the
stream (`_LINE_BREAK=` in systemd.journal-fields(7)). Blanks at its end are cut off, a `<N>` in front is its level,
and an empty one is no message. A line of blanks alone is kept as it is (all of this seen on systemd 252).

Lines stay together, in *blocks*: bytes of whole lines, each ended by a newline. Only where a line needs something done
to it is a block taken apart.

Pure: no sockets here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

#: journald.conf(5), LineMax=.
LINE_MAX = 48 * 1024

_LEVELS = {b"<%d>" % level: level for level in range(8)}
_BLANKS = b" \t\r"


class LineCutter:
    """Holds the unfinished last line of one stream, never more than `line_max` bytes of it."""

    __slots__ = ("line_max", "rest")

    def __init__(self, line_max: int = LINE_MAX) -> None:
        self.line_max = line_max
        self.rest = b""

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Blocks of the lines that are now complete, in order, and what ended their lines: "" is a newline."""
        if self.rest:
            data = self.rest + data
        if b"\0" in data or not self._is_short(data):
            return self._cut(data)
        end = data.rfind(b"\n") + 1
        self.rest = data[end:]
        return [(data[:end], b"")] if end else []

    def finish(self) -> bytes:
        """The unfinished line, if there is one, as a block: the stream has ended, or another process writes now."""
        rest, self.rest = self.rest, b""
        return rest + b"\n" if rest else b""

    def _is_short(self, data: bytes) -> bool:
        """Is no line longer than may be? Hops from one line's end to the last within reach."""
        position, limit = 0, self.line_max + 1
        while position + self.line_max < len(data):
            end = data.rfind(b"\n", position, position + limit)
            if end < 0:
                return False
            position = end + 1
        return True

    def _cut(self, data: bytes) -> list[tuple[bytes, bytes]]:
        blocks = []
        lines = data.split(b"\n")
        self.rest = b""
        for number, line in enumerate(lines):
            *ended, last = line.split(b"\0")
            for text in ended:
                blocks += self._cut_long(text, b"nul")
            if number + 1 < len(lines):
                blocks += self._cut_long(last, b"")
            else:
                while len(last) > self.line_max:
                    blocks.append((last[:self.line_max] + b"\n", b"line-max"))
                    last = last[self.line_max:]
                self.rest = last
        return blocks

    def _cut_long(self, line: bytes, ending: bytes) -> list[tuple[bytes, bytes]]:
        blocks = []
        while len(line) > self.line_max:
            blocks.append((line[:self.line_max] + b"\n", b"line-max"))
            line = line[self.line_max:]
        blocks.append((line + b"\n", ending))
        return blocks


def messages(block: bytes, priority: int, level_prefix: bool) -> Iterator[tuple[int, bytes]]:
    """A block as blocks of messages of one level each. `priority` is the level of lines that do not name one."""
    has_prefix = level_prefix and b"<" in block and (block[:1] == b"<" or b"\n<" in block)
    if not has_prefix and not _needs_trimming(block):
        yield priority, block
        return
    level, run = priority, []
    for line in block[:-1].split(b"\n"):
        own = priority
        if has_prefix and line[:1] == b"<" and line[:3] in _LEVELS:
            own, line = _LEVELS[line[:3]], line[3:]
        if not line:
            continue
        if own != level and run:
            yield level, b"\n".join(run) + b"\n"
            run = []
        level = own
        run.append(line.rstrip(_BLANKS) or line)
    if run:
        yield level, b"\n".join(run) + b"\n"


def _needs_trimming(block: bytes) -> bool:
    # One byte is found twenty times as fast as two, and most lines have neither of the last ones.
    return (block[:1] == b"\n" or b"\n\n" in block or b" \n" in block
            or b"\r" in block and b"\r\n" in block or b"\t" in block and b"\t\n" in block)
