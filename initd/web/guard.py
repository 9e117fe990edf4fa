"""Who is let in: tokens, the tickets given for them, and names in a Host header. Values only: the time is an argument."""

from __future__ import annotations

import hashlib
import hmac
from ipaddress import ip_address

#: Seconds for which a ticket is good.
TICKET_SEC = 12 * 3600
#: Characters. A shorter token can be guessed.
FEWEST = 16


class BadToken(ValueError):
    """A token that is none; the text says why."""


def read_token(text: str) -> str:
    """The token in a credential's text; "" where there is none. BadToken where it must not be used."""
    token = text.strip()
    if token and (len(token) < FEWEST or not token.isascii() or not token.isprintable() or " " in token):
        raise BadToken(f"the token must be one word of at least {FEWEST} printable ASCII characters")
    return token


def make_ticket(token: str, now: float, nonce: str) -> str:
    """EXPIRY.NONCE.SIGNATURE. `now` in seconds since the epoch; the nonce is a word without a dot."""
    head = f"{int(now) + TICKET_SEC}.{nonce}"
    return f"{head}.{_sign(token, head)}"


def is_proof(token: str, proof: str, now: float) -> bool:
    """Whether this is the token, or a ticket given for it that is still good. Without a token nothing is."""
    if not token or not proof or not proof.isascii():
        return False
    if hmac.compare_digest(hashlib.sha256(proof.encode()).digest(), hashlib.sha256(token.encode()).digest()):
        return True
    head, _, signature = proof.rpartition(".")
    expiry = head.partition(".")[0]
    return hmac.compare_digest(signature, _sign(token, head)) and expiry.isdecimal() and now < int(expiry)


def _sign(token: str, head: str) -> str:
    return hmac.new(b"pyinit-web ticket " + token.encode(), head.encode(), hashlib.sha256).hexdigest()


def bearer(header: str) -> str:
    """The token of an Authorization header; "" where there is none."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def is_loopback(address: str) -> bool:
    """Of an IP address as getsockname() has it."""
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """The name in a Host header, without port, in small letters."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


def is_own_host(host: str, names: frozenset[str]) -> bool:
    """Whether a Host header names this machine by a loopback name, or by one of those allowed."""
    name = host_name(host)
    return name == "localhost" or name.endswith(".localhost") or is_loopback(name) or name in names
