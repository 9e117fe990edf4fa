"""The facts, looked up under a root of our own; what needs the real machine is compared with what Python says of it."""

from __future__ import annotations

import os
import socket
import time

import pytest

from initd.core.conditions import JUDGES
from initd.core.values import Condition
from initd.shell import conditions
from initd.shell.conditions import check


@pytest.fixture
def root(tmp_path):
    for path in ("etc", "usr", "run/systemd", "proc/1", "proc/self", "proc/pressure", "sys/fs/cgroup",
                 "sys/class", "dir/sub"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "proc/cmdline").write_text("quiet root=/dev/vda\n")
    (tmp_path / "proc/1/cmdline").write_bytes(b"/sbin/pyinit\0--flag=1\0")
    (tmp_path / "proc/1/environ").write_bytes(b"PATH=/bin\0")
    return tmp_path


def asked(root, text: str) -> bool:
    kind, _, parameter = text.partition("=")
    return check(Condition(kind, parameter.removeprefix("!"), False, parameter.startswith("!")), str(root))


def test_every_kind_has_a_reader():
    assert set(conditions._READERS) == set(JUDGES)


@pytest.mark.parametrize("mark, content, expected", [
    ("run/systemd/container", "podman\n", "podman"),
    ("run/.containerenv", "", "podman"),
    (".dockerenv", "", "docker"),
    ("proc/1/environ", "container=lxc\0", "lxc"),
])
def test_container_is_recognized(root, mark, content, expected):
    assert asked(root, "Virtualization=!container")
    (root / mark).write_text(content)
    assert asked(root, "Virtualization=container") and asked(root, f"Virtualization={expected}")


def test_virtual_machine_is_recognized(root):
    (root / "sys/class/dmi/id").mkdir(parents=True)
    (root / "sys/class/dmi/id/product_name").write_text("KVM\n")
    assert asked(root, "Virtualization=vm") and asked(root, "Virtualization=kvm")
    (root / ".dockerenv").touch()
    assert not asked(root, "Virtualization=vm")


def test_private_users(root):
    (root / "proc/self/uid_map").write_text("         0          0 4294967295\n")
    assert not asked(root, "Virtualization=private-users")
    (root / "proc/self/uid_map").write_text("0 1000 1\n")
    assert asked(root, "Virtualization=private-users")


def test_command_line_is_the_kernel_s_or_in_a_container_that_of_pid_1(root):
    assert asked(root, "KernelCommandLine=quiet") and not asked(root, "KernelCommandLine=--flag=1")
    (root / ".dockerenv").touch()
    assert not asked(root, "KernelCommandLine=quiet") and asked(root, "KernelCommandLine=--flag=1")


def test_machine_id_and_name(root):
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    assert asked(root, "Host=0123456789ABCDEF0123456789abcdef") and asked(root, f"Host={socket.gethostname()}")


def test_credentials_are_files(root, tmp_path, monkeypatch):
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/key").touch()
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert asked(root, "Credential=!key")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    assert asked(root, "Credential=key")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "gone"))
    assert asked(root, "Credential=!key")


def test_power_supplies(root):
    assert asked(root, "ACPower=yes")
    (root / "sys/class/power_supply/AC").mkdir(parents=True)
    (root / "sys/class/power_supply/AC/type").write_text("Mains\n")
    (root / "sys/class/power_supply/AC/online").write_text("0\n")
    assert asked(root, "ACPower=no")
    (root / "sys/class/power_supply/AC/online").write_text("1\n")
    assert asked(root, "ACPower=yes")


def test_update_is_needed_when_usr_is_newer_than_the_stamp(root):
    assert asked(root, "NeedsUpdate=/etc")
    (root / "etc/.updated").touch()
    os.utime(root / "usr", (1000, 1000))
    assert not asked(root, "NeedsUpdate=/etc")
    os.utime(root / "usr", (time.time() + 1000,) * 2)
    assert asked(root, "NeedsUpdate=/etc")
    (root / "proc/cmdline").write_text("systemd.condition-needs-update=no")
    assert not asked(root, "NeedsUpdate=/etc")


def test_first_boot_is_a_flag_in_run(root):
    assert asked(root, "FirstBoot=no")
    (root / "run/systemd/first-boot").touch()
    assert asked(root, "FirstBoot=yes")


def test_os_release_has_two_places(root):
    (root / "usr/lib").mkdir()
    (root / "usr/lib/os-release").write_text('ID=far\n# x\nNAME="Far Away"\n')
    assert asked(root, 'OSRelease="NAME=Far Away"')
    (root / "etc/os-release").write_text("ID=near\n")
    assert asked(root, "OSRelease=ID=near")


def test_container_s_memory_counts(root):
    assert asked(root, "Memory=>1M")
    (root / "sys/fs/cgroup/memory.max").write_text("524288\n")
    assert asked(root, "Memory=<1M")
    (root / "sys/fs/cgroup/memory.max").write_text("max\n")
    assert asked(root, "Memory=>1M")


def test_cpus_and_identity_are_our_own(root):
    assert asked(root, f"CPUs=={len(os.sched_getaffinity(0))}")
    assert asked(root, f"User={os.getuid()}") and asked(root, f"Group={os.getgid()}")
    assert asked(root, f"Architecture={'native'}") and asked(root, f"KernelVersion={os.uname().release}")


