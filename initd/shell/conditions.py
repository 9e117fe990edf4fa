"""The facts that conditions ask for, looked up at the moment they are asked: /proc, /sys, the files a path names.

`core.conditions` says what a fact means. A fact that cannot be read is a condition that is not met, except where a
reader says otherwise. `root` stands for "/" in tests and for `--root=`; what belongs to the process (its user, its
environment, its CPUs) is always our own.
"""

from __future__ import annotations

import os
import stat

from initd.core import conditions as core
from initd.core.values import Condition
from initd.shell.envfile import OS_RELEASE, read_assignments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def check(condition: Condition, root: str = "/") -> bool:
    """Whether the condition is met now, negation applied."""
    try:
        return judge(condition, root)
    except ValueError:
        return False


def judge(condition: Condition, root: str = "/") -> bool:
    """As `check`; ValueError where the condition's parameter says nothing."""
    try:
        fact = _READERS[condition.kind](root.rstrip("/"), condition.parameter)
    except OSError:
        return False
    return core.judge(condition, fact)


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def _try_read(path: str) -> str | None:
    try:
        return _read(path)
    except OSError:
        return None


# --- the machine ---------------------------------------------------------------------------------------------------


def _machine(root: str, parameter: str) -> str:
    return os.uname().machine


def _release(root: str, parameter: str) -> str:
    return os.uname().release


def read_virtualization(root: str = "") -> core.Virtualization:
    """What we run in. The container is known by its manager's word to PID 1, or by the files runtimes leave."""
    word = _try_read(root + "/run/systemd/container") or _variable_of_init(root, "container")
    container = core.innermost_container(
        word.strip() if word else None,
        os.path.lexists(root + "/run/.containerenv"),
        os.path.lexists(root + "/.dockerenv"),
        _has_own_processes(root),
    )
    if os.path.exists(root + "/proc/vz") and not os.path.exists(root + "/proc/bc"):
        container = "openvz"
    return core.Virtualization(container, _vm(root), _has_private_users(root))


#: The number of the kernel's first process namespace, the same since there are such namespaces.
_FIRST_PID_NAMESPACE = 0xEFFFFFFC


def _has_own_processes(root: str) -> bool:
    try:
        return os.stat(root + "/proc/self/ns/pid").st_ino != _FIRST_PID_NAMESPACE
    except OSError:
        return False


def _variable_of_init(root: str, name: str) -> str | None:
    """A variable that PID 1 was started with, as far as we may know."""
    if os.getpid() == 1 and not root:
        return os.environ.get(name)
    text = _try_read(root + "/proc/1/environ") or ""
    return next((each[len(name) + 1:] for each in text.split("\0") if each.startswith(name + "=")), None)


#: How the firmware's own words begin, for each hypervisor that puts them there.
_DMI_VENDORS = (
    ("KVM", "kvm"), ("OpenStack", "kvm"), ("KubeVirt", "kvm"), ("Amazon EC2", "amazon"), ("QEMU", "qemu"),
    ("VMware", "vmware"), ("VMW", "vmware"), ("innotek GmbH", "oracle"), ("VirtualBox", "oracle"),
    ("Oracle Corporation", "oracle"), ("Xen", "xen"), ("Bochs", "bochs"), ("Parallels", "parallels"),
    ("BHYVE", "bhyve"), ("Hyper-V", "microsoft"), ("Apple Virtualization", "apple"),
    ("Google Compute Engine", "google"),
)


def _vm(root: str) -> str:
    for name in ("product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version"):
        text = _try_read(f"{root}/sys/class/dmi/id/{name}") or ""
        for beginning, vm in _DMI_VENDORS:
            if text.startswith(beginning):
                return vm
    if (_try_read(root + "/sys/hypervisor/type") or "").strip() == "xen":
        return "xen"
    return "vm-other" if "hypervisor" in _cpu_flags(root, "") else ""


def _has_private_users(root: str) -> bool:
    text = _try_read(root + "/proc/self/uid_map")
    return text is not None and text.split() != ["0", "0", "4294967295"]


