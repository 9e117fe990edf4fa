"""What is fuzzed: one function for each grammar, which reads a text with it and checks what must hold for any text.

`TARGETS` is for both: for hypothesis (`test_grammars`) and for the coverage-guided fuzzer (`fuzz_units`). A function
lets an exception pass only where the grammar must not raise it; what it may raise is caught here, and nowhere else.

A unit is one text too: its fragment and its drop-ins stand behind each other, with a line of "%%" between them.
"""

from __future__ import annotations

import errno
import json
from types import SimpleNamespace

from initd.cli.check import judge_unit
from initd.core import (
    calendar,
    calendar_elapse,
    capabilities,
    conditions,
    exitstatus,
    fates,
    install,
    mountpoint,
    objectpath,
    presets,
    signals,
    specifiers,
    substitution,
    syscalls,
    timespan,
    timestamp,
    unitname,
    versions,
    words,
    zone,
)
from initd.core import events as ev
from initd.core.directives import properties_of
from initd.core.engine import Engine
from initd.core.load import load_unit
from initd.core.lookup import look_up, read_installation, unit_file_state
from initd.core.managerkeys import configure
from initd.core.mounted import mounted_unit
from initd.core.settings import UnitDefinition
from initd.core.snapshot import Saved
from initd.core.sources import Allowed, LoadFacts, UnitFiles, UnitText
from initd.core.states import Fate, JobMode, JobType, LoadState, NotifyAccess, ServiceType, UnitType
from initd.core.unitfiles import Impossible
from initd.core.values import Condition, Diagnostic, Now
from initd.journal import datagram, stream
from initd.journal.sink import Source
from initd.shell import envfile
from initd.shell.successor import decode as decode_state
from initd.shell.successor import encode as encode_state
from initd.wire import dbus, execcontext, journal, keeping, notify, proc, sasl, syslog, unitstate
from tests.core.unitfiles_fake import ETC, LIB, FakeFiles
from tests.sim.system import FakeSystem
from tests.sim.units import service, shutdown_units, timer, unloaded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

FACTS = LoadFacts(hostname="host", machine_id="0" * 32, boot_id="1" * 32, kernel_release="6.1.0")
#: 2024-10-27, an hour before clocks were set back in Europe.
NOW_USEC = 1_729_987_200_000_000
BERLIN = zone.Zone((), (zone.Regime(3600, False, "CET"),), zone.parse_rule("CET-1CEST,M3.5.0,M10.5.0/3"))
DROP_IN = "\n%%\n"

#: The fact that a condition asks for, where it is neither a path's (yes or no) nor a set of words.
_CONDITION_FACTS = {
    "Architecture": "x86_64",
    "Firmware": conditions.Firmware(True, True, ("vendor,board",), "value"),
    "Virtualization": conditions.Virtualization("docker"),
    "Host": conditions.Host("host", "0" * 32),
    "KernelCommandLine": ("quiet", "root=/dev/sda"),
    "KernelVersion": "6.1.0-18-amd64",
    "Environment": {"HOME": "/root"},
    "OSRelease": {"ID": "debian", "VERSION_ID": "12"},
    "Capability": 1,
    "User": conditions.Identity((0,), ("root",)),
    "Group": conditions.Identity((0,), ("root",)),
    "ControlGroupController": conditions.Controllers("v2", ("cpu",)),
    "Memory": 2**30,
    "CPUs": 4,
}
_CONDITION_FACTS |= dict.fromkeys(("Security", "Credential", "CPUFeature"), ("selinux", "sse"))
_CONDITION_FACTS |= dict.fromkeys(
    ("MemoryPressure", "CPUPressure", "IOPressure"), "some avg10=0.10 avg60=1.00 avg300=0.00 total=1\n"
)


# --- units --------------------------------------------------------------------------------------------------------


