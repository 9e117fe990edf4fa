"""What services write is in the store of a real container, with the unit and the run that wrote it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from harness import PLAIN, PODMAN, SERVICES, Container

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from initd.journal.segment import HEAD_SIZE, decode_entry, decode_head

UNIT = """\
[Service]
Type=oneshot
RemainAfterExit=yes
SyslogIdentifier=chosen
SyslogFacility=daemon
LogLevelMax=info
LogExtraFields=EXTRA=one OTHER=two
ExecStart=/bin/sh -c 'echo plain; echo "<3>bad"; echo "<7>not to be seen"'
ExecStart=sh -c '(echo by-syslog; sleep 1) | logger -t tagged -p mail.warning'
ExecStart=/bin/sh -c 'exec sleep 0.3'
"""
LOUD = """\
[Service]
Type=oneshot
LogRateLimitIntervalSec=1h
LogRateLimitBurst=5
ExecStart=/bin/seq 200
"""
#: Writes as fast as it can, and dies of it; five of them at a time.
DYING = """\
[Service]
ExecStart=/bin/sh -c 'seq -f "%.0f of %i" 5000; echo last words of %i; exit 3'
"""
#: Has much to say when it is told to stop.
FAREWELL = "[Service]\nKillMode=mixed\nExecStart=/bin/sh /usr/local/lib/farewell\n"
FAREWELL_SCRIPT = """\
trap 'seq -f "bye %.0f" 20000; exit' TERM
echo ready
while :; do sleep 0.1; done
"""


def entries(container, directory: str) -> list[dict[str, bytes]]:
    """Of all segments, heads left out."""
    names = container.exec("sh", "-c", f"ls {directory}/*/*.export").stdout.split()
    found = []
    for name in names:
        data = subprocess.run([*PODMAN, "exec", container.id, "cat", name], capture_output=True, check=True).stdout
        assert decode_head(data) is not None
        position = HEAD_SIZE
        while (decoded := decode_entry(data, position)) is not None:
            found.append({key.decode(): value for key, value in decoded[0]})
            position = decoded[1]
        assert position == len(data)
    return found


@pytest.fixture(scope="module")
def container():
    container = Container(SERVICES)
    container.put("/etc/systemd/system/probe.service", UNIT)
    container.put("/etc/systemd/system/loud.service", LOUD)
    container.put("/etc/systemd/system/dying@.service", DYING.replace("%.0f", "%%.0f"))
    try:
        container.start().wait_until_booted()
        container.systemctl("start", "probe.service", "loud.service")
        yield container
    finally:
        container.remove()


def find(container, text: bytes, directory: str = "/run/log/journal") -> dict[str, bytes]:
    def look():
        return next((entry for entry in entries(container, directory) if entry.get("MESSAGE") == text), None)
    return container.wait_until(f"{text!r} is stored", look, 10)


def test_a_line_has_its_unit_its_run_and_what_the_unit_asked_for(container):
    entry = find(container, b"plain")
    assert {name: entry.get(name) for name in (
        "_TRANSPORT", "PRIORITY", "SYSLOG_IDENTIFIER", "SYSLOG_FACILITY", "EXTRA", "OTHER", "_SYSTEMD_UNIT",
        "_SYSTEMD_SLICE", "_UID", "_RUNTIME_SCOPE",
    )} == {
        "_TRANSPORT": b"stdout", "PRIORITY": b"6", "SYSLOG_IDENTIFIER": b"chosen", "SYSLOG_FACILITY": b"3", "EXTRA": b"one",
        "OTHER": b"two", "_SYSTEMD_UNIT": b"probe.service", "_SYSTEMD_SLICE": b"system.slice", "_UID": b"0",
        "_RUNTIME_SCOPE": b"system",
    }
    assert entry["_SYSTEMD_INVOCATION_ID"].decode() == container.show("probe.service", "InvocationID").replace("-", "")
    assert find(container, b"bad")["PRIORITY"] == b"3"
    assert not [each for each in entries(container, "/run/log/journal") if each.get("MESSAGE") == b"not to be seen"]


def test_who_is_in_the_journals_group_may_read_it(container):
    def ask(user: str) -> subprocess.CompletedProcess:
        return subprocess.run([*PODMAN, "exec", "--user", user, container.id, "journalctl", "-q", "-u", "probe", "-o", "cat"],
                              capture_output=True, text=True, check=False)
    find(container, b"plain")
    assert "plain\n" in ask("games:systemd-journal").stdout
    assert (ask("games").returncode, ask("games").stdout) == (1, "")


def test_a_datagram_is_its_senders_unit(container):
    entry = find(container, b"by-syslog")
    assert (entry["_TRANSPORT"], entry["SYSLOG_IDENTIFIER"], entry["SYSLOG_FACILITY"]) == (b"syslog", b"tagged", b"2")
    assert entry["_SYSTEMD_UNIT"] == b"probe.service"
    assert entry["EXTRA"] == b"one"


def test_a_daemon_that_logs_by_syslog_is_its_unit(container):
    def look():
        return next((entry for entry in entries(container, "/run/log/journal")
                     if entry.get("SYSLOG_IDENTIFIER") == b"cron" and entry["_TRANSPORT"] == b"syslog"), None)
    entry = container.wait_until("cron has spoken", look, 10)
    assert entry["_SYSTEMD_UNIT"] == b"cron.service"
    assert entry["_COMM"] == b"cron"


def test_the_managers_messages_name_the_unit_they_are_about(container):
    found = [entry for entry in entries(container, "/run/log/journal") if entry.get("UNIT") == b"probe.service"]
    assert found
    assert {entry["_SYSTEMD_UNIT"] for entry in found} == {b"init.scope"}


def test_a_rate_limit_of_a_unit_holds(container):
    lines = [entry["MESSAGE"] for entry in entries(container, "/run/log/journal")
             if entry.get("_SYSTEMD_UNIT") == b"loud.service" and entry["_TRANSPORT"] == b"stdout"]
    assert lines == [b"%d" % number for number in range(1, len(lines) + 1)]
    assert 5 <= len(lines) <= 35  # the more, the more room there is (journald.conf(5), RateLimitBurst=)


def test_the_stdout_still_has_every_line(container):
    assert "probe.service[" in container.logs() and "]: plain" in container.logs()


def test_last_words_come_before_what_is_said_of_the_death(container):
    names = [f"dying@{letter}.service" for letter in "abcde"]
    container.systemctl("start", "--no-block", *names)
    for name in names:
        container.wait_for_state(name, "failed")
    container.exec("journalctl", "--sync")
    found = [(entry.get("_SYSTEMD_UNIT"), entry.get("UNIT"), entry["MESSAGE"])
             for entry in entries(container, "/run/log/journal")]
    for name in names:
        letter, unit = name[6:7], name.encode()
        words = [text for writer, _, text in found if writer == unit]
        assert words == [f"{number} of {letter}".encode() for number in range(1, 5001)] + [f"last words of {letter}".encode()]
        told = found.index((b"init.scope", unit, f"{name}: Main process exited, code=exited, status=3/NOTIMPLEMENTED".encode()))
        assert found.index((unit, None, words[-1])) < told


def test_everything_said_before_the_end_is_on_the_containers_stdout(boot):
    names = [f"farewell-{letter}.service" for letter in "abcde"]
    container = boot(PLAIN, before=lambda container: [
        container.put(path, text) for path, text in (
            ("/usr/local/lib/farewell", FAREWELL_SCRIPT), *[(f"/etc/systemd/system/{name}", FAREWELL) for name in names])])
    container.wait_until_booted()
    container.systemctl("start", *names)
    container.wait_until("all are ready", lambda: container.logs().count(": ready\n") == len(names))
    container.stop()
    lines = container.logs().splitlines()
    for name in names:
        words = [line.partition("]: bye ")[2] for line in lines if line.startswith(f"{name}[") and "]: bye " in line]
        assert words == [str(number) for number in range(1, 20001)]
