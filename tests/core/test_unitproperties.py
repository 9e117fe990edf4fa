"""D-Bus properties as lines of unit files: what `systemd-run --property=` comes to, as recorded from systemd 252."""

from __future__ import annotations

from pathlib import Path

import pytest

from initd.core.load import read_lines
from initd.core.sources import LoadFacts
from initd.core.states import UnitType
from initd.core.transient import unit_text
from initd.core.unitproperties import CannotSet, read, write

HERE = Path(__file__).resolve().parents[1] / "conformance/transient"
FACTS = LoadFacts(memory_total=8 << 30)
SERVICE = UnitType.SERVICE


def _recorded() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (HERE / "systemd252.txt").read_text().splitlines():
        if line.startswith("# "):
            found[line[2:]] = []
        else:
            found[list(found)[-1]].append(line)
    return found


RECORDED = _recorded()
#: Written otherwise, and meaning the same: a word that needs no quotes has them, names for numbers and the other way
#: round, one line for two.
SAME_MEANING = {
    "KillSignal=SIGINT", "LimitCORE=infinity", "UnsetEnvironment=A B", "RestrictAddressFamilies=AF_INET AF_UNIX",
    "AllowedCPUs=0-1", "IPAddressDeny=any", "IPAddressAllow=10.0.0.0/8", "Delegate=yes", "ExecStop=/bin/echo a 'b c' %n",
}


def _ours(case: str) -> list[str]:
    properties = [(name, (signature, value)) for name, signature, value in read(SERVICE, case, FACTS)]
    return [line for line in unit_text(SERVICE, properties, FACTS).splitlines()[1:] if line]


def test_every_case_is_recorded():
    assert list(RECORDED) == (HERE / "cases.txt").read_text().splitlines()


@pytest.mark.parametrize("case", RECORDED)
def test_lines_are_those_of_systemd(case):
    theirs = [line for line in RECORDED[case] if not line.startswith("[")]
    ours = [line for line in _ours(case) if not line.startswith("[")]
    if case not in SAME_MEANING:
        assert ours == theirs
    section = next(line for line in _ours(case) if line.startswith("["))[1:-1]
    assert f"[{section}]" in RECORDED[case]
    drafts = [read_lines(SERVICE, section, lines, FACTS) for lines in (ours, theirs)]
    assert None not in drafts
    assert drafts[0].settings == drafts[1].settings and drafts[0].dependencies == drafts[1].dependencies


@pytest.mark.parametrize(("kind", "text", "lines"), [
    (UnitType.TIMER, "OnActiveSec=1h", ["OnActiveSec=1h"]),
    (UnitType.TIMER, "OnCalendar=daily", ["OnCalendar=daily"]),
    (UnitType.PATH, "PathExists=/nope", ["PathExists=/nope"]),
    (UnitType.SOCKET, "ListenStream=/run/a.sock", ["ListenStream=/run/a.sock"]),
    (SERVICE, "BindPaths=/a:/b", ["BindPaths=/a:/b"]),
    (SERVICE, "EnvironmentFile=-/etc/x", ["EnvironmentFile=-/etc/x"]),
])
def test_what_has_no_property_of_its_own_is_written_too(kind, text, lines):
    ((name, signature, value),) = read(kind, text, FACTS)
    assert list(write(kind, name, signature, value, FACTS).lines) == lines


@pytest.mark.parametrize(("text", "problem"), [
    ("Nope=1", "Unknown assignment: Nope=1"),
    ("Nope", "Not an assignment: Nope"),
    ("CPUWeight=0", "Failed to parse CPUWeight=0: Numerical result out of range"),
    ("TimeoutStopSec=soon", "Failed to parse TimeoutStopSec=soon: Invalid argument"),
])
def test_text_that_is_no_setting_is_refused_in_systemds_words(text, problem):
    with pytest.raises(CannotSet) as refused:
        read(SERVICE, text, FACTS)
    assert refused.value.text == problem


@pytest.mark.parametrize(("kind", "name", "signature", "value", "problem"), [
    (SERVICE, "Type", "s", "bogus", "Invalid Type setting: bogus"),
    (SERVICE, "Nope", "s", "x", "Cannot set property Nope, or unknown property."),
    (UnitType.TIMER, "ExecStart", "a(sasb)", [("/a", ["/a"], False)], "Cannot set property ExecStart, or unknown property."),
    (SERVICE, "MemoryMax", "t", 0, "Invalid MemoryMax setting: 0"),
    (SERVICE, "Nice", "s", "5\nUser=root", "Invalid Nice setting: 5\nUser=root"),
])
def test_values_that_cannot_be_are_refused(kind, name, signature, value, problem):
    with pytest.raises(CannotSet) as refused:
        write(kind, name, signature, value, FACTS)
    assert refused.value.text == problem


@pytest.mark.parametrize("text", ["a\nExecStart=/bin/evil", "a\n[Service]", "a\\"])
def test_no_value_becomes_more_than_one_line(text):
    with pytest.raises(CannotSet):
        write(SERVICE, "Description", "s", text, FACTS)
    lines = write(SERVICE, "Environment", "as", [f"A={text}"], FACTS).lines
    assert len(lines) == 1 and "\n" not in lines[0]
    assert read_lines(SERVICE, "Service", lines, FACTS).exec.environment == (f"A={text}",)
