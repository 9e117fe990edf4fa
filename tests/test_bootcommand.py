"""Where words of the kernel's command line are taken from."""

from __future__ import annotations

import pytest

from initd import bootcommand
from initd.options import Options, UsageError, parse
from initd.shell import limits


@pytest.fixture
def container():
    return limits.probe().replace(is_pid_1=True)


def test_arguments_that_are_such_words():
    options = parse(["--unit=x.target", "systemd.mask=a", "3", "--", "sh", "single"])
    assert options.kernel_words == ("systemd.mask=a", "3")
    assert (options.target, options.command) == ("x.target", ("sh", "single"))
    with pytest.raises(UsageError):
        parse(["bash"])


def test_nobody_says_anything(container, monkeypatch):
    monkeypatch.setattr(bootcommand, "_read_machine", lambda: "")
    assert bootcommand.read_command(Options(), {}, container) is None


def test_the_variable_comes_last_and_may_be_quoted(container, monkeypatch):
    monkeypatch.setattr(bootcommand, "_read_machine", lambda: "systemd.unit=a.target rescue")
    given = {"PYINIT_CMDLINE": "5 systemd.setenv='A=b c'"}
    command = bootcommand.read_command(Options(kernel_words=("3",)), given, container.replace(capabilities=1 << 21))
    assert (command.target, command.environment) == ("graphical.target", ("A=b c",))
    command = bootcommand.read_command(Options(kernel_words=("3",)), {}, container.replace(capabilities=1 << 21))
    assert command.target == "multi-user.target"


@pytest.mark.parametrize("change", [{"capabilities": 0}, {"is_pid_1": False}])
def test_the_machine_s_words_need_its_privileges(container, monkeypatch, change):
    monkeypatch.setattr(bootcommand, "_read_machine", lambda: "rescue")
    privileged = container.replace(is_pid_1=True, capabilities=1 << 21)
    assert bootcommand.read_command(Options(), {}, privileged).target == "rescue.target"
    assert bootcommand.read_command(Options(), {}, privileged.replace(**change)) is None


def test_a_container_is_not_told_by_the_host(monkeypatch):
    monkeypatch.setattr(bootcommand, "read_virtualization", lambda: bootcommand_virtualization("podman"))
    assert bootcommand._read_machine() == ""
    monkeypatch.setattr(bootcommand, "read_virtualization", lambda: bootcommand_virtualization(""))
    assert bootcommand._read_machine() == open("/proc/cmdline").read()


def bootcommand_virtualization(container):
    from initd.core.conditions import Virtualization

    return Virtualization(container)


def test_a_quote_that_does_not_close_is_a_letter(container, monkeypatch):
    monkeypatch.setattr(bootcommand, "_read_machine", lambda: "")
    command = bootcommand.read_command(Options(), {"PYINIT_CMDLINE": "systemd.setenv=A='b 3"}, container)
    assert command.target == "multi-user.target"