def unit(name: str, text: str) -> UnitDefinition:
    """The unit, if it holds what every loaded unit must: see `check_unit`."""
    fragment, *dropins = text.split(DROP_IN)
    return check_unit(UnitFiles(
        name, (name,), UnitText(f"/u/{name}", fragment),
        tuple(UnitText(f"/u/{name}.d/{number}.conf", dropin) for number, dropin in enumerate(dropins)),
    ))


def check_unit(files: UnitFiles) -> UnitDefinition:
    """Loads it twice, to the same; every complaint says where and why; whatever was read can be shown and judged."""
    definition = load_unit(files, FACTS)
    assert definition == load_unit(files, FACTS), "read twice, and not the same"
    assert definition.load_state is not LoadState.NOT_FOUND
    texts = {file.path: file.text for file in (files.fragment, *files.dropins) if file is not None}
    check_diagnostics(definition.diagnostics, texts, whole_unit=f"{files.name}: ")
    assert definition.load_state not in (LoadState.BAD_SETTING, LoadState.ERROR) or definition.diagnostics
    check_names(definition)
    for group, shown in properties_of(definition.type):
        settings = fates.settings_of(definition, group)
        if settings is not None:
            dbus.marshal(shown.signature, (shown.show(settings, FACTS),))
    for row in judge_unit(files, definition, Allowed(capabilities=0, has_cgroups=False)):
        assert row.reason or row.fate is Fate.APPLIED, row
    return definition


def check_diagnostics(found: tuple[Diagnostic, ...], texts: dict[str, str], whole_unit: str = "") -> None:
    """Each names a file, a line of it, and a reason; only what is said of the unit as a whole has no line.

    One names a user instead, as in systemd: its words are compared with those of `systemd-analyze verify`.
    """
    for item in found:
        if whole_unit and not item.path:
            assert item.text.startswith("Accepting user/group name '") and not item.line, item
            continue
        assert item.path in texts, item
        assert item.text.strip() and 0 <= item.priority <= 7, item
        last = sum(texts[item.path].count(char) for char in "\n\r\0") + 1
        assert 1 <= item.line <= last or whole_unit and not item.line and item.text.startswith(whole_unit), item


def check_names(definition: UnitDefinition) -> None:
    """What a unit depends on can be looked for, and is not itself."""
    for entry in definition.dependencies:
        assert unitname.is_valid(entry.unit), entry
        assert entry.unit not in definition.names, entry
    for path in definition.unit.requires_mounts_for:
        mountpoint.units_at(path)


def command_line(text: str) -> None:
    definition = unit("q.service", "[Service]\nType=oneshot\nExecStart=" + one_line(text) + "\n")
    for command in definition.specific.exec_start:
        assert command.argv
        substitution.substitute(command.argv, {"A": 'one "two three" \\four', "EMPTY": ""})


def condition(text: str) -> None:
    """A kind, a space, and the parameter: as a unit has it, and as it is then judged."""
    kind, _, parameter = one_line(text).partition(" ")
    unit("q.target", f"[Unit]\nCondition{kind}={parameter}\nAssert{kind}={parameter}\n")
    if kind in conditions.JUDGES:
        plain, negated = (
            conditions.holds(Condition(kind, parameter, False, is_negated), _CONDITION_FACTS.get(kind, False))
            for is_negated in (False, True)
        )
        assert not (plain and negated)
    conditions.smbios_field(parameter)
    assert conditions.brace_expand(parameter[:40])
    try:
        conditions.kernel_switch(parameter.split(), kind)
    except ValueError:
        pass  # neither yes nor no


def manager_configuration(text: str) -> None:
    files = [UnitText(f"/etc/systemd/{number}.conf", part) for number, part in enumerate(text.split(DROP_IN))]
    found = configure(files, FACTS)
    assert found == configure(files, FACTS)
    check_diagnostics(found.diagnostics, {file.path: file.text for file in files})


# --- small grammars -----------------------------------------------------------------------------------------------


