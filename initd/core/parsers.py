"""The small grammars of values: booleans, numbers, sizes, modes, spans, paths, lists.

A parser takes a `Context` and the text and gives a value, or raises `BadValue` with systemd's words. Many are made by a
function that gets the words for the message. Command lines are in `commandline`, sandboxing words in `directives_exec`.
"""

from __future__ import annotations

from initd.core import numbers, signals, timespan, unitname, words
from initd.core.directive import BadValue, Context, FatalValue
from initd.core.enumeration import Enum
from initd.core.numbers import to_int
from initd.core.unfinished import Names, Numbers
from initd.core.values import INFINITY, LOG_NOTICE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

def bad(what: str, text: str) -> BadValue:
    return BadValue(f"Failed to parse {what}, ignoring: {text}")


# --- parsers ------------------------------------------------------------------------------------------------------


def boolean(context: Context, text: str) -> bool:
    try:
        return numbers.to_bool(text)
    except ValueError:
        raise bad("boolean value", text) from None


def fatal_boolean(context: Context, text: str) -> bool:
    """For what a unit must not run without."""
    try:
        return numbers.to_bool(text)
    except ValueError:
        raise FatalValue(str(bad("boolean value", text))) from None


def integer(low: int, high: int, what: str = "integer value") -> Callable[[Context, str], int]:
    def parse(context: Context, text: str) -> int:
        try:
            return to_int(text, low, high)
        except ValueError:
            raise bad(what, text) from None

    return parse


unsigned = integer(0, 2**32 - 1, "unsigned value")
long = integer(-(2**63), 2**63 - 1, "long value")


def word_of(known: Iterable[str], what: str, *, empty: str | None = None) -> Callable[[Context, str], str]:
    """One of some words; an empty text is `empty`, where that is given."""
    allowed = frozenset(known)

    def parse(context: Context, text: str) -> str:
        if not text and empty is not None:
            return empty
        if text not in allowed:
            raise bad(what, text)
        return text

    return parse


def bool_or_word(known: Iterable[str], what: str, yes: str = "yes", no: str = "no") -> Callable[[Context, str], str]:
    """A boolean, as "yes" and "no", or one of some words."""
    allowed = frozenset(known)

    def parse(context: Context, text: str) -> str:
        if text in allowed:
            return text
        try:
            return yes if numbers.to_bool(text) else no
        except ValueError:
            raise bad(what, text) from None

    return parse


def member_of(kind: type[Enum], what: str) -> Callable[[Context, str], Any]:
    def parse(context: Context, text: str) -> Any:
        try:
            return kind(text)
        except ValueError:
            raise bad(what, text) from None

    return parse


def string(context: Context, text: str) -> str:
    return text


def expanded(context: Context, text: str) -> str:
    """A text with specifiers."""
    return context.expand(text)


def expanded_words(context: Context, text: str) -> tuple[str, ...]:
    """Words, each with specifiers; quoting as everywhere."""
    return tuple(context.expand_each(split(context, text)))


def split(context: Context, text: str, unescape: bool = True) -> list[str]:
    """The words of the text; the assignment is ignored where a quote never closes."""
    try:
        return words.split(text, unescape=unescape)
    except ValueError as error:
        raise BadValue(f"{error}, ignoring: \"{text}\"") from None


def mode(context: Context, text: str) -> int:
    """An access mode, in octal."""
    if not text or not set(text) <= set("01234567") or int(text, 8) > 0o7777:
        raise bad("mode value", text)
    return int(text, 8)


def seconds(what: str = "sec value", *, empty: int | None = None, zero: int | None = None) -> Callable[[Context, str],
                                                                                                       int]:
    """A time span in microseconds. `empty` and `zero` say what an empty text and 0 mean, where it is something else."""

    def parse(context: Context, text: str) -> int:
        if not text and empty is not None:
            return empty
        try:
            usec = timespan.parse(text)
        except ValueError:
            raise bad(what, text) from None
        return zero if usec == 0 and zero is not None else usec

    return parse


def nanoseconds(context: Context, text: str) -> int:
    try:
        return timespan.parse_nsec(text)
    except ValueError:
        raise bad("nsec value", text) from None


def size(low: int = 0, high: int = INFINITY - 1) -> Callable[[Context, str], int]:
    def parse(context: Context, text: str) -> int:
        try:
            value = numbers.to_size(text)
        except ValueError:
            raise bad("size value", text) from None
        if not low <= value <= high:
            raise bad("size value", text)
        return value

    return parse


def signal(context: Context, text: str) -> int:
    try:
        return signals.number(text)
    except ValueError:
        raise bad("signal name", text) from None


def check_path(context: Context, path: str) -> str:
    """The absolute path, double slashes and a slash at the end removed. BadValue where it is none."""
    problem = path_problem(path)
    if problem == _TOO_LONG:
        length = len(path.encode("utf-8", "surrogateescape"))
        raise BadValue(f"{context.key}= path has invalid length ({length} bytes), ignoring.")
    if problem:
        raise BadValue(f"{context.key}= path is {problem}, ignoring: {path}")
    return simplify(path)


#: PATH_MAX and NAME_MAX.
_TOO_LONG, _MAX_PATH, _MAX_NAME = "too long", 4096, 255


