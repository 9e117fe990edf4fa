"""A made unit takes the place of one that is there, of the same name: what it needs of that, and what is gone with it."""

from __future__ import annotations

from initd.core.importing.made import MadeUnit, Remark
from initd.core.syntax import parse

#: Directories that a program finds where its own unit starts it, and would miss (systemd.exec(5)).
_KINDS = ("Runtime", "State", "Cache", "Logs", "Configuration")
_KEPT = tuple(f"{kind}Directory{what}" for kind in _KINDS for what in ("", "Mode"))
_SECTION = "\n[Service]\n"


def succeed(unit: MadeUnit, path: str, text: str) -> tuple[MadeUnit, Remark]:
    """`path` and `text` are of the unit that was used until now."""
    said = {item.key for item in parse(unit.text, unit.name).assignments}
    old = [item for item in parse(text, path).assignments if item.section == "Service" and item.value]
    kept = [f"{item.key}={item.value}\n" for item in old if item.key in _KEPT] if _SECTION in unit.text else []
    keys = dict.fromkeys(item.key for item in old)
    lost = [f"{key}=" for key in keys if key not in said and key not in _KEPT and key != "Type"]
    reason = f"takes the place of {path}, which is used again without it."
    if kept:
        reason += f" Taken over: {', '.join(line.strip() for line in kept)}."
    if lost:
        reason += f" Not taken over: {', '.join(lost)}."
    made = unit.replace(text=unit.text.replace(_SECTION, _SECTION + "".join(kept), 1))
    return made, Remark(unit.name, 0, "", reason)
