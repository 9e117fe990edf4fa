"""Cgroups as units use them, in a group of our own that is taken away again; and where there are none to use."""

from __future__ import annotations

import ast
import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from initd.core.cgroup_attributes import CgroupAttribute, CgroupPlan
from initd.shell.cgroup import Cgroups, _place, detect
from initd.wire.proc import Mount, parse_cgroups, parse_mounts

from .conftest import needs_root, wait_until

ROOT = Path(__file__).resolve().parents[2]


def writable_hierarchies() -> dict[str, tuple[str, str]]:
    """Hierarchy → (directory, path as /proc says it) of where we are, where we may make groups."""
    paths = parse_cgroups(Path("/proc/self/cgroup").read_bytes())
    found = {}
    for mount in parse_mounts(Path("/proc/self/mountinfo").read_bytes()):
        hierarchy = "" if mount.type == "cgroup2" else "name=systemd" if "name=systemd" in mount.super_options else None
        if hierarchy in paths and not mount.is_read_only:
            directory, path = _place(mount, paths[hierarchy])
            if os.access(directory, os.W_OK):
                found[hierarchy] = (directory, path)
    return found


HIERARCHIES = writable_hierarchies()

#: Runs in a group of its own, which takes the place of a container's.
SCRIPT = textwrap.dedent("""
    import os, signal, subprocess, sys, time
    sys.path.insert(0, sys.argv[1])
    from initd.core.effects import KillProcesses
    from initd.shell.cgroup import Cgroups
    from initd.shell.kill import Killer
    from initd.shell.track import Tracker
    def until(condition):
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "not in time"
            time.sleep(0.01)
    def start(script, group):
        script = 'echo $$ > "$0" && exec ' + script  # entered before anything is forked, as pyinit-exec does
        return subprocess.Popen(["/bin/sh", "-c", script, cgroups.procs_path(group)],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    hierarchy, directory, path = sys.argv[2:5]
    cgroups = Cgroups(hierarchy, directory, path)
    cgroups.enter_own()
    facts = {"own": cgroups.cgroup_of(os.getpid())}
    tracker = Tracker({}, None, cgroups)
    tracker.prepare("a.service", "system.slice/a.service")
    facts["empty"] = tracker.is_empty("a.service")
    child = start("sh -c 'while :; do sleep 0.05; done'", "system.slice/a.service")
    until(lambda: tracker.unit_of(child.pid))
    facts["unit"] = tracker.unit_of(child.pid)
    until(lambda: len(cgroups.pids("system.slice/a.service")) >= 2)
    tracker.forget()
    facts["all alike"] = {tracker.unit_of(pid) for pid in cgroups.pids("system.slice/a.service")} <= {"a.service", None}
    facts["busy"] = not tracker.is_empty("a.service") and not cgroups.remove("system.slice/a.service")
    cgroups.create("system.slice/a.service/inner")
    deep = start("sleep 1000", "system.slice/a.service/inner")
    until(lambda: tracker.unit_of(deep.pid))
    facts["inner"] = tracker.unit_of(deep.pid)
    tracker.forget()
    facts["usage"] = tracker.resource_usage("a.service").tasks >= 2
    Killer(tracker).kill_processes(KillProcesses("a.service", signal.SIGKILL, None, None, True))
    facts["ends"] = [child.wait(), deep.wait()]
    until(lambda: tracker.forget() or tracker.is_empty("a.service"))
    # v1 keeps a group while a zombie is in it, and the child of our child is somebody else's to reap
    until(lambda: tracker.release("a.service") or not os.path.exists(cgroups.directory("system.slice/a.service")))
    facts["gone"] = True
    print(facts)
""")


@pytest.mark.skipif(os.getuid() != 0, reason="makes cgroups, needs root")
@pytest.mark.parametrize("hierarchy", ["", "name=systemd"])
def test_unit_in_a_cgroup(hierarchy):
    if hierarchy not in HIERARCHIES:
        pytest.skip(f"no writable cgroup hierarchy {hierarchy or 'v2'!r} here")
    directory, path = HIERARCHIES[hierarchy]
    name = f"pyinit-test-{os.getpid()}"
    own = f"{directory}/{name}"
    os.mkdir(own)
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', own, sys.executable, "-c", SCRIPT, str(ROOT),
             hierarchy, own, f"{path.rstrip('/')}/{name}"], capture_output=True, text=True, timeout=60,
        )
    finally:
        cgroups = Cgroups(hierarchy, directory, path)
        for pid in cgroups.pids(name):
            os.kill(pid, 9)
        wait_until(lambda: cgroups.remove(name))
    assert done.returncode == 0, done.stderr
    facts = ast.literal_eval(done.stdout)
    assert facts == {
        "own": "init.scope", "empty": True, "unit": "a.service", "all alike": True, "busy": True, "inner": "a.service",
        "usage": True, "ends": [-9, -9], "gone": True,
    }


