"""pyinit-exec over every context that the fuzzer has kept, with gcc's sanitizers."""

from __future__ import annotations

import subprocess

import pytest

from tests.fuzz import fuzz_exec


def test_no_context_makes_it_touch_what_is_not_its_own(tmp_path):
    try:
        program = fuzz_exec.build(tmp_path / "build", "gcc", has_fuzzer=False)
    except subprocess.CalledProcessError:
        pytest.skip("no sanitizers here")
    files = []
    for number, data in enumerate(fuzz_exec.inputs()):
        files.append(tmp_path / str(number))
        files[-1].write_bytes(data)
    done = subprocess.run([program, *files], capture_output=True, text=True, env={"ASAN_OPTIONS": "detect_leaks=0"},
                          check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def test_what_would_act_is_stood_in_for(tmp_path, monkeypatch):
    """A call that the fuzzer does not know keeps it from being built."""
    monkeypatch.setattr(fuzz_exec, "ACTS", [name for name in fuzz_exec.ACTS if name != "chroot"])
    with pytest.raises(SystemExit, match="no stand-in for: chroot$"):
        try:
            fuzz_exec.build(tmp_path, "gcc", has_fuzzer=False)
        except subprocess.CalledProcessError:
            pytest.skip("no sanitizers here")
