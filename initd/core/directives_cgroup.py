"""The directives of systemd.resource-control(5): slices, weights, limits, devices, firewalls."""

from __future__ import annotations

from initd.core import numbers, parsers, timespan
from initd.core.directive import BadValue, Context, Directive, Merge, Property, shows
from initd.core.numbers import fault, to_int
from initd.core.sections import Group
from initd.core.sources import LoadFacts
from initd.core.states import Fate, UnitType
from initd.core.unfinished import Keyed, Names, Sorted
from initd.core.values import INFINITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Address = tuple[int, bytes, int]

#: "Not set", where a number is shown.
_NOT_SET = INFINITY
CONTROLLERS = (
    "cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids", "bpf-firewall", "bpf-devices",
    "bpf-foreign", "bpf-socket-bind", "bpf-restrict-network-interfaces",
)
_OLD_IO = "the old controller of block devices; IO…= has taken its place"
_NO_BPF = "BPF programs cannot be loaded here"


def _slice(context: Context, text: str) -> str:
    name = context.expand(text)
    try:
        return parsers.unit_name(context, name, ".slice")
    except ValueError:
        raise BadValue(f"Failed to assign slice {name} to unit {context.name}, ignoring: Invalid argument") from None


#: What "yes" hands over.
_DELEGATED = ("cpu", "cpuset", "io", "memory", "pids")


def _weight(low: int, high: int, what: str) -> Callable[[Context, str], int | None]:
    def parse(context: Context, text: str) -> int:
        try:
            return to_int(text, low, high)
        except ValueError:
            raise BadValue(f"Invalid {what}, ignoring: {text}") from None

    return parse


def _warn_of_legacy(context: Context, instead: str) -> None:
    context.warn(f"Unit uses {context.key}=; please use {instead} instead. "
                 f"Support for {context.key}= will be removed soon.")


def _shares(context: Context, text: str) -> int | None:
    _warn_of_legacy(context, "CPUWeight=")
    return _any_shares(context, text)


_any_shares = _weight(2, 262144, "CPU shares")
_any_cpu_weight = _weight(1, 10000, "CPU weight")


def _cpu_weight(context: Context, text: str) -> int | None:
    return 0 if text == "idle" else _any_cpu_weight(context, text)


def _cpu_quota(context: Context, text: str) -> int:
    """Hundredths of a percent of one CPU, as microseconds a second."""
    try:
        share = numbers.to_permyriad(text)
    except ValueError:
        share = 0
    if share <= 0:
        raise BadValue(f"Invalid CPU quota '{text}', ignoring.")
    return share * 100


def _memory(context: Context, text: str, low: int = 0) -> int:
    """Bytes, a share of the machine's memory, or no limit."""
    if text == "infinity":
        return INFINITY
    try:
        share = numbers.to_permyriad(text)
        value = context.facts.memory_total * share // 10000 // 4096 * 4096
    except ValueError:
        try:
            value = numbers.to_size(text)
        except ValueError as error:
            raise BadValue(f"Invalid memory limit '{text}', ignoring: {fault(error)}") from None
    if value < low:
        raise BadValue(f"Memory limit '{text}' out of range, ignoring.")
    return value


def _memory_max(context: Context, text: str) -> int:
    return _memory(context, text, 1)


def _memory_limit(context: Context, text: str) -> int:
    limit = _memory_max(context, text)
    _warn_of_legacy(context, "MemoryMax=")
    return limit


def _memory_floor(context: Context, text: str) -> int:
    """MemoryMin=, MemoryLow= and their defaults: no limit is all there is."""
    return _memory(context, text)


def _tasks_max(context: Context, text: str) -> int:
    if text == "infinity":
        return INFINITY
    try:
        value = context.facts.tasks_total * numbers.to_permyriad(text) // 10000
    except ValueError:
        try:
            value = to_int(text, 1, INFINITY - 1)
        except ValueError as error:
            raise BadValue(f"Invalid maximum tasks value '{text}', ignoring: {fault(error)}") from None
    if not value:
        raise BadValue(f"Maximum tasks value '{text}' out of range, ignoring.")
    return value


_DELEGATING = frozenset((UnitType.SERVICE, UnitType.SCOPE))


