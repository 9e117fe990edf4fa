"""Runs a call of systemd-analyze or systemd-escape: the real tools in processes, ours in this one. Answers are compared
after `settled` took out what depends on the moment they were given.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from initd.cli import analyze, escape
from tests.conformance.analyze.inputs import Call

_MAINS = {"systemd-analyze": analyze.main, "systemd-escape": escape.main}
VERSION = "systemd 252 "


class Answer(NamedTuple):
    status: int
    out: str
    err: str


def reason_to_skip() -> str:
    """Why the real tools cannot be asked here; empty where they can."""
    for program in _MAINS:
        path = shutil.which(program, path="/usr/bin:/bin")
        if path is None:
            return f"no {program} is installed"
        said = version_of(path)
        if not said.startswith(VERSION) or "pyinit" in said:
            return f"{path} is not systemd 252's"
    return ""


def version_of(path: str) -> str:
    return subprocess.run([path, "--version"], capture_output=True, text=True).stdout.partition("\n")[0]


def ask_real(calls: Iterable[Call]) -> list[Answer]:
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(_ask_one, calls))


def _ask_one(call: Call) -> Answer:
    done = subprocess.run([os.fsencode(word) for word in call.words], capture_output=True, stdin=subprocess.DEVNULL,
                          env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": f":{call.zone}"})
    return Answer(done.returncode, *(text.decode("utf-8", "surrogateescape") for text in (done.stdout, done.stderr)))


def ask_ours(call: Call) -> Answer:
    before = os.environ.get("TZ")
    os.environ["TZ"] = f":{call.zone}"
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = _MAINS[call.words[0]](list(call.words[1:]))
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
    return Answer(status, out.getvalue(), err.getvalue())


def is_lost(answer: Answer) -> bool:
    """systemd 252 goes round in circles where clocks are put forward at midnight; ours finds the way out."""
    return answer.err.startswith("Infinite loop in calendar calculation: ")


def settled(answer: Answer) -> Answer:
    """Without the distance from now."""
    return answer._replace(out=re.sub(r"(?m)^( *From now): .*$", r"\1", answer.out))


_LABEL = re.compile(r"^ *(Original form|Normalized form|Next elapse|Iter\. #\d+|\(in UTC\)|From now|UNIX seconds|"
                    r"Original|μs|Human)(?:: |$)")
_SHORT = {"Normalized form": "N ", "Next elapse": "E ", "UNIX seconds": "S ", "μs": "u ", "Human": "h "}


def compact(answer: Answer, call: Call) -> list[int | str]:
    """What the data holds of an answer: no padding, no moment twice, no echo of the question."""
    lines = []
    for line in answer.out.splitlines():
        found = _LABEL.match(line)
        if found is None:
            lines.append(line)
        elif found[1] not in ("Original form", "Original", "(in UTC)", "From now"):
            lines.append(_SHORT.get(found[1], "E ") + line[found.end():].rstrip())
    return [answer.status, "\n".join(lines), answer.err.replace(call.words[-1], "$") if call.words[-1] else answer.err]