def path_problem(path: str) -> str:
    """What is wrong with this as an absolute path; empty where nothing is."""
    if not path.startswith("/"):
        return "not absolute"
    if any(ord(char) < 32 for char in path) or "\x7f" in path:
        return "not valid"
    parts = path.encode("utf-8", "surrogateescape").split(b"/")
    if b".." in parts:
        return "not normalized"
    return _TOO_LONG if len(path) >= _MAX_PATH or max(map(len, parts)) > _MAX_NAME else ""


def simplify(path: str) -> str:
    """The path without double slashes, "." parts and a slash at the end."""
    if "//" not in path and "/." not in path and not (path.endswith("/") and len(path) > 1):
        return path
    parts = [part for part in path.split("/") if part and part != "."]
    return ("/" if path.startswith("/") else "") + "/".join(parts)


def path(context: Context, text: str) -> str:
    """An absolute path, with specifiers."""
    return check_path(context, context.expand(text))


def current_run(context: Context, path: str) -> str:
    """/var/run has been a link to /run for a decade; systemd corrects such a path and says so."""
    if not path.startswith("/var/run/"):
        return path
    context.advise(f"{context.key}= references a path below legacy directory /var/run/, updating {path} → {path[4:]}; "
                   "please update the unit file accordingly.", LOG_NOTICE)
    return path[4:]


def literal_path(context: Context, text: str) -> str:
    """An absolute path; "%" is nothing special."""
    return check_path(context, text)


def fatal_path(context: Context, text: str) -> str:
    """An absolute path without which the unit must not run."""
    try:
        return check_path(context, context.expand_or_fail(text))
    except FatalValue:
        raise
    except BadValue as error:
        raise FatalValue(str(error).replace(", ignoring:", ":")) from None


def path_words(context: Context, text: str) -> tuple[str, ...]:
    """Absolute paths, each with specifiers; a bad one is left out."""
    out = []
    for word in context.expand_each(split(context, text)):
        try:
            out.append(check_path(context, word))
        except BadValue as error:
            context.warn(str(error))
    return tuple(out)


def prefixed_path_words(context: Context, text: str) -> tuple[str, ...]:
    """Absolute paths that may have "-" (missing is fine) and "+" (below the root directory) in front."""
    out = []
    for word in split(context, text):
        bare = word[1:] if word.startswith("-") else word
        bare = bare[1:] if bare.startswith("+") else bare
        front = word[:len(word) - len(bare)]
        try:
            out.append(front + check_path(context, context.expand(bare)))
        except BadValue as error:
            context.warn(str(error))
    return tuple(out)


def interface_name(name: str, longest: int = 15) -> str:
    """The name of a network interface; ValueError where it cannot be one (the rules are the kernel's, and no number)."""
    is_valid = 0 < len(name) <= longest and name not in (".", "..") and not _INTERFACE_FORBIDS.intersection(name)
    if not is_valid or not name.isprintable() or name.isdecimal():
        raise ValueError(name)
    try:
        to_int(name, 0, INFINITY)
    except ValueError:
        return name
    raise ValueError(name)


_INTERFACE_FORBIDS = frozenset(" :/%")


def unit_name(context: Context, text: str, suffix: str = "", instantiates: bool = True) -> str:
    """A unit's name with specifiers; a template becomes this unit's own instance, or is ValueError."""
    name = context.expand(text)
    if unitname.is_template(name):
        if not instantiates:
            raise ValueError(name)
        own = unitname.instance(context.name) or unitname.prefix(context.name)
        name = unitname.instantiate(name, own)
    if not unitname.is_valid(name) or (suffix and not name.endswith(suffix)):
        raise ValueError(name)
    return name


def name_list(context: Context, text: str, old: Names | None, canonical: Callable[[str], str], failure: str) -> Names:
    """A list to allow, or with "~" to deny: the first line decides which of both it is, the others add or take away.

    `canonical` gives the word that is kept for one in the file, "" for a word that means nothing.
    """
    is_inverted = text.startswith("~")
    listed = context.expand_each(split(context, text[1:] if is_inverted else text))
    found = Names(not is_inverted) if old is None else old
    for word in listed:
        name = canonical(word)
        if not name:
            context.warn(f"{failure}, ignoring: {word}")
        elif found.allows == is_inverted:
            found.names.discard(name)
        else:
            found.names.add(name)
    return found


def cpu_set(context: Context, text: str, old: Numbers | tuple[int | str, ...] = ()) -> Numbers:
    """Numbers and ranges: "0-3,5 7"; and those that earlier lines named."""
    bits = 0
    for word in text.replace(",", " ").split():
        first, dash, last = word.partition("-")
        try:
            low = to_int(first, 0, 8191)
            high = to_int(last, 0, 8191) if dash else low
        except ValueError:
            raise bad("CPU set", text) from None
        if low > high:
            context.warn(f"Range '{word}' is invalid, {low} > {high}, ignoring.")
            continue
        bits |= (1 << high + 1) - (1 << low)
    found = old if isinstance(old, Numbers) else Numbers()
    found.bits |= bits
    return found


def cpu_mask(cpus: Iterable[int]) -> bytes:
    """The set as D-Bus carries it: a little-endian bit mask, in whole 8 bytes."""
    mask = 0
    for cpu in cpus:
        if isinstance(cpu, int):
            mask |= 1 << cpu
    length = (mask.bit_length() + 63) // 64 * 8
    return mask.to_bytes(length, "little")
