"""A directory of service directories, as runit and s6 have them: what is in it, read."""

from __future__ import annotations

from initd.core.importing.made import BadImport
from initd.core.record import Record


class File(Record):
    text: str
    is_executable: bool = False


class Tree:
    """Files by their path below the directory, "NAME/run"."""

    def __init__(self, path: str, files: dict[str, File]) -> None:
        self.path = path
        self._files = files

    def names(self, below: str = "") -> list[str]:
        """What is in this directory, sorted."""
        start = f"{below}/" if below else ""
        return sorted({path[len(start):].partition("/")[0] for path in self._files if path.startswith(start)})

    def has(self, path: str) -> bool:
        return path in self._files

    def text(self, path: str) -> str:
        """Without white space around it; empty where there is no such file."""
        file = self._files.get(path)
        return file.text.strip() if file else ""

    def number(self, path: str, default: int) -> int:
        text = self.text(path)
        if not text:
            return default
        if not text.isdecimal():
            raise BadImport(f"{self.path}/{path}", 1, f"{text!r} is no number.")
        return int(text)

    def program(self, path: str) -> str:
        """The absolute path of a script. BadImport where it cannot be run."""
        if not self._files[path].is_executable:
            raise BadImport(f"{self.path}/{path}", 0, "is not executable.")
        return f"{self.path}/{path}"
