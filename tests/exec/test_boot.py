"""pyinit-exec under its other name: what happens between the container's exec and the interpreter."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "initd" / "exec"

#: Stands in for the manager and says what it finds.
REPORT = textwrap.dedent("""
    import os, sys, signal, time
    status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
    facts = {
        "argv": sys.argv[1:],
        "isolated": (sys.flags.isolated, sys.flags.no_site),
        "blocked": int(status["SigBlk"], 16),
        "environment": sorted(open("/proc/self/environ").read().split("\\0")[:-1]),
        "streams": [os.path.exists(f"/proc/self/fd/{fd}") for fd in range(3)],
        "files": {int(fd): os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                  if os.path.exists(f"/proc/self/fd/{fd}")},
        "pid": os.getpid(),
    }
    if "wait" in sys.argv:
        print(facts, flush=True)
        time.sleep(0.3)
        facts = sorted(signal.sigpending())
    if "orphan" in sys.argv:
        facts = orphan()
    print(facts, flush=True)
""")
ORPHAN = textwrap.dedent("""
    def orphan():
        pid = os.fork()
        if pid == 0:
            if os.fork() == 0:
                while os.getppid() != int(sys.argv[-1]): time.sleep(0.01)
                os._exit(9)
            os._exit(0)
        os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(os.waitpid(-1, 0)[1])
    import os, sys, time
""")


def build(directory: Path, *defines: str) -> Path:
    program = directory / "pyinit-exec"
    sources = sorted(str(path) for path in SOURCES.glob("*.c"))
    flags = ["-O1", "-Werror", "-Wall", "-Wextra", "-static"]
    subprocess.run(["cc", *flags, *defines, "-o", program, *sources], check=True)
    return program


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """lib/initd as installed, with links to it from sbin/."""
    tree = tmp_path_factory.mktemp("tree")
    (tree / "lib/initd/exec").mkdir(parents=True)
    (tree / "sbin").mkdir()
    # The interpreter itself: a wrapper script on the way to it may unblock signals.
    build(tree / "lib/initd/exec", f'-DPYINIT_PYTHON="{os.path.realpath(sys.executable)}"')
    (tree / "lib/initd/__main__.py").write_text(ORPHAN + REPORT)
    for name in ("pyinit", "init"):
        (tree / "sbin" / name).symlink_to("../lib/initd/exec/pyinit-exec")
    return tree


def run(program: Path, *arguments: str, **options: object) -> dict:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, done
    return ast.literal_eval(done.stdout)


@pytest.mark.parametrize("name", ["pyinit", "init"])
def test_manager_is_found_beside_the_program_and_gets_everything(tree, name):
    with open(os.devnull) as file:
        number = file.fileno()
        facts = run(tree / "sbin" / name, "--unit", "a b", "--", "-x", env={"A": "1", "B": "two words"},
                    pass_fds=(number,))
    assert facts["argv"] == ["--unit", "a b", "--", "-x"]
    assert facts["isolated"] == (1, 1)
    assert {"A=1", "B=two words"} <= set(facts["environment"])
    assert facts["files"][number] == os.devnull


def test_every_signal_is_blocked_that_can_be(tree):
    blocked = run(tree / "sbin/pyinit")["blocked"]
    unblockable = {signal.SIGKILL, signal.SIGSTOP}
    # 32 and 33 belong to libc.
    assert all(blocked >> number - 1 & 1 for number in signal.valid_signals() - unblockable if number not in (32, 33))


def test_signal_during_the_start_stays_pending(tree):
    process = subprocess.Popen([tree / "sbin/pyinit", "wait"], stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline().startswith("[<Signals.SIGTERM")
    assert process.wait(60) == 0


def test_missing_streams_are_opened(tree):
    script = 'exec "$0" 0<&- 2>&-'
    assert run(Path("/bin/sh"), "-c", script, str(tree / "sbin/pyinit"))["streams"] == [True, True, True]


def test_manager_that_is_not_pid_1_gets_the_orphans(tree):
    process = subprocess.Popen(["/bin/sh", "-c", 'exec "$0" orphan $$', tree / "sbin/pyinit"],
                               stdout=subprocess.PIPE, text=True)
    assert process.communicate(timeout=60)[0] == "9\n"
    assert process.wait(60) == 0


@pytest.mark.skipif(os.getuid() != 0, reason="makes a PID namespace, needs root")
def test_as_pid_1(tree):
    done = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", tree / "sbin/pyinit", "x"],
                          capture_output=True, text=True)
    facts = ast.literal_eval(done.stdout)
    assert (facts["pid"], facts["argv"]) == (1, ["x"])


def test_missing_interpreter_is_one_clear_line(tmp_path):
    program = build(tmp_path, '-DPYINIT_PYTHON="/nonexistent/python3"')
    (tmp_path / "pyinit").symlink_to(program)
    done = subprocess.run([tmp_path / "pyinit"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == "pyinit: cannot execute /nonexistent/python3: No such file or directory\n"


def test_program_elsewhere_takes_the_compiled_in_place(tree, tmp_path):
    program = build(tmp_path, f'-DPYINIT_LIB="{tree}/lib"', f'-DPYINIT_PYTHON="{shutil.which("python3")}"')
    (tmp_path / "init").symlink_to(program)
    assert run(tmp_path / "init", "here")["argv"] == ["here"]


@pytest.mark.parametrize("content", [b"", b"PYX1\0\0\0\0", b"garbage", b"PYX1\0\0\0\0" + b"\xff" * 40,
                                     b"PYX1\0\0\0\0" + b"\x08\0\0\0\xff\xff\xff\xff" + b"\0" * 16])
def test_senseless_context_ends_with_a_status_and_not_a_crash(tree, content, tmp_path):
    file = tmp_path / "context"
    file.write_bytes(content)
    with open(file, "rb") as opened:
        done = subprocess.run([tree / "lib/initd/exec/pyinit-exec", str(opened.fileno())], pass_fds=(opened.fileno(),))
    assert done.returncode in (203, 204)
