"""Descriptors with one owner."""

from __future__ import annotations

import os

import pytest

from initd.shell.fds import OwnedFd, open_memory_file, open_pipe, read_small


def is_open(fd: int) -> bool:
    return os.path.exists(f"/proc/self/fd/{fd}")


def test_closed_once_and_only_by_its_owner():
    reader, writer = open_pipe()
    number = reader.fileno()
    reader.close()
    assert not is_open(number)
    other = os.open("/dev/null", os.O_RDONLY)  # most likely the same number
    reader.close()
    assert is_open(other)
    os.close(other)
    writer.close()


def test_given_away_is_empty():
    reader, writer = open_pipe()
    number = reader.take()
    assert not reader.is_open
    reader.close()
    assert is_open(number)
    with pytest.raises(ValueError):
        reader.fileno()
    os.close(number)
    writer.close()


def test_born_close_on_exec_and_only_the_reader_does_not_block():
    reader, writer = open_pipe()
    with reader, writer:
        assert not os.get_inheritable(reader.fileno()) and not os.get_inheritable(writer.fileno())
        assert not os.get_blocking(reader.fileno()) and os.get_blocking(writer.fileno())


def test_memory_file_reads_from_its_start():
    with open_memory_file("test", b"x" * 100_000) as file:
        assert isinstance(file, OwnedFd) and not os.get_inheritable(file.fileno())
        assert os.read(file.fileno(), 200_000) == b"x" * 100_000


def test_read_small_leaves_nothing_open():
    before = len(os.listdir("/proc/self/fd"))
    assert read_small("/proc/self/comm")
    with pytest.raises(FileNotFoundError):
        read_small("/nonexistent")
    assert len(os.listdir("/proc/self/fd")) == before
