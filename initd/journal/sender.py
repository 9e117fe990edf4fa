"""Who wrote this? What the kernel, and the manager's links, say of a process: the trusted fields of its entries.

The trusted fields of systemd.journal-fields(7) are made once for a process, encoded, and used for all its entries. They are
looked up again after a second: by then it may have become another program, or the number another process.

Which unit a process belongs to is known by its cgroup, where units have some, and else by its tag (DESIGN.md). What only the
manager knows of units stands in `units`.
"""

from __future__ import annotations

import os
from struct import Struct

from initd.journal.segment import encode_field, encode_fields
from initd.journal.units import Units
from initd.wire.proc import parse_cgroups, parse_tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.logfilter import LogFilter

_LOOK_AGAIN_USEC = 1_000_000
#: Of those who have ended so many are kept, or as many as there are others.
_ENDED_MAX = 256
_KEPT_MAX = 2048
_LENGTH = Struct("<Q")
_UNIT_SUFFIXES = (".service", ".scope", ".socket", ".mount", ".swap")
_MANAGER_UNIT, _MANAGER_SLICE = "init.scope", "-.slice"
#: What needs no quotes in `_CMDLINE`, besides letters and digits (seen on systemd 252).
_BARE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=+,@%^") | frozenset(range(128, 256))
_ESCAPES = {ord('"'): b'\\"', ord("\\"): b"\\\\", ord("$"): b"\\$", ord("`"): b"\\`", 10: b"\\n", 9: b"\\t", 13: b"\\r"}


class Rules:
    """What a unit asks of the journal (systemd.exec(5), LogLevelMax= and what follows); -1 is unset."""

    __slots__ = ("level_max", "extra", "interval_usec", "burst", "filter")

    def __init__(self, level_max: int = 7, extra: bytes = b"", interval_usec: int = -1, burst: int = -1,
                 filter: LogFilter | None = None) -> None:
        self.level_max = level_max
        #: LogExtraFields=, encoded.
        self.extra = extra
        self.interval_usec = interval_usec
        self.burst = burst
        self.filter = filter


class Sender:
    """A process that writes. `fields` are encoded; `unit` is "" where it belongs to none."""

    __slots__ = ("pid", "fields", "unit", "command", "rules", "start_ticks", "look_again_usec")

    def __init__(self, pid: int, fields: bytes, unit: str, command: bytes, rules: Rules) -> None:
        self.pid = pid
        self.fields = fields
        self.unit = unit
        self.command = command
        self.rules = rules
        self.start_ticks = b""
        self.look_again_usec = 0


