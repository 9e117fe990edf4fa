"""Runs one of our commands in this process."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import NamedTuple


class Said(NamedTuple):
    status: int
    out: str
    err: str


def run(main: Callable[[list[str]], int], *words: str) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(list(words))
    return Said(status, out.getvalue(), err.getvalue())
