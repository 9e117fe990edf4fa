"""Settings → operations. What the operations come to is seen in containers (tests/container/test_selfcheck.py)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from initd.core import sandbox
from initd.core.sandbox import ALL_FLAGS, BIND, DEVICES, FILE_SYSTEM, HIDE, MAY_MISS, MS_NOEXEC, MS_RDONLY, POINT, UNIT_ROOT
from initd.core.settings_exec import SANDBOX_FIELDS, ExecSettings
from tests.core.test_load import load

HEADER = (Path(__file__).resolve().parents[2] / "initd/exec/mounts.c").read_text()


def settings(*lines: str) -> ExecSettings:
    definition = load("\n".join(("[Service]", "ExecStart=/bin/true", *lines, "")))
    assert definition.exec is not None
    return definition.exec


def plan(*lines: str, links: dict[str, str] | None = None, tmp: tuple[str, str] = ("", "")) -> sandbox.Sandbox:
    return sandbox.plan(settings(*lines), lambda path: (links or {}).get(path, path), tmp)


def done(found: sandbox.Sandbox, *kinds: int) -> list[tuple[int, str]]:
    return [(each.kind, each.path.removeprefix(UNIT_ROOT) or "/") for each in found.mounts if each.kind in kinds]


def flags(found: sandbox.Sandbox, flag: int) -> dict[str, list[str]]:
    """By path: the paths excepted."""
    def short(path: str) -> str:
        return path.removeprefix(UNIT_ROOT) or "/"

    return {short(each.path): [short(path) for path in each.details]
            for each in found.mounts if each.kind == ALL_FLAGS and each.flags == flag}


def test_kinds_and_options_are_those_of_the_program():
    numbers = {name: int(number) for name, number in re.findall(r"\bMOUNT_(\w+) = (\d+)", HEADER)}
    assert numbers == {name: getattr(sandbox, name) for name in numbers} and len(numbers) == 10


def test_a_unit_that_asks_for_nothing_has_nothing_of_its_own():
    assert plan() == plan("PrivateTmp=no", "MountFlags=shared", "MountAPIVFS=yes") == sandbox.Sandbox()


def test_propagation_is_cut_first_and_the_root_changes_last():
    mounts = plan("PrivateMounts=yes").mounts
    assert [(each.kind, each.path) for each in mounts] == [
        (sandbox.PROPAGATION, "/"), (BIND, UNIT_ROOT), (sandbox.ROOT, UNIT_ROOT), (sandbox.PROPAGATION, "/")]
    assert [mounts[0].flags, mounts[-1].flags] == [
        sandbox.MS_REC | sandbox.MS_SLAVE, sandbox.MS_REC | sandbox.MS_SHARED]
    assert plan("MountFlags=private").mounts[-1].flags == sandbox.MS_REC | sandbox.MS_PRIVATE


@pytest.mark.parametrize(("value", "paths"), [
    ("yes", ["/boot", "/efi", "/usr"]), ("full", ["/boot", "/efi", "/etc", "/usr"]), ("strict", ["/"]),
])
def test_protect_system(value, paths):
    assert sorted(flags(plan(f"ProtectSystem={value}"), MS_RDONLY)) == paths


def test_strict_leaves_api_file_systems_homes_and_the_units_own_directories():
    found = plan("ProtectSystem=strict", "StateDirectory=a", "ReadWritePaths=/srv/x -/opt")
    assert flags(found, MS_RDONLY)["/"] == [
        "/dev", "/home", "/opt", "/proc", "/root", "/run/user", "/srv/x", "/sys", "/var/lib/a"]
    assert (POINT, "/srv/x") in done(found, POINT)
    assert next(each for each in found.mounts if each.path == f"{UNIT_ROOT}/opt").options == MAY_MISS


def test_strict_leaves_run_as_well_where_the_api_file_systems_are_mounted():
    """Recorded: the case "hardened" in tests/conformance/namespaces."""
    assert "/run" in flags(plan("ProtectSystem=strict", "ProtectKernelTunables=yes"), MS_RDONLY)["/"]
    assert "/run" not in flags(plan("ProtectSystem=strict", "PrivateDevices=yes"), MS_RDONLY)["/"]


def test_what_is_more_strict_wins_for_one_path():
    found = plan("ProtectSystem=full", "ReadWritePaths=/etc /usr/local", "NoExecPaths=/etc", "ExecPaths=/etc")
    assert flags(found, MS_RDONLY) == {"/boot": [], "/efi": [], "/etc": [], "/usr": ["/usr/local"]}
    assert flags(found, MS_NOEXEC) == {"/etc": []}


def test_paths_are_nested_as_deep_as_they_are():
    found = plan("ReadOnlyPaths=/a /a/b/c", "ReadWritePaths=/a/b")
    assert flags(found, MS_RDONLY) == {"/a": ["/a/b", "/a/b/c"], "/a/b/c": []}
    assert done(found, POINT) == [(POINT, "/a"), (POINT, "/a/b"), (POINT, "/a/b/c")]


def test_an_exception_of_nothing_needs_no_mount():
    assert done(plan("ReadWritePaths=/var", "ExecPaths=/usr"), POINT, ALL_FLAGS) == []


def test_below_what_is_hidden_there_is_nothing():
    found = plan("InaccessiblePaths=/var", "ReadOnlyPaths=/var/lib", "BindPaths=/usr:/var/x")
    assert done(found, HIDE, BIND, POINT, ALL_FLAGS) == [(BIND, "/"), (HIDE, "/var")]


def test_links_are_followed_before_paths_are_compared():
    found = plan("ReadOnlyPaths=/bin /usr/bin", links={"/bin": "/usr/bin"})
    assert flags(found, MS_RDONLY) == {"/usr/bin": []}


def test_homes():
    assert done(plan("ProtectHome=yes"), HIDE) == [(HIDE, "/home"), (HIDE, "/root"), (HIDE, "/run/user")]
    assert sorted(flags(plan("ProtectHome=read-only"), MS_RDONLY)) == ["/home", "/root", "/run/user"]
    found = plan("ProtectHome=tmpfs", "BindPaths=/home/me")
    assert done(found, FILE_SYSTEM, BIND)[1:3] == [(FILE_SYSTEM, "/home"), (BIND, "/home/me")]
    assert flags(found, MS_RDONLY)["/home"] == ["/home/me"]


def test_bind_mounts_come_from_where_they_were():
    found = [each for each in plan("BindReadOnlyPaths=-/a:/b:norbind").mounts if each.kind in (BIND, ALL_FLAGS)]
    assert [(each.path, each.details, each.flags, each.options) for each in found[1:]] == [
        (f"{UNIT_ROOT}/b", ("/a",), 0, MAY_MISS), (f"{UNIT_ROOT}/b", (), MS_RDONLY, MAY_MISS)]


@pytest.mark.parametrize(("options", "expected", "data"), [
    ("", sandbox.MS_NODEV | sandbox.MS_STRICTATIME, "mode=0755"),
    (":ro,size=1M,mode=0700", sandbox.MS_NODEV | sandbox.MS_STRICTATIME, "mode=0755,size=1M,mode=0700"),
    (":dev,nostrictatime,noexec,nosuid", MS_NOEXEC | sandbox.MS_NOSUID, "mode=0755"),
])
def test_temporary_file_systems(options, expected, data):
    found = plan(f"TemporaryFileSystem=/mnt{options}")
    made = next(each for each in found.mounts if each.kind == FILE_SYSTEM)
    assert (made.flags, made.details) == (expected, ("tmpfs", data))
    assert bool(flags(found, MS_RDONLY)) == ("ro" in options.split(":")[-1].split(","))


def test_private_directories_take_the_place_of_tmp():
    found = plan("PrivateTmp=yes", "ProtectSystem=strict", tmp=("/tmp/x/tmp", "/var/tmp/x/tmp"))
    assert [(each.path.removeprefix(UNIT_ROOT), each.details) for each in found.mounts if each.kind == BIND][1:] == [
        ("/tmp", ("/tmp/x/tmp",)), ("/var/tmp", ("/var/tmp/x/tmp",))]
    assert {"/tmp", "/var/tmp"} <= set(flags(found, MS_RDONLY)["/"])


def test_private_devices_are_read_only_but_for_what_is_mounted_there():
    found = plan("PrivateDevices=yes")
    assert done(found, DEVICES) == [(DEVICES, "/dev")]
    assert flags(found, MS_RDONLY) == {"/dev": ["/dev/hugepages", "/dev/mqueue", "/dev/pts", "/dev/shm"]}


def test_a_root_directory_has_the_api_file_systems_unless_it_says_no():
    found = plan("RootDirectory=/srv/r")
    assert done(found, BIND, FILE_SYSTEM) == [
        (BIND, "/"), (BIND, "/dev"), (BIND, "/proc"), (FILE_SYSTEM, "/run"), (BIND, "/sys")]
    assert found.mounts[1].details == ("/srv/r",)
    assert plan("RootDirectory=/srv/r", "MountAPIVFS=no").mounts == ()
    with_state = plan("RootDirectory=/srv/r", "MountAPIVFS=no", "StateDirectory=a")
    assert (BIND, "/var/lib/a") in done(with_state, BIND)


def test_proc():
    found = plan("ProtectProc=invisible", "ProcSubset=pid")
    made = next(each for each in found.mounts if each.kind == FILE_SYSTEM)
    assert (made.details, made.options) == (("proc", "hidepid=invisible,subset=pid"), sandbox.MAY_FAIL)


def test_namespaces():
    found = plan("PrivateNetwork=yes", "PrivateIPC=yes", "ProtectHostname=yes", "PrivateUsers=yes")
    assert found.namespaces == sandbox.CLONE_NEWNET | sandbox.CLONE_NEWIPC | sandbox.CLONE_NEWUTS
    assert found.private_users and done(found, FILE_SYSTEM) == [(FILE_SYSTEM, "/dev/mqueue")]
    joined = plan("PrivateNetwork=yes", "NetworkNamespacePath=/run/netns/a", "IPCNamespacePath=/run/ipc")
    assert joined.namespaces == 0
    assert joined.joined == ((sandbox.CLONE_NEWNET, "/run/netns/a"), (sandbox.CLONE_NEWIPC, "/run/ipc"))


def test_full_privileges_keep_network_and_ipc_only():
    found = sandbox.connected(settings("PrivateNetwork=yes", "PrivateIPC=yes", "ProtectHostname=yes", "ProtectSystem=yes"))
    assert found.namespaces == sandbox.CLONE_NEWNET | sandbox.CLONE_NEWIPC
    assert [each.kind for each in found.mounts] == [sandbox.PROPAGATION, FILE_SYSTEM, sandbox.PROPAGATION]


def test_nothing_may_win_privileges_by_a_file():
    assert flags(plan("NoNewPrivileges=yes", "PrivateMounts=yes"), sandbox.MS_NOSUID) == {"/": []}


def test_what_is_not_named_is_not_looked_at():
    """A field that is read and not in SANDBOX_FIELDS would be left out where it stands alone."""
    read = set()

    class Watched(ExecSettings):
        def __getattribute__(self, name):
            read.add(name)
            return super().__getattribute__(name)

    sandbox.plan(Watched(), lambda path: path)
    beside = {"mount_api_vfs", "no_new_privileges", *(field for field, _ in sandbox._DIRECTORIES)}
    assert {name for name in read if not name.startswith("__")} <= {*SANDBOX_FIELDS, *beside}
