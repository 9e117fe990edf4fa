"""What an import makes: unit files as text, and remarks on what could not be carried over. How words are quoted for units.

Words may hold MARKS: private characters that stand for what only systemd knows when the unit runs, and that must not be escaped
as the text around them is.
"""

from __future__ import annotations

import re

from initd.core.record import Record

#: Specifiers: the machine's name, the home directory of the manager's user, the instance's name.
HOST, HOME, INSTANCE = "\ue000", "\ue001", "\ue002"
_SPECIFIERS = {HOST: "%H", HOME: "%h", INSTANCE: "%i"}
#: Around the name of a variable that is filled in when the command runs. The value of one that stands alone becomes words.
VARIABLE, LONE_VARIABLE, VARIABLE_END = "\ue003", "\ue004", "\ue005"
_VARIABLE = re.compile(f"([{VARIABLE}{LONE_VARIABLE}])([^{VARIABLE_END}]*){VARIABLE_END}")
#: What needs no quotes, wherever it stands in a line of words.
_PLAIN = re.compile(r"[\w@%+=:,./$\-{}\ue000-\ue002]+", re.ASCII)
_UNFIT = re.compile(r"[^A-Za-z0-9_.\-]")
#: Where sections stand in a file; others between these.
_ORDER = {"Unit": 0, "Install": 2}
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Remark(Record):
    """What was not carried over as it stood, and why. `line` is 0 where it is about the whole file."""

    file: str
    line: int
    option: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.option}: {self.reason}" if self.option else f"{where}: {self.reason}"


class MadeUnit(Record):
    """One file. `enable` are the names that `systemctl enable` is to be told, for what the source starts by itself."""

    name: str
    text: str
    enable: tuple[str, ...] = ()


class Imported(Record):
    units: tuple[MadeUnit, ...] = ()
    remarks: tuple[Remark, ...] = ()


class BadImport(Exception):
    """The source makes no sense, or its own program would refuse it: nothing is written. Names file and line."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}" if line else f"{file}: {reason}")


class Draft:
    """A unit file that is being written. `origin` is what it is made from, as a comment says it."""

    def __init__(self, name: str, description: str, origin: str) -> None:
        self.name = name
        self._origin = origin
        self._sections: dict[str, list[tuple[str, str]]] = {"Unit": [("Description", plain(description))]}
        self.remarks: list[Remark] = []

    def set(self, section: str, key: str, value: str | int) -> None:
        self._sections.setdefault(section, []).append((key, str(value)))

    def made(self, enable: tuple[str, ...] = ()) -> MadeUnit:
        lines = [f"# Made by pyinit import from {self._origin}."]
        if self.remarks:
            lines.append("# Not carried over as it stood:")
            lines += [f"#   {_one_line(str(remark))}" for remark in dict.fromkeys(self.remarks)]
        for section in sorted(self._sections, key=lambda name: _ORDER.get(name, 1)):
            lines += ["", f"[{section}]"]
            lines += [f"{key}={value}" for key, value in self._sections[section]]
        return MadeUnit(self.name, "\n".join(lines) + "\n", enable)


def directory_of(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def joined(directory: str, path: str) -> str:
    """An absolute path, without "." and ".."."""
    found: list[str] = []
    for part in (path if path.startswith("/") else f"{directory}/{path}").split("/"):
        if part == "..":
            del found[-1:]
        elif part not in ("", "."):
            found.append(part)
    return "/" + "/".join(found)


def stem(name: str) -> str:
    """A name as it can stand before "@" or the suffix of a unit's."""
    return _UNFIT.sub(lambda found: "".join(f"\\x{byte:02x}" for byte in found[0].encode("utf-8", "surrogateescape")), name)


def plain(text: str) -> str:
    """The value of a setting that is not split into words: a path, a user."""
    return _marked(text.replace("%", "%%"))


def quoted(word: str) -> str:
    """One word of a line like Environment=."""
    return _marked(_quote(word.replace("%", "%%")))


def variable(name: str, value: str) -> str | None:
    """One word of Environment=; None where systemd takes the name for none."""
    return quoted(f"{name}={value}") if _KEY.fullmatch(name) else None


def command_line(argv: list[str]) -> str:
    """The value of ExecStart=. The program is no pattern for variables, its arguments are."""
    return " ".join([quoted(argv[0]), *map(_argument, argv[1:])])


def _argument(word: str) -> str:
    lone = _VARIABLE.fullmatch(word)
    if lone and lone[1] == LONE_VARIABLE:
        return f"${lone[2]}"
    return _marked(_quote(word.replace("%", "%%").replace("$", "$$")))


def variables(text: str) -> list[str]:
    """The names of those that are filled in when the command runs."""
    return [name for _, name in _VARIABLE.findall(text)]


def _quote(word: str) -> str:
    if _PLAIN.fullmatch(_VARIABLE.sub("x", word)):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f'"{escaped}"'


def _marked(text: str) -> str:
    for mark, specifier in _SPECIFIERS.items():
        text = text.replace(mark, specifier)
    return _VARIABLE.sub(r"${\2}", text)


def _one_line(text: str) -> str:
    return " ".join(text.split())
