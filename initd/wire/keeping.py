"""What the journal asks the manager to keep for it, so that another journal can go on where one was killed: as bytes.

One packet is one message: a letter, the stream it is about (16 bytes, no other stream ever has the same), and what the
manager keeps without looking into it. With KEEP comes the stream's descriptor, with LINES that of a memory file.

What a new journal gets is one memory file: a list of streams, each the number of its descriptor, its name and its state.
"""

from __future__ import annotations

from struct import Struct

#: A stream that there was not before: its name, its state, and its descriptor.
KEEP = b"K"
#: The stream's state has changed.
CHANGE = b"C"
#: These streams, one name behind the other, have ended.
DROP = b"D"
#: The unfinished lines of all streams, in a memory file; without one there are none.
LINES = b"L"
#: The journal has begun to read.
READY = b"R"

NAME_SIZE = 16
#: A stream's header that is too long, and some.
STATE_MAX = 9 * 1024
MESSAGE_MAX = 1 + NAME_SIZE + STATE_MAX
_STREAM = Struct(f"i{NAME_SIZE}sI")
#: So many names go into one message.
NAMES_MAX = STATE_MAX // NAME_SIZE


def encode(kind: bytes, name: bytes = b"", state: bytes = b"") -> bytes:
    return kind + name + state


def decode(message: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Its kind, a name, and a state (of DROP: all names); None where it makes no sense."""
    kind, rest = message[:1], message[1:]
    if kind in (KEEP, CHANGE):
        name, state = rest[:NAME_SIZE], rest[NAME_SIZE:]
        return (kind, name, state) if len(name) == NAME_SIZE and len(state) <= STATE_MAX else None
    if kind == DROP:
        return (kind, b"", rest) if len(rest) % NAME_SIZE == 0 else None
    return (kind, b"", b"") if kind in (LINES, READY) and not rest else None


def split_names(names: bytes) -> list[bytes]:
    return [names[start:start + NAME_SIZE] for start in range(0, len(names), NAME_SIZE)]


def encode_streams(streams: list[tuple[int, bytes, bytes]]) -> bytes:
    return b"".join([_STREAM.pack(fd, name, len(state)) + state for fd, name, state in streams])


def decode_streams(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """ValueError where it is not what `encode_streams` has made."""
    streams, position = [], 0
    while position < len(data):
        if position + _STREAM.size > len(data):
            raise ValueError("the list of streams is torn")
        fd, name, length = _STREAM.unpack_from(data, position)
        begin = position + _STREAM.size
        position = begin + length
        if position > len(data):
            raise ValueError("the last stream is torn")
        streams.append((fd, name, data[begin:position]))
    return streams
