"""More of it, beside systemd's answers, in tests/conformance/test_analyze.py."""

from __future__ import annotations

import pytest

from initd.cli import analyze, analyze_tables
from tests.cli.commands import run


def test_exit_statuses_by_name_and_number():
    assert run(analyze.main, "exit-status", "CHDIR", "3").out == (
        "NAME           STATUS CLASS\nCHDIR             200 systemd\nNOTIMPLEMENTED      3 LSB\n"
    )
    assert run(analyze.main, "exit-status", "256") == (1, "", 'Invalid exit status "256".\n')


def test_capabilities_by_name_and_number():
    assert run(analyze.main, "capability", "5", "CAP_CHOWN").out == "NAME      NUMBER\ncap_kill       5\ncap_chown      0\n"
    assert run(analyze.main, "capability", "fly").err == 'Capability "fly" not known.\n'


def test_a_group_of_system_calls_has_a_title_and_its_members():
    assert run(analyze.main, "syscall-filter", "@swap").out == (
        "@swap\n    # Enable/disable swap devices\n    swapoff\n    swapon\n"
    )


def test_without_tracing_what_the_kernel_has_more_is_not_listed(monkeypatch, tmp_path):
    monkeypatch.setattr(analyze_tables, "_TRACED", (str(tmp_path / "none"),))
    said = run(analyze.main, "syscall-filter")
    assert said.err.startswith("# Not showing unlisted system calls, couldn't retrieve kernel system call list: ")
    assert "\n# Ungrouped System Calls (known but" in said.out and "\n#   mincore\n" in said.out


def test_with_tracing_what_the_kernel_has_more_is_listed(monkeypatch, tmp_path):
    events = tmp_path / "available_events"
    events.write_text("sched:x\n" + "".join(f"syscalls:sys_enter_{name}\n" for name in ("open", "newstat", "zzz", "mincore")))
    monkeypatch.setattr(analyze_tables, "_TRACED", (str(tmp_path / "none"), str(events)))
    said = run(analyze.main, "syscall-filter")
    assert said.err == "" and said.out.endswith("but not included in any of the groups listed above):\n#   zzz\n")


@pytest.mark.parametrize(("words", "status", "out"), [
    (["1", "2"], 12, "1 < 2\n"), (["2", "1"], 11, "2 > 1\n"), (["1", "1.0"], 12, "1 < 1.0\n"), (["", ""], 0, "'' == ''\n"),
    (["1", "lt", "2"], 0, ""), (["1", ">=", "2"], 1, ""), (["1~rc", "<", "1"], 0, ""),
])  # fmt: skip
def test_versions_are_compared(words, status, out):
    assert run(analyze.main, "compare-versions", *words) == (status, out, "")


def test_an_operator_nobody_knows_is_a_usage_error():
    assert run(analyze.main, "compare-versions", "1", "near", "2") == (1, "", 'Unknown operator "near".\n')
