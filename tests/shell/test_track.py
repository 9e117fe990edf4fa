"""Processes that try to get away are still known: by tag, by registration, by tree. And they are reaped and killed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from initd.core.effects import KillProcesses
from initd.core.values import PidRef, ProcessEnd
from initd.shell import track
from initd.shell.kill import Killer
from initd.shell.limits import choose_tag_base, probe
from initd.shell.reap import reap
from initd.shell.track import Tracker, process_ref, read_stat

from .conftest import needs_root, wait_until

UNIT = "test.service"
ROOT = Path(__file__).resolve().parents[2]

#: Forks twice, leaves its session and group, becomes nobody, and lets its parents go.
ESCAPE = textwrap.dedent("""
    import os, sys, time
    if os.fork(): os._exit(0)
    output = open(sys.argv[1], "a")  # while we still may
    os.setsid()
    if os.fork(): os._exit(0)
    if os.getuid() == 0:
        os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
    print(os.getpid(), file=output, flush=True)
    time.sleep(1000)
""")


@pytest.fixture
def tracker():
    return Tracker({7: UNIT, 8: "other.service"}, probe().tag_base)


@pytest.fixture(autouse=True)
def subreaper():
    """Orphans become our children, as they do for PID 1."""
    import ctypes

    libc = ctypes.CDLL(None)
    libc.prctl(36, 1, 0, 0, 0)
    yield
    for pid in [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_our_child(pid)]:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    libc.prctl(36, 0, 0, 0, 0)


def _is_our_child(pid: int) -> bool:
    stat = read_stat(pid)
    return stat is not None and stat.parent_pid == os.getpid()


@pytest.fixture
def tagged(runner, facts):
    """A runner whose spawner uses the tags this machine leaves to us."""
    from initd.shell.spawn import Spawner

    runner.spawner = Spawner(facts.replace(tag_base=probe().tag_base))
    return runner


def start(runner, tracker, *argv, **options):
    spawned = runner.start(*argv, **options)
    spawned.status.close()
    runner.spawned.remove(spawned.pid)  # the tests below reap
    tracker.add_child(UNIT, spawned.pid)
    return spawned.pid


def start_escapee(runner, tracker) -> int:
    """The pid of a daemon that did all it can to be nobody's."""
    runner.output_path.write_text("")
    runner.output_path.chmod(0o666)
    pid = start(runner, tracker, sys.executable, "-c", ESCAPE, str(runner.output_path))
    ends = wait_until(lambda: [end for dead, end, unit in reap(tracker) if dead == pid])
    assert ends == [ProcessEnd("exited", 0)]
    escapee = wait_until(lambda: int(runner.output_path.read_text() or 0))
    wait_until(lambda: read_stat(escapee).parent_pid == os.getpid())
    return escapee


def test_escaped_daemon_is_found_by_its_tag(tagged, tracker):
    escapee = start_escapee(tagged, tracker)
    assert tracker.unit_of(escapee) == UNIT
    tracker.forget()
    assert [info.pid for info in tracker.live(UNIT)] == [escapee]
    assert not tracker.is_empty(UNIT)
    # Where processes come and go all the time, nobody can say for sure at once.
    wait_until(lambda: tracker.forget() or tracker.is_empty("other.service"))
    assert tracker.resource_usage(UNIT).tasks == 1


