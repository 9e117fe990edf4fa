"""The directives of [Socket] (systemd.socket(5))."""

from __future__ import annotations

from initd.core import numbers, parsers
from initd.core.commandline import commands
from initd.core.directive import BadValue, Context, Directive, Merge, Property, shows
from initd.core.directives_cgroup import parse_address
from initd.core.directives_exec import user_or_group
from initd.core.directives_service import show_exec
from initd.core.numbers import to_int
from initd.core.sections import Group
from initd.core.sources import LoadFacts
from initd.core.states import Fate
from initd.core.values import INFINITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Listen = tuple[tuple[str, str], ...]

_PROTOCOLS = {"udplite": 136, "sctp": 132}
_TOS = {"low-delay": 0x10, "throughput": 0x08, "reliability": 0x04, "low-cost": 0x02}
_NETLINK_FAMILIES = frozenset(
    "route firewall inet-diag nflog xfrm selinux iscsi audit fib-lookup connector netfilter ip6-fw dnrtmsg "
    "kobject-uevent generic scsitransport ecryptfs rdma".split()
)


# --- addresses ----------------------------------------------------------------------------------------------------


def _listen_socket(kind: str) -> Callable[[Context, str], Listen]:
    def parse(context: Context, text: str) -> Listen:
        address = context.expand(text)
        try:
            found = _socket_address(address, context.facts)
            if kind == "SequentialPacket" and found[0] not in "/@":
                raise ValueError(found)
        except ValueError:
            raise BadValue(
                f"Failed to parse address value in '{address}', ignoring: Invalid argument"
            ) from None
        return ((kind, parsers.current_run(context, found)),)

    return parse


def _socket_address(text: str, facts: LoadFacts) -> str:
    """The address as systemd prints it; ValueError where it is none."""
    if text.startswith("/"):
        if len(text) > 107:
            raise ValueError(text)
        return parsers.simplify(text)
    if text.startswith("@") and len(text) > 1:
        return text
    if text.startswith("vsock:"):
        return _vsock_address(text)
    if text.startswith("["):
        return _ipv6_address(text)
    host, colon, port = text.rpartition(":")
    if colon and parse_address(host)[0] == 4:
        return f"{host}:{_port(port)}"
    # A bare port number listens on every address, over IPv6 where there is any.
    return f"[::]:{_port(text)}" if facts.has_ipv6 else f"0.0.0.0:{_port(text)}"


def _port(text: str) -> int:
    return to_int(text, 1, 65535)


def _ipv6_address(text: str) -> str:
    host, bracket, rest = text[1:].partition("]")
    if not bracket or not rest.startswith(":"):
        raise ValueError(text)
    port, percent, scope = rest[1:].partition("%")
    data = parse_address(host)[1]
    if len(data) != 16:
        raise ValueError(text)
    return f"[{_format_ipv6(data)}]:{_port(port)}" + percent + scope


def _format_ipv6(data: bytes) -> str:
    """The shortest form: the longest run of zeros is "::"."""
    groups = [int.from_bytes(data[at:at + 2], "big") for at in range(0, 16, 2)]
    best_start, best_length = 0, 0
    start = 0
    while start < 8:
        length = 0
        while start + length < 8 and not groups[start + length]:
            length += 1
        if length > best_length:
            best_start, best_length = start, length
        start += length or 1
    words = [f"{group:x}" for group in groups]
    if best_length < 2:
        return ":".join(words)
    return ":".join(words[:best_start]) + "::" + ":".join(words[best_start + best_length:])


def _vsock_address(text: str) -> str:
    cid, colon, port = text[6:].partition(":")
    if not colon:
        raise ValueError(text)
    if cid:
        to_int(cid, 0, 2**32 - 1)
    return f"vsock:{cid}:{to_int(port, 0, 2**32 - 1)}"


def _listen_path(kind: str) -> Callable[[Context, str], Listen]:
    def parse(context: Context, text: str) -> Listen:
        return ((kind, parsers.current_run(context, parsers.path(context, text))),)

    return parse


def _listen_netlink(context: Context, text: str) -> Listen:
    words = context.expand(text).split()
    if not 1 <= len(words) <= 2 or (words[0] not in _NETLINK_FAMILIES and not words[0].isdecimal()):
        raise BadValue(f"Failed to parse address value in '{text}', ignoring: Invalid argument")
    group = words[1] if len(words) > 1 else "0"
    if not group.isdecimal():
        raise BadValue(f"Failed to parse address value in '{text}', ignoring: Invalid argument")
    return (("Netlink", f"{words[0]} {group}"),)


