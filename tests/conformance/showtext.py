"""D-Bus values as `systemctl show` prints them, for comparing with recorded output. Written for the tests alone."""

from __future__ import annotations

import base64
import ipaddress

from initd.core import capabilities, signals, timespan
from initd.core.values import INFINITY

NOT_SET = 2**64 - 1
#: Numbers that are printed as "[not set]" where they are UINT64_MAX.
_WEIGHTS = ("CPUWeight", "CPUShares", "IOWeight", "BlockIOWeight")
_LINES = {"ExecCondition", "EnvironmentFiles", "DeviceAllow", "TimersMonotonic", "TimersCalendar", "Listen", "Paths",
          "IODeviceWeight", "IOReadBandwidthMax", "IOWriteBandwidthMax", "SocketBindAllow", "SocketBindDeny"}
_NAMESPACES = {0x02000000: "cgroup", 0x08000000: "ipc", 0x40000000: "net", 0x00020000: "mnt", 0x20000000: "pid",
               0x10000000: "user", 0x04000000: "uts"}
_MOUNT_FLAGS = {0: "", 1 << 20: "shared", 1 << 19: "slave", 1 << 18: "private"}


def lines(name: str, signature: str, value: object) -> list[str]:
    """The lines that `systemctl show --all` prints for one property, without "name="; none for an empty list."""
    if signature == "a(sasbttttuii)":
        return [_exec(item, f"ignore_errors={_bool(item[2])}") for item in value]
    if signature == "a(sasasttttuii)":
        return [_exec(item, f"flags={' '.join(item[2])}") for item in value]
    if name == "EnvironmentFiles":
        return [f"{path} (ignore_errors={_bool(missing_ok)})" for path, missing_ok in value]
    if name in ("Listen", "Paths"):
        return [f"{address} ({kind})" for kind, address in value] if name == "Listen" else \
            [f"{path} ({kind})" for kind, path in value]
    if name == "TimersMonotonic":
        return [f"{{ {kind}={timespan.format(usec)} ; next_elapse={timespan.format(at)} }}" for kind, usec, at in value]
    if name == "TimersCalendar":
        return [f"{{ {kind}={text} ; next_elapse=(null) }}" for kind, text, at in value]
    if name == "DeviceAllow":
        return [f"{path} {access}" for path, access in value]
    if name.endswith("Symlink"):
        return [" ".join(f"{path}:{link}" for path, link, _ in value)] if value else []
    return [_single(name, signature, value)]


def _single(name: str, signature: str, value: object) -> str:
    if signature == "b":
        return _bool(value)
    if signature == "s":
        return value
    if signature == "as":
        return " ".join(_quote(item) for item in value)
    if signature == "u" and (name.endswith("Mode") or name == "UMask"):
        return f"{value:04o}"
    if signature in ("t", "u", "i", "q", "x"):
        return _number(name, signature, value)
    if signature == "(bas)":
        allows, names = value
        return ("" if allows else "~") + " ".join(names)
    if signature == "(bs)":
        return ("-" if value[0] else "") + value[1]
    if signature == "(aiai)":
        statuses, killed_by = value
        return " ".join([str(item) for item in statuses] + [signals.short_name(item) for item in killed_by])
    if name in ("CPUAffinity", "NUMAMask", "AllowedCPUs", "StartupAllowedCPUs", "AllowedMemoryNodes",
                "StartupAllowedMemoryNodes"):
        return _ranges(value)
    if name in ("BindPaths", "BindReadOnlyPaths"):
        return " ".join(f"{'-' * optional}{source}:{target}:{'rbind' if flags else 'norbind'}"
                        for source, target, optional, flags in value)
    if name == "TemporaryFileSystem":
        return " ".join(f"{path}:{options}" if options else path for path, options in value)
    if name in ("IPAddressAllow", "IPAddressDeny"):
        return " ".join(_address(item) for item in value)
    if name == "LogExtraFields":
        return " ".join(item.decode() for item in value)
    if name == "StandardInputData":
        return base64.b64encode(value).decode()
    if signature in ("ay", "aay") or signature.startswith("a("):
        return "" if not value else repr(value)
    raise AssertionError(f"no way to print {name} ({signature})")


def _number(name: str, signature: str, value: int) -> str:
    if name in ("CapabilityBoundingSet", "AmbientCapabilities"):
        return " ".join(capabilities.names(value))
    if name == "RestrictNamespaces":
        if value == 0:
            return "yes"
        chosen = [word for flag, word in _NAMESPACES.items() if value & flag]
        return "no" if len(chosen) == len(_NAMESPACES) else " ".join(chosen)
    if name == "MountFlags":
        return _MOUNT_FLAGS[value]
    if name == "CoredumpFilter":
        return f"0x{value:x}"
    if name == "NUMAPolicy":
        return "n/a" if value < 0 else ("default", "preferred", "bind", "interleave", "local")[value]
    if name.endswith("ActionExitStatus") and value < 0:
        return "[not set]"
    if name.endswith("USec"):
        return timespan.format(value)
    if name.endswith(_WEIGHTS):
        return "[not set]" if value == NOT_SET else "idle" if value == 0 else str(value)
    if signature == "q":
        return "[unprintable]"
    if signature == "t" and value == INFINITY:
        return "infinity"
    return str(value)


def _exec(item: tuple, flags: str) -> str:
    return (f"{{ path={item[0]} ; argv[]={' '.join(item[1])} ; {flags} ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; "
            "code=(null) ; status=0/0 }")


def _bool(value: object) -> str:
    return "yes" if value else "no"


def _quote(word: str) -> str:
    if word and not any(char in " \t\n\r\"'\\`$*?[](){}<>|&;!" for char in word):
        return word
    escaped = "".join("\\" + char if char in "\"\\`$" else char for char in word)
    return f'"{escaped}"'


def _ranges(mask: bytes) -> str:
    bits = [bit for bit in range(len(mask) * 8) if mask[bit // 8] >> bit % 8 & 1]
    out: list[list[int]] = []
    for bit in bits:
        if out and out[-1][-1] == bit - 1:
            out[-1].append(bit)
        else:
            out.append([bit])
    return " ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in out)


def _address(item: tuple[int, bytes, int]) -> str:
    return f"{ipaddress.ip_address(item[1])}/{item[2]}"
