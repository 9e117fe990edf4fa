"""Those who start, keep and stop many services, each told of them as its makers mean it: pyinit, and who else does that.

Every peer is PID 1 of a container of its own, without network; /bench is the runner's directory, with `service.c` as
/bench/service. A peer that cannot be had here raises Unavailable and is left out, with a line that says why.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "container")]

from harness import PLAIN, Container  # noqa: E402
from images import CACHE, Image, Unavailable, directory_of, run  # noqa: E402
from surroundings import version_in  # noqa: E402

#: As many services, and more.
MOST = 20_000
#: What the others are asked for at most: beyond it a start of some takes minutes.
MOST_OF_OTHERS = 3000
SERVICE = "/bench/service"
#: The unit files' time (seconds since 1970): they came with an image, and each container has the same.
WRITTEN = 1_700_000_000
#: Without these sections of its configuration supervisord answers no supervisorctl.
SUPERVISORCTL = (
    "[unix_http_server]\nfile=/run/supervisor.sock\n"
    "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
    "[supervisorctl]\nserverurl=unix:///run/supervisor.sock\n")


class Peer:
    """`prepare` writes into `bench`, on this machine, what makes it run so many services; `command` is run there as PID 1.

    What it has no way to do is None or not there: such a cell of the table stays empty.
    """

    name = ""
    most = MOST_OF_OTHERS
    image = Image(("procps",), with_pyinit=False)
    command: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    #: The package that gives its version.
    package = ""
    #: Words that query one service, list all, and reload the configuration.
    is_active: tuple[str, ...] = ()
    list_all: tuple[str, ...] = ()
    reload: tuple[str, ...] = ()
    #: What PID 1 is sent to stop all services, if there are no words for it.
    stop_signal = "TERM"

    def prepare(self, bench: Path, count: int) -> None:
        raise NotImplementedError

    def provide(self) -> Path | None:
        """What `{peer}` in its options stands for: a directory of what no package of the image's brings."""
        return None

    def is_own(self, comm: str) -> bool:
        """Is it one of the manager's processes: PID 1, journals, supervisors; whatever is no service?"""
        return comm not in ("service", "run", "orphans")

    def version(self) -> str:
        return version_in(self.image, self.package)


class Units(Peer):
    """Both that read unit files."""

    is_active = ("systemctl", "is-active", "bench-0.service")
    list_all = ("systemctl", "list-units", "--no-pager")
    reload = ("systemctl", "daemon-reload")
    options: tuple[str, ...] = ("--volume={bench}/units:/etc/systemd/system:ro",)

    def prepare(self, bench: Path, count: int) -> None:
        wants = bench / "units/multi-user.target.wants"
        wants.mkdir(parents=True)
        for number in range(count):
            name = f"bench-{number}.service"
            (bench / "units" / name).write_text(
                f"[Unit]\nDescription=Service {number} of the benchmark\nStartLimitIntervalSec=0\n"
                f"[Service]\nExecStart={SERVICE}\nRestart=always\nRestartSec=0\n"
                "[Install]\nWantedBy=multi-user.target\n")
            os.utime(bench / "units" / name, (WRITTEN, WRITTEN))
            (wants / name).symlink_to(f"../{name}")


class PyinitCold(Units):
    """The services' units were put into the container only now: they are parsed at this boot."""

    name = "pyinit, first boot"
    image = PLAIN
    command = ("/sbin/pyinit",)
    package = "pyinit"


class Pyinit(PyinitCold):
    """From an image in which `pyinit cache` was run behind the services' units."""

    name = "pyinit"
    most = MOST
    options = (*Units.options, "--volume={bench}/cache:/var/cache/pyinit")

    def prepare(self, bench: Path, count: int) -> None:
        super().prepare(bench, count)
        (bench / "cache").mkdir()
        container = Container(self.image, "/sbin/pyinit", "cache",
                              options=tuple([option.format(bench=bench) for option in self.options]))
        try:
            container.start().wait()
            if not (bench / "cache/units").exists():
                raise Unavailable(container.logs())
        finally:
            container.remove()


class Systemd(Units):
    name = "systemd"
    image = Image(("systemd-sysv", "dbus"), with_pyinit=False)
    command = ("/sbin/init",)
    options = (*Units.options, "--systemd=always", "--privileged")
    package = "systemd"
    stop_signal = "RTMIN+3"


