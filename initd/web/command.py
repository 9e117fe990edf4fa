"""`pyinit-web`: which part of the page runs, with what. The package's docstring says what the parts are."""

from __future__ import annotations

import os
import secrets
import socket
import sys

from initd.cli.getopt import parse
from initd.cli.options import UsageError
from initd.cli.output import is_answered
from initd.web import guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

TOKEN_PATH = "/etc/credstore/pyinit-web.token"
_HELP = f"""\
pyinit-web COMMAND [OPTIONS...]

A page and a small HTTP API for what runs in a container of pyinit.

Commands:
  token [PATH]     Make a new token, write it there, and print it; never over
                   an old one (default: {TOKEN_PATH})
  serve            Speak HTTP on the sockets of pyinit-web.socket
  broker           Put what it asks to the manager, on those of
                   pyinit-web-broker.socket

Options:
     --closed       Looking takes the token on loopback and unix sockets, too
     --host=NAME    A name that loopback may be called by, besides localhost
     --broker=PATH  Where the broker listens
     --idle=SECONDS When to end, where nobody asks for anything: the socket
                    starts it again (default: 600; 0: never)
  -h --help         Show this help
     --version      Show the version
"""
_LONG = {"help": "", "version": "", "closed": "", "host": "=", "broker": "=", "idle": "="}
_SHORT = {"h": "help"}
#: Where systemd puts the first socket (sd_listen_fds(3)).
_FIRST = 3


def main(arguments: list[str] | None = None) -> int:
    """The exit status."""
    try:
        given, words = parse(sys.argv[1:] if arguments is None else arguments, "pyinit-web", _LONG, _SHORT)
        for name, _ in given:
            if is_answered((name,), _HELP):
                return 0
        if not words or words[0] not in ("token", "serve", "broker") or len(words) > (2 if words[0] == "token" else 1):
            raise UsageError("One of token, serve and broker is to be given; see pyinit-web --help.")
        if words[0] == "token":
            return _make_token(words[1] if len(words) > 1 else TOKEN_PATH)
        return _broker(given) if words[0] == "broker" else _serve(given)
    except (UsageError, guard.BadToken) as problem:
        print(f"pyinit-web: {problem}", file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"pyinit-web: {problem.filename or 'socket'}: {problem.strerror}", file=sys.stderr)
        return 1


def _make_token(path: str) -> int:
    token = secrets.token_urlsafe(24)
    if directory := os.path.dirname(path):
        os.makedirs(directory, 0o700, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(token + "\n")
    print(token)
    return 0


def _idle_sec(given: list[tuple[str, str]]) -> int:
    text = ([value for name, value in given if name == "idle"] or ["600"])[-1]
    if not text.isdecimal() or int(text) > 10**6:
        raise UsageError(f"--idle={text} is no number of seconds.")
    return int(text)


def _broker(given: list[tuple[str, str]]) -> int:
    from initd.web.broker import Broker

    listeners = _listeners()
    if len(listeners) != 1:
        raise UsageError("The broker listens on one socket.")
    token = guard.read_token(_credential("pyinit-web.token"))
    if not token:
        print("No token is set: there is nothing but looking.", file=sys.stderr)
    Broker(token).serve(listeners[0], _idle_sec(given))
    return 0


def _serve(given: list[tuple[str, str]]) -> int:
    import asyncio

    try:
        from initd.web import server
    except ModuleNotFoundError as problem:
        raise UsageError(f"There is no module {problem.name} here: install python3-tornado, or pyinit[web] by pip.") from None
    setup = server.Setup(
        any(name == "closed" for name, _ in given), frozenset(value.lower() for name, value in given if name == "host"), _tls(),
        guard.read_token(_credential("pyinit-web.token")), next((value for name, value in given if name == "broker"), ""),
        _idle_sec(given))
    listeners = _listeners()
    for listener in listeners:
        if not server.policy_for(listener, setup).is_tls and listener.family != socket.AF_UNIX \
                and not guard.is_loopback(listener.getsockname()[0]):
            print(f"On {listener.getsockname()[0]} the token travels in the clear: there is no certificate.", file=sys.stderr)
    asyncio.run(server.serve(listeners, setup))
    return 0


def _listeners() -> list[socket.socket]:
    """sd_listen_fds(3)."""
    count = os.environ.pop("LISTEN_FDS", "") if os.environ.pop("LISTEN_PID", "") == str(os.getpid()) else ""
    if not count.isdecimal() or not int(count):
        raise UsageError("There are no sockets to listen on: it is started by its socket unit.")
    found = []
    for fd in range(_FIRST, _FIRST + int(count)):
        os.set_inheritable(fd, False)
        found.append(socket.socket(fileno=fd))
    return found


def _path(name: str) -> str:
    """Of a credential; "" where it was not given."""
    path = os.path.join(os.environ.get("CREDENTIALS_DIRECTORY", ""), name)
    return path if os.path.isabs(path) and os.path.exists(path) else ""


def _credential(name: str) -> str:
    path = _path(name)
    if not path:
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read(4096)


def _tls() -> ssl.SSLContext | None:
    """Of the credentials pyinit-web.certificate, .key and .client-ca; None without the first."""
    certificate = _path("pyinit-web.certificate")
    if not certificate:
        return None
    import ssl

    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, _path("pyinit-web.key") or None)
        if client_ca := _path("pyinit-web.client-ca"):
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_OPTIONAL
    except ssl.SSLError as problem:
        raise UsageError(f"The credentials for TLS cannot be used: {problem}") from None
    return context
