"""initd/shell/census.py: processes are looked at once, the newborn found by their pids, and doubts end in a new count."""

import os
import subprocess

import pytest

from initd.shell.census import Census


class Proc:
    """A /proc of files."""

    def __init__(self, path):
        self.path = path
        (path / "sys/kernel").mkdir(parents=True)
        (path / "sys/kernel/pid_max").write_text("32768\n")
        self.forks = 1000
        self.last = 0
        self.owners: dict[int, str] = {}
        self.asked: list[int] = []
        self.usec = 0
        self.tell()

    def tell(self):
        (self.path / "loadavg").write_text(f"0.00 0.01 0.05 1/80 {self.last}\n")
        (self.path / "stat").write_text(f"cpu 1 2 3\nctxt 99\nprocesses {self.forks}\nbtime 1\n")

    def fork(self, pid: int, unit: str = "", start: int = 0, leader: int = 0):
        (self.path / str(pid)).mkdir(exist_ok=True)
        numbers = ["1"] * 18 + [str(start or pid)] + ["1"] * 20
        (self.path / f"{pid}/stat").write_text(f"{pid} (x) S {' '.join(numbers)}\n")
        (self.path / f"{pid}/status").write_text(f"Name:\tx\nTgid:\t{leader or pid}\n")
        self.owners[pid] = unit
        self.last, self.forks = pid, self.forks + 1
        self.tell()

    def end(self, pid: int):
        for name in ("stat", "status"):
            (self.path / f"{pid}/{name}").unlink()
        (self.path / str(pid)).rmdir()

    def owner_of(self, pid: int):
        self.asked.append(pid)
        return self.owners[pid] or None

    def pids(self, census: Census, unit: str) -> list[int]:
        census.look()
        return [pid for pid, _ in census.members(unit)]


@pytest.fixture
def proc(tmp_path):
    return Proc(tmp_path)


@pytest.fixture
def census(proc):
    for pid, unit in ((1, ""), (10, "a.service"), (11, "b.service"), (12, "a.service")):
        proc.fork(pid, unit)
    return Census(proc.owner_of, lambda: proc.usec, str(proc.path))


def test_each_process_is_asked_about_once(proc, census):
    assert proc.pids(census, "a.service") == [12, 10]
    census.look()
    assert census.is_complete()
    assert proc.pids(census, "b.service") == [11] and sorted(proc.asked) == [1, 10, 11, 12]


def test_the_newborn_are_found_and_only_they_are_looked_at(proc, census):
    census.look()
    proc.asked.clear()
    proc.fork(20, "a.service")
    proc.fork(21, "b.service")
    assert not census.is_complete()
    assert proc.pids(census, "a.service") == [20, 12, 10] and proc.asked == [21, 20]


def test_a_look_is_not_complete_when_somebody_was_born_meanwhile(proc, census):
    census.look()
    born = iter([31])

    def on_counted(pid, stat, unit):
        for pid in born:
            proc.fork(pid, "a.service")
    proc.fork(30, "a.service")
    census.look(on_counted)
    assert not census.is_complete()
    census.look()
    assert census.is_complete() and [pid for pid, _ in census.members("a.service")] == [31, 30, 12, 10]


def test_a_thread_is_no_process(proc, census):
    census.look()
    proc.fork(20, "a.service", leader=12)
    assert proc.pids(census, "a.service") == [12, 10]


def test_many_newborn_are_found_in_the_list_of_all(proc, census):
    census.look()
    for pid in range(100, 300):
        proc.fork(pid, "b.service")
    assert len(proc.pids(census, "b.service")) == 201


def test_pids_that_begin_anew_are_looked_at_again(proc, census):
    proc.fork(32000, "b.service")
    census.look()
    proc.end(12)
    proc.fork(12, "b.service", start=99)
    assert proc.pids(census, "b.service") == [32000, 12, 11] and proc.pids(census, "a.service") == [10]


