"""The time zones of this machine: the local one, and those of the database by name (tzset(3), localtime(5))."""

from __future__ import annotations

import os

from initd.core import zone
from initd.core.zone import UTC, Rule, Zone

DATABASE = "/usr/share/zoneinfo"
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+/")
#: No TZif file of the database comes near.
_MOST_BYTES = 1 << 20


def is_zone(name: str) -> bool:
    """Whether the database has a zone of this name."""
    return named(name) is not None


def named(name: str) -> Zone | None:
    """The zone of this name; None where the database has none."""
    if not name or not _NAME.issuperset(name) or name.startswith("/") or name.endswith("/") or "//" in name:
        return None
    return _read(f"{DATABASE}/{name}")


def local() -> Zone:
    """The zone that $TZ names, or /etc/localtime; UTC where neither is to be read, as the C library has it."""
    wanted = os.environ.get("TZ")
    if wanted is None:
        return _read("/etc/localtime") or UTC
    wanted = wanted.removeprefix(":")
    if not wanted:
        return UTC
    found = _read(wanted if wanted.startswith("/") else f"{DATABASE}/{wanted}")
    return found or _by_rule(wanted)


def _by_rule(text: str) -> Zone:
    try:
        rule: Rule = zone.parse_rule(text)
    except ValueError:
        return UTC
    return Zone((), (rule.standard,), rule)


def _read(path: str) -> Zone | None:
    try:
        with open(path, "rb") as file:
            return zone.parse(file.read(_MOST_BYTES))
    except (OSError, ValueError):
        return None
