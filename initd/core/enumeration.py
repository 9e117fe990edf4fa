"""Sets of named values: what states, kinds and results are made of.

`enum` of the standard library does the same, at 6 ms of import time in PID 1, and a member's hash and value are Python calls
there. An `Enum` of ours has what is used of it: members in the order they are written, by value and by name, each of them there
once. `enumeration.pyi` tells type checkers that it is the library's.
"""

from __future__ import annotations


class auto:
    """A value that does not matter: the member's place."""


class EnumType(type):
    """Turns class attributes into members; names with an underscore in front, and what is a function or a descriptor, stay."""

    def __new__(mcls, name, bases, namespace):
        values = {key: value for key, value in namespace.items() if key[0] != "_" and not hasattr(value, "__get__")}
        if bases:
            namespace.setdefault("__slots__", ())
        cls = type.__new__(mcls, name, bases, {key: each for key, each in namespace.items() if key not in values})
        cls._by_value = {}
        for key, value in values.items():
            if isinstance(value, auto):
                value = len(cls._by_value) + 1
            member = cls._by_value.get(value)
            if member is None:
                member = cls._by_value[value] = object.__new__(cls)
                object.__setattr__(member, "name", key)
                object.__setattr__(member, "value", value)
            type.__setattr__(cls, key, member)
        return cls

    def __call__(cls, value):
        """The member with this value, or which is it; ValueError where there is none."""
        try:
            return cls._by_value[value]
        except (KeyError, TypeError):
            if isinstance(value, cls):
                return value
            raise ValueError(f"{value!r} is not a valid {cls.__qualname__}") from None

    def __getitem__(cls, name):
        """The member of this name; KeyError where there is none."""
        member = cls.__dict__.get(name)
        if not isinstance(member, cls):
            raise KeyError(name)
        return member

    def __iter__(cls):
        return iter(cls._by_value.values())

    def __len__(cls):
        return len(cls._by_value)

    def __contains__(cls, value):
        return isinstance(value, cls)


class Enum(metaclass=EnumType):
    """Base of all enumerations. A member equals itself and nothing else."""

    __slots__ = ("name", "value")

    def __setattr__(self, name, value):
        raise AttributeError(f"{self!r} is what it is")

    def __repr__(self):
        return f"{type(self).__qualname__}.{self.name}"

    def __reduce__(self):
        return (type(self), (self.value,))

    def __copy__(self):
        return self

    def __deepcopy__(self, _):
        return self
