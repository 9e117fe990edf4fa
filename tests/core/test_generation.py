"""Which generators are run, and what they are told."""

from __future__ import annotations

from initd.core.generation import MASK, PROGRAM, choose, context


def test_the_first_directory_that_has_the_name_decides():
    run = {"b": (MASK, "/run/b")}
    etc = {"a": (PROGRAM, "/etc/a"), "b": (PROGRAM, "/etc/b")}
    usr = {"a": (PROGRAM, "/usr/a"), "c": (PROGRAM, "/usr/c"), "0": (PROGRAM, "/usr/0")}
    assert choose([run, etc, usr]) == (["/usr/0", "/etc/a", "/usr/c"], frozenset("abc0"))
    assert choose([]) == ([], frozenset())


def test_what_is_told():
    told = context("podman", "kvm", "x86-64", True)
    assert told == {"SYSTEMD_SCOPE": "system", "SYSTEMD_IN_INITRD": "0", "SYSTEMD_FIRST_BOOT": "1",
                    "SYSTEMD_ARCHITECTURE": "x86-64", "SYSTEMD_VIRTUALIZATION": "container:podman"}
    assert context("", "kvm", "arm64", False)["SYSTEMD_VIRTUALIZATION"] == "vm:kvm"
    assert "SYSTEMD_VIRTUALIZATION" not in context("", "", "arm64", False)
