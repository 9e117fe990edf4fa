"""Generators found, run and put in place, in a directory of their own."""

from __future__ import annotations

import os
import time

import pytest

from initd.core.generated import EARLY, LATE, NORMAL, Generated
from initd.core.generation import MASK, PROGRAM, directories
from initd.shell import generators


def make(path, text="", mode=0o755):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_programs_and_masks_are_listed(tmp_path):
    etc, usr = tmp_path / "etc/systemd/system-generators", tmp_path / "usr/lib/systemd/system-generators"
    for name in ("runs", ".hidden", "left~", "left.dpkg-old"):
        make(etc / name, "#!/bin/sh\n")
    make(etc / "closed", "#!/bin/sh\n", 0o644)
    make(etc / "empty", "", 0o644)
    (etc / "null").symlink_to("/dev/null")
    (etc / "dangling").symlink_to("nowhere")
    (etc / "directory").mkdir()
    make(usr / "runs", "#!/bin/sh\n")
    listings = [each for each in generators.list_generators(directories("system"), str(tmp_path)) if each]
    directory = "/etc/systemd/system-generators"
    assert listings == [
        {"empty": (MASK, f"{directory}/empty"), "null": (MASK, f"{directory}/null"), "runs": (PROGRAM, f"{directory}/runs")},
        {"runs": (PROGRAM, "/usr/lib/systemd/system-generators/runs")},
    ]


def test_init_scripts_and_links(tmp_path):
    make(tmp_path / "etc/init.d/one", "x")
    make(tmp_path / "etc/init.d/closed", "x", 0o644)
    make(tmp_path / "etc/init.d/old.dpkg-old", "x")
    (tmp_path / "etc/init.d/other").symlink_to("one")
    for name in ("rc2.d/S01one", "rc2.d/K01one", "rc0.d/S01one", "rcS.d/S01one"):
        make(tmp_path / "etc" / name)
    assert generators.list_init_scripts(str(tmp_path)) == {"one": "/etc/init.d/one", "other": "/etc/init.d/other"}
    assert generators.list_runlevel_links(str(tmp_path)) == [("2", "S01one")]
    assert generators.list_init_scripts(str(tmp_path / "nowhere")) == {}


def reap(running):
    deadline = time.monotonic() + 10
    while not running.is_over:
        assert time.monotonic() < deadline
        for pid in list(running.pids):
            if os.waitpid(pid, os.WNOHANG)[0]:
                del running.pids[pid]
        time.sleep(0.005)


def test_output_is_read_and_arguments_arrive(tmp_path):
    program = make(tmp_path / "says", '#!/bin/sh\necho "$1=$VALUE"; ps -o pgid= $$ >/dev/null 2>&1; read x; echo "end=$x"\n')
    running, output = generators.Running("/run/systemd/journal/stdout"), generators.open_output()
    running.start(str(program), ["A"], {"VALUE": "b", "PATH": os.environ["PATH"]}, output)
    (pid,) = running.pids
    assert running.pids[pid] == str(program)
    reap(running)
    assert generators.read_output(output) == "A=b\nend=\n"
    assert not output.is_open


def test_what_cannot_be_executed_is_an_error(tmp_path):
    running = generators.Running("/run/systemd/journal/stdout")
    for path in (make(tmp_path / "text", "no program\n"), tmp_path / "nowhere"):
        with pytest.raises(OSError):
            running.start(str(path), [], {})
    assert running.is_over


