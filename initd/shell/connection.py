"""One stream of D-Bus messages, in both directions, that cannot make the manager wait.

Whoever owns it says what to do with a message (`on_message`) and with its end (`on_end`, once, whatever ended it).
Everything the other side can cost is bounded: the time to authenticate, the size of a message, the time in which messages
are served (`shell.backlog`), and the bytes that wait to be read. Who oversteps is hung up on.

Descriptors are accepted where the owner says so, and are its to take while it is told of the message that they came with;
what it leaves is closed behind that. Elsewhere `recv` without a control buffer makes the kernel close them. Those of answers
go out once.
"""

from __future__ import annotations

import _socket
import struct
from errno import EAGAIN
from select import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT

from initd.shell.fds import OwnedFd
from initd.wire import dbus
from initd.wire.sasl import HandshakeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from initd.shell.backlog import Backlog

    class Loop(Protocol):
        def add(self, fd: int, mask: int, callback: Callable[[int], None]) -> None: ...
        def modify(self, fd: int, mask: int) -> None: ...
        def remove(self, fd: int) -> None: ...

    class Handshake(Protocol):
        """One end of the talk before the first message (`wire.sasl`)."""

        rest: bytes

        @property
        def is_done(self) -> bool: ...
        def feed(self, data: bytes) -> bytes: ...

AUTHENTICATION_USEC = 10_000_000
#: A peer that has not taken a byte of what waits for it in this time has stopped reading; one that has not sent the rest of a
#: message it began has stopped talking.
STALL_USEC = 30_000_000
#: More than this and the peer's next messages wait until it has read; what is sent is added up to the second number.
ENOUGH_PENDING = 1 << 18
MAX_PENDING = 1 << 24
#: The same for files that wait to be taken.
ENOUGH_FILES = 4
#: Descriptors that may wait for their message to be complete.
MAX_FDS = 8


