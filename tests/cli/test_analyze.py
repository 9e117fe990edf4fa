from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from initd.cli import analyze
from tests.cli.commands import run

ROOT = Path(__file__).resolve().parent.parent.parent
MINIMAL = "/usr/bin/python3"


@pytest.mark.parametrize(("words", "text"), [
    (["bogus"], "Unknown command verb bogus."),
    (["calendar"], "Too few arguments."),
    (["unit-paths", "x"], "Too many arguments."),
    (["--iterations=many", "calendar", "daily"], "Failed to parse iterations: many"),
    (["--iterations=4294967296", "calendar", "daily"], "Failed to parse iterations: 4294967296"),
    (["--base-time=then", "calendar", "daily"], "Failed to parse --base-time= parameter: then"),
    (["--recursive-errors=all", "verify", "x"], "Unknown mode passed to --recursive-errors='all'."),
    (["--man=maybe", "verify", "x"], "Failed to parse boolean argument to --man: maybe."),
    (["--global", "exit-status"], "Option --global only makes sense with verbs dot, unit-paths, verify."),
    (["--offline=yes", "exit-status"], "Option --offline= is only supported for security right now."),
    (["--fuzz=soon", "critical-chain"], "Failed to parse timespan: soon"),
    (["--no-such-option"], "systemd-analyze: unrecognized option '--no-such-option'"),
    (["-z"], "systemd-analyze: invalid option -- 'z'"),
])  # fmt: skip
def test_usage_errors_are_systemds(words, text):
    assert run(analyze.main, *words) == (1, "", text + "\n")


@pytest.mark.parametrize("verb", ["unit-files", "security", "filesystems", "inspect-elf"])
def test_what_is_not_here_says_so(verb):
    said = run(analyze.main, verb)
    assert said.status == 1 and said.out == ""
    assert said.err.startswith(f"systemd-analyze {verb}: ") and len(said.err) > len(f"systemd-analyze {verb}: \n")


def test_without_a_verb_time_is_meant(manager, systemctl):
    said = run(analyze.main)
    assert said.err.startswith("Bootup is not yet finished (org.freedesktop.systemd1.Manager.FinishTimestampMonotonic=0).")
    assert said == run(analyze.main, "time") and said.status == 1


@pytest.mark.parametrize("words", [["-M", "box", "dump"], ["--host=box", "dump"], ["--image=/x", "verify", "x"],
                                   ["--generators", "verify", "x"]])
def test_what_cannot_be_asked_for_is_refused_with_a_reason(words):
    said = run(analyze.main, *words)
    assert said.status == 1 and said.err.startswith("systemd-analyze --")


def test_help_names_every_verb_that_is_here():
    text = run(analyze.main, "--help").out
    assert [verb for verb in analyze.VERBS if f"\n  {verb} " not in text] == []


def test_version_is_told_as_systemds():
    assert run(analyze.main, "--version").out.startswith("systemd 252 (pyinit ")


def test_a_long_option_may_be_cut_short():
    said = run(analyze.main, "--iter=1", "--base=@0", "calendar", "daily")
    assert said.status == 0 and "1970-01-02" in said.out


@pytest.mark.skipif(not Path(MINIMAL).exists(), reason="no python3 of the system")
@pytest.mark.parametrize("words", [
    ["calendar", "Mon *:0/5 UTC"], ["timespan", "5min"], ["timestamp", "@5"], ["exit-status"], ["capability"],
    ["syscall-filter", "@clock"], ["compare-versions", "1", "2"], ["unit-paths"], ["condition", "ConditionPathExists=/"],
    ["cat-config", "no-such.conf"], ["--man=no", "verify", "/no/such.service"], ["dump"],
])  # fmt: skip
def test_every_verb_runs_with_the_modules_of_python3_minimal(words):
    """Imports are watched: what a verb needs must be in Debian's python3-minimal."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from initd.cli.analyze import main\n"
        "main(sys.argv[2:])\n"
        "print('MODULES', *{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run([MINIMAL, "-IS", "-c", script, str(ROOT), *words], capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    loaded = set(done.stdout.rpartition("MODULES")[2].split())
    missing = {"argparse", "ctypes", "dataclasses", "json", "logging", "resource", "shlex", "shutil", "subprocess", "tempfile",
               "typing", "uuid", "zoneinfo", "asyncio", "multiprocessing"}
    assert loaded & missing == set()


def test_a_user_without_a_runtime_directory_has_no_manager(monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert run(analyze.main, "--user", "dump") == (1, "", "Failed to connect to bus: No medium found\n")
