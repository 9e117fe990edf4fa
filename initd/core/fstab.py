"""Units made of /etc/fstab: what systemd-fstab-generator(8) makes of it, in a container.

Pure: the text and the facts of the machine go in, files and links come out. Recorded of systemd 252
(tests/conformance/fstab). In a container it passes over swap, and over devices where /sys cannot be written, since those are
the host's. What would run a program of systemd's that is not there (checking, making and growing a file system) is left out.
"""

from __future__ import annotations

from initd.core import timespan, unitname
from initd.core.generated import NORMAL, Generated
from initd.core.mountcommands import split_options
from initd.core.mountpoint import NETWORK_TYPES, is_of_the_system
from initd.core.record import Record
from initd.core.values import LOG_ERR, LOG_NOTICE, LOG_WARNING, Diagnostic

#: Programs that units are made to run, where they are there: checking, making and growing file systems, remounting the root.
CHECK, MAKE, GROW, REMOUNT = PROGRAMS = ("systemd-fsck", "systemd-makefs", "systemd-growfs", "systemd-remount-fs")
_UNITS = "/lib/systemd/system"
_HEAD = "# Made from {path} by pyinit\n{more}\n"
_TAGS = {"LABEL": "by-label", "UUID": "by-uuid", "PARTUUID": "by-partuuid", "PARTLABEL": "by-partlabel"}
_DOCUMENTATION = "Documentation=man:fstab(5) man:systemd-fstab-generator(8)"


class Facts(Record):
    """`real`: each place as it is without links (what is not in it is as it stands). `has_devices`: /sys is writable.
    `has_automounts`: automount points can be set up; else what they would be for is mounted at once."""

    path: str = "/etc/fstab"
    has_devices: bool = False
    programs: frozenset[str] = frozenset()
    real: dict[str, str] = {}
    has_automounts: bool = False


class Entry(Record):
    """One line: what is mounted where, as what, how; and whether its file system is to be checked before."""

    what: str
    where: str
    type: str
    options: str
    check: int

    @property
    def place(self) -> str:
        """Without slashes, dots and the like that mean nothing."""
        return "/" + "/".join(_steps(self.where))


class Plan(Record):
    """What is to be made, and what is to be said about it."""

    made: tuple[Generated, ...]
    problems: tuple[Diagnostic, ...]


# --- reading ----------------------------------------------------------------------------------------------------------


def parse(text: str) -> list[Entry]:
    """The lines that say something; what is missing at their end is nothing (fstab(5))."""
    entries = []
    for line in text.splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            what, where, kind, options, _, check = [_unescape(word) for word in (*words, *[""] * 6)[:6]]
            entries.append(Entry(_device(what), where, kind, options, int(check) if check.isdecimal() else 0))
    return entries


def _unescape(word: str) -> str:
    """A blank is written as \\040."""
    out, position = "", 0
    while position < len(word):
        digits = word[position + 1:position + 4]
        if word[position] == "\\" and len(digits) == 3 and all(digit in "01234567" for digit in digits):
            out += chr(int(digits, 8) & 255)
            position += 4
        else:
            out += word[position]
            position += 1
    return out