def calendar_event(text: str) -> None:
    try:
        spec = calendar.parse(text, FACTS.is_time_zone, ("CET", "CEST"))
    except calendar.CalendarError:
        return
    shown = calendar.format(spec, ("CET", "CEST"))
    assert calendar.parse(shown, FACTS.is_time_zone, ("CET", "CEST")) == spec, shown
    after = NOW_USEC
    for _ in range(3):
        elapse = calendar_elapse.next_elapse(spec, after, BERLIN)
        if elapse is None:
            return
        assert elapse > after
        after = elapse


def time_span(text: str) -> None:
    for parse in (timespan.parse, timespan.parse_nsec):
        try:
            usec = parse(text)
        except ValueError:
            continue
        assert usec >= 0
        assert timespan.parse(timespan.format(usec)) == usec


def time_stamp(text: str) -> None:
    try:
        usec = timestamp.parse(text, NOW_USEC, BERLIN, lambda name: zone.UTC if name == "UTC" else None)
    except ValueError:
        return
    timestamp.format_relative(usec, NOW_USEC)
    if usec > timestamp.FORMATTABLE_MAX:
        return  # "@" and a number may be any time; no date is printed for this one
    shown = timestamp.format(usec, zone.UTC)
    again = timestamp.parse(shown, NOW_USEC, BERLIN, lambda name: zone.UTC if name == "UTC" else None)
    assert again == usec - usec % 1_000_000, shown


def unit_name(text: str) -> None:
    assert unitname.unescape(unitname.escape(text)) == as_read(text)
    assert objectpath.unescape(objectpath.escape(text)) == as_read(text)
    for read in (unitname.unescape, unitname.unescape_path, unitname.escape_path, unitname.unit_type):
        try:
            read(text)
        except ValueError:
            pass  # no escaped text, no path, no suffix of a unit
    try:
        assert unitname.is_valid(unitname.mangle(text)) or text.startswith("/")
    except ValueError:
        pass  # no name comes out of it
    if unitname.is_valid(text):
        assert unitname.is_template(unitname.template_of(text)) or not unitname.is_instance(text)
        assert unitname.unit_type(unitname.change_type(text, "target")) is UnitType.TARGET
        assert objectpath.unit_name(objectpath.unit_path(text)) == text


def specifier(text: str) -> None:
    for name in ("a-b@c\\x2dd.service", "\\xff@\\x.service", "x.timer"):
        try:
            specifiers.Specifiers(name, f"/u/{name}", FACTS).expand(text)
        except specifiers.SpecifierError:
            pass  # a letter without a meaning, or one that this name has no value for


def quoted(text: str) -> None:
    for unescape in (False, True):
        try:
            found = words.split(text, unescape=unescape)
        except ValueError:
            continue  # a quote that never closes
        substitution.substitute(found, {"A": text})
    assert words.split(words.quote(text)) == [as_read(text)] or not text or "$" in text or "`" in text
    words.unescape(text)


def environment_file(text: str) -> None:
    try:
        assignments, problems = envfile.parse_file(text)
    except OSError as error:
        assert error.errno == errno.EINVAL
        return
    for name, value in assignments:
        assert envfile.is_valid_name(name) and "\0" not in name + value or "\0" in text
    assert all(problems)


def installation(text: str) -> None:
    """[Install] of a service and of a template: read, enabled, told its state, disabled."""
    for name in ("a.service", "t@.service", "t@i.service"):
        file_name = unitname.template_of(name)
        files = FakeFiles({f"{LIB}/{file_name}": text or "\n", f"{LIB}/b.service": "[Install]\nAlso=a.service\n"})
        try:
            read_installation(files, look_up(files, name))
        except Impossible:
            pass  # said by every plan, too
        plan = install.plan_enable(files, [name], ETC)
        assert plan == install.plan_enable(files, [name], ETC)
        if plan.failure is None:
            files.apply(plan)
            files.apply(install.plan_disable(files, [name], ETC))
        try:
            unit_file_state(files, name)
        except Impossible:
            pass  # [Install] names what cannot be


