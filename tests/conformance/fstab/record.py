"""Asks a real systemd-fstab-generator, in two kinds of container, what it makes of each case; writes answers.json.

    python3 -m tests.conformance.fstab.record

Where /sys is writable (a privileged container), devices are taken to be there to be mounted.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402

from tests.conformance.fstab.cases import CASES  # noqa: E402

HERE = Path(__file__).resolve().parent
KINDS = {"privileged": ("--privileged",), "default": ()}
_GENERATOR = "/usr/lib/systemd/system-generators/systemd-fstab-generator"
#: Prints every file and link that was made, and what was said.
_SCRIPT = """
rm -rf /tmp/out; mkdir -p /tmp/out/normal /tmp/out/early /tmp/out/late
cat > /tmp/fstab
SYSTEMD_FSTAB=/tmp/fstab SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_LEVEL=info {generator} \
    /tmp/out/normal /tmp/out/early /tmp/out/late 2>/tmp/said
echo "status $?"
cd /tmp/out/normal
find . -type l | sort | while read -r path; do echo "link ${path#./} $(readlink "$path")"; done
find . -type f | sort | while read -r path; do echo "file ${path#./}"; sed 's/^/ /' "$path"; done
sed 's/^/said /' /tmp/said
"""


def ask(container: Container, fstab: str) -> dict[str, object]:
    script = _SCRIPT.replace("{generator}", shlex.quote(_GENERATOR))
    done = container.exec("sh", "-c", script, text=fstab + "\n")
    answer: dict[str, object] = {"links": {}, "files": {}, "said": []}
    for line in done.stdout.splitlines():
        verb, _, rest = line.partition(" ")
        if verb == "status":
            answer["status"] = int(rest)
        elif verb == "link":
            path, _, target = rest.partition(" ")
            answer["links"][path] = target
        elif verb == "file":
            answer["files"][rest] = ""
            current = rest
        elif verb == "said":
            answer["said"].append(rest)
        elif not verb:
            answer["files"][current] += rest + "\n"
    return answer


def main() -> None:
    image = Image(("systemd-sysv", "dbus"), with_pyinit=False)
    answers: dict[str, object] = {}
    for kind, more in KINDS.items():
        container = Container(image, "/sbin/init", options=("--systemd=always", *more))
        try:
            container.start().wait_until_booted()
            answers["version"] = container.exec("systemctl", "--version").stdout.splitlines()[0]
            answers[kind] = {name: ask(container, text) for name, text in CASES.items()}
        finally:
            container.remove()
    (HERE / "answers.json").write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