def _virtualization(root: str, parameter: str) -> core.Virtualization:
    return read_virtualization(root)


def _firmware(root: str, parameter: str) -> core.Firmware:
    if read_virtualization(root).container:
        return core.Firmware()  # the host's, and none of a container's business
    compatible = _try_read(root + "/proc/device-tree/compatible") or ""
    field = core.smbios_field(parameter)
    value = _try_read(f"{root}/sys/class/dmi/id/{field}") if field else None
    return core.Firmware(
        os.path.isdir(root + "/sys/firmware/efi"),
        os.path.isdir(root + "/proc/device-tree"),
        tuple(filter(None, compatible.split("\0"))),
        None if value is None else value.strip(),
    )


def _host(root: str, parameter: str) -> core.Host:
    return core.Host(os.uname().nodename, (_try_read(root + "/etc/machine-id") or "").strip())


def _kernel_command_line(root: str, parameter: str) -> tuple[str, ...]:
    """In a container PID 1's own command line: the kernel's is the host's."""
    if read_virtualization(root).container:
        return tuple(filter(None, _read(root + "/proc/1/cmdline").split("\0")))
    from initd.core import words

    return tuple(words.split(_read(root + "/proc/cmdline"), unescape=False))


def _kernel_switch(root: str, name: str) -> bool | None:
    return core.kernel_switch(_kernel_command_line(root, ""), name)


def _credential(root: str, parameter: str) -> tuple[str, ...]:
    names: list[str] = []
    for variable in ("CREDENTIALS_DIRECTORY", "ENCRYPTED_CREDENTIALS_DIRECTORY"):
        directory = os.environ.get(variable, "")
        if directory.startswith("/"):
            try:
                names += os.listdir(directory)
            except FileNotFoundError:
                pass  # told of a directory that is not there: no credentials
    return tuple(names)


def _environment(root: str, parameter: str) -> dict[str, str]:
    return dict(os.environ)


def _security(root: str, parameter: str) -> tuple[str, ...]:
    found = []
    if os.path.exists(root + "/sys/fs/selinux/enforce"):
        found.append("selinux")
    if (_try_read(root + "/sys/module/apparmor/parameters/enabled") or "").startswith("Y"):
        found.append("apparmor")
    for name, mark in (
        ("tomoyo", "/sys/kernel/security/tomoyo/version"),
        ("ima", "/sys/kernel/security/ima/"),
        ("smack", "/sys/fs/smackfs/"),
        ("tpm2", "/sys/class/tpmrm/tpmrm0"),
    ):
        if os.path.exists(root + mark):
            found.append(name)
    if parameter == "audit" and _has_audit():
        found.append("audit")
    return tuple(found)


_NETLINK_AUDIT = 9


def _has_audit() -> bool:
    """The kernel gives out a socket for it, or says that we are the wrong ones to ask."""
    import _socket

    try:
        _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _NETLINK_AUDIT).close()
    except OSError as error:
        import errno

        return error.errno not in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EPERM)
    return True


def _bounding_set(root: str, parameter: str) -> int:
    for line in _read(root + "/proc/self/status").splitlines():
        if line.startswith("CapBnd:"):
            return int(line.split()[1], 16)
    raise ValueError("no CapBnd")


def _ac_power(root: str, parameter: str) -> bool:
    """No connector known counts as power."""
    base = root + "/sys/class/power_supply"
    try:
        supplies = os.listdir(base)
    except FileNotFoundError:
        return True
    states = [_try_read(f"{base}/{name}/online") for name in supplies
              if (_try_read(f"{base}/{name}/type") or "").strip() == "Mains"]
    known = [state.strip() for state in states if state is not None]
    return not known or any(state != "0" for state in known)


