"""The D-Bus wire format: values ↔ bytes, and messages out of a byte stream (D-Bus Specification 0.38, "Message Protocol").

Owns no socket and waits for nothing. Knows nothing of what a message asks for. Both byte orders are read, little
endian is written. Whatever bytes arrive, the only exception is `WireError`, and a message costs at most `limit` bytes.

Python's side of the types: integers, `bool`, `float` and `str` are themselves; `ay` is `bytes`, other arrays are lists,
`a{..}` is a dict, a struct is a tuple, a variant is a pair (signature, value), `h` is the index of a descriptor.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError

from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

METHOD_CALL, METHOD_RETURN, ERROR, SIGNAL = 1, 2, 3, 4

NO_REPLY_EXPECTED, NO_AUTO_START, ALLOW_INTERACTIVE = 1, 2, 4

#: What the specification allows for an array, and for containers inside each other.
MAX_ARRAY = 1 << 26
MAX_DEPTH = 32
MAX_TOTAL_DEPTH = 64
#: What we allow for a message; the specification's own limit is 128 MiB.
MAX_MESSAGE = 1 << 24

_CODES = {"y": "B", "b": "I", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "h": "I"}
_LITTLE = {kind: Struct("<" + code) for kind, code in _CODES.items()}
_BIG = {kind: Struct(">" + code) for kind, code in _CODES.items()}
_ALIGNMENT = {"y": 1, "g": 1, "v": 1, "n": 2, "q": 2, "b": 4, "i": 4, "u": 4, "h": 4, "s": 4, "o": 4, "a": 4}
_ALIGNMENT.update({"x": 8, "t": 8, "d": 8, "(": 8, "{": 8})
_BASIC = frozenset("ybnqiuxtdhsog")
_PATH_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")


class WireError(Exception):
    """These bytes are no D-Bus, or this value does not fit its signature."""


class Message(Record):
    """One message. `body` holds one value for each complete type of `signature`; `fds` counts the descriptors sent along."""

    type: int
    serial: int
    flags: int = 0
    path: str = ""
    interface: str = ""
    member: str = ""
    error_name: str = ""
    reply_serial: int = 0
    destination: str = ""
    sender: str = ""
    signature: str = ""
    body: tuple[object, ...] = ()
    fds: int = 0


#: Number of a header field → (its attribute of Message, its type).
_FIELDS = {
    1: ("path", "o"),
    2: ("interface", "s"),
    3: ("member", "s"),
    4: ("error_name", "s"),
    5: ("reply_serial", "u"),
    6: ("destination", "s"),
    7: ("sender", "s"),
    8: ("signature", "g"),
    9: ("fds", "u"),
}
_REQUIRED = {
    METHOD_CALL: ("path", "member"),
    METHOD_RETURN: ("reply_serial",),
    ERROR: ("error_name", "reply_serial"),
    SIGNAL: ("path", "interface", "member"),
}


# --- signatures ---------------------------------------------------------------------------------------------------

_split_cache: dict[str, tuple[str, ...]] = {}


def split(signature: str) -> tuple[str, ...]:
    """The complete types a signature is made of: "sa{sv}" → ("s", "a{sv}")."""
    found = _split_cache.get(signature)
    if found is not None:
        return found
    if len(signature) > 255:
        raise WireError("signature longer than 255")
    types = []
    start = 0
    while start < len(signature):
        end = _type_end(signature, start, 0, 0)
        types.append(signature[start:end])
        start = end
    if len(_split_cache) >= 1024:  # peers choose signatures, so there must be an end to what we remember of them
        _split_cache.clear()
    _split_cache[signature] = tuple(types)
    return _split_cache[signature]


def _type_end(signature: str, start: int, arrays: int, structs: int) -> int:
    """Where the complete type that begins at `start` ends."""
    if arrays > MAX_DEPTH or structs > MAX_DEPTH:
        raise WireError("signature nests too deep")
    code = signature[start : start + 1]
    if code in _BASIC or code == "v":
        if code:
            return start + 1
    elif code == "a":
        if signature[start + 1 : start + 2] == "{":
            return _entry_end(signature, start + 1, arrays + 1, structs)
        return _type_end(signature, start + 1, arrays + 1, structs)
    elif code == "(":
        position = start + 1
        while signature[position : position + 1] != ")":
            position = _type_end(signature, position, arrays, structs + 1)
        if position > start + 1:
            return position + 1
    raise WireError(f"invalid signature {signature!r}")


def _entry_end(signature: str, start: int, arrays: int, structs: int) -> int:
    if signature[start + 1 : start + 2] not in _BASIC or start + 1 >= len(signature):
        raise WireError(f"invalid dictionary key in signature {signature!r}")
    end = _type_end(signature, start + 2, arrays, structs + 1)
    if signature[end : end + 1] != "}":
        raise WireError(f"invalid signature {signature!r}")
    return end + 1


def is_object_path(text: str) -> bool:
    if text == "/":
        return True
    if not text.startswith("/"):
        return False
    return all(element and _PATH_CHARACTERS.issuperset(element) for element in text[1:].split("/"))


# --- writing ------------------------------------------------------------------------------------------------------


def marshal(signature: str, values: tuple[Any, ...] | list[Any]) -> bytes:
    """The body of a message; every value must fit its type."""
    types = split(signature)
    if len(types) != len(values):
        raise WireError(f"signature {signature!r} takes {len(types)} values, got {len(values)}")
    out = bytearray()
    for kind, value in zip(types, values):
        _write(out, kind, value, 0)
    return bytes(out)


def _write(out: bytearray, kind: str, value: Any, depth: int) -> None:
    code = kind[0]
    try:
        if code == "s":
            _write_text(out, value)
        elif code in _LITTLE:
            _pad(out, _ALIGNMENT[code])
            out += _LITTLE[code].pack(_checked_bool(value) if code == "b" else value)
        elif code == "v":
            _write_variant(out, value, depth)
        elif code == "a":
            _write_array(out, kind, value, depth)
        elif code == "(":
            _write_struct(out, kind, value, depth)
        elif code == "o":
            if not is_object_path(value):
                raise WireError(f"not an object path: {value!r}")
            _write_text(out, value)
        else:
            _write_signature(out, value)
    except (StructError, TypeError, ValueError, AttributeError, KeyError, IndexError, OverflowError) as problem:
        raise WireError(f"{value!r} does not fit {kind!r}: {problem}") from None


def _pad(out: bytearray, alignment: int) -> None:
    out += bytes(-len(out) % alignment)


def _checked_bool(value: Any) -> bool:
    if value is True or value is False:
        return value
    raise WireError(f"not a boolean: {value!r}")


def _write_text(out: bytearray, value: str) -> None:
    # Text from unit files and /proc may carry bytes that are no UTF-8 (as surrogates); D-Bus cannot, so "?" goes out.
    data = value.encode("utf-8", "replace")
    if 0 in data:
        raise WireError("text with a NUL")
    _pad(out, 4)
    out += _LITTLE["u"].pack(len(data)) + data + b"\0"


def _write_signature(out: bytearray, value: str) -> None:
    split(value)
    data = value.encode("ascii")
    out += bytes((len(data),)) + data + b"\0"


def _write_variant(out: bytearray, value: tuple[str, Any], depth: int) -> None:
    if depth >= MAX_TOTAL_DEPTH:
        raise WireError("value nests too deep")
    signature, inner = value
    if len(split(signature)) != 1:
        raise WireError(f"a variant holds one complete type, not {signature!r}")
    _write_signature(out, signature)
    _write(out, signature, inner, depth + 1)


def _write_array(out: bytearray, kind: str, value: Any, depth: int) -> None:
    if depth >= MAX_TOTAL_DEPTH:
        raise WireError("value nests too deep")
    _pad(out, 4)
    length_at = len(out)
    out += b"\0\0\0\0"
    _pad(out, _ALIGNMENT[kind[1]])  # not counted in the length
    start = len(out)
    if kind == "ay":
        out += bytes(value)
    elif kind[1] == "{":
        key_kind, value_kind = kind[2], kind[3:-1]
        for key, inner in value.items():
            _pad(out, 8)
            _write(out, key_kind, key, depth + 1)
            _write(out, value_kind, inner, depth + 1)
    else:
        element = kind[1:]
        for inner in value:
            _write(out, element, inner, depth + 1)
    if len(out) - start > MAX_ARRAY:
        raise WireError("array too long")
    out[length_at : length_at + 4] = _LITTLE["u"].pack(len(out) - start)


def _write_struct(out: bytearray, kind: str, value: Any, depth: int) -> None:
    if depth >= MAX_TOTAL_DEPTH:
        raise WireError("value nests too deep")
    types = split(kind[1:-1])
    if len(types) != len(value):
        raise WireError(f"{kind!r} takes {len(types)} values, got {len(value)}")
    _pad(out, 8)
    for inner_kind, inner in zip(types, value):
        _write(out, inner_kind, inner, depth + 1)


def encode(message: Message) -> bytes:
    """The message as it goes over the wire."""
    body = marshal(message.signature, message.body)
    fields = []
    for number, (attribute, kind) in _FIELDS.items():
        value = getattr(message, attribute)
        if value:
            fields.append((number, (kind, value)))
    out = bytearray(b"l")
    out += bytes((message.type, message.flags, 1))
    out += _LITTLE["u"].pack(len(body)) + _LITTLE["u"].pack(message.serial)
    _write(out, "a(yv)", fields, 0)
    _pad(out, 8)
    return bytes(out) + body


# --- reading ------------------------------------------------------------------------------------------------------


class _Reader:
    """Takes values out of one message. Offsets count from the message's start, as alignment does."""

    def __init__(self, data: bytes, position: int, is_little: bool, max_elements: int = MAX_MESSAGE) -> None:
        self.data = data
        #: How many more elements the arrays in the message may have, all together.
        self.elements_left = max_elements
        self.position = position
        self.structs = _LITTLE if is_little else _BIG

    def take(self, length: int) -> bytes:
        end = self.position + length
        if end > len(self.data):
            raise WireError("message ends too early")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def skip_padding(self, alignment: int) -> None:
        gap = -self.position % alignment
        if gap and self.take(gap).strip(b"\0"):
            raise WireError("padding is not zero")

    def read_fixed(self, code: str) -> Any:
        packed = self.structs[code]
        self.skip_padding(packed.size)
        return packed.unpack(self.take(packed.size))[0]

    def read(self, kind: str, depth: int) -> Any:
        code = kind[0]
        if code == "s" or code == "o":
            return self.read_text(code)
        if code == "b":
            number = self.read_fixed("u")
            if number > 1:
                raise WireError("boolean is neither 0 nor 1")
            return bool(number)
        if code in self.structs:
            return self.read_fixed(code)
        if code == "g":
            return self.read_signature()
        if depth >= MAX_TOTAL_DEPTH:
            raise WireError("value nests too deep")
        if code == "v":
            signature = self.read_signature()
            if len(split(signature)) != 1:
                raise WireError(f"a variant holds one complete type, not {signature!r}")
            return (signature, self.read(signature, depth + 1))
        if code == "(":
            self.skip_padding(8)
            return tuple(self.read(inner, depth + 1) for inner in split(kind[1:-1]))
        return self.read_array(kind, depth)

    def read_text(self, code: str) -> str:
        data = self.take(self.read_fixed("u"))
        self.take_nul()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise WireError("text is not UTF-8") from None
        if "\0" in text:
            raise WireError("text with a NUL")
        if code == "o" and not is_object_path(text):
            raise WireError(f"not an object path: {text!r}")
        return text

    def read_signature(self) -> str:
        data = self.take(self.take(1)[0])
        self.take_nul()
        try:
            signature = data.decode("ascii")
        except UnicodeDecodeError:
            raise WireError("signature is not ASCII") from None
        split(signature)
        return signature

    def take_nul(self) -> None:
        if self.take(1) != b"\0":
            raise WireError("text is not terminated")

    def read_array(self, kind: str, depth: int) -> Any:
        length = self.read_fixed("u")
        if length > MAX_ARRAY:
            raise WireError("array too long")
        self.skip_padding(_ALIGNMENT[kind[1]])
        end = self.position + length
        if end > len(self.data):
            raise WireError("array ends outside of the message")
        if kind == "ay":
            return self.take(length)
        found = self.read_entries(kind, end, depth) if kind[1] == "{" else self.read_elements(kind[1:], end, depth)
        if self.position != end:
            raise WireError("array's length and content differ")
        return found

    def read_elements(self, element: str, end: int, depth: int) -> list[Any]:
        found = []
        while self.position < end:
            self.count_element()
            found.append(self.read(element, depth + 1))
        return found

    def count_element(self) -> None:
        self.elements_left -= 1
        if self.elements_left < 0:
            raise WireError("too many array elements")

    def read_entries(self, kind: str, end: int, depth: int) -> dict[Any, Any]:
        key_kind, value_kind = kind[2], kind[3:-1]
        found = {}
        while self.position < end:
            self.count_element()
            self.skip_padding(8)
            key = self.read(key_kind, depth + 1)
            found[key] = self.read(value_kind, depth + 1)
        return found


