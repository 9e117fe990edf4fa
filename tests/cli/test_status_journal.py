"""What `systemctl status` shows of the journal."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from initd.cli import journal_pager
from initd.cli.options import Options
from initd.cli.status_journal import UnitJournal
from tests.journal.made import BEGIN, entry, write

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")


def said(number: int, text: bytes, *fields: tuple[bytes, bytes], boot: str = BOOT) -> bytes:
    return entry(BEGIN + number * 1_000_000, (b"MESSAGE", text), (b"_HOSTNAME", b"host"), *fields, boot=boot)


OF_UNIT = (b"_SYSTEMD_UNIT", b"web.service"), (b"SYSLOG_IDENTIFIER", b"web"), (b"_PID", b"7")
OF_MANAGER = (b"UNIT", b"web.service"), (b"SYSLOG_IDENTIFIER", b"systemd"), (b"_PID", b"1")
FORGED = (b"UNIT", b"web.service"), (b"SYSLOG_IDENTIFIER", b"systemd"), (b"_PID", b"8")


@pytest.fixture
def options(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    write(tmp_path / "run/log/journal" / ("a" * 32), [
        [said(0, b"of another boot", *OF_UNIT, boot="d" * 32), said(1, b"of an earlier start", *OF_UNIT)],
        [said(2, b"Starting web.service...", *OF_MANAGER), said(3, b"hello", *OF_UNIT), said(4, b"not so", *FORGED),
         said(5, b"of another", (b"_SYSTEMD_UNIT", b"x.service"))],
    ])
    made = Options()
    made.root = str(tmp_path)
    return made


def test_the_lines_since_the_start_of_the_unit_and_of_what_was_said_about_it(options):
    shown = UnitJournal(options).lines_of("web.service", 3_000_000, BEGIN + 2_000_000)
    assert shown == ("\nMar 27 10:00:02 host systemd[1]: Starting web.service...\n"
                     "Mar 27 10:00:03 host web[7]: hello\n")


def test_as_many_as_asked_for_in_the_form_asked_for(options):
    options.lines, options.output = 1, "cat"
    assert UnitJournal(options).lines_of("web.service", 0, 0) == "\nhello\n"
    options.lines = 9
    assert UnitJournal(options).lines_of("web.service", 0, 0) == "\nof an earlier start\nStarting web.service...\nhello\n"
    options.lines = 0
    assert UnitJournal(options).lines_of("web.service", 0, 0) == ""


def test_what_does_not_fit_a_terminal_is_cut_and_said_to_be(options, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "33")
    monkeypatch.setattr(journal_pager, "_on_terminal", True)
    monkeypatch.setenv("SYSTEMD_COLORS", "0")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    journal = UnitJournal(options)
    assert journal.lines_of("web.service", 3_500_000, 0) == "\nMar 27 10:00:03 host web[7]: hel…\n" and journal.was_cut
    options.full = True
    whole = UnitJournal(options)
    assert whole.lines_of("web.service", 3_500_000, 0) == "\nMar 27 10:00:03 host web[7]: hello\n" and not whole.was_cut


def test_that_older_lines_were_dropped_is_told(options, tmp_path):
    own = tmp_path / "run/log/journal" / ("a" * 32)
    for path in own.iterdir():
        path.unlink()
    write(own, [[said(8, b"dropped", *OF_UNIT)], [said(9, b"left", *OF_UNIT)]], boot=BOOT)[0].unlink()
    options.output = "cat"
    notice = "Notice: journal has been rotated since unit was started, output may be incomplete.\n"
    assert UnitJournal(options).lines_of("web.service", 500_000, 0) == f"\nleft\n{notice}"
    assert UnitJournal(options).lines_of("web.service", 9_500_000, 0) == "\nleft\n"


def test_nothing_where_the_unit_said_nothing(options, tmp_path):
    assert UnitJournal(options).lines_of("silent.service", 0, 0) == ""
    options.root = str(tmp_path / "nowhere")
    assert UnitJournal(options).lines_of("web.service", 0, 0) == ""