def _delegate(context: Context, text: str) -> None:
    if context.draft.kind not in _DELEGATING:
        raise BadValue("Delegate= is not for units of this type, ignoring.")
    if not text:
        context.draft.set(Group.CGROUP, "delegate", True)
        context.draft.set(Group.CGROUP, "delegate_controllers", ())
        return
    try:
        is_on = numbers.to_bool(text)
        context.draft.set(Group.CGROUP, "delegate_controllers", _DELEGATED if is_on else ())
    except ValueError:
        is_on = True
        named = set(_controller_words(context, text))
        if context.draft.is_set(Group.CGROUP, "delegate_controllers"):
            named |= set(context.draft.get(Group.CGROUP, "delegate_controllers"))
        ordered = tuple(name for name in CONTROLLERS if name in named)
        context.draft.set(Group.CGROUP, "delegate_controllers", ordered)
    context.draft.set(Group.CGROUP, "delegate", is_on)


def _controller_words(context: Context, text: str) -> list[str]:
    out = []
    for word in parsers.split(context, text):
        if word in CONTROLLERS:
            out.append(word)
        else:
            context.warn(f"Invalid controller name '{word}', ignoring")
    return out


def _disable_controllers(context: Context, text: str, old: tuple[str, ...]) -> tuple[str, ...]:
    named = set(old) | set(_controller_words(context, text))
    return tuple(name for name in CONTROLLERS if name in named)


# --- devices ------------------------------------------------------------------------------------------------------


def _device_path(context: Context, text: str) -> str:
    path = context.expand(text)
    if not path.startswith(("/dev/", "/run/systemd/inaccessible/", "block-", "char-")):
        raise BadValue(f"Invalid device node path '{path}', ignoring.")
    return path


def _device_allow(context: Context, text: str) -> tuple[tuple[str, str], ...]:
    words = parsers.split(context, text)
    path = _device_path(context, words[0])
    access = words[1] if len(words) > 1 else "rwm"
    if not access or not set(access) <= set("rwm"):
        raise BadValue(f"Invalid device rights '{access}', ignoring.")
    return ((path, "".join(char for char in "rwm" if char in access)),)


def _show_device_allow(settings: Any, facts: LoadFacts) -> list[tuple[str, str]]:
    # systemd lists the newest first.
    return list(reversed(settings.device_allow))


def _device_number(convert: Callable[[str], int], what: str) -> Callable[..., Keyed]:
    """The parser of "/dev/sda 5M": one number a device, a later line for the same device replaces the earlier."""

    def parse(context: Context, text: str, old: Keyed | tuple[tuple[str, int], ...]) -> Keyed:
        words = parsers.split(context, text)
        if len(words) != 2:
            raise BadValue(f"Failed to extract device path and {what} from '{text}', ignoring.")
        path = parsers.simplify(context.expand(words[0]))
        if ".." in path.split("/"):
            raise BadValue(f"Invalid device node path '{path}', ignoring.")
        try:
            number = INFINITY if words[1] == "infinity" else convert(words[1])
        except ValueError:
            raise BadValue(f"Invalid {what} '{words[1]}', ignoring.") from None
        found = old if isinstance(old, Keyed) else Keyed()
        found.pop(path, None)
        found[path] = (path, number)
        return found

    return parse


def _size_1000(text: str) -> int:
    """Sizes of input and output count by 1000."""
    for suffix, factor in (("K", 10**3), ("M", 10**6), ("G", 10**9), ("T", 10**12)):
        if text.endswith(suffix) and text[:-1].isdecimal():
            return int(text[:-1]) * factor
    if not text.isdecimal() or not text.isascii():
        raise ValueError(text)
    return to_int(text, 0, INFINITY - 1)


# --- networks -----------------------------------------------------------------------------------------------------

_ADDRESS_WORDS: dict[str, tuple[Address, ...]] = {
    "any": ((4, bytes(4), 0), (6, bytes(16), 0)),
    "localhost": ((4, bytes((127, 0, 0, 0)), 8), (6, bytes(15) + b"\1", 128)),
    "link-local": ((4, bytes((169, 254, 0, 0)), 16), (6, b"\xfe\x80" + bytes(14), 64)),
    "multicast": ((4, bytes((224, 0, 0, 0)), 4), (6, b"\xff" + bytes(15), 8)),
}


def parse_address(text: str) -> tuple[int, bytes]:
    """(4 or 6, the address in network order); ValueError where it is none."""
    if ":" in text:
        return 6, _parse_ipv6(text)
    return 4, _parse_ipv4(text)


def _parse_ipv4(text: str) -> bytes:
    parts = text.split(".")
    if len(parts) != 4 or not all(part.isdecimal() and part.isascii() and len(part) <= 3 for part in parts):
        raise ValueError(text)
    return bytes(int(part) for part in parts)


