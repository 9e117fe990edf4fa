"""What a unit's name says: its type, template, prefix and instance; and how paths become names.

Source: systemd.unit(5), DESCRIPTION and STRING ESCAPING FOR INCLUSION IN UNIT NAMES. Knows nothing of which units
exist.
"""

from __future__ import annotations

from initd.core.states import UnitType

#: UNIT_NAME_MAX: a longer name is not a unit's name.
MAX_LENGTH = 255

_DIGITS = "0123456789"
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PREFIX = frozenset(_DIGITS + _LETTERS + ":-_.\\")
INSTANCE_CHARACTERS = frozenset(_PREFIX | {"@"})
#: Bytes that escaping leaves alone; "-" and "\\" are escaped too, as both have a meaning in escaped text.
_PLAIN = frozenset((_DIGITS + _LETTERS + ":_.").encode())
_TYPES = {kind.value: kind for kind in UnitType}
_HEX = "0123456789abcdef"


def is_valid(name: str) -> bool:
    """Whether this can be the name of a unit or of a template."""
    if not 0 < len(name) <= MAX_LENGTH:
        return False
    stem, dot, suffix = name.rpartition(".")
    if not dot or suffix not in _TYPES:
        return False
    before, at, after = stem.partition("@")
    return bool(before) and _PREFIX.issuperset(before) and (not at or INSTANCE_CHARACTERS.issuperset(after))


def unit_type(name: str) -> UnitType:
    """The type that the suffix names; ValueError where it names none."""
    suffix = name.rpartition(".")[2]
    try:
        return _TYPES[suffix]
    except KeyError:
        raise ValueError(f"{name!r} does not end in a unit type") from None


def is_template(name: str) -> bool:
    """Whether the name is like foo@.service."""
    before, at, after = _stem(name).partition("@")
    return bool(at) and bool(before) and not after


def is_instance(name: str) -> bool:
    """Whether the name is like foo@bar.service."""
    before, at, after = _stem(name).partition("@")
    return bool(before) and bool(after)


def prefix(name: str) -> str:
    """The part before the "@", or before the suffix where there is none (%p)."""
    return _stem(name).partition("@")[0]


def instance(name: str) -> str:
    """The part between the first "@" and the suffix (%i); empty for plain units and templates."""
    return _stem(name).partition("@")[2]


def template_of(name: str) -> str:
    """foo@.service for foo@bar.service; the name itself where it is no instance."""
    if not is_instance(name):
        return name
    return f"{prefix(name)}@.{_suffix(name)}"


def instantiate(template: str, instance: str) -> str:
    """foo@bar.service for foo@.service and "bar"; an instance gets the new instance in place of its own."""
    if "@" not in _stem(template):
        raise ValueError(f"{template!r} is not a template")
    return f"{prefix(template)}@{instance}.{_suffix(template)}"


def change_type(name: str, suffix: str) -> str:
    """The same name with another suffix ("socket"): what a socket's service or a timer's unit is called."""
    return f"{_stem(name)}.{suffix}"


def escape(text: str) -> str:
    """Any text made fit for a unit name: "/" becomes "-", other odd bytes \\xNN (systemd-escape)."""
    out = []
    for position, byte in enumerate(text.encode("utf-8", "surrogateescape")):
        if byte == 0x2F:
            out.append("-")
        elif byte in _PLAIN and not (position == 0 and byte == 0x2E):
            out.append(chr(byte))
        else:
            out.append(f"\\x{byte:02x}")
    return "".join(out)


def unescape(text: str) -> str:
    """The text that was escaped; ValueError for a backslash that no \\xNN follows."""
    out = bytearray()
    data = text.encode("utf-8", "surrogateescape")
    position = 0
    while position < len(data):
        byte = data[position]
        if byte == 0x2D:
            out.append(0x2F)
        elif byte == 0x5C:
            code = data[position + 1:position + 4].decode("ascii", "replace").lower()
            if len(code) != 3 or code[0] != "x" or code[1] not in _HEX or code[2] not in _HEX:
                raise ValueError(f"bad escape in {text!r}")
            out.append(int(code[1:], 16))
            position += 3
        else:
            out.append(byte)
        position += 1
    return out.decode("utf-8", "surrogateescape")


def escape_path(path: str) -> str:
    """A path made fit for a unit name; "/" is "-" (systemd-escape --path). ValueError where the path has "..", or is "."."""
    parts = [part for part in path.split("/") if part and part != "."]
    if path and not parts and not path.startswith("/"):
        raise ValueError(f"{path!r} is nowhere in particular")
    if ".." in parts:
        raise ValueError(f"{path!r} is not normalized")
    return escape("/".join(parts)) if parts else "-"


def unescape_path(text: str) -> str:
    """The absolute path that was escaped; ValueError where it cannot have been one."""
    if not text:
        raise ValueError("empty path")
    if text == "-":
        return "/"
    path = unescape(text)
    if path.startswith("/") or path.endswith("/") or not is_normalized(path):
        raise ValueError(f"{text!r} is not an escaped path")
    return "/" + path


def is_normalized(path: str) -> bool:
    """Whether no part of the path is empty, "." or ".."."""
    return not {"", ".", ".."}.intersection(path.strip("/").split("/")) if path.strip("/") else True


def path_to_unit(path: str, suffix: str) -> str:
    """The unit that stands for a path: /var/log is var-log.mount."""
    return f"{escape_path(path)}.{suffix}"


def mangle(text: str, suffix: str = ".service") -> str:
    """The unit that a user means who types this to systemctl.

    A whole name stays, a path is a mount or a device, anything else is escaped and gets the suffix. ValueError
    where no name comes out of it.
    """
    if is_valid(text):
        return text
    if text.startswith("/") and ".." not in text.split("/"):
        path = "/" + "/".join(part for part in text.split("/") if part and part != ".")
        is_device = path.startswith(("/dev/", "/sys/"))
        return path_to_unit(path, "device" if is_device else "mount")
    out = []
    for byte in text.encode("utf-8", "surrogateescape"):
        if byte == 0x2F:
            out.append("-")
        elif byte in _PLAIN or byte in b"@-\\":
            out.append(chr(byte))
        else:
            out.append(f"\\x{byte:02x}")
    name = "".join(out)
    if not is_valid(name):
        name += suffix  # ".service" is as little a unit's name as "foo"
    if not is_valid(name):
        raise ValueError(f"{text!r} is not a unit name")
    return name


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _suffix(name: str) -> str:
    return name.rpartition(".")[2]
