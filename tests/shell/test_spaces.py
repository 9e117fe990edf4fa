from __future__ import annotations

import errno
import os
import stat

import pytest

from initd.shell.spaces import Spaces

from .conftest import needs_root


def test_a_unit_has_one_space_until_it_is_released():
    spaces = Spaces()
    space = spaces.of("a.service", ())
    assert spaces.of("a.service", ()) is space
    spaces.release("a.service")
    assert spaces.of("a.service", ()) is not space


def test_a_unit_joins_one_that_is_up_and_the_last_one_closes():
    spaces = Spaces()
    space = spaces.of("a.service", ("b.service",))
    pair = space.pair(1)
    assert spaces.of("b.service", ("a.service", "c.service")) is space
    spaces.release("a.service")
    assert space.pair(1) == pair and os.fstat(pair[0])
    spaces.release("b.service")
    with pytest.raises(OSError):
        os.fstat(pair[0])


def test_releasing_what_has_no_space_does_nothing():
    assert Spaces().release("a.service") == []


def test_temporary_directories_are_private_and_go_with_the_unit():
    spaces = Spaces()
    space = spaces.of("private-test.service", ())
    found = space.make_temporary("private-test.service")
    assert space.make_temporary("private-test.service") == found
    for path, base in zip(found, ("/tmp", "/var/tmp")):
        outer = os.path.dirname(path)
        assert outer.startswith(f"{base}/systemd-private-") and "-private-test.service-" in outer
        assert stat.S_IMODE(os.stat(outer).st_mode) == 0o700 and stat.S_IMODE(os.stat(path).st_mode) == 0o1777
    assert spaces.release("private-test.service") == []
    assert not any(map(os.path.exists, found))


def test_a_read_only_place_for_temporary_files_needs_no_directory(monkeypatch):
    def refuse(path, mode):
        raise OSError(errno.EROFS, "", path)

    monkeypatch.setattr("initd.shell.spaces.os.mkdir", refuse)
    spaces = Spaces()
    assert spaces.of("a.service", ()).make_temporary("a.service") == ("", "")
    assert spaces.release("a.service") == []


@needs_root
def test_processes_of_one_unit_share_its_network(runner):
    own = os.readlink("/proc/self/ns/net")
    found = [runner.shell("readlink /proc/self/ns/net", private_network=True).strip() for _ in range(2)]
    if found[0] == own:
        pytest.skip("no network namespaces here")
    joined = runner.shell("readlink /proc/self/ns/net", private_network=True,
                          request={"unit": "other.service", "joins_namespaces_of": ("test.service",)}).strip()
    alone = runner.shell("readlink /proc/self/ns/net", private_network=True, request={"unit": "third.service"}).strip()
    assert found[0] == found[1] == joined and alone not in (own, joined)