# --- words --------------------------------------------------------------------------------------------------------


def _service(context: Context, text: str) -> str:
    try:
        return parsers.unit_name(context, text, ".service", instantiates=False)
    except ValueError as error:
        raise BadValue(f"Unit must be of type service, ignoring: {error}") from None


def _protocol(context: Context, text: str) -> int:
    if text not in _PROTOCOLS:
        raise BadValue(f"Invalid socket protocol, ignoring: {text}")
    return _PROTOCOLS[text]


def _tos(context: Context, text: str) -> int:
    return _TOS[text] if text in _TOS else parsers.integer(0, 255, "IP TOS value")(context, text)


def _interface(context: Context, text: str) -> str:
    name = context.expand(text)
    try:
        return parsers.interface_name(name)
    except ValueError:
        raise BadValue(f"Interface name is invalid, ignoring: {name}") from None


def _fd_name(context: Context, text: str) -> str:
    name = context.expand(text)
    if not name or len(name) > 255 or ":" in name or any(ord(char) < 32 for char in name):
        raise BadValue(f"Invalid file descriptor name, ignoring: {name}")
    return name


_TIMESTAMPS = {"off": "off", "us": "us", "usec": "us", "µs": "us", "ns": "ns", "nsec": "ns"}


def _timestamping(context: Context, text: str) -> str:
    if text in _TIMESTAMPS:
        return _TIMESTAMPS[text]
    try:
        return "ns" if numbers.to_bool(text) else "off"
    except ValueError:
        raise BadValue(f"Failed to parse timestamping value, ignoring: {text}") from None


_BIND_IPV6 = {"default": "default", "both": "both", "ipv6-only": "ipv6-only"}


def _bind_ipv6_only(context: Context, text: str) -> str:
    if text in _BIND_IPV6:
        return text
    try:
        return "ipv6-only" if numbers.to_bool(text) else "both"
    except ValueError:
        raise parsers.bad("bind IPv6 only value", text) from None


def _show_trigger_burst(settings: Any, facts: LoadFacts) -> int:
    if settings.trigger_limit_burst is not None:
        return int(settings.trigger_limit_burst)
    return 200 if settings.accept else 20


_RESET = Merge.REPLACE_OR_RESET
_seconds = parsers.seconds()
_LABEL = "security modules are not spoken to"


def _sock(key: str, field: str, parse: Callable[..., Any], signature: str = "", merge: Merge = Merge.REPLACE,
          property_name: str = "", fate: Fate = Fate.APPLIED, reason: str = "") -> Directive:
    properties = (shows(property_name or key, signature, field),) if signature else ()
    return Directive(key, Group.SPECIFIC, field, parse, merge, properties, fate, reason)


def _listen(key: str, parse: Callable[..., Any]) -> Directive:
    return Directive(key, Group.SPECIFIC, "listen", parse, Merge.APPEND)


def _command(key: str, field: str) -> Directive:
    return Directive(key, Group.SPECIFIC, field, commands, Merge.APPEND,
                     (Property(key, "a(sasbttttuii)", show_exec(field)),))


