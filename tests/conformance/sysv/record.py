"""Asks this machine's systemd-sysv-generator what it makes of init scripts, and writes answers.json.

    python3 -m tests.conformance.sysv.record [DIRECTORY]    # from the top of the tree, as root

It runs in a mount namespace where /etc is a directory of ours. DIRECTORY has init scripts of Debian's packages: of each is kept
what the generator may read (checked: it makes the same of that as of the whole), the answer beside it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conformance.sysv.cases import CASES, Case

GENERATOR = "/lib/systemd/system-generators/systemd-sysv-generator"
ANSWERS = Path(__file__).resolve().parent / "answers.json"
#: What every file says.
COMMON = (
    "Documentation=man:systemd-sysv-generator(8)", "GuessMainPID=no", "IgnoreSIGPIPE=no", "KillMode=process", "Restart=no",
    "TimeoutSec=5min", "Type=forking", "[Service]", "[Unit]",
)  # fmt: skip
_IN_NAMESPACE = 'mount --make-rprivate / && mount --bind "$1/etc" /etc && mount --bind "$1/out" /mnt && shift && exec "$@"'
RUNLEVELS = ("0", "1", "2", "3", "4", "5", "6", "S")

#: A path, and what is there: where a link leads, or the lines of a file, sorted, each once and without those of COMMON.
Answer = dict[str, "str | list[str]"]


def ask(case: Case) -> Answer:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for name in ("etc/init.d", "etc/units", "out", *(f"etc/rc{level}.d" for level in RUNLEVELS)):
            (root / name).mkdir(parents=True)
        for name, text in case.scripts.items():
            (root / "etc/init.d" / name).write_bytes(text.encode("utf-8", "surrogateescape"))
            (root / "etc/init.d" / name).chmod(0o755)
        for runlevel, name in case.links:
            (root / f"etc/rc{runlevel}.d" / name).symlink_to(f"../init.d/{name[3:]}")
        for name in case.units:
            (root / "etc/units" / name).write_text("[Service]\nExecStart=/bin/true\n")
        subprocess.run(["unshare", "-m", "sh", "-c", _IN_NAMESPACE, "sh", directory, GENERATOR, "/mnt/n", "/mnt/e", "/mnt"],
                       env={"SYSTEMD_UNIT_PATH": "/etc/units", "SYSTEMD_LOG_TARGET": "null"}, check=True)
        return read(root / "out")


def read(top: Path) -> Answer:
    found: Answer = {}
    for path in sorted(top.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(top))] = os.readlink(path)
        elif path.is_file():
            found[str(path.relative_to(top))] = essence(path.read_text(errors="surrogateescape"))
    return found


def essence(text: str) -> list[str]:
    lines = {line for line in text.split("\n") if line and not line.startswith("#")}
    missing = set(COMMON) - lines
    if missing:
        raise ValueError(f"no {missing} in {text!r}")
    return sorted(lines - set(COMMON))


_KEPT = re.compile(r"#\s*(description|pidfile|chkconfig|processname):|.*usage", re.IGNORECASE)


def reduce(text: str) -> str:
    """The lines that may mean something to the generator."""
    kept: list[str] = []
    is_header = is_continued = False
    for line in text.split("\n"):
        stripped = line.strip()
        is_header = is_header or stripped == "### BEGIN INIT INFO"
        if is_header or is_continued or _KEPT.match(stripped):
            kept.append(line)
            is_continued = stripped.endswith("\\")
        is_header = is_header and stripped != "### END INIT INFO"
    return "\n".join([*kept, ""])


def debian(directory: Path) -> Case:
    texts = {path.name: path.read_bytes().decode("utf-8", "surrogateescape")
             for path in sorted(directory.iterdir()) if os.access(path, os.X_OK)}
    return Case("debian", texts, tuple((level, f"S01{name}") for level in "2345" for name in texts))


def reduced(case: Case) -> Case:
    return case._replace(scripts={name: reduce(text) for name, text in case.scripts.items()})


def main(arguments: list[str]) -> int:
    version = subprocess.run(["systemctl", "--version"], capture_output=True, text=True).stdout.partition("\n")[0]
    answers: dict[str, object] = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else {}
    answers |= {"version": version, "cases": {case.name: ask(case) for case in CASES}}
    if arguments:
        whole = debian(Path(arguments[0]))
        made = ask(whole)
        assert ask(reduced(whole)) == made
        answers |= {"debian": {"scripts": reduced(whole).scripts, "answer": made}}
    ANSWERS.write_text(json.dumps(answers, indent=0, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
