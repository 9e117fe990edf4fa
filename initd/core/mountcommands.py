"""Which command lines mount, remount and unmount what a mount unit describes? (systemd.mount(5), OPTIONS)

Recorded of systemd 252 (tests/conformance/mounts).
"""

from __future__ import annotations

from initd.core.settings import MountSettings
from initd.core.states import ExecPhase
from initd.core.values import ExecCommand

_MOUNT, _UNMOUNT = "/bin/mount", "/bin/umount"
#: Options that tell the boot and systemd what to do with the entry, and nothing to mount(8).
_NOT_FOR_MOUNT = frozenset(("auto", "noauto", "nofail"))


def command(settings: MountSettings, phase: ExecPhase) -> ExecCommand:
    """Of the phases MOUNT, REMOUNT and UNMOUNT."""
    if phase is ExecPhase.UNMOUNT:
        flags = ["-c"] + ["-l"] * settings.lazy_unmount + ["-f"] * settings.force_unmount
        return ExecCommand(_UNMOUNT, (_UNMOUNT, settings.where, *flags), no_expand=True)
    flags = ["-s"] * settings.sloppy_options + ["-w"] * settings.read_write_only
    type_words = ("-t", settings.type) if settings.type else ()
    if phase is ExecPhase.REMOUNT:
        options = f"remount,{settings.options}" if settings.options else "remount"
        words: tuple[str, ...] = ("-o", options, *flags, *type_words)
    else:
        options = ",".join(word for word in split_options(settings.options) if word not in _NOT_FOR_MOUNT)
        words = (*flags, *type_words, *(("-o", options) if options else ()))
    return ExecCommand(_MOUNT, (_MOUNT, settings.what, settings.where, *words), no_expand=True)


def split_options(text: str) -> list[str]:
    """The words of a list of mount options: a comma in quotes does not end one (mount(8), -o)."""
    words, begin, is_quoted = [], 0, False
    for position, char in enumerate(text):
        if char == '"':
            is_quoted = not is_quoted
        elif char == "," and not is_quoted:
            words.append(text[begin:position])
            begin = position + 1
    return [word for word in [*words, text[begin:]] if word]


def is_bind(settings: MountSettings) -> bool:
    """It shows a directory or file that is there already, elsewhere."""
    return settings.type == "bind" or any(word in ("bind", "rbind") for word in split_options(settings.options))
