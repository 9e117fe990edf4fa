"""Whether a service answers: `python3 answers.py PACKAGE ROOT` speaks its protocol on loopback and prints what came back.

It runs on this machine's Python, in the network namespace of the container; ROOT is the container's root directory, for
sockets that have paths. What is asked needs no account and changes nothing. Ends with 1 and a reason where nobody answers.
"""

from __future__ import annotations

import json
import pickle
import socket
import ssl
import struct
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

HOST = "127.0.0.1"
TIMEOUT = 5.0
#: A query for ./NS, or whatever name, in class IN: id 1, recursion desired.
DNS_QUERY = struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + b"\x09localhost\x00" + struct.pack(">2H", 1, 1)


class NoAnswer(Exception):
    """Nobody is there, or it is somebody else."""


Check = Callable[[Path], str]


def _ask(data: bytes, port: int = 0, path: Path | None = None, kind: int = socket.SOCK_STREAM) -> bytes:
    family, address = (socket.AF_UNIX, str(path)) if path is not None else (socket.AF_INET, (HOST, port))
    with socket.socket(family, kind) as peer:
        peer.settimeout(TIMEOUT)
        peer.connect(address)
        if data:
            peer.sendall(data)
        return peer.recv(65536)


def talk(data: bytes, wanted: bytes, port: int = 0, path: str = "", kind: int = socket.SOCK_STREAM) -> Check:
    """Say `data`, and hear something that has `wanted` in it."""
    def check(root: Path) -> str:
        got = _ask(data, port, root / path.lstrip("/") if path else None, kind)
        if wanted not in got:
            raise NoAnswer(f"said {got[:80]!r}, not {wanted!r}")
        return got[:60].decode("latin-1").strip().splitlines()[0] if got.strip() else "(nothing)"
    return check


def banner(port: int, wanted: bytes) -> Check:
    """Hear who is there before a word is said."""
    return talk(b"", wanted, port)


def http(port: int, path: str = "/", wanted: str = "", scheme: str = "http", statuses: tuple[int, ...] = (200,)) -> Check:
    def check(root: Path) -> str:
        context = ssl._create_unverified_context() if scheme == "https" else None
        try:
            with urllib.request.urlopen(f"{scheme}://{HOST}:{port}{path}", timeout=TIMEOUT, context=context) as reply:
                status, text = reply.status, reply.read(1 << 20).decode("latin-1")
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read(1 << 20).decode("latin-1")
        if status not in statuses or wanted not in text:
            raise NoAnswer(f"HTTP {status}: {text[:80]!r}")
        return f"HTTP {status}, {len(text)} bytes"
    return check


def dns(port: int = 53) -> Check:
    """An answer to the question that was asked, whatever it says."""
    def check(root: Path) -> str:
        got = _ask(DNS_QUERY, port, kind=socket.SOCK_DGRAM)
        if len(got) < 12 or got[:2] != DNS_QUERY[:2] or not got[2] & 0x80:
            raise NoAnswer(f"said {got[:40]!r}")
        return f"DNS, code {got[3] & 15}"
    return check


def listens(port: int = 0, path: str = "", kind: int = socket.SOCK_STREAM) -> Check:
    """A connection is taken and stays. For what answers only to those who have a key."""
    def check(root: Path) -> str:
        family, address = (socket.AF_UNIX, str(root / path.lstrip("/"))) if path else (socket.AF_INET, (HOST, port))
        with socket.socket(family, kind) as peer:
            peer.settimeout(TIMEOUT)
            peer.connect(address)
        return "takes connections"
    return check


def tftp(root: Path) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(TIMEOUT)
        peer.sendto(b"\0\1nosuch\0octet\0", (HOST, 69))
        got, _ = peer.recvfrom(1024)
    if got[:2] not in (b"\0\3", b"\0\5"):
        raise NoAnswer(repr(got[:40]))
    return "TFTP error" if got[:2] == b"\0\5" else "TFTP data"


