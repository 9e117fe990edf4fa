"""Tables as systemd 252's commands print them: columns, colours and cut cells on a terminal, or JSON.

A cell is text, or `Cell` where it has a colour or means another value in JSON. JSON is written by hand: Python's own
module is not there on a small system, and this is all that would be needed of it.
"""

from __future__ import annotations

import os
import sys

from initd.cli.output import BOLD, GREY, PLAIN, RED, UNDERLINE, glyph, is_coloured, painted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from initd.cli.options import Options


class Cell:
    """`value` is what JSON shows, the text where it is not given."""

    __slots__ = ("text", "colour", "value")

    def __init__(self, text: str, colour: str = "", value: Any = ...) -> None:
        self.text = text
        self.colour = colour
        self.value = text if value is ... else value


class Table:
    """`titles`: one for each column; "" for one that is only a mark, and no part of JSON. `cut` names the columns that are
    made shorter where the terminal is too narrow."""

    def __init__(self, titles: Sequence[str], cut: Iterable[str] = ()) -> None:
        self.titles = list(titles)
        self.rows: list[list[Cell]] = []
        #: Rows with a line under them.
        self.underlined: set[int] = set()
        self._cut = [self.titles.index(title) for title in cut]

    def add(self, *cells: Cell | str) -> None:
        self.rows.append([cell if isinstance(cell, Cell) else Cell(cell) for cell in cells])

    def underline_last(self) -> None:
        self.underlined.add(len(self.rows) - 1)

    def show(self, options: Options) -> None:
        """As the options want it: --output=json, --no-legend, --full."""
        if options.output.startswith("json"):
            sys.stdout.write(self._as_json(options.output == "json-pretty") + "\n")
            return
        has_header = not options.no_legend and not options.quiet
        if not self.rows and not has_header:
            return
        widths = self._widths(has_header, not options.full)
        lines = [self._header(widths)] if has_header else []
        lines += [self._line(row, widths, number in self.underlined) for number, row in enumerate(self.rows)]
        sys.stdout.write("".join(line + "\n" for line in lines))

    # --- text -------------------------------------------------------------------------------------------------------

    def _widths(self, has_header: bool, may_cut: bool) -> list[int]:
        widths = [max([len(row[column].text) for row in self.rows] + [len(title or " ") if has_header else 0])
                  for column, title in enumerate(self.titles)]
        room = _terminal_width() if may_cut else 0
        excess = sum(widths) + len(widths) - 1 - room
        return self._narrowed(widths, excess) if room and excess > 0 else widths

    def _narrowed(self, widths: list[int], excess: int) -> list[int]:
        """The columns that may be cut share what is left; who needs less than its share gives the rest to the others."""
        left = sum(widths[column] for column in self._cut) - excess
        columns = sorted(self._cut, key=lambda column: widths[column])
        for position, column in enumerate(columns):
            widths[column] = min(widths[column], max(1, left // (len(columns) - position)))
            left -= widths[column]
        return widths

    def _header(self, widths: list[int]) -> str:
        if not is_coloured():
            return " ".join(title.ljust(width) for title, width in zip(self.titles, widths)).rstrip()
        cells = ((" " if column else "") + title.ljust(width)
                 for column, (title, width) in enumerate(zip([title or " " for title in self.titles], widths)))
        return "".join(_dressed(cell, "", True) for cell in cells)

    def _line(self, row: list[Cell], widths: list[int], has_line: bool) -> str:
        has_colour = is_coloured()
        has_line = has_line and has_colour
        parts = []
        for column, (cell, width) in enumerate(zip(row, widths)):
            colour = cell.colour if has_colour else ""
            text = _cut(cell.text, width)
            is_last = column == len(row) - 1
            parts.append(_dressed(text if is_last and not colour and not has_line else text.ljust(width), colour, has_line))
            if not is_last:
                parts.append(_dressed(" ", colour if colour != BOLD else "", has_line))
        return "".join(parts).rstrip() if not has_line else "".join(parts)

    # --- JSON -------------------------------------------------------------------------------------------------------

    def _as_json(self, is_pretty: bool) -> str:
        keys = [title.lower().replace(" ", "_") for title in self.titles]
        found = [{key: cell.value for key, cell in zip(keys, row) if key} for row in self.rows]
        return to_json(found, is_pretty)


def _dressed(text: str, colour: str, has_line: bool) -> str:
    if not colour and not has_line:
        return text
    return (colour or PLAIN) + (UNDERLINE if has_line else "") + text + PLAIN


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[:width - 1] + glyph("ellipsis")[:1]


def _terminal_width() -> int:
    """0 where nobody looks: a pipe takes lines of any length."""
    if not os.isatty(1):
        return 0
    typed = os.environ.get("COLUMNS", "")
    if typed.isascii() and typed.isdigit() and int(typed):
        return int(typed)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


# --- the line below -------------------------------------------------------------------------------------------------


def counted(count: int, text: str, hint: str = "") -> str:
    """How many there are, for a person: none is worth a colour."""
    return painted(f"{count} {text}", BOLD if count else RED) + (" " + painted(hint, GREY) if hint else "")


# --- JSON -----------------------------------------------------------------------------------------------------------

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _quoted(text: str) -> str:
    letters = (_ESCAPES.get(letter) or (f"\\u{ord(letter):04x}" if letter < " " else letter) for letter in text)
    return '"' + "".join(letters) + '"'


def to_json(value: Any, is_pretty: bool = False, depth: int = 0) -> str:
    """Text for None, booleans, numbers, texts, lists and dictionaries, laid out as systemd does it."""
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return str(value)
    is_list = isinstance(value, list)
    opening, closing = "[]" if is_list else "{}"
    colon = " : " if is_pretty else ":"
    parts = [to_json(each, is_pretty, depth + 1) for each in value] if is_list else [
        f"{_quoted(key)}{colon}{to_json(each, is_pretty, depth + 1)}" for key, each in value.items()]
    if not is_pretty or not parts:
        return opening + ",".join(parts) + closing
    indent = "\t" * (depth + 1)
    return f"{opening}\n{indent}" + f",\n{indent}".join(parts) + "\n" + "\t" * depth + closing
