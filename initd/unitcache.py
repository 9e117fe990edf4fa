"""What unit files were understood to say, kept from one boot to the next: files that are as they were need no parsing.

The files themselves are read each time, so nobody sees an old definition: one is taken from here only where all texts, names
and links are the same, and every fact of the machine that its reading asked for (`LoadFacts`) is what it was. Whatever is
wrong with the file, it is as if there were none. Where all are taken from here, the modules that understand unit files are not
even imported: a fifth of the manager's memory, and of its start.

    magic and stamp         which code has made it: another's definitions are not taken
    pieces, one by one      length and crc32 (4 bytes each, little-endian), and so many bytes of pickle:
                            first {fact: value}, then {unit's name: (digest of its files, facts asked for,
                            UnitDefinition)}, so many times. A fact is a name, or, where it is asked with a word, both
"""

from __future__ import annotations

import os
import stat
from binascii import crc32

from initd import BYTECODE
from initd.core.settings import UnitDefinition
from initd.core.sources import LoadFacts, UnitFiles, newest
from initd.core.states import LoadState
from initd.shell.trees import unlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Any

    from initd.bytecode import Finder

    Fact = str | tuple[str, str]
    #: (digest of the unit's files, facts asked for, what they say).
    Entry = tuple[bytes, tuple[Fact, ...], UnitDefinition]

FILE = "/var/cache/pyinit/units"
_MAGIC = b"pyinit's units 1\n"
_NUMBER = 4
#: Units in a piece: some milliseconds' work.
_MOST = 100
#: Facts that are others at each boot: who asks for them is read each time.
_FLEETING = frozenset(("boot_id",))
_NOTHING = object()


def load_unit(files: UnitFiles, facts: LoadFacts) -> UnitDefinition:
    """`core.load.load_unit`, imported by the first who needs it."""
    from initd.core.load import load_unit

    return load_unit(files, facts)


class UnitCache:
    """Between `open` and `close` it stands for `core.load.load_unit`, and remembers; `pieces` writes down what is new.

    This very code is known by the file of its byte code; without one, and without a `path`, nothing is kept."""

    def __init__(self, path: str, bytecode: Finder | None = BYTECODE) -> None:
        self._path = path
        self._head = b""
        if path and bytecode is not None and bytecode.is_whole:
            self._head = _MAGIC + b"%d %d\n" % bytecode.stamp
        self._facts: LoadFacts | None = None
        self._asked = _Facts(LoadFacts())
        #: Of those in the file, the ones that hold.
        self._known: dict[str, Entry] = {}
        self._loaded: dict[str, Entry] = {}
        #: `pieces` has something to write.
        self.has_news = False

    @property
    def is_kept(self) -> bool:
        """There is a file, or could be one."""
        return bool(self._head)

    def open(self, facts: LoadFacts) -> None:
        """What is loaded from now on is loaded with these facts."""
        if not self.is_kept:
            return
        self._facts, self._asked = facts, _Facts(facts)
        self._loaded, self.has_news = {}, False
        pieces = self._read()
        then: dict[Fact, Any] = next(pieces, {})
        changed = frozenset(fact for fact, value in then.items() if _value(facts, fact) != value)
        self._known = {
            name: entry for piece in pieces for name, entry in piece.items() if changed.isdisjoint(entry[1])}

    def load(self, files: UnitFiles, facts: LoadFacts) -> UnitDefinition:
        """As `core.load.load_unit`."""
        if facts is not self._facts or files.is_transient:
            return load_unit(files, facts)
        entry, digest = self._known.get(files.name), _digest(files)
        if entry is None or entry[0] != digest:
            self._asked.found.clear()
            definition = load_unit(files, self._asked)  # type: ignore[arg-type]
            if not self._asked.found.isdisjoint(_FLEETING):
                return definition
            entry = (digest, self._asked.as_before(), definition)
            self.has_news = True
        self._loaded[files.name] = entry
        return _of_today(entry[2], files)

    def close(self) -> None:
        """No more is loaded. What was is remembered until it is written, if there is a reason to; with what was not asked for
        this time, but then not for ever."""
        self._facts = None
        if self.has_news and len(self._known) <= 2 * len(self._loaded):
            self._loaded = self._known | self._loaded
        elif not self.has_news:
            self._loaded = {}
        self._known = {}

    def pieces(self) -> Generator[None, None, None]:
        """Write what was loaded last, a part each. OSError where that cannot be: there is no file then, or the old one."""
        entries, facts = list(self._loaded.items()), self._asked.facts
        self._loaded, self.has_news = {}, False
        temporary = f"{self._path}.{os.getpid()}"
        try:
            os.makedirs(os.path.dirname(self._path), 0o755, exist_ok=True)
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(self._head)
                asked = dict.fromkeys(fact for _, (_, facts_asked, _) in entries for fact in facts_asked)
                file.write(_encode({fact: _value(facts, fact) for fact in asked}))
                for first in range(0, len(entries), _MOST):
                    yield
                    file.write(_encode(dict(entries[first:first + _MOST])))
            os.rename(temporary, self._path)
        except BaseException:
            unlink(temporary)
            raise

    def _read(self) -> Iterator[Any]:
        """The pieces of the file, up to where it is none of ours, or spoiled."""
        data = _read_own(self._path)
        if not data.startswith(self._head):
            return
        at = len(self._head)
        while at + 2 * _NUMBER <= len(data):
            size, check = [int.from_bytes(data[at + skip:at + skip + _NUMBER], "little") for skip in (0, _NUMBER)]
            at += 2 * _NUMBER
            piece = data[at:at + size]
            at += size
            if len(piece) != size or crc32(piece) != check:
                return
            from _pickle import loads  # where there is a file

            try:
                found = loads(piece)
            except Exception:  # whatever it meets
                return
            yield found


