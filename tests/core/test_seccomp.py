"""Our filters, run by an interpreter of BPF: against those of a real systemd, against libseccomp, and each by itself."""

from __future__ import annotations

import base64
import ctypes
import errno
import json
import os
import random
import zlib
from functools import cache
from pathlib import Path

import pytest

from initd.core import addressfamilies, bpf, seccomp, syscallnumbers, syscalls, syscalltable
from initd.core.directives_sandbox import NAMESPACES
from initd.core.settings_exec import FILTER_FIELDS, ExecSettings
from tests.conformance.seccomp.cases import CASES
from tests.core.bpf_machine import ALLOW, decode, run, strictest
from tests.core.test_load import load

RECORDED = json.loads((Path(__file__).parents[1] / "conformance/seccomp/programs.json").read_text())
X86_64, X86, ARM64, ARM = 0xC000003E, 0x40000003, 0xC00000B7, 0x40000028
X32_BIT = syscallnumbers.X32_BIT
KILL_PROCESS, KILL_THREAD, LOG, NO_CALL = 0x8000_0000, 0, 0x7FFC_0000, 0xFFFF_FFFF
EPERM = bpf.errno(errno.EPERM)
#: Numbers beyond what there is, and what is special.
NUMBERS = [*range(470), 511, 600, X32_BIT - 1, *range(X32_BIT, X32_BIT + 560), 2**31, NO_CALL - 1, NO_CALL, 0xF0002,
           0xF0005]
#: Calls whose arguments some filter looks at.
LOOKED_AT = (
    "socket setns clone clone3 unshare sched_setscheduler chmod fchmod fchmodat fchmodat2 mkdir mkdirat mknod mknodat creat "
    "open openat openat2 personality mmap mmap2 mprotect pkey_mprotect shmat socketcall ipc"
).split()


def settings(*lines: str) -> ExecSettings:
    definition = load("\n".join(("[Service]", "ExecStart=/bin/true", *lines, "")))
    assert definition.exec is not None
    return definition.exec


@cache
def filter_of(*lines: str, machine: str = "x86_64") -> list[tuple[int, int, int, int]]:
    return decode(seccomp.program(settings(*lines), machine))


def verdict(lines: tuple[str, ...] | str, call: str, *arguments: int, architecture: str = "x86-64") -> int:
    token = {"x86-64": X86_64, "x32": X86_64, "x86": X86, "arm64": ARM64, "arm": ARM}[architecture]
    code = filter_of(*([lines] if isinstance(lines, str) else lines),
                     machine="aarch64" if architecture.startswith("arm") else "x86_64")
    return run(code, token, syscallnumbers.numbers(architecture)[call], arguments)


def argument_lists(seed: str) -> list[tuple[int, ...]]:
    """What flags, families, modes and policies may be, and rubbish; of 32 bits."""
    values = [*range(48), 0x40, 0x80, 0o2000, 0o4000, 0o100755, 0o104755, 0x8000, 0x42, 0x40 | 0x80, 0xFFFF, 2**32 - 1,
              *NAMESPACES.values(), 0x40000001]
    generator = random.Random(seed)
    return [(value,) * 6 for value in values] + [tuple(generator.choices(values, k=6)) for _ in range(20)]


# --- real systemd -------------------------------------------------------------------------------------------------


def recorded(name: str) -> list[list[tuple[int, int, int, int]]]:
    return [_recorded_program(number) for number in RECORDED["cases"][name]["programs"]]


@cache
def _recorded_program(number: int) -> list[tuple[int, int, int, int]]:
    return decode(zlib.decompress(base64.b64decode(RECORDED["programs"][number])))


def test_every_case_is_recorded_with_the_lines_it_has():
    assert {name: tuple(case["lines"]) for name, case in RECORDED["cases"].items()} == CASES


@pytest.mark.parametrize("name", CASES)
def test_every_call_gets_the_verdict_that_systemd_gives_it(name):
    theirs, ours = recorded(name), seccomp.program(settings(*CASES[name]), "x86_64")
    assert bool(ours) == bool(theirs)
    if not ours:
        return
    code = decode(ours)
    differ = [(hex(token), number) for token in (X86_64, X86, ARM64) for number in NUMBERS
              if run(code, token, number) != strictest(theirs, token, number)]
    assert differ == []


@pytest.mark.parametrize("name", CASES)
def test_arguments_get_the_verdict_that_systemd_gives_them(name):
    theirs, ours = recorded(name), seccomp.program(settings(*CASES[name]), "x86_64")
    code = decode(ours) or [(0x06, 0, 0, ALLOW)]
    calls = [(token, syscallnumbers.numbers(architecture)[call]) for token, architecture in
             ((X86_64, "x86-64"), (X86_64, "x32"), (X86, "x86")) for call in LOOKED_AT
             if call in syscallnumbers.numbers(architecture)]
    for token, number in calls:
        for arguments in argument_lists(name):
            assert run(code, token, number, arguments) == strictest(theirs, token, number, arguments), (
                hex(token), number, arguments)


