"""`systemd-path`: where things are, for the system and for the user who asks (systemd-path(1), file-hierarchy(7)).

As systemd 252 on Debian has them, which still says /lib for its own directories. The user's come from the environment
and the user database, and from `user-dirs.dirs`; a search path is a list with colons.
"""

from __future__ import annotations

import os

from initd.cli.getopt import parse
from initd.cli.options import UsageError
from initd.cli.output import complain, is_answered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LONG = {"help": "", "version": "", "suffix": "="}
_SHORT = {"h": "help"}
_HELP = """\
systemd-path [OPTIONS...] [NAME...]

Show where things are, for the system and for you.

Options:
     --suffix=SUFFIX  Append this to each path
  -h --help           Show this help
     --version        Show the version
"""
_BINARIES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class _Unknown(Exception):
    """A path that this user or this system does not have; the text says why, as errno would."""


def main(arguments: list[str]) -> int:
    """The exit status. `arguments` without the program's name."""
    suffix = ""
    try:
        given, names = parse(arguments, "systemd-path", _LONG, _SHORT)
    except UsageError as problem:
        complain(str(problem))
        return 1
    for name, value in given:
        if is_answered((name,), _HELP):
            return 0
        suffix = value
    if not names:
        return _print_all(suffix)
    return max([_print_one(name, suffix) for name in names])


def _print_one(name: str, suffix: str) -> int:
    if name not in _PATHS:
        complain(f"Path {name} not known.")
        return 1
    try:
        print(_path(name, suffix))
    except _Unknown as problem:
        complain(f"Failed to query {name}: {problem}")
        return 1
    return 0


def _print_all(suffix: str) -> int:
    status = 0
    for name in _PATHS:
        try:
            print(f"{name}: {_path(name, suffix)}")
        except _Missing:
            continue  # what is not there is no failure here
        except _Unknown as problem:
            complain(f"Failed to query {name}: {problem}")
            status = 1
    return status


def _path(name: str, suffix: str) -> str:
    found = _PATHS[name]
    text = found if isinstance(found, str) else found()
    if not suffix:
        return text
    if not name.startswith(("search-", "systemd-search-")):
        return _joined(text, suffix)
    return ":".join(_joined(each, suffix) for each in text.split(":"))


def _joined(path: str, suffix: str) -> str:
    path = "" if path == "/" else path
    return f"{path}{'' if path.endswith('/') or suffix.startswith('/') else '/'}{suffix}"


class _Missing(_Unknown):
    """Nobody has set it."""


# --- of the system ----------------------------------------------------------------------------------------------------


def _temporary(default: str) -> Callable[[], str]:
    def find() -> str:
        for variable in ("TMPDIR", "TEMP", "TMP"):
            path = os.environ.get(variable, "")
            if path.startswith("/") and _is_normal(path) and os.path.isdir(path):
                return path
        return default

    return find


def _is_normal(path: str) -> bool:
    return ".." not in path.split("/") and "." not in path.split("/")


def _architecture() -> str:
    """As the libraries of this architecture are called below /usr/lib."""
    machine = os.uname().machine
    special = {"i486": "i386", "i586": "i386", "i686": "i386", "ppc64le": "powerpc64le", "armv7l": "arm"}
    return special.get(machine, machine) + ("-linux-gnueabihf" if machine == "armv7l" else "-linux-gnu")


# --- of the user ------------------------------------------------------------------------------------------------------


def _home() -> str:
    path = os.environ.get("HOME", "")
    if path.startswith("/"):
        return path.rstrip("/") or "/"
    # Of these two systemd knows without looking (nss-systemd(8)).
    known = {0: "/root", 65534: "/"}.get(os.getuid())
    if known:
        return known
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        raise _Unknown("No such process") from None


def _in_home(below: str) -> Callable[[], str]:
    return lambda: _joined(_home(), below)


def _from_environment(variable: str, below: str) -> Callable[[], str]:
    def find() -> str:
        path = os.environ.get(variable, "")
        return path if path.startswith("/") else _joined(_home(), below)

    return find


def _user_runtime() -> str:
    path = os.environ.get("XDG_RUNTIME_DIR", "")
    if not path.startswith("/"):
        raise _Missing("No such device or address")
    return path