class _Facts:
    """Stands for `facts`, and knows which of them were asked for."""

    def __init__(self, facts: LoadFacts) -> None:
        self.facts = facts
        self.found: set[Fact] = set()
        self._as_before: dict[frozenset[Fact], tuple[Fact, ...]] = {}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.facts, name)
        if not callable(value):
            self.found.add(name)
            return value

        def ask(word: str) -> Any:
            self.found.add((name, word))
            return value(word)

        return ask

    def as_before(self) -> tuple[Fact, ...]:
        """One object for the same facts: most units ask for the same."""
        return self._as_before.setdefault(frozenset(self.found), tuple(sorted(self.found, key=str)))


def _value(facts: LoadFacts, fact: Fact) -> Any:
    """What it is here; nothing that anything equals, where there is no such fact."""
    if isinstance(fact, str):
        return getattr(facts, fact, _NOTHING)
    name, word = fact
    return getattr(facts, name, lambda _: _NOTHING)(word)


def _digest(files: UnitFiles) -> bytes:
    """Of everything but the times of the files: generators make theirs at each boot."""
    from _blake2 import blake2b

    texts = [(text.path, text.text) for text in (files.fragment, *files.dropins) if text is not None]
    what = (texts, *files.replace(fragment=files.fragment is None, dropins=()))
    return blake2b(repr(what).encode(), digest_size=20).digest()


def _of_today(definition: UnitDefinition, files: UnitFiles) -> UnitDefinition:
    """With the times that its files have now."""
    mtime_usec = newest(files)
    if definition.mtime_usec == mtime_usec or definition.load_state is LoadState.NOT_FOUND:
        return definition
    return definition.replace(mtime_usec=mtime_usec)


def _encode(piece: dict[Any, Any]) -> bytes:
    from _pickle import dumps

    data = dumps(piece, 4)
    return len(data).to_bytes(_NUMBER, "little") + crc32(data).to_bytes(_NUMBER, "little") + data


def _read_own(path: str) -> bytes:
    """Of a file that nobody else may write to."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return b""
    with open(fd, "rb", 0) as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o022 or status.st_uid not in (0, os.geteuid()):
            return b""
        try:
            return file.read(status.st_size)
        except OSError:
            return b""
