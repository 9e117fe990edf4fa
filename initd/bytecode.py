"""The byte code of all modules in one file beside the package: an import is a look at the source's date, and one read.

The manager's modules are there in three quarters of the time that their `__pycache__` takes. The file is written when the
package is installed (`python3 -IS LIB/initd/bytecode.py`); without it, and for a module whose source is another one by now,
imports go the usual way.

    magic number of the interpreter's byte code   4 bytes
    size of the index                             8 bytes, little-endian
    index                                         marshalled: {name: (source, is it a package, source's size and mtime in
                                                  ns, offset, size)}
    code objects                                  marshalled, each by itself, so that one can be read and let go
"""

from __future__ import annotations

import marshal
import posix
import sys
from _frozen_importlib_external import MAGIC_NUMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

    Index = dict[str, tuple[str, bool, int, int, int, int]]

_SIZE_AT, _INDEX_AT = 4, 12
_SPEC: type[ModuleSpec] = type(sys.__spec__)  # importlib.machinery takes its time
#: They run long, or are waited for: what these need of the standard library is in the file as well.
_PROGRAMS = ("initd.manager", "_pickle", "initd.journal.main", "initd.cli.systemctl", "initd.cli.journalctl")


class Finder:
    """On sys.meta_path (`find_spec`: The import system, 5.3). It answers None, never with an error: others look behind it.

    The file stays open, so whoever has begun with one goes on with it when an upgrade replaces it."""

    def __init__(self, path: str) -> None:
        """OSError, ValueError, EOFError or TypeError where that is no such file, or of another interpreter."""
        #: Every module that was asked for could be had.
        self.is_whole = True
        self._fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            status = posix.fstat(self._fd)
            self._identity = _identity(status)
            #: Of this file, and of no other.
            self.stamp = (status.st_size, status.st_mtime_ns)
            head = posix.pread(self._fd, _INDEX_AT, 0)
            if head[:_SIZE_AT] != MAGIC_NUMBER:
                raise ValueError(f"{path} is of another interpreter")
            size = int.from_bytes(head[_SIZE_AT:], "little")
            self._base = _INDEX_AT + size
            self._index: Index = marshal.loads(posix.pread(self._fd, size, _INDEX_AT))
        except BaseException:
            posix.close(self._fd)
            raise

    def find_spec(self, name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in self._index:
            return None
        source, is_package, size, mtime_nsec, at, length = self._index[name]
        directory = source.rpartition("/")[0]
        if (directory.rpartition("/")[0] if is_package else directory) not in (sys.path if path is None else path):
            return None
        try:
            found = posix.stat(source)
            if (found.st_size, found.st_mtime_ns) != (size, mtime_nsec) or _identity(posix.fstat(self._fd)) != self._identity:
                raise ValueError("not what it was")
            code = marshal.loads(posix.pread(self._fd, length, self._base + at))
        except (OSError, ValueError, EOFError, TypeError):
            self.is_whole = False
            return None
        # what the interpreter asks of a loader is in it, but importlib.abc is not imported for that
        spec = _SPEC(name, Loader(source, code), origin=source, is_package=is_package)  # type: ignore[arg-type]
        if is_package:
            spec.submodule_search_locations = [directory]
        return spec


class Loader:
    """Of one module."""

    def __init__(self, source: str, code: CodeType) -> None:
        self._source = source
        self._code: CodeType | None = code

    def create_module(self, _spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        code, self._code = self._code, None
        assert code is not None, "a module is loaded once"
        module.__file__ = self._source
        exec(code, module.__dict__)


def _identity(status: posix.stat_result) -> tuple[int, int]:
    """Somebody who closes all descriptors may have closed ours, and its number may be another file's by now."""
    return status.st_dev, status.st_ino


def use(path: str) -> Finder | None:
    """Look into this file first, but behind what the interpreter has built in; None where it is of no use."""
    try:
        finder = Finder(path)
    except (OSError, ValueError, EOFError, TypeError):
        return None
    sys.meta_path.insert(len(sys.meta_path) - 1, finder)
    return finder


def write(path: str, modules: Iterable[tuple[str, str]]) -> None:
    """`modules` are names and source files. The file is there whole or not at all."""
    index: Index = {}
    codes = []
    at = 0
    for name, source in modules:
        with open(source, "rb") as file:
            found = posix.fstat(file.fileno())
            code = marshal.dumps(compile(file.read(), source, "exec", dont_inherit=True))
        index[name] = (source, source.endswith("/__init__.py"), found.st_size, found.st_mtime_ns, at, len(code))
        codes.append(code)
        at += len(code)
    head = marshal.dumps(index)
    try:
        with open(path + ".new", "wb") as file:
            file.write(b"".join((MAGIC_NUMBER, len(head).to_bytes(8, "little"), head, *codes)))
        posix.replace(path + ".new", path)
    except OSError:
        try:
            posix.unlink(path + ".new")
        except OSError:
            pass
        raise


def modules_below(library: str, package: str = "initd") -> list[tuple[str, str]]:
    """(name, source) of all modules of a package, but for what is run as a file."""
    found = []
    for entry in sorted(posix.listdir(f"{library}/{package.replace('.', '/')}")):
        path = f"{library}/{package.replace('.', '/')}/{entry}"
        if entry == "__init__.py":
            found.append((package, path))
        elif entry.endswith(".py") and entry != "__main__.py":
            found.append((f"{package}.{entry[:-3]}", path))
        elif "." not in entry and _exists(path + "/__init__.py"):
            found += modules_below(library, f"{package}.{entry}")
    return found


def _exists(path: str) -> bool:
    try:
        posix.stat(path)
    except OSError:
        return False
    return True


def main() -> None:
    """Write the file of the library that this module is in, with what it needs of the standard library."""
    library = __file__.rpartition("/")[0].rpartition("/")[0]
    path = library + "/initd.bytecode"
    sys.path.insert(0, library)
    __import__("initd.bytecode")  # these two alone are never in it: they are compiled on the way
    sys.dont_write_bytecode = True
    ours = modules_below(library)
    write(path, ours)
    use(path)
    for name in _PROGRAMS:
        __import__(name)
    names = {name for name, _ in ours}
    others = [(name, str(module.__spec__.origin)) for name, module in sorted(sys.modules.items())
              if name not in names and module.__spec__ and module.__spec__.cached]
    write(path, ours + others)


if __name__ == "__main__":
    main()
