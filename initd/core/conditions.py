"""Is a unit's condition met? What each `Condition…=` and `Assert…=` makes of a fact (systemd.unit(5), systemd 252).

`JUDGES` has one function a kind: it takes the parameter as written and the fact it asks for, and says whether it
holds, before negation. ValueError means the parameter says nothing that can be checked; such a condition is not met,
negated or not. Where facts come from is `shell.conditions`' business; a path condition's fact is the answer itself.
"""

from __future__ import annotations

from initd.core import capabilities
from initd.core.globs import matches
from initd.core.numbers import to_bool, to_int, to_permyriad, to_size
from initd.core.record import Record
from initd.core.values import Condition, Verdict
from initd.core.versions import compare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any


def verdict(conditions: Sequence[Condition], results: Sequence[bool], prefix: str = "Condition") -> Verdict:
    """Whether the unit may start: every plain condition holds, and one of the triggering ones if there are any.

    `results` has negation applied, in the order of `conditions`. `prefix` is "Assert" for asserts.
    """
    triggering = []
    for condition, result in zip(conditions, results):
        if condition.is_triggering:
            triggering.append((condition, result))
        elif not result:
            return Verdict(False, f"{spell(condition, prefix)} was not met")
    if triggering and not any(result for _, result in triggering):
        return Verdict(False, f"no trigger condition was met, {spell(triggering[-1][0], prefix)} the last of them")
    return Verdict(True, "every condition was met")


def outcomes(conditions: Sequence[Condition], results: Sequence[bool]) -> tuple[int, ...]:
    """1 for each that holds, -1 for one that does not, 0 where nobody looked any more: the last is tested first, and the first
    plain one that does not hold ends it (recorded from systemd 252)."""
    found = [0] * len(conditions)
    for place in range(len(conditions) - 1, -1, -1):
        found[place] = 1 if results[place] else -1
        if not results[place] and not conditions[place].is_triggering:
            break
    return tuple(found)


def blamed(conditions: Sequence[Condition], found: Sequence[int], prefix: str = "Condition") -> str:
    """The plain one that did not hold, of those that `outcomes` tells of; "" where it was for want of a triggering one."""
    failed = (each for each, outcome in zip(conditions, found) if outcome < 0 and not each.is_triggering)
    return next((spell(each, prefix) for each in failed), "")


def spell(condition: Condition, prefix: str = "Condition") -> str:
    """The condition as a unit file says it."""
    marks = ("|" if condition.is_triggering else "") + ("!" if condition.is_negated else "")
    return f"{prefix}{condition.kind}={marks}{condition.parameter}"


def holds(condition: Condition, fact: Any) -> bool:
    """Whether the condition is met by this fact, negation applied."""
    try:
        return judge(condition, fact)
    except ValueError:
        return False


def judge(condition: Condition, fact: Any) -> bool:
    """As `holds`; ValueError where the condition's parameter says nothing."""
    return JUDGES[condition.kind](condition.parameter, fact) != condition.is_negated


# --- comparisons ---------------------------------------------------------------------------------------------------

_ORDER: dict[str, Callable[[int], bool]] = {
    "<=": lambda order: order <= 0,
    ">=": lambda order: order >= 0,
    "<>": lambda order: order != 0,
    "==": lambda order: order == 0,
    "<": lambda order: order < 0,
    ">": lambda order: order > 0,
}
#: Longest first, so that "<=" is not read as "<".
_OPERATORS = ("!$=", "$=", "!=", "<=", ">=", "<>", "==", "<", ">", "=")


def split_operator(text: str) -> tuple[str, str]:
    """The comparison operator that the text begins with, or "", and the rest."""
    for operator in _OPERATORS:
        if text.startswith(operator):
            return operator, text[len(operator):]
    return "", text


def compare_text(actual: str, operator: str, wanted: str) -> bool:
    """"=" and "!=" are literal, "$=" and "!$=" globs, the others ask for the order of versions."""
    if operator in ("=", "!="):
        return (actual == wanted) == (operator == "=")
    if operator in ("$=", "!$="):
        return matches(actual, wanted) == (operator == "$=")
    return _ORDER[operator](compare(actual, wanted))


def compare_number(actual: int, text: str, parse: Callable[[str], int]) -> bool:
    operator, rest = split_operator(text)
    if operator in ("$=", "!$="):
        raise ValueError("globs do not compare numbers")
    wanted = parse(rest.strip())
    operator = {"": ">=", "=": "==", "!=": "<>"}.get(operator, operator)
    return _ORDER[operator]((actual > wanted) - (actual < wanted))


