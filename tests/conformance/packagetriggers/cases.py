"""Sockets, timers and paths as Debian's packages ship them: what they are after a boot, and what becomes of their services.

A case's units are the package's own, which are not written; a timer's case adds a drop-in, so that it elapses at once. Units
are first looked at, as the boot left them; then they are stopped, and from there on made to do what they are for.
"""

from __future__ import annotations

from tests.conformance.services.play import Case

PROBE = "/p/probe"
#: In two images, since the second lot is large.
PACKAGES = (
    "openssh-server", "rpcbind", "cups-daemon", "uuid-runtime", "acpid", "avahi-daemon", "pcscd", "gpsd", "logrotate", "man-db",
    "anacron", "plocate", "sysstat", "php-common", "exim4-base", "python3-minimal", "dbus", "cron",
)
LARGE = ("podman", "docker.io", "mpd", "certbot", "dovecot-core", "python3-minimal", "dbus")

SOCKETS = {
    "ssh": "22", "rpcbind": "/run/rpcbind.sock", "cups": "/run/cups/cups.sock", "uuidd": "/run/uuidd/request",
    "acpid": "/run/acpid.socket", "avahi-daemon": "/run/avahi-daemon/socket", "pcscd": "/run/pcscd/pcscd.comm",
    "gpsd": "/run/gpsd.sock",
}
TIMERS = (
    "apt-daily", "apt-daily-upgrade", "dpkg-db-backup", "e2scrub_all", "fstrim", "logrotate", "man-db", "anacron",
    "phpsessionclean", "sysstat-collect", "sysstat-summary", "exim4-base", "plocate-updatedb",
)
LARGE_TIMERS = ("podman-auto-update", "certbot")

_GENERAL = ("LoadState", "UnitFileState", "Description", "Triggers")
_STATE = ("ActiveState", "SubState")
_SOCKET = ("Listen", "Accept", "Backlog", "SocketMode", "DirectoryMode", "BindIPv6Only", "PassCredentials", "Writable",
           "Symlinks", "RemoveOnStop", "FileDescriptorName", "MaxConnections", "TriggerLimitBurst")
_TIMER = ("AccuracyUSec", "RandomizedDelayUSec", "FixedRandomDelay", "Persistent", "WakeSystem", "RemainAfterElapse", "Unit",
          "OnClockChange", "OnTimezoneChange", "TimersCalendar", "TimersMonotonic")
_PATH = ("Paths", "Unit", "MakeDirectory", "DirectoryMode", "TriggerLimitBurst")
#: What is told or not, as it is over sooner or later.
_BRIEF = ("collapsed", "without stop-sigterm")
_FAST = "[Timer]\nOnActiveSec=1s\nAccuracySec=1us\nRandomizedDelaySec=0\nPersistent=no\n"


def _shown(unit: str, kind: str, names: tuple[str, ...], general: tuple[str, ...] = (*_GENERAL, *_STATE)) -> Case:
    steps = [f"show {name} {unit} .Unit" for name in general] + [f"show {name} {unit} .{kind}" for name in names]
    return Case(unit.replace(".", "-") + "-settings", {unit: ""}, tuple(steps))


def shown() -> list[Case]:
    """As the packages have them, and the boot left them: but for those whose service starts then, and fails in the end."""
    return [
        *(_shown(f"{name}.socket", "Socket", _SOCKET) for name in (*SOCKETS, "dbus")),
        *(_shown(f"{name}.timer", "Timer", _TIMER) for name in TIMERS),
        # systemd's own, of which we have one in other words
        _shown("systemd-tmpfiles-clean.timer", "Timer", _TIMER, ("LoadState", "UnitFileState", "Triggers", *_STATE)),
        *(_shown(f"{name}.path", "Path", _PATH) for name in ("cups", "acpid")),
    ]


def shown_large() -> list[Case]:
    return [
        *(_shown(f"{name}.socket", "Socket", _SOCKET) for name in ("mpd", "dovecot")),
        *(_shown(f"{name}.socket", "Socket", _SOCKET, _GENERAL) for name in ("podman", "docker")),
        *(_shown(f"{name}.timer", "Timer", _TIMER) for name in LARGE_TIMERS),
    ]


def socket(name: str, where: str, first: str = "", second: str = "", pause: float = 0.5) -> Case:
    """Connected to twice, which may be refused: some services remove what they were given. `first` and `second` are waited for
    after each; if nothing else is said, until the service runs. `pause`: seconds between the service's end and the second."""
    unit, service = f"{name}.socket", f"{name}.service"
    out = f"/run/t/{name}-socket"
    connect = f"run {PROBE} connect {where} 2>/dev/null || {{ mkdir -p {out}; echo refused >> {out}/out; }}"
    runs = f"until running {service}"
    steps = [f"start {unit}", "job", connect, first or runs, "settle 1",
             f"show NAccepted {unit} .Socket", f"show NConnections {unit} .Socket", f"stop {service}", "job", f"settle {pause}",
             connect, second or first or runs, "settle 1", f"stop {unit}", "job", f"stop {service}", "job", *_BRIEF]
    return Case(f"{name}-socket", {unit: "", service: ""}, tuple(steps))


def timer(name: str) -> Case:
    unit, service = f"{name}.timer", f"{name}.service"
    steps = [f"start {unit}", "job", "settle 3", f"stop {unit}", "job", f"start {unit}", "job", f"stop {unit}", "job", *_BRIEF]
    return Case(f"{name}-timer", {unit: "", service: "", f"{unit}.d/fast.conf": _FAST}, tuple(steps))


def path(name: str, script: str) -> Case:
    """`script` makes it happen."""
    unit, service = f"{name}.path", f"{name}.service"
    steps = [f"start {unit}", "job", "settle 0.5", f"run {script}", "settle 1.5", f"stop {unit}", "job", f"stop {service}",
             "job", *_BRIEF]
    return Case(f"{name}-path", {unit: "", service: ""}, tuple(steps))


def small() -> list[Case]:
    return [
        *(socket(name, where) for name, where in SOCKETS.items() if name not in ("acpid", "cups")),
        # one has nothing to do and ends, the other removes its socket
        socket("acpid", SOCKETS["acpid"], first="settle 1.5"),
        socket("cups", SOCKETS["cups"], second="settle 1"),
        *(timer(name) for name in TIMERS),
        path("cups", "touch /var/cache/cups/org.cups.cupsd"),
        path("acpid", "mkdir -p /etc/acpi/events && printf 'event=x\\naction=true\\n' > /etc/acpi/events/x"),
    ]


def large() -> list[Case]:
    return [
        # a process that it leaves behind goes on answering for five seconds
        socket("podman", "/run/podman/podman.sock", pause=7),
        # it cannot have its network, and is started until it has been too often; its socket goes with it
        socket("docker", "/run/docker.sock", first="until failed docker.socket", second="settle 1"),
        socket("mpd", "/run/mpd/socket"),
        # it shuts down what it was given, which the socket does not survive
        socket("dovecot", "143", second="settle 1"),
        *(timer(name) for name in LARGE_TIMERS),
    ]


def every() -> list[Case]:
    return [*shown(), *small(), *shown_large(), *large()]
