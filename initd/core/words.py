"""Quoting and escapes: one line of a unit file into words.

Source: systemd.syntax(7), QUOTING, tried against a real systemd 252: a quote
may open in the middle of a word, and an escape that systemd does not know stays as it was written.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SPACE = " \t\n\r"
_SPACES = re.compile(r"[ \t\n\r]*")
#: A word, or the part of one, without quotes and escapes.
_PLAIN = re.compile(r"[^ \t\n\r\"'\\]*")
_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", '"': '"', "'": "'", "s": " ",
}
_HEX = frozenset("0123456789abcdefABCDEF")
#: What makes systemctl quote a word.
_SHELL_SPECIAL = frozenset(" \t\n\r\"'\\`$*?[()<>|&;!")
_OCTAL = frozenset("01234567")
#: How many hexadecimal digits follow, and whether they are a byte or a character.
_NUMBERED = {"x": 2, "u": 4, "U": 8}


def split(text: str, *, unquote: bool = True, unescape: bool = True,
          on_unknown_escape: Callable[[str], None] | None = None) -> list[str]:
    """The words of a line. ValueError for a quote that never closes.

    `unescape` turns C escapes into what they mean; an unknown one is kept and told to `on_unknown_escape`.
    """
    if '"' not in text and "'" not in text and "\\" not in text:
        return [word for word in text.replace("\t", " ").replace("\n", " ").replace("\r", " ").split(" ") if word]
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
    position = _end(_SPACES, text, position)
    if position >= len(text):
        return None, position
    stop = _end(_PLAIN, text, position)
    if stop == len(text) or text[stop] in _SPACE:
        return text[position:stop], stop
    return _quoted_word(text, position, unquote, unescape, on_unknown_escape)


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    """Where what the pattern takes from there ends."""
    found = pattern.match(text, position)
    return found.end() if found else position


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
    """The word as systemctl prints it in a list: in double quotes where a shell would make something else of it."""
    if word and _SHELL_SPECIAL.isdisjoint(word):
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
