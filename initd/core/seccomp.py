"""The system call filter of a unit (systemd.exec(5), SYSTEM CALL FILTERING and what of SANDBOXING filters calls).

systemd loads a filter for each directive and architecture. Of all filters of a process the kernel takes the strictest
answer, and of two errors the one of the filter loaded last; so they can be put together to one program with the same
verdicts: here each directive says which calls it denies, in the order in which systemd 252 loads them, and the program
finds a call's verdict by bisection. Which calls are denied was recorded from it (tests/conformance/seccomp).

Different on purpose: arguments are compared as the kernel reads them (see `bpf`); and where libseccomp fails the unit,
because an exception says the same as the rule, there is a filter.
"""

from __future__ import annotations

import errno

from initd.core import addressfamilies, bpf, syscallnumbers, syscalls
from initd.core.bpf import ALLOW, KILL_PROCESS, KILL_THREAD, LOG, HasBits, IsNoneOf, IsOneOf, Rule
from initd.core.directives_sandbox import ALL_NAMESPACES, KILL, words_of_list
from initd.core.settings_exec import FILTER_FIELDS, ExecSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Rules = tuple[Rule, ...]
    #: The action for all calls without rules, and by name the rules of the others; none of a call: it is allowed.
    Filter = tuple[int, dict[str, Rules]]
    #: (first number, rules) up to the next one's first number.
    Table = tuple[tuple[int, Rules], ...]

#: By what the kernel calls the machine: the architectures it runs programs of, the native one first.
ARCHITECTURES = {
    "x86_64": ("x86-64", "x86", "x32"),
    "i686": ("x86",),
    "aarch64": ("arm64", "arm"),
    "armv7l": ("arm",),
}
#: AUDIT_ARCH_* (linux/audit.h). x32 is told from x86-64 by a bit of the call's number.
_TOKENS = {"x86-64": 0xC000003E, "x86": 0x40000003, "arm64": 0xC00000B7, "arm": 0x40000028}
#: A tracer that skips a call sets its number to this.
_NO_CALL = 0xFFFF_FFFF

_EPERM, _ENOSYS = bpf.errno(errno.EPERM), bpf.errno(errno.ENOSYS)
_EAFNOSUPPORT = bpf.errno(errno.EAFNOSUPPORT)
#: sched(7): SCHED_OTHER, SCHED_BATCH, SCHED_IDLE.
_NOT_REALTIME = (0, 3, 5)
_S_ISUID_OR_ISGID, _O_CREAT, _PROT_WRITE, _PROT_EXEC, _SHM_EXEC = 0o6000, 0o100, 2, 4, 0o100000
#: clone(2): a flag that RestrictNamespaces= has no word for, and that is therefore never allowed.
_CLONE_NEWTIME = 0x80
#: personality(2), for the architectures whose programs see another machine.
_PERSONALITIES = {"x86": 8, "arm": 8, "s390": 8}

#: What socketcall(2) and ipc(2) of 32-bit x86 do, by their first argument (linux/net.h, linux/ipc.h).
_SOCKETCALL = {name: number for number, name in enumerate((
    "socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown setsockopt "
    "getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg"
).split(), 1)}
_IPC = {
    "semop": 1, "semget": 2, "semctl": 3, "semtimedop": 4, "msgsnd": 11, "msgrcv": 12, "msgget": 13, "msgctl": 14,
    "shmat": 21, "shmdt": 22, "shmget": 23, "shmctl": 24,
}
_MULTIPLEXERS = {"socketcall": _SOCKETCALL, "ipc": _IPC}


def program(settings: ExecSettings, machine: str) -> bytes:
    """The filter, structs sock_filter for seccomp(2); empty where nothing is filtered on this machine."""
    key = (machine, *[getattr(settings, field) for field in FILTER_FIELDS])
    found = _programs.get(key)
    if found is None:
        found = _programs[key] = _program(settings, ARCHITECTURES.get(machine, ()))
    return found


#: There are far fewer different filters than starts of processes.
_programs: dict[tuple[object, ...], bytes] = {}


def _program(settings: ExecSettings, local: tuple[str, ...]) -> bytes:
    if not local:
        return b""
    allowed = _allowed_architectures(settings, local)
    tables = {architecture: _verdicts(settings, architecture) for architecture in local if architecture in allowed}
    if len(allowed) == len(local) and not settings.system_call_architectures and not any(map(_denies, tables.values())):
        return b""
    foreign = KILL_THREAD if settings.system_call_architectures else ALLOW
    forbidden: Table = ((0, (Rule(foreign),)),)
    blocks = []
    for architecture in local:
        if architecture != "x32":
            table = tables.get(architecture, forbidden)
            if "x32" in local and architecture == "x86-64":
                table = _with_x32(table, tables.get("x32", forbidden), "x32" in tables)
            blocks.append(bpf.Architecture(_TOKENS[architecture], table))
    return bpf.assemble(blocks, foreign)


