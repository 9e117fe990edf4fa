"""Asks a real systemd, in a privileged container, what the units of the cases see of the machine; writes answers.json.

    python3 -m tests.conformance.namespaces.record
"""

from __future__ import annotations

import datetime
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, Image  # noqa: E402

from tests.conformance.namespaces import cases, facts  # noqa: E402

ANSWERS = Path(__file__).resolve().parent / "answers.json"
OUTPUT = "/run/look"


def main() -> None:
    container = Container(Image(("systemd-sysv", "dbus"), with_pyinit=False), "/sbin/init",
                          options=("--systemd=always", "--privileged"), is_imported=True)
    try:
        container.start().wait_until_booted()
        version = container.exec("systemctl", "--version").stdout.splitlines()[0]
        ANSWERS.write_text(written(version, ask(container)))
    finally:
        container.remove()


def written(version: str, cases: dict[str, dict[str, object]]) -> str:
    """A line a case: all that "nothing" sees, of the others what is different; null: that fact is missing."""
    base = cases["nothing"]
    lines = []
    for name, seen in cases.items():
        differs = {fact: seen.get(fact) for fact in sorted({*base, *seen}) if seen.get(fact) != base.get(fact)}
        lines.append(f"{json.dumps(name)}: {json.dumps(base if name == 'nothing' else differs)}")
    head = f'"version": {json.dumps(version)}, "date": "{datetime.date.today().isoformat()}"'
    return f'{{{head}, "cases": {{\n' + ",\n".join(lines) + "\n}}\n"


def answers() -> dict[str, dict[str, object]]:
    """What was recorded, each case with all its facts."""
    cases = json.loads(ANSWERS.read_text())["cases"]
    base = cases["nothing"]
    return {name: {fact: value for fact, value in {**base, **seen}.items() if value is not None}
            for name, seen in cases.items()}


def ask_pyinit() -> dict[str, dict[str, object]]:
    """The same of ours."""
    container = Container(Image(), options=("--systemd=always", "--privileged"), is_imported=True)
    try:
        container.start().wait_until_booted()
        return ask(container)
    finally:
        container.remove()


def ask(container: Container) -> dict[str, dict[str, object]]:
    """By case: the start's exit status, and the facts as `facts.normal` puts them. One start at a time."""
    put(container)
    container.exec("sh", "-ec", cases.PREPARE)
    container.systemctl("daemon-reload")
    script = f"mkdir -p {OUTPUT}; " + "".join(
        f"systemctl start look-{name}.service >/dev/null 2>&1; "
        f"echo \"status|$(systemctl show -p ExecMainStatus --value look-{name}.service)\" >> {OUTPUT}/{name}; "
        for name in cases.CASES)
    container.exec("sh", "-c", script, timeout=300)
    outside = container.exec("readlink", *[f"/proc/1/ns/{name}" for name in facts.NAMESPACES]).stdout.split()
    texts = {name: container.exec("cat", f"{OUTPUT}/{name}").stdout for name in cases.CASES}
    return {name: facts.normal(text, outside) for name, text in texts.items()}


def put(container: Container) -> None:
    buffer = io.BytesIO()
    files = {f"etc/systemd/system/look-{name}.service": (cases.unit(name, OUTPUT), 0o644) for name in cases.CASES}
    files["usr/local/bin/look"] = (cases.LOOK, 0o755)
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, (text, mode) in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), mode
            archive.addfile(member, io.BytesIO(text.encode()))
    subprocess.run([*container.podman, "exec", "--interactive", container.id, "tar", "-C", "/", "-xf", "-"],
                   input=buffer.getvalue(), check=True)


if __name__ == "__main__":
    main()