@pytest.mark.parametrize("mount, path, place", [
    # A cgroup namespace: everything begins at our own group.
    (("/", "/sys/fs/cgroup"), "/", ("/sys/fs/cgroup", "/")),
    # None: the whole machine's tree is seen, and we are somewhere in it.
    (("/", "/sys/fs/cgroup"), "/machine/c1", ("/sys/fs/cgroup/machine/c1", "/machine/c1")),
    # The runtime mounts our group alone, /proc still tells the whole path.
    (("/machine/c1", "/sys/fs/cgroup/systemd"), "/machine/c1", ("/sys/fs/cgroup/systemd", "/machine/c1")),
    (("/machine/c1", "/sys/fs/cgroup"), "/machine/c1/below", ("/sys/fs/cgroup/below", "/machine/c1/below")),
    # Executed again, we are in our own group already.
    (("/", "/sys/fs/cgroup"), "/machine/c1/init.scope", ("/sys/fs/cgroup/machine/c1", "/machine/c1")),
    (("/", "/sys/fs/cgroup"), "/init.scope", ("/sys/fs/cgroup", "/")),
])
def test_where_our_own_group_is(mount, path, place):
    assert _place(Mount(*mount, "cgroup2", False, ()), path) == place


def test_read_only_and_missing_trees_are_not_used():
    line = b"30 23 0:26 / /nonexistent/cgroup %s,nosuid - cgroup2 cgroup rw\n"
    assert detect(b"0::/\n", line % b"ro") is None
    assert detect(b"0::/\n", line % b"rw") is None
    assert detect(b"", b"") is None


class FakeTree:
    """Files of a cgroup in a directory: what the kernel would have there."""

    def __init__(self, root: Path, *files: str) -> None:
        self.root = root
        (root / "a.slice" / "u.service").mkdir(parents=True)
        for directory in (root, root / "a.slice", root / "a.slice" / "u.service"):
            for file in ("cgroup.subtree_control", "cgroup.procs", "cgroup.threads", *files):
                (directory / file).write_text("")
        self.cgroups = Cgroups("", str(root), "/")

    def read(self, file: str, cgroup: str = "a.slice/u.service") -> str:
        return (self.root / cgroup / file).read_text()


def test_limits_are_written_and_what_cannot_be_is_told(tmp_path):
    tree = FakeTree(tmp_path, "memory.max", "io.max", "cpuset.cpus")
    device = os.stat(tmp_path).st_dev
    failed = tree.cgroups.apply("a.slice/u.service", CgroupPlan((
        CgroupAttribute("memory.max", "5"), CgroupAttribute("io.max", "rbps=1", str(tmp_path)),
        CgroupAttribute("pids.max", "7"), CgroupAttribute("cpuset.cpus", "0"),
        CgroupAttribute("io.max", "rbps=1", "/nonexistent"),
    )))
    assert tree.read("memory.max") == "5" and tree.read("cpuset.cpus") == "0"
    assert tree.read("io.max") == f"{os.major(device)}:{os.minor(device)} rbps=1"
    assert [(each.file, each.text, number) for each, number in failed] == [
        ("pids.max", "7", errno.ENOENT), ("io.max", "rbps=1", errno.ENOENT)]
    # The controller is shared down to the group, and not into it.
    assert [tree.read("cgroup.subtree_control", path) for path in ("", "a.slice", "a.slice/u.service")] == [
        "+cpuset", "+cpuset", ""]


@needs_root
def test_a_delegated_group_belongs_to_the_user(tmp_path):
    tree = FakeTree(tmp_path, "memory.max")
    tree.cgroups.apply("a.slice/u.service", CgroupPlan(is_delegated=True), 5, 60)
    owners = {path.name: path.stat().st_uid for path in (tmp_path / "a.slice" / "u.service").iterdir()}
    assert owners == {"cgroup.procs": 5, "cgroup.subtree_control": 5, "cgroup.threads": 5, "memory.max": 0}
    assert (tmp_path / "a.slice" / "u.service").stat().st_gid == 60


def test_freezer_state_is_what_is_wanted_and_what_is(tmp_path):
    tree = FakeTree(tmp_path, "cgroup.freeze", "cgroup.events")
    group = "a.slice/u.service"
    states = {}
    for wanted in (True, False):
        tree.cgroups.freeze(group, wanted)
        for frozen in "01":
            (tmp_path / group / "cgroup.events").write_text(f"populated 1\nfrozen {frozen}\n")
            states[wanted, frozen] = tree.cgroups.freezer_state(group)
    assert states == {(True, "0"): "freezing", (True, "1"): "frozen", (False, "1"): "thawing", (False, "0"): "running"}
    assert tree.cgroups.freezer_state("missing") == "running"


def test_input_and_output_are_summed_over_devices(tmp_path):
    tree = FakeTree(tmp_path)
    assert tree.cgroups.io_counters("a.slice") is None
    (tmp_path / "a.slice" / "io.stat").write_text(
        "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=9 dios=9\n8:16 rbytes=10 wbytes=20 rios=30 wios=40 dbytes=0 dios=0\n")
    assert tree.cgroups.io_counters("a.slice") == {"rbytes": 11, "wbytes": 22, "rios": 33, "wios": 44}
