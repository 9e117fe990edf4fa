"""Who is let in: tokens, tickets, names in a Host header."""

from __future__ import annotations

import pytest

from initd.web import guard

TOKEN = "0123456789abcdefXYZ"
NOW = 1_800_000_000.0


def test_the_token_is_a_proof_and_without_one_nothing_is():
    assert guard.is_proof(TOKEN, TOKEN, NOW)
    for proof in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "ü" * 20):
        assert not guard.is_proof(TOKEN, proof, NOW)
    for proof in ("", "x", guard.make_ticket("", NOW, "n")):
        assert not guard.is_proof("", proof, NOW)


def test_a_ticket_is_a_proof_until_it_runs_out_or_the_token_is_another():
    ticket = guard.make_ticket(TOKEN, NOW, "nonce")
    assert TOKEN not in ticket and ticket != guard.make_ticket(TOKEN, NOW, "other")
    assert guard.is_proof(TOKEN, ticket, NOW + guard.TICKET_SEC - 1)
    assert not guard.is_proof(TOKEN, ticket, NOW + guard.TICKET_SEC)
    assert not guard.is_proof(TOKEN + "x", ticket, NOW)


def test_a_ticket_cannot_be_changed():
    expiry, nonce, signature = guard.make_ticket(TOKEN, NOW, "nonce").split(".")
    for forged in (f"{int(expiry) + 1}.{nonce}.{signature}", f"{expiry}.x.{signature}", f"{expiry}.{nonce}.",
                   f"{expiry}.{nonce}", f"{expiry}.{nonce}.{signature[:-1]}", f".{signature}", "..", "."):
        assert not guard.is_proof(TOKEN, forged, NOW)


@pytest.mark.parametrize("text, token", [("", ""), (" \n", ""), (f"{TOKEN}\n", TOKEN)])
def test_tokens_are_read(text, token):
    assert guard.read_token(text) == token


@pytest.mark.parametrize("text", ["short", "fifteen letters", "two words of the token", "a" * 20 + "ü", "a" * 20 + "\x07b"])
def test_tokens_that_can_be_guessed_or_are_none_are_refused(text):
    with pytest.raises(guard.BadToken):
        guard.read_token(text)


def test_bearers():
    headers = ("Bearer abc", "bearer  abc ", "Basic abc", "abc", "")
    assert [guard.bearer(header) for header in headers] == ["abc", "abc", "", "", ""]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "a.localhost.", "127.0.0.1:8128", "127.8.8.8", "[::1]:1",
                                  "[::1]", "[::1", "box:1"])
def test_own_hosts(host):
    assert guard.is_own_host(host, frozenset(("box",)))


@pytest.mark.parametrize("host", ["", "evil.example", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example",
                                  "10.0.0.1", "[::2]:80", "box.evil", "127.0.0.1@evil"])
def test_hosts_of_others(host):
    assert not guard.is_own_host(host, frozenset(("box",)))


def test_loopback():
    addresses = ("127.0.0.1", "::1", "0.0.0.0", "::", "fe80::1%eth0", "/run/http")
    assert [guard.is_loopback(address) for address in addresses] == [True, True, False, False, False, False]
