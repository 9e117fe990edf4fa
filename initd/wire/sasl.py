"""The talk that opens a D-Bus connection, from both ends (D-Bus Specification, "Authentication Protocol").

Only EXTERNAL: the kernel says who the peer is, the peer may repeat it. Owns no socket.
"""

from __future__ import annotations

#: All that a client has to say, at once, as sd-bus does; the first message may follow in the same write.
CLIENT_GREETING = b"\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"
#: The same of one that takes no descriptors: then a bus refuses those that are sent to it.
PLAIN_GREETING = b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"

#: Longest line, and most lines, that a peer may need to authenticate.
MAX_LINE = 512
MAX_LINES = 16


class HandshakeError(Exception):
    """The peer does not speak the protocol, or is not who it says."""


class ServerHandshake:
    """Feed what the peer sends, send what `feed` returns; `is_done` tells when messages follow, `rest` is their start."""

    def __init__(self, uid: int, guid: str, accepts_fds: bool = False) -> None:
        self._uid = uid
        self._guid = guid
        self._accepts_fds = accepts_fds
        self._buffer = bytearray()
        self._is_opened = False
        self._is_authenticated = False
        self._awaits_data = False
        self._lines = 0
        self.is_done = False
        self.passes_fds = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        if not self._is_opened and self._buffer:
            if self._buffer[0] != 0:
                raise HandshakeError("the first byte is not NUL")
            del self._buffer[0]
            self._is_opened = True
        answers = bytearray()
        while not self.is_done:
            line, separator, _ = self._buffer.partition(b"\r\n")
            if len(line) > MAX_LINE or self._lines > MAX_LINES:
                raise HandshakeError("too much talk before authentication")
            if not separator:
                break
            del self._buffer[: len(line) + 2]
            self._lines += 1
            answers += self._answer(bytes(line))
        if self.is_done:
            self.rest, self._buffer = bytes(self._buffer), bytearray()
        return bytes(answers)

    def _answer(self, line: bytes) -> bytes:
        command, _, argument = line.partition(b" ")
        if command == b"AUTH":
            return self._answer_auth(argument)
        if command == b"DATA" and self._awaits_data:
            return self._accept(argument)
        if command == b"NEGOTIATE_UNIX_FD" and self._is_authenticated and self._accepts_fds:
            self.passes_fds = True
            return b"AGREE_UNIX_FD\r\n"
        if command == b"BEGIN":
            if not self._is_authenticated:
                raise HandshakeError("BEGIN before authentication")
            self.is_done = True
            return b""
        if command in (b"CANCEL", b"ERROR"):
            self._is_authenticated = self._awaits_data = False
            return b"REJECTED EXTERNAL\r\n"
        return b"ERROR\r\n"

    def _answer_auth(self, argument: bytes) -> bytes:
        mechanism, _, identity = argument.partition(b" ")
        if mechanism != b"EXTERNAL":
            return b"REJECTED EXTERNAL\r\n"
        if identity:
            return self._accept(identity)
        self._awaits_data = True
        return b"DATA\r\n"

    def _accept(self, identity: bytes) -> bytes:
        """The peer's word counts only where it repeats the kernel's."""
        self._awaits_data = False
        if identity:
            try:
                claimed = int(bytes.fromhex(identity.decode("ascii")))
            except ValueError:
                claimed = -1
            if claimed != self._uid:
                return b"REJECTED EXTERNAL\r\n"
        self._is_authenticated = True
        return b"OK " + self._guid.encode() + b"\r\n"


class ClientHandshake:
    """The answers to `CLIENT_GREETING`, or to `PLAIN_GREETING`: feed bytes until `is_done`; `rest` is the start of what
    follows. There is nothing to answer: `feed` returns that."""

    def __init__(self, passes_fds: bool = True) -> None:
        self._buffer = bytearray()
        self._expected = [b"DATA", b"OK"] + [b"AGREE_UNIX_FD"] * passes_fds
        self.rest = b""

    @property
    def is_done(self) -> bool:
        return not self._expected

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        while self._expected:
            line, separator, _ = self._buffer.partition(b"\r\n")
            if not separator:
                if len(line) > MAX_LINE:
                    raise HandshakeError("the server does not speak D-Bus")
                return b""
            del self._buffer[: len(line) + 2]
            command = bytes(line.partition(b" ")[0])
            if command == self._expected[0]:
                del self._expected[0]
            elif command == b"ERROR" and self._expected == [b"AGREE_UNIX_FD"]:
                del self._expected[0]  # no descriptors over this connection; we send none
            else:
                raise HandshakeError(f"the server refused: {bytes(line).decode('utf-8', 'replace')}")
        self.rest, self._buffer = bytes(self._buffer), bytearray()
        return b""
