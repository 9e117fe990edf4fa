"""The codec against jeepney, against itself, byte by byte, and against rubbish."""

from __future__ import annotations

import struct

import jeepney
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jeepney import low_level

from initd.wire import dbus
from initd.wire.dbus import Message, WireError

NUMBERS = {
    "y": (0, 2**8 - 1),
    "n": (-(2**15), 2**15 - 1),
    "q": (0, 2**16 - 1),
    "i": (-(2**31), 2**31 - 1),
    "u": (0, 2**32 - 1),
    "x": (-(2**63), 2**63 - 1),
    "t": (0, 2**64 - 1),
}  # "h" is apart: jeepney wants real descriptors for it
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
element = st.from_regex(r"[A-Za-z0-9_]{1,8}", fullmatch=True)
path = st.lists(element, max_size=4).map(lambda parts: "/" + "/".join(parts))
signature_text = st.sampled_from(["", "s", "a{sv}", "a(ss)", "(i(ay))", "v"])

BASIC = st.sampled_from([*NUMBERS, "b", "d", "s", "o", "g"])
KIND = st.recursive(
    BASIC | st.just("v"),
    lambda inner: inner.map("a{}".format)
    | st.tuples(BASIC, inner).map(lambda pair: f"a{{{pair[0]}{pair[1]}}}")
    | st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({''.join(parts)})"),
    max_leaves=5,
)


def value_of(kind: str) -> st.SearchStrategy[object]:
    code = kind[0]
    if code in NUMBERS:
        return st.integers(*NUMBERS[code])
    if kind == "ay":
        return st.binary(max_size=20)
    if code == "a" and kind[1] == "{":
        return st.dictionaries(value_of(kind[2]), value_of(kind[3:-1]), max_size=3)
    if code == "a":
        return st.lists(value_of(kind[1:]), max_size=3)
    if code == "(":
        return st.tuples(*(value_of(inner) for inner in dbus.split(kind[1:-1])))
    simple = {"b": st.booleans(), "d": st.floats(allow_nan=False), "s": text, "o": path, "g": signature_text}
    return simple[code] if code in simple else BASIC.flatmap(lambda inner: st.tuples(st.just(inner), value_of(inner)))


typed_values = st.lists(KIND, max_size=4).flatmap(
    lambda kinds: st.tuples(st.just("".join(kinds)), st.tuples(*map(value_of, kinds)))
)


def a_call(signature: str = "", body: tuple = (), **changes) -> Message:
    call = Message(dbus.METHOD_CALL, 7, path="/org/x", interface="org.x", member="Do", signature=signature, body=body)
    return call.replace(**changes)


@given(typed_values)
@settings(max_examples=50, deadline=None)
def test_values_survive_the_round_trip(typed):
    signature, values = typed
    assert dbus.unmarshal(signature, dbus.marshal(signature, values)) == values


@given(typed_values)
@settings(max_examples=50, deadline=None)
def test_jeepney_reads_what_we_write(typed):
    signature, values = typed
    theirs = low_level.Parser()
    theirs.add_data(dbus.encode(a_call(signature, values)))
    message = theirs.get_next_message()
    assert message.body == values
    assert message.header.fields[low_level.HeaderFields.member] == "Do"


@given(typed_values)
@settings(max_examples=50, deadline=None)
def test_we_read_what_jeepney_writes(typed):
    signature, values = typed
    theirs = jeepney.new_method_call(jeepney.DBusAddress("/org/x", "org.x", "org.x"), "Do", signature or None, values)
    parser = dbus.Parser()
    parser.feed(theirs.serialise(serial=9))
    message = parser.next_message()
    assert (message.serial, message.path, message.interface, message.member) == (9, "/org/x", "org.x", "Do")
    assert (message.signature, message.body) == (signature, values)


def test_descriptors_are_indices_and_counted():
    message = a_call("hh", (0, 1), fds=2)
    assert dbus.decode(dbus.encode(message)) == message


def test_big_endian_messages_are_read():
    # A body of "us" and the smallest header of a call, written by hand.
    fields = b"\x01\x01o\0" + struct.pack(">I", 2) + b"/a\0" + b"\0" * 5
    fields += b"\x03\x01s\0" + struct.pack(">I", 2) + b"Do\0" + b"\0" * 5
    fields += b"\x08\x01g\0" + b"\x02us\0"
    body = struct.pack(">II", 258, 2) + b"ok\0"
    head = b"B\x01\0\x01" + struct.pack(">III", len(body), 3, len(fields))
    message = dbus.decode(head + fields + bytes(-len(fields) % 8) + body)
    assert (message.serial, message.path, message.member, message.body) == (3, "/a", "Do", (258, "ok"))


