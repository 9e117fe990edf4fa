"""Words of the kernel's command line. What they come to in a boot is in `tests/container/test_generators.py`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.core.generated import EARLY, NORMAL, Generated
from initd.core.kernelcommand import KernelCommand, is_kernel_word, parse, plan_debug, plan_gettys


@pytest.mark.parametrize(("words", "target"), [
    ("", ""), ("rescue", "rescue.target"), ("S", "rescue.target"), ("1", "rescue.target"), ("-b", "emergency.target"),
    ("3", "multi-user.target"), ("5", "graphical.target"), ("6", ""), ("systemd.unit=a.service", "a.service"),
    ("systemd.unit=rescue.target 3", "multi-user.target"), ("3 systemd.unit=a.target", "a.target"),
    ("rd.systemd.unit=a.target", ""), ("systemd.unit=a", ""), ("systemd.unit=a@.service", ""), ("systemd.unit", ""),
])
def test_target(words, target):
    assert parse(words.split()).target == target


@pytest.mark.parametrize(("word", "field", "value"), [
    ("systemd.log_level=debug", "log_level", 7), ("debug", "log_level", 7), ("systemd.log-level=3", "log_level", 3),
    ("systemd.log_target=null", "log_target", "null"), ("systemd.service_watchdogs=no", "service_watchdogs", False),
    ("systemd.service_watchdogs", "service_watchdogs", True), ("systemd.mask=a", "masked", ("a.service",)),
    ("systemd.wants=a.timer", "wanted", ("a.timer",)), ("systemd.debug_shell", "shell", "/dev/tty9"),
    ("systemd.debug-shell=tty3", "shell", "/dev/tty3"), ("systemd.debug_shell=/dev/x", "shell", "/dev/x"),
    ("systemd.debug_shell=no", "shell", ""), ("systemd.setenv=A=b=c", "environment", ("A=b=c",)),
    ("locale.LC_TIME=C", "environment", ("LC_TIME=C",)), ("systemd.getty_auto=1", "getty", True),
    ("systemd.default_standard_output", "configuration", ("DefaultStandardOutput=journal",)),
    ("systemd.default_timeout_start_sec=3\nUser=x", "configuration", ("DefaultTimeoutStartSec=3",)),
    ("systemd.machine_id=0123456789ABCDEF0123456789abcdef", "machine_id", "0123456789abcdef0123456789abcdef"),
])
def test_settings(word, field, value):
    command = parse(["quiet", word, "root=/dev/sda", "x.y=z"])
    assert getattr(command, field) == value
    assert command.problems == ()
    assert is_kernel_word(word)


@pytest.mark.parametrize("word", [
    "systemd.log_level=loud", "systemd.log_target=moon", "systemd.service_watchdogs=maybe", "systemd.mask", "systemd.setenv=A",
    "systemd.setenv=1=2", "systemd.machine_id=0", "systemd.machine_id=" + "0" * 32, "systemd.unit=x",
])
def test_nonsense_is_told_of_and_changes_nothing(word):
    command = parse([word])
    assert command.replace(problems=()) == KernelCommand()
    (problem,) = command.problems
    assert word in problem.text


@given(st.lists(st.text()))
def test_any_words_are_read(words):
    parse(words)


def test_masks_and_wants_come_early():
    command = parse("systemd.mask=a systemd.mask=a systemd.wants=b systemd.debug_shell=tty2 3".split())
    mask, wanted, shell, drop_in = plan_debug(command, "/units")
    assert mask == Generated(EARLY, "a.service", target="/dev/null")
    assert wanted == Generated(EARLY, "multi-user.target.wants/b.service", target="/units/b.service")
    assert shell == Generated(EARLY, "multi-user.target.wants/debug-shell.service", target="/units/debug-shell.service")
    assert drop_in.path == "debug-shell.service.d/50-tty.conf" and "TTYPath=/dev/tty2\n" in drop_in.text
    assert plan_debug(KernelCommand()) == []


def test_login_prompts_on_the_terminals_of_a_container():
    made = plan_gettys("pts/0 /dev/pts/1 pts/1 tty5", True, "/units")
    assert [(each.directory, each.path, each.target) for each in made] == [
        (NORMAL, "getty.target.wants/console-getty.service", "/units/console-getty.service"),
        (NORMAL, "getty.target.wants/container-getty@0.service", "/units/container-getty@.service"),
        (NORMAL, "getty.target.wants/container-getty@1.service", "/units/container-getty@.service"),
    ]
    assert plan_gettys("", False) == []
