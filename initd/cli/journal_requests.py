"""What `journalctl` asks of the journal process: `--sync`, `--flush`, `--rotate`, `--relinquish-var`.

By the socket that systemd's own asks by, in Varlink: a JSON object and a NUL, each way. The answer comes when it is done.
"""

from __future__ import annotations

import _socket
import os

from initd.cli.output import complain

ADDRESS = "/run/systemd/journal/io.systemd.journal"
_METHODS = {
    "sync": "Synchronize", "flush": "FlushToVar", "rotate": "Rotate", "relinquish-var": "RelinquishVar",
    "smart-relinquish-var": "RelinquishVar",
}
_ANSWER_MAX = 64 * 1024


def _is_on_root() -> bool:
    """Whether the journal is on the root file system, which is not unmounted before the end."""
    try:
        return os.stat("/").st_dev == os.stat("/var/log/journal").st_dev
    except OSError:
        return False


def ask(command: str, address: str = "") -> int:
    """The exit status."""
    address = address or ADDRESS
    if command == "smart-relinquish-var" and _is_on_root():
        return 0
    request = b'{"method":"io.systemd.Journal.%b"}\0' % _METHODS[command].encode()
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        sock.connect(address)
    except OSError as problem:
        complain(f"Failed to connect to {address}: {problem.strerror}")
        return 1
    try:
        sock.sendall(request)
        answer = b""
        while not answer.endswith(b"\0") and len(answer) < _ANSWER_MAX:
            data = sock.recv(4096)
            if not data:
                break
            answer += data
    except OSError as problem:
        complain(f"Failed to invoke varlink call: {problem.strerror}")
        return 1
    finally:
        sock.close()
    if not answer.endswith(b"\0") or b'"error"' in answer.replace(b" ", b""):
        complain(f"Failed to execute operation: {answer.rstrip(bytes(1)).decode('utf-8', 'replace') or 'no answer'}")
        return 1
    return 0
