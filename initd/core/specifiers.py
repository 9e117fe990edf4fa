"""`%` specifiers: what each letter stands for in a unit's settings (systemd.unit(5), SPECIFIERS)."""

from __future__ import annotations

from initd.core import unitname
from initd.core.sources import LoadFacts

#: os-release(5) fields.
_OS_RELEASE = {"A": "IMAGE_VERSION", "B": "BUILD_ID", "M": "IMAGE_ID", "o": "ID", "w": "VERSION_ID", "W": "VARIANT_ID"}
#: LoadFacts fields that are the text itself.
_FACTS = {
    "a": "architecture", "b": "boot_id", "C": "cache_directory", "E": "configuration_directory", "g": "group",
    "G": "gid", "h": "home", "H": "hostname", "L": "logs_directory", "m": "machine_id", "R": "cgroup_root",
    "s": "shell", "S": "state_directory", "t": "runtime_directory", "T": "tmp_directory", "u": "user", "U": "uid",
    "v": "kernel_release", "V": "var_tmp_directory",
}


class SpecifierError(ValueError):
    """A letter that stands for nothing, or for something that this unit does not have."""


class Specifiers:
    """The specifiers of one unit. `fragment_path` is where its own file is, or empty."""

    def __init__(self, name: str, fragment_path: str, facts: LoadFacts) -> None:
        self.name = name
        self.fragment_path = fragment_path
        self.facts = facts
        self._known: dict[str, str] = {"%": "%"}

    def expand(self, text: str) -> str:
        """The text with every specifier replaced. SpecifierError for a letter that means nothing.

        A "%" that no letter or digit follows stays, as in systemd.
        """
        if "%" not in text:
            return text
        out = []
        position = 0
        while True:
            start = text.find("%", position)
            letter = text[start + 1:start + 2]
            if start < 0 or not letter:
                out.append(text[position:])
                return "".join(out)
            out.append(text[position:start])
            if letter == "%" or (letter.isascii() and letter.isalnum()):
                value = self._known.get(letter)
                if value is None:
                    value = self._known[letter] = self._value(letter)
                out.append(value)
            else:
                out.append("%" + letter)
            position = start + 2

    def _value(self, letter: str) -> str:
        name = self.name
        if letter in _FACTS:
            return str(getattr(self.facts, _FACTS[letter]))
        if letter in _OS_RELEASE:
            return self.facts.os_release.get(_OS_RELEASE[letter], "")
        if letter == "n":
            return name
        if letter == "N":
            return name.rpartition(".")[0]
        if letter == "p":
            return unitname.prefix(name)
        if letter == "i":
            return unitname.instance(name)
        if letter == "P":
            return _unescape(unitname.prefix(name))
        if letter == "I":
            return _unescape(unitname.instance(name))
        if letter == "j":
            return unitname.prefix(name).rpartition("-")[2]
        if letter == "J":
            return _unescape(unitname.prefix(name).rpartition("-")[2])
        if letter == "f":
            return _path(unitname.instance(name) or unitname.prefix(name))
        if letter == "y":
            return self.fragment_path
        if letter == "Y":
            return self.fragment_path.rpartition("/")[0]
        if letter == "d":
            return f"{self.facts.runtime_directory}/credentials/{name}"
        if letter == "l":
            return self.facts.hostname.partition(".")[0]
        if letter == "q":
            return self.facts.pretty_hostname or self.facts.hostname.partition(".")[0]
        if letter == "r":
            return self.facts.cgroup_root
        if letter == "c":
            # As systemd 252 answers, which expands it before the unit has its slice.
            return f"{self.facts.cgroup_root}/{name}"
        raise SpecifierError("Invalid slot")


def _unescape(text: str) -> str:
    try:
        return unitname.unescape(text)
    except ValueError:
        raise SpecifierError("Invalid argument") from None


def _path(text: str) -> str:
    try:
        return unitname.unescape_path(text)
    except ValueError:
        raise SpecifierError("Invalid argument") from None