def test_all_filters_of_a_unit_are_one_program_that_the_kernel_takes():
    for name in CASES:
        assert len(seccomp.program(settings(*CASES[name]), "x86_64")) // 8 < 4096


# --- what a bit in the high half changes --------------------------------------------------------------------------


def test_high_halves_of_arguments_do_not_get_round_a_filter():
    """The kernel does not look at them; the filters of systemd 252 do, and let this pass."""
    line, arguments = "RestrictAddressFamilies=~AF_PACKET", (addressfamilies.NUMBERS["AF_PACKET"] | 1 << 32,)
    number = syscallnumbers.numbers("x86-64")["socket"]
    assert verdict(line, "socket", *arguments) == bpf.errno(errno.EAFNOSUPPORT)
    assert strictest(recorded("families-deny"), X86_64, number, arguments) == ALLOW


# --- libseccomp ---------------------------------------------------------------------------------------------------


def libseccomp():
    try:
        return __import__("tests.core.syscall_numbers", fromlist=["library"])
    except OSError:
        pytest.skip("libseccomp2 is not installed")


def test_numbers_are_those_of_libseccomp():
    generator = libseccomp()
    if generator.version() != "2.5.4" or not generator.HEADER.exists():
        pytest.skip("not Debian 12's libseccomp, or no linux-libc-dev for x86-64")
    assert Path(syscalltable.__file__).read_text() == generator.text()


def exported(generator, architecture: str, default: int, rules: dict[str, int]) -> list[tuple[int, int, int, int]]:
    """What libseccomp makes of it: a filter for one architecture that lets all others pass."""
    library = generator.library()
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(default)))
    token = generator.TOKENS[architecture]
    native = library.seccomp_arch_native() & 0xFFFF_FFFF
    if token != native:
        assert library.seccomp_arch_add(context, ctypes.c_uint32(token)) == 0
        assert library.seccomp_arch_remove(context, ctypes.c_uint32(native)) == 0
    bad_architecture = 2
    assert library.seccomp_attr_set(context, bad_architecture, ctypes.c_uint32(ALLOW)) == 0
    for name, action in rules.items():
        number = library.seccomp_syscall_resolve_name(name.encode())
        if action != default:
            library.seccomp_rule_add_exact_array(context, ctypes.c_uint32(action), number, 0, None)
    reader, writer = os.pipe()
    with open(reader, "rb") as file:
        os.set_blocking(writer, False)
        assert library.seccomp_export_bpf(context, writer) == 0
        os.close(writer)
        found = file.read()
    library.seccomp_release(context)
    return decode(found)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("seed", range(6))
def test_lists_of_calls_have_the_verdicts_of_libseccomp(machine, seed):
    """On the machines that were not recorded as well, and for lists that nobody chose."""
    generator, chance = libseccomp(), random.Random(seed)
    names = sorted(syscalls.filterable())
    listed = chance.sample(names, 60)
    line = "SystemCallFilter=" + ("~" if seed % 2 else "") + " ".join(listed)
    default, action = (ALLOW, KILL_PROCESS) if seed % 2 else (KILL_PROCESS, ALLOW)
    rules = dict.fromkeys(listed if seed % 2 else [*listed, *syscalls.expand("@default")], action)
    for architecture in seccomp.ARCHITECTURES[machine]:
        token = X86_64 if architecture == "x32" else generator.TOKENS[architecture]
        theirs, ours = exported(generator, architecture, default, rules), filter_of(line, machine=machine)
        numbers = [n for n in NUMBERS if (n >= X32_BIT) == (architecture == "x32") and n != NO_CALL]
        for number in numbers:
            arguments = [()] if number not in (102, 117) else [(n,) for n in range(26)]
            for each in arguments:
                assert run(ours, token, number, each) == run(theirs, token, number, each), (architecture, number, each)


