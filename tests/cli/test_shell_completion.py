"""Completion of systemctl's command line: the files are what is printed, and bash does with its own what a user expects."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from initd.cli import options, shell_completion
from initd.cli.systemctl import VERBS
from tests.cli.test_real_systemctl import Served

DIRECTORY = Path(__file__).resolve().parents[2] / "debian" / "completion"
FILES = {"bash": "systemctl", "zsh": "_systemctl", "fish": "systemctl.fish"}
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("shell", shell_completion.SHELLS)
def test_the_file_is_what_is_printed(shell, capsys):
    """`make docs` writes it."""
    assert shell_completion.main([shell]) == 0
    assert capsys.readouterr().out == (DIRECTORY / FILES[shell]).read_text()


@pytest.mark.parametrize("shell", shell_completion.SHELLS)
def test_every_verb_and_every_option_is_in_it(shell):
    text = shell_completion.SHELLS[shell]()
    assert "@" not in text.replace("$@", "").replace("[@]", "")
    for name in options.LONG:
        assert (f"-l {name}" if shell == "fish" else f"--{name}") in text
    for verb in VERBS:
        assert verb in text


def test_what_is_said_about_arguments_is_about_verbs():
    known = [verb for verbs in shell_completion.ARGUMENTS.values() for verb in verbs]
    assert len(set(known)) == len(known)
    assert set(known) <= VERBS.keys()
    assert shell_completion.option_values().keys() <= options.LONG.keys()


def test_another_shell_is_refused(capsys):
    assert shell_completion.main(["csh"]) == 1 and "bash" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_read_it(shell):
    if not shutil.which(shell):
        pytest.skip(f"no {shell} is installed")
    done = subprocess.run([shell, "-n", str(DIRECTORY / FILES[shell])], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """What bash offers for a command line, with our systemctl asking a manager that runs."""
    directory = tmp_path_factory.mktemp("completion")
    with Served(directory) as served:
        program = directory / "systemctl"
        program.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
            f"from initd.cli import bus, systemctl, unitfiles\nfrom initd.shell.unitlinks import UnitLinks\n"
            f"bus.SOCKET_PATH = {served.path!r}\nunitfiles._links = lambda options: UnitLinks({str(served.manager.root)!r})\n"
            "sys.exit(systemctl.main(sys.argv[1:]))\n")
        program.chmod(0o755)

        def ask(*words: str) -> list[str]:
            script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _systemctl; '
                      'printf "%s\\n" "${COMPREPLY[@]}"')
            done = subprocess.run(
                ["bash", "-c", script, "bash", str(DIRECTORY / "systemctl"), "systemctl", *words], text=True,
                capture_output=True, env={"PATH": f"{directory}:/usr/bin:/bin", "SYSTEMD_OFFLINE": "0"}, timeout=60)
            assert done.stderr == ""
            return sorted(filter(None, done.stdout.splitlines()))

        done = subprocess.run([str(program), "start", "web"], capture_output=True, text=True, env={"SYSTEMD_OFFLINE": "0"})
        assert (done.returncode, done.stderr) == (0, "")
        yield ask


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["is-s"], ["is-system-running"]),
        (["list-un"], ["list-unit-files", "list-units"]),
        (["--no-bl"], ["--no-block"]),
        (["start", "--show-t"], ["--show-transaction", "--show-types"]),
        (["--type", "sw"], ["swap"]),
        (["--type", "=", "sw"], ["swap"]),
        (["-t", "ti"], ["timer"]),
        (["-t", "service,so"], ["socket"]),
        (["--type", "=", "service", "list-un"], ["list-unit-files", "list-units"]),
        (["-s", "SIGUS"], ["SIGUSR1", "SIGUSR2"]),
        (["--job-mode", "=", "rep"], ["replace", "replace-irreversibly"]),
        (["start", "we"], ["web.service"]),
        (["stop", "we"], ["web.service"]),
        (["stop", "fa"], []),
        (["restart", "--no-block", "we"], ["web.service"]),
        (["isolate", "ma"], ["many.target"]),
        (["is-enabled", "s"], ["slow.service", "shutdown.target", "sysinit.target"]),
        (["unmask", ""], ["masky.service"]),
        (["log-level", "no"], ["notice"]),
        (["service-watchdogs", ""], ["no", "yes"]),
        (["daemon-reload", ""], []),
    ],
    ids=" ".join,
)  # fmt: skip
def test_bash_offers_what_fits(complete, words, offered):
    assert complete(*words) == sorted(offered)


def test_bash_offers_variables_and_properties(complete):
    assert "PATH" in complete("import-environment", "PAT")
    assert complete("show", "-p", "ActiveS") == ["ActiveState"]
