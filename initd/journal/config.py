"""journald.conf(5) and its drop-ins → what the journal does.

Nothing raises: what cannot be read is told in a line, and the default stays. One default is not systemd's: no rate limit
applies until one is asked for, because no line is to be lost.
"""

from __future__ import annotations

import os

from initd.core.record import Record
from initd.journal.store import Limits
from initd.journal.stream import LINE_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

MAIN = "/etc/systemd/journald.conf"
DROP_IN_DIRECTORIES = tuple(
    f"{base}/systemd/journald.conf.d" for base in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)
_LINE_MAX_LEAST = 79
_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_SIZES = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50, "E": 1 << 60}


class Config(Record):
    """`system` holds for /var/log/journal, `runtime` for /run/log/journal."""

    storage: str = "auto"
    system: Limits = Limits()
    runtime: Limits = Limits()
    rate_interval_usec: int = 30_000_000
    rate_burst: int = 0
    line_max: int = LINE_MAX
    level_store: int = 7
    #: The container's stdout stands for the console.
    level_console: int = 7
    to_console: bool = True
    level_syslog: int = 7
    to_syslog: bool = True
    level_wall: int = 0
    to_wall: bool = True


# --- values ---------------------------------------------------------------------------------------------------------


def _size(text: str) -> int | None:
    if not text:
        return None
    suffix = text[-1] if text[-1] in _SIZES else ""
    number = text[:len(text) - len(suffix)]
    if not number.replace(".", "", 1).isdigit():
        raise ValueError(text)
    return int(float(number) * _SIZES[suffix])


def _line_max(text: str) -> int:
    size = _size(text)
    return LINE_MAX if size is None else max(size, _LINE_MAX_LEAST)


def _seconds(text: str) -> int:
    from initd.core import timespan

    return timespan.parse(text)


def _number(text: str) -> int:
    if not text.isdigit():
        raise ValueError(text)
    return int(text)


def _level(text: str) -> int:
    if text.isdigit() and int(text) < len(_LEVELS):
        return int(text)
    return _LEVELS.index(text)


def _boolean(text: str) -> bool:
    word = text.lower()
    if word in ("1", "yes", "y", "true", "t", "on"):
        return True
    if word in ("0", "no", "n", "false", "f", "off"):
        return False
    raise ValueError(text)


def _storage(text: str) -> str:
    if text not in ("auto", "persistent", "volatile", "none"):
        raise ValueError(text)
    return text


#: Key → (field of `Config`, its field if that is a record, parser).
KEYS: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "Storage": ("storage", "", _storage),
    "RateLimitIntervalSec": ("rate_interval_usec", "", _seconds),
    "RateLimitInterval": ("rate_interval_usec", "", _seconds),
    "RateLimitBurst": ("rate_burst", "", _number),
    "LineMax": ("line_max", "", _line_max),
    "MaxLevelStore": ("level_store", "", _level),
    "MaxLevelConsole": ("level_console", "", _level),
    "MaxLevelSyslog": ("level_syslog", "", _level),
    "MaxLevelWall": ("level_wall", "", _level),
    "ForwardToWall": ("to_wall", "", _boolean),
    "ForwardToConsole": ("to_console", "", _boolean),
    "ForwardToSyslog": ("to_syslog", "", _boolean),
}
for _place, _field in (("System", "system"), ("Runtime", "runtime")):
    KEYS |= {
        f"{_place}MaxUse": (_field, "max_use", _size),
        f"{_place}KeepFree": (_field, "keep_free", _size),
        f"{_place}MaxFileSize": (_field, "max_file_size", _size),
        f"{_place}MaxFiles": (_field, "max_files", _number),
    }
#: Of both places.
SHARED: dict[str, tuple[str, Callable[[str], Any]]] = {
    "MaxFileSec": ("max_file_usec", _seconds),
    "MaxRetentionSec": ("max_retention_usec", _seconds),
    "SyncIntervalSec": ("sync_interval_usec", _seconds),
}
#: Key → why nothing comes of it here.
WITHOUT_EFFECT = {
    "Compress": "segments are not compressed",
    "Seal": "segments are not sealed",
    "SplitMode": "there is one journal for all users",
    "ForwardToKMsg": "a container has no kernel log of its own",
    "MaxLevelKMsg": "a container has no kernel log of its own",
    "ReadKMsg": "a container has no kernel log of its own",
    "Audit": "the kernel's audit is the host's",
    "TTYPath": "the container's stdout is its console",
}


def configure(files: Iterable[tuple[str, str]]) -> tuple[Config, list[str]]:
    """Paths and texts in the order they apply, the later over the earlier; and what is to be said of them."""
    changes: dict[str, Any] = {}
    limits: dict[str, dict[str, Any]] = {"system": {}, "runtime": {}}
    said = []
    for path, text in files:
        from initd.core import syntax  # configparser is dear; most containers have no such file

        parsed = syntax.parse(text, path)
        said += [f"{path}:{each.line}: {each.text}" for each in parsed.diagnostics]
        for item in parsed.assignments:
            if item.section != "Journal" or item.key.startswith("X-"):
                continue
            try:
                problem = _apply(item.key, item.value, changes, limits)
            except ValueError:
                problem = f"Failed to parse {item.key}={item.value}, ignoring."
            if problem:
                said.append(f"{path}:{item.line}: {problem}")
    config = Config(**changes)
    return config.replace(system=config.system.replace(**limits["system"]),
                          runtime=config.runtime.replace(**limits["runtime"])), said


def _apply(key: str, value: str, changes: dict[str, Any], limits: dict[str, dict[str, Any]]) -> str:
    """What is to be said of it, or nothing."""
    if key in KEYS:
        field, part, parse = KEYS[key]
        if part:
            limits[field][part] = parse(value)
        else:
            changes[field] = parse(value)
    elif key in SHARED:
        part, parse = SHARED[key]
        limits["system"][part] = limits["runtime"][part] = parse(value)
    elif key in WITHOUT_EFFECT:
        return f"{key}= has no effect: {WITHOUT_EFFECT[key]}."
    else:
        return f"Unknown key '{key}' in section [Journal], ignoring."
    return ""


# --- files ----------------------------------------------------------------------------------------------------------


def read_files(root: str = "") -> list[tuple[str, str]]:
    """The main file and the drop-ins, sorted by name, each name once (journald.conf(5), CONFIGURATION DIRECTORIES)."""
    chosen: dict[str, str] = {}
    for directory in DROP_IN_DIRECTORIES:
        try:
            names = os.listdir(root + directory)
        except OSError:
            continue
        for name in names:
            if name.endswith(".conf") and not name.startswith("."):
                chosen.setdefault(name, f"{directory}/{name}")
    files = []
    for path in (MAIN, *[chosen[name] for name in sorted(chosen)]):
        try:
            with open(root + path, encoding="utf-8", errors="surrogateescape", newline="") as file:
                files.append((path, file.read()))
        except OSError:
            continue
    return files
