"""The work grows with the text, not with its square: whoever may write a unit file must not be able to stop PID 1.

CPU time is compared with itself, for n and 4n of something: 4 is linear, 16 the square. Sizes are such that what was
once quadratic here is seen to be.
"""

from __future__ import annotations

import gc
import time

import pytest

from initd.core.syntax import MAX_LINE
from tests.core.test_load import GOOD, load

#: Below the square by half, above the line by as much: 4 times the work, twice that for a busy machine.
MOST = 9


def lines(form: str):
    return lambda count: "".join(form.format(i=number) for number in range(count))


def one_line(start: str, form: str, end: str = "\n"):
    return lambda count: start + lines(form)(count) + end


ONESHOT = GOOD + "Type=oneshot\n"
SHAPES = {
    # syntax
    "lines without an assignment": ("q.service", GOOD, lines("word\n"), 50000),
    "lines before any section": ("q.service", "", lines("a=b\n"), 50000),
    "unknown keys": ("q.service", GOOD, lines("Unknown{i}=1\n"), 10000),
    "sections": ("q.service", GOOD, lines("[Other{i}]\nA=1\n"), 8000),
    "empty continuations": ("q.service", GOOD, one_line("Environment=", "\\\n"), 100000),
    "continuations": ("q.service", GOOD, one_line("Environment=", "A{i}=1 \\\n"), 10000),
    "spaces in a key": ("q.service", GOOD, one_line("A", " ", "b=1\n"), 200000),
    # values that lines add to
    "assignments of variables": ("q.service", GOOD, lines("Environment=A{i}=1\n"), 3000),
    "words of one assignment": ("q.service", GOOD, one_line("Environment=", "A{i}=1 "), 10000),
    "text for standard input": ("q.service", GOOD, lines("StandardInputText=some more words {i}\n"), 20000),
    "commands": ("q.service", ONESHOT, lines("ExecStartPre=/bin/a{i}\n"), 12000),
    "commands in one line": ("q.service", ONESHOT, one_line("ExecStartPre=", "/bin/a{i} b ; "), 4000),
    "words of a command": ("q.service", GOOD, one_line("ExecStartPre=/bin/a ", "b{i} "), 12000),
    "words with a quote behind them": ("q.service", GOOD, one_line("ExecStartPre=/bin/a ", "b{i} ", "'c'\n"), 12000),
    "dependencies": ("q.service", GOOD, lines("[Unit]\nAfter=a{i}.service\n"), 8000),
    "mounts": ("q.service", GOOD + "[Unit]\n", lines("RequiresMountsFor=/a{i}\n"), 4000),
    "conditions": ("q.service", GOOD + "[Unit]\n", lines("ConditionPathExists=/a{i}\n"), 12000),
    "state directories": ("q.service", GOOD, lines("StateDirectory=a{i}\n"), 4000),
    "devices": ("q.service", GOOD, lines("IOReadBandwidthMax=/dev/a{i} 5M\n"), 4000),
    "file systems": ("q.service", GOOD, lines("RestrictFileSystems=a{i}\n"), 2500),
    "listening": ("q.socket", "[Socket]\n", lines("ListenStream=/a{i}\n"), 4000),
    "timer lines": ("q.timer", "[Timer]\n", lines("OnBootSec={i}\n"), 10000),
    "weekdays": ("q.timer", "[Timer]\n", one_line("OnCalendar=", "Mon,"), 20000),
    "watched paths": ("q.path", "[Path]\n", lines("PathExists=/a{i}\n"), 4000),
}


def cpu_seconds(text: str, name: str) -> float:
    gc.collect()
    since = time.process_time()
    load(text, name)
    return time.process_time() - since


@pytest.mark.parametrize("shape", SHAPES)
def test_work_grows_with_the_text(shape):
    name, start, make, count = SHAPES[shape]
    # Measured again where it does not hold: on a busy machine a run may take longer, but none is too short.
    for _ in range(3):
        once, four_times = (cpu_seconds(start + make(number), name) for number in (count, 4 * count))
        if four_times < MOST * max(once, 0.002):
            return
    pytest.fail(f"{once:.3f} s for {count}, {four_times:.3f} s for {4 * count}")


@pytest.mark.parametrize("text", [
    pytest.param(GOOD + ("Environment=A=" + "x" * (MAX_LINE - 100) + "\n") * 10, id="lines as long as they may be"),
    pytest.param(GOOD + "Environment=A=1\n" * 400_000, id="lines"),
    pytest.param("[Unit]\n" + "After=" + "a.service " * 100_000 + "\n" + GOOD, id="words"),
])
def test_a_file_of_ten_megabytes_is_read(text):
    since = time.process_time()
    assert load(text).specific.exec_start
    assert time.process_time() - since < 30
