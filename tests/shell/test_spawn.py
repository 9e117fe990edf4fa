"""Every step of pyinit-exec, seen from the process that comes out of it."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import re
import signal
import socket
import stat
import sys
from pathlib import Path

import pytest

from initd.core.values import INFINITY, ExecCommand
from initd.shell.spawn import DEFAULT_PATH, SocketFds, Spawner, SpawnError
from initd.wire.journal import decode_header

from .conftest import Runner, needs_root, wait_for_outcome, wait_until


@pytest.fixture(params=["alone", "in a batch"])
def runner(runner, request):
    """Whoever starts a process, it is set up in the same way."""
    if request.param == "alone":
        yield runner
        return
    runner.spawner.spawners.open(runner.spawner.facts.helper)
    yield runner
    for pid in runner.spawner.spawners.close():
        os.waitpid(pid, 0)


def variables(output: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def status_field(runner: Runner, field: str, **options: object) -> str:
    text = runner.shell("cat /proc/self/status", **options)
    return re.search(rf"^{field}:\s*(.*)$", text, re.M).group(1)


# --- the program ---------------------------------------------------------------------------------------------------


def test_missing_program_fails_with_203(runner):
    assert runner.run("/nonexistent/program")[1] == 203


def test_missing_program_with_dash_is_skipped(runner):
    output, status, outcome = runner.run(command=ExecCommand("/nonexistent", ("/nonexistent",), ignore_failure=True))
    assert (status, outcome.kind) == (0, "skipped")


def test_directory_as_program_says_so(runner):
    _output, status, outcome = runner.run("/etc")
    assert (status, outcome.report.errno) == (203, errno.EISDIR)


def test_program_that_may_not_be_executed(runner):
    _output, status, outcome = runner.run("/etc/passwd")
    assert (status, outcome.report.errno) == (203, errno.EACCES)


def test_bare_name_is_searched(runner):
    assert runner.run("echo", "found")[0] == "found\n"


def test_bare_name_is_searched_in_exec_search_path_only(runner, tmp_path):
    program = tmp_path / "greet"
    program.write_text("#!/bin/sh\necho hello from $0\n")
    program.chmod(0o755)
    assert runner.run("greet", exec_search_path=(str(tmp_path),))[0] == f"hello from {program}\n"
    assert runner.run("true", exec_search_path=(str(tmp_path),))[1] == 203


def test_argv_0_may_differ_from_the_program(runner):
    output, _status, _outcome = runner.run(command=ExecCommand("/bin/sh", ("other", "-c", "echo $$0")))
    assert output == "other\n"


def test_variables_are_substituted_in_arguments(runner):
    output, *_ = runner.run("/bin/echo", "$WORDS", "${WORDS}", "$$WORDS", environment=("WORDS=a  b",))
    assert output == "a b a  b $WORDS\n"


def test_own_pid_is_substituted_in_arguments(runner):
    output, *_ = runner.run("/bin/sh", "-c", "echo ${SYSTEMD_EXEC_PID}x $$$$")
    first, second = output.split()
    assert first == second + "x"


def test_colon_prefix_leaves_arguments_alone(runner):
    output, *_ = runner.run(command=ExecCommand("/bin/echo", ("echo", "$HOME", "$$"), no_expand=True))
    assert output == "$HOME $$\n"


# --- environment ---------------------------------------------------------------------------------------------------


def test_environment_is_the_short_list_of_systemd(runner):
    found = variables(runner.shell("env"))
    assert found.pop("SYSTEMD_EXEC_PID").isdigit()
    found.pop("PWD")
    assert found == {"LANG": "C.UTF-8", "PATH": DEFAULT_PATH}


@needs_root
def test_user_brings_its_variables(runner):
    found = variables(runner.shell("env", user="www-data"))
    assert {name: found.get(name) for name in ("USER", "LOGNAME", "HOME", "SHELL")} == {
        "USER": "www-data", "LOGNAME": "www-data", "HOME": "/var/www", "SHELL": None,
    }


def test_later_sources_win_and_unset_comes_last(runner, tmp_path, facts):
    file = tmp_path / "env"
    file.write_text("# comment\nB=file\nC='from file'\nGONE=1\nKEPT=1\n")
    runner.spawner = Spawner(facts.replace(container_environment={"A": "container", "SECRET": "x"}))
    found = variables(runner.shell(
        "env",
        pass_environment=("A",),
        environment=("A=unit", "B=unit", "C=unit"),
        environment_files=((str(file), False), ("/nonexistent", True)),
        unset_environment=("GONE", "KEPT=2"),
        request={"environment": ("A=engine", "MAINPID=17")},
    ))
    assert [found.get(name) for name in ("A", "B", "C", "GONE", "KEPT", "MAINPID", "SECRET")] == [
        "unit", "file", "from file", None, "1", "17", None,
    ]


def test_missing_environment_file_makes_no_process(runner):
    with pytest.raises(SpawnError, match="Failed to load environment files: No such file or directory"):
        runner.start("/bin/true", environment_files=(("/nonexistent", False),))


def test_notify_socket_and_watchdog(runner):
    found = variables(runner.shell("env; echo PID=$$", request={"may_notify": True, "watchdog_usec": 5_000_000}))
    assert found["NOTIFY_SOCKET"] == "/run/systemd/notify"
    assert (found["WATCHDOG_PID"], found["WATCHDOG_USEC"]) == (found["PID"], "5000000")


# --- the process ---------------------------------------------------------------------------------------------------


def test_signals_are_reset_and_only_sigpipe_is_ignored(runner):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    previous = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    try:
        assert status_field(runner, "SigIgn") == f"{1 << signal.SIGPIPE - 1:016x}"
        assert status_field(runner, "SigBlk") == "0" * 16
        assert status_field(runner, "SigIgn", ignore_sigpipe=False) == "0" * 16
    finally:
        signal.signal(signal.SIGUSR2, previous)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})


def test_process_leads_a_session_of_its_own(runner):
    output, *_ = runner.run("/bin/cat", "/proc/self/stat")
    fields = output.rsplit(") ", 1)[1].split()
    assert output.split()[0] == fields[2] == fields[3]


def test_tag_is_set_and_inherited(runner):
    text = runner.shell("setsid cat /proc/self/limits")
    assert f"Max realtime timeout      {(1 << 60) + 7} " in text


def test_unit_with_its_own_rttime_has_no_tag(runner):
    text = runner.shell("cat /proc/self/limits", limits={"rttime": (5_000_000, 6_000_000)})
    assert re.search(r"realtime timeout +5000000 +6000000", text)


def test_limits_are_set_and_clamped_to_the_hard_ones(runner):
    text = runner.shell("cat /proc/self/limits", limits={"nofile": (256, 512), "core": (0, 0)})
    assert re.search(r"open files +256 +512", text)
    assert re.search(r"core file size +0 +0", text)


@needs_root
def test_limit_above_the_hard_one_is_clamped_without_privilege(runner):
    # The helper drops nothing by itself: without CAP_SYS_RESOURCE this is what a container's PID 1 is.
    script = (
        "import os,sys,resource;resource.setrlimit(resource.RLIMIT_NOFILE,(64,128));os.setresuid(65534,65534,65534);"
        "os.execv(sys.argv[1],['pyinit-exec',sys.argv[2]])"
    )
    from initd.shell.fds import open_memory_file
    from initd.wire.execcontext import RESOURCES, ExecContext, pack

    context = ExecContext("/bin/cat", ("cat", "/proc/self/limits"), limits=((RESOURCES["nofile"], 4096, 8192),))
    read_fd, write_fd = os.pipe()
    with open_memory_file("context", pack(context)) as memory_file:
        fd = memory_file.fileno()
        import sys

        os.chmod(Path(runner.spawner.facts.helper).parent, 0o755)
        for parent in Path(runner.spawner.facts.helper).parents:
            if parent.stat().st_uid == os.getuid() and str(parent).startswith("/tmp/"):
                parent.chmod(0o755)
        pid = os.posix_spawn(sys.executable, ["python3", "-c", script, runner.spawner.facts.helper, str(fd)],
                             dict(os.environ),
                             file_actions=[(os.POSIX_SPAWN_DUP2, fd, fd), (os.POSIX_SPAWN_DUP2, write_fd, 1)])
    os.close(write_fd)
    with os.fdopen(read_fd) as reader:
        text = reader.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert re.search(r"open files +128 +128", text)


def test_infinite_limit(runner):
    text = runner.shell("cat /proc/self/limits", limits={"fsize": (INFINITY, INFINITY)})
    assert re.search(r"file size +unlimited +unlimited", text)


def test_default_limits_of_systemd(runner):
    assert re.search(r"open files +1024 ", runner.shell("cat /proc/self/limits"))


def test_nice_oom_score_timer_slack_umask(runner):
    text = runner.shell(
        "nice; cat /proc/self/oom_score_adj; cat /proc/$$/timerslack_ns; umask",
        nice=os.nice(0) + 3, oom_score_adjust=700, timer_slack_nsec=123456, umask=0o027,
    )
    assert text.split() == [str(os.nice(0) + 3), "700", "123456", "0027"]


def test_scheduling_policy_and_affinity(runner):
    cpu = min(os.sched_getaffinity(0))
    assert status_field(runner, "Cpus_allowed_list", cpu_affinity=(cpu,)) == str(cpu)
    text = runner.shell("cat /proc/self/stat", cpu_scheduling_policy=3)
    assert text.rsplit(") ", 1)[1].split()[38] == "3"


def test_io_priority(runner):
    output = runner.shell("command -v ionice >/dev/null && ionice -p $$ || echo none",
                          io_scheduling_class=2, io_scheduling_priority=6)
    assert output in ("best-effort: prio 6\n", "none\n")


def test_coredump_filter(runner):
    assert runner.shell("cat /proc/self/coredump_filter", coredump_filter=0x21) == "00000021\n"


@needs_root
def test_personality(runner):
    assert runner.shell("cat /proc/$$/personality", personality="x86") == "00000008\n"


def test_idle_waits_until_released(runner):
    spawned = runner.start("/bin/true", request={"is_idle": True})
    # It stands before its exec: the pipe tells nothing yet, and the process is still the helper.
    wait_until(lambda: os.readlink(f"/proc/{spawned.pid}/exe").endswith("pyinit-exec"))
    assert spawned.status.read() is None
    runner.spawner.release_idle()
    assert wait_for_outcome(spawned).kind == "succeeded"


# --- users and privileges ------------------------------------------------------------------------------------------


@needs_root
def test_user_group_and_supplementary_groups(runner):
    mail = grp.getgrnam("mail").gr_gid
    entry = pwd.getpwnam("nobody")
    text = runner.shell("id -u; id -g; id -G", user="nobody", group="daemon", supplementary_groups=("mail",))
    uid, gid, groups = text.splitlines()
    assert (uid, gid) == (str(entry.pw_uid), str(grp.getgrnam("daemon").gr_gid))
    assert set(groups.split()) == {gid, str(mail)}


@needs_root
def test_supplementary_groups_without_a_user(runner):
    assert set(runner.shell("id -G", supplementary_groups=("mail",)).split()) == {"0", str(grp.getgrnam("mail").gr_gid)}


def test_unknown_user_fails_with_217(runner):
    assert runner.fails(user="no-such-user") == (217, "USER", errno.ESRCH)


def test_number_without_a_user_fails_with_217(runner):
    assert runner.fails(user="12345678")[0] == 217


def test_unknown_group_fails_with_216(runner):
    assert runner.fails(group="no-such-group") == (216, "GROUP", errno.ESRCH)


@needs_root
def test_plus_prefix_keeps_the_managers_privileges(runner):
    command = ExecCommand("/usr/bin/id", ("id", "-u"), full_privileges=True)
    assert runner.run(command=command, user="nobody", no_new_privileges=True)[0] == "0\n"


@needs_root
def test_exclamation_prefix_keeps_the_user_only(runner):
    command = ExecCommand("/bin/sh", ("sh", "-c", "id -u; grep NoNewPrivs /proc/self/status"), no_setuid=True)
    assert runner.run(command=command, user="nobody", no_new_privileges=True)[0].split() == ["0", "NoNewPrivs:", "1"]


@needs_root
def test_dynamic_user_is_nobody_elses_number(runner):
    uid = int(runner.shell("id -u", dynamic_user=True))
    assert 61184 <= uid <= 65519


@needs_root
def test_bounding_set_is_dropped(runner):
    kept = 1 << 10 | 1 << 0
    assert int(status_field(runner, "CapBnd", capability_bounding_set=kept), 16) == kept
    assert int(status_field(runner, "CapEff", capability_bounding_set=kept), 16) == kept


@needs_root
def test_empty_bounding_set_with_user(runner):
    for field in ("CapBnd", "CapEff", "CapPrm"):
        assert int(status_field(runner, field, capability_bounding_set=0, user="nobody"), 16) == 0


@needs_root
def test_ambient_capability_survives_the_change_of_user(runner):
    ambient = 1 << 10  # CAP_NET_BIND_SERVICE
    for field in ("CapAmb", "CapEff"):
        assert int(status_field(runner, field, ambient_capabilities=ambient, user="nobody"), 16) == ambient


@needs_root
def test_ambient_capability_outside_of_the_bounding_set_is_left_out(runner):
    options = {"ambient_capabilities": 1 << 10 | 1 << 14, "capability_bounding_set": 1 << 10, "user": "nobody"}
    assert int(status_field(runner, "CapAmb", **options), 16) == 1 << 10


@needs_root
def test_private_devices_drops_mknod(runner):
    assert not int(status_field(runner, "CapBnd", private_devices=True), 16) & 1 << 27


def test_no_new_privileges(runner):
    assert status_field(runner, "NoNewPrivs", no_new_privileges=True) == "1"
    assert status_field(runner, "NoNewPrivs") == status_of_self("NoNewPrivs")


def status_of_self(field: str) -> str:
    return re.search(rf"^{field}:\s*(.*)$", Path("/proc/self/status").read_text(), re.M).group(1)


@needs_root
def test_secure_bits_with_a_user(runner):
    noroot = 1
    assert int(status_field(runner, "CapEff", secure_bits=noroot), 16) == 0
    assert runner.run("/bin/true", secure_bits=noroot, user="nobody")[1] == 0


# --- the file system -----------------------------------------------------------------------------------------------


def test_working_directory(runner, tmp_path):
    assert runner.shell("pwd") == "/\n"
    assert runner.shell("pwd", working_directory=str(tmp_path)) == f"{tmp_path}\n"


def test_missing_working_directory_fails_with_200(runner):
    assert runner.fails(working_directory="/nonexistent") == (200, "CHDIR", errno.ENOENT)
    assert runner.shell("pwd", working_directory="/nonexistent", working_directory_missing_ok=True) == "/\n"


@needs_root
def test_home_as_working_directory(runner):
    assert runner.shell("pwd", working_directory="~", user="root") == "/root\n"
    assert runner.fails(working_directory="~", user="nobody")[0] == 200


@needs_root
def test_root_directory(runner, helper, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "inside").symlink_to("/")
    busybox = root / "probe"
    busybox.write_bytes(Path(helper).read_bytes())
    busybox.chmod(0o755)
    # A static program that needs no argument to prove where it is: it ends with 203 for want of one.
    _output, status, outcome = runner.run("/probe", root_directory=str(root))
    assert (outcome.kind, status) == ("succeeded", 203)
    #: Where there are mount namespaces it is mounted, else it is chroot(2).
    assert runner.fails(root_directory="/nonexistent")[:2] in ((226, "NAMESPACE"), (210, "CHROOT"))


@needs_root
def test_directories_with_owner_mode_and_link(runner):
    name = f"pyinit-test-{os.getpid()}"
    entry = pwd.getpwnam("nobody")
    try:
        text = runner.shell(
            f"env; touch /run/{name}/sub/mine", user="nobody", umask=0o077,
            runtime_directory=((f"{name}/sub", (f"{name}-link",)),), runtime_directory_mode=0o2750,
        )
        assert variables(text)["RUNTIME_DIRECTORY"] == f"/run/{name}/sub"
        made, parent = os.stat(f"/run/{name}/sub"), os.stat(f"/run/{name}")
        assert (made.st_uid, made.st_gid, stat.S_IMODE(made.st_mode)) == (entry.pw_uid, entry.pw_gid, 0o2750)
        assert (parent.st_uid, stat.S_IMODE(parent.st_mode)) == (0, 0o755)
        assert os.readlink(f"/run/{name}-link") == f"{name}/sub"
    finally:
        from initd.shell.directories import remove_directories

        assert remove_directories((f"/run/{name}", f"/run/{name}-link")) == []
    assert not os.path.lexists(f"/run/{name}-link")


@needs_root
def test_existing_directory_is_given_away_with_its_content(runner):
    name = f"pyinit-test-{os.getpid()}"
    os.makedirs(f"/run/{name}/deep")
    Path(f"/run/{name}/deep/file").write_text("")
    os.symlink("/etc/passwd", f"/run/{name}/link")
    try:
        runner.shell("true", user="nobody", runtime_directory=((name, ()),))
        uid = pwd.getpwnam("nobody").pw_uid
        assert {os.lstat(f"/run/{name}/{path}").st_uid for path in ("", "deep", "deep/file", "link")} == {uid}
        assert os.stat("/etc/passwd").st_uid == 0
    finally:
        from initd.shell.directories import remove_directories

        remove_directories((f"/run/{name}",))


def test_directory_that_cannot_be_made_fails_with_its_own_status(runner):
    name = f"pyinit-test-{os.getpid()}"
    blocker = Path(f"/run/{name}") if os.getuid() == 0 else None
    if blocker is None:
        pytest.skip("needs to write to /run")
    blocker.write_text("a file")
    try:
        assert runner.fails(runtime_directory=((name, ()),))[:2] == (233, "RUNTIME_DIRECTORY")
    finally:
        blocker.unlink()


# --- streams -------------------------------------------------------------------------------------------------------


def test_default_input_is_null_and_error_follows_output(runner):
    text = runner.shell("readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2; echo lost >&2")
    assert text.splitlines() == ["/dev/null", str(runner.output_path), str(runner.output_path), "lost"]


def test_file_is_truncated_only_when_asked(runner, tmp_path):
    target = tmp_path / "log"
    target.write_text("0123456789\n")
    for kind, expected in (("file", "new\n456789\n"), ("append", "new\n456789\nnew\n"), ("truncate", "new\n")):
        runner.run("/bin/echo", "new", standard_output=kind, standard_output_path=str(target))
        assert target.read_text() == expected, kind


def test_output_file_that_cannot_be_opened_fails_with_209(runner):
    assert runner.fails(standard_output="file", standard_output_path="/nonexistent/x")[:2] == (209, "STDOUT")
    assert runner.fails(standard_error="file", standard_error_path="/nonexistent/x")[:2] == (222, "STDERR")
    assert runner.fails(standard_input="file", standard_input_path="/nonexistent/x")[:2] == (208, "STDIN")


def test_input_data(runner):
    assert runner.run("/bin/cat", standard_input="data", standard_input_data=b"given\n")[0] == "given\n"


def test_journal_stream_sends_the_header_first(runner, facts, tmp_path):
    path = str(tmp_path / "stdout")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(5)
    runner.spawner = Spawner(facts.replace(journal_path=path))
    spawned = runner.start("/bin/sh", "-c", "echo $JOURNAL_STREAM; echo error >&2; ls -iL /proc/self/fd/2 || :",
                           standard_output="journal", syslog_identifier="ident", syslog_facility=10, syslog_level=5)
    connection, _address = listener.accept()
    data = b""
    while part := connection.recv(4096):
        data += part
    header, rest = decode_header(data)
    assert (header.identifier, header.unit, header.priority) == ("ident", "test.service", 10 << 3 | 5)
    stream, error, *_ = rest.decode().splitlines()
    assert re.fullmatch(r"\d+:\d+", stream) and error == "error"
    assert wait_for_outcome(spawned).kind == "succeeded"


def error_stream(runner, target):
    """Where standard error leads, which is where standard output leads."""
    script = f"{{ env; readlink /proc/self/fd/2; }} > {target}"
    runner.run("/bin/sh", "-c", script, standard_output="journal")
    text = target.read_text()
    assert "JOURNAL_STREAM" not in variables(text)
    return text.splitlines()[-1]


def test_without_a_journal_output_goes_where_our_own_goes(runner, tmp_path):
    assert error_stream(runner, tmp_path / "seen") == os.readlink("/proc/self/fd/1")


def test_output_goes_nowhere_where_the_journals_socket_takes_nothing(facts, tmp_path):
    path = tmp_path / "stdout"
    socket.socket(socket.AF_UNIX).bind(str(path))
    runner = Runner(Spawner(facts.replace(journal_path=str(path))), tmp_path)
    try:
        assert error_stream(runner, tmp_path / "seen") == "/dev/null"
    finally:
        runner.close()


@needs_root
def test_terminal_becomes_the_controlling_one(runner):
    master, slave = os.openpty()
    path = os.ttyname(slave)
    os.close(slave)
    text = runner.shell("readlink /proc/self/fd/0; exec 3</dev/tty && echo controls; env",
                        standard_input="tty-force", tty_path=path)
    assert text.splitlines()[:2] == [path, "controls"]
    assert variables(text)["TERM"]
    os.close(master)


def test_a_terminal_is_reset_and_cleared_behind_the_end(runner):
    import termios

    master, slave = os.openpty()
    modes = termios.tcgetattr(slave)
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, modes)
    settings = runner.settings(tty_path=os.ttyname(slave), tty_reset=True, tty_vt_disallocate=True)
    runner.spawner.reset_terminal(settings)
    assert termios.tcgetattr(slave)[3] & termios.ECHO
    assert os.read(master, 100) == b"\x1b[r\x1b[H\x1b[3J"
    for fd in (master, slave):
        os.close(fd)


def test_a_terminal_that_is_not_there_is_not_reset(runner):
    runner.spawner.reset_terminal(runner.settings(tty_path="/nonexistent/tty", tty_reset=True))


def test_missing_terminal_fails_with_208(runner):
    assert runner.fails(standard_input="tty", tty_path="/nonexistent/tty")[:2] == (208, "STDIN")


# --- descriptors ---------------------------------------------------------------------------------------------------


def test_no_descriptor_leaks(runner):
    leaked = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    try:
        # ls opens the directory itself as 3.
        assert runner.shell("ls /proc/self/fd").split() == ["0", "1", "2", "3"]
    finally:
        os.close(leaked)


@pytest.mark.parametrize("count", [1, 3, 40])
def test_sockets_are_passed_in_order_from_3(runner, tmp_path, count):
    fds = []
    for i in range(count):
        path = tmp_path / f"file{i}"
        path.write_text(str(i))
        fds.append(os.open(path, os.O_RDONLY))
    try:
        # Their numbers overlap with where they go, in reverse.
        fds.reverse()
        names = tuple(f"name{i}" for i in range(count))
        script = "env; echo PID=$$; for i in $(seq 3 $((LISTEN_FDS + 2))); do cat /proc/self/fd/$i; echo; done"
        text = runner.shell(script, sockets=SocketFds(tuple(fds), names))
        found = variables(text)
        assert (found["LISTEN_PID"], found["LISTEN_FDS"]) == (found["PID"], str(count))
        assert found["LISTEN_FDNAMES"] == ":".join(names)
        assert text.splitlines()[-count:] == [str(i) for i in reversed(range(count))]
    finally:
        for fd in fds:
            os.close(fd)


def test_connection_becomes_input_and_output(runner):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        runner.start("/bin/sh", "-c", "read line; echo got $$line", standard_input="socket", standard_output="",
                     sockets=SocketFds(connection_fd=theirs.fileno()))
        theirs.close()
        ours.sendall(b"word\n")
        assert ours.recv(100) == b"got word\n"


def test_program_name_that_is_no_helper_fails_as_spawn_error(facts, runner):
    runner.spawner = Spawner(facts.replace(helper="/nonexistent/pyinit-exec"))
    with pytest.raises(SpawnError, match="No such file"):
        runner.start("/bin/true")


# --- system call filters: tests/core/test_seccomp.py has the verdicts, here are real ones --------------------------


def python(runner: Runner, script: str, **options: object) -> tuple[str, int]:
    output, status, _outcome = runner.run(sys.executable, "-ISc", script, **options)
    return output, status


def test_a_filter_is_loaded_and_refuses(runner):
    output, status = python(runner, "import os\ntry: os.mkdir('/nonexistent/x')\nexcept OSError as e: print(e.errno)",
                            system_call_filter=("~mkdir:ENOTTY",))
    assert (output, status) == (f"{errno.ENOTTY}\n", 0)
    assert status_field(runner, "Seccomp", system_call_filter=("~mkdir",)) == "2"


def test_a_filter_kills_with_sigsys(runner):
    assert python(runner, "import os; os.mkdir('/nonexistent/x')", system_call_filter=("~mkdir",))[1] == -signal.SIGSYS


def test_a_list_of_what_is_allowed_is_enough_to_run(runner):
    output, status = python(runner, "import socket\ntry: socket.socket(socket.AF_NETLINK)\nexcept OSError as e: print(e.errno)",
                            system_call_filter=("@system-service",), restrict_address_families=(True, ("AF_UNIX",)))
    assert (output, status) == (f"{errno.EAFNOSUPPORT}\n", 0)


def test_a_filter_without_write_does_not_keep_us_from_saying_that_the_program_runs(runner):
    assert runner.run("/bin/true", system_call_filter=("@default", "read", "openat", "newfstatat", "fstat", "close",
                      "access", "pread64", "mmap"))[2].kind == "succeeded"


def test_suid_realtime_personality_and_writable_code(runner):
    script = """