def test_after_a_whole_round_all_are_counted_again(proc, census):
    census.look()
    proc.end(11)
    proc.fork(11, "a.service", start=99)
    proc.last = 12  # where it was
    proc.forks += 32_468
    proc.tell()
    proc.usec += 1_000_000
    assert proc.pids(census, "a.service") == [12, 11, 10]


@pytest.mark.parametrize("text", ["0.00 0.00 0.00 0/0 0\n", "", "0.1\n"])
def test_without_a_last_pid_all_are_counted_each_time(proc, census, text):
    def tell():
        (proc.path / "loadavg").write_text(text)
    tell()
    assert proc.pids(census, "b.service") == [11] and not census.is_complete()
    proc.fork(5, "b.service")
    tell()
    assert proc.pids(census, "b.service") == [11, 5]


def test_a_count_of_forks_that_stands_still_is_not_believed(proc, census):
    census.look()
    proc.usec += 1_000_000
    proc.fork(13, "a.service")
    proc.forks -= 1
    proc.tell()
    proc.fork(9, "a.service")  # below the last: only a count of all finds it
    proc.forks, proc.last = proc.forks - 1, 13
    proc.tell()
    assert proc.pids(census, "a.service") == [13, 12, 10, 9]


def test_a_file_laid_over_the_kernels_is_not_believed(proc):
    """One of another file system: here the kernel's, in the place of ours."""
    proc.fork(1, "a.service")
    (proc.path / "loadavg").unlink()
    (proc.path / "loadavg").symlink_to("/proc/loadavg")
    census = Census(proc.owner_of, lambda: 0, str(proc.path))
    census.look()
    assert not census.is_complete() and [pid for pid, _ in census.members("a.service")] == [1]


def test_what_was_said_of_a_process_counts_until_it_is_forgotten(proc, census):
    census.look()
    census.add(11, 11, "a.service")
    assert proc.pids(census, "a.service") == [12, 11, 10] and proc.pids(census, "b.service") == []
    census.remove(11)
    assert proc.pids(census, "a.service") == [12, 10]
    census.forget()
    assert proc.pids(census, "b.service") == [11]


def test_the_kernel_tells_of_a_real_child():
    census = Census(lambda pid: "me" if pid == os.getpid() else "others", lambda: 0)
    census.look()
    child = subprocess.Popen(["/bin/sleep", "100"])
    try:
        assert not census.is_complete()
        census.look()
        assert child.pid in dict(census.members("others"))
    finally:
        child.kill()
        child.wait()


def test_those_who_are_gone_are_not_kept_for_ever(proc, census):
    for pid in range(100, 2600):
        proc.fork(pid, "a.service")
        census.look()
        proc.end(pid)
    assert len(census.members("a.service")) < 1100
    assert set(proc.pids(census, "a.service")) >= {10, 12}


def test_who_forks_slowly_is_found_once_born(proc, census):
    """Its pid was given out before: it is the last one of two looks."""
    census.look()
    proc.last, proc.forks = 40, proc.forks + 1
    proc.tell()
    assert proc.pids(census, "a.service") == [12, 10]
    proc.fork(40, "a.service")
    assert proc.pids(census, "a.service") == [40, 12, 10]


def test_many_who_are_gone_at_once_hide_nobody_who_is_born_late(proc, census):
    census.look()
    for last in (60, 100, 140):
        proc.last, proc.forks = last, proc.forks + 40
        proc.tell()
        census.look()
    proc.fork(70, "a.service")
    proc.last, proc.forks = 150, proc.forks + 10
    proc.tell()
    assert proc.pids(census, "a.service") == [70, 12, 10]
    # What was not born in all that time is not looked for any longer.
    proc.usec += 200_000
    census.look()
    proc.fork(80, "a.service")
    proc.last = 150
    proc.tell()
    assert proc.pids(census, "a.service") == [70, 12, 10]
