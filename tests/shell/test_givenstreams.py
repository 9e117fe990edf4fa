"""Streams that a client has given: kept until they are needed, handed on, closed once."""

from __future__ import annotations

import os

import pytest

from initd.shell.fds import OwnedFd, open_pipe
from initd.shell.givenstreams import GivenStreams
from initd.shell.spawn import SocketFds


def test_they_are_closed_with_the_unit_and_handed_on_until_then():
    reader, writer = open_pipe()
    kept = GivenStreams()
    kept.keep("a.service", {1: writer})
    kept.keep("b.service", {})
    inherited: list[int] = []
    saved = kept.save(inherited)
    assert saved == {"a.service": {1: writer.fileno()}} and inherited == [writer.fileno()]
    other = GivenStreams()
    other.restore({"a.service": {1: os.dup(writer.take())}, "c.service": {}})
    os.close(inherited[0])
    ((target, fd),) = other.of("a.service")
    os.write(fd, b"x")
    assert (target, os.read(reader.fileno(), 1)) == (1, b"x")
    other.close("a.service")
    other.close("a.service")
    assert other.of("a.service") == () and os.read(reader.fileno(), 1) == b""
    reader.close()


def test_what_was_kept_for_the_unit_before_is_closed():
    reader, writer = open_pipe()
    kept = GivenStreams()
    kept.keep("a.service", {0: OwnedFd(os.dup(writer.fileno()))})
    kept.keep("a.service", {1: writer})
    assert [target for target, _ in kept.of("a.service")] == [1]
    kept.close("a.service")
    assert os.read(reader.fileno(), 1) == b""
    with pytest.raises(ValueError):
        writer.fileno()
    reader.close()


def test_a_service_reads_and_writes_what_it_was_given(runner):
    source, feed = open_pipe(non_blocking=False)
    sink, drain = open_pipe(non_blocking=False)
    os.write(feed.fileno(), b"some words")
    feed.close()
    streams = ((0, source.fileno()), (1, drain.fileno()))
    _, status, _ = runner.run("/usr/bin/tr", "a-z", "A-Z", sockets=SocketFds(streams=streams), standard_input="null")
    for fd in (source, drain):
        fd.close()
    assert (status, os.read(sink.fileno(), 100)) == (0, b"SOME WORDS")
    sink.close()