class Senders:
    """`run` stands for /run, `machine_id` goes into every entry. The units are a user's where it `is_user`."""

    def __init__(self, machine_id: str, run: str = "/run", proc: str = "/proc", is_user: bool = False) -> None:
        self._unit_field = b"_SYSTEMD_USER_UNIT" if is_user else b"_SYSTEMD_UNIT"
        self._slice_field = b"_SYSTEMD_USER_SLICE" if is_user else b"_SYSTEMD_SLICE"
        self.units = Units(run)
        self._proc = proc
        self._machine_id = machine_id.encode()
        self._known: dict[tuple[int, int, int, str], Sender] = {}
        self._sweep_at = _ENDED_MAX
        self._manager_pid = os.getppid()
        paths = parse_cgroups(_read(f"{proc}/self/cgroup", 4096))
        #: The manager's own cgroup: units' are below it.
        self._cgroup_root = _hierarchy(paths).removesuffix("/" + _MANAGER_UNIT).rstrip("/")

    def of(self, pid: int, uid: int, gid: int, unit: str, now_usec: int) -> Sender:
        """`unit` is what its stream's header says, where that is believed; "" is for everybody else."""
        key = pid, uid, gid, unit
        known = self._known.get(key)
        if known is not None:
            if now_usec < known.look_again_usec:
                return known
            start_ticks = self._start_ticks(pid)
            if not start_ticks:
                return known  # it has ended, and these were its words
        sender = self._look(pid, uid, gid, unit)
        sender.start_ticks = self._start_ticks(pid) if pid else b""
        sender.look_again_usec = now_usec + _LOOK_AGAIN_USEC
        if known is not None and not sender.start_ticks:
            return known
        if len(self._known) >= self._sweep_at:
            self._sweep(now_usec)
        self._known[key] = sender
        return sender

    def _sweep(self, now_usec: int) -> None:
        """Who has ended says nothing any more, but for what was on its way; of too many who live the oldest go."""
        self._known = {
            key: each for key, each in self._known.items()
            if now_usec < each.look_again_usec or each.start_ticks and self._start_ticks(each.pid) == each.start_ticks
        }
        if len(self._known) >= _KEPT_MAX:
            for oldest in list(self._known)[:_KEPT_MAX // 2]:
                del self._known[oldest]
        self._sweep_at = min(len(self._known) + max(len(self._known), _ENDED_MAX), _KEPT_MAX)

    def _start_ticks(self, pid: int) -> bytes:
        stat = _read(f"{self._proc}/{pid}/stat", 1024)
        fields = stat[stat.rfind(b")") + 2:].split(None, 20)
        return fields[19] if len(fields) > 19 else b""

    def about(self, pid: int) -> list[tuple[bytes, bytes]]:
        """The process that an entry is about, as fields that begin with OBJECT_; none where there is no such process."""
        status = _read(f"{self._proc}/{pid}/status", 4096)
        if not status:
            return []
        _, _, fields = self._describe(pid, _real_id(status, b"Uid"), _real_id(status, b"Gid"), "")
        return [(b"OBJECT" + name, value) for name, value in fields if value]

    def _look(self, pid: int, uid: int, gid: int, unit: str) -> Sender:
        unit, command, fields = self._describe(pid, uid, gid, unit)
        fields = [(b"_RUNTIME_SCOPE", b"system"), (b"_MACHINE_ID", self._machine_id),
                  (b"_HOSTNAME", _read(f"{self._proc}/sys/kernel/hostname", 256).strip()), (b"_PID", b"%d" % pid), *fields]
        rules = self._rules(unit)
        encoded = encode_fields([field for field in fields if field[1]]) + rules.extra
        return Sender(pid, encoded, unit, command, rules)

    def _describe(self, pid: int, uid: int, gid: int, unit: str) -> tuple[str, bytes, list[tuple[bytes, bytes]]]:
        """The unit, the command, and the fields; those that are empty are not there."""
        self.units.look()
        base = f"{self._proc}/{pid}/"
        fields = [(b"_UID", b"%d" % uid), (b"_GID", b"%d" % gid)]
        command = b""
        path = cgroup = ""
        if pid:
            command = _read(base + "comm", 64).removesuffix(b"\n")
            fields += [(b"_COMM", command), (b"_EXE", _link(base + "exe")),
                       (b"_CMDLINE", quote_command_line(_read(base + "cmdline", 4096))),
                       (b"_CAP_EFFECTIVE", _effective_capabilities(_read(base + "status", 4096)))]
            path, cgroup = self._place(pid)
        if unit and unit != path.rsplit("/", 1)[-1]:
            path, cgroup = self._slices_of(unit), ""
        names = path.split("/")
        unit = unit or (names[-1] if names[-1].endswith(_UNIT_SUFFIXES) else "")
        if unit:
            above = [name for name in names[:-1] if name.endswith(".slice")]
            fields += [(self._unit_field, os.fsencode(unit)),
                       (self._slice_field, os.fsencode(above[-1] if above else _MANAGER_SLICE)),
                       (b"_SYSTEMD_CGROUP", os.fsencode(cgroup)),
                       (b"_SYSTEMD_INVOCATION_ID", self.units.of(unit).invocation)]
        return unit, command, fields

    def _place(self, pid: int) -> tuple[str, str]:
        """Where the process is, as slices and a unit, and its cgroup, if that says it."""
        if pid == self._manager_pid:
            return _MANAGER_UNIT, "/" + _MANAGER_UNIT
        path = _hierarchy(parse_cgroups(_read(f"{self._proc}/{pid}/cgroup", 4096)))
        below = path.removeprefix(self._cgroup_root) if path.startswith(self._cgroup_root + "/") else ""
        names = below.strip("/").split("/")
        for end in range(len(names), 0, -1):  # a unit may have groups of its own below its own
            if names[end - 1].endswith(_UNIT_SUFFIXES):
                if names[:end] != [_MANAGER_UNIT]:
                    return "/".join(names[:end]), below
                break
        tag = parse_tag(_read(f"{self._proc}/{pid}/limits", 4096))
        unit = self.units.with_tag(tag) if tag is not None else ""
        return (self._slices_of(unit), "") if unit else ("", "")

    def _slices_of(self, unit: str) -> str:
        return os.fsdecode(self.units.of(unit).cgroup) or unit

    def _rules(self, unit: str) -> Rules:
        if not unit:
            return Rules()
        facts = self.units.of(unit)
        return Rules(
            int(facts.level_max or 7), _encode_extra(facts.extra), int(facts.interval_usec or -1), int(facts.burst or -1),
            _filter(facts.patterns),
        )


def quote_command_line(data: bytes) -> bytes:
    """/proc/PID/cmdline as one line; an argument that a shell would split stands in quotes."""
    words = []
    for word in data.rstrip(b"\0").split(b"\0"):
        if not word or not _BARE.issuperset(word):
            word = b'"' + b"".join([_ESCAPES.get(byte) or bytes((byte,)) for byte in word]) + b'"'
        words.append(word)
    return b" ".join(words) if data else b""


def _filter(data: bytes) -> LogFilter | None:
    """Of patterns, one a line."""
    if not data:
        return None
    from initd.core.logfilter import LogFilter

    try:
        return LogFilter(os.fsdecode(data).split("\n"))
    except ValueError:
        return None  # of another version's manager


def _encode_extra(data: bytes) -> bytes:
    """A length in eight bytes, `FIELD=value`, and so on."""
    position, encoded = 0, b""
    while position + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, position)
        position += _LENGTH.size
        name, _, value = data[position:position + length].partition(b"=")
        position += length
        if name:
            encoded += encode_field(name, value)
    return encoded


def _hierarchy(paths: dict[str, str]) -> str:
    """systemd's own hierarchy on cgroup v1, else that of v2."""
    return paths.get("name=systemd") or paths.get("") or ""


def _real_id(status: bytes, name: bytes) -> int:
    _, _, rest = status.partition(b"\n" + name + b":\t")
    word = rest.split(None, 1)[0] if rest else b""
    return int(word) if word.isdigit() else 0


def _effective_capabilities(status: bytes) -> bytes:
    _, found, rest = status.partition(b"\nCapEff:\t")
    return rest.split(b"\n", 1)[0].lstrip(b"0") or b"0" if found else b""


def _read(path: str, size: int) -> bytes:
    """What the file says now; nothing where there is none, or it may not be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, size)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _link(path: str) -> bytes:
    try:
        return os.readlink(os.fsencode(path))
    except OSError:
        return b""