def test_the_same_tag_under_another_manager_is_not_ours(tagged, tracker):
    """Two managers beside each other, neither of them PID 1, give out the same numbers."""
    program = textwrap.dedent("""
        import ctypes, os, resource, sys, time
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # adopts its own orphans, as a manager does
        if not os.fork():
            resource.setrlimit(resource.RLIMIT_RTTIME, (int(sys.argv[1]), resource.RLIM_INFINITY))
            print(os.getpid(), flush=True)
            time.sleep(1000)
        time.sleep(1000)
    """)
    argv = [sys.executable, "-c", program, str((1 << 60) + 7)]
    helper = subprocess.Popen(["setsid", "--fork", *argv], stdout=subprocess.PIPE, text=True)
    stranger = int(helper.stdout.readline())
    helper.wait()
    manager = read_stat(stranger).parent_pid
    try:
        script = f"""
            import sys
            sys.path.insert(0, {str(ROOT)!r})
            from initd.shell.track import Tracker
            print(Tracker({{7: "test.service"}}, 1 << 60).unit_of({stranger}))
        """
        sibling = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True)
        assert sibling.stdout == "None\n", sibling
    finally:
        os.kill(stranger, signal.SIGKILL)
        os.kill(manager, signal.SIGKILL)


def test_escaped_daemon_is_killed_and_attributed_as_a_zombie(tagged, tracker):
    escapee = start_escapee(tagged, tracker)
    killed = Killer(tracker).kill_processes(KillProcesses(UNIT, signal.SIGKILL, None, None, True))
    assert (killed.event.count, [info.pid for info in killed.processes]) == (1, [escapee])
    wait_until(lambda: read_stat(escapee).is_zombie)
    tracker.forget()
    assert all(info.is_zombie for info in tracker.scan()[UNIT])
    wait_until(lambda: tracker.forget() or tracker.is_empty(UNIT))
    # Its parent, which let it go, may still be there to be reaped as well, now or a moment later.
    assert (escapee, ProcessEnd("killed", signal.SIGKILL), UNIT) in list(reap(tracker))
    wait_until(lambda: [*reap(tracker)] or tracker.forget() or UNIT not in tracker.scan())


def test_child_is_known_before_it_has_its_tag(tagged, tracker):
    pid = start(tagged, tracker, "/bin/true", request={"is_idle": True})
    assert tracker.unit_of(pid) == UNIT and not tracker.is_empty(UNIT)
    tagged.spawner.release_idle()
    assert wait_until(lambda: list(reap(tracker))) == [(pid, ProcessEnd("exited", 0), UNIT)]
    assert tracker.unit_of(pid) is None


def test_unit_without_a_tag_is_followed_through_the_tree(tagged, tracker):
    pid = start(tagged, tracker, "/bin/sh", "-c", "sleep 1000 & (sleep 1001 &) ; wait", limits={"rttime": (9, 9)})

    def orphans() -> list[int]:
        """The second sleep, once it is our child: known by its session alone."""
        tracker.forget()
        return [info.pid for info in tracker.live(UNIT) if info.parent_pid == os.getpid() and info.pid != pid]
    (orphan,) = wait_until(orphans)
    assert tracker.unit_of(orphan) == UNIT
    found = {info.pid for info in tracker.live(UNIT)}
    assert len(found) == 3 and {pid, orphan} < found


def test_nobodys_orphan_is_reaped_and_belongs_to_none(tracker):
    pid = os.posix_spawn("/bin/true", ["true"], {})
    assert wait_until(lambda: list(reap(tracker))) == [(pid, ProcessEnd("exited", 0), None)]


#: Leaves its session, forks as many as it is told, says who they are, and goes.
MANY = textwrap.dedent("""
    import os, sys, time
    if os.fork(): os._exit(0)
    os.setsid()
    children = [os.fork() or time.sleep(1000) for _ in range(int(sys.argv[2]))]
    open(sys.argv[1], "a").write(" ".join(map(str, children)))
""")


def start_many(runner, tracker, number: int) -> list[int]:
    """So many processes of a session that is nobody's, all of them our children."""
    runner.output_path.write_text("")
    start(runner, tracker, sys.executable, "-c", MANY, str(runner.output_path), str(number))
    wait_until(lambda: len(runner.output_path.read_text().split()) == number)
    many = [int(pid) for pid in runner.output_path.read_text().split()]
    wait_until(lambda: all(read_stat(pid).parent_pid == os.getpid() for pid in many))
    wait_until(lambda: not list(reap(tracker)))
    return many