def _parse_ipv6(text: str) -> bytes:
    head_text, gap, tail_text = text.partition("::")
    head, tail = _ipv6_groups(head_text), _ipv6_groups(tail_text)
    missing = 16 - len(head) - len(tail)
    if missing < 0 or (not gap and missing) or (gap and not missing) or "::" in tail_text:
        raise ValueError(text)
    return head + bytes(missing) + tail


def _ipv6_groups(text: str) -> bytes:
    out = b""
    for group in text.split(":") if text else ():
        if "." in group:
            out += _parse_ipv4(group)
        elif 0 < len(group) <= 4 and set(group.lower()) <= set("0123456789abcdef"):
            out += int(group, 16).to_bytes(2, "big")
        else:
            raise ValueError(text)
    return out


def _addresses(context: Context, text: str, old: Sorted | tuple[Address, ...]) -> Sorted:
    found = old if isinstance(old, Sorted) else Sorted()
    for word in context.expand_each(parsers.split(context, text)):
        if word in _ADDRESS_WORDS:
            found.update(_ADDRESS_WORDS[word])
            continue
        address, slash, length_text = word.partition("/")
        try:
            family, data = parse_address(address)
            bits = len(data) * 8
            length = to_int(length_text, 0, bits) if slash else bits
        except ValueError:
            context.warn(f"Invalid address prefix, ignoring assignment: {word}")
            continue
        masked = int.from_bytes(data, "big") >> (bits - length) << (bits - length)
        found.add((family, masked.to_bytes(len(data), "big"), length))
    return found


def _show_addresses(field: str) -> Callable[[Any, LoadFacts], Any]:
    families = {4: 2, 6: 10}

    def show(settings: Any, facts: LoadFacts) -> Any:
        return [(families[family], data, length) for family, data, length in getattr(settings, field)]

    return show


_LONGEST_ALTERNATIVE_NAME = 127


def _interfaces(context: Context, text: str, old: Names | None) -> Names:
    return parsers.name_list(context, text, old, _interface, "Invalid interface name")


def _interface(word: str) -> str:
    try:
        return parsers.interface_name(word, _LONGEST_ALTERNATIVE_NAME)
    except ValueError:
        return ""


def _show_interfaces(settings: Any, facts: LoadFacts) -> tuple[bool, list[str]]:
    allows, names = settings.restrict_network_interfaces or (False, ())
    return allows, list(names)


_FAMILIES = {"ipv4": 2, "ipv6": 10}
_PROTOCOLS = {"tcp": 6, "udp": 17}


def _socket_bind(context: Context, text: str) -> tuple[tuple[int, int, int, int], ...]:
    """"[family:][protocol:]ports", each of them or "any"."""
    words = text.split(":")
    family = protocol = 0
    if words and words[0] in _FAMILIES:
        family = _FAMILIES[words.pop(0)]
    if words and words[0] in _PROTOCOLS:
        protocol = _PROTOCOLS[words.pop(0)]
    count = first = 0
    try:
        if words and words != ["any"]:
            (ports,) = words
            low, dash, high = ports.partition("-")
            first = to_int(low, 1, 65535)
            count = to_int(high, first, 65535) - first + 1 if dash else 1
    except ValueError:
        raise BadValue(f"Unable to parse {context.key}= assignment, ignoring: {text}") from None
    return ((family, protocol, count, first),)


_BPF_KINDS = frozenset(
    "ingress egress device sock_create sock_ops bind4 bind6 connect4 connect6 post_bind4 post_bind6 sendmsg4 sendmsg6 "
    "sysctl recvmsg4 recvmsg6 getsockopt setsockopt".split()
)


def _bpf_program(context: Context, text: str) -> tuple[tuple[str, str], ...]:
    kind, colon, path = context.expand(text).partition(":")
    if not colon or kind not in _BPF_KINDS:
        raise BadValue(f"Failed to parse BPF foreign program: {text}")
    return ((kind, parsers.check_path(context, path)),)


def _pressure_limit(context: Context, text: str) -> int:
    try:
        return ((2**32 - 1) * numbers.to_permyriad(text) + 5000) // 10000
    except ValueError:
        raise BadValue(f"Failed to parse memory pressure limit value, ignoring: {text}") from None


# --- the table ----------------------------------------------------------------------------------------------------


