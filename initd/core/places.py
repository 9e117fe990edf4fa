"""Where a manager has what is its own: sockets, unit directories, configuration, the directories of its units.

There are three kinds of managers. That of the system has the fixed paths of an init. That of a user (`pyinit --user`) has
its own below $XDG_RUNTIME_DIR and the home directory, as file-hierarchy(7) and systemd.unit(5), UNIT FILE LOAD PATH, say of
user mode. That of a group of processes beside another init (`pyinit --daemon`) has everything below its runtime directory,
and touches nothing of the machine's. Its units are like a user's: there is no boot for them to wait for.

Plain words made of words: nothing is looked up here. What systemd 252 has in user mode: conformance/user.
"""

from __future__ import annotations

from initd.core.record import Record
from initd.core.sources import DIRECTORY_BASES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: systemd's order for the system manager; `systemd-analyze unit-paths` prints it.
SYSTEM_UNIT_PATH = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/run/systemd/generator.late",
)
#: Where system.conf and user.conf have their drop-ins, besides what is a user's own.
_CONFIGURATION_BASES = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd")
_DATA_DIRECTORIES = ("/usr/local/share", "/usr/share")
#: Whatever $XDG_DATA_DIRS says.
_VENDOR_UNITS = (
    "/usr/local/lib/systemd/user", "/usr/local/share/systemd/user", "/usr/lib/systemd/user", "/usr/share/systemd/user",
)
#: Below the runtime directory of a group's manager: a link to the directory of its units.
UNITS_LINK = "units"


class Places(Record):
    """`mode` is "system", "user" or "group"; `run` stands for /run, "" for a user who has no such directory."""

    mode: str = "system"
    run: str = "/run"
    unit_path: tuple[str, ...] = SYSTEM_UNIT_PATH
    #: Where `systemctl enable` and its like work, for good and with --runtime.
    config_units: str = "/etc/systemd/system"
    runtime_units: str = "/run/systemd/system"
    #: What `systemctl set-property` writes, for good and with --runtime.
    config_control: str = "/etc/systemd/system.control"
    runtime_control: str = "/run/systemd/system.control"
    #: Of the main files the first that is there counts; none for a manager without configuration.
    configuration: tuple[str, ...] = ("/etc/systemd/system.conf",)
    configuration_drop_ins: tuple[str, ...] = tuple([f"{base}/system.conf.d" for base in _CONFIGURATION_BASES])
    #: Of RuntimeDirectory= and its sisters, by their settings' names.
    directories: dict[str, str] = DIRECTORY_BASES
    timer_stamps: str = "/var/lib/systemd/timers"
    #: Directories of files with variables of a user's manager (environment.d(5)), the one that wins first.
    environment_d: tuple[str, ...] = ()
    #: The socket of the message bus that units are named on.
    bus: str = "/run/dbus/system_bus_socket"

    @property
    def is_init(self) -> bool:
        """The system's manager: what is the machine's is its own."""
        return self.mode == "system"

    @property
    def native_unit_path(self) -> tuple[str, ...]:
        """The unit path without what generators have made."""
        return tuple([path for path in self.unit_path if not path.startswith(f"{self.run}/systemd/generator")])

    @property
    def preset_kind(self) -> str:
        """Preset files are beside the units of packages, in a directory of this name and "-preset"."""
        return "user" if self.mode == "user" else "system"

    @property
    def private(self) -> str:
        """The socket of the manager's API. `systemctl --user` of systemd's knows where a user's is."""
        return self.run + "/systemd/private"

    @property
    def notify(self) -> str:
        return self.run + "/systemd/notify"

    @property
    def journal(self) -> str:
        """Where services send their lines."""
        return self.run + "/systemd/journal/stdout"

    @property
    def transient(self) -> str:
        return self.run + "/systemd/transient"

    @property
    def credentials(self) -> str:
        return self.directories["runtime_directory"] + "/credentials"

    @property
    def pid_file(self) -> str:
        return self.run + "/pid"


SYSTEM = Places()