SOCKET: tuple[Directive, ...] = (
    _listen("ListenStream", _listen_socket("Stream")),
    _listen("ListenDatagram", _listen_socket("Datagram")),
    _listen("ListenSequentialPacket", _listen_socket("SequentialPacket")),
    _listen("ListenFIFO", _listen_path("FIFO")),
    _listen("ListenNetlink", _listen_netlink),
    _listen("ListenSpecial", _listen_path("Special")),
    _listen("ListenMessageQueue", _listen_path("MessageQueue")),
    _listen("ListenUSBFunction", _listen_path("USBFunction")),
    _sock("SocketProtocol", "socket_protocol", _protocol, "i", _RESET),
    _sock("BindIPv6Only", "bind_ipv6_only", _bind_ipv6_only, "s"),
    _sock("Backlog", "backlog", parsers.unsigned, "u"),
    _sock("BindToDevice", "bind_to_device", _interface, "s", _RESET),
    _command("ExecStartPre", "exec_start_pre"),
    _command("ExecStartPost", "exec_start_post"),
    _command("ExecStopPre", "exec_stop_pre"),
    _command("ExecStopPost", "exec_stop_post"),
    _sock("TimeoutSec", "timeout_usec", parsers.seconds(zero=INFINITY), "t", property_name="TimeoutUSec"),
    _sock("SocketUser", "socket_user", user_or_group, "s", _RESET),
    _sock("SocketGroup", "socket_group", user_or_group, "s", _RESET),
    _sock("SocketMode", "socket_mode", parsers.mode, "u"),
    _sock("DirectoryMode", "directory_mode", parsers.mode, "u"),
    _sock("Accept", "accept", parsers.boolean, "b"),
    _sock("FlushPending", "flush_pending", parsers.boolean, "b"),
    _sock("Writable", "writable", parsers.boolean, "b"),
    _sock("MaxConnections", "max_connections", parsers.unsigned, "u"),
    _sock("MaxConnectionsPerSource", "max_connections_per_source", parsers.unsigned, "u"),
    _sock("KeepAlive", "keep_alive", parsers.boolean, "b"),
    _sock("KeepAliveTimeSec", "keep_alive_time_usec", _seconds, "t", property_name="KeepAliveTimeUSec"),
    _sock("KeepAliveIntervalSec", "keep_alive_interval_usec", _seconds, "t", property_name="KeepAliveIntervalUSec"),
    _sock("KeepAliveProbes", "keep_alive_probes", parsers.unsigned, "u"),
    _sock("DeferAcceptSec", "defer_accept_usec", _seconds, "t", property_name="DeferAcceptUSec"),
    _sock("NoDelay", "no_delay", parsers.boolean, "b"),
    _sock("Priority", "priority", parsers.integer(-(2**31), 2**31 - 1), "i"),
    _sock("ReceiveBuffer", "receive_buffer", parsers.size(), "t"),
    _sock("SendBuffer", "send_buffer", parsers.size(), "t"),
    _sock("IPTOS", "ip_tos", _tos, "i"),
    _sock("IPTTL", "ip_ttl", parsers.integer(-(2**31), 2**31 - 1), "i"),
    _sock("Mark", "mark", parsers.integer(-(2**31), 2**31 - 1), "i"),
    _sock("PipeSize", "pipe_size", parsers.size(), "t"),
    _sock("FreeBind", "free_bind", parsers.boolean, "b"),
    _sock("Transparent", "transparent", parsers.boolean, "b"),
    _sock("Broadcast", "broadcast", parsers.boolean, "b"),
    _sock("PassCredentials", "pass_credentials", parsers.boolean, "b"),
    _sock("PassSecurity", "pass_security", parsers.boolean, "b"),
    _sock("PassPacketInfo", "pass_packet_info", parsers.boolean, "b"),
    _sock("Timestamping", "timestamping", _timestamping, "s"),
    _sock("TCPCongestion", "tcp_congestion", parsers.string, "s", _RESET),
    _sock("ReusePort", "reuse_port", parsers.boolean, "b"),
    _sock("MessageQueueMaxMessages", "message_queue_max_messages", parsers.long, "x"),
    _sock("MessageQueueMessageSize", "message_queue_message_size", parsers.long, "x"),
    _sock("RemoveOnStop", "remove_on_stop", parsers.boolean, "b"),
    _sock("Symlinks", "symlinks", parsers.path_words, "as", Merge.APPEND),
    _sock("FileDescriptorName", "file_descriptor_name", _fd_name, "", _RESET),
    _sock("Service", "service", _service),
    _sock("TriggerLimitIntervalSec", "trigger_limit_interval_usec", _seconds, "t",
          property_name="TriggerLimitIntervalUSec"),
    Directive("TriggerLimitBurst", Group.SPECIFIC, "trigger_limit_burst", parsers.unsigned, Merge.REPLACE,
              (Property("TriggerLimitBurst", "u", _show_trigger_burst),)),
    # Of systemd 255, as a property as well: not shown.
    _sock("PollLimitIntervalSec", "poll_limit_interval_usec", _seconds),
    _sock("PollLimitBurst", "poll_limit_burst", parsers.unsigned),
    _sock("SmackLabel", "smack_label", parsers.expanded, "s", _RESET, fate=Fate.IGNORED, reason=_LABEL),
    _sock("SmackLabelIPIn", "smack_label_ip_in", parsers.expanded, "s", _RESET, fate=Fate.IGNORED, reason=_LABEL),
    _sock("SmackLabelIPOut", "smack_label_ip_out", parsers.expanded, "s", _RESET, fate=Fate.IGNORED, reason=_LABEL),
    _sock("SELinuxContextFromNet", "selinux_context_from_net", parsers.boolean, fate=Fate.IGNORED, reason=_LABEL),
)

EXTRA_PROPERTIES = (
    shows("Listen", "a(ss)", "listen"),
    shows("FileDescriptorName", "s", "file_descriptor_name"),
)
