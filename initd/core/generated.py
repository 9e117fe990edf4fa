"""What a generator makes: files and links, each in one of the three directories of systemd.generator(7)."""

from __future__ import annotations

from initd.core.record import Record

#: The directories, as they are called below /run/systemd, and in the order in which a generator is told of them.
NORMAL, EARLY, LATE = DIRECTORIES = ("generator", "generator.early", "generator.late")


class Generated(Record):
    """`directory` is one of DIRECTORIES, `path` is relative to it. A link where `target` says so, else a file."""

    directory: str
    path: str
    text: str = ""
    target: str = ""


def wants(directory: str, unit: str, wanted: str, target: str) -> Generated:
    """`unit` wants `wanted`, which is found at `target`."""
    return Generated(directory, f"{unit}.wants/{wanted}", target=target)
