"""`systemd-detect-virt`: the container or machine we run in, in one word (systemd-detect-virt(1))."""

from __future__ import annotations

import os

from initd.cli.getopt import parse
from initd.cli.options import UsageError
from initd.cli.output import complain, is_answered

_LONG = {
    "help": "", "version": "", "container": "", "vm": "", "chroot": "", "private-users": "", "quiet": "", "list": "",
}
_SHORT = {"h": "help", "c": "container", "v": "vm", "r": "chroot", "q": "quiet"}
_HELP = """\
systemd-detect-virt [OPTIONS...]

Say which container or virtual machine this is; "none", and exit status 1, where it is neither.

Options:
  -c --container      Only look for containers
  -v --vm             Only look for virtual machines
  -r --chroot         Only say, by the exit status, whether this is a chroot
     --private-users  Only say, by the exit status, whether user ids are mapped
  -q --quiet          Say it by the exit status alone
     --list           Show every word that may be the answer
  -h --help           Show this help
     --version        Show the version
"""
#: What systemd 252 can answer (systemd-detect-virt(1)).
_VMS = (
    "kvm", "amazon", "qemu", "bochs", "xen", "uml", "vmware", "oracle", "microsoft", "zvm", "parallels", "bhyve", "qnx",
    "acrn", "powervm", "apple", "sre", "google", "vm-other",
)  # fmt: skip
_CONTAINERS = (
    "systemd-nspawn", "lxc-libvirt", "lxc", "openvz", "docker", "podman", "rkt", "wsl", "proot", "pouch",
    "container-other",
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """The exit status. `arguments` without the program's name."""
    try:
        given, words = parse(arguments, "systemd-detect-virt", _LONG, _SHORT)
    except UsageError as problem:
        complain(str(problem))
        return 1
    names = [name for name, _ in given]
    if is_answered(names, _HELP):
        return 0
    if "list" in names:
        print("\n".join(("none", *_VMS, *_CONTAINERS)))
        return 0
    if words:
        complain("systemd-detect-virt takes no arguments.")
        return 1
    wanted = [name for name in names if name in ("container", "vm", "chroot", "private-users")]
    return _detect(wanted[-1] if wanted else "", "quiet" in names)


def _detect(what: str, is_quiet: bool) -> int:
    if what == "chroot":
        return _is_chroot()
    from initd.shell.conditions import read_virtualization

    found = read_virtualization()
    if what == "private-users":
        return 0 if found.has_private_users else 1
    word = {"container": found.container, "vm": found.vm}.get(what, found.container or found.vm) or "none"
    if not is_quiet:
        print(word)
    return 0 if word != "none" else 1


def _is_chroot() -> int:
    if os.environ.get("SYSTEMD_IGNORE_CHROOT", "").lower() in ("1", "yes", "true", "on"):
        return 1
    try:
        ours, theirs = os.stat("/"), os.stat("/proc/1/root")
    except OSError as problem:
        complain(f"Failed to check for chroot() environment: {problem.strerror}")
        return 1
    return 0 if (ours.st_dev, ours.st_ino) != (theirs.st_dev, theirs.st_ino) else 1
