"""What the files of /proc/PID say, as values. Reads no file itself."""

from __future__ import annotations

from initd.core.record import Record

#: Tags are soft RLIMIT_RTTIME limits from here on (DESIGN.md): 2^60 + 2^40 * nesting + the unit's number.
TAG_BASE = 1 << 60
TAG_NESTING = 1 << 40
_TAG_END = 1 << 61

_REALTIME = b"Max realtime timeout"


class ProcessStat(Record):
    """/proc/PID/stat, proc(5). Times are in clock ticks."""

    pid: int
    command: str
    state: str
    parent_pid: int
    group: int
    session: int
    flags: int
    cpu_ticks: int
    children_cpu_ticks: int
    threads: int
    start_ticks: int
    resident_pages: int

    @property
    def is_zombie(self) -> bool:
        return self.state in "ZX"

    @property
    def is_kernel_thread(self) -> bool:
        return bool(self.flags & 0x0020_0000)


def parse_stat(data: bytes) -> ProcessStat:
    """ValueError where it is not complete: the process went away while it was read."""
    # The command is in parentheses and may hold any byte, parentheses included.
    opening, closing = data.find(b"("), data.rfind(b")")
    fields = data[closing + 2:].split()
    if opening < 0 or closing < 0 or len(fields) < 22:
        raise ValueError("incomplete stat")
    return ProcessStat(
        pid=int(data[:opening]),
        command=data[opening + 1:closing].decode("utf-8", "replace"),
        state=chr(fields[0][0]),
        parent_pid=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        flags=int(fields[6]),
        cpu_ticks=int(fields[11]) + int(fields[12]),
        children_cpu_ticks=int(fields[13]) + int(fields[14]),
        threads=int(fields[17]),
        start_ticks=int(fields[19]),
        resident_pages=int(fields[21]),
    )


def parse_tag(limits: bytes) -> int | None:
    """The soft RLIMIT_RTTIME of /proc/PID/limits where it is a tag, of whichever manager."""
    start = limits.find(_REALTIME)
    if start < 0:
        return None
    fields = limits[start + len(_REALTIME):start + 96].split(None, 1)
    if not fields or not fields[0].isdigit():
        return None
    value = int(fields[0])
    return value if TAG_BASE <= value < _TAG_END else None


def parse_limits(data: bytes) -> dict[str, tuple[int | None, int | None]]:
    """Every (soft, hard) limit by the kernel's name in lower case ("max open files"); None is unlimited."""
    limits = {}
    for line in data.decode("ascii", "replace").splitlines()[1:]:
        words = line[26:].split()[:2]
        if len(words) == 2 and all(word == "unlimited" or word.isdecimal() and word.isascii() for word in words):
            soft, hard = (None if word == "unlimited" else int(word) for word in words)
            limits[line[:26].strip().lower()] = (soft, hard)
    return limits


def parse_cgroups(data: bytes) -> dict[str, str]:
    """/proc/PID/cgroup: hierarchy → path. The v2 hierarchy is "", a named one "name=systemd"."""
    paths = {}
    for line in data.decode("utf-8", "surrogateescape").splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            paths[parts[1]] = parts[2].removesuffix(" (deleted)")
    return paths


def parse_status(data: bytes) -> dict[str, str]:
    """/proc/PID/status: field → text."""
    fields = {}
    for line in data.decode("utf-8", "replace").splitlines():
        name, colon, text = line.partition(":")
        if colon:
            fields[name] = text.strip()
    return fields


def parse_command_line(data: bytes) -> str:
    """/proc/PID/cmdline as one line, the way ps(1) shows it; "" for kernel threads and zombies."""
    return data.rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")


class Mount(Record):
    """One line of /proc/PID/mountinfo."""

    root: str
    path: str
    type: str
    is_read_only: bool
    super_options: tuple[str, ...]
    source: str = ""
    options: tuple[str, ...] = ()

    @property
    def all_options(self) -> str:
        """Those of the mount and those of the file system, as mount(8) lists them: read-only is what one of them is."""
        is_read_only = "ro" in self.options or "ro" in self.super_options
        words = [word for word in (*self.options, *self.super_options) if word not in ("ro", "rw", "")]
        return ",".join(("ro" if is_read_only else "rw", *words))


def parse_mounts(data: bytes) -> list[Mount]:
    mounts = []
    for line in data.decode("utf-8", "surrogateescape").splitlines():
        before, separator, behind = line.partition(" - ")
        left, right = before.split(" "), behind.split(" ")
        if not separator or len(left) < 6 or len(right) < 3:
            continue
        options = left[5].split(",")
        mounts.append(
            Mount(
                _unescape(left[3]), _unescape(left[4]), right[0], "ro" in options, tuple(_unescape(right[2]).split(",")),
                _unescape(right[1]), tuple(options),
            )
        )
    return mounts


def _unescape(path: str) -> str:
    for escape, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(escape, char)
    return path