def _needs_update(root: str, path: str) -> bool:
    override = _kernel_switch(root, "systemd.condition-needs-update")
    if override is not None:
        return override
    try:
        if os.statvfs(root + path).f_flag & os.ST_RDONLY:
            return False  # no update could be made
    except FileNotFoundError:
        pass  # what is not there at all wants to be made
    try:
        usr, stamp = os.stat(root + "/usr"), os.stat(f"{root}{path}/.updated")
    except FileNotFoundError:
        return True
    if usr.st_mtime_ns // 10**9 != stamp.st_mtime_ns // 10**9 or stamp.st_mtime_ns % 10**9:
        return usr.st_mtime_ns > stamp.st_mtime_ns
    # The same second, and a stamp on a file system without nanoseconds: the file itself says the rest.
    for line in (_try_read(f"{root}{path}/.updated") or "").splitlines():
        if line.startswith("TIMESTAMP_NSEC="):
            return usr.st_mtime_ns > int(line.partition("=")[2])
    return usr.st_mtime_ns > stamp.st_mtime_ns


def _first_boot(root: str, parameter: str) -> bool:
    override = _kernel_switch(root, "systemd.condition-first-boot")
    return os.path.exists(root + "/run/systemd/first-boot") if override is None else override


def _memory(root: str, parameter: str) -> int:
    """The machine's, or what the container's cgroup leaves of it."""
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = (_try_read(root + path) or "").strip()
        if text.isdecimal():
            size = min(size, int(text))
    return size


def _cpus(root: str, parameter: str) -> int:
    return len(os.sched_getaffinity(0))


def _cpu_flags(root: str, parameter: str) -> tuple[str, ...]:
    for line in (_try_read(root + "/proc/cpuinfo") or "").splitlines():
        if line.startswith("flags"):
            return tuple(line.partition(":")[2].split())
    return ()


def _os_release(root: str, parameter: str) -> dict[str, str]:
    return read_assignments(root, *OS_RELEASE)


def _user(root: str, parameter: str) -> core.Identity:
    import pwd

    numbers = (os.getuid(), os.geteuid())
    return core.Identity(numbers, tuple(_names(pwd.getpwuid, numbers)))


def _group(root: str, parameter: str) -> core.Identity:
    import grp

    numbers = (os.getgid(), os.getegid(), *os.getgroups())
    return core.Identity(numbers, tuple(_names(grp.getgrgid, numbers)))


def _names(look_up: Callable[[int], Any], numbers: tuple[int, ...]) -> list[str]:
    names = []
    for number in set(numbers):
        try:
            names.append(look_up(number)[0])
        except KeyError:
            pass  # a number without a name
    return names


def _controllers(root: str, parameter: str) -> core.Controllers:
    base = root + "/sys/fs/cgroup"
    text = _try_read(base + "/cgroup.controllers")
    if text is not None:
        return core.Controllers("v2", tuple(text.split()))
    available = []
    for line in (_try_read(root + "/proc/1/cgroup") or "").splitlines():
        names, path = line.split(":", 2)[1:]
        # Only what we can reach as the cgroup we are in: a mount of the container's own subtree hides that.
        available += [name for name in names.split(",") if name and os.path.isdir(f"{base}/{name}{path}")]
    return core.Controllers("v1", tuple({"blkio": "io"}.get(name, name) for name in available))


def _pressure(kind: str) -> Callable[[str, str], str | None]:
    def read(root: str, parameter: str) -> str | None:
        if ":" not in parameter:
            return _try_read(f"{root}/proc/pressure/{kind}")
        if not os.path.exists(root + "/sys/fs/cgroup/cgroup.controllers"):
            return None
        question = core.pressure_question(parameter)
        stem = question.slice.removesuffix(".slice")
        words = stem.split("-") if stem != "-" else []
        path = "".join(f"/{'-'.join(words[:end])}.slice" for end in range(1, len(words) + 1))
        return _try_read(f"{root}/sys/fs/cgroup{path}/{kind}.pressure")

    return read


# --- paths -----------------------------------------------------------------------------------------------------------


def _exists(root: str, path: str) -> bool:
    return os.path.exists(root + path)