#: What `--global` means: the units of all users' managers.
GLOBAL = Places(
    mode="user",
    run="",
    unit_path=(
        "/etc/systemd/user", "/run/systemd/user", "/usr/local/share/systemd/user", "/usr/share/systemd/user",
        "/usr/local/lib/systemd/user", "/usr/lib/systemd/user",
    ),
    config_units="/etc/systemd/user",
    runtime_units="/run/systemd/user",
)


def of_user(environment: Mapping[str, str], home: str) -> Places:
    """Those of a user with this home directory, as the XDG variables move them."""
    run = _absolute(environment, "XDG_RUNTIME_DIR", "")
    config = _absolute(environment, "XDG_CONFIG_HOME", home + "/.config")
    cache = _absolute(environment, "XDG_CACHE_HOME", home + "/.cache")
    data = _absolute(environment, "XDG_DATA_HOME", home + "/.local/share")
    own, mine = f"{config}/systemd", f"{run}/systemd"
    unit_path = [
        own + "/user.control", mine + "/user.control", mine + "/transient", mine + "/generator.early", own + "/user",
        *[f"{base}/systemd/user" for base in _listed(environment, "XDG_CONFIG_DIRS", ("/etc/xdg",))],
        "/etc/systemd/user", mine + "/user", "/run/systemd/user", mine + "/generator", data + "/systemd/user",
        *[f"{base}/systemd/user" for base in _listed(environment, "XDG_DATA_DIRS", _DATA_DIRECTORIES)],
        *_VENDOR_UNITS, mine + "/generator.late",
    ]  # fmt: skip
    return Places(
        mode="user",
        run=run,
        unit_path=with_own_path(environment, [path for path in unit_path if run or not path.startswith("/systemd/")]),
        config_units=own + "/user",
        runtime_units=mine + "/user",
        config_control=own + "/user.control",
        runtime_control=mine + "/user.control",
        configuration=(own + "/user.conf", "/etc/systemd/user.conf"),
        configuration_drop_ins=tuple([f"{base}/user.conf.d" for base in (own, *_CONFIGURATION_BASES)]),
        # As 252 has them: what is kept stands beside the configuration.
        directories=_directories(run, config, cache, config + "/log", config),
        timer_stamps=data + "/systemd/timers",
        environment_d=(config + "/environment.d", "/etc/environment.d", "/run/environment.d", "/usr/lib/environment.d"),
        bus=run + "/bus",
    )


def of_group(run: str, units: str, vendor: str, own: Places = SYSTEM) -> Places:
    """Those of a manager beside another init. `units` is the directory with what it runs, `vendor` that of the units every
    unit counts on; only they and `run` are looked at. `own`: whose other directories its units have."""
    mine = f"{run}/systemd"
    return Places(
        mode="group",
        run=run,
        unit_path=(
            units + ".control", mine + "/system.control", mine + "/transient", units, mine + "/system", vendor,
        ),
        config_units=units,
        runtime_units=mine + "/system",
        config_control=units + ".control",
        runtime_control=mine + "/system.control",
        configuration=(),
        configuration_drop_ins=(),
        directories={**own.directories, "runtime_directory": run},
        timer_stamps=own.directories["state_directory"] + "/pyinit/timers",
        bus=f"{run}/bus",
    )


def with_own_path(environment: Mapping[str, str], usual: list[str]) -> tuple[str, ...]:
    """$SYSTEMD_UNIT_PATH takes the place of the usual directories, or comes before them where it ends in a colon
    (systemd.unit(5), UNIT FILE LOAD PATH)."""
    words = environment.get("SYSTEMD_UNIT_PATH", "")
    own = [word for word in words.split(":") if word]
    found = own if own and not words.endswith(":") else own + usual
    return tuple(dict.fromkeys(found))


def _directories(runtime: str, state: str, cache: str, logs: str, configuration: str) -> dict[str, str]:
    return dict(zip(DIRECTORY_BASES, (runtime, state, cache, logs, configuration)))


def _absolute(environment: Mapping[str, str], name: str, otherwise: str) -> str:
    """Relative paths are invalid and ignored, says the XDG Base Directory Specification."""
    path = environment.get(name, "").rstrip("/")
    return path if path.startswith("/") else otherwise


def _listed(environment: Mapping[str, str], name: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    found = [path for path in environment.get(name, "").split(":") if path.startswith("/")]
    return tuple(found) or otherwise
