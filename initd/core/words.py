"""Quoting and escapes: one line of a unit file into words, and variables in a command's words.

Source: systemd.syntax(7), QUOTING, and systemd.service(5), COMMAND LINES, tried against a real systemd 252: a quote
may open in the middle of a word, and an escape that systemd does not know stays as it was written.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SPACE = " \t\n\r"
_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", '"': '"', "'": "'", "s": " ",
}
_HEX = frozenset("0123456789abcdefABCDEF")
_OCTAL = frozenset("01234567")
#: How many hexadecimal digits follow, and whether they are a byte or a character.
_NUMBERED = {"x": 2, "u": 4, "U": 8}
_NAME_START = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_NAME = _NAME_START | frozenset("0123456789")


def split(text: str, *, unquote: bool = True, unescape: bool = True,
          on_unknown_escape: Callable[[str], None] | None = None) -> list[str]:
    """The words of a line. ValueError for a quote that never closes.

    `unescape` turns C escapes into what they mean; an unknown one is kept and told to `on_unknown_escape`.
    """
    words: list[str] = []
    position = 0
    while True:
        word, position = next_word(text, position, unquote, unescape, on_unknown_escape)
        if word is None:
            return words
        words.append(word)


def next_word(text: str, position: int, unquote: bool = True, unescape: bool = True,
              on_unknown_escape: Callable[[str], None] | None = None) -> tuple[str | None, int]:
    """The word that begins at or after `position`, and where it ends; None where only space is left."""
    end = len(text)
    while position < end and text[position] in _SPACE:
        position += 1
    if position >= end:
        return None, position
    if '"' not in text and "'" not in text and "\\" not in text:
        stop = position
        while stop < end and text[stop] not in _SPACE:
            stop += 1
        return text[position:stop], stop
    return _quoted_word(text, position, unquote, unescape, on_unknown_escape)


def _quoted_word(text: str, position: int, unquote: bool, unescape: bool,
                 on_unknown_escape: Callable[[str], None] | None) -> tuple[str, int]:
    out: list[str] = []
    quote = ""
    end = len(text)
    while position < end:
        char = text[position]
        if char == "\\" and unescape:
            piece, position = _escape(text, position, on_unknown_escape)
            out.append(piece)
            continue
        if quote:
            if char == quote:
                quote = ""
            else:
                out.append(char)
        elif char in _SPACE:
            break
        elif unquote and char in "\"'":
            quote = char
        else:
            out.append(char)
        position += 1
    if quote:
        raise ValueError("Unbalanced quoting")
    return _join(out), position


def _escape(text: str, position: int, on_unknown: Callable[[str], None] | None) -> tuple[str, int]:
    """What the escape at `position` stands for, and where it ends."""
    if position + 1 >= len(text):
        # A backslash at the very end has nothing to escape; systemd keeps it when it is lenient.
        return "\\", position + 1
    char = text[position + 1]
    if char in _ESCAPES:
        return _ESCAPES[char], position + 2
    if char in _NUMBERED:
        stop = position + 2 + _NUMBERED[char]
        digits = text[position + 2:stop]
        if len(digits) == _NUMBERED[char] and _HEX.issuperset(digits):
            value = int(digits, 16)
            if value and (char == "x" or value < 0x110000 and not 0xD800 <= value < 0xE000):
                return _byte(value) if char == "x" else chr(value), stop
    elif char in _OCTAL:
        digits = text[position + 1:position + 4]
        if len(digits) == 3 and _OCTAL.issuperset(digits) and 0 < int(digits, 8) < 256:
            return _byte(int(digits, 8)), position + 4
    if on_unknown is not None:
        on_unknown(text[position:position + 2])
    return text[position:position + 2], position + 2


def _byte(value: int) -> str:
    return chr(value) if value < 0x80 else chr(0xDC00 + value)


def _join(pieces: list[str]) -> str:
    """Joins, and makes characters of escaped bytes where they form UTF-8."""
    word = "".join(pieces)
    if word.isascii():
        return word
    return word.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def unescape(text: str, on_unknown_escape: Callable[[str], None] | None = None) -> str:
    """The text with its C escapes turned into what they mean; quotes are left alone."""
    if "\\" not in text:
        return text
    out = []
    position = 0
    while position < len(text):
        if text[position] == "\\":
            piece, position = _escape(text, position, on_unknown_escape)
            out.append(piece)
        else:
            out.append(text[position])
            position += 1
    return _join(out)


def quote(word: str) -> str:
    """The word so written that `split` gives it back: in double quotes where it has to be."""
    if word and not any(char in " \t\n\r\"'\\`$*?[]{}()<>|&;!#~" for char in word):
        return word
    out = ['"']
    for char in word:
        if char in '"\\`$':
            out.append("\\" + char)
        elif char == "\n":
            out.append("\\n")
        elif char == "\t":
            out.append("\\t")
        elif char == "\r":
            out.append("\\r")
        else:
            out.append(char)
    out.append('"')
    return "".join(out)


def substitute(argv: list[str] | tuple[str, ...], environment: Mapping[str, str]) -> list[str]:
    """The words with ${NAME} and $NAME replaced (systemd.service(5)).

    ${NAME} anywhere in a word is replaced in place. A word that is $NAME alone becomes as many words as its value
    has, none where it is empty or not set. "$$" is a single "$". argv[0] is the program's name: the caller leaves it
    out.
    """
    words: list[str] = []
    for word in argv:
        if "$" not in word:
            words.append(word)
        elif len(word) > 1 and word[0] == "$" and word[1] in _NAME_START and _NAME.issuperset(word[1:]):
            value = environment.get(word[1:], "")
            try:
                words.extend(split(value, unescape=False))
            except ValueError:
                # A value with a lone quote: systemd falls back to splitting at white space alone.
                words.extend(value.split())
        else:
            words.append(_substitute_word(word, environment))
    return words


def _substitute_word(word: str, environment: Mapping[str, str]) -> str:
    out = []
    position = 0
    while True:
        start = word.find("$", position)
        if start < 0:
            out.append(word[position:])
            return "".join(out)
        out.append(word[position:start])
        following = word[start + 1:start + 2]
        if following == "$":
            out.append("$")
            position = start + 2
            continue
        if following == "{":
            stop = word.find("}", start)
            if stop > 0:
                value = _expand(word[start + 2:stop], environment)
                if value is not None:
                    out.append(value)
                    position = stop + 1
                    continue
        out.append("$")
        position = start + 1


def _expand(name: str, environment: Mapping[str, str]) -> str | None:
    """The value of a variable; None where this is no variable's name, and the text stays as it is."""
    if not name or name[0] not in _NAME_START or not _NAME.issuperset(name):
        return None
    return environment.get(name, "")
