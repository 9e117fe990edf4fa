"""Whatever fits a method's signature is answered: a client cannot make the API raise."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initd.core import api_manager, api_unit
from initd.core.answers import Error, Order, Return, Submit
from initd.core.objectpath import ROOT, unit_path
from initd.wire import dbus
from tests.api_manager import FakeManager

word = st.sampled_from(
    [
        "web.service", "web", "", "a@.service", "a@b.service", "-.slice", "x" * 300 + ".service", "é.service",
        "../x.service", "/", "replace", "isolate", "start", "nop", "all", "main", "A=1", "=", "\x01", "[", "*",
        "\\x.service", ".service",
    ]
)  # fmt: skip
LEAVES = {
    "s": word, "o": st.just("/"), "b": st.booleans(), "y": st.integers(0, 255), "u": st.integers(0, 2**32 - 1),
    "i": st.integers(-(2**31), 2**31 - 1), "t": st.integers(0, 2**64 - 1), "v": st.just(("s", "x")),
}  # fmt: skip


def value_of(kind: str) -> st.SearchStrategy[object]:
    if kind == "ay":
        return st.binary(max_size=20)
    if kind[0] == "a":
        return st.lists(value_of(kind[1:]), max_size=3)
    if kind[0] == "(":
        return st.tuples(*(value_of(inner) for inner in dbus.split(kind[1:-1])))
    return LEAVES[kind]


@pytest.fixture(scope="module")
def manager(tmp_path_factory):
    made = FakeManager(tmp_path_factory.mktemp("units"))
    made.write("web.service", "[Service]\nExecStart=/bin/web\n")
    return made


TARGETS = [(ROOT, "org.freedesktop.systemd1.Manager", method) for method in api_manager.METHODS]
TARGETS += [(unit_path("web.service"), "org.freedesktop.systemd1.Unit", method) for method in api_unit.UNIT_METHODS]
PROPERTIES = "org.freedesktop.DBus.Properties"
path = st.one_of(
    st.sampled_from(["/", "/org", ROOT, ROOT + "/unit", ROOT + "/job/1", ROOT + "/job/x", unit_path("web.service")]),
    st.text("abc_/19", max_size=10).map(lambda text: f"{ROOT}/unit/{text}"),
    word.map(unit_path),
)


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_every_call_is_answered(manager, data):
    target, interface, method = data.draw(st.sampled_from(TARGETS))
    body = [data.draw(value_of(kind)) for kind in dbus.split(method.takes)]
    found = manager.call(target, interface, method.name, method.takes, *body, uid=data.draw(st.sampled_from([0, 1000])))
    assert isinstance(found, (Return, Error, Order))
    if isinstance(found, Return):
        assert found.signature == method.gives
        dbus.marshal(found.signature, found.values)
    elif isinstance(found, Error):
        dbus.marshal("s", (found.text.replace("\0", "?"),))


@given(path, st.sampled_from(["Get", "GetAll", "Set", "Introspect", "Ping"]), word, word)
@settings(max_examples=200, deadline=None)
def test_every_path_is_answered(manager, path, member, interface, name):
    bodies = {"Get": ("ss", interface, name), "GetAll": ("s", interface), "Set": ("ssv", interface, name, ("s", ""))}
    owner = PROPERTIES if member in bodies else ""
    found = manager.call(path, owner, member, *bodies.get(member, ("",)))
    assert isinstance(found, (Return, Error)) and not isinstance(found, Submit)
