"""Asks a real systemd, in a privileged container, how it is for a user; writes answers.json.

    python3 -m tests.conformance.user.record
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402

from tests.conformance.user.cases import (  # noqa: E402
    GENERATOR_QUESTIONS,
    GLOBAL_QUESTIONS,
    QUESTIONS,
    RUNTIME,
    UID,
    USER,
    answers,
    script,
    setup,
    setup_generators,
)

ANSWERS = Path(__file__).with_name("answers.json")


def main() -> None:
    image = Image(("systemd-sysv", "dbus-user-session", "libpam-systemd"), with_pyinit=False)
    container = Container(image, "/sbin/init", options=("--systemd=always", "--privileged"))
    try:
        container.start().wait_until_booted()
        container.exec("bash", text=setup())
        container.exec("loginctl", "enable-linger", USER)
        container.wait_until("its manager is there", lambda: container.exec(
            "test", "-S", f"{RUNTIME}/systemd/private", check=False).returncode == 0)
        said = container.exec("su", USER, "-c", "bash", text=script(QUESTIONS)).stdout
        told = container.exec("bash", text=script(GLOBAL_QUESTIONS)).stdout
        container.exec("bash", text=setup_generators())
        container.systemctl("restart", f"user@{UID}.service")
        made = container.exec("su", USER, "-c", "bash", text=script(GENERATOR_QUESTIONS)).stdout
        shipped = container.exec("dpkg", "-L", "systemd").stdout.split()
        version = container.exec("systemctl", "--version").stdout.splitlines()[0]
    finally:
        container.remove()
    units = sorted({Path(path).name for path in shipped if path.startswith("/usr/lib/systemd/user/")})
    found = {"version": version, "units": units, "user": dict(zip(QUESTIONS, answers(said))),
             "global": dict(zip(GLOBAL_QUESTIONS, answers(told))),
             "generators": dict(zip(map(str, range(len(GENERATOR_QUESTIONS))), answers(made)))}
    ANSWERS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
