"""The text of a unit file → its assignments, each with its line (systemd.syntax(7)).

The parser is the standard library's `configparser`, told systemd's dialect: keys keep their case and repeat, only a
whole line is a comment, nothing is interpolated. What configparser does not know is done to the text on its way in:
a backslash joins a line to the next one (comments between them drop out), and NUL and CR end lines too; lines that are
no assignment are reported and left out. Its option dictionary is replaced by one that hands every assignment over
instead of keeping the last.

What real systemd 252 does with each bad form was tried: a line without "=", without a key, or before the first section
is reported and skipped; a malformed section header, text that is not UTF-8 and a line over 1 MiB end the reading, and
the unit fails to load with what was read so far. Nothing here raises, and the work grows with the text, not faster.
"""

from __future__ import annotations

from configparser import RawConfigParser

from initd.core.record import Record
from initd.core.values import LOG_ERR, LOG_WARNING, Diagnostic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: systemd's LONG_LINE_MAX: for one line, and for one joined by backslashes.
MAX_LINE = 1024 * 1024

_SPACE = " \t\n\r"
#: Cannot be a section of a file: no line holds a line break.
_OUTSIDE = "\n"
#: How many sections the one parser remembers before it is made anew.
_MAX_SECTIONS = 32


class Assignment(Record):
    """One `key=value`, with the last line it stands on. Leading and trailing white space is gone."""

    section: str
    key: str
    value: str
    line: int


class Section(Record):
    """A section header; only `Parsed.sections` holds them."""

    name: str
    line: int


class Parsed(Record):
    """What a file says. `failure` is empty, or the name of the error that ended the reading ("EBADMSG", …)."""

    assignments: tuple[Assignment, ...]
    diagnostics: tuple[Diagnostic, ...]
    sections: tuple[Section, ...] = ()
    failure: str = ""


def parse(text: str, path: str) -> Parsed:
    """The assignments of a file, in order, up to its end or the first fault that ends the reading.

    Bytes that were no UTF-8 arrive as surrogates (the `surrogateescape` error handler of whoever read the file).
    """
    return _reader.read(text, path)


class _Options(dict[str, object]):
    """configparser's section dictionary: an option goes to the reader, everything else is a dictionary's work."""

    def __setitem__(self, key: str, value: object) -> None:
        if type(value) is list:
            # One option, in the middle of reading: configparser hands over a list of its value's lines.
            _reader.on_option()
        else:
            super().__setitem__(key, value)


class _Reader:
    """One configparser for all files, as making one costs more than reading a small file."""

    def __init__(self) -> None:
        self.parser: RawConfigParser | None = None

    def read(self, text: str, path: str) -> Parsed:
        self.path = path
        self.assignments: list[Assignment] = []
        self.diagnostics: list[Diagnostic] = []
        self.sections: list[Section] = []
        self.section = _OUTSIDE
        self.key = self.value = ""
        self.line = 0
        self.failure = ""
        parser = self.parser
        if parser is None:
            parser = self.parser = _make_parser()
        parser.read_file(self.lines(text), path)
        if len(parser.sections()) > _MAX_SECTIONS:
            # They are empty, as no option is ever stored, and making one again costs more than finding it there.
            self.parser = None
        return Parsed(tuple(self.assignments), tuple(self.diagnostics), tuple(self.sections), self.failure)

    def lines(self, text: str) -> Iterator[str]:
        """The lines as configparser should see them: joined, stripped, without comments, each under a section."""
        for number, line in _logical_lines(text):
            self.line = number
            if len(line) > MAX_LINE:
                self.fail("ENOBUFS", "Line too long")
                return
            if not line.isascii() and not _is_utf8(line):
                self.fail("EINVAL", f"String is not UTF-8 clean, ignoring assignment: {_printable(line)}")
                return
            if line[0] == "[":
                if line[-1] != "]":
                    self.fail("EBADMSG", f"Invalid section header '{line}'")
                    return
                self.section = line[1:-1]
                self.sections.append(tuple.__new__(Section, (self.section, number)))  # type: ignore[type-var]
                yield line if self.section else "[ ]"  # "[]" is none for configparser
            elif self.takes(line):
                yield line

    def takes(self, line: str) -> bool:
        """Whether the line is an assignment that configparser understands as systemd does."""
        if self.section is _OUTSIDE:
            self.warn("Assignment outside of section. Ignoring.")
            return False
        key, equals, value = line.partition("=")
        if not equals or not key:
            # configparser would go on, too, and tell all of them at the end, in a text that grows with each.
            self.warn("Missing '=', ignoring line." if key else "Missing key name before '=', ignoring line.")
            return False
        self.key, self.value = key.rstrip(_SPACE), value.lstrip(_SPACE)
        if self.key.split() == [self.key]:
            return True
        # A vertical tab, a no-break space: to configparser such a line is indented, to systemd it is a key as any.
        self.on_option()
        return False

    def on_option(self) -> None:
        """The line is an assignment. Its parts are our own: configparser takes every Unicode space from their ends."""
        # As Assignment(…), without looking for names and defaults: this is done for every line of every file.
        item: Assignment = tuple.__new__(  # type: ignore[type-var]
            Assignment, (self.section, self.key, self.value, self.line)
        )
        self.assignments.append(item)

    def warn(self, text: str) -> None:
        self.diagnostics.append(Diagnostic(LOG_WARNING, self.path, self.line, text))

    def fail(self, failure: str, text: str) -> None:
        self.failure = failure
        self.diagnostics.append(Diagnostic(LOG_ERR, self.path, self.line, text))


def _make_parser() -> RawConfigParser:
    parser = RawConfigParser(
        dict_type=_Options,  # type: ignore[arg-type]
        delimiters=("=",),
        comment_prefixes=("#", ";"),
        inline_comment_prefixes=None,
        strict=False,
        empty_lines_in_values=False,
        default_section=_OUTSIDE,
        interpolation=None,
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    return parser


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Every line that is neither empty nor a comment, continuations joined, with the number of its last line."""
    #: The lines that wait for the next one, and their length: joined at the end, as each may be joined to thousands.
    pending: list[str] = []
    length = 0
    number = 0
    for number, raw in enumerate(_physical_lines(text), 1):
        stripped = raw.lstrip(_SPACE)
        if stripped[:1] in ("#", ";"):
            continue
        if stripped[:1] == "\ufeff":
            raw = stripped = stripped[1:]
        if raw.endswith("\\") and _ends_in_escape(raw):
            pending.append(raw[:-1] + " ")
            length += len(raw)
            if length <= MAX_LINE:
                continue
            # Too long already: let the caller see it, and end.
            yield number, "".join(pending)
            return
        if pending:
            pending.append(raw)
            line, pending, length = "".join(pending).strip(_SPACE), [], 0
        else:
            line = raw.strip(_SPACE)
        if line:
            yield number, line
    if pending and (line := "".join(pending).strip(_SPACE)):
        yield number, line


def _physical_lines(text: str) -> list[str]:
    if "\r" in text or "\0" in text:
        # As systemd's read_line(): each of these ends a line, and CR LF, LF CR, … end it once.
        text = text.replace("\r\n", "\n").replace("\n\r", "\n").replace("\n\0", "\n")
        text = text.replace("\r", "\n").replace("\0", "\n")
    return text.split("\n")


def _ends_in_escape(line: str) -> bool:
    """Whether the last backslash is not itself escaped."""
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _is_utf8(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(line: str) -> str:
    return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


_reader = _Reader()
