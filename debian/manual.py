"""Writes the manual pages, from what commands say of themselves, the tables, and debian/man.

    python3 debian/manual.py DIRECTORY

The package's build runs it. help2man(1) makes a page of each command's `--help` and NAME.h2m, lowdown(1) of NAME.SECTION.md, in
which the line @KEYS@ stands for the keys of a configuration file, and of the page of all directives.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from initd import __version__  # noqa: E402  (the path comes first)
from initd.core import managerkeys  # noqa: E402
from initd.journal import config as journalconf  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SOURCES = ROOT / "debian/man"
#: Where commands are → their section of the manual.
COMMANDS = {ROOT / "debian/bin": "1", ROOT / "debian/web": "1", ROOT / "debian/libexec": "8"}
LIBRARY = "/usr/lib/pyinit"

#: Keys of journald.conf → what they do.
JOURNAL_KEYS = {
    "Storage":
        "Where entries are kept: *persistent* in /var/log/journal, *volatile* in /run/log/journal, *auto* (the default) in the "
        "first if it exists, *none* nowhere.",
    "SystemMaxUse, RuntimeMaxUse":
        "What may be used in /var/log/journal and /run/log/journal. Default: a tenth of the file system, 4 G at most.",
    "SystemKeepFree, RuntimeKeepFree":
        "How much space it leaves to others. Default: 15 % of the file system, 4 G at most.",
    "SystemMaxFileSize, RuntimeMaxFileSize":
        "When a new file is begun. Default: an eighth of what may be used, 128 M at most.",
    "SystemMaxFiles, RuntimeMaxFiles":
        "How many files are kept. Default: 100.",
    "MaxFileSec":
        "When a new file is begun, however small. Default: a month.",
    "MaxRetentionSec":
        "For how long files are kept. Default: 0, for ever.",
    "SyncIntervalSec":
        "After which time what was written is on the disk; at once behind entries of priority crit and worse. Default: 5 min.",
    "RateLimitIntervalSec, RateLimitBurst":
        "How many entries a service may write in which time.",
    "LineMax":
        "How long a line may be before it is taken for two. Default: 48 K.",
    "ForwardToConsole":
        "Whether entries go to the container's output. Default: yes.",
    "ForwardToSyslog":
        "Whether they go to a syslog daemon at /run/systemd/journal/syslog. Default: yes.",
    "ForwardToWall":
        "Whether they go to the terminals of all who are logged in. Default: yes.",
    "MaxLevelStore, MaxLevelSyslog, MaxLevelConsole, MaxLevelWall":
        "Only entries as important as this, or more, are kept or forwarded. Default: debug, to terminals emerg.",
}
#: Keys of system.conf that are no defaults of directives → what they do.
MANAGER_KEYS = {
    "LogLevel": "Up to which level the manager logs: *emerg* to *debug*, or 0 to 7. Default: debug.",
    "LogTarget": "Where the manager logs: *journal* (the default), *console*, *null*, ….",
    "ShowStatus": "Kept, and shown by `systemctl show`: what is on the console is the journal's to decide.",
    "DefaultEnvironment": "Variables that every unit gets.",
    "ManagerEnvironment": "Variables that *PassEnvironment=* of units may pick from, as the container's own.",
}


def manager_keys() -> list[tuple[str, str]]:
    rows = []
    for key in sorted(managerkeys.KEYS):
        if key in managerkeys.WITHOUT_EFFECT:
            text = f"Has no effect: {managerkeys.WITHOUT_EFFECT[key]}."
        elif key in MANAGER_KEYS:
            text = MANAGER_KEYS[key]
        elif key.startswith("Default"):
            text = f"What *{key.removeprefix('Default')}=* is in units that do not say."
        else:
            text = f"*{key}=* of the manager itself, and of units that do not say."
        rows.append((key, text))
    return rows


def journal_keys() -> list[tuple[str, str]]:
    return [*JOURNAL_KEYS.items(), *((key, f"Has no effect: {why}.") for key, why in journalconf.WITHOUT_EFFECT.items())]


KEYS: dict[str, Callable[[], list[tuple[str, str]]]] = {
    "systemd-system.conf.5": manager_keys, "journald.conf.5": journal_keys,
}


def markdown(page: str) -> str:
    """The source of a page, its table of keys filled in."""
    text = (SOURCES / f"{page}.md").read_text()
    rows = KEYS[page]() if page in KEYS else []
    return text.replace("@KEYS@", "\n\n".join(f"**{keys.replace(', ', '=**, **')}=**\n:   {text}" for keys, text in rows))


def directives() -> str:
    """The page of all directives, its tables as lists."""
    lines = ["# NAME", "", "pyinit-directives - what becomes of each directive of unit files", "", "# DESCRIPTION"]
    for line in (ROOT / "debian/doc/directives.md").read_text().splitlines()[1:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            lines.append(line.removeprefix("#") if line.startswith("#") else line)
        elif cells[0].startswith("`"):
            name, default, shown, fate = cells
            more = [f"Default: {default}." if default else "", f"Shown by {shown}." if shown else ""]
            lines += [f"**{name.strip('`')}**", f":   {' '.join(filter(None, (fate + '.', *more)))}", ""]
    return "\n".join(lines)


def from_markdown(name: str, section: str, text: str) -> str:
    """lowdown(1), whose pages name no program but what is given here."""
    about = {"title": name, "section": section, "source": f"pyinit {__version__}", "date": ""}
    words = ["lowdown", "-s", "-Tman", "--out-no-smarty"]
    for key, value in about.items():
        words += ["-M", f"{key}={value}"]
    return subprocess.run(words, input=text, capture_output=True, text=True, check=True).stdout


def from_help(command: Path, section: str) -> str:
    """help2man(1), for the command as it is in this tree."""
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory, command.name)
        here.write_text(command.read_text().replace(LIBRARY, str(ROOT)).replace("#!/usr/bin/python3", f"#!{sys.executable}"))
        here.chmod(0o755)
        words = ["help2man", "--no-info", f"--section={section}", f"--include={SOURCES / command.name}.h2m",
                 f"--version-string={__version__}", f"--source=pyinit {__version__}", "--manual=pyinit", str(here)]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def pages() -> Iterable[tuple[str, str]]:
    """(NAME.SECTION, roff) of each."""
    for directory, section in COMMANDS.items():
        for command in sorted(directory.iterdir()):
            yield f"{command.name}.{section}", from_help(command, section)
    for source in sorted(SOURCES.glob("*.md")):
        name, _, section = source.stem.rpartition(".")
        yield source.stem, from_markdown(name, section, markdown(source.stem))
    yield "pyinit-directives.7", from_markdown("pyinit-directives", "7", directives())


def main(directory: str) -> None:
    os.makedirs(directory, exist_ok=True)
    for page, text in pages():
        Path(directory, page).write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