def _user_directory(variable: str, default: str = "") -> Callable[[], str]:
    """What `user-dirs.dirs` says: shell to others, read line by line here, NAME="$HOME/…" or an absolute path."""

    def find() -> str:
        home = _home()
        try:
            with open(_config_home() + "/user-dirs.dirs", "rb") as file:
                lines = os.fsdecode(file.read()).splitlines()
        except FileNotFoundError:
            lines = []
        except OSError as problem:
            raise _Unknown(problem.strerror) from None
        for line in lines:
            path = _said(line.strip(), variable, home)
            if path:
                return path
        return _joined(home, default) if default else home

    return find


def _said(line: str, variable: str, home: str) -> str:
    name, _, value = line.partition("=")
    value = value.strip()
    last = value.rfind('"')
    if name.rstrip() != variable or not value.startswith('"') or last < 1:
        return ""
    path = value[1:last]
    if path == "$HOME":
        return home
    if path.startswith("$HOME/"):
        return home + path[5:]
    return path if path.startswith("/") else ""


_config_home = _from_environment("XDG_CONFIG_HOME", ".config")
_data_home = _from_environment("XDG_DATA_HOME", ".local/share")


# --- lists ------------------------------------------------------------------------------------------------------------


def _search_binaries() -> str:
    is_set = "PATH" in os.environ
    return _search("PATH", "", "" if is_set else ".local/bin", _BINARIES)()


def _search(variable: str, home_variable: str, below: str, system: str) -> Callable[[], str]:
    """The user's directory, then the system's, of which a variable may tell others. Without $HOME nobody's are left out."""

    def find() -> str:
        said = os.environ.get(variable) if variable else None
        listed = system if said is None else said
        paths = [each for each in listed.split(":") if each]
        own = os.environ.get(home_variable, "") if home_variable else ""
        if not own.startswith("/") and below:
            home = os.environ.get("HOME", "")
            own = _joined(home.rstrip("/"), below) if home.startswith("/") else ""
        return ":".join([own, *paths] if own else paths)

    return find


def _search_units(variable: str, find_default: Callable[[], list[str]]) -> Callable[[], str]:
    """What a variable says; where that ends with a colon, or is not set, what is usual (behind it)."""

    def find() -> str:
        said = os.environ.get(variable, ":")
        listed = said.split(":") + (find_default() if said.endswith(":") else [])
        return ":".join(dict.fromkeys(_absolute(each) for each in listed if each))

    return find


def _absolute(path: str) -> str:
    """Without what means nothing in it. Links, and what is behind "..", are left alone."""
    path = path if path.startswith("/") else os.getcwd() + "/" + path
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def _system_units() -> list[str]:
    from initd.core.places import SYSTEM_UNIT_PATH

    return list(SYSTEM_UNIT_PATH)


