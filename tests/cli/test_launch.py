"""The launchers of Debian's package, with the library's path put in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def launch(tmp_path, name, *words, **options):
    text = (ROOT / "debian/bin" / name).read_text()
    assert "/usr/lib/pyinit" in text
    script = tmp_path / name
    script.write_text(text.replace("/usr/lib/pyinit", str(ROOT)))
    return subprocess.run([sys.executable, "-IS", script, *words], capture_output=True, **options)


@pytest.mark.parametrize("name", sorted(os.listdir(ROOT / "debian/bin")))
def test_every_launcher_runs(tmp_path, name):
    done = launch(tmp_path, name, "--version")
    assert done.returncode == 0 and done.stdout.startswith(b"systemd 252 ")
    assert os.access(ROOT / "debian/bin" / name, os.X_OK)


def test_the_exit_status_and_both_outputs_come_through(tmp_path):
    done = launch(tmp_path, "systemd-escape", "-p", "/a", "/../x")
    assert (done.returncode, done.stdout) == (1, b"a") and b"failed to escape" in done.stderr


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "de_DE.ISO-8859-1"])
def test_arguments_are_bytes_whatever_the_locale(tmp_path, locale):
    done = launch(tmp_path, "systemd-escape", "-u", b"\\xff\xc3\xb6", env={"LC_ALL": locale})
    assert done.stdout == b"\xff\xc3\xb6\n"


def test_a_reader_that_has_gone_is_no_error(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    script = tmp_path / "systemd-analyze"
    script.write_text((ROOT / "debian/bin/systemd-analyze").read_text().replace("/usr/lib/pyinit", str(ROOT)))
    done = subprocess.run([sys.executable, "-IS", script, "syscall-filter", "@known"], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
