"""Programs that know nothing of us write into the journal, and systemd's own tools read what it exports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from harness import PODMAN, Container
from images import CACHE, Image, build_rootfs

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from initd.journal.segment import decode_entry  # noqa: E402
from tests.conformance.journal import clients  # noqa: E402
from tests.conformance.journal.record_clients import ANSWERS, SYSTEMD  # noqa: E402
from tests.container.conftest import _finish  # noqa: E402

RECORDED = json.loads(ANSWERS.read_text())["entries"]
#: Has the libraries of systemd's programs.
IMAGE = Image(("python3-systemd", "libsystemd-shared"))
#: A container without CAP_SYS_PTRACE does not let root see which program others run (proc(5), /proc/pid/exe), and units
#: without cgroups have no names of them.
NOT_SEEN = {"_EXE", "_SYSTEMD_CGROUP"}


@pytest.fixture(scope="module")
def container(request):
    container = Container(IMAGE, options=(f"--hostname={clients.HOST}",))
    program = CACHE / f"systemd-cat-{SYSTEMD.key}"
    if not program.exists():
        program.write_bytes(subprocess.run(["tar", "-xOf", str(build_rootfs(SYSTEMD)), "./usr/bin/systemd-cat"],
                                           capture_output=True, check=True).stdout)
        program.chmod(0o755)
    try:
        container.put_file("/systemd-cat", program)
        clients.prepare(container, "/systemd-cat")
        container.start().wait_until_booted()
        yield container
    finally:
        _finish(request, [container])


@pytest.fixture(scope="module")
def entries(container):
    return clients.run(container)


def test_what_clients_write_is_kept_as_systemd_keeps_it(entries):
    assert [each.get("MESSAGE") for each in entries] == [each.get("MESSAGE") for each in RECORDED]
    for ours, theirs in zip(entries, RECORDED, strict=True):
        not_seen = NOT_SEEN if theirs.get("_UID") != ["0"] else {"_SYSTEMD_CGROUP"}
        assert without(ours, not_seen) == without(theirs, not_seen), theirs


def without(entry: dict[str, list[str]], names: set[str]) -> dict[str, list[str]]:
    return {name: value for name, value in entry.items() if name not in names}


def exported(container) -> bytes:
    return subprocess.run([*PODMAN, "exec", container.id, "journalctl", "-q", "-o", "export"], capture_output=True,
                          check=True, timeout=120).stdout


@pytest.fixture(scope="module")
def systemd():
    """A container that has systemd's tools; nothing but `sleep` runs there."""
    container = Container(SYSTEMD, "sleep", "infinity")
    try:
        yield container.start()
    finally:
        container.remove()


def inside(container, *words: str, data: bytes = b"") -> bytes:
    done = subprocess.run([*PODMAN, "exec", "--interactive", container.id, *words], input=data, capture_output=True,
                          check=False, timeout=120)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def decoded(data: bytes) -> list[list[tuple[bytes, bytes]]]:
    found, position = [], 0
    while (entry := decode_entry(data, position)) is not None:
        found.append(entry[0])
        position = entry[1]
    assert position == len(data)
    return found


def test_systemd_reads_what_is_exported(container, entries, systemd):
    """Through systemd-journal-remote(8) into a file, and out of that with the real journalctl: the same entries."""
    ours = exported(container)
    inside(systemd, "/lib/systemd/systemd-journal-remote", "--output=/tmp/ours.journal", "--split-mode=none", "-", data=ours)
    inside(systemd, "journalctl", "--verify", "--file=/tmp/ours.journal")
    theirs = inside(systemd, "journalctl", "--file=/tmp/ours.journal", "-q", "-a", "-o", "export")
    sent, read = decoded(ours), decoded(theirs)
    assert len(sent) == len(read) > len(entries)
    large = [value for fields in sent for _, value in fields if len(value) > 1_000_000 or b"\n" in value or b"\0" in value]
    assert len(large) > 5
    for one, other in zip(sent, read, strict=True):
        # A file numbers its own entries: of a cursor, what says when it was is the same.
        assert times(one) == times(other)
        assert sorted(field for field in one if field[0] != b"__CURSOR") == sorted(
            field for field in other if field[0] != b"__CURSOR")


def times(fields: list[tuple[bytes, bytes]]) -> list[bytes]:
    return [part for part in dict(fields)[b"__CURSOR"].split(b";") if part[:2] in (b"b=", b"m=", b"t=")]
