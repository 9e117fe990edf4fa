"""What a directive is: the words that the directive tables are written in.

A `Directive` says for one key: how its text becomes a value (`parse`), where the value goes (`group`, `field`), what it
does to the value that is already there (`merge`), which D-Bus properties show it (`properties`), and what becomes of it
in a container (`fate`). The tables are in `directives_*`, all of them together in `directives.TABLE`.
"""

from __future__ import annotations

from initd.core.enumeration import Enum
from initd.core.record import Record
from initd.core.sections import Group
from initd.core.sources import LoadFacts
from initd.core.specifiers import SpecifierError, Specifiers
from initd.core.states import Fate
from initd.core.values import LOG_WARNING, Diagnostic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Parser = Callable[..., Any]
    Show = Callable[[Any, LoadFacts], Any]


class BadValue(ValueError):
    """The assignment is ignored; the text is the reason, in systemd's words."""


class FatalValue(BadValue):
    """The unit does not load (LoadState=bad-setting), and the rest of the file is not read."""


class Merge(Enum):
    """What an assignment does to what earlier ones have set."""

    #: The new value stands. An empty text is parsed like any other.
    REPLACE = "replace"
    #: The new value stands. An empty text goes back to the default.
    REPLACE_OR_RESET = "replace-or-reset"
    #: The new tuple is appended. An empty text empties the list.
    APPEND = "append"
    #: `parse(context, text, old)` gives the whole new value, or adds to an `Unfinished` one that it gave before. An empty
    #: text goes back to the default.
    FOLD = "fold"
    #: As FOLD, an empty text included.
    FOLD_ALL = "fold-all"
    #: `parse(context, text)` does everything itself: dependencies, and directives that set several fields.
    SPREAD = "spread"


class Property(Record):
    """One D-Bus property that shows a setting: `show(settings, facts)` is its plain value, of type `signature`.

    The interface is org.freedesktop.systemd1.Unit for Group.UNIT, else that of the unit's type.
    """

    name: str
    signature: str
    show: Show


class Directive(Record):
    """One key of a section. A key that systemd accepts and does nothing with has no field and no properties."""

    key: str
    group: Group
    field: str
    parse: Parser
    merge: Merge = Merge.REPLACE
    properties: tuple[Property, ...] = ()
    fate: Fate = Fate.APPLIED
    #: Why it is not applied; empty where it is.
    reason: str = ""


class Context:
    """Where an assignment stands, for the parser that reads it."""

    __slots__ = ("name", "specifiers", "facts", "draft", "path", "line", "key", "diagnostics")

    def __init__(self, name: str, specifiers: Specifiers, facts: LoadFacts, draft: Any,
                 diagnostics: list[Diagnostic]) -> None:
        self.name = name
        self.specifiers = specifiers
        self.facts = facts
        #: What is being filled in: `load.Draft`, as far as the SPREAD parsers know it (`set`, `add_dependency`).
        self.draft = draft
        self.diagnostics = diagnostics
        self.path = ""
        self.line = 0
        self.key = ""

    def warn(self, text: str) -> None:
        """Part of the assignment is ignored."""
        self.diagnostics.append(Diagnostic(LOG_WARNING, self.path, self.line, text, "part"))

    def advise(self, text: str, priority: int = LOG_WARNING) -> None:
        """The assignment is in force, and should be written otherwise."""
        self.diagnostics.append(Diagnostic(priority, self.path, self.line, text, "nothing"))

    def expand(self, text: str, is_quoted: bool = True) -> str:
        """The text with specifiers replaced; the whole assignment is ignored where that fails.

        `is_quoted`: whether systemd's words for it have quotes around the text.
        """
        try:
            return self.specifiers.expand(text)
        except SpecifierError as error:
            shown = f"'{text}'" if is_quoted else text
            raise BadValue(f"Failed to resolve unit specifiers in {shown}, ignoring: {error}") from None

    def expand_or_fail(self, text: str, is_quoted: bool = True) -> str:
        """As `expand`, for directives without which the unit must not run."""
        try:
            return self.specifiers.expand(text)
        except SpecifierError as error:
            shown = f"'{text}'" if is_quoted else text
            raise FatalValue(f"Failed to resolve unit specifiers in {shown}: {error}") from None

    def expand_each(self, texts: Iterable[str]) -> list[str]:
        """The texts with specifiers replaced; one that cannot be is left out, with a word about it."""
        out = []
        for text in texts:
            try:
                out.append(self.specifiers.expand(text))
            except SpecifierError as error:
                self.warn(f"Failed to resolve unit specifiers in '{text}', ignoring: {error}")
        return out


def plain(value: Any) -> Any:
    """A field's value as D-Bus carries it: words for enums, lists for tuples."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [tuple(item) if isinstance(item, tuple) else plain(item) for item in value]
    return value


def shows(name: str, signature: str, field: str, default: Any = None) -> Property:
    """The property that shows a field as it is; `default` stands for None."""
    if default is None:
        return Property(name, signature, lambda settings, facts: plain(getattr(settings, field)))

    def show(settings: Any, facts: LoadFacts) -> Any:
        value = getattr(settings, field)
        return default if value is None else plain(value)

    return Property(name, signature, show)


def shows_fact(name: str, signature: str, field: str, fact: str) -> Property:
    """The property that shows a field, or a fact of the machine where the unit does not set it (None or "")."""

    def show(settings: Any, facts: LoadFacts) -> Any:
        value = getattr(settings, field)
        return getattr(facts, fact) if value is None or value == "" else plain(value)

    return Property(name, signature, show)
