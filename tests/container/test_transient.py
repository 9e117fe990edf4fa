"""Units that clients make and change: `systemd-run` and `systemctl set-property`, as systemd 252 answers them."""

from __future__ import annotations

import pytest
from harness import IN_CGROUP2, Container
from images import Image

from tests.container.conftest import _finish


@pytest.fixture(scope="module")
def machine(request):
    container = Container(Image(("dbus",)), options=("--pids-limit=0", "--systemd=always"), prefix=IN_CGROUP2)
    try:
        container.put("/etc/systemd/system/kept.service", "[Service]\nExecStart=/bin/sleep 9999\n")
        container.start().wait_until_booted()
        yield container
    finally:
        _finish(request, [container])


def _run(machine, *words: str, text: str | None = None):
    return machine.exec("systemd-run", *words, check=False, text=text)


@pytest.mark.parametrize(("command", "status", "told"), [
    (("true",), 0, ["Finished with result: success", "Main processes terminated with: code=exited/status=0"]),
    (("sh", "-c", "exit 7"), 7, ["Finished with result: exit-code", "Main processes terminated with: code=exited/status=7"]),
    (("-p", "RuntimeMaxSec=200ms", "sleep", "60"), 1,
     ["Finished with result: timeout", "Main processes terminated with: code=killed/status=TERM"]),
    (("-p", "User=nosuchuser", "true"), 217,
     ["Finished with result: exit-code", "Main processes terminated with: code=exited/status=217"]),
])
def test_waiting_tells_how_it_ended(machine, command, status, told):
    done = _run(machine, "--wait", *command)
    lines = done.stderr.splitlines()
    assert (done.returncode, lines[1:3]) == (status, told)
    assert lines[0].startswith("Running as unit: run-r") and lines[3].startswith("Service runtime: ")
    assert lines[4].startswith("CPU time consumed: ") and len(lines) == 5