# --- the system ------------------------------------------------------------------------------------------------------


class Firmware(Record):
    """`smbios_value` is that of the field the condition asks for; None where there is no such field."""

    has_efi: bool = False
    has_device_tree: bool = False
    compatible: tuple[str, ...] = ()
    smbios_value: str | None = None


class Virtualization(Record):
    """What we run in, by the names of systemd-detect-virt(1); "" for nothing."""

    container: str = ""
    vm: str = ""
    has_private_users: bool = False


class Host(Record):
    hostname: str
    machine_id: str = ""


class Identity(Record):
    """A user or group: numbers and names it answers to."""

    numbers: tuple[int, ...]
    names: tuple[str, ...]


class Controllers(Record):
    """cgroup controllers that can be used, and the hierarchy's version: "v1" or "v2"."""

    version: str
    available: tuple[str, ...]


#: uname(2)'s machine → systemd's word for it.
ARCHITECTURES = {
    "x86_64": "x86-64", "i386": "x86", "i486": "x86", "i586": "x86", "i686": "x86", "aarch64": "arm64",
    "aarch64_be": "arm64-be", "armv4l": "arm", "armv5tel": "arm", "armv6l": "arm", "armv7l": "arm", "armv8l": "arm",
    "ppc": "ppc", "ppcle": "ppc-le", "ppc64": "ppc64", "ppc64le": "ppc64-le", "riscv32": "riscv32",
    "riscv64": "riscv64", "s390": "s390", "s390x": "s390x", "mips": "mips", "mips64": "mips64",
    "loongarch64": "loongarch64", "parisc": "parisc", "parisc64": "parisc64", "sparc": "sparc", "sparc64": "sparc64",
    "alpha": "alpha", "ia64": "ia64", "m68k": "m68k", "sh64": "sh64", "cris": "cris", "arc": "arc",
}


def _architecture(parameter: str, machine: str) -> bool:
    return parameter == "native" or parameter == ARCHITECTURES.get(machine, machine)


def smbios_field(parameter: str) -> str:
    """The field that "smbios-field(field operator value)" asks for; "" where the parameter asks for none."""
    inner = _argument(parameter, "smbios-field")
    end = next((place for place, char in enumerate(inner) if not (char.isalnum() or char == "_")), len(inner))
    return inner[:end]


def _argument(parameter: str, function: str) -> str:
    is_call = parameter.startswith(function + "(") and parameter.endswith(")")
    return parameter[len(function) + 1:-1].strip() if is_call else ""


def _firmware(parameter: str, firmware: Firmware) -> bool:
    if parameter == "uefi":
        return firmware.has_efi
    if parameter == "device-tree":
        return firmware.has_device_tree
    if parameter.startswith("device-tree-compatible("):
        return _argument(parameter, "device-tree-compatible") in firmware.compatible
    if not parameter.startswith("smbios-field("):
        return False
    field = smbios_field(parameter)
    operator, wanted = split_operator(_argument(parameter, "smbios-field")[len(field):].strip())
    if not operator:
        raise ValueError("no comparison")
    if firmware.smbios_value is None:
        return False
    return compare_text(firmware.smbios_value, operator, wanted.strip())


def _virtualization(parameter: str, found: Virtualization) -> bool:
    if parameter == "private-users":
        return found.has_private_users
    if parameter == "container":
        return bool(found.container)
    # Nested: only the innermost counts.
    vm = "" if found.container else found.vm
    if parameter == "vm":
        return bool(vm)
    try:
        return to_bool(parameter) == bool(found.container or vm)
    except ValueError:
        return parameter in (found.container, vm) and parameter != ""


def _host(parameter: str, host: Host) -> bool:
    wanted = parameter.lower()
    plain = wanted.replace("-", "")
    if len(plain) == 32 and set(plain) <= set("0123456789abcdef"):
        return plain == host.machine_id
    return matches(host.hostname.lower(), wanted)


def _kernel_command_line(parameter: str, options: Iterable[str]) -> bool:
    if "=" in parameter:
        return parameter in options
    return any(option.partition("=")[0] == parameter for option in options)


