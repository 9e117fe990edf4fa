"""supervisord.conf: text → sections and options, each with file and line; expressions and values as supervisor takes them.

The parser is the one that supervisor uses, Python's configparser, told what supervisor tells it: comments behind a value,
sections and options that repeat. Source: supervisor's documentation, Configuration File.
"""

from __future__ import annotations

import re
from configparser import Error, MissingSectionHeaderError, ParsingError, RawConfigParser

from initd.core import signals
from initd.core.importing.made import HOST, INSTANCE, LONE_VARIABLE, VARIABLE, VARIABLE_END, BadImport, directory_of
from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TRUE, _FALSE = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
_UNITS = {"kb": 1024, "mb": 1024**2, "gb": 1024**3}
_NUMBER = re.compile(r"%\(process_num\)([-#0 +]*\d*(?:\.\d+)?[diouxXsr])")
#: A variable between spaces: what is in it are words of the command, as many as there are.
_LONE = re.compile(r"(?:(?<=\s)|(?<=^))%\(ENV_([^)]+)\)s(?=\s|$)")
_COMMENTS = re.compile(r"(?:\s+|#[^\n]*)*")
#: One word as shlex.shlex() has it, with supervisor's additions to what a word may hold.
_TOKEN = re.compile(
    r"""(?:\s+|\#[^\n]*+)*+("[^"]*"|'[^']*'|[\w/.+\-():\ue000-\ue005][\w/.+\-():'"\ue000-\ue005]*|[^\s"'#])""",
    re.ASCII)


class Option(Record):
    """What stands behind "="."""

    name: str
    value: str
    file: str
    line: int


class Section(Record):
    """`line` is that of its header, the last one where it repeats."""

    name: str
    file: str
    line: int
    options: dict[str, Option] = {}

    @property
    def kind(self) -> str:
        return self.name.partition(":")[0]

    @property
    def own_name(self) -> str:
        return self.name.partition(":")[2].strip()

    def bad(self, reason: str) -> BadImport:
        return BadImport(self.file, self.line, f"[{self.name}] {reason}")


def bad(option: Option, reason: str) -> BadImport:
    return BadImport(option.file, option.line, f"{option.name}={option.value}: {reason}")


class _Lines(dict[str, object]):
    """configparser's dictionary for one section, or for all of them: remembers when an option, or a section, was last set."""

    current = 0

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}
        self.begin = _Lines.current

    def __setitem__(self, key: str, value: object) -> None:
        if type(value) is list:  # an option, in the middle of reading: its value's lines
            self.lines[key] = _Lines.current
        super().__setitem__(key, value)


def read(text: str, path: str, into: dict[str, Section]) -> None:
    """Adds what one file says. BadImport for what is no such file."""
    parser = RawConfigParser(dict_type=_Lines, inline_comment_prefixes=(";", "#"), strict=False)  # type: ignore[arg-type]
    try:
        parser.read_file(_counted(text), path)
    except MissingSectionHeaderError as error:
        raise BadImport(path, error.lineno, "there is no section header before this line.") from None
    except ParsingError as error:
        raise BadImport(path, int(error.errors[0][0]), f"neither a section nor an option: {error.errors[0][1]}") from None
    except Error as error:
        raise BadImport(path, _Lines.current, " ".join(str(error).split())) from None
    here = directory_of(path)
    sections: dict[str, _Lines] = parser._sections  # type: ignore[attr-defined]  # which has the lines
    for name, found in sections.items():
        lines = parser._defaults.lines | found.lines  # type: ignore[attr-defined]
        old = into[name].options if name in into else {}
        own = {key: Option(key, value.replace("%(here)s", here), path, lines[key]) for key, value in parser.items(name)}
        into[name] = Section(name, path, found.begin, old | own)


def _counted(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        _Lines.current = number
        yield line


# --- expressions ------------------------------------------------------------------------------------------------------


class Names(dict[str, object]):
    """What "%(…)s" may name. `is_late`: variables that nobody has set are left to be filled in when the command runs."""

    is_late = False

    def __missing__(self, key: str) -> str:
        if key == "host_node_name":
            return HOST
        if self.is_late and key.startswith("ENV_"):
            return f"{VARIABLE}{key[4:]}{VARIABLE_END}"
        raise KeyError(key)

    def with_late(self) -> Names:
        found = Names(self)
        found.is_late = True
        return found


def number_formats(text: str) -> set[str]:
    """How the number of a process is written in it."""
    return set(_NUMBER.findall(text))


def expand(option: Option, names: Mapping[str, object], is_instance: bool = False) -> str:
    """BadImport for what is not known. Of an instance the number of the process is its name."""
    text = option.value
    if is_instance:
        text = _NUMBER.sub(INSTANCE, text)
    if isinstance(names, Names) and names.is_late:
        text = _LONE.sub(lambda found: found[0] if f"ENV_{found[1]}" in names else
                         f"{LONE_VARIABLE}{found[1]}{VARIABLE_END}", text)
    try:
        return text % names
    except KeyError as error:
        name = str(error.args[0])
        if name.startswith("ENV_"):
            raise bad(option, f"the variable {name[4:]} is not set; import with it in the environment.") from None
        raise bad(option, f"%({name})s means nothing here.") from None
    except (ValueError, TypeError) as error:
        raise bad(option, f"{error}.") from None


def pairs(option: Option, text: str) -> dict[str, str]:
    """KEY=value,KEY2="value 2" (shlex, without sh's escapes)."""
    tokens = []
    position = 0
    text = text.strip()
    while position < len(text):
        token = _TOKEN.match(text, position)
        if not token:
            if _COMMENTS.fullmatch(text, position):
                break
            raise bad(option, "a quote is not closed.")
        tokens.append(token[1])
        position = token.end()
    found = {}
    for first in range(0, len(tokens), 4):
        triple = tokens[first:first + 3]
        if len(triple) != 3 or triple[1] != "=":
            raise bad(option, "not of the form KEY=value,KEY2=value2; values with other characters than letters, digits and "
                              "_/.+-(): need quotes.")
        found[triple[0]] = triple[2].strip("'\"")
    return found


# --- values -----------------------------------------------------------------------------------------------------------


def integer(option: Option) -> int:
    try:
        return int(option.value)
    except ValueError:
        raise bad(option, "not a number.") from None


def boolean(option: Option) -> bool:
    word = option.value.lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise bad(option, "neither true nor false.")


def octal(option: Option) -> int:
    try:
        return int(option.value, 8)
    except ValueError:
        raise bad(option, "not an octal number.") from None


def size(option: Option) -> int:
    """Bytes."""
    word = option.value.lower()
    try:
        return int(word[:-2]) * _UNITS[word[-2:]] if word[-2:] in _UNITS else int(word)
    except ValueError:
        raise bad(option, "not a number of bytes, KB, MB or GB.") from None


def strings(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")] if text else []


def exit_codes(option: Option) -> list[int]:
    try:
        codes = [int(word) for word in option.value.split(",")] if option.value else []
    except ValueError:
        codes = [-1]
    if any(not 0 <= code <= 255 for code in codes):
        raise bad(option, "not a list of exit statuses from 0 to 255.")
    return codes


def signal(option: Option) -> str:
    """As systemd calls it."""
    try:
        return signals.name(signals.number(option.value.strip().upper()))
    except ValueError:
        raise bad(option, "there is no such signal.") from None
