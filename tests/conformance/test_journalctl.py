"""Ours beside what the real journalctl said of the same entries; journalctl/record.py asked it.

What cannot be the same is left out of both: cursors, which say where in whose store an entry is; the order of fields, which
in systemd's files is the order in which their values were first seen, and of JSON's members, which is a hash's; links to
the message catalog.
"""

from __future__ import annotations

import json
import re
import shlex
import time
from pathlib import Path

import pytest

from initd.cli import journal_pager, journalctl
from tests.cli.commands import run
from tests.journal.made import from_export, write

HERE = Path(__file__).resolve().parent / "journalctl"
ANSWERS = json.loads((HERE / "answers.json").read_text())["answers"]
#: Where ours is meant to differ.
OURS = {"-k -n 2"}
_CURSOR = re.compile(r"s=[0-9a-f]{32};i=[0-9a-f]+;(b=[0-9a-f]{32};m=[0-9a-f]+;t=[0-9a-f]+);x=[0-9a-f]+")
#: Before a field of the verbose form, coloured or not.
_FIELD = re.compile("\n(?=    [^ ]|\x1b\\[0m {4}[^ ])")
_CATALOG_LINK = re.compile("\x1b]8;;[^\x07]*\x07\\[🡕\\]\x1b]8;;\x07 ")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Three segments, so that what is asked goes over them."""
    made = from_export((HERE / "entries.export").read_bytes())
    directory = tmp_path_factory.mktemp("journal")
    write(directory, [made[:33], made[33:64], made[64:]])
    return directory


def comparable(line: str, text: str) -> object:
    text = _CATALOG_LINK.sub("", _CURSOR.sub(r"\1", text))
    if "json" in line:
        found = [each.removeprefix("data: ") for each in re.split("\n+(?=data: |\x1e|{)", text)]
        plain = [re.sub("\x1b\\[[0-9;]*m|\x1e", "", each) for each in found if each.strip()]
        return [text.count("\x1b"), text.count("\n"), [json.loads(each) for each in plain if each.startswith("{")]
                or plain]
    if "verbose" in line:
        return [sorted(_FIELD.split(each)) for each in re.split(r"\n(?=[A-Z-])", text.rstrip("\n"))]
    if "export" in line:
        return [sorted(each.split("\n")) for each in text.split("\n\n")]
    if line in ("-N", "-o cat -n 3 --output-fields=PRIORITY,MESSAGE"):
        return sorted(text.split("\n"))
    return text


@pytest.mark.parametrize(("environment", "line", "status", "out", "err"), [each for each in ANSWERS if each[1] not in OURS],
                         ids=[f"{number}: {each[1]}" for number, each in enumerate(ANSWERS) if each[1] not in OURS])
def test_says_what_the_real_one_says(environment, line, status, out, err, store, monkeypatch):
    for name in ("COLUMNS", "NO_COLOR", "SYSTEMD_COLORS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TZ": "UTC", "LANG": "C.UTF-8", **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(journal_pager, "_on_terminal", False)
    time.tzset()
    (store / "empty").mkdir(exist_ok=True)
    words = shlex.split(line.replace("/opt/empty", f"{store}/empty"))
    said = run(journalctl.main, "--no-pager", f"--directory={store}", *words)
    told = said.err.replace(f"{store}/empty", "/opt/empty").replace(str(store), "/made")
    assert (said.status, comparable(line, said.out), told) == (status, comparable(line, out), err)
