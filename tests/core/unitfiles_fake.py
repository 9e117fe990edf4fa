"""Unit files that are only names and texts: `core.unitfiles.UnitFilesView` without a disk."""

from __future__ import annotations

from initd.core.sources import NO_FACTS
from initd.core.unitfiles import Link, LinkChange, Occupant, Origin, UnitFile

ETC, RUN, LIB = "/etc/systemd/system", "/run/systemd/system", "/lib/systemd/system"
ORIGINS = {ETC: Origin.CONFIG, RUN: Origin.RUNTIME, LIB: Origin.VENDOR}


class FakeFiles:
    """`files` is path → text, or "-> target" for a link."""

    config_directory, runtime_directory = ETC, RUN
    enabling_directories = ((ETC, Origin.CONFIG), (RUN, Origin.RUNTIME))
    search_path = (ETC, RUN, LIB)

    def __init__(self, files: dict[str, str]) -> None:
        self.files = dict(files)

    def find(self, name):
        return next((file for directory in self.search_path if (file := self.find_in(directory, name))), None)

    def find_in(self, directory, name):
        path = f"{directory}/{name}"
        text = self.files.get(path)
        if text is None:
            return None
        if not text.startswith("-> "):
            return UnitFile(name, path, ORIGINS[directory], is_masked=not text)
        parent, _, base = text[3:].rpartition("/")
        if text == "-> /dev/null":
            return UnitFile(name, path, ORIGINS[directory], is_masked=True)
        if parent in self.search_path:
            return UnitFile(name, path, ORIGINS[directory], alias_of=base)
        return UnitFile(name, path, ORIGINS[directory], linked_to=text[3:], is_missing=text[3:] not in self.files)

    def names(self):
        return {path.rpartition("/")[2] for path in self.files if path.rpartition("/")[0] in self.search_path}

    def texts(self, file, names):
        return ((file.source, self.files.get(file.source, "")),)

    def occupant(self, path):
        text = self.files.get(path)
        if text is None:
            return Occupant(is_directory=True) if any(each.startswith(path + "/") for each in self.files) else None
        return Occupant(text[3:] if text.startswith("-> ") else "")

    def links_in(self, directory):
        for path, text in sorted(self.files.items()):
            if text.startswith("-> ") and path.startswith(directory + "/"):
                yield Link(path, text[3:])

    def files_in(self, directory):
        return [path.rpartition("/")[2] for path in sorted(self.files) if path.rpartition("/")[0] == directory]

    def is_same_file(self, one, other):
        return one == other

    def facts(self):
        return NO_FACTS

    def apply(self, plan) -> None:
        """Carry out a plan, and check that each step was possible."""
        for step in plan.steps:
            if not isinstance(step, LinkChange):
                continue
            if step.kind == "symlink":
                assert self.occupant(step.path) is None, step
                self.files[step.path] = "-> " + step.target
            elif step.path in self.files:
                del self.files[step.path]
            else:
                assert self.files_in(step.path) == [], step  # a directory, empty by now
