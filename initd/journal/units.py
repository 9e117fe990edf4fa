"""What the manager says of units that run (wire/unitstate.py): read when it is asked for, as far as it is news."""

from __future__ import annotations

import os

from initd.wire.unitstate import FILE, UnitFacts, decode

_NOTHING = UnitFacts()


class Units:
    """`run` stands for /run. As long as the file is open no other one can have its number."""

    def __init__(self, run: str) -> None:
        self._path = run + FILE
        self._fd = -1
        self._inode = -1
        self._position = 0
        self._facts: dict[str, UnitFacts] = {}
        self._tagged: dict[bytes, str] = {}

    def look(self) -> None:
        """Read what there is to read by now."""
        try:
            status = os.stat(self._path)
        except OSError:
            return
        if status.st_ino != self._inode:
            self._begin(status.st_ino)
        if status.st_size > self._position and self._fd >= 0:
            try:
                found, length = decode(os.pread(self._fd, status.st_size - self._position, self._position))
            except (OSError, ValueError):
                return
            self._position += length
            for facts in found:
                unit = os.fsdecode(facts.unit)
                self._facts[unit] = facts
                if facts.tag:
                    self._tagged[facts.tag] = unit

    def of(self, unit: str) -> UnitFacts:
        """Empty where nothing is known of it."""
        return self._facts.get(unit, _NOTHING)

    def with_tag(self, tag: int) -> str:
        """The unit whose processes have this tag, or ""."""
        return self._tagged.get(b"%x" % tag, "")

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _begin(self, inode: int) -> None:
        """There is another file: what is not in it is not known any more."""
        self.close()
        self._facts.clear()
        self._tagged.clear()
        self._position, self._inode = 0, inode
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            self._inode = os.fstat(self._fd).st_ino
        except OSError:
            self._inode = -1  # gone again: the next look finds what came in its place