def preset(text: str) -> None:
    rules, found = presets.parse_presets([("/p", text)])
    for item in found:
        assert item.path == "/p" and item.line > 0 and item.text
    for name in ("a.service", "t@.service", "t@i.service"):
        presets.preset_of(rules, name)


def number(text: str) -> None:
    for read in (signals.number, exitstatus.number, capabilities.number, conditions.pressure_question, zone.parse_rule):
        try:
            read(text)
        except ValueError:
            pass  # what each of them promises for a word it does not know
    syscalls.expand(text)
    left, _, right = text.partition(" ")
    assert versions.compare(left, right) == -versions.compare(right, left)


# --- bytes --------------------------------------------------------------------------------------------------------


def protocols(data: bytes) -> None:
    """What other processes send."""
    for read in (notify.parse, journal.decode_header, zone.parse):
        try:
            read(data)
        except ValueError:
            pass  # each of them says why it is none
    syslog.parse_message(data)
    list(journal.decode_entries(data))
    parser = dbus.Parser()
    try:
        parser.feed(data)
        while parser.next_message() is not None:
            pass
    except dbus.WireError:
        pass  # the connection is closed
    for handshake in (sasl.ServerHandshake(0, "0" * 32), sasl.ClientHandshake()):
        try:
            handshake.feed(data)
        except sasl.HandshakeError:
            pass  # so here


def bus_body(data: bytes) -> None:
    """A signature, a NUL, and the bytes of a body: read or refused; what is read is written to bytes that read the same."""
    signature, _, body = data.partition(b"\0")
    try:
        word = signature.decode("ascii")
        values = dbus.unmarshal(word, body)
    except (dbus.WireError, UnicodeDecodeError):
        return
    again = dbus.marshal(word, values)
    assert repr(dbus.unmarshal(word, again)) == repr(values)  # a number that is none equals none


def notification(data: bytes) -> None:
    """A datagram: refused with a reason, or fields that make the same datagram, and that the engine takes."""
    try:
        fields = notify.parse(data)
    except notify.NotifyError as error:
        assert str(error)
        return
    assert all("\n" not in name + value for name, value in fields)
    assert notify.parse(notify.encode(fields)) == fields
    system = _system()
    system.send(ev.NotifyReceived("a.service", _main_pid(system), 0, fields))
    system.run(until=system.usec + 10_000_000)


def journal_stream(data: bytes) -> None:
    """What a service writes: all of it but ends of lines and NULs comes out again, in lines no longer than may be."""
    for chunk in (1, 7, len(data) or 1):
        cutter = stream.LineCutter(64)
        blocks = [block for start in range(0, len(data), chunk) for block, _ in cutter.feed(data[start:start + chunk])]
        rest = cutter.finish()
        whole = b"".join([*blocks, rest])
        assert not whole or whole.endswith(b"\n")
        assert whole.replace(b"\n", b"") == data.replace(b"\n", b"").replace(b"\0", b"")
        assert all(len(line) <= 64 for line in whole.split(b"\n"))
        for block in [*blocks, rest] if rest else blocks:
            for level, lines in stream.messages(block, 6, True):
                assert 0 <= level <= 7 and lines.endswith(b"\n") and b"\n\n" not in b"\n" + lines
    try:
        journal.decode_header(data)
    except ValueError as error:
        assert str(error)


class _Sink:
    """What a datagram becomes, as the journal would store it."""

    def __init__(self) -> None:
        self.entries: list[tuple[bytes, int]] = []

    def take_entry(self, sender: object, source: Source, fields: bytes, text: bytes, level: int, *units: str) -> None:
        assert source.name and b"\n" not in source.name
        self.entries.append((fields, level))


_ROOT = SimpleNamespace(fields=b"_PID=1\n_UID=0\n", command="root", unit="init.scope")
_NOBODY = SimpleNamespace(fields=b"_PID=2\n_UID=65534\n", command="x y\n", unit="a.service")