def _exists_glob(root: str, pattern: str) -> bool:
    from glob import iglob

    return any(True for each in core.brace_expand(pattern) for _ in iglob(root + each))


def _is_directory(root: str, path: str) -> bool:
    return os.path.isdir(root + path)


def _is_symbolic_link(root: str, path: str) -> bool:
    return os.path.islink(root + path)


def _is_mount_point(root: str, path: str) -> bool:
    """By mount id, which tells bind mounts of files and of the same file system too."""
    real = os.path.realpath(root + path)
    return real == "/" or _mount_id(real) != _mount_id(os.path.dirname(real))


def _mount_id(path: str) -> int:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        for line in _read(f"/proc/self/fdinfo/{fd}").splitlines():
            if line.startswith("mnt_id:"):
                return int(line.split()[1])
    finally:
        os.close(fd)
    raise ValueError("no mount id")


def _is_read_write(root: str, path: str) -> bool:
    return not os.statvfs(root + path).f_flag & os.ST_RDONLY


def _is_encrypted(root: str, path: str) -> bool:
    device = os.stat(root + path).st_dev
    return _is_dm_crypt(root, os.path.realpath(f"{root}/sys/dev/block/{os.major(device)}:{os.minor(device)}"))


def _is_dm_crypt(root: str, device: str) -> bool:
    """Whether this block device, or all that it lies on, is dm-crypt."""
    if (_try_read(device + "/dm/uuid") or "").startswith("CRYPT-"):
        return True
    if os.path.exists(device + "/partition"):
        return _is_dm_crypt(root, os.path.dirname(device))
    try:
        below = os.listdir(device + "/slaves")
    except OSError:
        return False
    return bool(below) and all(_is_dm_crypt(root, os.path.realpath(f"{device}/slaves/{name}")) for name in below)


def _directory_not_empty(root: str, path: str) -> bool:
    return any(not core.is_leftover(name) for name in os.listdir(root + path))


def _file_not_empty(root: str, path: str) -> bool:
    info = os.stat(root + path)
    return stat.S_ISREG(info.st_mode) and info.st_size > 0


def _file_is_executable(root: str, path: str) -> bool:
    mode = os.stat(root + path).st_mode
    return stat.S_ISREG(mode) and bool(mode & 0o111)


def _false_if_absent(look: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    """A path that is not there, or cannot be looked at, is an answer: no. Its negation holds."""

    def read(root: str, path: str) -> bool:
        try:
            return look(root, path)
        except OSError:
            return False

    return read


_READERS: dict[str, Callable[[str, str], Any]] = {
    "Architecture": _machine,
    "Firmware": _firmware,
    "Virtualization": _virtualization,
    "Host": _host,
    "KernelCommandLine": _kernel_command_line,
    "KernelVersion": _release,
    "Credential": _credential,
    "Environment": _environment,
    "Security": _security,
    "Capability": _bounding_set,
    "ACPower": _ac_power,
    "NeedsUpdate": _needs_update,
    "FirstBoot": _first_boot,
    "User": _user,
    "Group": _group,
    "ControlGroupController": _controllers,
    "Memory": _memory,
    "CPUs": _cpus,
    "CPUFeature": _cpu_flags,
    "OSRelease": _os_release,
    "MemoryPressure": _pressure("memory"),
    "CPUPressure": _pressure("cpu"),
    "IOPressure": _pressure("io"),
    "PathExists": _exists,
    "PathExistsGlob": _exists_glob,
    "PathIsDirectory": _is_directory,
    "PathIsSymbolicLink": _is_symbolic_link,
    "PathIsMountPoint": _false_if_absent(_is_mount_point),
    "PathIsReadWrite": _false_if_absent(_is_read_write),
    "PathIsEncrypted": _false_if_absent(_is_encrypted),
    "DirectoryNotEmpty": _false_if_absent(_directory_not_empty),
    "FileNotEmpty": _false_if_absent(_file_not_empty),
    "FileIsExecutable": _false_if_absent(_file_is_executable),
}
