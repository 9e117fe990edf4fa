"""One D-Bus property → the lines that `systemctl show` prints for it.

What a value means cannot be told from its type alone (a `t` is a size, a time, a mask, ...), so names decide, as they
do in systemd's own: `lines_of` looks for the name first, for a family of names next, for the type at last.
"""

from __future__ import annotations

from initd.cli.output import format_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    #: None: nothing to print. A list: one line for each.
    Format = Callable[[Any], "str | list[str] | None"]

_U64_MAX = 2**64 - 1
_U32_MAX = 2**32 - 1
#: What is shown in place of a value that nobody made words for, and only with --all.
_UNPRINTABLE = "[unprintable]"
#: What says nothing, and is left out without --all: "~" is the list that forbids nothing.
_EMPTY = ("", "~")

_timestamp_style = "pretty"


def set_timestamp_style(style: str) -> None:
    """--timestamp="""
    global _timestamp_style
    _timestamp_style = style


def lines_of(name: str, signature: str, value: Any, with_empty: bool = True) -> list[str]:
    """The values to print, one for each line; none where there is nothing to say."""
    many = _BY_NAME_MANY.get(name) or _BY_TYPE_MANY.get(signature)
    if many is not None:
        return many(name, value)
    text = _text_of(name, signature, value)
    if text is None:
        return [_UNPRINTABLE] if with_empty else []
    is_empty = text in _EMPTY or value == -1 and name.endswith("ActionExitStatus")
    return [text] if with_empty or not is_empty else []


def _text_of(name: str, signature: str, value: Any) -> str | None:
    own = _BY_NAME.get(name)
    if own is not None:
        return own(value)
    if signature == "t":
        return _number64(name, value)
    if signature == "u":
        return f"{value:04o}" if name == "UMask" or name.endswith("Mode") else str(value)
    simple = _BY_TYPE.get(signature)
    return simple(value) if simple is not None else None


# --- numbers --------------------------------------------------------------------------------------------------------


def _timestamp(value: int) -> str:
    return format_timestamp(value, _timestamp_style)


def _span(value: int) -> str:
    from initd.core import timespan

    return "infinity" if value == _U64_MAX else timespan.format(value)


def _number64(name: str, value: int) -> str:
    if name.endswith("Timestamp"):
        return _timestamp(value)
    if "USec" in name:
        return _span(value)
    if value == _U64_MAX:
        if name.startswith(("IPIngress", "IPEgress")):
            return "[no data]"
        if name.endswith(("Weight", "Shares", "Current")) or name == "CPUUsageNSec":
            return "[not set]"
        if name.startswith(("Memory", "DefaultMemory", "Limit", "DefaultLimit")) or name.endswith("TasksMax"):
            return "infinity"
    return str(value)


def _unless(missing: int, text: str = "[not set]") -> Callable[[int], str]:
    return lambda value: text if value == missing else str(value)


def _capabilities(value: int) -> str:
    from initd.core.capabilities import ALL, names

    return " ".join(names(value & ALL))  # "all of them" has bits that no capability has yet


#: CLONE_NEW* → the word of RestrictNamespaces=, in the order that systemd prints them.
_NAMESPACES = (
    (0x02000000, "cgroup"), (0x08000000, "ipc"), (0x40000000, "net"), (0x00020000, "mnt"), (0x20000000, "pid"),
    (0x10000000, "user"), (0x04000000, "uts"),
)  # fmt: skip
_ALL_NAMESPACES = sum(flag for flag, _ in _NAMESPACES)


def _namespaces(value: int) -> str:
    """The flags are those that stay allowed."""
    if value & _ALL_NAMESPACES == 0:
        return "yes"
    if value & _ALL_NAMESPACES == _ALL_NAMESPACES:
        return "no"
    return " ".join(word for flag, word in _NAMESPACES if value & flag)


_PROPAGATION = {0: "", 1 << 20: "shared", 1 << 19: "slave", 1 << 18: "private"}
_NUMA_POLICIES = ("default", "preferred", "bind", "interleave", "local")