class Connection:
    """Owns its socket, which does not block. `clock` gives monotonic microseconds."""

    def __init__(
        self,
        loop: Loop,
        socket: _socket.socket,
        handshake: Handshake,
        clock: Callable[[], int],
        backlog: Backlog,
        on_message: Callable[[dbus.Message], None],
        on_end: Callable[[], None],
        most: int,
        most_pending: int = MAX_PENDING,
        most_elements: int = dbus.MAX_MESSAGE,
        takes_fds: bool = False,
    ) -> None:
        """`most` is the size of the longest message that is taken, `most_elements` how many its arrays may have,
        `most_pending` what may wait to be read."""
        self._loop = loop
        self._socket = socket
        self._fd = socket.fileno()
        self._handshake: Handshake | None = handshake
        self._clock = clock
        self._backlog = backlog
        self._on_message = on_message
        self._on_end = on_end
        self._parser = dbus.Parser(most, most_elements)
        self._most_pending = most_pending
        self._takes_fds = takes_fds
        #: Descriptors of messages that are not complete; and those of the message that is being served.
        self._fds: list[OwnedFd] = []
        self.passed: list[OwnedFd] = []
        self._pending = bytearray()
        self._mask = EPOLLIN
        self._has_waiting = False
        self._has_ended = False
        #: When to give up on the peer: authentication, or reading.
        self._deadline_usec: int | None = clock() + AUTHENTICATION_USEC
        #: When the rest of the message that has begun is to be there.
        self._rest_deadline_usec: int | None = None
        #: The peer takes descriptors.
        self.passes_fds = False
        #: Bytes sent so far, and the descriptors that go with what is pending: each with the number of its first byte.
        self._sent = 0
        self._files: list[tuple[int, OwnedFd]] = []
        #: Subjects of which the peer is to hear once it has read enough, and what makes the messages.
        self._behind: dict[str, Callable[[], list[bytes]]] = {}
        self.is_open = True
        loop.add(self._fd, self._mask, self._on_ready)

    @property
    def is_authenticated(self) -> bool:
        return self._handshake is None

    def close(self) -> None:
        if self.is_open:
            self.is_open = self._has_waiting = False
            if not self._has_ended:
                self._loop.remove(self._fd)
            self._socket.close()
            _close_all([*self._fds, *(file for _, file in self._files)])
            self._on_end()

    # --- what comes ------------------------------------------------------------------------------------------------

    def _on_ready(self, mask: int) -> None:
        self._or_end(self._hear, mask)

    def _or_end(self, action: Callable[[int], None], word: int) -> None:
        """What goes wrong with this one is the end of this one: it would go wrong again, and the peer wait for ever."""
        try:
            action(word)
        except Exception:
            self.close()
            raise

    def _hear(self, mask: int) -> None:
        if mask & EPOLLOUT:
            self._flush()
        if not self.is_open:
            return
        if mask & EPOLLIN and self._has_waiting:
            self._watch()
        elif mask & EPOLLIN:
            self._read()
        elif mask & (EPOLLHUP | EPOLLERR):
            self._hang_up()

    def _hang_up(self) -> None:
        """The peer is gone; what it has said before that is served yet."""
        if self._has_waiting:
            self._has_ended = True
            self._loop.remove(self._fd)
        else:
            self.close()

    def _read(self) -> None:
        try:
            data = self._receive()
        except OSError as problem:
            if problem.errno != EAGAIN:
                self.close()
            return
        if not data:
            self.close()
            return
        try:
            if self._handshake is not None:
                data = self._greet(self._handshake, data)
            self._parser.feed(data)
        except HandshakeError:
            self.close()
            return
        self._ask_for_turn(is_fresh=True)

    def _receive(self) -> bytes:
        if not self._takes_fds:
            return self._socket.recv(65536)
        space = _socket.CMSG_SPACE(4 * MAX_FDS)
        data, ancillary, flags, _ = self._socket.recvmsg(65536, space, _socket.MSG_CMSG_CLOEXEC)
        for level, kind, numbers in ancillary:
            if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
                whole = len(numbers) // 4
                self._fds += [OwnedFd(fd) for fd in struct.unpack(f"={whole}i", numbers[: 4 * whole])]
        # Too many of them, and none of them is worth anything: which message they belong to nobody knows any more.
        return b"" if flags & _socket.MSG_CTRUNC or len(self._fds) > MAX_FDS else data

    def _greet(self, handshake: Handshake, data: bytes) -> bytes:
        """Go on with the handshake; returns the messages that came behind it."""
        answer = handshake.feed(data)
        if handshake.is_done:
            self._handshake = None
            self._deadline_usec = None
            self.passes_fds = bool(getattr(handshake, "passes_fds", False))
        self.send(answer)
        return handshake.rest

    def _ask_for_turn(self, is_fresh: bool = False) -> None:
        """Messages may be complete. Until they are served no more are read."""
        if self.is_open and not self._has_waiting:
            self._has_waiting = True
            self._backlog.add(lambda end_usec: self._or_end(self._serve, end_usec), is_fresh)

    def _serve(self, end_usec: int) -> None:
        """Hand over messages that are complete; the rest waits for another turn, or for the peer to read."""
        self._has_waiting = False
        has_more = True
        while self.is_open and not self._is_full:
            has_more = self._serve_one()
            if not has_more or self._clock() >= end_usec:
                break
        if self._fds and not self._parser.unread:
            _close_all(self._fds)  # no message has said that they are its own
        if has_more and not self._is_full:
            self._ask_for_turn()
        elif self._has_ended:
            self.close()
        self._watch()

    def _serve_one(self) -> bool:
        """False: none is complete."""
        try:
            message = self._parser.next_message()
        except dbus.WireError:
            self.close()
            return False
        self._expect_rest(message is None and self._parser.pending > 0)
        if message is None:
            return False
        if self._takes_fds and message.fds > len(self._fds):
            self.close()
            return False
        self._hand_over(message)
        return True

    def _hand_over(self, message: dbus.Message) -> None:
        if not self._takes_fds or not message.fds:
            self._on_message(message)
            return
        self.passed, self._fds = self._fds[: message.fds], self._fds[message.fds :]
        try:
            self._on_message(message)
        finally:
            _close_all(self.passed)

    def _expect_rest(self, has_begun: bool) -> None:
        if not has_begun:
            self._rest_deadline_usec = None
        elif self._rest_deadline_usec is None:
            self._rest_deadline_usec = self._clock() + STALL_USEC

    @property
    def _is_full(self) -> bool:
        """Enough waits for the peer to read it."""
        return len(self._pending) > ENOUGH_PENDING or len(self._files) >= ENOUGH_FILES

    def _watch(self) -> None:
        """Ask the loop for what matters now: room to write, and more messages unless there are enough already."""
        if not self.is_open or self._has_ended:
            return
        mask = EPOLLOUT if self._pending else 0
        if not self._has_waiting and not self._is_full:
            mask |= EPOLLIN
        if mask != self._mask:
            self._mask = mask
            self._loop.modify(self._fd, mask)

    # --- what goes -------------------------------------------------------------------------------------------------

    def send(self, data: bytes, file: OwnedFd | None = None) -> None:
        """As much as fits now, the rest when there is room; to a peer that is gone, nothing. A file goes along, and is ours."""
        if not data or not self.is_open:
            if file is not None:
                file.close()
            return
        if file is not None:
            self._files.append((self._sent + len(self._pending), file))
        has_queue = bool(self._pending)
        self._pending += data
        if not has_queue:
            self._write()
        if len(self._pending) > self._most_pending:
            self.close()
        self._watch()

    @property
    def is_behind(self) -> bool:
        """The peer has so much to read that news may wait."""
        return len(self._pending) > ENOUGH_PENDING

    def send_later(self, subject: str, make: Callable[[], list[bytes]]) -> None:
        """When the peer has caught up, what is true of the subject then; it takes the place of what was to be sent of it."""
        self._behind[subject] = make

    def _catch_up(self) -> None:
        while self._behind and self.is_open and not self.is_behind:
            subject = next(iter(self._behind))
            for data in self._behind.pop(subject)():
                self.send(data)

    def _flush(self) -> None:
        was_full = self._is_full
        self._write()
        self._catch_up()
        if was_full and self.is_open and not self._is_full:
            self._ask_for_turn()  # its messages had to wait
        self._watch()

    def _write(self) -> None:
        try:
            sent = self._send_some()
        except OSError as problem:
            if problem.errno != EAGAIN:
                self.close()
                return
            sent = 0
        self._sent += sent
        del self._pending[:sent]
        if self._handshake is not None:
            return
        if not self._pending:
            self._deadline_usec = None
        elif sent or self._deadline_usec is None:
            self._deadline_usec = self._clock() + STALL_USEC

    def _send_some(self) -> int:
        """A descriptor goes with the first byte of its message, and no other with it: each send ends where one begins."""
        starts = [start for start, _ in self._files[:2]]
        if not starts:
            return self._socket.send(self._pending, _socket.MSG_NOSIGNAL)
        if starts[0] > self._sent:
            return self._socket.send(self._pending[: starts[0] - self._sent], _socket.MSG_NOSIGNAL)
        end = starts[1] - self._sent if len(starts) > 1 else len(self._pending)
        file = self._files[0][1]
        rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", file.fileno()))
        sent = self._socket.sendmsg([self._pending[:end]], [rights], _socket.MSG_NOSIGNAL)
        del self._files[0]
        file.close()
        return sent

    # --- another manager in our place ------------------------------------------------------------------------------

    def save(self, fds: list[int]) -> dict[str, Any]:
        """All that is under way; the descriptor must be inherited."""
        fds += [self._fd, *(file.fileno() for _, file in self._files)]
        handshake = vars(self._handshake) if self._handshake is not None else None
        waiting = [each.fileno() for each in self._fds]
        fds += waiting
        return {"fd": self._fd, "fds": waiting, "read": self._parser.unread, "pending": bytes(self._pending),
                "deadline": self._deadline_usec, "handshake": handshake, "passes_fds": self.passes_fds,
                "files": [(start - self._sent, file.fileno()) for start, file in self._files]}

    def go_on(self, saved: dict[str, Any]) -> None:
        """As the one that was saved, whose socket this has got."""
        if saved["handshake"] is None:
            self._handshake = None
        else:
            vars(self._handshake).update(saved["handshake"])
        self._deadline_usec = saved["deadline"]
        self._fds = [OwnedFd(fd) for fd in saved.get("fds", ())]
        self.passes_fds = saved["passes_fds"]
        self._files = [(start, OwnedFd(fd)) for start, fd in saved["files"]]
        self._parser.feed(saved["read"])
        self._pending += saved["pending"]
        self._ask_for_turn()  # what was sent already does not make the socket ready again
        self._watch()

    # --- time ------------------------------------------------------------------------------------------------------

    def next_deadline(self) -> int | None:
        """When `on_deadline` wants to be called."""
        return min(self._deadlines, default=None)

    @property
    def _deadlines(self) -> list[int]:
        return [usec for usec in (self._deadline_usec, self._rest_deadline_usec) if usec is not None]

    def on_deadline(self, now_usec: int) -> None:
        if any(usec <= now_usec for usec in self._deadlines):
            self.close()


def _close_all(fds: list[OwnedFd]) -> None:
    """What was taken stays open."""
    for fd in fds:
        fd.close()
    fds.clear()


def encode_answer(message: dbus.Message) -> bytes:
    """The bytes of a reply. A value that does not fit its signature is our mistake: the caller hears of it as an error, and
    nobody else suffers."""
    try:
        return dbus.encode(message)
    except dbus.WireError as problem:
        text = f"The answer cannot be sent: {problem}".replace("\0", "?")
        name = "org.freedesktop.DBus.Error.Failed"
        return dbus.encode(message.replace(type=dbus.ERROR, error_name=name, signature="s", body=(text,)))
