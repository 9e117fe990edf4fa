from __future__ import annotations

import json

import pytest

from initd.cli.check import USAGE, check
from initd.core.sources import Allowed, LoadFacts
from initd.shell.unitdirs import UnitDirs

ALLOWED = Allowed(hard_limits={"nofile": 4096}, capabilities=0, namespaces=frozenset())
GOOD = "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/true\n"


@pytest.fixture
def run(tmp_path, capsys):
    """`pyinit check WORDS…` below a root: its exit status, and the lines of stdout and stderr."""
    def check_words(*words: str) -> tuple[int, list[str], list[str]]:
        status = check(list(words), UnitDirs(str(tmp_path)), LoadFacts(), ALLOWED)
        out, err = capsys.readouterr()
        return status, out.splitlines(), err.splitlines()

    return check_words


@pytest.fixture
def write(tmp_path):
    def write_file(path: str, text: str) -> str:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return str(file)

    return write_file


ETC = "etc/systemd/system"


def test_a_line_for_each_directive_of_fragment_and_drop_ins(run, write):
    write(f"{ETC}/a.service", GOOD)
    write(f"{ETC}/a.service.d/b.conf", "[Service]\nNice=-5\nPrivateNetwork=yes\nX-Own=1\n[X-Mine]\nA=1\n")
    status, out, err = run("a")
    assert (status, err) == (0, [])
    assert out[:3] == [
        "/etc/systemd/system/a.service:2: Description= applied",
        "/etc/systemd/system/a.service:4: ExecStart= applied",
        "/etc/systemd/system/a.service.d/b.conf:2: Nice= ignored: needs CAP_SYS_NICE",
    ]
    assert out[3].startswith("/etc/systemd/system/a.service.d/b.conf:3: PrivateNetwork= ignored: ")
    assert len(out) == 4


def test_strict_fails_unless_all_is_applied(run, write):
    write(f"{ETC}/good.service", GOOD)
    write(f"{ETC}/nice.service", GOOD + "Nice=-5\n")
    assert run("--strict", "good")[0] == 0
    assert run("--strict", "nice")[0] == 1
    assert run("nice")[0] == 0
    assert run("good", "nice", "--strict")[0] == 1


def test_a_file_is_read_as_it_stands(run, write):
    write(f"{ETC}/a.service.d/b.conf", "[Service]\nNice=5\n")
    path = write("elsewhere/a.service", GOOD)
    assert run(path) == (0, [f"{path}:2: Description= applied", f"{path}:4: ExecStart= applied"], [])


@pytest.mark.parametrize(("lines", "fate", "reason"), [
    ("Nice=99", "ignored", "Nice priority out of range, ignoring: 99"),
    ("Unknown=1", "ignored", "Unknown key 'Unknown' in section [Service], ignoring."),
    ("ReadWritePaths=/a b", "degraded", "ReadWritePaths= path is not absolute, ignoring: b"),
    ("ReadWritePaths=b", "ignored", "ReadWritePaths= path is not absolute, ignoring: b"),
    ("PIDFile=/var/run/a.pid", "applied", ""),
    ("StandardOutput=syslog", "applied", ""),
])
def test_what_is_wrong_with_a_line(run, write, lines, fate, reason):
    path = write("x/a.service", GOOD + lines + "\n")
    key = lines.partition("=")[0]
    assert run(path)[1][-1] == f"{path}:5: {key}= {fate}" + (f": {reason}" if reason else "")


def test_a_section_of_another_type(run, write):
    path = write("x/a.target", "[Unit]\nDescription=x\n[Service]\nType=simple\n")
    assert run(path)[1] == [
        f"{path}:2: Description= applied",
        f"{path}:4: Type= ignored: section [Service] is not for a unit of this type",
        f"{path}:3: a.target ignored: Unknown section 'Service'. Ignoring.",
    ]


@pytest.mark.parametrize(("words", "complaint"), [
    (["nothing"], "Unit nothing.service not found."),
    (["/nowhere/a.service"], "/nowhere/a.service: No such file or directory"),
    (["/etc/passwd"], "/etc/passwd: 'passwd' is not the name of a unit."),
    ([""], "'' is not the name of a unit."),
    (["x" * 300], f"{'x' * 300!r} is not the name of a unit."),
    (["--loud", "a"], "pyinit check: Unknown option --loud."),
    ([], "pyinit check: Which unit, or which file?"),
])
def test_what_cannot_be_checked(run, words, complaint):
    assert run(*words) == (2, [], [complaint])


def test_a_unit_that_cannot_be_used(run, write):
    write(f"{ETC}/a.service", "[Service]\nType=simple\n")
    write(f"{ETC}/b.service", GOOD)
    status, out, err = run("a", "b")
    assert (status, err) == (2, ["Unit a.service has a bad unit file setting."])
    assert "a.service: Service has no ExecStart=, ExecStop=, or SuccessAction=. Refusing." in out[1]
    assert out[-1] == "/etc/systemd/system/b.service:4: ExecStart= applied"


def test_a_masked_unit(run, write):
    write(f"{ETC}/a.service", "")
    assert run("a") == (2, [], ["Unit a.service is masked."])


def test_json(run, write):
    write(f"{ETC}/a.service", GOOD + "Nice=-5\n")
    status, out, _ = run("--json", "a")
    rows = json.loads("\n".join(out))
    assert status == 0
    assert rows[-1] == {
        "unit": "a.service", "path": "/etc/systemd/system/a.service", "line": 5, "section": "Service", "key": "Nice",
        "fate": "ignored", "reason": "needs CAP_SYS_NICE",
    }
    assert [row["fate"] for row in rows[:-1]] == ["applied", "applied"]


def test_json_without_its_module(run, write, monkeypatch):
    import sys

    write(f"{ETC}/a.service", GOOD)
    monkeypatch.setitem(sys.modules, "json", None)
    assert run("--json", "a") == (2, [], ["JSON output needs Python's json module: install the package python3."])


def test_help(run):
    assert run("--help") == (0, USAGE.splitlines(), [])
