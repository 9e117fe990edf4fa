"""Small immutable values with named fields: what events, effects and plans are made of.

`typing.NamedTuple` and `dataclasses` would do the same, at 19 and 39 ms of import time in PID 1. A record is a
tuple with named fields whose equality also asks for the same type, so an event never equals an effect that
happens to carry the same values. `record.pyi` tells type checkers about it.

Modules that define records start with `from __future__ import annotations`.
"""

from __future__ import annotations

from _collections import _tuplegetter


class RecordType(type):
    """Turns annotated class attributes into tuple fields; a value behind `=` is the field's default."""

    def __new__(mcls, name, bases, namespace):
        inherited = getattr(bases[0], "_fields", ()) if bases else ()
        defaults = dict(getattr(bases[0], "_defaults", {})) if bases else {}
        own = tuple(field for field in namespace.get("__annotations__", {}) if not field.startswith("_"))
        for field in own:
            if field in namespace:
                defaults[field] = namespace.pop(field)
        fields = inherited + own
        for position, field in enumerate(fields):
            namespace[field] = _tuplegetter(position, field)
        namespace["_fields"] = namespace["__match_args__"] = fields
        namespace["_defaults"] = defaults
        last = len(fields)
        while last and fields[last - 1] in defaults:
            last -= 1
        namespace["_last_defaults"] = tuple(defaults[field] for field in fields[last:])
        namespace["__slots__"] = ()
        return type.__new__(mcls, name, bases, namespace)


class Record(tuple, metaclass=RecordType):
    """Base of all records. Build with positions or names; change with `replace`."""

    def __new__(cls, *values, **named):
        fields = cls._fields
        missing = len(fields) - len(values)
        if 0 < missing <= len(cls._last_defaults) and not named:
            return tuple.__new__(cls, values + cls._last_defaults[-missing:])
        if missing:
            if len(values) > len(fields):
                raise TypeError(f"{cls.__name__} takes {len(fields)} values, got {len(values)}")
            values = list(values)
            defaults = cls._defaults
            for field in fields[len(values):]:
                if field in named:
                    values.append(named.pop(field))
                elif field in defaults:
                    values.append(defaults[field])
                else:
                    raise TypeError(f"{cls.__name__} needs {field}")
        if named:
            raise TypeError(f"{cls.__name__} does not take {', '.join(named)}")
        return tuple.__new__(cls, values)

    def replace(self, **changes):
        """The same record with the named fields changed."""
        values = list(self)
        for field, value in changes.items():
            if field not in self._fields:
                raise TypeError(f"{type(self).__name__} does not take {field}")
            values[self._fields.index(field)] = value
        return tuple.__new__(type(self), values)

    def __eq__(self, other):
        return type(self) is type(other) and tuple.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        return hash((type(self).__name__, tuple.__hash__(self)))

    def __repr__(self):
        inner = ", ".join(f"{field}={value!r}" for field, value in zip(self._fields, self))
        return f"{type(self).__name__}({inner})"

    def __reduce__(self):
        return (tuple.__new__, (type(self), tuple(self)))  # nothing is checked again: a thousand are read in a millisecond