# --- text -----------------------------------------------------------------------------------------------------------

_NEEDS_QUOTES = frozenset(" \t\n\r\"\\`$*?['()<>|&;!")
_ESCAPED = frozenset('"\\`$')
_CONTROL = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def quote(word: str) -> str:
    """The word, quoted for a shell where it needs to be."""
    if not word:
        return '""'
    if _NEEDS_QUOTES.isdisjoint(word):
        return word
    return '"' + "".join(_CONTROL.get(c, "\\" + c if c in _ESCAPED else c) for c in word) + '"'


def _words(value: list[str]) -> str:
    return " ".join(map(quote, value))


def _allow_list(value: tuple[bool, list[str]]) -> str:
    is_allow_list, words = value
    return ("" if is_allow_list else "~") + " ".join(words)


def _bits(value: bytes) -> str:
    """A CPU or node mask as ranges: "0-3 5"."""
    numbers = [position for position in range(len(value) * 8) if value[position // 8] >> position % 8 & 1]
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def _base64(value: bytes) -> str:
    from binascii import b2a_base64

    return b2a_base64(value, newline=False).decode()


def _statuses(value: tuple[list[int], list[int]]) -> str:
    from initd.core import signals

    statuses, numbers = value
    return " ".join([*map(str, statuses), *(signals.short_name(number) for number in numbers)])


def _addresses(value: list[tuple[int, bytes, int]]) -> str:
    return " ".join(f"{_address(family, data)}/{length}" for family, data, length in value)


def _address(family: int, data: bytes) -> str:
    import _socket

    return _socket.inet_ntop(family, data)


_BY_NAME: dict[str, Callable[[Any], str | None]] = {
    "NextElapseUSecRealtime": _timestamp,
    "LastTriggerUSec": _timestamp,
    "CapabilityBoundingSet": _capabilities,
    "AmbientCapabilities": _capabilities,
    "RestrictNamespaces": _namespaces,
    "MountFlags": lambda value: _PROPAGATION.get(value & 0b111 << 18, str(value)),
    "CoredumpFilter": lambda value: f"0x{value:x}",
    "UID": _unless(_U32_MAX),
    "GID": _unless(_U32_MAX),
    "SuccessActionExitStatus": _unless(-1),
    "FailureActionExitStatus": _unless(-1),
    "NUMAPolicy": lambda value: _NUMA_POLICIES[value] if 0 <= value < len(_NUMA_POLICIES) else "n/a",
    "InvocationID": lambda value: value.hex(),
    "RootHash": lambda value: value.hex(),
    "RootHashSignature": lambda value: "base64:" + _base64(value) if value else "",
    "StandardInputData": _base64,
    "Job": lambda value: str(value[0]) if value[0] else "",
    "LoadError": lambda value: f"{value[0]} {quote_text(value[1])}" if value[0] else "",
    "TemporaryFileSystem": lambda value: " ".join(path + (":" + options if options else "") for path, options in value),
    "LogExtraFields": lambda value: " ".join(data.decode("utf-8", "replace") for data in value),
    "ExtensionImages": lambda value: " ".join(
        ("-" if missing_ok else "") + path + _image_options(options) for path, missing_ok, options in value),
    "MountImages": lambda value: " ".join(
        ("-" if missing_ok else "") + f"{source}:{target}" + _image_options(options)
        for source, target, missing_ok, options in value),
    "StartupAllowedCPUs": lambda value: value.hex(),
    "StartupAllowedMemoryNodes": lambda value: value.hex(),
}


def _image_options(options: list[tuple[str, str]]) -> str:
    return "".join(f":{partition}:{words}" for partition, words in options)


def quote_text(text: str) -> str:
    return f'"{text}"' if text else ""


def _bind_paths(value: list[tuple[str, str, bool, int]]) -> str:
    def one(source: str, destination: str, ignore_missing: bool, flags: int) -> str:
        prefix = "-" if ignore_missing else ""
        how = ":rbind" if flags & 0x4000 else ""
        return f"{prefix}{source}:{destination}{how}"

    return " ".join(one(*entry) for entry in value)


_BY_TYPE: dict[str, Callable[[Any], str]] = {
    "s": str,
    "o": str,
    "b": lambda value: "yes" if value else "no",
    "i": str,
    "x": str,
    "d": lambda value: f"{value:g}",
    "as": _words,
    "ay": _bits,
    "(bas)": _allow_list,
    "(bs)": lambda value: ("-" if value[0] else "") + value[1],
    "(aiai)": _statuses,
    "a(iayu)": _addresses,
    "a(ssbt)": _bind_paths,
}


# --- lists that take a line for each element -------------------------------------------------------------------------

_CODES = {1: "exited", 2: "killed", 3: "dumped"}


def _commands(name: str, value: list[tuple[Any, ...]]) -> list[str]:
    """ExecStart= and its like, with the outcome of their last run."""
    lines = []
    for path, argv, how, start, _, stop, _, pid, code, status in value:
        flags = f"flags={' '.join(how)}" if isinstance(how, list) else f"ignore_errors={'yes' if how else 'no'}"
        begun, ended = (f"[{_timestamp(usec) or 'n/a'}]" for usec in (start, stop))
        lines.append(
            f"{{ path={path} ; argv[]={' '.join(argv)} ; {flags} ; start_time={begun} ; stop_time={ended} ; "
            f"pid={pid} ; code={_CODES.get(code, '(null)')} ; status={_status(code, status)} }}"
        )
    return lines


def _status(code: int, status: int) -> str:
    if code == 1:
        return str(status)
    from initd.core import signals

    return f"{status}/{signals.short_name(status) if status else '0'}"


def _targets(name: str, value: list[tuple[str, str]]) -> list[str]:
    return [f"{what} ({kind})" for kind, what in value]


def _spaced(name: str, value: list[tuple[Any, ...]]) -> list[str]:
    show = _span if name.endswith("USec") else str
    return [" ".join([str(first), *map(show, rest)]) for first, *rest in value]


def _socket_binds(name: str, value: list[tuple[int, int, int, int]]) -> list[str]:
    families, protocols = {2: "ipv4:", 10: "ipv6:"}, {6: "tcp", 17: "udp"}
    return [
        families.get(family, "") + protocols.get(protocol, "") + (str(port) if count else "any")
        for family, protocol, count, port in value
    ]


def _timers(name: str, value: list[tuple[str, Any, int]]) -> list[str]:
    if name == "TimersCalendar":
        return [f"{{ {kind}={text} ; next_elapse={_timestamp(usec) or '(null)'} }}" for kind, text, usec in value]
    return [f"{{ {kind}={_span(base)} ; next_elapse={_span(usec)} }}" for kind, base, usec in value]


_BY_TYPE_MANY: dict[str, Callable[[str, Any], list[str]]] = {
    "a(sasbttttuii)": _commands,
    "a(sasasttttuii)": _commands,
    "a(sb)": lambda name, value: [f"{path} (ignore_errors={'yes' if ignore else 'no'})" for path, ignore in value],
    "a(st)": _spaced,
    "a(sst)": lambda name, value: [" ".join(f"{path}:{link}" for path, link, _ in value)] if value else [],
    "a(stt)": _timers,
}
def _fates(name: str, value: list[tuple[str, int, str, str, str, str]]) -> list[str]:
    return [
        f"{{ {section}.{key or '*'} ; file={path}:{line} ; fate={fate}" + (f" ; reason={reason} }}" if reason else " }")
        for path, line, section, key, fate, reason in value
    ]


_BY_NAME_MANY: dict[str, Callable[[str, Any], list[str]]] = {
    "DirectiveFates": _fates,
    "TimersCalendar": _timers,
    "Listen": _targets,
    "Paths": _targets,
    "DeviceAllow": _spaced,
    "BPFProgram": lambda name, value: [f"{kind}:{path}" for kind, path in value],
    "RootImageOptions": lambda name, value: [f"{partition}:{options}" for partition, options in value],
    "SocketBindAllow": _socket_binds,
    "SocketBindDeny": _socket_binds,
}