class Dinit(Peer):
    """No package of Debian's: measured where somebody has put `dinit` and `dinitctl`, static ones, on this machine."""

    name = "dinit"
    command = ("/peer/dinit", "--container", "--services-dir", "/bench/services", "boot")
    options = ("--volume={peer}:/peer:ro",)
    is_active = ("/peer/dinitctl", "is-started", "bench-0")
    list_all = ("/peer/dinitctl", "list")

    def prepare(self, bench: Path, count: int) -> None:
        services = bench / "services"
        services.mkdir()
        for number in range(count):
            (services / f"bench-{number}").write_text(
                f"type = process\ncommand = {SERVICE}\nrestart = true\nrestart-delay = 0\nrestart-limit-count = 0\n"
                "stop-timeout = 10\n")
        waits = "".join(f"waits-for: bench-{number}\n" for number in range(count))
        (services / "boot").write_text(f"type = internal\n{waits}")

    def provide(self) -> Path:
        found = shutil.which("dinit")
        if found is None:
            raise Unavailable("not on this machine, and not in Debian")
        return Path(found).parent

    def version(self) -> str:
        return run([f"{self.provide()}/dinit", "--version"]).stdout.split("\n")[0].rpartition(" ")[2]


class S6(Peer):
    name = "s6"
    image = Image(("procps", "s6"), with_pyinit=False)
    command = ("s6-svscan", "-c", str(MOST), "/bench/services")
    package = "s6"
    is_active = ("s6-svstat", "-u", "/bench/services/0")

    def prepare(self, bench: Path, count: int) -> None:
        for number in range(count):
            directory = bench / f"services/{number}"
            directory.mkdir(parents=True)
            (directory / "run").symlink_to(SERVICE)


class Runit(S6):
    name = "runit"
    image = Image(("procps", "runit"), with_pyinit=False)
    command = ("runsvdir", "-P", "/bench/services")
    package = "runit"
    is_active = ("sv", "status", "/bench/services/0")
    stop_signal = "HUP"


class Supervisord(Peer):
    name = "supervisord"
    image = Image(("procps", "supervisor"), with_pyinit=False)
    command = ("/usr/bin/supervisord", "-c", "/bench/supervisord.conf")
    package = "supervisor"
    is_active = ("supervisorctl", "-c", "/bench/supervisord.conf", "status", "bench-0")
    list_all = ("supervisorctl", "-c", "/bench/supervisord.conf", "status")
    reload = ("supervisorctl", "-c", "/bench/supervisord.conf", "reread")

    def prepare(self, bench: Path, count: int) -> None:
        programs = "".join(
            f"[program:bench-{number}]\ncommand={SERVICE}\nautorestart=true\nstartsecs=0\n"
            "stdout_logfile=NONE\nstderr_logfile=NONE\n" for number in range(count))
        (bench / "supervisord.conf").write_text(
            "[supervisord]\nnodaemon=true\nuser=root\nlogfile=/dev/null\nlogfile_maxbytes=0\nminfds=3000\n"
            f"{SUPERVISORCTL}{programs}")


class Circus(Peer):
    """Of PyPI, with what it needs."""

    name = "circus"
    image = Image(("procps", "python3"), with_pyinit=False)
    command = ("python3", "-m", "circus.circusd", "/bench/circus.ini")
    options = ("--volume={peer}:/peer:ro", "--env=PYTHONPATH=/peer")
    is_active = ("python3", "-m", "circus.circusctl", "--endpoint", "ipc:///run/circus", "status", "bench-0")
    list_all = ("python3", "-m", "circus.circusctl", "--endpoint", "ipc:///run/circus", "status")

    def prepare(self, bench: Path, count: int) -> None:
        watchers = "".join(f"[watcher:bench-{number}]\ncmd={SERVICE}\nmax_retry=-1\n" for number in range(count))
        (bench / "circus.ini").write_text(
            "[circus]\nendpoint=ipc:///run/circus\npubsub_endpoint=ipc:///run/circus-events\nwarmup_delay=0\n"
            f"loglevel=ERROR\n{watchers}")

    def provide(self) -> Path:
        directory = CACHE / "peer-circus"
        if not directory.is_dir():
            with directory_of("peer-") as temporary:
                pip = [sys.executable, "-m", "pip", "install", "-q", "--only-binary=:all:", "--python-version=3.11"]
                run([*pip, f"--target={temporary}/circus", "circus"])
                Path(temporary, "circus").rename(directory)
        return directory

    def version(self) -> str:
        return next(self.provide().glob("circus-*.dist-info")).name.removeprefix("circus-").removesuffix(".dist-info")


class Tini(Peer):
    """It runs one program: what it is measured in is what becomes of orphans."""

    name = "tini"
    image = Image(("procps", "tini"), with_pyinit=False)
    command = ("tini", "--", SERVICE)
    package = "tini"

    def prepare(self, bench: Path, count: int) -> None:
        """It has no configuration."""


class Floor(Peer):
    """What the machine can do: posix_spawn in a loop, in C."""

    name = "C loop"
    most = MOST
    command = ("/bench/floor", "{count}")

    def prepare(self, bench: Path, count: int) -> None:
        """It has no configuration."""

    def version(self) -> str:
        return run(["cc", "-dumpfullversion"]).stdout.strip()


PEERS = (Pyinit(), PyinitCold(), Floor(), Dinit(), S6(), Runit(), Systemd(), Circus(), Supervisord(), Tini())
