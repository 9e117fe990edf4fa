"""Asks the real journalctl of systemd 252, and writes down what it said, and the entries it said it of.

    python3 -m tests.conformance.journalctl.record
"""

from __future__ import annotations

import base64
import datetime
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container  # noqa: E402
from images import Image  # noqa: E402

from initd.journal import segment  # noqa: E402
from tests.conformance.journalctl import cases  # noqa: E402

HERE = Path(__file__).resolve().parent
ASK = r"""
import base64, json, shlex, subprocess, sys
asked = json.load(sys.stdin)
answers = []
for env, line in asked:
    words = ["journalctl", "--no-pager", "--directory=/made", *shlex.split(line)]
    env_of = {"PATH": "/usr/bin", "LANG": "C.UTF-8", "TZ": "UTC", **env}
    done = subprocess.run(words, capture_output=True, env=env_of, timeout=60)
    answers.append([env, line, done.returncode, *(base64.b64encode(each).decode() for each in (done.stdout, done.stderr))])
print(json.dumps(answers))
"""


def oracle() -> Container:
    image = Image(("systemd-sysv", "dbus", "systemd-journal-remote", "python3"), with_pyinit=False)
    made = Container(image, "/sbin/init", options=("--systemd=always", "--privileged", f"--hostname={cases.HOST}"))
    for name, text in cases.UNITS.items():
        made.put(f"/etc/systemd/system/{name}", text)
    return made


def entries_of(container: Container) -> list[segment.Fields]:
    exported = base64.b64decode(container.exec("sh", "-c", "journalctl -q -o export | base64").stdout)
    found, start = [], 0
    while (decoded := segment.decode_entry(exported, start)) is not None:
        fields, start = decoded
        found.append(fields)
    return found


def moved(entries: list[segment.Fields]) -> list[segment.Fields]:
    """Of the last entries, those that say nothing of the machine, over three boots and at times of their own."""
    kept = [fields for fields in entries if dict(fields).get(b"_TRANSPORT") not in (b"kernel", b"audit")][-90:]
    size = (len(kept) + 2) // 3
    made = []
    for number, fields in enumerate(kept):
        boot, place = divmod(number, size)
        begun = int(dict(kept[boot * size])[b"__REALTIME_TIMESTAMP"])
        since = int(dict(fields)[b"__REALTIME_TIMESTAMP"]) - begun + place * 1_234_567
        address = {
            b"__REALTIME_TIMESTAMP": b"%d" % (cases.BEGIN_USEC + boot * cases.BOOT_EVERY_USEC + since),
            b"__MONOTONIC_TIMESTAMP": b"%d" % (5_000_000 + since), b"_BOOT_ID": cases.BOOTS[boot].encode(),
        }
        made.append([(name, address.get(name, value)) for name, value in fields if name != b"__CURSOR"])
    return made


def main() -> None:
    container = oracle()
    try:
        container.start().wait_until_booted()
        container.write("/opt/fill.py", cases.FILL)
        container.exec("python3", "/opt/fill.py")
        data = b"".join(segment.encode_fields(fields) + b"\n" for fields in moved(entries_of(container)))
        container.write("/opt/moved.b64", base64.b64encode(data).decode())
        container.exec("sh", "-c", "mkdir /made /opt/empty; base64 -d /opt/moved.b64 > /opt/moved.export; "
                       "/lib/systemd/systemd-journal-remote -o /made/system.journal /opt/moved.export")
        container.write("/opt/ask.py", ASK)
        asked = [({}, line) for line in cases.COMMANDS] + list(cases.ELSEWHERE)
        answers = json.loads(container.exec("python3", "/opt/ask.py", text=json.dumps(asked), timeout=300).stdout)
        version = container.exec("journalctl", "--version").stdout.split("\n")[0]
        exported = base64.b64decode(container.exec("sh", "-c", "journalctl -D /made -q -a -o export | base64").stdout)
    finally:
        container.remove()
    (HERE / "entries.export").write_bytes(exported)
    head = {"version": version, "date": datetime.date.today().isoformat()}
    decoded = [[env, line, status, *(base64.b64decode(text).decode("utf-8", "surrogateescape") for text in texts)]
               for env, line, status, *texts in answers]
    (HERE / "answers.json").write_text(json.dumps({**head, "answers": decoded}, indent=1) + "\n")


if __name__ == "__main__":
    main()
