"""Carries out what the API leaves to the file system: unit files enabled, disabled, masked, listed, and their states."""

from __future__ import annotations

from initd.core.answers import Error, Order, Return
from initd.shell.unitdirs import UnitDirs


def carry_out(order: Order, dirs: UnitDirs) -> Return | Error:
    return Error("org.freedesktop.DBus.Error.NotSupported", f"{order.kind}() is not available yet.")