def test_a_pipe_goes_through_the_service(machine):
    done = _run(machine, "--pipe", "-q", "tr", "a-z", "A-Z", text="some words\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "SOME WORDS\n", "")


def test_a_pipe_is_the_commands_own_whoever_that_runs_as(machine):
    done = _run(machine, "--pipe", "-q", "--uid=daemon", "sh", "-c", "cat; echo end >&2; readlink /proc/self/fd/0", text="in\n")
    assert (done.returncode, done.stderr) == (0, "end\n")
    assert done.stdout.startswith("in\npipe:[")


def test_a_pipe_goes_on_through_a_new_manager(machine):
    script = "systemctl daemon-reexec; systemctl is-system-running --wait >/dev/null; read line; echo $line"
    done = _run(machine, "--pipe", "-q", "sh", "-c", script.replace("$", "$$"), text="some words\n")
    assert (done.returncode, done.stdout) == (0, "some words\n"), done


def test_a_terminal_of_its_own(machine):
    done = _run(machine, "--pty", "-q", "sh", "-c", "test -t 0 && test -t 1 && echo yes")
    assert (done.returncode, done.stdout.split()) == (0, ["yes"])


def test_a_slice_is_handed_down(machine):
    inner = "systemd-run --slice-inherit {} --unit=handed --wait -q -P systemctl show --value -p Slice handed"
    for words, wanted in (("", "above.slice"), ("--slice=below", "above-below.slice")):
        asked = inner.format(words)
        done = machine.exec("systemd-run", "--slice=above", "--wait", "-q", "-P", "sh", "-c", asked)
        assert done.stdout.split() == [wanted]


def test_settings_reach_the_command(machine):
    done = _run(machine, "-q", "--pipe", "--uid=daemon", "--nice=4", "-E", "A=b c", "--working-directory=/tmp",
                "sh", "-c", 'id -un; nice; echo "$A"; pwd')
    assert done.stdout.splitlines() == ["daemon", "4", "b c", "/tmp"], done


def test_a_unit_that_is_over_is_gone_and_its_file_with_it(machine):
    _run(machine, "--unit=brief", "--wait", "true")
    machine.wait_until("the file is gone",
                       lambda: machine.exec("test", "-e", "/run/systemd/transient/brief.service", check=False).returncode)
    assert machine.show("brief.service", "LoadState") == "not-found"


def test_a_failed_unit_stays_unless_it_is_collected(machine):
    _run(machine, "--unit=bad", "--wait", "false")
    assert (machine.show("bad.service", "ActiveState"), machine.show("bad.service", "Transient")) == ("failed", "yes")
    assert _run(machine, "--unit=bad", "true").stderr == (
        "Failed to start transient service unit: Unit bad.service was already loaded or has a fragment file.\n")
    machine.systemctl("reset-failed", "bad.service")
    machine.wait_until("it is gone", lambda: machine.show("bad.service", "LoadState") == "not-found")
    assert _run(machine, "--unit=bad", "--wait", "-G", "false").returncode == 1
    machine.wait_until("it is gone", lambda: machine.show("bad.service", "LoadState") == "not-found")


def test_a_transient_unit_outlives_a_reload(machine):
    _run(machine, "--unit=long", "--description=A long one", "sleep", "9999")
    machine.systemctl("daemon-reload")
    assert machine.show("long.service", "Description") == "A long one"
    text = machine.exec("cat", "/run/systemd/transient/long.service").stdout
    assert text == ("# This is a transient unit file, created programmatically via the systemd API. Do not edit.\n"
                    '[Unit]\nDescription=A long one\n\n[Service]\nExecStart=\nExecStart="/usr/bin/sleep" "9999"\n')
    machine.systemctl("stop", "long.service")


def test_a_timer_starts_the_service_and_both_go(machine):
    done = _run(machine, "--on-active=0.1", "--timer-property=AccuracySec=1ms", "--unit=later", "touch", "/run/later")
    assert done.stderr == "Running timer as unit: later.timer\nWill run service as unit: later.service\n"
    machine.wait_until("it has run", lambda: machine.exec("test", "-e", "/run/later", check=False).returncode == 0)
    machine.wait_until("the timer is gone", lambda: machine.show("later.timer", "LoadState") == "not-found")


@pytest.mark.parametrize(("words", "problem"), [
    (("--unit=kept", "true"), "Failed to start transient service unit: Unit kept.service was already loaded or has a "
                              "fragment file."),
    (("-p", "Nope=1", "true"), "Unknown assignment: Nope=1"),
    (("-p", "Type=bogus", "true"), "Failed to start transient service unit: Invalid Type setting: bogus"),
    (("nosuchprogram",), "Failed to find executable nosuchprogram: No such file or directory"),
    ((), "Command line to execute required."),
    (("--on-active=soon", "true"), "Failed to parse OnActiveSec=soon: Invalid argument"),
])
def test_refusals(machine, words, problem):
    done = _run(machine, *words)
    assert (done.returncode, done.stderr) == (1, problem + "\n")


def test_a_setting_is_in_force_at_once_and_taken_back(machine):
    machine.systemctl("start", "kept.service")
    pid = machine.main_pid("kept.service")
    machine.systemctl("set-property", "kept.service", "MemoryMax=100M", "Description=Kept")
    machine.systemctl("set-property", "--runtime", "kept.service", "DeviceAllow=/dev/null rw", "DeviceAllow=/dev/zero")
    for name, value in (("MemoryMax", str(100 << 20)), ("Description", "Kept"), ("NeedDaemonReload", "no")):
        assert machine.show("kept.service", name) == value
    text = machine.exec("cat", "/etc/systemd/system.control/kept.service.d/50-MemoryMax.conf").stdout
    assert text == ('# This is a drop-in unit file extension, created via "systemctl set-property"\n'
                    "# or an equivalent operation. Do not edit.\n[Service]\nMemoryMax=104857600\n")
    assert "DeviceAllow=/dev/zero rwm\nDeviceAllow=/dev/null rw\n" in machine.systemctl("cat", "kept.service")
    told = machine.exec("systemctl", "revert", "kept.service").stderr
    assert "kept.service.d/50-DeviceAllow.conf" in told
    machine.systemctl("daemon-reload")
    assert (machine.show("kept.service", "MemoryMax"), machine.main_pid("kept.service")) == ("infinity", pid)


@pytest.mark.parametrize(("words", "problem"), [
    (("kept.service", "User=root"), "Failed to set unit properties on kept.service: Cannot set property User, or unknown "
                                    "property."),
    (("kept.service", "Slice=a.slice"), "Failed to set unit properties on kept.service: Cannot set property Slice, or "
                                        "unknown property."),
    (("nosuch.service", "CPUWeight=5"), "Failed to set unit properties on nosuch.service: Unit nosuch.service not found."),
    (("basic.target", "CPUWeight=5"), "Unknown assignment: CPUWeight=5"),
    (("kept.service", "CPUWeight=0"), "Failed to parse CPUWeight=0: Numerical result out of range"),
    (("kept.service", "Word"), "Not an assignment: Word"),
])
def test_what_cannot_be_changed_is_refused(machine, words, problem):
    done = machine.exec("systemctl", "set-property", *words, check=False)
    assert (done.returncode, done.stderr) == (1, problem + "\n")


def test_clean_comes_back_when_it_is_gone(machine):
    machine.write("/etc/systemd/system/kept-cache.service",
                  "[Service]\nType=oneshot\nExecStart=/usr/bin/touch /var/cache/kept/file\nCacheDirectory=kept\n")
    machine.systemctl("daemon-reload")
    machine.systemctl("start", "kept-cache.service")
    assert machine.exec("ls", "-d", "/var/cache/kept").stdout == "/var/cache/kept\n"
    machine.systemctl("clean", "kept-cache.service")
    assert machine.exec("test", "-e", "/var/cache/kept", check=False).returncode == 1
