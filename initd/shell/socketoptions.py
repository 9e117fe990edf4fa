"""The options of sockets (socket(7), ip(7), ipv6(7), tcp(7)), as socket units name them (systemd.socket(5)).

What cannot be set (a kernel without it, a container that forbids it) is told, and the socket used without, as systemd does.
"""

from __future__ import annotations

import _socket as s

from initd.core.settings import SocketSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_BIND_IPV6 = {"both": 0, "ipv6-only": 1}
#: asm-generic/socket.h and netinet/*.h, where the interpreter has no name for it.
_SO_RCVBUFFORCE, _SO_SNDBUFFORCE, _SO_PASSSEC, _IP_FREEBIND, _IP_PKTINFO = 33, 32, 34, 15, 8
_IPV6_RECVPKTINFO, _SO_TIMESTAMP, _SO_TIMESTAMPNS = 49, 29, 35
_SEC = 1_000_000


def set_options(sock: s.socket, family: int, kind: int, settings: SocketSettings, problems: list[str]) -> None:
    is_ip, is_stream = family in (s.AF_INET, s.AF_INET6), kind == s.SOCK_STREAM

    def option(name: str, level: int, number: int, value: int | bytes) -> None:
        try:
            sock.setsockopt(level, number, value)
        except OSError as error:
            problems.append(f"{name}= could not be set, going on without: {error.strerror}")

    option("ReuseAddress", s.SOL_SOCKET, s.SO_REUSEADDR, 1)
    if family == s.AF_INET6 and settings.bind_ipv6_only in _BIND_IPV6:
        option("BindIPv6Only", s.IPPROTO_IPV6, s.IPV6_V6ONLY, _BIND_IPV6[settings.bind_ipv6_only])
    if settings.bind_to_device:
        # The one without which it is not listened to, as it might be reached from where it should not.
        sock.setsockopt(s.SOL_SOCKET, s.SO_BINDTODEVICE, settings.bind_to_device.encode() + b"\0")
    if settings.keep_alive:
        option("KeepAlive", s.SOL_SOCKET, s.SO_KEEPALIVE, 1)
    for wanted, name, number, value in (
        (is_stream and is_ip and settings.keep_alive_time_usec, "KeepAliveTimeSec", s.TCP_KEEPIDLE,
         settings.keep_alive_time_usec // _SEC),
        (is_stream and is_ip and settings.keep_alive_interval_usec, "KeepAliveIntervalSec", s.TCP_KEEPINTVL,
         settings.keep_alive_interval_usec // _SEC),
        (is_stream and is_ip and settings.keep_alive_probes, "KeepAliveProbes", s.TCP_KEEPCNT, settings.keep_alive_probes),
        (is_stream and is_ip and settings.defer_accept_usec, "DeferAcceptSec", s.TCP_DEFER_ACCEPT,
         settings.defer_accept_usec // _SEC),
        (is_stream and is_ip and settings.no_delay, "NoDelay", s.TCP_NODELAY, 1),
    ):
        if wanted:
            option(name, s.IPPROTO_TCP, number, value)
    if settings.tcp_congestion:
        option("TCPCongestion", s.IPPROTO_TCP, s.TCP_CONGESTION, settings.tcp_congestion.encode())
    for is_set, name, number, value in (
        (settings.broadcast, "Broadcast", s.SO_BROADCAST, 1),
        (settings.pass_credentials, "PassCredentials", s.SO_PASSCRED, 1),
        (settings.pass_security, "PassSecurity", _SO_PASSSEC, 1),
        (settings.priority >= 0, "Priority", s.SO_PRIORITY, settings.priority),
        (settings.mark >= 0, "Mark", s.SO_MARK, settings.mark),
        (settings.reuse_port, "ReusePort", s.SO_REUSEPORT, 1),
        (settings.timestamping == "us", "Timestamping", _SO_TIMESTAMP, 1),
        (settings.timestamping == "ns", "Timestamping", _SO_TIMESTAMPNS, 1),
    ):
        if is_set:
            option(name, s.SOL_SOCKET, number, value)
    for size, name, forced, plain in (
        (settings.receive_buffer, "ReceiveBuffer", _SO_RCVBUFFORCE, s.SO_RCVBUF),
        (settings.send_buffer, "SendBuffer", _SO_SNDBUFFORCE, s.SO_SNDBUF),
    ):
        if size:
            try:
                sock.setsockopt(s.SOL_SOCKET, forced, size)
            except OSError:
                option(name, s.SOL_SOCKET, plain, size)
    if is_ip:
        _set_ip_options(family, settings, option)


def _set_ip_options(family: int, settings: SocketSettings, option: Callable[[str, int, int, int], None]) -> None:
    if settings.ip_tos >= 0:
        option("IPTOS", s.IPPROTO_IP, s.IP_TOS, settings.ip_tos)
    if settings.ip_ttl >= 0:
        if family == s.AF_INET6:
            option("IPTTL", s.IPPROTO_IPV6, s.IPV6_UNICAST_HOPS, settings.ip_ttl)
        else:
            option("IPTTL", s.IPPROTO_IP, s.IP_TTL, settings.ip_ttl)
    if settings.free_bind:
        option("FreeBind", s.IPPROTO_IP, _IP_FREEBIND, 1)
    if settings.transparent:
        option("Transparent", s.IPPROTO_IP, s.IP_TRANSPARENT, 1)
    if settings.pass_packet_info:
        if family == s.AF_INET6:
            option("PassPacketInfo", s.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        else:
            option("PassPacketInfo", s.IPPROTO_IP, _IP_PKTINFO, 1)