def journal_datagram(data: bytes) -> None:
    """Native or syslog, from root or another: fields of sound names, none of which is the journal's own."""
    for take, more in ((datagram.take_native, (lambda pid: ((b"OBJECT_EXE", b"%d" % pid),),)), (datagram.take_syslog, ())):
        for sender in (_ROOT, _NOBODY):
            sink = _Sink()
            take(sink, sender, data, *more)  # type: ignore[operator]
            for fields, level in sink.entries:
                assert 0 <= level <= 7
                for name, _ in next(journal.decode_entries(fields), ()):
                    assert not name.startswith("_") and name.isascii(), name


def proc_text(data: bytes) -> None:
    """The name of a file below /proc, a newline, and its text, whole or torn: values, or ValueError where it says so."""
    name, _, text = data.partition(b"\n")
    if name in (b"stat", b""):
        try:
            assert proc.parse_stat(text).state
        except ValueError:
            pass  # torn
    if name in (b"limits", b""):
        tag = proc.parse_tag(text)
        assert tag is None or tag >= proc.TAG_BASE
        assert all(limit is None or limit >= 0 for pair in proc.parse_limits(text).values() for limit in pair)
    if name in (b"mountinfo", b""):
        for mount in proc.parse_mounts(text):
            point = mountpoint.MountPoint(mount.path, mount.source, mount.type, mount.all_options)
            if point.has_unit:
                assert unitname.is_valid(point.unit), point
                definition = mounted_unit(point, UnitFiles(point.unit, (point.unit,)), FACTS)
                assert definition.load_state is LoadState.LOADED, point
    if name in (b"status", b""):
        assert all(key == key.strip("\n") for key in proc.parse_status(text))
    if name in (b"cgroup", b""):
        proc.parse_cgroups(text)
    if name in (b"cmdline", b""):
        assert "\0" not in proc.parse_command_line(text)


def report(data: bytes) -> None:
    """What comes from `pyinit-exec`, from the journal to be kept for it, and what is kept of units."""
    for read in (execcontext.parse_reports, keeping.decode_streams, unitstate.decode):
        try:
            read(data)
        except ValueError:
            pass  # it says why it is none
    found = keeping.decode(data)
    if found is not None and found[0] == keeping.DROP:
        assert b"".join(keeping.split_names(found[2])) == found[2]


# --- what a manager leaves to the next ----------------------------------------------------------------------------


def _system() -> FakeSystem:
    system = FakeSystem(Engine(Now(0, 0), seed=1), 1)
    system.send(ev.UnitsLoaded((
        *shutdown_units(), service("a.service", type=ServiceType.NOTIFY, notify_access=NotifyAccess.ALL),
        timer("a.timer", monotonic=(("OnActive", 3_000_000),)))))
    system.send(ev.UnitsLoaded(tuple(unloaded(name) for name in system.engine.graph.missing())))
    system.engine.pinned = frozenset(system.engine.units)
    system.has_triggers = system.expects_bugs = True
    for name in ("a.service", "a.timer"):
        system.send(ev.JobRequest(1, name, JobType.START, JobMode.REPLACE))
    system.run(until=system.usec + 20_000)
    return system


def _main_pid(system: FakeSystem) -> int:
    return next(iter(system.processes), 100)


_SYSTEM = _system()
_SAVED = encode_state({"engine": _SYSTEM.engine.save()})
#: What may stand where something else should.
_ODD = (None, 0, -1, 2**70, "", "x", b"", b"\xff", True, 1.5, [], (), {}, ("r", "Job", {}), ("e", "JobType", "x"), ("t", 1),
        ("d", [1]))


