"""The journal's process with a store: what is in it, and who may ask it for what."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import struct
import time
import tty
from pathlib import Path

import pytest

from initd.journal.segment import HEAD_SIZE, decode_entry, decode_head
from initd.wire.journal import StreamHeader, encode_entry
from initd.wire.unitstate import UnitFacts
from tests.journal.made import tell_of_unit
from tests.journal.test_receiver import ME, PATIENCE, Journal

RECORDED = json.loads((Path(__file__).resolve().parents[1] / "conformance/journal/fields.json").read_text())
FORWARDING = json.loads((Path(__file__).resolve().parents[1] / "conformance/journal/forwarding.json").read_text())


def start(directory: Path, config: str = "", environment: dict[str, str] | None = None) -> Journal:
    (directory / "systemd/journal").mkdir(parents=True)
    (directory / "etc/systemd").mkdir(parents=True)
    (directory / "etc/machine-id").write_text("a" * 32 + "\n")
    (directory / "etc/systemd/journald.conf").write_text(f"[Journal]\n{config}\n")
    return Journal(directory, (str(directory), str(directory)), environment)


@pytest.fixture
def make(tmp_path):
    made = []

    def make(*arguments):
        made.append(start(tmp_path, *arguments))
        return made[-1]
    yield make
    for journal in made:
        journal.close()


def stored(directory: Path, place: str = "log/journal") -> list[dict[str, bytes]]:
    found = []
    for path in sorted((directory / place / ("a" * 32)).iterdir()):
        data, position = path.read_bytes(), HEAD_SIZE
        while (decoded := decode_entry(data, position)) is not None:
            found.append({name.decode(): value for name, value in decoded[0]})
            position = decoded[1]
        assert position == len(data)
    return found


def ask(journal: Journal, method: str) -> bytes:
    deadline = time.monotonic() + PATIENCE
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(PATIENCE)
        while sock.connect_ex(str(journal.directory / "systemd/journal/io.systemd.journal")):  # it starts
            assert time.monotonic() < deadline
            time.sleep(0.01)
        sock.sendall(b'{"method" : "io.systemd.Journal.%b"}\0' % method.encode())
        return sock.recv(1000)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.01)


def test_what_was_written_before_a_sync_is_stored_when_it_is_answered(make, tmp_path):
    journal = make()
    journal.stream(StreamHeader("id", "a.service", 30)).sendall(b"<3>one\n\xff\n\tthree\n")
    assert ask(journal, "Synchronize") == b'{"parameters":{}}\0'
    assert [(entry["MESSAGE"], entry["PRIORITY"]) for entry in stored(tmp_path)] == [
        (b"one", b"3"), (b"\xff", b"6"), (b"\tthree", b"6")]


def test_an_unknown_method_is_refused(make):
    assert b"MethodNotFound" in ask(make(), "Explode")


def test_signals_sync_rotate_and_flush(make, tmp_path):
    journal = make()
    stream = journal.stream(StreamHeader("id", "a.service"))
    stream.sendall(b"one\n")
    os.kill(journal.pid, signal.SIGRTMIN + 1)
    wait_for(tmp_path / "systemd/journal/synced")
    os.kill(journal.pid, signal.SIGUSR2)
    wait_for(tmp_path / "systemd/journal/rotated")
    assert len(list((tmp_path / "log/journal" / ("a" * 32)).iterdir())) == 2
    (tmp_path / "var/log/journal").mkdir(parents=True)
    os.kill(journal.pid, signal.SIGUSR1)
    wait_for(tmp_path / "systemd/journal/flushed")
    stream.sendall(b"two\n")
    ask(journal, "Synchronize")
    assert [entry["MESSAGE"] for entry in stored(tmp_path, "var/log/journal")] == [b"one", b"two"]
    assert stored(tmp_path) == []


def test_persistent_where_the_directory_is(make, tmp_path):
    (tmp_path / "var/log/journal").mkdir(parents=True)
    journal = make()
    journal.stream(StreamHeader("id", "a.service")).sendall(b"one\n")
    ask(journal, "Synchronize")
    assert [entry["MESSAGE"] for entry in stored(tmp_path, "var/log/journal")] == [b"one"]


def test_a_store_that_cannot_be_leaves_the_stdout(make, tmp_path):
    (tmp_path / "log").write_text("not a directory")
    journal = make()
    journal.stream(StreamHeader("id", "a.service")).sendall(b"one\n")
    assert journal.read_until(b"one\n") == b"a.service[%d]: one\n" % ME


def test_kill_at_any_moment_keeps_what_was_synced_once(make, tmp_path):
    journal = make()
    stream = journal.stream(StreamHeader("id", "a.service"))
    for number in range(500):
        stream.sendall(b"%d\n" % number)
    ask(journal, "Synchronize")
    stream.sendall(b"more\n" * 1000)
    os.kill(journal.pid, signal.SIGKILL)
    journal.wait()
    (tmp_path / "again").mkdir()
    again = Journal(tmp_path / "again", (str(tmp_path), str(tmp_path)))
    again.stream(StreamHeader("id", "a.service")).sendall(b"after\n")
    ask(journal, "Synchronize")
    again.close()
    texts = [entry["MESSAGE"] for entry in stored(tmp_path)]
    assert texts[:500] == [b"%d" % number for number in range(500)]
    assert texts[-1] == b"after"
    assert set(texts[500:-1]) <= {b"more"}


def test_json_lines(make):
    journal = make("", {"PYINIT_LOG": "json"})
    journal.stream(StreamHeader("id", "a.service")).sendall(b'say "hi"\\ \x1b[0m \xff \xc3\xa4\nplain\n')
    lines = [json.loads(line) for line in journal.read_until(b"plain\"}\n").splitlines()]
    assert [line["MESSAGE"] for line in lines] == ['say "hi"\\ \x1b[0m \ufffd \xe4', "plain"]
    assert {name: lines[0][name] for name in ("PRIORITY", "_SYSTEMD_UNIT", "SYSLOG_IDENTIFIER", "_PID")} == {
        "PRIORITY": "6", "_SYSTEMD_UNIT": "a.service", "SYSLOG_IDENTIFIER": "id", "_PID": str(ME)}


def test_plain_lines(make):
    journal = make("", {"PYINIT_LOG": "plain"})
    journal.stream(StreamHeader("id", "a.service")).sendall(b"one\ntwo\n")
    assert journal.read_until(b"two\n") == b"one\ntwo\n"


def test_levels_and_rates_of_journald_conf(make, tmp_path):
    journal = make("MaxLevelStore=err\nMaxLevelConsole=warning\nRateLimitBurst=4\nRateLimitIntervalSec=1h\nSeal=yes\n"
                   "RuntimeMaxUse=1M\n")
    journal.stream(StreamHeader("id", "a.service")).sendall(b"<3>e\n<4>w\n<6>i\n<3>last\n<3>too many\n")
    text = journal.read_until(b"last\n")
    assert b": e\n" in text and b": w\n" in text and b": i\n" not in text
    assert b"Seal= has no effect" in text
    ask(journal, "Synchronize")
    assert [entry["MESSAGE"] for entry in stored(tmp_path) if entry["_TRANSPORT"] == b"stdout"] == [b"e", b"last"]


def test_what_was_too_much_is_told_in_systemds_words(make, tmp_path):
    (numbered, told, behind) = FORWARDING["suppressed"]
    journal = make("RuntimeMaxUse=1M\nRateLimitBurst=17\nRateLimitIntervalSec=500ms\n")
    stream = journal.stream(StreamHeader("often", "often.service", 30))
    stream.sendall(b"".join([b"%d\n" % number for number in range(1, 101)]))
    journal.read_until(b"17\n")
    counted = time.monotonic()
    while time.monotonic() < counted + 0.5:
        time.sleep(0.05)
    stream.sendall(b"behind\n")
    ask(journal, "Synchronize")
    found = [{name: value.decode() for name, value in entry.items() if name in told} for entry in stored(tmp_path)]
    assert found[-3:] == [numbered, {**told, "SYSLOG_IDENTIFIER": "pyinit-journal"}, behind]


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone is believed")
def test_a_segments_head_names_units_that_root_speaks_of(make, tmp_path):
    """Or `journalctl -u` would leave the segment out. Who starts the journal is the manager, also here."""
    journal = make()
    for name in ("OBJECT_SYSTEMD_UNIT", "COREDUMP_UNIT", "UNIT"):
        journal.send("socket", encode_entry([("MESSAGE", "about"), (name, f"{name.lower()}.service")]))
    journal.read_until(b"about\n")
    ask(journal, "Synchronize")
    (path,) = (tmp_path / "log/journal" / ("a" * 32)).iterdir()
    units = decode_head(path.read_bytes()).units
    assert {"object_systemd_unit.service", "coredump_unit.service", "unit.service"} <= set(units)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone is believed")
def test_the_process_that_root_speaks_of_is_described(make, tmp_path):
    journal = make()
    for pid in (str(os.getpid()), "999999999", "me"):
        journal.send("socket", encode_entry([("MESSAGE", "about"), ("OBJECT_PID", pid)]))
    journal.send("socket", encode_entry([("MESSAGE", "the last")]))
    journal.read_until(b"the last\n")
    ask(journal, "Synchronize")
    known, gone, nonsense = [entry for entry in stored(tmp_path) if entry.get("MESSAGE") == b"about"]
    assert known["OBJECT_UID"] == b"0" and known["OBJECT_EXE"] == os.readlink("/proc/self/exe").encode()
    assert "OBJECT_UID" not in gone and "OBJECT_UID" not in nonsense


def test_who_is_logged_in_is_told_of_an_emergency(make, tmp_path):
    master, slave = os.openpty()
    tty.setraw(slave)
    line = os.ttyname(slave).removeprefix("/dev/").encode()
    users = [(7, line, b"root"), (8, line, b"gone"), (7, b"../../etc/passwd", b"root"), (7, b"pts/9999", b"a"), (7, line, b"a")]
    journal = make("", {"TZ": "UTC"})
    (tmp_path / "utmp").write_bytes(b"".join([
        struct.pack("<hxxi32s4s32s308x", kind, 1, where, b"t0", user) for kind, where, user in users]))
    journal.send("dev-log", b"<9>alerted: not so bad")
    journal.send("dev-log", b"<8>someone[208]: very bad")
    journal.read_until(b"very bad\n")
    ask(journal, "Synchronize")
    os.write(slave, b"end")
    text = b""
    while not text.endswith(b"end"):
        text += os.read(master, 4096)
    assert changing(text.decode()) == changing(FORWARDING["wall"]).replace("systemd-journald", "pyinit-journal") + "end"


def changing(text: str) -> str:
    """Without what is another every time: the host, the time, the process."""
    return re.sub(r"\[\d+\]|@\S+ \(.* UTC\)", "", text)


def test_journal_and_console_is_shown_where_others_are_not(make):
    journal = make("ForwardToConsole=no\n")
    journal.stream(StreamHeader("id", "a.service")).sendall(b"not shown\n")
    ask(journal, "Synchronize")
    journal.stream(StreamHeader("id", "b.service", forward_to_console=True)).sendall(b"shown\n")
    assert journal.read_until(b"shown\n") == b"b.service[%d]: shown\n" % ME


def test_messages_are_forwarded_to_a_syslog_daemon(make, tmp_path):
    (tmp_path / "systemd/journal").mkdir(parents=True)
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    daemon.bind(str(tmp_path / "systemd/journal/syslog"))
    (tmp_path / "systemd/journal/syslog").rename(tmp_path / "kept")
    (tmp_path / "systemd/journal").rmdir()
    (tmp_path / "systemd").rmdir()
    journal = make()
    (tmp_path / "kept").rename(tmp_path / "systemd/journal/syslog")
    daemon.settimeout(PATIENCE)
    journal.stream(StreamHeader("id", "a.service", 30)).sendall(b"one\n")
    data = daemon.recv(1000)
    assert data.startswith(b"<30>") and data.endswith(b" id[%d]: one" % ME)
    daemon.close()


def own(fields: dict[str, bytes], names: list[str]) -> dict[str, str]:
    return {name: fields[name].decode() for name in names if name in fields}


CLIENT = ["MESSAGE", "PRIORITY", "SYSLOG_FACILITY", "SYSLOG_IDENTIFIER", "SYSLOG_PID", "SYSLOG_RAW", "SYSLOG_TIMESTAMP",
          "_TRANSPORT"]


@pytest.mark.parametrize("data", [
    b"no number", b"<13>Nov 27 05:00:00 tag[77]: stamped  \n", b"<14>", b"<14>a\nb", b"<14>  x: y"])
def test_a_syslog_datagram_becomes_the_fields_that_systemd_makes_of_it(make, tmp_path, data):
    journal = make()
    journal.send("dev-log", data)
    ask(journal, "Synchronize")
    (found,) = stored(tmp_path)
    (expected,) = [each["values"] for each in RECORDED if each["values"].get("SYSLOG_RAW") == data.decode()]
    assert own(found, CLIENT) == {name: expected[name] for name in CLIENT if name in expected}


def test_a_native_entry_keeps_the_clients_fields_and_no_trusted_ones(make, tmp_path):
    journal = make()
    journal.send("socket", b"MESSAGE=by-native\nPRIORITY=4\nMINE=1\nMINE=2\n_UID=77\nlower=1\n")
    journal.send("socket", encode_entry([("MINE", "no-message")]))
    ask(journal, "Synchronize")
    first, second = stored(tmp_path)
    (expected,) = [each["values"] for each in RECORDED if each["values"].get("MESSAGE") == "by-native"]
    assert own(first, CLIENT) == {name: expected[name] for name in CLIENT if name in expected}
    assert first["MINE"] == b"2" and first["_UID"] == b"%d" % os.getuid() and "lower" not in first
    assert second["MINE"] == b"no-message" and "MESSAGE" not in second


def test_all_the_trusted_fields_that_systemd_writes_are_there(make, tmp_path):
    journal = make()
    tell_of_unit(tmp_path, UnitFacts(b"probe.service", b"", b"c" * 32, b"system.slice/probe.service",
                                     extra=b"\x09\0\0\0\0\0\0\0EXTRA=one\x09\0\0\0\0\0\0\0OTHER=two"))
    journal.stream(StreamHeader("chosen", "probe.service", 30)).sendall(b"plain\n")
    ask(journal, "Synchronize")
    (found,) = stored(tmp_path)
    (recorded,) = [each for each in RECORDED if each["values"].get("MESSAGE") == "plain"]
    # Its address is where it stands; a cgroup it has where there are any.
    assert set(recorded["fields"]) - set(found) <= {"__CURSOR", "_SYSTEMD_CGROUP"}
    names = [name for name in recorded["values"] if name not in ("_COMM", "_UID")]
    assert own(found, names) == {name: recorded["values"][name] for name in names}


def test_what_a_unit_does_not_want_is_neither_stored_nor_shown(make, tmp_path):
    journal = make("RateLimitBurst=3\nRateLimitIntervalSec=1h\nRuntimeMaxUse=1M\n")
    tell_of_unit(tmp_path, UnitFacts(b"a.service", patterns=b"~secret\n^[[:alpha:]]"))
    journal.stream(StreamHeader("id", "b.service")).sendall(b"secret of another\n")
    # What is filtered does not count for the limit.
    journal.stream(StreamHeader("id", "a.service")).sendall(b"one\na secret\n2\n3\n4\nfive\nlast\n")
    text = journal.read_until(b"last\n")
    ask(journal, "Synchronize")
    assert sorted(entry["MESSAGE"] for entry in stored(tmp_path)) == [b"five", b"last", b"one", b"secret of another"]
    assert text.count(b"\n") == 4