def _allowed_architectures(settings: ExecSettings, local: tuple[str, ...]) -> tuple[str, ...]:
    """The native one always is: systemd's own processes have to go on."""
    named = settings.system_call_architectures
    return tuple([name for name in local if not named or name in named or name == local[0]])


def _denies(table: Table) -> bool:
    return any(rules != (Rule(ALLOW),) for _, rules in table)


def _with_x32(table: Table, x32: Table, is_x32_allowed: bool) -> Table:
    """Both in one: the x32 calls are those from its bit on. No call at all counts as a native one."""
    above = [(max(first, syscallnumbers.X32_BIT), rules) for first, rules in x32]
    if not is_x32_allowed:
        above.append((_NO_CALL, table[-1][1]))
    return (*table, *above)


# --- putting filters together -------------------------------------------------------------------------------------


def _verdicts(settings: ExecSettings, architecture: str) -> Table:
    filters = [made for make in _MAKERS for made in make(settings, architecture)]
    numbers = syscallnumbers.numbers(architecture)
    mentioned = {numbers[name]: name for _, rules in filters for name in rules if name in numbers}
    general = _merge(filters, "")
    table = [(0, general)]
    for number in sorted(mentioned):
        rules = _merge(filters, mentioned[number])
        if table[-1][0] == number:
            table.pop()
        if not table or table[-1][1] != rules:
            table.append((number, rules))
        table.append((number + 1, general))
    return tuple(_without_repeats(table))


def _without_repeats(table: list[tuple[int, Rules]]) -> list[tuple[int, Rules]]:
    out: list[tuple[int, Rules]] = []
    for first, rules in table:
        if not out or out[-1][1] != rules:
            out.append((first, rules))
    return out


def _merge(filters: list[Filter], name: str) -> Rules:
    """The rules of all filters for one call, the strictest first, and of equals those of the newest filter."""
    found: list[Rule] = []
    for default, named in reversed(filters):
        found += named.get(name, (Rule(default),))
    found.sort(key=lambda rule: bpf.precedence(rule.action))
    out = []
    for rule in found:
        if rule.action == ALLOW:
            break
        out.append(rule)
        if not rule.tests:
            return tuple(out)
    return (*out, Rule(ALLOW))


# --- what each directive denies -----------------------------------------------------------------------------------


def _always(action: int, *names: str) -> Filter:
    return ALLOW, dict.fromkeys(names, (Rule(action),))


def _tested(name: str, rule: Rule) -> Filter:
    return ALLOW, {name: (rule,)}


def _hostname(settings: ExecSettings, architecture: str) -> list[Filter]:
    return [_always(_EPERM, "sethostname", "setdomainname")] if settings.protect_hostname else []


def _address_families(settings: ExecSettings, architecture: str) -> list[Filter]:
    """On x86 the family is in memory, behind socketcall(2): where that is, nothing is restricted."""
    if settings.restrict_address_families is None or architecture == "x86":
        return []
    is_allowed, names = settings.restrict_address_families
    families = tuple([addressfamilies.NUMBERS[name] for name in names])
    if not families and not is_allowed:
        return []
    if not families:
        return [_always(_EAFNOSUPPORT, "socket")]
    test = IsNoneOf(0, families) if is_allowed else IsOneOf(0, families)
    return [_tested("socket", Rule(_EAFNOSUPPORT, (test,)))]


def _memory(settings: ExecSettings, architecture: str) -> list[Filter]:
    """Of x86's old mmap(2) the arguments are in memory, and its shmat(2) is ipc(2)."""
    if not settings.memory_deny_write_execute:
        return []
    map_writable = (Rule(_EPERM, (HasBits(2, _PROT_EXEC), HasBits(2, _PROT_WRITE))),)
    executable = (Rule(_EPERM, (HasBits(2, _PROT_EXEC),)),)
    rules: dict[str, Rules] = {"mprotect": executable, "pkey_mprotect": executable, "mmap2": map_writable}
    rules["mmap"] = map_writable if architecture != "x86" else (Rule(_EPERM),)
    if architecture != "x86":
        rules["shmat"] = (Rule(_EPERM, (HasBits(2, _SHM_EXEC),)),)
    return [(ALLOW, rules)]


def _realtime(settings: ExecSettings, architecture: str) -> list[Filter]:
    if not settings.restrict_realtime:
        return []
    return [_tested("sched_setscheduler", Rule(_EPERM, (IsNoneOf(1, _NOT_REALTIME),)))]


def _suid_sgid(settings: ExecSettings, architecture: str) -> list[Filter]:
    """Calls with the mode in memory are not there at all: programs do without them."""
    if not settings.restrict_suid_sgid and not settings.dynamic_user:
        return []
    rules: dict[str, Rules] = {"openat2": (Rule(_ENOSYS),)}
    for argument, names in ((1, "chmod fchmod mkdir mknod creat"), (2, "fchmodat fchmodat2 mkdirat mknodat")):
        for name in names.split():
            rules[name] = (Rule(_EPERM, (HasBits(argument, _S_ISUID_OR_ISGID),)),)
    for argument, name in ((1, "open"), (2, "openat")):
        tests = (HasBits(argument, _O_CREAT), HasBits(argument + 1, _S_ISUID_OR_ISGID))
        rules[name] = (Rule(_EPERM, tests),)
    return [(ALLOW, rules)]


