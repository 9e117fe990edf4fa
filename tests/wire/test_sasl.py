"""Both ends of the handshake: sd-bus' way, libdbus' way, and peers who lie or ramble."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.wire.sasl import CLIENT_GREETING, ClientHandshake, HandshakeError, ServerHandshake

GUID = "0123456789abcdef0123456789abcdef"


def test_sd_bus_sends_all_at_once_and_its_first_message_with_it():
    server = ServerHandshake(0, GUID, accepts_fds=True)
    assert server.feed(CLIENT_GREETING + b"l\x01") == f"DATA\r\nOK {GUID}\r\nAGREE_UNIX_FD\r\n".encode()
    assert server.is_done and server.passes_fds and server.rest == b"l\x01"


def test_byte_by_byte_is_the_same():
    server = ServerHandshake(0, GUID)
    answers = b"".join(server.feed(bytes((byte,))) for byte in CLIENT_GREETING)
    assert answers == f"DATA\r\nOK {GUID}\r\nERROR\r\n".encode()  # it does not want descriptors
    assert server.is_done and server.rest == b""


def test_libdbus_waits_for_each_answer_and_names_its_uid():
    server = ServerHandshake(1000, GUID)
    assert server.feed(b"\0AUTH\r\n") == b"REJECTED EXTERNAL\r\n"
    assert server.feed(b"AUTH EXTERNAL 31303030\r\n") == f"OK {GUID}\r\n".encode()
    assert server.feed(b"BEGIN\r\n") == b""
    assert server.is_done and not server.passes_fds


@pytest.mark.parametrize("line", [b"AUTH EXTERNAL 30", b"AUTH EXTERNAL zz", b"AUTH ANONYMOUS", b"AUTH X 30"])
def test_a_wrong_identity_or_mechanism_is_rejected(line):
    server = ServerHandshake(1000, GUID)
    assert server.feed(b"\0" + line + b"\r\n") == b"REJECTED EXTERNAL\r\n"
    with pytest.raises(HandshakeError):
        server.feed(b"BEGIN\r\n")


def test_negotiation_needs_authentication_first():
    assert ServerHandshake(0, GUID).feed(b"\0NEGOTIATE_UNIX_FD\r\nDATA\r\nHELLO\r\n") == b"ERROR\r\n" * 3


@pytest.mark.parametrize("data", [b"GET / HTTP/1.0\r\n", b"\0" + b"x" * 2000, b"\0" + b"NOP\r\n" * 100])
def test_rubbish_ends_the_talk(data):
    with pytest.raises(HandshakeError):
        ServerHandshake(0, GUID).feed(data)


@given(st.binary(max_size=300))
def test_nothing_but_a_handshake_error_is_raised(data):
    for prefix in (b"", b"\0", b"\0AUTH EXTERNAL "):
        try:
            ServerHandshake(0, GUID).feed(prefix + data)
        except HandshakeError:
            pass
    try:
        ClientHandshake().feed(data)
    except HandshakeError:
        pass


def test_client_and_server_agree():
    server, client = ServerHandshake(0, GUID), ClientHandshake()
    client.feed(server.feed(CLIENT_GREETING) + b"l\x02")
    assert client.is_done and client.rest == b"l\x02"


def test_client_can_live_without_descriptor_passing():
    client = ClientHandshake()
    client.feed(b"DATA\r\nOK x\r\nERROR\r\n")
    assert client.is_done


def test_client_notices_a_refusal():
    with pytest.raises(HandshakeError, match="REJECTED"):
        ClientHandshake().feed(b"REJECTED EXTERNAL\r\n")