# --- each directive, on every architecture ------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["x86-64", "x32", "x86", "arm64", "arm"])
def test_the_same_is_denied_on_every_architecture(architecture):
    def denied(line: str, call: str, *arguments: int) -> bool:
        return verdict(line, call, *arguments, architecture=architecture) == EPERM

    clone = "RestrictNamespaces=~net"
    assert denied(clone, "unshare", NAMESPACES["net"]) and not denied(clone, "unshare", NAMESPACES["mnt"])
    assert denied(clone, "setns", 3, 0) and not denied(clone, "setns", 3, NAMESPACES["mnt"])
    assert verdict(clone, "clone3", architecture=architecture) == bpf.errno(errno.ENOSYS)
    assert denied("RestrictRealtime=yes", "sched_setscheduler", 0, 1)
    assert not denied("RestrictRealtime=yes", "sched_setscheduler", 0, 3)
    assert denied("RestrictSUIDSGID=yes", "fchmodat", 0, 0, 0o4755)
    assert not denied("RestrictSUIDSGID=yes", "fchmodat", 0, 0, 0o755)
    assert denied("RestrictSUIDSGID=yes", "openat", 0, 0, 0o101, 0o2755)
    assert not denied("RestrictSUIDSGID=yes", "openat", 0, 0, 0o1, 0o2755)
    assert denied("LockPersonality=yes", "personality", 8) and not denied("LockPersonality=yes", "personality", 0)
    mapping = "mmap2" if architecture in ("x86", "arm") else "mmap"
    assert denied("MemoryDenyWriteExecute=yes", mapping, 0, 0, 6)
    assert not denied("MemoryDenyWriteExecute=yes", mapping, 0, 0, 5)
    assert denied("MemoryDenyWriteExecute=yes", "mprotect", 0, 0, 4)
    assert denied("ProtectHostname=yes", "sethostname") and denied("ProtectClock=yes", "clock_settime")
    assert denied("ProtectKernelModules=yes", "finit_module") and denied("ProtectKernelLogs=yes", "syslog")


def test_families_are_restricted_where_the_family_is_an_argument():
    line, refused = "RestrictAddressFamilies=AF_UNIX", bpf.errno(errno.EAFNOSUPPORT)
    for architecture in ("x86-64", "x32", "arm64", "arm"):
        assert verdict(line, "socket", 1, architecture=architecture) == ALLOW
        assert verdict(line, "socket", 2, architecture=architecture) == refused
        assert verdict(line, "socket", 0, architecture=architecture) == refused
    assert verdict(line, "socket", 2, architecture="x86") == ALLOW


def test_other_architectures_are_killed():
    line = "SystemCallArchitectures=native"
    assert verdict(line, "read") == ALLOW
    assert verdict(line, "read", architecture="x86") == verdict(line, "read", architecture="x32") == KILL_THREAD
    assert run(filter_of(line), ARM64, 0) == KILL_THREAD
    assert verdict(line, "read", architecture="arm64") == ALLOW
    assert verdict(line, "read", architecture="arm") == KILL_THREAD


def test_calls_of_32_bit_x86_are_found_behind_socketcall_and_ipc():
    lines = ("SystemCallFilter=~socket:EPERM bind semop:kill",)
    assert verdict(lines, "socket", architecture="x86") == EPERM
    assert verdict(lines, "socketcall", 1, architecture="x86") == EPERM
    assert verdict(lines, "socketcall", 2, architecture="x86") == KILL_PROCESS
    assert verdict(lines, "socketcall", 3, architecture="x86") == ALLOW
    assert verdict(lines, "ipc", 1, architecture="x86") == KILL_PROCESS


def test_an_exception_that_says_the_same_as_the_rule_is_no_failure():
    """systemd 252's units end with 228/SECCOMP here."""
    assert verdict(("SystemCallFilter=@system-service", "SystemCallFilter=~fork:kill"), "fork") == KILL_PROCESS
    assert verdict("SystemCallFilter=~chroot:4095", "chroot") == bpf.errno(4095)


def test_nothing_is_filtered_where_nothing_is_asked_for():
    for lines in ((), ("SystemCallFilter=~",), ("RestrictNamespaces=no",), ("RestrictAddressFamilies=~AF_INET",
                  "RestrictAddressFamilies=AF_INET"), ("NoNewPrivileges=yes",)):
        assert seccomp.program(settings(*lines), "x86_64") == b""
    assert seccomp.program(settings("LockPersonality=yes"), "vax") == b""


def test_equal_settings_have_one_program():
    first = seccomp.program(settings("SystemCallFilter=@system-service"), "x86_64")
    assert seccomp.program(settings("SystemCallFilter=@system-service"), "x86_64") is first


def test_everything_that_filters_depends_on_is_named():
    """A field that is read and not in FILTER_FIELDS would make two different units share a program."""
    read = set()

    class Watched(ExecSettings):
        def __getattribute__(self, name):
            read.add(name)
            return super().__getattribute__(name)

    watched = Watched()
    watched.__dict__.update(settings(*CASES["hardened"], "SystemCallLog=mount", "Personality=x86").__dict__)
    seccomp._program(watched, seccomp.ARCHITECTURES["x86_64"])
    assert {name for name in read if not name.startswith("__")} <= set(FILTER_FIELDS)