def kernel_switch(options: Sequence[str], name: str) -> bool | None:
    """A boolean of the kernel command line, the last of its name; None where it does not stand there."""
    for option in reversed(options):
        key, equals, value = option.partition("=")
        if key.replace("_", "-") == name:
            return to_bool(value) if equals else True
    return None


def _kernel_version(parameter: str, release: str) -> bool:
    """Several expressions must all hold; the first operator alone may stand apart from its version."""
    expressions = _words(parameter)
    if len(expressions) > 1 and split_operator(expressions[0])[1] == "":
        expressions[:2] = [expressions[0] + expressions[1]]
    for expression in expressions:
        operator, wanted = split_operator(expression)
        if operator and not wanted:
            raise ValueError("nothing to compare with")
        if not compare_text(release, operator or "$=", wanted):
            return False
    return True


def _os_release(parameter: str, fields: Mapping[str, str]) -> bool:
    for word in _words(parameter):
        key_end = next((place for place, char in enumerate(word) if not _is_name(char)), len(word))
        operator, wanted = split_operator(word[key_end:])
        if not key_end or not operator or not wanted or wanted[0].isspace():
            raise ValueError("not KEY, operator, value")
        if not compare_text(fields.get(word[:key_end], ""), operator, wanted):
            return False
    return True


def _words(parameter: str) -> list[str]:
    from initd.core import words

    return words.split(parameter, unescape=False)


def _is_name(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char == "_")


def _environment(parameter: str, environment: Mapping[str, str]) -> bool:
    name, equals, value = parameter.partition("=")
    return environment.get(name) == value if equals else name in environment


def _word_in(parameter: str, known: Iterable[str]) -> bool:
    return parameter in known


def _capability(parameter: str, bounding_set: int) -> bool:
    return bool(bounding_set >> capabilities.number(parameter) & 1)


def _boolean(parameter: str, fact: bool) -> bool:
    return to_bool(parameter) == fact


def _memory(parameter: str, size: int) -> bool:
    return compare_number(size, parameter, to_size)


def _cpus(parameter: str, count: int) -> bool:
    return compare_number(count, parameter, lambda text: to_int(text, 0, 2**32 - 1))


#: systemd's names of CPU features that /proc/cpuinfo has another word for. It does not list osxsave: Linux sets it
#: wherever it lists xsave.
_CPU_FLAGS = {"fma3": "fma", "pclmul": "pclmulqdq", "osxsave": "xsave"}


def _cpu_feature(parameter: str, flags: Iterable[str]) -> bool:
    return _CPU_FLAGS.get(parameter.lower(), parameter.lower()) in flags


#: Users below this one are the system's (login.defs(5), SYS_UID_MAX).
_FIRST_USER = 1000
_NOBODY = 65534


def _user(parameter: str, user: Identity) -> bool:
    if parameter == "@system":
        return any(number < _FIRST_USER or number == _NOBODY for number in user.numbers)
    return _identity(parameter, user)


def _identity(parameter: str, identity: Identity) -> bool:
    if parameter.isdecimal() and parameter.isascii():
        return int(parameter) in identity.numbers
    return parameter in identity.names


#: What systemd knows; other words are passed over.
_CONTROLLERS = frozenset("cpu cpuacct cpuset io blkio memory devices pids bpf-firewall bpf-devices".split())


def _control_group_controller(parameter: str, controllers: Controllers) -> bool:
    if parameter in ("v1", "v2"):
        return parameter == controllers.version
    wanted = set(_words(parameter)) & _CONTROLLERS
    return wanted <= set(controllers.available)


class PressureQuestion(Record):
    """What a pressure condition asks for. `slice` is "" for the whole system, `span` a word of the kernel's file."""

    slice: str
    limit_permyriad: int
    span: str


_SPANS = {"10sec": "avg10", "1min": "avg60", "5min": "avg300"}


def pressure_question(parameter: str) -> PressureQuestion:
    slice_name, colon, rest = parameter.rpartition(":")
    limit, slash, span = rest.partition("/")
    word = _SPANS.get(span.strip()) if slash else "avg300"
    if word is None:
        raise ValueError(f"{span!r} is none of the kernel's spans")
    permyriad = to_permyriad(limit.strip())
    if permyriad > 10_000:
        raise ValueError("over 100 %")
    return PressureQuestion(slice_name if colon else "", permyriad, word)