import errno, mmap, os
def tried(call, *arguments):
    try: call(*arguments)
    except OSError as error: print(errno.errorcode[error.errno])
    else: print("done")
os.close(os.open("f", os.O_CREAT, 0o600))
tried(os.chmod, "f", 0o4755)
tried(os.chmod, "f", 0o755)
tried(os.sched_setscheduler, 0, os.SCHED_RR, os.sched_param(1))
tried(os.sched_setscheduler, 0, os.SCHED_BATCH, os.sched_param(0))
tried(mmap.mmap, -1, 4096, mmap.MAP_PRIVATE, mmap.PROT_WRITE | mmap.PROT_EXEC)
tried(mmap.mmap, -1, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
"""
    output, _status = python(runner, script, restrict_suid_sgid=True, restrict_realtime=True, lock_personality=True,
                             memory_deny_write_execute=True, working_directory=str(runner.output_path.parent))
    assert output.split() == ["EPERM", "done", "EPERM", "done", "EPERM", "done"]


def unprivileged() -> dict[str, object]:
    return {"user": "www-data"} if os.getuid() == 0 else {}


def test_who_may_not_filter_gives_up_new_privileges(runner):
    assert status_field(runner, "NoNewPrivs", lock_personality=True, **unprivileged()) == "1"
    assert status_field(runner, "NoNewPrivs", **unprivileged()) == "0"


@needs_root
def test_root_filters_and_keeps_new_privileges(runner):
    text = runner.shell("grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status", lock_personality=True)
    assert text.split() == ["NoNewPrivs:", "0", "Seccomp:", "2"]


def test_who_keeps_new_privileges_goes_without_a_filter_it_may_not_load(runner):
    runner.output_path.write_text("")
    spawned = runner.start("/bin/grep", "-E", "^(NoNewPrivs|Seccomp):", "/proc/self/status", lock_personality=True,
                           no_new_privileges=False, **unprivileged())
    assert wait_for_outcome(spawned).kind == "succeeded"
    os.waitpid(spawned.pid, 0)
    runner.spawned.remove(spawned.pid)
    assert [report.step for report in spawned.status.degraded] == ["SECCOMP"]
    assert runner.output_path.read_text().split() == ["NoNewPrivs:", "0", "Seccomp:", "0"]


def test_full_privileges_are_not_filtered(runner):
    command = ExecCommand("/bin/grep", ("grep", "^Seccomp:", "/proc/self/status"), full_privileges=True)
    assert runner.run(command=command, lock_personality=True)[0].split() == ["Seccomp:", "0"]


@pytest.mark.parametrize(("policy", "mask", "expected"), [
    ("bind", (0,), "bind:0"), ("interleave", (0,), "interleave:0"), ("local", (), "local"), ("bind", (), "default"),
])
def test_memory_policy(runner, policy, mask, expected):
    if not os.path.exists("/proc/self/numa_maps"):
        pytest.skip("a kernel without memory policies")
    text = runner.shell("cut -d' ' -f2 /proc/self/numa_maps | sort -u", numa_policy=policy, numa_mask=mask)
    assert expected in text.split()


def test_memory_policy_on_a_node_that_there_is_not(runner):
    if os.path.exists("/proc/self/numa_maps"):
        assert runner.fails(numa_policy="bind", numa_mask=(900,))[:2] == (242, "NUMA_POLICY")
