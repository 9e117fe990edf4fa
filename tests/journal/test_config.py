"""journald.conf(5) as values."""

from __future__ import annotations

import pytest

from initd.journal.config import Config, configure, read_files


def one(text: str) -> tuple[Config, list[str]]:
    return configure([("journald.conf", f"[Journal]\n{text}\n")])


@pytest.mark.parametrize("text, field, value", [
    ("Storage=volatile", "storage", "volatile"), ("LineMax=10", "line_max", 79), ("LineMax=1K", "line_max", 1024),
    ("LineMax=", "line_max", 49152), ("MaxLevelStore=warning", "level_store", 4), ("MaxLevelStore=3", "level_store", 3),
    ("ForwardToConsole=no", "to_console", False), ("RateLimitIntervalSec=2min", "rate_interval_usec", 120_000_000),
    ("RateLimitBurst=10", "rate_burst", 10),
])
def test_value(text, field, value):
    config, said = one(text)
    assert (getattr(config, field), said) == (value, [])


def test_places_have_limits_of_their_own_and_times_in_common():
    config, said = one("SystemMaxUse=1G\nRuntimeMaxUse=1.5M\nMaxFileSec=1day\nSystemMaxFiles=7")
    assert (config.system.max_use, config.runtime.max_use) == (1 << 30, 3 << 19)
    assert (config.system.max_files, config.runtime.max_files) == (7, 100)
    assert config.system.max_file_usec == config.runtime.max_file_usec == 86_400_000_000
    assert said == []


@pytest.mark.parametrize("text, said", [
    ("Storage=disk", "Failed to parse Storage=disk"), ("SystemMaxUse=much", "Failed to parse"),
    ("Nonsense=1", "Unknown key 'Nonsense'"), ("Seal=yes", "Seal= has no effect: segments are not sealed."),
])
def test_what_counts_for_nothing_is_said_with_its_line(text, said):
    config, problems = one(text)
    assert config == Config()
    assert len(problems) == 1 and problems[0].startswith("journald.conf:2: ") and said in problems[0]


def test_drop_ins_come_after_the_main_file_each_name_once(tmp_path):
    for path, text in {
        "etc/systemd/journald.conf": "[Journal]\nStorage=none\nLineMax=100\n",
        "usr/lib/systemd/journald.conf.d/10-a.conf": "[Journal]\nStorage=volatile\n",
        "etc/systemd/journald.conf.d/10-a.conf": "[Journal]\nStorage=persistent\n",
        "etc/systemd/journald.conf.d/ignored": "[Journal]\nLineMax=200\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    config, _ = configure(read_files(str(tmp_path)))
    assert (config.storage, config.line_max) == ("persistent", 100)


def test_without_files_nothing_is_limited():
    assert configure(()) == (Config(), [])
    assert Config().rate_burst == 0
