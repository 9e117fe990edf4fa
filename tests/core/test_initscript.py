"""What an init script says of itself. What it comes to is in `tests/conformance/sysv`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from initd.core.initscript import InitScript, parse_script

_PIECES = st.sampled_from([
    "### BEGIN INIT INFO", "### END INIT INFO", "# Provides: a $b", "#  more", "#\tmore", "# Description: x", "# pidfile: /x",
    "# description: y \\", "Usage: \\", "{reload}", "echo usage {start|reload}", "", " ", "#", "\\", "# :", "\udcff",
])


def test_header_and_usage():
    text = ("#!/bin/sh\n### BEGIN INIT INFO\n# Provides: one two\n# Required-Start: $network\n# Should-Start: three\n"
            "# X-Start-Before: four\n# Short-Description: Does it\n### END INIT INFO\necho Usage {start|reload}\n")
    assert parse_script(text) == InitScript(
        True, "Does it", "", ("one two",), ("$network", "three"), ("four",), True)


@given(st.lists(_PIECES).map("\n".join))
def test_any_text_is_read(text):
    script = parse_script(text)
    assert script.has_header == any(line.strip() == "### BEGIN INIT INFO" for line in text.split("\n")) or not script.has_header
    assert not script.pid_file or script.pid_file.startswith("/")