def mqtt(root: Path) -> str:
    got = _ask(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p", 1883)
    if got[:1] != b"\x20":
        raise NoAnswer(repr(got[:40]))
    return f"MQTT CONNACK {got[3]}"


def postgres(root: Path) -> str:
    got = _ask(struct.pack(">2I", 8, 80877103), 5432)  # SSLRequest
    if got[:1] not in b"SN":
        raise NoAnswer(repr(got[:40]))
    return f"PostgreSQL, TLS {'yes' if got[:1] == b'S' else 'no'}"


def ldap(root: Path) -> str:
    got = _ask(bytes.fromhex("300c020101600702010304008000"), 389)  # anonymous bind
    if got[:1] != b"\x30" or b"\x61" not in got:
        raise NoAnswer(repr(got[:40]))
    return "LDAP bindResponse"


def docker(root: Path) -> str:
    return talk(b"GET /version HTTP/1.0\r\n\r\n", b"200 OK", path="/run/docker.sock")(root)


def syslog(name: str) -> Check:
    """What is written to /dev/log arrives in a file."""
    def check(root: Path) -> str:
        token = f"matrix-{time.monotonic_ns()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
            peer.connect(str(root / "run/systemd/journal/dev-log"))
            peer.send(f"<13>Jan  1 00:00:00 matrix: {token}".encode())
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            files = [path for path in root.glob("var/log/*") if path.is_file()]
            if any(token in path.read_text(errors="replace") for path in files if path.stat().st_size < 1 << 24):
                return f"{name} wrote it down"
            time.sleep(0.1)
        raise NoAnswer(f"{name} wrote nothing to /var/log")
    return check


def pid_file(path: str) -> Check:
    """The process that its file names is there: for what has no door."""
    def check(root: Path) -> str:
        number = (root / path.lstrip("/")).read_text().split()[0]
        name = (root / "proc" / number / "comm").read_text().strip()
        return f"{name} runs"
    return check


CHECKS: dict[str, Check] = {
    "apache2": http(80, wanted="Apache2"),
    "bind9": dns(),
    "cockpit-ws": http(9090, statuses=(200, 400, 500)),
    "cron": pid_file("/run/crond.pid"),
    "dbus": talk(b"\0AUTH EXTERNAL 30\r\n", b"OK ", path="/run/dbus/system_bus_socket"),
    "dnsmasq": dns(),
    "docker.io": docker,
    "dropbear": banner(22, b"SSH-2.0-dropbear"),
    "exim4-daemon-light": banner(25, b"220 "),
    "fail2ban": talk(pickle.dumps(["ping"], 2) + b"<F2B_END_COMMAND>", b"pong", path="/run/fail2ban/fail2ban.sock"),
    "haproxy": talk(b"show info\n", b"HAProxy", path="/run/haproxy/admin.sock"),
    "kea-dhcp4-server": talk(b'{"command": "version-get"}', b'"result": 0', path="/run/kea/kea4-ctrl-socket"),
    "lighttpd": http(80, wanted="lighttpd"),
    "mariadb-server": talk(b"", b"MariaDB", path="/run/mysqld/mysqld.sock"),
    "memcached": talk(b"version\r\n", b"VERSION", 11211),
    "minidlna": http(8200, wanted="MiniDLNA"),
    "monit": pid_file("/run/monit.pid"),
    "mosquitto": mqtt,
    "mpd": banner(6600, b"OK MPD"),
    "munin-node": banner(4949, b"# munin node"),
    "nagios-nrpe-server": listens(5666),
    "nginx": http(80, wanted="nginx"),
    "opendkim": listens(path="/run/opendkim/opendkim.sock"),
    "openssh-server": banner(22, b"SSH-2.0-OpenSSH"),
    "postfix": banner(25, b"220 "),
    "postgresql": postgres,
    "privoxy": http(8118, statuses=(200, 400, 403, 404, 500, 503)),
    "proftpd-core": banner(21, b"220 "),
    "redis-server": talk(b"PING\r\n", b"+PONG", 6379),
    "rsyslog": syslog("rsyslogd"),
    "slapd": ldap,
    "spamd": talk(b"PING SPAMC/1.2\r\n\r\n", b"PONG", 783),
    "syslog-ng-core": syslog("syslog-ng"),
    "tftpd-hpa": tftp,
    "tinyproxy": talk(b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1", 8888),
    "tor": talk(b"\x05\x01\x00", b"\x05\x00", 9050),
    "transmission-daemon": http(9091, statuses=(200, 301, 401, 403, 409)),
    "unbound": dns(),
    "varnish": http(6081, statuses=(200, 503)),
    "vsftpd": banner(21, b"220 "),
    "zabbix-agent": talk(b"ZBXD\x01\x0a\0\0\0\0\0\0\0agent.ping", b"ZBXD", 10050),
}


def main(package: str, root: str) -> int:
    check = CHECKS.get(package)
    if check is None:
        print(json.dumps({"answer": "", "problem": ""}))
        return 0
    try:
        print(json.dumps({"answer": check(Path(root)), "problem": ""}))
        return 0
    except (OSError, NoAnswer) as problem:
        print(json.dumps({"answer": "", "problem": f"{type(problem).__name__}: {problem}"}))
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
