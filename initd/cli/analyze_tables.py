"""`systemd-analyze exit-status`, `capability`, `syscall-filter` and `compare-versions`: the tables that unit files are
read with, printed.
"""

from __future__ import annotations

from initd.cli.analyze_options import AnalyzeOptions
from initd.cli.options import UsageError
from initd.cli.output import complain_behind
from initd.core import capabilities, exitstatus, syscalls
from initd.core.versions import compare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def exit_status(arguments: list[str], options: AnalyzeOptions) -> int:
    classes = {number: kind for kind, names in exitstatus.CLASSES for number in names.values()}
    numbers = []
    for word in arguments:
        try:
            numbers.append(exitstatus.number(word))
        except ValueError:
            complain_behind(f'Invalid exit status "{word}".')
            return 1
    rows = [
        (exitstatus.name(number) or "-", str(number), classes.get(number, "-"))
        for number in (numbers if arguments else sorted(classes))
    ]
    _print_numbered(("NAME", "STATUS", "CLASS"), rows)
    return 0


def capability(arguments: list[str], options: AnalyzeOptions) -> int:
    numbers = []
    for word in arguments:
        try:
            number = capabilities.number(word)
        except ValueError:
            number = len(capabilities.NAMES)
        if number >= len(capabilities.NAMES):
            complain_behind(f'Capability "{word}" not known.')
            return 1
        numbers.append(number)
    shown = numbers if arguments else range(len(capabilities.NAMES))
    _print_numbered(("NAME", "NUMBER"), [(capabilities.NAMES[number], str(number)) for number in shown])
    return 0


def _print_numbered(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """A table whose second column is numbers."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    print(" ".join(word.ljust(width) for word, width in zip(header, widths)).rstrip())
    for row in rows:
        cells = [row[0].ljust(widths[0]), row[1].rjust(widths[1]), *row[2:]]
        print(" ".join(cells).rstrip())


# --- system calls --------------------------------------------------------------------------------------------------

#: What systemd says of each group.
_ABOUT = {
    "@default": "System calls that are always permitted",
    "@aio": "Asynchronous IO",
    "@basic-io": "Basic IO",
    "@chown": "Change ownership of files and directories",
    "@clock": "Change the system time",
    "@cpu-emulation": "System calls for CPU emulation functionality",
    "@debug": "Debugging, performance monitoring and tracing functionality",
    "@file-system": "File system operations",
    "@io-event": "Event loop system calls",
    "@ipc": "SysV IPC, POSIX Message Queues or other IPC",
    "@keyring": "Kernel keyring access",
    "@memlock": "Memory locking control",
    "@module": "Loading and unloading of kernel modules",
    "@mount": "Mounting and unmounting of file systems",
    "@network-io": "Network or Unix socket IO, should not be needed if not network facing",
    "@obsolete": "Unusual, obsolete or unimplemented system calls",
    "@pkey": "System calls used for memory protection keys",
    "@privileged": "All system calls which need super-user capabilities",
    "@process": "Process control, execution, namespacing operations",
    "@raw-io": "Raw I/O port access",
    "@reboot": "Reboot and reboot preparation/kexec",
    "@resources": "Alter resource settings",
    "@setuid": "Operations for changing user/group credentials",
    "@signal": "Process signal handling",
    "@swap": "Enable/disable swap devices",
    "@sync": "Synchronize files and memory to storage",
    "@system-service": "General system service operations",
    "@timer": "Schedule operations by time",
    "@known": "All known syscalls declared in the kernel",
}
_TRACED = ("/sys/kernel/tracing/available_events", "/sys/kernel/debug/tracing/available_events")
_TRACE_PREFIX = "syscalls:sys_enter_"
#: Names that tracing has for calls which are called otherwise everywhere else.
_TRACED_OTHERWISE = frozenset(("newfstat", "newlstat", "newstat", "newuname", "sysctl"))


def syscall_filter(arguments: list[str], options: AnalyzeOptions) -> int:
    for position, name in enumerate(arguments):
        # A group that is not there gets its line before it is looked for.
        if position:
            print()
        if name not in _ABOUT:
            complain_behind(f'Filter set "{name}" not found.')
            return 1
        _print_group(name)
    if not arguments:
        for name in _ABOUT:
            _print_group(name)
            print()
        print("# Ungrouped System Calls (known but not included in any of the groups except @known):")
        _print_names(syscalls.UNGROUPED)
        _print_unlisted()
    return 0


def _print_group(name: str) -> None:
    print(f"{name}\n    # {_ABOUT[name]}")
    for member in _members(name):
        print(f"    {member}")


def _members(name: str) -> list[str]:
    return syscalls.known() if name == "@known" else sorted((*syscalls.GROUPS[name], *syscalls.UNFILTERED.get(name, ())))


def _print_names(names: Iterable[str]) -> None:
    for name in sorted(names):
        print(f"#   {name}")


def _print_unlisted() -> None:
    """What this kernel has and no group knows; it tells where tracing is mounted."""
    failure: OSError | None = None
    for path in _TRACED:
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                words = file.read().split()
        except OSError as error:
            failure = error
            continue
        names = {word.removeprefix(_TRACE_PREFIX) for word in words if word.startswith(_TRACE_PREFIX)}
        names -= _TRACED_OTHERWISE
        for group in _ABOUT:
            names.difference_update(_members(group))
        if names:
            print("\n# Unlisted System Calls (supported by the local kernel, but not included in any of the groups "
                  "listed above):")
            _print_names(names)
        return
    if failure is not None:
        print()
        complain_behind(f"# Not showing unlisted system calls, couldn't retrieve kernel system call list: {failure.strerror}")


# --- versions --------------------------------------------------------------------------------------------------------

_OPERATORS: dict[str, Callable[[int], bool]] = {}
for _words, _holds in (
    (("lt", "<"), lambda order: order < 0),
    (("le", "<="), lambda order: order <= 0),
    (("eq", "==", "="), lambda order: order == 0),
    (("ne", "!=", "<>"), lambda order: order != 0),
    (("ge", ">="), lambda order: order >= 0),
    (("gt", ">"), lambda order: order > 0),
):
    _OPERATORS.update(dict.fromkeys(_words, _holds))


def compare_versions(arguments: list[str], options: AnalyzeOptions) -> int:
    if len(arguments) > 3:
        raise UsageError("Too many arguments.")
    left, right = arguments[0], arguments[-1]
    order = compare(left, right)
    if len(arguments) == 2:
        sign = "<" if order < 0 else ">" if order > 0 else "=="
        print(f"{left or _EMPTY} {sign} {right or _EMPTY}")
        return 12 if order < 0 else 11 if order > 0 else 0
    holds = _OPERATORS.get(arguments[1])
    if holds is None:
        raise UsageError(f'Unknown operator "{arguments[1]}".')
    return 0 if holds(order) else 1


_EMPTY = "''"
