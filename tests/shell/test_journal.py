"""The manager's side of the journal, with the real process behind it; a child runs it, its stdout is what we read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import initd
from initd.core.effects import Log
from initd.shell.journal import Journal

PROGRAM = Path(initd.__file__).parent / "journal" / "__main__.py"
SCRIPT = """
import os, sys
sys.path.insert(0, {root!r})
from initd.core.effects import Log
from initd.shell.journal import Journal
run, early, late = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.makedirs(run + "/dev")
journal = Journal(run, sys.executable, {program!r}, dev=run + "/dev")
assert journal.open() == []
for number in range(early):
    journal.write(Log(6, "", f"early {{number}}"))
journal.start()
for number in range(late):
    journal.write(Log(6, "x.service", f"late {{number}}"))
journal.stop()
assert os.waitpid(journal.pid, 0)[1] == 0
assert os.readlink(run + "/dev/log") == run + "/systemd/journal/dev-log"
sys.stdout.write(f"kept {{len(journal.take_kept())}}\\n")
"""


def _run(tmp_path, early: int, late: int) -> list[str]:
    script = SCRIPT.format(root=str(PROGRAM.parents[2]), program=str(PROGRAM))
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "run"), str(early), str(late)],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_every_line_of_the_manager_comes_out_in_order(tmp_path):
    lines = _run(tmp_path, 30, 3000)
    texts = [line.partition(": ")[2] for line in lines[:-1]]
    assert texts == [f"early {n}" for n in range(30)] + [f"late {n}" for n in range(3000)]
    assert all(line.startswith("pyinit[") for line in lines[:-1])
    assert lines[-1] == "kept 0"


def test_lines_go_where_they_are_directed(tmp_path, capfd):
    journal = Journal(str(tmp_path / "run"), sys.executable, str(PROGRAM), dev=str(tmp_path))
    journal.open()
    for target, level, priority, text in (
        ("journal", 6, 7, "too little"), ("null", 7, 0, "nowhere"), ("console", 6, 6, "to the console"), ("auto", 6, 6, "here"),
    ):
        journal.direct(target, level)
        journal.write(Log(priority, "", text))
    assert journal.take_kept() == [b"here"]
    assert capfd.readouterr().err == "to the console\n"


def test_nothing_written_means_nothing_printed(tmp_path):
    assert _run(tmp_path, 0, 0) == ["kept 0"]