def state(text: str) -> None:
    """Lines of two numbers: at which place of what a manager has saved which odd value is put. The next one begins anew, or
    goes on with what makes sense."""
    plain = decode_state(_SAVED)["engine"]
    for line in text.splitlines()[:20]:
        words = line.split()
        if len(words) == 2 and all(word.isascii() and word.isdecimal() and len(word) < 9 for word in words):
            _spoil(plain, int(words[0]), _ODD[int(words[1]) % len(_ODD)])
    system = _system()
    definitions = tuple(unit.definition for unit in system.engine.graph.units.values())
    system.engine = engine = Engine(system.now, 0)
    engine.pinned = frozenset(unit.name for unit in definitions)
    try:
        saved = Saved(plain)
        saved.reserve(engine.world)
        assert all(saved.definition(unit.name, unit) for unit in definitions)
    except Exception:
        return  # the manager begins anew (`initd.manager`)
    engine.handle(ev.UnitsLoaded(definitions), system.now)
    engine.restore(saved, system.now)


def _spoil(plain: object, number: int, odd: object) -> None:
    """Puts the odd value at the place of this number, counted through all dicts and lists."""
    places: list[tuple[Any, Any]] = []

    def visit(value: object) -> None:
        if isinstance(value, dict):
            keys: Iterable[Any] = list(value)
        elif isinstance(value, (list, tuple)):
            keys = range(len(value))
        else:
            return
        for key in keys:
            if not isinstance(value, tuple):
                places.append((value, key))
            visit(value[key])

    visit(plain)
    if places:
        target, key = places[number % len(places)]
        target[key] = odd


def state_bytes(data: bytes) -> None:
    """Numbers and bytes to change: what is spoiled anywhere is refused as a whole, with a reason."""
    spoiled = bytearray(_SAVED)
    for position, byte in zip(data[::3], data[1::3]):
        spoiled[(position << 8 | byte) % len(spoiled)] ^= (data[2::3] or b"\1")[0]
    if bytes(spoiled) == _SAVED or not spoiled.endswith(_SAVED[-8:]):
        return
    try:
        decode_state(bytes(spoiled))
    except ValueError as error:
        assert str(error)
        return
    raise AssertionError("a spoiled state was read")


# --- all of them --------------------------------------------------------------------------------------------------


def one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\r", " ").replace("\0", " ")


def as_read(text: str) -> str:
    """The text as it comes out of bytes: what stands for bytes that happen to be UTF-8 is a character then."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


#: Grammar → what reads a text in it. A unit's is its own name.
TARGETS = {
    name: (lambda text, name=name: unit(name, text)) for name in (
        "q.service", "a-b@c\\x2dd.service", "t@.service", "q.socket", "q.timer", "q.path", "q.slice", "a-b.mount",
        "a-b.automount", "dev-sda1.swap", "q.scope", "q.target", "dev-sda1.device",
    )
} | {
    "command": command_line,
    "condition": condition,
    "system.conf": manager_configuration,
    "calendar": calendar_event,
    "span": time_span,
    "timestamp": time_stamp,
    "name": unit_name,
    "specifier": specifier,
    "words": quoted,
    "environment": environment_file,
    "install": installation,
    "preset": preset,
    "number": number,
    "state": state,
} | {
    name: (lambda text, read=read: read(text.encode("utf-8", "surrogateescape"))) for name, read in {
        "bytes": protocols,
        "body": bus_body,
        "notify": notification,
        "stream": journal_stream,
        "datagram": journal_datagram,
        "proc": proc_text,
        "report": report,
        "state-bytes": state_bytes,
    }.items()
}


def run(data: bytes, names: tuple[str, ...] = tuple(TARGETS)) -> None:
    """One input of the fuzzer: a line with the grammar's name, and the text. A line that is none of the names picks one too."""
    first, _, rest = data.partition(b"\n")
    word = first.decode("utf-8", "surrogateescape")
    read = TARGETS[word if word in names else names[sum(first) % len(names)]]
    read(rest.decode("utf-8", "surrogateescape"))


def seeds(names: Iterable[str] = tuple(TARGETS)) -> list[bytes]:
    """The committed corpus: every entry of corpus.json for these grammars as one input."""
    from pathlib import Path

    entries = json.loads(Path(__file__).with_name("corpus.json").read_text())
    return [f"{name}\n{text}".encode("utf-8", "surrogateescape") for name, texts in entries.items() if name in names
            for text in texts]
