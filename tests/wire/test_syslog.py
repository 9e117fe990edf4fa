"""Datagrams of syslog(3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.wire.syslog import SyslogMessage, parse_message


@pytest.mark.parametrize("data, expected", [
    (b"<30>Jan  2 03:04:05 cron[77]: (root) CMD", SyslogMessage(6, 3, b"cron", 77, b"(root) CMD", b"Jan  2 03:04:05 ")),
    (b"<13>Dec 31 23:59:59 logger: hi there\n", SyslogMessage(5, 1, b"logger", 0, b"hi there", b"Dec 31 23:59:59 ")),
    (b"<38>sshd[9]: Accepted\0", SyslogMessage(6, 4, b"sshd", 9, b"Accepted")),
    (b"no tag here", SyslogMessage(6, 1, b"", 0, b"no tag here")),
    (b"note: a tag without a number", SyslogMessage(6, 1, b"note", 0, b"a tag without a number")),
    (b"<12345> x", SyslogMessage(6, 1, b"", 0, b"<12345> x")),
    (b"<11>a[b]: c", SyslogMessage(3, 1, b"a", 0, b"c")),
    (b"<11>", SyslogMessage(3, 1, b"", 0, b"")),
    (b"", SyslogMessage(6, 1, b"", 0, b"")),
])
def test_message(data, expected):
    assert parse_message(data) == expected


@given(st.binary())
def test_never_raises_and_loses_no_text(data):
    message = parse_message(data)
    assert 0 <= message.priority <= 7
    assert data.rstrip(b"\n\0").endswith(message.text)
