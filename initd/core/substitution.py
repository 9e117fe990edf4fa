"""Variables in the words of a command (systemd.service(5), COMMAND LINES), tried against a real systemd 252."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_SPACE = " \t\n\r"


def substitute(argv: list[str] | tuple[str, ...], environment: Mapping[str, str]) -> list[str]:
    """The words with ${NAME} and $NAME replaced (systemd.service(5)).

    ${NAME} anywhere in a word is replaced in place. A word that begins with a bare "$" is a variable's name as a whole
    and becomes as many words as its value has: none where it is empty or not set. "$$" is a single "$". argv[0] is the
    program's name: the caller leaves it out.
    """
    words: list[str] = []
    for word in argv:
        if "$" not in word:
            words.append(word)
        elif word[0] == "$" and word[1:2] not in ("{", "$"):
            words.extend(_split_value(environment.get(word[1:], "")))
        else:
            words.append(_substitute_word(word, environment))
    return words


def _split_value(value: str) -> list[str]:
    """A variable's words. Quotes group, a backslash takes the next character as it is, and nothing is an error."""
    words: list[str] = []
    piece: list[str] | None = None
    quote = ""
    characters = iter(value)
    for char in characters:
        if not quote and char in _SPACE:
            if piece is not None:
                words.append("".join(piece))
            piece = None
            continue
        piece = [] if piece is None else piece
        if char == "\\":
            piece.append(next(characters, ""))
        elif quote:
            if char == quote:
                quote = ""
            else:
                piece.append(char)
        elif char in "\"'":
            quote = char
        else:
            piece.append(char)
    if piece is not None:
        words.append("".join(piece))
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
        stop = word.find("}", start) if word[start + 1:start + 2] == "{" else -1
        if word[start + 1:start + 2] == "$":
            out.append("$")
            position = start + 2
        elif stop > 0 and ":" not in word[start:stop]:
            out.append(environment.get(word[start + 2:stop], ""))
            position = stop + 1
        else:
            # A lone "$", an open brace, or ${NAME:-…}, which Exec lines do not know: the text stays.
            out.append("$")
            position = start + 1
