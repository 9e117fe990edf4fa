"""Which generators are run, and what they are told."""

from __future__ import annotations

from initd.core.generation import ENVIRONMENT_D, MASK, PROGRAM, choose, context, directories, expand, with_environment_d


def test_the_first_directory_that_has_the_name_decides():
    run = {"b": (MASK, "/run/b")}
    etc = {"a": (PROGRAM, "/etc/a"), "b": (PROGRAM, "/etc/b")}
    usr = {"a": (PROGRAM, "/usr/a"), "c": (PROGRAM, "/usr/c"), "0": (PROGRAM, "/usr/0")}
    assert choose([run, etc, usr]) == (["/usr/0", "/etc/a", "/usr/c"], frozenset("abc0"))
    assert choose([]) == ([], frozenset())


def test_what_is_told():
    told = context("system", "podman", "kvm", "x86-64", True)
    assert told == {"SYSTEMD_SCOPE": "system", "SYSTEMD_IN_INITRD": "0", "SYSTEMD_FIRST_BOOT": "1",
                    "SYSTEMD_ARCHITECTURE": "x86-64", "SYSTEMD_VIRTUALIZATION": "container:podman"}
    assert context("system", "", "kvm", "arm64", False)["SYSTEMD_VIRTUALIZATION"] == "vm:kvm"
    assert "SYSTEMD_VIRTUALIZATION" not in context("system", "", "", "arm64", False)
    assert context("user", "", "", "arm64", True) == {"SYSTEMD_SCOPE": "user", "SYSTEMD_ARCHITECTURE": "arm64"}


def test_where_generators_are():
    assert directories("user")[-1] == "/usr/lib/systemd/user-generators"
    assert directories("system", "environment-generators")[-1] == "/lib/systemd/system-environment-generators"
    assert directories("group") == ()


def test_environment_d_comes_in_its_turn_unless_its_name_is_taken():
    paths = ["/a/10-x", "/b/40-y"]
    assert with_environment_d(paths, frozenset()) == ["/a/10-x", ENVIRONMENT_D, "/b/40-y"]
    assert with_environment_d(paths, frozenset([ENVIRONMENT_D])) == paths


def test_variables_in_the_values_of_environment_d():
    variables = {"A": "1", "EMPTY": ""}
    values = ["$A.${A}", "${B:-x$A}", "${EMPTY:-y}", "${A:+z}", "${B:+z}", "$B|", "100$", "$$A", "${A"]
    assert [expand(value, variables) for value in values] == ["1.1", "x1", "y", "z", "", "|", "100$", "$1", "${A"]