def _namespaces(settings: ExecSettings, architecture: str) -> list[Filter]:
    """The flags of clone3(2) are in memory; programs do without it. setns(2) without flags would join any namespace, and
    where all are denied there is nothing left that it may do."""
    retained = settings.restrict_namespaces
    if retained is None or retained == ALL_NAMESPACES:
        return []
    denied = ALL_NAMESPACES & ~retained | _CLONE_NEWTIME
    rule = Rule(_EPERM, (HasBits(0, denied),))
    join: Rules = (Rule(_EPERM, (IsOneOf(1, (0,)),)), Rule(_EPERM, (HasBits(1, denied),))) if retained else (Rule(_EPERM),)
    return [(ALLOW, {"clone3": (Rule(_ENOSYS),), "clone": (rule,), "unshare": (rule,), "setns": join})]


def _kernel(settings: ExecSettings, architecture: str) -> list[Filter]:
    denied = (
        (settings.protect_kernel_tunables, "_sysctl"),
        (settings.protect_kernel_modules, "@module"),
        (settings.protect_kernel_logs, "syslog"),
        (settings.protect_clock, "@clock"),
        (settings.private_devices, "@raw-io"),
    )
    return [_always(_EPERM, *syscalls.expand(word)) for is_set, word in denied if is_set]


def _personality(settings: ExecSettings, architecture: str) -> list[Filter]:
    if not settings.lock_personality:
        return []
    own = _PERSONALITIES.get(settings.personality, 0)
    return [_tested("personality", Rule(_EPERM, (IsNoneOf(0, (own,)),)))]


def _log(settings: ExecSettings, architecture: str) -> list[Filter]:
    """SystemCallLog=: an ordinary list names what is logged."""
    if not settings.system_call_log:
        return []
    is_named, calls = _listed(settings.system_call_log, "")
    default, action = (ALLOW, LOG) if is_named else (LOG, ALLOW)
    return [_listed_filter(architecture, default, dict.fromkeys(calls, action))]


def _filter(settings: ExecSettings, architecture: str) -> list[Filter]:
    if not settings.system_call_filter:
        return []
    number = settings.system_call_error_number
    denied = KILL_PROCESS if number is None or number == KILL else bpf.errno(number)
    is_allowed, calls = _listed(settings.system_call_filter, "@default")
    default, usual = (denied, ALLOW) if is_allowed else (ALLOW, denied)
    return [_listed_filter(architecture, default, {name: _action(word, usual) for name, word in calls.items()})]


#: In the order in which systemd 252 loads its filters, oldest first.
_MAKERS: tuple[Callable[[ExecSettings, str], list[Filter]], ...] = (
    _hostname, _address_families, _memory, _realtime, _suid_sgid, _namespaces, _kernel, _personality, _log, _filter,
)


def _listed(entries: tuple[str, ...], always: str) -> tuple[bool, dict[str, str]]:
    """As `directives_sandbox.resolve_calls`, which says what is shown; this is what is filtered.

    In a list that allows, "~call:EPERM" denies with an error of its own, and "call:EPERM" is nothing at all.
    """
    allows = not entries[0].startswith("~")
    calls = dict.fromkeys(syscalls.expand(always), "") if allows and always else {}
    for is_inverted, word, error in words_of_list(entries):
        for call in syscalls.expand(word):
            if is_inverted == allows and not (allows and error):
                calls.pop(call, None)
            elif not (allows and error) or is_inverted:
                calls[call] = error
    return allows, calls


def _action(word: str, usual: int) -> int:
    if not word:
        return usual
    if word == "kill":
        return KILL_PROCESS
    return bpf.errno(int(word) if word.isdecimal() else getattr(errno, word))


def _listed_filter(architecture: str, default: int, actions: dict[str, int]) -> Filter:
    rules: dict[str, Rules] = {name: (Rule(action),) for name, action in actions.items()}
    if architecture == "x86":
        for multiplexer, numbers in _MULTIPLEXERS.items():
            if multiplexer not in actions:
                named = {numbers[name]: action for name, action in actions.items() if name in numbers}
                rules[multiplexer] = _multiplexed(default, named)
    return default, rules


def _multiplexed(default: int, actions: dict[int, int]) -> Rules:
    """What is denied of a call that is many: the listed ones by their own action, all others by the default."""
    rules = [
        Rule(action, (IsOneOf(0, tuple([number for number in actions if actions[number] == action])),))
        for action in dict.fromkeys(actions.values()) if action != ALLOW
    ]
    if default != ALLOW:
        rules.append(Rule(default, (IsNoneOf(0, tuple(actions)),) if actions else ()))
    return tuple(rules)
