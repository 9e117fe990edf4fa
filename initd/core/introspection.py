"""The XML that describes an object to clients (D-Bus Specification, "Introspection Data Format"), from the tables."""

from __future__ import annotations

from initd.core.api_signals import SIGNALS
from initd.core.argument_names import NAMES
from initd.core.objectpath import unit_path
from initd.core.properties import CHANGES

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
#: What a property that tells of its changes need not say: that it does.
_EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"
#: Root's alone, says systemd; all that changes something is, with us.
_PRIVILEGED = "org.freedesktop.systemd1.Privileged"
_OF_METHOD: dict[str, dict[str, str]] = {
    "Reexecute": {"org.freedesktop.DBus.Method.NoReply": "true"},
    **dict.fromkeys(("Exit", "Reboot", "PowerOff", "Halt", "KExec", "SwitchRoot"), {_PRIVILEGED: "true"}),
}
_ARRAY, _OPENERS, _CLOSERS = "a", "({", ")}"


def document(interfaces: Iterable[Shown], children: Iterable[str]) -> str:
    """Interfaces as (name, methods, properties), and the names of the objects below."""
    lines = [_DOCTYPE + "<node>"]
    for name, methods, rows in interfaces:
        lines.append(f' <interface name="{name}">')
        lines += [_method(method) for method in methods if not method.is_hidden]
        lines += [_signal(member, signature) for member, signature in SIGNALS.get(name, ())]
        lines += [_property(row) for row in rows if not row.is_hidden]
        lines.append(" </interface>")
    lines += [f' <node name="{child}"/>' for child in children]
    return "\n".join([*lines, "</node>\n"])


def last_element(name: str) -> str:
    """What a unit's object is called below its parent."""
    return unit_path(name).rpartition("/")[2]


def _method(method: Method) -> str:
    kinds = [(kind, ' direction="in"') for kind in complete_types(method.takes)]
    kinds += [(kind, ' direction="out"') for kind in complete_types(method.gives)]
    inside = [*_arguments(method.name, kinds), *_annotations(_OF_METHOD.get(method.name, {}))]
    return _element("method", f'name="{method.name}"', inside)


def _signal(member: str, signature: str) -> str:
    return _element("signal", f'name="{member}"', _arguments(member, [(kind, "") for kind in complete_types(signature)]))


def _property(row: Row) -> str:
    said = {} if row.emits == CHANGES else {_EMITS: row.emits}
    if row.set is not None:
        said[_PRIVILEGED] = "true"
    access = "readwrite" if row.set is not None else "read"
    return _element("property", f'name="{row.name}" type="{row.signature}" access="{access}"', _annotations(said))


def _arguments(member: str, kinds: list[tuple[str, str]]) -> list[str]:
    names = NAMES.get(member, "").split()
    texts = [f' name="{name}"' for name in names] + [""] * (len(kinds) - len(names))
    return [f'   <arg type="{kind}"{text}{direction}/>' for (kind, direction), text in zip(kinds, texts)]


def _annotations(said: dict[str, str]) -> list[str]:
    return [f'   <annotation name="{name}" value="{value}"/>' for name, value in said.items()]


def _element(tag: str, attributes: str, inside: list[str]) -> str:
    if not inside:
        return f"  <{tag} {attributes}/>"
    return "\n".join([f"  <{tag} {attributes}>", *inside, f"  </{tag}>"])


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
