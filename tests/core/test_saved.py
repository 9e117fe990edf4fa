"""Values written and read again: nothing is lost, and what another version writes does no harm."""

from __future__ import annotations

import marshal

import pytest

from initd.core import snapshot
from initd.core.enumeration import Enum
from initd.core.ratelimit import RateLimit
from initd.core.record import Record
from initd.core.saved import Reader, Unreadable, dump
from initd.core.settings import ServiceSettings, SocketSettings, UnitDefinition
from initd.core.states import LoadState, ServiceType, UnitType
from initd.core.values import ExecCommand, Now


class Shape(Enum):
    ROUND = "round"


class Thing(Record):
    name: str
    shape: Shape = Shape.ROUND


class Box:
    __slots__ = ("things", "count")

    def __init__(self):
        self.things = []
        self.count = 7


def there_and_back(value, *classes):
    return Reader(classes or list(snapshot.classes())).load(marshal.loads(marshal.dumps(dump(value))))


@pytest.mark.parametrize("value", [
    None, True, 1, 2**64 - 1, -5, "text", "\udc80", b"\0", 1.5, (), (1, ("a",)), [1, [2]], {1, 2}, frozenset("ab"),
    {"a": {1: (2,)}}, bytearray(b"x"),
])
def test_plain_values_come_back_as_they_were(value):
    back = there_and_back(value)
    assert back == value and type(back) is type(value)


def test_records_enums_and_objects_come_back():
    assert there_and_back(Thing("a"), Thing, Shape) == Thing("a")
    box = Box()
    box.things.append(Thing("b"))
    back = there_and_back(box, Thing, Shape, Box)
    assert back.things == [Thing("b")] and back.count == 7


def test_a_field_that_the_writer_did_not_know_gets_its_default():
    assert Reader([Thing, Shape]).load(("r", "Thing", {"name": "a"})) == Thing("a")
    assert Reader([Box]).load(("o", "Box", {"things": ("l", [])})).count == 7


def test_a_field_that_the_reader_does_not_know_is_left_out():
    assert Reader([Thing, Shape]).load(("r", "Thing", {"name": "a", "weight": 5})) == Thing("a")
    assert Reader([Box]).load(("o", "Box", {"things": 1, "count": 2, "colour": 3})).things == 1


@pytest.mark.parametrize("plain", [
    ("r", "Nothing", {}), ("r", "Thing", {}), ("e", "Shape", "square"), ("x", "Thing", {}), (), ("t",), ("d", 5),
    ("o", "Box", 3),
])
def test_what_makes_no_sense_is_said(plain):
    with pytest.raises(Unreadable):
        Reader([Thing, Shape, Box]).load(plain)


def test_settings_keep_what_was_set():
    settings = SocketSettings()
    settings.accept = True
    settings.listen = (("Stream", "/run/x"),)
    assert there_and_back(settings) == settings
    service = ServiceSettings()
    service.type = ServiceType.NOTIFY
    service.exec_start = (ExecCommand("/bin/true", ("true",)),)
    definition = UnitDefinition("a.service", UnitType.SERVICE, LoadState.LOADED, specific=service)
    assert there_and_back(definition) == definition


def test_the_names_of_classes_are_unique():
    names = [each.__name__ for each in snapshot.classes()]
    assert len(names) == len(set(names))
    assert RateLimit in set(snapshot.classes()) and Now in snapshot.classes()
