from __future__ import annotations

import pytest

from initd.shell import allowed
from initd.shell.limits import ContainerLimits, probe

LIMITS = ContainerLimits(
    is_pid_1=True, uid=1000, gid=1000, capabilities=0b101, bounding_set=0b111, no_new_privileges=False, seccomp_mode=0,
    hard_limits={"nofile": 4096, "core": None}, own_limits={}, tag_base=None,
)
LINE = "31 23 0:{number} {top} {path} {options} - {type} cgroup {super}\n"


def mounts(monkeypatch, *lines: str) -> None:
    texts = {"/proc/self/mountinfo": "".join(lines).encode()}
    monkeypatch.setattr(allowed, "read_small", lambda path, limit=0: texts.get(path, b""))


def mount(path, type: str = "cgroup2", options: str = "rw,nosuid", super: str = "rw") -> str:
    return LINE.format(number=27, top="/", path=path, options=options, type=type, super=super)


def test_what_was_probed_is_handed_on(monkeypatch):
    mounts(monkeypatch)
    found = allowed.probe(LIMITS, "/nonexistent")
    assert (found.uid, found.capabilities, found.hard_limits) == (1000, 0b101, {"nofile": 4096, "core": None})
    assert not found.has_seccomp_filter and not found.has_cgroups


@pytest.mark.parametrize(("mode", "is_filter"), [(0, False), (1, False), (2, True)])
def test_only_a_filter_is_a_filter(monkeypatch, mode, is_filter):
    mounts(monkeypatch)
    assert allowed.probe(LIMITS.replace(seccomp_mode=mode), "/nonexistent").has_seccomp_filter is is_filter


@pytest.mark.parametrize(("type", "options", "super", "is_usable"), [
    ("cgroup2", "rw,nosuid", "rw", True),
    ("cgroup2", "ro,nosuid", "rw", False),
    ("cgroup", "rw", "rw,xattr,name=systemd", True),
    ("cgroup", "ro", "rw,xattr,name=systemd", False),
    ("cgroup", "rw", "rw,memory", False),
    ("tmpfs", "rw", "rw", False),
])
def test_a_tree_that_carries_units_is_mounted_for_writing(monkeypatch, tmp_path, type, options, super, is_usable):
    mounts(monkeypatch, mount("/proc", "proc"), mount(tmp_path, type, options, super))
    assert allowed.probe(LIMITS, "/nonexistent").has_cgroups is is_usable


def test_a_tree_that_is_not_there_for_us(monkeypatch, tmp_path):
    mounts(monkeypatch, mount(tmp_path / "hidden"))
    assert not allowed.probe(LIMITS, "/nonexistent").has_cgroups


def test_this_machine_is_only_looked_at():
    found = allowed.probe(probe(), "/nonexistent")
    assert found.hard_limits.keys() >= {"nofile", "nproc", "core"}
    assert isinstance(found.has_cgroups, bool)


def test_namespaces_are_tried(helper):
    found = allowed.probe(probe(), helper).namespaces
    assert found <= {"mount", "network", "ipc", "uts", "user"}
    if probe().can_make_namespaces:
        assert "uts" in found


def test_without_the_program_there_are_none():
    assert allowed.probe(probe(), "/nonexistent").namespaces == frozenset()
