"""Sockets, timers and paths as Debian's packages ship them: what they are after a boot, and what becomes of their services.

A case's units are the package's own, which are not written; a timer's case adds a drop-in, so that it elapses at once.
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

TIMERS = (
    "apt-daily", "apt-daily-upgrade", "dpkg-db-backup", "e2scrub_all", "fstrim", "logrotate", "man-db", "anacron",
    "phpsessionclean", "sysstat-collect", "sysstat-summary", "exim4-base", "plocate-updatedb",
)

_GENERAL = ("LoadState", "UnitFileState", "ActiveState", "SubState", "Description", "Triggers")
_SOCKET = ("Listen", "Accept", "Backlog", "SocketMode", "DirectoryMode", "BindIPv6Only", "PassCredentials", "Writable",
           "Symlinks", "RemoveOnStop", "FileDescriptorName", "MaxConnections", "TriggerLimitBurst")
_TIMER = ("AccuracyUSec", "RandomizedDelayUSec", "FixedRandomDelay", "Persistent", "WakeSystem", "RemainAfterElapse", "Unit",
          "OnClockChange", "OnTimezoneChange")
_PATH = ("Paths", "Unit", "MakeDirectory", "DirectoryMode", "TriggerLimitBurst")
_FAST = "[Timer]\nOnActiveSec=1s\nAccuracySec=1us\nRandomizedDelaySec=0\nPersistent=no\n"


def _shown(unit: str, kind: str, names: tuple[str, ...]) -> list[str]:
    return [f"show {name} {unit} .Unit" for name in _GENERAL] + [f"show {name} {unit} .{kind}" for name in names]


def socket(name: str, where: str, stays: bool = True) -> Case:
    """Connected to twice, which may be refused: some services remove what they were given. The service `stays`, or has ended
    when the second one comes."""
    unit, service = f"{name}.socket", f"{name}.service"
    out = f"/run/t/{name}-socket"
    once = [f"run {PROBE} connect {where} 2>/dev/null || {{ mkdir -p {out}; echo refused >> {out}/out; }}",
            f"until running {service}" if stays else "settle 1.5", "settle 1"]
    steps = [*_shown(unit, "Socket", _SOCKET), f"stop {service}", f"stop {unit}", "job", f"start {unit}", "job", *once,
             f"show NAccepted {unit} .Socket", f"show NConnections {unit} .Socket", f"stop {service}", "job", "settle 0.5",
             *once, f"stop {unit}", "job", f"stop {service}", "job", "collapsed"]
    return Case(f"{name}-socket", {unit: "", service: ""}, tuple(steps))


def settings(*timers: str) -> list[Case]:
    """As the packages have them, before anything is added."""
    return [Case(f"{name}-settings", {f"{name}.timer": ""}, tuple(_shown(f"{name}.timer", "Timer", _TIMER))) for name in timers]


def timer(name: str) -> Case:
    unit, service = f"{name}.timer", f"{name}.service"
    steps = [f"stop {unit}", "job", f"start {unit}", "job", "settle 3", f"stop {unit}", "job",
             f"start {unit}", "job", f"stop {unit}", "job", "collapsed"]
    return Case(f"{name}-timer", {unit: "", service: "", f"{unit}.d/fast.conf": _FAST}, tuple(steps))


def path(name: str, script: str) -> Case:
    """`script` makes it happen."""
    unit, service = f"{name}.path", f"{name}.service"
    steps = [*_shown(unit, "Path", _PATH), f"stop {service}", f"stop {unit}", "job", f"start {unit}", "job", "settle 0.5",
             f"run {script}", "settle 1.5", f"stop {unit}", "job", f"stop {service}", "job", "collapsed"]
    return Case(f"{name}-path", {unit: "", service: ""}, tuple(steps))


def shown(unit: str) -> Case:
    """One that others need: looked at, and left alone."""
    return Case(unit.replace(".", "-"), {unit: ""}, tuple(_shown(unit, "Socket", _SOCKET)))


def small() -> list[Case]:
    return [
        socket("ssh", "22"),
        socket("rpcbind", "/run/rpcbind.sock"),
        socket("cups", "/run/cups/cups.sock"),
        socket("uuidd", "/run/uuidd/request"),
        socket("acpid", "/run/acpid.socket", stays=False),
        socket("avahi-daemon", "/run/avahi-daemon/socket"),
        socket("pcscd", "/run/pcscd/pcscd.comm"),
        socket("gpsd", "/run/gpsd.sock"),
        shown("dbus.socket"),
        *settings(*TIMERS),
        *(timer(name) for name in TIMERS),
        path("cups", "touch /var/cache/cups/org.cups.cupsd"),
        path("acpid", "mkdir -p /etc/acpi/events && printf 'event=x\\naction=true\\n' > /etc/acpi/events/x"),
    ]


def large() -> list[Case]:
    return [
        socket("podman", "/run/podman/podman.sock"),
        socket("docker", "/run/docker.sock", stays=False),
        socket("mpd", "/run/mpd/socket"),
        socket("dovecot", "143"),
        *settings("podman-auto-update", "certbot"),
        timer("podman-auto-update"),
        timer("certbot"),
    ]


def every() -> list[Case]:
    return [*small(), *large()]