def test_controllers_of_both_hierarchies(root):
    (root / "proc/1/cgroup").write_text("4:memory:/here\n3:pids:/gone\n0::/here\n")
    (root / "sys/fs/cgroup/memory/here").mkdir(parents=True)
    assert asked(root, "ControlGroupController=v1") and asked(root, "ControlGroupController=memory")
    assert not asked(root, "ControlGroupController=pids")
    (root / "sys/fs/cgroup/cgroup.controllers").write_text("cpu pids\n")
    assert asked(root, "ControlGroupController=v2") and asked(root, "ControlGroupController=cpu pids")


def test_pressure_of_system_and_slice(root):
    assert asked(root, "CPUPressure=0%")
    (root / "proc/pressure/cpu").write_text("some avg10=50.00 avg60=5.00 avg300=0.50 total=9\n")
    assert asked(root, "CPUPressure=0.5%") and not asked(root, "CPUPressure=40%/10sec")
    (root / "sys/fs/cgroup/cgroup.controllers").touch()
    (root / "sys/fs/cgroup/a.slice/a-b.slice").mkdir(parents=True)
    (root / "sys/fs/cgroup/a.slice/a-b.slice/cpu.pressure").write_text("full avg10=0.00 avg60=9.00 avg300=0 total=9\n")
    assert asked(root, "CPUPressure=a-b.slice:40%/10sec") and not asked(root, "CPUPressure=a-b.slice:8%/1min")


def test_security_modules(root):
    assert not asked(root, "Security=apparmor") and asked(root, "Security=!selinux")
    (root / "sys/module/apparmor/parameters").mkdir(parents=True)
    (root / "sys/module/apparmor/parameters/enabled").write_text("Y\n")
    assert asked(root, "Security=apparmor")


def test_bounding_set_and_cpu_flags(root):
    (root / "proc/self/status").write_text("Name:\tx\nCapBnd:\t0000000000000001\n")
    (root / "proc/cpuinfo").write_text("processor : 0\nflags\t\t: fpu pclmulqdq\n\nprocessor: 1\n")
    assert asked(root, "Capability=CAP_CHOWN") and asked(root, "Capability=!CAP_SYS_ADMIN")
    assert asked(root, "CPUFeature=pclmul") and not asked(root, "CPUFeature=sse2")


@pytest.mark.parametrize("text, expected", [
    ("PathExists=/dir", True), ("PathExists=/gone", False), ("PathExists=!/gone", True),
    ("PathExists=/dangling", False),
    ("PathIsSymbolicLink=/dangling", True), ("PathIsSymbolicLink=/dir", False),
    ("PathExistsGlob=/d*r", True), ("PathExistsGlob=/dangl*", True), ("PathExistsGlob=/{gone,file}", True),
    ("PathExistsGlob=/x*", False), ("PathIsDirectory=/link", True), ("PathIsDirectory=/file", False),
    ("DirectoryNotEmpty=/dir", True), ("DirectoryNotEmpty=/dir/sub", False), ("DirectoryNotEmpty=/file", False),
    ("FileNotEmpty=/file", True), ("FileNotEmpty=/empty", False), ("FileNotEmpty=/dir", False),
    ("FileIsExecutable=/file", True), ("FileIsExecutable=/empty", False), ("FileIsExecutable=/dir", False),
    ("PathIsReadWrite=/dir", True), ("PathIsReadWrite=/gone", False), ("PathIsReadWrite=!/gone", True),
    ("PathIsMountPoint=/dir", False), ("PathIsMountPoint=!/gone", True), ("PathIsEncrypted=/dir", False),
])
def test_paths(root, text, expected):
    (root / "dangling").symlink_to("/gone/away")
    (root / "link").symlink_to("dir")
    (root / "file").write_text("x")
    (root / "file").chmod(0o755)
    (root / "empty").touch()
    (root / "dir/sub/.hidden").touch()
    assert asked(root, text) is expected


def test_mount_points_of_the_machine():
    assert asked("/", "PathIsMountPoint=/proc") and asked("/", "PathIsMountPoint=/")
    assert not asked("/", "PathIsMountPoint=/proc/self")


def test_encrypted_device_below_another(root):
    device = os.stat(root / "dir").st_dev
    name = f"{os.major(device)}:{os.minor(device)}"
    block = root / "sys/devices/top"
    (block / "slaves").mkdir(parents=True)
    (root / "sys/dev/block").mkdir(parents=True)
    (root / "sys/dev/block" / name).symlink_to(block)
    assert not asked(root, "PathIsEncrypted=/dir")
    (root / "sys/devices/below/dm").mkdir(parents=True)
    (root / "sys/devices/below/dm/uuid").write_text("CRYPT-LUKS2-x\n")
    (block / "slaves/below").symlink_to(root / "sys/devices/below")
    assert asked(root, "PathIsEncrypted=/dir")


def test_unknown_word_is_never_met(root):
    assert not asked(root, "ACPower=perhaps") and not asked(root, "ACPower=!perhaps")