def test_a_killed_generator_takes_what_it_has_started_with_it(tmp_path):
    program = make(tmp_path / "hangs", f'#!/bin/sh\nsleep 1000 & echo $! > {tmp_path}/child.new; mv {tmp_path}/child.new '
                                       f'{tmp_path}/child; wait\n')
    running = generators.Running("/run/systemd/journal/stdout")
    running.start(str(program), [], {"PATH": os.environ["PATH"]})
    deadline = time.monotonic() + 10
    while not (tmp_path / "child").exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    child = int((tmp_path / "child").read_text())
    assert running.kill() == [str(program)]
    reap(running)
    while os.path.exists(f"/proc/{child}") and "\nState:\tZ" not in open(f"/proc/{child}/status").read():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_at_a_boot_output_is_made_in_place(tmp_path):
    make(tmp_path / "generator/stale.service")
    output = generators.Output(True, str(tmp_path))
    output.prepare()
    assert output.paths == tuple(str(tmp_path / name) for name in (NORMAL, EARLY, LATE))
    made = [Generated(LATE, "a.service", "text"), Generated(LATE, "t.target.wants/a.service", target="../a.service")]
    assert output.write(made) == []
    assert output.publish() == []
    assert sorted(os.listdir(tmp_path)) == [LATE]
    assert (tmp_path / LATE / "t.target.wants/a.service").read_text() == "text"


def test_at_a_reload_what_is_in_force_stays_until_all_is_there(tmp_path):
    make(tmp_path / "generator/old.service")
    make(tmp_path / "generator.early/old.service")
    output = generators.Output(False, str(tmp_path))
    assert output.is_anything_in_force
    output.prepare()
    normal = tmp_path / generators.STAGED / NORMAL
    assert output.paths[0] == str(normal)
    make(normal / "new.service", "new")
    (normal / "alias.service").symlink_to(normal / "new.service")
    (normal / "other.service").symlink_to("/lib/systemd/system/other.service")
    (normal / "t.target.wants").mkdir()
    (normal / "t.target.wants/new.service").symlink_to("../new.service")
    # What a generator has made stays, whatever we would make of that name.
    assert output.write([Generated(NORMAL, "new.service", "ours"), Generated(NORMAL, "more.service", "more")]) == []
    assert os.listdir(tmp_path / NORMAL) == ["old.service"]
    assert output.publish() == []
    assert sorted(os.listdir(tmp_path)) == [NORMAL]
    assert {entry.name: os.readlink(entry) if entry.is_symlink() else "" for entry in os.scandir(tmp_path / NORMAL)} == {
        "new.service": "", "more.service": "", "t.target.wants": "", "alias.service": str(tmp_path / NORMAL / "new.service"),
        "other.service": "/lib/systemd/system/other.service"}
    assert (tmp_path / NORMAL / "alias.service").read_text() == "new"
    assert (tmp_path / NORMAL / "t.target.wants/new.service").read_text() == "new"


def test_directories_below_a_link_are_not_emptied(tmp_path):
    kept = make(tmp_path / "elsewhere/kept")
    (tmp_path / NORMAL).mkdir()
    (tmp_path / NORMAL / "link").symlink_to(tmp_path / "elsewhere")
    output = generators.Output(True, str(tmp_path))
    output.prepare()
    assert kept.exists()
    assert os.listdir(tmp_path / NORMAL) == []


def test_a_directory_that_is_a_link_itself_is_replaced_and_where_it_leads_is_not_emptied(tmp_path):
    kept = make(tmp_path / "elsewhere/kept")
    (tmp_path / NORMAL).symlink_to(tmp_path / "elsewhere")
    generators.Output(True, str(tmp_path)).prepare()
    assert kept.exists()
    assert not (tmp_path / NORMAL).is_symlink() and os.listdir(tmp_path / NORMAL) == []


def test_settings_are_sorted_by_name_and_the_first_directory_wins(tmp_path):
    for path in ("mine/20-b.conf", "theirs/20-b.conf", "theirs/10-a.conf", "theirs/not", "theirs/30-c.conf"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    os.symlink("/dev/null", tmp_path / "mine/30-c.conf")
    mine, theirs = f"{tmp_path}/mine", f"{tmp_path}/theirs"
    found = generators.list_settings([mine, f"{tmp_path}/nothing", theirs])
    assert [path for path in found if path != "/etc/environment"] == [f"{theirs}/10-a.conf", f"{mine}/20-b.conf"]