def unmarshal(
    signature: str, data: bytes, is_little: bool = True, max_elements: int = MAX_MESSAGE
) -> tuple[Any, ...]:
    """The values of a body, which must end where the data ends."""
    reader = _Reader(data, 0, is_little, max_elements)
    values = tuple(reader.read(kind, 0) for kind in split(signature))
    if reader.position != len(data):
        raise WireError("more data than the signature describes")
    return values


def message_size(start: bytes, limit: int = MAX_MESSAGE) -> int:
    """How long the message is that begins with these 16 bytes."""
    if start[:1] not in (b"l", b"B"):
        raise WireError("not a D-Bus message: unknown byte order")
    if start[3] != 1:
        raise WireError(f"protocol version {start[3]}")
    number = (_LITTLE if start[:1] == b"l" else _BIG)["u"]
    (body,) = number.unpack_from(start, 4)
    (fields,) = number.unpack_from(start, 12)
    size: int = 16 + fields + -fields % 8 + body
    if fields > MAX_ARRAY or size > limit:
        raise WireError("message too long")
    return size


def decode(data: bytes, max_elements: int = MAX_MESSAGE) -> Message:
    """One whole message, whose arrays may have so many elements together."""
    is_little = data[:1] == b"l"
    reader = _Reader(data, 4, is_little)
    body_size = reader.read_fixed("u")
    serial = reader.read_fixed("u")
    if serial == 0:
        raise WireError("serial is 0")
    named = _read_fields(reader)
    reader.skip_padding(8)
    if data[1] == 0 or any(not named.get(field) for field in _REQUIRED.get(data[1], ())):
        raise WireError("a required header field is missing")
    signature = named.get("signature", "")
    if body_size and not signature:
        raise WireError("a body without a signature")
    body = unmarshal(signature, data[reader.position :], is_little, max_elements)
    return Message(data[1], serial, data[2], body=body, **named)


def _read_fields(reader: _Reader) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for number, (kind, value) in reader.read("a(yv)", 0):
        known = _FIELDS.get(number)
        if known is None:
            continue  # "must be ignored", says the specification of fields to come
        if kind != known[1] or known[0] in named:
            raise WireError(f"header field {known[0]} is wrong")
        named[known[0]] = value
    return named


class Parser:
    """Messages out of a stream: `feed` bytes as they come, take messages with `next_message` until it gives None."""

    def __init__(self, limit: int = MAX_MESSAGE, max_elements: int = MAX_MESSAGE) -> None:
        self._limit = limit
        self._max_elements = max_elements
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes that wait for the rest of their message."""
        return len(self._buffer)

    @property
    def unread(self) -> bytes:
        """What was fed and not taken: feeding it to another parser makes that one go on where this one is."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next_message(self) -> Message | None:
        if len(self._buffer) < 16:
            return None
        size = message_size(bytes(self._buffer[:16]), self._limit)
        if len(self._buffer) < size:
            return None
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return decode(data, self._max_elements)
