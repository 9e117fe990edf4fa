"""Asks a real systemd, in a container with default capabilities, what becomes of the cases; writes answers.json.

    python3 -m tests.conformance.exec.record [PATTERN]

With a pattern, those alone whose name it finds; the others keep the answers they have.
"""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402

from tests.conformance.exec.cases import CASES  # noqa: E402
from tests.conformance.exec.run import CONTAINERS, HERE, names_of, read_answers, run_cases  # noqa: E402

ONLY = sys.argv[1] if len(sys.argv) > 1 else ""


def main() -> None:
    image = Image(("systemd-sysv", "dbus", "python3-minimal"), with_pyinit=False)
    found = {}
    for where, options in CONTAINERS.items():
        if not names_of(where, ONLY):
            continue
        container = Container(image, "/sbin/init", options=options)
        try:
            found |= run_cases(container.start(), where, ONLY)
            version = container.exec("systemctl", "--version").stdout.splitlines()[0]
        finally:
            container.remove()
    cases = {name: found[name] if name in found else read_answers()[name] for name in CASES}
    head = {"version": version, "date": datetime.date.today().isoformat()}
    lines = [f"{json.dumps(name)}: {json.dumps(answer, ensure_ascii=False, sort_keys=True)}" for name, answer in cases.items()]
    text = f'{{"head": {json.dumps(head)},\n"cases": {{\n' + ",\n".join(lines) + "\n}}\n"
    (HERE / "answers.json").write_text(text)


if __name__ == "__main__":
    main()
