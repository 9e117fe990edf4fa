"""What systemd-path is asked: a user, an environment, words. "@DIR@" is a directory with a few user-dirs.dirs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ROOT, DAEMON, NOBODY, STRANGER = 0, 1, 65534, 54321
USER_DIRS = {
    "shell": """\
# comment
XDG_DESKTOP_DIR="$HOME/Desk top"
XDG_DOWNLOAD_DIR = "$HOME/Down/"
   XDG_TEMPLATES_DIR\t=\t"/abs/Templates"
XDG_PUBLICSHARE_DIR="relative"
XDG_DOCUMENTS_DIR=$HOME/unquoted
XDG_MUSIC_DIR="$HOME"
XDG_PICTURES_DIR="$HOME/"
XDG_VIDEOS_DIR="$HOMEx"
XDG_VIDEOS_DIR="$HOME/a\\"b" rest
""",
    "odd": """\
export XDG_DESKTOP_DIR="/exported"
XDG_DOCUMENTS_DIR="/first"
XDG_DOCUMENTS_DIR="/second"
XDG_MUSIC_DIR="/open
XDG_MUSIC_DIR="/closed"
XDG_VIDEOS_DIR="${HOME}/x"
XDG_PICTURES_DIR="/a/../b//"
XDG_DOWNLOAD_DIR=""
XDG_TEMPLATES_DIR="/"
""",
}


class Case(NamedTuple):
    uid: int
    variables: dict[str, str]
    words: tuple[str, ...] = ()


def _case(uid: int = ROOT, words: str = "", **variables: str) -> Case:
    return Case(uid, variables, tuple(words.split()))


_USER = "user user-shared user-configuration user-state-cache"
_UNITS = "systemd-search-system-unit systemd-search-user-unit systemd-search-system-generator systemd-search-user-generator"
_LISTS = f"search-binaries search-shared search-configuration search-library-private search-library-arch {_UNITS}"
CASES = [
    _case(), _case(HOME="/h", PATH="/bin"), _case(HOME="/h/", XDG_RUNTIME_DIR="/r/"), _case(DAEMON), _case(NOBODY),
    _case(STRANGER), _case(STRANGER, HOME="/h"), _case(words="--suffix=foo/bar", HOME="/h", XDG_RUNTIME_DIR="/r"),
    _case(HOME="/h", XDG_CONFIG_HOME="@DIR@/shell"), _case(HOME="/h", XDG_CONFIG_HOME="@DIR@/odd"),
    _case(HOME="/", XDG_CONFIG_HOME="@DIR@/shell"), _case(HOME="/h", XDG_CONFIG_HOME="/nosuch"),
    _case(HOME="/h", XDG_CONFIG_HOME="relative", XDG_DATA_HOME="rel", XDG_CACHE_HOME="c", XDG_RUNTIME_DIR="rt"),
    _case(HOME="/h", XDG_CONFIG_HOME="/cf/", XDG_DATA_HOME="/dh", XDG_CACHE_HOME="/ch", XDG_RUNTIME_DIR=""),
    _case(HOME="relative", words=_USER), _case(HOME="", words=_USER), _case(HOME="/", words=_USER),
    _case(HOME="/h", XDG_DATA_DIRS="", XDG_CONFIG_DIRS="", words=_LISTS),
    _case(HOME="/h", XDG_DATA_DIRS="rel:/a:/b//", XDG_CONFIG_DIRS=":/c//:/d", PATH="/a::/b:", words=_LISTS),
    _case(XDG_DATA_DIRS=":/a:/a//:/usr/share", XDG_DATA_HOME="/a", XDG_RUNTIME_DIR="/r", words=_LISTS),
    _case(HOME="/h", XDG_CONFIG_HOME="", XDG_DATA_HOME="", PATH="", words=_LISTS),
    _case(HOME="relative", words=_LISTS),
    _case(SYSTEMD_UNIT_PATH="/a:/b", SYSTEMD_GENERATOR_PATH="/g", HOME="/h", words=_UNITS),
    _case(SYSTEMD_UNIT_PATH="/a:", SYSTEMD_GENERATOR_PATH="/g:", HOME="/h", words=_UNITS),
    _case(SYSTEMD_UNIT_PATH="rel:/a//b/:/a/b:/c/./d", SYSTEMD_GENERATOR_PATH=":/x", HOME="/h", words=_UNITS),
    _case(SYSTEMD_UNIT_PATH="", SYSTEMD_GENERATOR_PATH="", HOME="/h", words=_UNITS),
    _case(words="temporary temporary-large", TMPDIR="/nosuch", TEMP="@DIR@/", TMP="/"),
    _case(words="temporary temporary-large", TMPDIR="relative", TEMP="@DIR@/odd/user-dirs.dirs", TMP="/tmp/../tmp"),
    _case(words="--suffix=//x/ search-binaries", PATH="rel:/a/../b//c/"), _case(words="--suffix= tmpfiles"),
    _case(words="--suffix /x user-public", HOME="/"), _case(words="--suffix=.. tmpfiles user", HOME="/h"),
    _case(words="nosuch temporary"), _case(words="user-runtime temporary"), _case(words="user-runtime", XDG_RUNTIME_DIR="rel"),
    _case(STRANGER, "user search-shared user-documents"), Case(ROOT, {}, ("",)), _case(words="--bogus"), _case(words="-Z"),
    _case(words="--suffix"), _case(words="--ver=1"), _case(words="User"),
]  # fmt: skip


def build(directory: Path) -> None:
    directory.chmod(0o755)
    for name, text in USER_DIRS.items():
        (directory / name).mkdir()
        (directory / name / "user-dirs.dirs").write_text(text)


def placed(case: Case, directory: str) -> Case:
    return case._replace(variables={name: text.replace("@DIR@", directory) for name, text in case.variables.items()})