def _user_units() -> list[str]:
    """Unlike everywhere else, systemd takes the variables here as they are, relative ones as well."""
    said = os.environ
    config = said["XDG_CONFIG_HOME"] if "XDG_CONFIG_HOME" in said else _joined(_home(), ".config")
    data = said["XDG_DATA_HOME"] if "XDG_DATA_HOME" in said else _joined(_home(), ".local/share")
    config_dirs = filter(None, said.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"))
    data_dirs = filter(None, said.get("XDG_DATA_DIRS", "/usr/local/share:/usr/share").split(":"))

    def of_runtime(*names: str) -> list[str]:
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        return [] if runtime is None else [f"{runtime}/systemd/{name}" for name in names]

    return [
        _joined(config, "systemd/user.control"),
        *of_runtime("user.control", "transient", "generator.early"),
        *_of_users(config, *config_dirs, "/etc"),
        *of_runtime("user"),
        "/run/systemd/user",
        *of_runtime("generator"),
        *_of_users(data, *data_dirs, "/usr/local/lib", "/usr/local/share", "/usr/lib", "/usr/share"),
        *of_runtime("generator.late"),
    ]


def _of_users(*directories: str) -> list[str]:
    return [_joined(each, "systemd/user") for each in directories]


def _generators(kind: str, *libraries: str) -> Callable[[], list[str]]:
    return lambda: [f"{each}/systemd/{kind}-generators" for each in ("/run", "/etc", "/usr/local/lib", *libraries)]


# --- all of them, in the order of the list ------------------------------------------------------------------------------

_PATHS: dict[str, str | Callable[[], str]] = {
    "temporary": _temporary("/tmp"),
    "temporary-large": _temporary("/var/tmp"),
    "system-binaries": "/usr/bin",
    "system-include": "/usr/include",
    "system-library-private": "/usr/lib",
    "system-library-arch": lambda: f"/usr/lib/{_architecture()}",
    "system-shared": "/usr/share",
    "system-configuration-factory": "/usr/share/factory/etc",
    "system-state-factory": "/usr/share/factory/var",
    "system-configuration": "/etc",
    "system-runtime": "/run",
    "system-runtime-logs": "/run/log",
    "system-state-private": "/var/lib",
    "system-state-logs": "/var/log",
    "system-state-cache": "/var/cache",
    "system-state-spool": "/var/spool",
    "user-binaries": _in_home(".local/bin"),
    "user-library-private": _in_home(".local/lib"),
    "user-library-arch": lambda: _joined(_home(), f".local/lib/{_architecture()}"),
    "user-shared": _data_home,
    "user-configuration": _config_home,
    "user-runtime": _user_runtime,
    "user-state-cache": _from_environment("XDG_CACHE_HOME", ".cache"),
    "user": _home,
    "user-documents": _user_directory("XDG_DOCUMENTS_DIR"),
    "user-music": _user_directory("XDG_MUSIC_DIR"),
    "user-pictures": _user_directory("XDG_PICTURES_DIR"),
    "user-videos": _user_directory("XDG_VIDEOS_DIR"),
    "user-download": _user_directory("XDG_DOWNLOAD_DIR"),
    "user-public": _user_directory("XDG_PUBLICSHARE_DIR"),
    "user-templates": _user_directory("XDG_TEMPLATES_DIR"),
    "user-desktop": _user_directory("XDG_DESKTOP_DIR", "Desktop"),
    "search-binaries": _search_binaries,
    "search-binaries-default": _BINARIES,
    "search-library-private": _search("", "", ".local/lib", "/usr/local/lib:/usr/lib:/lib"),
    # Where /lib is /usr/lib, systemd names the one directory twice.
    "search-library-arch": lambda: _search("", "", f".local/lib/{_architecture()}", ":".join(
        [f"/usr/lib/{_architecture()}"] * 2))(),
    "search-shared": _search("XDG_DATA_DIRS", "XDG_DATA_HOME", ".local/share", "/usr/local/share:/usr/share"),
    "search-configuration-factory": "/usr/local/share/factory/etc:/usr/share/factory/etc",
    "search-state-factory": "/usr/local/share/factory/var:/usr/share/factory/var",
    "search-configuration": _search("XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", ".config", "/etc"),
    "systemd-util": "/lib/systemd",
    "systemd-system-unit": "/lib/systemd/system",
    "systemd-system-preset": "/lib/systemd/system-preset",
    "systemd-system-conf": "/etc/systemd/system",
    "systemd-user-unit": "/usr/lib/systemd/user",
    "systemd-user-preset": "/lib/systemd/user-preset",
    "systemd-user-conf": "/etc/systemd/user",
    "systemd-search-system-unit": _search_units("SYSTEMD_UNIT_PATH", _system_units),
    "systemd-search-user-unit": _search_units("SYSTEMD_UNIT_PATH", _user_units),
    "systemd-system-generator": "/lib/systemd/system-generators",
    "systemd-user-generator": "/usr/lib/systemd/user-generators",
    "systemd-search-system-generator": _search_units("SYSTEMD_GENERATOR_PATH", _generators("system", "/lib")),
    "systemd-search-user-generator": _search_units("SYSTEMD_GENERATOR_PATH", _generators("user", "/usr/lib")),
    "systemd-sleep": "/lib/systemd/system-sleep",
    "systemd-shutdown": "/lib/systemd/system-shutdown",
    "tmpfiles": "/usr/lib/tmpfiles.d",
    "sysusers": "/usr/lib/sysusers.d",
    "sysctl": "/usr/lib/sysctl.d",
    "binfmt": "/usr/lib/binfmt.d",
    "modules-load": "/usr/lib/modules-load.d",
    "catalog": "/usr/lib/systemd/catalog",
    "systemd-search-network": ":".join(f"{each}/systemd/network" for each in (
        "/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")),
}