def _cg(key: str, field: str, parse: Callable[..., Any], signature: str = "", merge: Merge = Merge.REPLACE,
        default: Any = None, property_name: str = "", reason: str = "",
        show: Callable[[Any, LoadFacts], Any] | None = None) -> Directive:
    properties: tuple[Property, ...] = ()
    if show is not None:
        properties = (Property(property_name or key, signature, show),)
    elif signature:
        properties = (shows(property_name or key, signature, field, default),)
    return Directive(key, Group.CGROUP, field, parse, merge, properties, Fate.IGNORED if reason else Fate.APPLIED, reason)


def _accounting(key: str, field: str, fact: str, reason: str = "") -> Directive:
    def show(settings: Any, facts: LoadFacts) -> bool:
        value = getattr(settings, field)
        return bool(getattr(facts, fact) if value is None else value)

    return _cg(key, field, parsers.boolean, "b", reason=reason, show=show)


def _cpus(key: str, field: str, reason: str = "") -> Directive:
    return _cg(key, field, parsers.cpu_set, "ay", Merge.FOLD, reason=reason,
               show=lambda settings, facts: parsers.cpu_mask(getattr(settings, field)))


def _per_device(key: str, field: str, convert: Callable[[str], int], what: str, property_name: str = "",
                reason: str = "") -> Directive:
    return _cg(key, field, _device_number(convert, what), "a(st)", Merge.FOLD, property_name=property_name, reason=reason)


def _io_weight(text: str) -> int:
    return to_int(text, 1, 10000)


def _block_io_weight(text: str) -> int:
    return to_int(text, 10, 1000)


_RESET = Merge.REPLACE_OR_RESET
_io = _weight(1, 10000, "weight")
_block_io = _weight(10, 1000, "block IO weight")
_oom_mode = parsers.word_of(("auto", "kill"), "managed OOM mode")

