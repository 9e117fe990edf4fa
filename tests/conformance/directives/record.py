"""Asks a real systemd, in a container with default capabilities, what it makes of the cases; writes answers.txt.

    python3 -m tests.conformance.directives.record [SEED [COUNT]]

A record is the unit file, then what `systemctl show --all` says of it and not of a unit of its type without the directive;
of both the unit's own name is written as NAME. The facts of the container that answers mention are in the head.
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

from tests.conformance import hostfacts  # noqa: E402
from tests.conformance.directives import cases  # noqa: E402

ANSWERS = Path(__file__).resolve().parent / "answers.txt"
OPTIONS = ("--systemd=always", "--cap-add=NET_RAW,MKNOD,AUDIT_WRITE", "--hostname=recorder")
_AT_ONCE = 200


def main(seed: int = 1, count: int = 2500) -> None:
    container = Container(Image(("systemd-sysv", "dbus"), with_pyinit=False), "/sbin/init", options=OPTIONS)
    try:
        container.start().wait_until_booted()
        ANSWERS.write_text("\n".join(record(container, seed, count)) + "\n")
    finally:
        container.remove()


def record(container: Container, seed: int, count: int) -> list[str]:
    texts = dict(cases.cases(seed, count))
    bases = {f"base.{kind}": cases.baseline(section, "base") for kind, section in cases.type_sections().items()}
    put(container, texts | bases)
    container.systemctl("daemon-reload", timeout=300)
    shown = show(container, [*bases, *texts])
    out = ["# " + json.dumps(head(container, seed))]
    base = {name: normal(name, shown[name]) for name in bases}
    out += [json.dumps({"base": name, "show": values}) for name, values in base.items()]
    for name, text in texts.items():
        found, usual = normal(name, shown[name]), base["base." + name.rpartition(".")[2]]
        changed = {key: found.get(key, []) for key in sorted({*found, *usual}) if found.get(key) != usual.get(key)}
        out.append(json.dumps({"name": name, "text": text, "show": changed}))
    return out


def head(container: Container, seed: int) -> dict[str, object]:
    def ask(*words: str) -> str:
        return container.exec(*words).stdout.strip()

    return {
        "version": ask("systemctl", "--version").splitlines()[0],
        "date": datetime.date.today().isoformat(),
        "seed": seed,
        "hostname": ask("cat", "/etc/hostname"),
        "machine_id": ask("cat", "/etc/machine-id"),
        "boot_id": ask("cat", "/proc/sys/kernel/random/boot_id").replace("-", ""),
        "kernel_release": ask("uname", "-r"),
        "memory_total": int(ask("getconf", "_PHYS_PAGES")) * int(ask("getconf", "PAGE_SIZE")),
        "nofile": [int(ask("sh", "-c", f"ulimit -{kind}n")) for kind in "SH"],
    }


def put(container: Container, texts: dict[str, str]) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in texts.items():
            data = text.encode()
            member = tarfile.TarInfo(f"etc/systemd/system/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    subprocess.run([*container.podman, "exec", "--interactive", container.id, "tar", "-C", "/", "-xf", "-"],
                   input=buffer.getvalue(), check=True)


def show(container: Container, names: list[str]) -> dict[str, dict[str, list[str]]]:
    """Each unit's answer, in the order of the names, with an empty line between two."""
    found = {}
    for start in range(0, len(names), _AT_ONCE):
        some = names[start:start + _AT_ONCE]
        text = container.exec("systemctl", "show", "--all", "--", *some, timeout=300).stdout
        answers = [hostfacts.parse_show(part) for part in text.split("\n\n")]
        assert len(answers) == len(some)
        found |= dict(zip(some, answers))
    return found


def normal(name: str, shown: dict[str, list[str]]) -> dict[str, list[str]]:
    """What is compared, with the unit's name written as NAME."""
    stem = name.rpartition(".")[0]
    return {key: [value.replace(stem, "NAME") for value in values] for key, values in hostfacts.compared(shown).items()}


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
