"""The format that two languages share."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from initd.wire import execcontext
from initd.wire.execcontext import ExecContext, ExecReport, Stream, pack, parse_reports, record

HEADER = (Path(__file__).resolve().parents[2] / "initd" / "exec" / "context.h").read_text()


def constants(pattern: str) -> dict[str, int]:
    return {name: int(number) for name, number in re.findall(pattern, HEADER)}


def test_tags_are_those_of_the_header():
    in_c = constants(r"\bTAG_(\w+) = (\d+)")
    assert in_c == {name: getattr(execcontext, name) for name in in_c}
    assert len(set(in_c.values())) == len(in_c)


def test_stream_kinds_are_those_of_the_header():
    in_c = constants(r"\b(STREAM_\w+) = (\d)")
    assert in_c == {name: getattr(execcontext, name) for name in in_c} and len(in_c) == 7


def test_placeholders_are_nul_and_their_number():
    assert (execcontext.OWN_PID, execcontext.JOURNAL_STREAM) == ("\0\1", "\0\2")


@given(st.integers(1, 42), st.lists(st.integers(-(2**63), 2**64 - 1), max_size=5).map(tuple), st.binary(max_size=40))
def test_record_is_aligned_and_ends_in_nul(tag, numbers, text):
    data = record(tag, numbers, text)
    assert len(data) % 8 == 0
    assert struct.unpack_from("=HHI", data) == (tag, len(numbers), len(text))
    start = 8 + 8 * len(numbers)
    assert data[start:start + len(text)] == text and data[start + len(text)] == 0
    assert struct.unpack_from(f"={len(numbers)}Q", data, 8) == tuple(number % 2**64 for number in numbers)


def records(data: bytes) -> list[tuple[int, tuple[int, ...], bytes]]:
    assert data[:8] == execcontext.MAGIC
    at, found = 8, []
    while at < len(data):
        tag, count, size = struct.unpack_from("=HHI", data, at)
        numbers = struct.unpack_from(f"={count}q", data, at + 8)
        text = data[at + 8 + 8 * count:][:size]
        found.append((tag, numbers, text))
        at += (8 + 8 * count + size + 8) // 8 * 8
    return found


def test_a_context_that_asks_for_nothing_only_executes():
    found = records(pack(ExecContext("/bin/true", ("true",))))
    assert found == [(execcontext.PROGRAM, (0,), b"/bin/true"), (execcontext.ARGUMENT, (), b"true")]


def test_fields_become_records():
    context = ExecContext(
        "p", ("a", ""), environment=("E=\udcff",), uid=0, gid=5, groups=(), umask=0, nice=-3, oom_score_adjust=0,
        streams=(Stream(execcontext.STREAM_NULL), Stream(execcontext.STREAM_FILE, 1, 0o644, "/f")),
        limits=((7, 2**64 - 1, 2**64 - 1),), no_new_privileges=True, seccomp_program=bytes(16),
    )
    found = records(pack(context))
    for expected in [
        (execcontext.UID, (0,), b""), (execcontext.GID, (5,), b""), (execcontext.GROUPS, (), b""),
        (execcontext.UMASK, (0,), b""), (execcontext.NICE, (-3,), b""), (execcontext.OOM_SCORE_ADJUST, (0,), b""),
        (execcontext.STREAM, (0, execcontext.STREAM_NULL, 0, 0), b""),
        (execcontext.STREAM, (1, execcontext.STREAM_FILE, 1, 0o644), b"/f"),
        (execcontext.LIMIT, (7, -1, -1), b""), (execcontext.NO_NEW_PRIVILEGES, (), b""),
        (execcontext.SECCOMP, (1,), bytes(16)),
        (execcontext.ARGUMENT, (), b""), (execcontext.ENVIRONMENT, (), b"E=\xff"),
    ]:
        assert expected in found


def test_reports_are_taken_as_they_come():
    one = struct.pack("=ii24s224s", 217, 3, b"USER", b"")
    two = struct.pack("=ii24s224s", 0, 0, b"EXEC", b"/bin/true")
    reports, rest = parse_reports(one + two[:100])
    assert (reports, rest) == ([ExecReport(217, 3, "USER", "")], two[:100])
    assert parse_reports(rest + two[100:]) == ([ExecReport(0, 0, "EXEC", "/bin/true")], b"")