CGROUP: tuple[Directive, ...] = (
    Directive("Slice", Group.CGROUP, "slice", _slice, Merge.REPLACE, (shows("Slice", "s", "slice"),)),
    _cpus("AllowedCPUs", "allowed_cpus"),
    _cpus("StartupAllowedCPUs", "startup_allowed_cpus"),
    _cpus("AllowedMemoryNodes", "allowed_memory_nodes"),
    _cpus("StartupAllowedMemoryNodes", "startup_allowed_memory_nodes"),
    _accounting("CPUAccounting", "cpu_accounting", "default_cpu_accounting"),
    _cg("CPUWeight", "cpu_weight", _cpu_weight, "t", _RESET, _NOT_SET),
    _cg("StartupCPUWeight", "startup_cpu_weight", _cpu_weight, "t", _RESET, _NOT_SET),
    _cg("CPUShares", "cpu_shares", _shares, "t", _RESET, _NOT_SET),
    _cg("StartupCPUShares", "startup_cpu_shares", _shares, "t", _RESET, _NOT_SET),
    _cg("CPUQuota", "cpu_quota_per_sec_usec", _cpu_quota, "t", _RESET, property_name="CPUQuotaPerSecUSec"),
    _cg("CPUQuotaPeriodSec", "cpu_quota_period_usec", parsers.seconds(), "t", _RESET,
        property_name="CPUQuotaPeriodUSec"),
    _accounting("MemoryAccounting", "memory_accounting", "default_memory_accounting"),
    _cg("MemoryMin", "memory_min", _memory_floor, "t", _RESET),
    _cg("MemoryLow", "memory_low", _memory_floor, "t", _RESET),
    _cg("DefaultMemoryMin", "default_memory_min", _memory_floor, "t", _RESET),
    _cg("DefaultMemoryLow", "default_memory_low", _memory_floor, "t", _RESET),
    _cg("MemoryHigh", "memory_high", _memory_max, "t", _RESET),
    _cg("MemoryMax", "memory_max", _memory_max, "t", _RESET),
    _cg("MemorySwapMax", "memory_swap_max", _memory_floor, "t", _RESET),
    _cg("MemoryLimit", "memory_limit", _memory_limit, "t", _RESET),
    _cg("DeviceAllow", "device_allow", _device_allow, "a(ss)", Merge.APPEND, show=_show_device_allow, reason=_NO_BPF),
    _cg("DevicePolicy", "device_policy", parsers.word_of(("auto", "closed", "strict"), "device policy"), "s", reason=_NO_BPF),
    _accounting("IOAccounting", "io_accounting", "default_io_accounting"),
    _cg("IOWeight", "io_weight", _io, "t", _RESET, _NOT_SET),
    _cg("StartupIOWeight", "startup_io_weight", _io, "t", _RESET, _NOT_SET),
    _per_device("IODeviceWeight", "io_device_weight", _io_weight, "weight"),
    _per_device("IOReadBandwidthMax", "io_read_bandwidth_max", _size_1000, "bandwidth"),
    _per_device("IOWriteBandwidthMax", "io_write_bandwidth_max", _size_1000, "bandwidth"),
    _per_device("IOReadIOPSMax", "io_read_iops_max", _size_1000, "IO limit"),
    _per_device("IOWriteIOPSMax", "io_write_iops_max", _size_1000, "IO limit"),
    _per_device("IODeviceLatencyTargetSec", "io_device_latency_target_usec", timespan.parse, "latency",
                "IODeviceLatencyTargetUSec"),
    _cg("BlockIOAccounting", "block_io_accounting", parsers.boolean, "b", default=False, reason=_OLD_IO),
    _cg("BlockIOWeight", "block_io_weight", _block_io, "t", _RESET, _NOT_SET, reason=_OLD_IO),
    _cg("StartupBlockIOWeight", "startup_block_io_weight", _block_io, "t", _RESET, _NOT_SET, reason=_OLD_IO),
    _per_device("BlockIODeviceWeight", "block_io_device_weight", _block_io_weight, "weight", reason=_OLD_IO),
    _per_device("BlockIOReadBandwidth", "block_io_read_bandwidth", _size_1000, "bandwidth", reason=_OLD_IO),
    _per_device("BlockIOWriteBandwidth", "block_io_write_bandwidth", _size_1000, "bandwidth", reason=_OLD_IO),
    _accounting("TasksAccounting", "tasks_accounting", "default_tasks_accounting"),
    _cg("TasksMax", "tasks_max", _tasks_max, "t", _RESET,
        show=lambda settings, facts: facts.tasks_max if settings.tasks_max is None else settings.tasks_max),
    Directive("Delegate", Group.CGROUP, "delegate", _delegate, Merge.SPREAD, (
        shows("Delegate", "b", "delegate"), shows("DelegateControllers", "as", "delegate_controllers"),
    )),
    _cg("DisableControllers", "disable_controllers", _disable_controllers, "as", Merge.FOLD,
        reason="controllers are shared wherever there are any"),
    _accounting("IPAccounting", "ip_accounting", "default_ip_accounting", _NO_BPF),
    _cg("IPAddressAllow", "ip_address_allow", _addresses, "a(iayu)", Merge.FOLD, reason=_NO_BPF,
        show=_show_addresses("ip_address_allow")),
    _cg("IPAddressDeny", "ip_address_deny", _addresses, "a(iayu)", Merge.FOLD, reason=_NO_BPF,
        show=_show_addresses("ip_address_deny")),
    _cg("IPIngressFilterPath", "ip_ingress_filter_path", parsers.path_words, "as", Merge.APPEND, reason=_NO_BPF),
    _cg("IPEgressFilterPath", "ip_egress_filter_path", parsers.path_words, "as", Merge.APPEND, reason=_NO_BPF),
    _cg("ManagedOOMSwap", "managed_oom_swap", _oom_mode, "s", _RESET, reason="there is no systemd-oomd here"),
    _cg("ManagedOOMMemoryPressure", "managed_oom_memory_pressure", _oom_mode, "s", _RESET,
        reason="there is no systemd-oomd here"),
    _cg("ManagedOOMMemoryPressureLimit", "managed_oom_memory_pressure_limit", _pressure_limit, "u", _RESET,
        reason="there is no systemd-oomd here"),
    _cg("ManagedOOMPreference", "managed_oom_preference", parsers.word_of(("none", "avoid", "omit"), "OOM preference"),
        "s", _RESET, reason="there is no systemd-oomd here"),
    _cg("BPFProgram", "bpf_program", _bpf_program, "a(ss)", Merge.APPEND, reason=_NO_BPF),
    _cg("SocketBindAllow", "socket_bind_allow", _socket_bind, "a(iiqq)", Merge.APPEND, reason=_NO_BPF),
    _cg("SocketBindDeny", "socket_bind_deny", _socket_bind, "a(iiqq)", Merge.APPEND, reason=_NO_BPF),
    _cg("RestrictNetworkInterfaces", "restrict_network_interfaces", _interfaces, "(bas)", Merge.FOLD, reason=_NO_BPF,
        show=_show_interfaces),
)