def _cpu_pressure(parameter: str, text: str | None) -> bool:
    """Of the CPUs, systemd 252 reads "some", whatever its manual page says: "full" means nothing for a whole system."""
    return _pressure(parameter, text, "some")


def _pressure(parameter: str, text: str | None, kind: str = "full") -> bool:
    """`text` is the kernel's pressure file; None where there is none, and then nothing is under pressure."""
    if text is None:
        if ":" not in parameter:
            pressure_question(parameter)
        return True
    question = pressure_question(parameter)
    lines = {line.split(" ")[0]: line.split(" ")[1:] for line in text.splitlines() if line}
    for field in lines.get(kind) or lines.get("some") or lines.get("full", []):
        name, _, value = field.partition("=")
        if name == question.span:
            return round(float(value) * 100) <= question.limit_permyriad
    return True


def _yes(parameter: str, fact: bool) -> bool:
    return fact


#: Kind → what it makes of its fact.
JUDGES: dict[str, Callable[[str, Any], bool]] = {
    "Architecture": _architecture,
    "Firmware": _firmware,
    "Virtualization": _virtualization,
    "Host": _host,
    "KernelCommandLine": _kernel_command_line,
    "KernelVersion": _kernel_version,
    "Credential": _word_in,
    "Environment": _environment,
    "Security": _word_in,
    "Capability": _capability,
    "ACPower": _boolean,
    "NeedsUpdate": _yes,
    "FirstBoot": _boolean,
    "PathExists": _yes,
    "PathExistsGlob": _yes,
    "PathIsDirectory": _yes,
    "PathIsSymbolicLink": _yes,
    "PathIsMountPoint": _yes,
    "PathIsReadWrite": _yes,
    "PathIsEncrypted": _yes,
    "DirectoryNotEmpty": _yes,
    "FileNotEmpty": _yes,
    "FileIsExecutable": _yes,
    "User": _user,
    "Group": _identity,
    "ControlGroupController": _control_group_controller,
    "Memory": _memory,
    "CPUs": _cpus,
    "CPUFeature": _cpu_feature,
    "OSRelease": _os_release,
    "MemoryPressure": _pressure,
    "CPUPressure": _cpu_pressure,
    "IOPressure": _pressure,
}


# --- small rules that the shell asks while it looks ---------------------------------------------------------------

_LEFTOVERS = (
    ".rpmnew .rpmsave .rpmorig .dpkg-old .dpkg-new .dpkg-tmp .dpkg-dist .dpkg-bak .dpkg-backup .dpkg-remove .ucf-new "
    ".ucf-old .ucf-dist .swp .bak .old .new"
)
_LEFTOVER_SUFFIXES = ("~", *_LEFTOVERS.split())
_LEFTOVER_NAMES = ("lost+found", "aquota.user", "aquota.group")


def is_leftover(name: str) -> bool:
    """A hidden file, or what an editor or package manager left: a directory with nothing else counts as empty."""
    return name.startswith(".") or name.endswith(_LEFTOVER_SUFFIXES) or name in _LEFTOVER_NAMES


def brace_expand(pattern: str) -> list[str]:
    """Every pattern that a pattern with {a,b} stands for, as glob(3) has it with GLOB_BRACE."""
    start = pattern.find("{")
    if start < 0 or pattern[start:start + 2] == "{}":
        return [pattern]
    depth, cuts = 0, [start]
    for place in range(start, len(pattern)):
        char = pattern[place]
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 1:
            cuts.append(place)
        if depth == 0:
            cuts.append(place)
            choices = [pattern[a + 1:b] for a, b in zip(cuts, cuts[1:])]
            return [whole for each in choices for whole in brace_expand(pattern[:start] + each + pattern[place + 1:])]
    return [pattern]


def innermost_container(
    environment_word: str | None, has_podman_mark: bool, has_docker_mark: bool, has_own_processes: bool = False
) -> str:
    """The container's name: the manager's word in $container, or what the runtime's marker files tell.

    A process namespace of its own (`has_own_processes`) makes it one without a name: containerd leaves no mark.
    """
    if environment_word and environment_word != "oci":
        return environment_word if environment_word in CONTAINERS else "container-other"
    if has_podman_mark:
        return "podman"
    if has_docker_mark:
        return "docker"
    return "container-other" if environment_word or has_own_processes else ""


CONTAINERS = frozenset("systemd-nspawn lxc lxc-libvirt docker podman rkt wsl proot pouch openvz".split())
