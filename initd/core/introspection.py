"""The XML that describes an object to clients (D-Bus Specification, "Introspection Data Format"), from the tables."""

from __future__ import annotations

from initd.core.api_signals import SIGNALS
from initd.core.objectpath import unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from initd.core.answers import Method
    from initd.core.properties import Row

    Shown = tuple[str, tuple[Method, ...], tuple[Row, ...]]

_DOCTYPE = (
    '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"\n'
    '"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">\n'
)
_ARRAY, _OPENERS, _CLOSERS = "a", "({", ")}"


def document(interfaces: Iterable[Shown], children: Iterable[str]) -> str:
    """Interfaces as (name, methods, properties), and the names of the objects below."""
    lines = [_DOCTYPE + "<node>"]
    for name, methods, rows in interfaces:
        lines.append(f' <interface name="{name}">')
        lines += [_method(method) for method in methods if method.handler is not None]
        lines += [_signal(member, signature) for member, signature in SIGNALS.get(name, ())]
        lines += [_property(row) for row in rows]
        lines.append(" </interface>")
    lines += [f' <node name="{child}"/>' for child in children]
    return "\n".join([*lines, "</node>\n"])


def last_element(name: str) -> str:
    """What a unit's object is called below its parent."""
    return unit_path(name).rpartition("/")[2]


def _method(method: Method) -> str:
    arguments = [f'   <arg type="{kind}" direction="in"/>' for kind in complete_types(method.takes)]
    arguments += [f'   <arg type="{kind}" direction="out"/>' for kind in complete_types(method.gives)]
    if not arguments:
        return f'  <method name="{method.name}"/>'
    return "\n".join([f'  <method name="{method.name}">', *arguments, "  </method>"])


def _signal(member: str, signature: str) -> str:
    arguments = [f'   <arg type="{kind}"/>' for kind in complete_types(signature)]
    return "\n".join([f'  <signal name="{member}">', *arguments, "  </signal>"])


def _property(row: Row) -> str:
    emits = "true" if row.is_announced else "false"
    return "\n".join(
        (
            f'  <property name="{row.name}" type="{row.signature}" access="read">',
            f'   <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="{emits}"/>',
            "  </property>",
        )
    )


def complete_types(signature: str) -> list[str]:
    """The types a signature is made of. Only for our own tables, whose signatures are right."""
    types: list[str] = []
    start = depth = 0
    for position, code in enumerate(signature):
        depth += (code in _OPENERS) - (code in _CLOSERS)
        if depth == 0 and code != _ARRAY:
            types.append(signature[start : position + 1])
            start = position + 1
    return types