def _device(what: str) -> str:
    """LABEL=data is a link in /dev, which bears what udev could not leave as it is in another way."""
    tag, equals, value = what.partition("=")
    if not equals or tag not in _TAGS:
        return what
    value = value.strip('"')
    escaped = "".join(char if char.isalnum() or char in "#+-.:=@_" else "".join(
        f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape")) for char in value)
    return f"/dev/disk/{_TAGS[tag]}/{escaped}"


def _steps(path: str) -> list[str]:
    steps: list[str] = []
    for step in path.split("/"):
        if step == "..":
            steps[-1:] = []
        elif step not in ("", "."):
            steps.append(step)
    return steps


class _Options:
    """What the options of an entry say to systemd: the last of two that contradict each other counts."""

    def __init__(self, entry: Entry) -> None:
        self.words = split_options(entry.options)
        self.is_auto = self._last("auto", "noauto", True)
        self.may_fail = self._last("nofail", "fail", False)
        self.is_automount = any(word in ("x-systemd.automount", "comment=systemd.automount") for word in self.words)
        if entry.type in ("nfs", "nfs4") and self._last("bg", "fg", False):
            # mount(8) would try on in the background: that is what jobs of the manager do anyway.
            self.words = ["x-systemd.mount-timeout=infinity", "retry=10000", "nofail", *self.words, "fg"]
            self.may_fail = True
        self.device_timeout = self.all("x-systemd.device-timeout=")[-1:]
        if self.device_timeout:
            self.words = [word for word in self.words if not word.startswith("x-systemd.device-timeout=")]

    def _last(self, yes: str, no: str, default: bool) -> bool:
        found = [word for word in self.words if word in (yes, no)]
        return found[-1] == yes if found else default

    def all(self, prefix: str) -> list[str]:
        return [word.removeprefix(prefix) for word in self.words if word.startswith(prefix)]

    def has(self, word: str) -> bool:
        return word in self.words

    @property
    def text(self) -> str:
        text = ",".join(self.words)
        return "" if text == "defaults" else text


# --- planning ---------------------------------------------------------------------------------------------------------


def plan(text: str, facts: Facts) -> Plan:
    """Everything that is to be made of the file."""
    planner = _Planner(facts)
    for entry in parse(text):
        planner.add(entry)
    if REMOUNT in facts.programs and text.strip():
        planner.link("local-fs.target.wants/systemd-remount-fs.service", f"{_UNITS}/systemd-remount-fs.service")
    return Plan(tuple(planner.made.values()), tuple(planner.problems))


class _Planner:
    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.made: dict[str, Generated] = {}
        self.problems: list[Diagnostic] = []

    def say(self, priority: int, text: str) -> None:
        self.problems.append(Diagnostic(priority, "", 0, text))

    def link(self, path: str, target: str) -> None:
        self.made[path] = Generated(NORMAL, path, target=target)

    def file(self, path: str, lines: list[str], comment: str = "") -> None:
        head = _HEAD.format(path=self.facts.path, more=comment)
        self.made[path] = Generated(NORMAL, path, head + "\n".join(lines) + "\n")

    def add(self, entry: Entry) -> None:
        is_device = entry.what.startswith("/dev/")
        if is_device and not self.facts.has_devices:
            return self.say(LOG_NOTICE, f"Running in a container, ignoring fstab device entry for {entry.what}.")
        if entry.type == "swap":
            return self.say(LOG_NOTICE, f"Running in a container, ignoring fstab swap entry for {entry.what}.")
        if "/" not in entry.where:
            return self.say(LOG_WARNING, f"Mount point {entry.where} is not a valid path, ignoring.")
        where = self.facts.real.get(entry.place, entry.place)
        if is_of_the_system(where):
            return None
        unit = unitname.path_to_unit(where, "mount")
        if unit in self.made:
            path = f"/run/systemd/{NORMAL}/{unit}"
            return self.say(LOG_ERR, f"Failed to create unit file '{path}', as it already exists. "
                                     f"Duplicate entry in '{self.facts.path}'?")
        self._mount(entry, where, unit)
        return None

    def _mount(self, entry: Entry, where: str, unit: str) -> None:
        options = _Options(entry)
        if where == "/":
            self._keep_root(options)
        if options.is_automount and not self.facts.has_automounts:
            self.say(LOG_NOTICE, f"No automount point is set up here, {where} is mounted at once.")
            options.is_automount, options.is_auto = False, True
        is_network = _is_network(entry, options)
        target = "remote-fs.target" if is_network else "local-fs.target"
        before = [] if options.may_fail else [f"Before={target}"]
        head = [*_dependencies(options), *before, *self._checks(entry, where)]
        if entry.what.startswith("/dev/"):
            head.append(f"After=blockdev@{_quote(unitname.escape_path(entry.what))}.target")
        self.file(unit, [
            "[Unit]", _DOCUMENTATION, f"SourcePath={self.facts.path}", *head, "", "[Mount]", f"What={_quote(entry.what)}",
            *([f"# Canonicalized from {entry.where}"] if where != entry.where and where != _simple(entry.where) else []),
            f"Where={_quote(where)}", *self._how(entry, options, where),
        ])
        self._device_timeout(entry, options)
        self._make_and_grow(entry, options, where, unit)
        self._links(options, unit, target, where)

    def _keep_root(self, options: _Options) -> None:
        """It is there: nothing can be said of when it is mounted."""
        for said, name in ((not options.is_auto, "noauto"), (options.may_fail, "nofail"), (options.is_automount, "automount")):
            if said:
                self.say(LOG_WARNING, f'Ignoring "{name}" option for root device')
        options.is_auto, options.may_fail, options.is_automount = True, False, False

    def _checks(self, entry: Entry, where: str) -> list[str]:
        if not entry.check or not entry.type or CHECK not in self.facts.programs and entry.what.startswith("/dev/"):
            return []
        if not entry.what.startswith("/dev/"):
            self.say(LOG_WARNING, f'Checking was requested for "{entry.what}", but it is not a device.')
            return []
        if where == "/":
            self.link("local-fs.target.wants/systemd-fsck-root.service", f"{_UNITS}/systemd-fsck-root.service")
            return []
        unit = _quote(unitname.path_to_unit(entry.what, "service"))
        return [f"Requires=systemd-fsck@{unit}", f"After=systemd-fsck@{unit}"]

    def _how(self, entry: Entry, options: _Options, where: str) -> list[str]:
        lines = [f"Type={_quote(entry.type)}"] if entry.type not in ("", "auto") else []
        for timeout in options.all("x-systemd.mount-timeout=")[-1:]:
            lines += self._span("TimeoutSec", timeout, where)
        if options.text:
            lines.append(f"Options={_quote(options.text)}")
        return lines + ["ReadWriteOnly=yes"] * options.has("x-systemd.rw-only")

    def _span(self, key: str, text: str, where: str) -> list[str]:
        try:
            return [f"{key}={timespan.format(timespan.parse(text))}"]
        except ValueError:
            self.say(LOG_WARNING, f"Failed to parse timeout for {where}, ignoring: {text}")
            return []

    def _device_timeout(self, entry: Entry, options: _Options) -> None:
        for timeout in options.device_timeout:
            if not entry.what.startswith("/dev/"):
                self.say(LOG_WARNING, f"x-systemd.device-timeout ignored for {entry.what}")
                continue
            path = f"{unitname.path_to_unit(entry.what, 'device')}.d/50-device-timeout.conf"
            lines = self._span("JobRunningTimeoutSec", timeout, entry.what)
            self.file(path, ["[Unit]", *lines], f'# from supplied options "x-systemd.device-timeout={timeout}"\n')

    def _make_and_grow(self, entry: Entry, options: _Options, where: str, unit: str) -> None:
        if options.has("x-systemd.makefs") and MAKE in self.facts.programs:
            device = unitname.escape_path(entry.what)
            service = f"systemd-makefs@{device}.service"
            self.file(service, _service(
                "Make File System on %f", MAKE, f"{entry.type} {_quote(entry.what)}", "%i.device", "%i.device",
                f"systemd-fsck@%i.service {unit}"))
            self.link(f"{unit}.requires/{service}", f"../{service}")
        if options.has("x-systemd.growfs") and GROW in self.facts.programs:
            service = f"systemd-growfs@{unitname.escape_path(where)}.service"
            self.file(service, _service(
                "Grow File System on %f", GROW, _quote(where), "%i.mount", "systemd-repart.service %i.mount",
                "local-fs.target"))
            self.link(f"{unit}.wants/{service}", f"../{service}")

    def _links(self, options: _Options, unit: str, target: str, where: str) -> None:
        kind = "wants" if options.may_fail else "requires"
        if options.is_automount:
            automount = unitname.change_type(unit, "automount")
            lines = ["[Unit]", f"SourcePath={self.facts.path}", _DOCUMENTATION, "", "[Automount]", f"Where={_quote(where)}"]
            for timeout in options.all("x-systemd.idle-timeout=")[-1:]:
                lines += self._span("TimeoutIdleSec", timeout, where)
            self.file(automount, lines)
            self.link(f"{target}.{kind}/{automount}", f"../{automount}")
            return
        asked = [(name, "wants") for name in options.all("x-systemd.wanted-by=")]
        asked += [(name, "requires") for name in options.all("x-systemd.required-by=")]
        if not asked and options.is_auto:
            asked = [(target, kind)]
        for name, each in asked:
            self.link(f"{_mangle(name)}.{each}/{unit}", f"../{unit}")


def _simple(path: str) -> str:
    """Without slashes that mean nothing."""
    return "/" + "/".join(step for step in path.split("/") if step) if path.startswith("/") else path


def _is_network(entry: Entry, options: _Options) -> bool:
    return options.has("_netdev") or entry.type in NETWORK_TYPES or (
        entry.type.startswith("fuse.") and entry.type.removeprefix("fuse.") in NETWORK_TYPES)


def _dependencies(options: _Options) -> list[str]:
    """What x-systemd.requires= and its sisters come to."""
    lines = []
    requires = " ".join(_mangle(name) for name in options.all("x-systemd.requires="))
    if requires:
        lines += [f"After={requires}", f"Requires={requires}"]
    for word, key in (("after", "After"), ("before", "Before")):
        names = " ".join(_mangle(name) for name in options.all(f"x-systemd.{word}="))
        lines += [f"{key}={names}"] if names else []
    paths = " ".join(options.all("x-systemd.requires-mounts-for="))
    return lines + ([f"RequiresMountsFor={paths}"] if paths else [])


def _mangle(name: str) -> str:
    try:
        return unitname.mangle(name, ".mount")
    except ValueError:
        return name


def _service(description: str, program: str, arguments: str, bound: str, after: str, before: str) -> list[str]:
    return [
        "[Unit]", f"Description={description}", f"Documentation=man:{program}@.service(8)", "DefaultDependencies=no",
        f"BindsTo={bound}", "Conflicts=shutdown.target", f"After={after}", f"Before=shutdown.target {before}", "",
        "[Service]", "Type=oneshot", "RemainAfterExit=yes", f"ExecStart=/lib/systemd/{program} {arguments}", "TimeoutSec=0",
    ]


def _quote(text: str) -> str:
    """A value in which nothing is a specifier."""
    return text.replace("%", "%%")
