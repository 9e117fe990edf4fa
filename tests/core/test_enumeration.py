from __future__ import annotations

import copy
import pickle

import pytest

from initd.core.enumeration import Enum, auto


class Size(Enum):
    """How much."""

    SMALL = "small"
    LARGE = "large"
    #: Another name of one that is there.
    BIG = "large"

    _hidden = 3

    @property
    def is_small(self) -> bool:
        return self is Size.SMALL

    def times(self, number: int) -> str:
        return self.value * number


class Place(Enum):
    FIRST = auto()
    SECOND = auto()


def test_members_have_a_name_and_a_value():
    assert (Size.SMALL.name, Size.SMALL.value) == ("SMALL", "small")
    assert isinstance(Size.SMALL, Size) and isinstance(Size.SMALL, Enum) and type(Size.SMALL) is Size
    assert repr(Size.LARGE) == "Size.LARGE" and Size.__doc__ == "How much."


def test_each_is_there_once_in_the_order_of_the_class():
    assert list(Size) == [Size.SMALL, Size.LARGE] and len(Size) == 2 and Size.BIG is Size.LARGE
    assert [each.value for each in Place] == [1, 2]


def test_by_value():
    assert Size("large") is Size.LARGE and Size(Size.LARGE) is Size.LARGE
    for wrong in ("huge", None, [], Place.FIRST):
        with pytest.raises(ValueError, match="is not a valid Size"):
            Size(wrong)


def test_by_name():
    assert Size["SMALL"] is Size.SMALL and Size["BIG"] is Size.LARGE
    for wrong in ("small", "is_small", "_hidden"):
        with pytest.raises(KeyError):
            Size[wrong]


def test_a_member_equals_itself_alone():
    assert Size.SMALL == Size.SMALL and Size.SMALL != "small" and Size.SMALL != Place.FIRST
    assert {Size.SMALL: 1, Size.LARGE: 2}[Size("large")] == 2
    assert Size.SMALL in Size and Place.FIRST not in Size


def test_what_is_no_value_stays_what_it_is():
    assert Size._hidden == 3 and Size.SMALL.is_small and not Size.LARGE.is_small and Size.SMALL.times(2) == "smallsmall"


def test_a_member_does_not_change():
    with pytest.raises(AttributeError):
        Size.SMALL.value = "tiny"
    with pytest.raises(AttributeError):
        Size.SMALL.other = 1


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_there_is_no_second(copied):
    assert copied(Size.SMALL) is Size.SMALL