def end(many: list[int]) -> None:
    for pid in many:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: all(read_stat(pid).is_zombie for pid in many))


def test_of_the_dead_of_one_session_one_is_asked_for_its_tag(tagged, tracker, monkeypatch):
    many = start_many(tagged, tracker, 20)
    end(many)
    read, asked = track.read_small, []
    monkeypatch.setattr(track, "read_small", lambda path: asked.append(path) or read(path))
    assert {pid: unit for pid, _, unit in reap(tracker)} == dict.fromkeys(many, UNIT)
    assert len([path for path in asked if path.endswith("/limits")]) == 1


@needs_root
def test_the_dead_of_one_session_may_be_of_two_units_where_one_took_over(tagged, tracker):
    many = start_many(tagged, tracker, 2)
    tag = resource.prlimit(many[1], resource.RLIMIT_RTTIME)
    resource.prlimit(many[1], resource.RLIMIT_RTTIME, (tag[0] + 1, tag[1]))
    assert tracker.take_over("other.service", process_ref(many[1]))
    end(many)
    assert {pid: unit for pid, _, unit in reap(tracker)} == dict(zip(many, (UNIT, "other.service")))


def test_watched_process_belongs_to_its_unit_until_its_pid_is_another(tracker):
    child = subprocess.Popen(["sleep", "1000"])
    ref = process_ref(child.pid)
    tracker.watch(UNIT, ref)
    assert tracker.unit_of(child.pid) == UNIT
    tracker.watch(UNIT, PidRef(child.pid, ref.start_ticks + 1))
    assert tracker.unit_of(child.pid) is None
    child.kill()
    child.wait()


def test_process_two_units_care_for_is_told_to_both(tagged, tracker):
    pid = start(tagged, tracker, "/bin/sleep", "1000")
    tracker.watch("other.service", process_ref(pid))
    os.kill(pid, signal.SIGTERM)
    ends = wait_until(lambda: list(reap(tracker)))
    assert [(dead, unit) for dead, _end, unit in ends] == [(pid, "other.service"), (pid, UNIT)]


def test_who_was_reaped_by_another_is_looked_at_once(tagged, tracker):
    pid = start(tagged, tracker, "/bin/sh", "-c", "sleep 0.3 & wait; exec sleep 1000")

    def known() -> set[int]:
        return {pid for pid, _ in tracker.census.members(UNIT)}

    def short_lived() -> set[int]:
        tracker.census.look()
        return known() - {pid}
    (short,) = wait_until(short_lived)
    wait_until(lambda: read_stat(short) is None)
    assert tracker.is_empty(UNIT) is False and short not in known() and pid in known()


def test_release_forgets_what_was_watched(tracker):
    tracker.watch(UNIT, process_ref(os.getpid()))
    assert tracker.unit_of(os.getpid()) == UNIT
    tracker.release(UNIT)
    assert tracker.unit_of(os.getpid()) is None


def test_core_dump_and_signal_ends(tagged, tracker):
    for number, code in ((signal.SIGTERM, "killed"), (signal.SIGABRT, "dumped")):
        pid = start(tagged, tracker, "/bin/sh", "-c", f"kill -{int(number)} $$$$", limits={"core": (1 << 20, 1 << 20)},
                    working_directory=str(tagged.output_path.parent))
        (dead, end, unit), = wait_until(lambda: list(reap(tracker)))
        assert (dead, unit, end.status) == (pid, UNIT, number)
        assert end.code in ({code, "killed"} if code == "dumped" else {code})


def test_cpu_time_of_ended_processes_is_kept(tagged, tracker):
    pid = start(tagged, tracker, sys.executable, "-c", "import time\nwhile time.process_time() < 0.2: pass")
    wait_until(lambda: [end for dead, end, _unit in reap(tracker) if dead == pid])
    assert tracker.resource_usage(UNIT).cpu_nsec >= 150_000_000
    tracker.prepare(UNIT, "")
    assert tracker.resource_usage(UNIT).cpu_nsec == 0