@given(st.lists(typed_values, min_size=1, max_size=3))
@settings(max_examples=30, deadline=None)
def test_fed_byte_by_byte_gives_the_same_messages(bodies):
    sent = [a_call(signature, values, serial=n + 1) for n, (signature, values) in enumerate(bodies)]
    parser = dbus.Parser()
    received = []
    for byte in b"".join(map(dbus.encode, sent)):
        parser.feed(bytes((byte,)))
        message = parser.next_message()
        if message is not None:
            received.append(message)
    assert received == sent
    assert parser.pending == 0


def drain(data: bytes) -> list[Message]:
    parser = dbus.Parser(limit=1 << 16)
    parser.feed(data)
    found = []
    while (message := parser.next_message()) is not None:
        found.append(message)
    return found


@given(st.binary(max_size=200))
@example(b"l\x01\0\x01" + b"\xff" * 12)
@example(b"l\x01\0\x01" + struct.pack("<III", 0, 1, 8) + b"\x01\x01v\0\0\0\0\0")
def test_rubbish_raises_only_wire_errors(data):
    try:
        drain(b"l\x01\0\x01" + data)
        drain(data)
    except WireError:
        pass


@given(typed_values, st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_message_raises_only_wire_errors(typed, data):
    whole = bytearray(dbus.encode(a_call(*typed)))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        drain(bytes(whole))
    except WireError:
        pass


@given(st.text(alphabet="ybnqiuxtdhsogva(){}x\u00e9", max_size=40))
def test_split_gives_complete_types_or_a_wire_error(signature):
    try:
        types = dbus.split(signature)
    except WireError:
        return
    assert "".join(types) == signature
    assert all(dbus.split(kind) == (kind,) for kind in types)


@pytest.mark.parametrize(
    "signature",
    ["a", "()", "(s", "{sv}", "a{vs}", "a{s}", "a{sss}", "z", "a" * 33 + "y", "(" * 33 + "y" + ")" * 33, "s" * 256],
)
def test_invalid_signatures_are_refused(signature):
    with pytest.raises(WireError):
        dbus.split(signature)


@pytest.mark.parametrize(
    ("signature", "value"),
    [
        ("u", -1),
        ("u", "1"),
        ("y", 256),
        ("b", 1),
        ("s", 5),
        ("s", "a\0b"),
        ("o", "a"),
        ("o", "/a/"),
        ("(ss)", ("a",)),
        ("as", 3),
        ("v", ("ss", "x")),
        ("v", "x"),
        ("a{sv}", [1]),
    ],
)
def test_values_that_do_not_fit_are_refused(signature, value):
    with pytest.raises(WireError):
        dbus.marshal(signature, (value,))


def test_text_that_is_no_utf8_goes_out_readable():
    assert dbus.unmarshal("s", dbus.marshal("s", ("a\udcffb",))) == ("a?b",)


def test_variants_inside_variants_end_somewhere():
    value: object = ("u", 1)
    for _ in range(dbus.MAX_TOTAL_DEPTH + 1):
        value = ("v", value)
    with pytest.raises(WireError, match="deep"):
        dbus.marshal("v", (value,))
    nested = b"\x01v\0" * 80 + b"\x01y\0\x05"
    with pytest.raises(WireError, match="deep"):
        dbus.unmarshal("v", nested)


def test_a_message_over_the_limit_is_refused_before_it_has_arrived():
    parser = dbus.Parser(limit=1000)
    parser.feed(b"l\x01\0\x01" + struct.pack("<III", 2000, 1, 0))
    with pytest.raises(WireError, match="long"):
        parser.next_message()


@pytest.mark.parametrize(
    "changes",
    [
        {"path": ""},
        {"member": ""},
        {"type": dbus.METHOD_RETURN},
        {"type": dbus.ERROR, "reply_serial": 4},
        {"type": 0},
        {"serial": 0},
    ],
)
def test_missing_header_fields_are_refused(changes):
    with pytest.raises(WireError):
        dbus.decode(dbus.encode(a_call().replace(**changes)))
