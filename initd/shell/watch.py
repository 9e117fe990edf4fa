"""Watches paths for path units: the only user of pyinotify, imported when the first path is watched.

A path is watched itself where it is there, and so is every directory above it, as any of them may appear, be moved or
be replaced. Whoever hears of a change asks to watch again: the watches are then set anew on what is there now.
"""

from __future__ import annotations

import os
import sys

from initd.core.conditions import brace_expand
from initd.core.events import Event, PathsChecked, PathTouched
from initd.core.settings import PathSettings
from initd.core.values import Condition
from initd.shell import conditions
from initd.shell.loop import READ, Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: inotify(7).
_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = (
    0x2, 0x4, 0x8, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800)
_MASK_ADD = 0x20000000
_ABOVE = _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF | _ATTRIB
_CHANGED = _DELETE_SELF | _MOVE_SELF | _ATTRIB | _CLOSE_WRITE | _CREATE | _DELETE | _MOVED_FROM | _MOVED_TO
#: What is looked for on the path itself.
_MASKS = {
    "PathExists": _DELETE_SELF | _MOVE_SELF | _ATTRIB, "PathExistsGlob": _CREATE | _MOVED_TO | _DELETE_SELF | _MOVE_SELF,
    "PathChanged": _CHANGED, "PathModified": _CHANGED | _MODIFY,
    "DirectoryNotEmpty": _CREATE | _MOVED_TO | _DELETE_SELF | _MOVE_SELF,
}
#: Kinds where what happens counts, and not what is there.
_BY_CHANGE = frozenset(("PathChanged", "PathModified"))
_GLOB = frozenset("*?[{")
_NOT_INSTALLED = "Paths cannot be watched here without Python's pyinotify: install the package python3-pyinotify."


class _Watched:
    """One directory or file that a unit has an interest in. `name`: only what happens to this entry of it, "" for all."""

    __slots__ = ("unit", "name", "changed")

    def __init__(self, unit: str, name: str, changed: str) -> None:
        self.unit = unit
        self.name = name
        #: The unit's path, where what happens is what it waits for.
        self.changed = changed


class PathWatch:
    """`feed` takes the events."""

    def __init__(self, loop: Loop, feed: Callable[[Event], None]) -> None:
        self._loop = loop
        self._feed = feed
        self._manager: Any = None
        self._notifier: Any = None
        #: Watch descriptor → who has an interest in it.
        self._interests: dict[int, list[_Watched]] = {}
        #: Unit → its watch descriptors.
        self._numbers: dict[str, set[int]] = {}
        #: (unit, path) of those that wait for a change → whether the path was there at the last look.
        self._was_there: dict[tuple[str, str], bool] = {}

    def watch(self, unit: str, settings: PathSettings, makes_directories: bool, is_fresh: bool) -> PathsChecked:
        """Watch a unit's paths, those of before no more, and say whether something is there already."""
        if not self._start():
            return PathsChecked(unit, _NOT_INSTALLED)
        self.forget(unit)
        for kind, path in settings.paths:
            if makes_directories and kind not in ("PathExists", "PathExistsGlob"):
                _make_directory(path, settings.directory_mode)
            for each in brace_expand(path) if kind == "PathExistsGlob" else (path,):
                self._watch_one(unit, kind, each)
        # All of them, as each look is what the next one is compared with.
        there = [path for kind, path in settings.paths if self._is_there(unit, kind, path, is_fresh)]
        return PathsChecked(unit, "", there[0] if there else "")

    def _is_there(self, unit: str, kind: str, path: str, is_fresh: bool) -> bool:
        if kind not in _BY_CHANGE:
            return conditions.check(Condition(kind, path))
        is_now = os.path.exists(path)
        before = self._was_there.get((unit, path))
        self._was_there[unit, path] = is_now
        return not is_fresh and before is not None and before != is_now

    def forget(self, unit: str) -> None:
        for number in self._numbers.pop(unit, ()):
            interests = self._interests.get(number, [])
            left = [each for each in interests if each.unit != unit]
            if left:
                self._interests[number] = left
            elif interests:
                del self._interests[number]
                self._manager.rm_watch(number, quiet=True)

    def _start(self) -> bool:
        if self._manager is not None:
            return True
        pyinotify = _import()
        if pyinotify is None:
            return False
        pyinotify.log.setLevel(100)  # what is not there cannot be watched: no news
        self._manager = pyinotify.WatchManager()
        os.set_inheritable(self._manager.get_fd(), False)  # it calls inotify_init(2), which knows no flags
        handler = pyinotify.ProcessEvent()
        handler.process_default = self._on_event
        self._notifier = pyinotify.Notifier(self._manager, handler)
        self._loop.add(self._manager.get_fd(), READ, self._on_readable)
        return True

    def _watch_one(self, unit: str, kind: str, path: str) -> None:
        parts = [part for part in path.split("/") if part]
        if kind == "PathExistsGlob":
            parts = parts[:next((number for number, part in enumerate(parts) if _GLOB.intersection(part)), len(parts))]
        above = ""
        for part in parts:
            changed = path if kind in _BY_CHANGE and part is parts[-1] else ""
            if not self._add(above or "/", _ABOVE, _Watched(unit, part, changed)):
                return  # below that, nothing is there
            above = f"{above}/{part}"
        self._add(above or "/", _MASKS[kind], _Watched(unit, "", path if kind in _BY_CHANGE else ""))

    def _add(self, path: str, mask: int, interest: _Watched) -> bool:
        # Two paths may lead to one directory: what the other one is watched for must stay.
        number = self._manager.add_watch(path, mask | _MASK_ADD, quiet=True).get(path, -1)
        if number < 0:
            return False
        self._interests.setdefault(number, []).append(interest)
        self._numbers.setdefault(interest.unit, set()).add(number)
        return True

    def _on_readable(self, _mask: int) -> None:
        self._touched: dict[str, str] = {}
        self._notifier.read_events()
        self._notifier.process_events()
        for unit, changed in self._touched.items():
            self._feed(PathTouched(unit, changed))

    def _on_event(self, event: Any) -> None:
        for interest in self._interests.get(event.wd, ()):
            if not interest.name or not event.name or event.name == interest.name:
                changed = interest.changed if not interest.name or event.name == interest.name else ""
                self._touched[interest.unit] = self._touched.get(interest.unit) or changed


def why_not() -> str:
    """Why no path can be watched here, or ""."""
    return "" if _import() is not None else _NOT_INSTALLED


def _import() -> Any:
    """The module, or None. PID 1's interpreter looks only where its own modules are: for this once, where the others are,
    too."""
    import site

    kept = list(sys.path)
    sys.path += [path for path in site.getsitepackages() if path not in kept]
    try:
        import pyinotify  # type: ignore[import-not-found]
    except ImportError:
        return None
    finally:
        sys.path[:] = kept
    return pyinotify


def _make_directory(path: str, mode: int) -> None:
    try:
        os.makedirs(path, mode, exist_ok=True)
    except OSError:
        pass  # it is watched for all the same: somebody else may make it
