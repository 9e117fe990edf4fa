"""Asks a real systemd, in a container with default capabilities, what becomes of the cases; writes answers.json.

    python3 -m tests.conformance.exec.record
"""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402

from tests.conformance.exec.run import HERE, OPTIONS, run_cases  # noqa: E402


def main() -> None:
    image = Image(("systemd-sysv", "dbus", "python3-minimal"), with_pyinit=False)
    container = Container(image, "/sbin/init", options=OPTIONS)
    try:
        container.start()
        cases = run_cases(container)
        version = container.exec("systemctl", "--version").stdout.splitlines()[0]
    finally:
        container.remove()
    head = {"version": version, "date": datetime.date.today().isoformat()}
    lines = [f"{json.dumps(name)}: {json.dumps(answer, ensure_ascii=False, sort_keys=True)}" for name, answer in cases.items()]
    text = f'{{"head": {json.dumps(head)},\n"cases": {{\n' + ",\n".join(lines) + "\n}}\n"
    (HERE / "answers.json").write_text(text)


if __name__ == "__main__":
    main()