# --- killing -------------------------------------------------------------------------------------------------------


def test_main_process_alone_is_signalled(tagged, tracker):
    pid = start(tagged, tracker, "/bin/sh", "-c", "sleep 1000 & wait")
    wait_until(lambda: tracker.forget() or len(tracker.live(UNIT)) == 2)
    killed = Killer(tracker).kill_processes(KillProcesses(UNIT, signal.SIGTERM, PidRef(pid), None, False))
    assert killed.event.count == 1
    assert wait_until(lambda: list(reap(tracker)))[0][0] == pid
    assert len(tracker.live(UNIT)) == 1


def test_stopped_process_is_woken_to_hear_its_signal(tagged, tracker):
    pid = start(tagged, tracker, "/bin/sleep", "1000")
    wait_until(lambda: os.readlink(f"/proc/{pid}/exe").endswith("sleep"))
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: read_stat(pid).state == "T")
    Killer(tracker).kill_processes(KillProcesses(UNIT, signal.SIGTERM, None, None, True))
    assert wait_until(lambda: list(reap(tracker))) == [(pid, ProcessEnd("killed", signal.SIGTERM), UNIT)]


def test_reference_to_an_earlier_process_is_not_signalled(tracker):
    child = subprocess.Popen(["sleep", "1000"])
    wrong = PidRef(child.pid, process_ref(child.pid).start_ticks + 1)
    killed = Killer(tracker).kill_processes(KillProcesses(UNIT, signal.SIGKILL, wrong, None, False))
    assert killed.event.count == 0 and child.poll() is None
    child.kill()
    child.wait()


def test_spared_processes_and_the_manager_are_never_signalled(tagged, tracker):
    pid = start(tagged, tracker, "/bin/sleep", "1000")
    tracker.watch(UNIT, process_ref(os.getpid()))
    killed = Killer(tracker, spared=(pid,)).kill_processes(
        KillProcesses(UNIT, signal.SIGKILL, PidRef(os.getpid()), PidRef(pid), True)
    )
    assert killed.event.count == 0 and not read_stat(pid).is_zombie


@needs_root
def test_tree_that_forks_all_the_time_is_gone_after_one_order(tagged, tracker):
    bomb = textwrap.dedent("""
        import os, time
        for _ in range(3):
            os.fork()
        while True:
            if not os.fork():
                os.setsid()
                if os.fork(): os._exit(0)
                time.sleep(0.01); os._exit(0)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]: pass
            except ChildProcessError: pass
            time.sleep(0.01)
    """)
    for _ in range(5):
        start(tagged, tracker, sys.executable, "-c", bomb)
        # Its eight that fork, and at least one of those they leave behind; who is dead must not pile up meanwhile.
        wait_until(lambda: list(reap(tracker)) and False or len(tracker.live(UNIT)) > 8)
        Killer(tracker).kill_processes(KillProcesses(UNIT, signal.SIGKILL, None, None, True))
        wait_until(lambda: list(reap(tracker)) and False or tracker.is_empty(UNIT))


# --- tags ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("own, hard, base", [
    (None, None, 1 << 60),
    (None, 1 << 62, 1 << 60),
    (None, 1 << 60, None),
    ((1 << 60) + 5, None, (1 << 60) + (1 << 40)),
    ((1 << 60) + (1 << 40) + 9, None, (1 << 60) + (2 << 40)),
])
def test_tags_of_a_nested_manager_are_its_own(own, hard, base):
    assert choose_tag_base(own, hard) == base


def test_probe_says_who_we_are():
    limits = probe()
    assert (limits.uid, limits.is_pid_1) == (os.geteuid(), False)
    assert limits.hard_limits["nofile"] is None or limits.hard_limits["nofile"] > 0
