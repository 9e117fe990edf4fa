from __future__ import annotations

from initd.cli.analyze_options import AnalyzeOptions


def test_two_command_lines_share_nothing():
    AnalyzeOptions().given.add("root")
    assert AnalyzeOptions().given == set()


def test_nothing_is_said_about_recursive_errors_at_first():
    assert AnalyzeOptions().recursive_errors == ""
