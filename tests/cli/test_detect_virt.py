"""`systemd-detect-virt` says the word that conditions know, as systemd's own does where it is installed."""

from __future__ import annotations

import os
import subprocess

import pytest

from initd.cli import detect_virt
from initd.core.conditions import Virtualization
from tests.cli.test_notify import is_252

REAL = "/usr/bin/systemd-detect-virt"


@pytest.fixture
def inside(monkeypatch):
    def set_up(container="", vm="", private=False):
        from initd.shell import conditions

        monkeypatch.setattr(conditions, "read_virtualization", lambda root="": Virtualization(container, vm, private))

    return set_up


@pytest.mark.parametrize(
    ("container", "vm", "words", "status", "said"),
    [
        ("podman", "kvm", [], 0, "podman\n"),
        ("podman", "kvm", ["-v"], 0, "kvm\n"),
        ("podman", "", ["--vm"], 1, "none\n"),
        ("", "kvm", [], 0, "kvm\n"),
        ("", "kvm", ["--container"], 1, "none\n"),
        ("", "", [], 1, "none\n"),
        ("docker", "", ["-q"], 0, ""),
        ("", "", ["-cq"], 1, ""),
    ],
)
def test_one_word_and_a_status(inside, capsys, container, vm, words, status, said):
    inside(container, vm)
    assert detect_virt.main(words) == status
    assert capsys.readouterr().out == said


@pytest.mark.parametrize("private", [True, False])
def test_private_users_are_told_by_the_status(inside, capsys, private):
    inside(private=private)
    assert detect_virt.main(["--private-users"]) == (0 if private else 1)
    assert capsys.readouterr().out == ""


def test_what_is_no_option(capsys):
    assert detect_virt.main(["word"]) == 1
    assert capsys.readouterr().err == "systemd-detect-virt takes no arguments.\n"
    assert detect_virt.main(["--bogus"]) == 1


def test_a_process_with_the_root_of_the_first_is_in_no_chroot(monkeypatch):
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **more: real("/") if path == "/proc/1/root" else real(path, **more))
    assert detect_virt.main(["-r"]) == 1
    monkeypatch.setattr(os, "stat", lambda path, **more: real("/proc") if path == "/proc/1/root" else real(path, **more))
    assert detect_virt.main(["--chroot"]) == 0


@pytest.mark.skipif(not is_252(), reason="systemd's own is not installed")
# Not -v: which hypervisor it is, systemd asks the processor, and ours what the firmware says.
@pytest.mark.parametrize("words", [[], ["-c"], ["--private-users"], ["--list"], ["-q"], ["word"], ["--bogus"]])
def test_as_systemds_own_does(words, capsys):
    done = subprocess.run([REAL, *words], capture_output=True, text=True)
    status = detect_virt.main(words)
    said = capsys.readouterr()
    assert (status, said.out, said.err) == (done.returncode, done.stdout, done.stderr.replace(REAL, "systemd-detect-virt"))
