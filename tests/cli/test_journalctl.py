"""`journalctl` on stores made by hand; what the real one says is in tests/conformance/test_journalctl.py."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from initd.cli import journal_requests, journal_sources, journalctl
from initd.journal.reader import Range, Search
from initd.journal.segment import HEAD_SIZE
from tests.cli.commands import run
from tests.journal.made import BEGIN, BOOT, message, write

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from initd.cli.launch import journalctl; journalctl()"]
LINES = [f"line {number}\n" for number in range(5)]


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def store(tmp_path):
    write(tmp_path / "j", [[message(number) for number in range(3)], [message(3, unit=b"b.service"), message(4)]])
    return tmp_path / "j"


def ask(store: Path, *words: str):
    return run(journalctl.main, "--no-pager", f"--directory={store}", *words)


def test_without_a_store(tmp_path):
    (tmp_path / "empty").mkdir()
    assert ask(tmp_path / "empty") == (0, "-- No entries --\n", "No journal files were found.\n")
    assert ask(tmp_path / "empty", "-q") == (0, "", "")
    assert run(journalctl.main, f"--root={tmp_path}") == (0, "-- No entries --\n", "No journal files were found.\n")


def test_the_machines_own_store_is_found_below_run_and_var(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text("a" * 32 + "\n")
    write(tmp_path / "run/log/journal" / ("a" * 32), [[message(0)]])
    write(tmp_path / "var/log/journal" / ("a" * 32), [[message(1)]], store_id="6" * 32)
    write(tmp_path / "var/log/journal" / ("f" * 32), [[message(2)]], store_id="7" * 32)
    assert run(journalctl.main, f"--root={tmp_path}", "-o", "cat").out == "line 0\nline 1\n"
    assert run(journalctl.main, f"--root={tmp_path}", "-o", "cat", "-m").out == "line 0\nline 1\nline 2\n"


def test_files_by_pattern(store):
    assert run(journalctl.main, f"--file={store}/*", "-o", "cat", "-n", "1").out == "line 4\n"
    assert run(journalctl.main, f"--file={store}/nothere*") == (1, "", "Failed to add paths: No such file or directory\n")


def test_a_segment_under_another_name(store, tmp_path):
    for number, path in enumerate(sorted(store.iterdir())):
        (tmp_path / f"kept{number}").write_bytes(path.read_bytes())
    kept = f"--file={tmp_path}/kept*"
    assert run(journalctl.main, kept, "-o", "cat").out == "".join(LINES)
    cursor = run(journalctl.main, kept, "-o", "cat", "-n", "2", "-r", "--show-cursor").out.split()[-1]
    assert run(journalctl.main, kept, "-o", "cat", f"--after-cursor={cursor}").out == "line 4\n"
    assert run(journalctl.main, kept, "--verify").err.count("PASS") == 2


def test_a_file_that_is_no_segment_is_refused_as_systemd_refuses_it(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("root:x:0:0:root:/root:/bin/bash\n")
    for command in ((), ("--header",), ("--verify",)):
        assert run(journalctl.main, f"--file={tmp_path}/empty", *command) == (
            1, "", "Failed to open files: No data available\n")
        assert run(journalctl.main, f"--file={tmp_path}/text", *command) == (1, "", "Failed to open files: Bad message\n")


def test_a_rotation_within_a_tick_of_the_directorys_clock_is_seen(store):
    sources = journal_sources.find(str(store))
    sources.look()
    stamp = os.stat(store).st_mtime_ns
    write(store, [[message(0)]], store_id="6" * 32)
    os.utime(store, ns=(stamp, stamp))
    sources.look()
    assert [series.store_id for series in sources.series] == ["5" * 32, "6" * 32]


def test_the_header_says_when_the_last_entry_was_written(store):
    text = ask(store, "--header").out
    assert [line for line in text.splitlines() if line.startswith(("State", "Tail realtime", "Entries"))] == [
        "State: ARCHIVED", f"Tail realtime timestamp: Fri 2026-03-27 10:00:02 UTC ({BEGIN + 2_000_000:x})", "Entries: 3",
        "State: ONLINE", f"Tail realtime timestamp: Fri 2026-03-27 10:00:04 UTC ({BEGIN + 4_000_000:x})", "Entries: 2"]


def test_a_cursor_leads_on(store, tmp_path):
    cursor = ask(store, "-o", "cat", "-n", "1", "-r", "--show-cursor", "--until", f"@{BEGIN // 10**6 + 2}").out.split()[-1]
    assert ask(store, "-o", "cat", f"--cursor={cursor}").out == "line 2\nline 3\nline 4\n"
    assert ask(store, "-o", "cat", f"--after-cursor={cursor}").out == "line 3\nline 4\n"
    assert ask(store, "-o", "cat", f"--after-cursor={cursor}", "-n", "1").out == "line 3\n"
    assert ask(store, "-o", "cat", "-r", f"--after-cursor={cursor}").out == "line 1\nline 0\n"
    elsewhere = cursor.replace("s=5", "s=6")
    assert ask(store, "-o", "cat", f"--cursor={elsewhere}").out == "line 2\nline 3\nline 4\n"
    file = tmp_path / "cursor"
    assert ask(store, "-o", "cat", "-n", "2", f"--cursor-file={file}").out == "line 3\nline 4\n"
    assert ask(store, "-q", "-o", "cat", f"--cursor-file={file}").out == ""
    with sorted(store.iterdir())[-1].open("ab") as newest:
        newest.write(message(5))
    assert ask(store, "-o", "cat", f"--cursor-file={file}").out == "line 5\n"


def test_kernel_messages_are_refused_with_a_reason(store):
    said = ask(store, "-k")
    assert said.status == 1 and "are the host's" in said.err


@pytest.mark.parametrize(("words", "reason"), [
    (("-M", "box"), "--machine= is not supported: "), (("--namespace=x",), "--namespace= is not supported: "),
    (("--setup-keys",), "Forward-secure sealing is not available"), (("--update-catalog",), "There is no message catalog."),
])
def test_what_there_is_not_is_refused_with_a_reason(words, reason):
    said = run(journalctl.main, *words)
    assert (said.status, said.out) == (1, "") and said.err.startswith(reason)


def test_disk_usage_header_verify(store):
    assert ask(store, "--disk-usage").out.startswith("Archived and active journals take up ")
    header = ask(store, "--header").out
    assert header.count("File path: ") == 2 and "State: ARCHIVED" in header and "State: ONLINE" in header
    first, second = sorted(store.iterdir())
    assert ask(store, "--verify") == (0, "", f"PASS: {first}\nPASS: {second}\n")
    data = first.read_bytes()
    first.write_bytes(data[:-1])
    last = HEAD_SIZE + 2 * len(message(0))
    assert ask(store, "--verify") == (1, "", f"FAIL: {first} (no entry at offset {last})\nPASS: {second}\n")


def test_vacuum_leaves_what_is_written_and_the_newest(tmp_path):
    paths = write(tmp_path, [[message(number)] for number in range(4)])
    assert ask(tmp_path, "--vacuum-files=3").err.count("Deleted archived journal") == 1
    assert sorted(tmp_path.iterdir()) == paths[1:]
    assert ask(tmp_path, "--vacuum-size=1").err.count("Deleted") == 2
    assert sorted(tmp_path.iterdir()) == paths[3:]


def test_vacuum_by_time(tmp_path):
    paths = write(tmp_path, [[message(number)] for number in range(3)])
    ask(tmp_path, "--vacuum-time=100y")
    assert sorted(tmp_path.iterdir()) == paths
    ask(tmp_path, "--vacuum-time=1s")
    assert sorted(tmp_path.iterdir()) == paths[2:]


def test_sync_asks_the_journal_and_waits_for_its_answer(tmp_path):
    import socket

    path = str(tmp_path / "varlink")
    heard = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def answer(text: bytes) -> None:
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(4096))
                connection.sendall(text)

        for command, text, status in (("sync", b'{"parameters":{}}\0', 0), ("rotate", b'{"error":"x.y"}\0', 1),
                                      ("flush", b"", 1)):
            thread = threading.Thread(target=answer, args=(text,))
            thread.start()
            assert journal_requests.ask(command, path) == status
            thread.join()
    assert heard == [b'{"method":"io.systemd.Journal.%b"}\0' % name for name in (b"Synchronize", b"Rotate", b"FlushToVar")]
    assert journal_requests.ask("sync", str(tmp_path / "nobody")) == 1


@pytest.fixture
def following(tmp_path):
    """`journalctl -f -o cat` on a store, and its lines."""
    paths = write(tmp_path / "j", [[message(0)], [message(1), message(2)]])
    child = subprocess.Popen([*COMMAND, "-f", "-o", "cat", "-n", "2", f"--directory={tmp_path / 'j'}"],
                             stdout=subprocess.PIPE, cwd=ROOT)
    assert child.stdout is not None
    yield paths, child.stdout
    child.terminate()
    child.wait()
    child.stdout.close()


def test_following_shows_each_line_once_over_rotations(following):
    paths, lines = following
    assert [lines.readline() for _ in range(2)] == [b"line 1\n", b"line 2\n"]
    segments = [[message(0)], [message(1), message(2)]]
    with paths[-1].open("ab", buffering=0) as file:
        for number in range(3, 40):
            data = message(number)
            segments[-1].append(data)
            file.write(data[:50])  # seen half
            file.write(data[50:])
    segments.append([message(number) for number in range(40, 45)])
    for path in write(paths[0].parent, segments)[2:]:
        assert path.exists()
    assert [lines.readline() for _ in range(42)] == [b"line %d\n" % number for number in range(3, 45)]


def test_output_goes_through_a_pager_on_a_terminal(store):
    import pty

    outer, inner = pty.openpty()
    environment = {**os.environ, "PAGER": "sed s/^/paged:/", "TERM": "dumb"}
    environment.pop("SYSTEMD_PAGER", None)
    environment.pop("SUDO_UID", None)
    done = subprocess.Popen([*COMMAND, "-o", "cat", "-n", "2", f"--directory={store}"], stdout=inner, stderr=inner, cwd=ROOT,
                            env=environment)
    assert done.wait(20) == 0
    os.close(inner)
    assert os.read(outer, 1000).replace(b"\r", b"") == b"paged:line 3\npaged:line 4\n"
    os.close(outer)


def test_a_segment_that_is_dropped_while_we_look_is_one_that_is_empty(store):
    sources = journal_sources.find(str(store))
    sources.look()
    sorted(store.iterdir())[0].unlink()
    (series,) = sources.series
    assert [entry.get(b"MESSAGE") for entry in series.forwards(Search(), Range())] == [b"line 3", b"line 4"]
    assert [entry.get(b"MESSAGE") for entry in series.backwards(Search(), Range())] == [b"line 4", b"line 3"]


def test_unreadable_places(tmp_path):
    assert run(journalctl.main, f"--directory={tmp_path}/nothere").err == (
        f"Failed to open {tmp_path}/nothere: No such file or directory\n")
    sources = journal_sources.Sources([str(tmp_path / "nothere")])
    assert sources.look() and sources.series == [] and not sources.is_refused


@pytest.mark.parametrize(("words", "out"), [
    (("-u", "b"), "line 3\n"), (("-u", "?.service", "-n", "2"), "line 3\nline 4\n"), (("-b", BOOT), "".join(LINES)),
    (("_PID=42", "_SYSTEMD_UNIT=b.service"), "line 3\n"), (("--lines", "1"), "line 4\n"), (("-rn1",), "line 4\n"),
])  # fmt: skip
def test_filters(store, words, out):
    assert ask(store, "-o", "cat", *words) == (0, out, "")


def test_who_may_not_read_is_told_so(tmp_path, monkeypatch):
    own = tmp_path / "var/log/journal" / ("a" * 32)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text("a" * 32 + "\n")
    paths = write(own, [[message(0)], [message(1)]])
    refused = {str(path) for path in paths}
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) not in refused)
    said = run(journalctl.main, f"--root={tmp_path}")
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("Hint: ")
    assert said.err.endswith("No journal files were opened due to insufficient permissions.\n")
    refused.remove(str(paths[1]))
    said = run(journalctl.main, f"--root={tmp_path}", "-o", "cat")
    assert (said.out, said.err) == ("line 1\n", "")
