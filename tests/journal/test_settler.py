"""What a slow disk holds back, and what it does not."""

from __future__ import annotations

import errno
import os
import threading

from initd.journal.store import Store
from tests.journal.test_store import IDS, NO_LIMIT, Said, put, segments

PATIENCE = 20


def test_a_rotation_does_not_wait_for_the_disk_and_a_sync_does(tmp_path, monkeypatch):
    asked, may_end = threading.Event(), threading.Event()
    real = os.fdatasync

    def slow(fd: int) -> None:
        asked.set()
        assert may_end.wait(PATIENCE)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", slow)
    store = Store(str(tmp_path), NO_LIMIT, IDS, Said())
    put(store, 1)
    store.rotate()
    assert asked.wait(PATIENCE)
    put(store, 2)
    assert len(segments(tmp_path)) == 2
    syncing = threading.Thread(target=store.sync)
    syncing.start()
    syncing.join(0.05)
    assert syncing.is_alive()
    may_end.set()
    syncing.join(PATIENCE)
    assert not syncing.is_alive()
    store.close()


def test_what_the_disk_had_to_say_is_said(tmp_path, monkeypatch):
    def failing(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    said = Said()
    store = Store(str(tmp_path), NO_LIMIT, IDS, said)
    put(store, 1)
    monkeypatch.setattr(os, "fdatasync", failing)
    store.rotate()
    store.close()
    assert said == [f"{tmp_path} cannot be synchronized: Input/output error"]


def test_descriptors_are_closed_where_no_thread_can_be_had(tmp_path, monkeypatch):
    def none_left(*arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", none_left)
    store = Store(str(tmp_path), NO_LIMIT, IDS, Said())
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        put(store, number)
        store.rotate()
    assert len(os.listdir("/proc/self/fd")) == before
    store.close()
