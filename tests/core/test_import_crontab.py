"""A crontab → services and timers."""

from __future__ import annotations

import pytest

from initd.core.importing.crontab import convert
from initd.core.importing.made import BadImport
from initd.core.load import load_unit
from initd.core.sources import LoadFacts, UnitFiles, UnitText
from initd.core.states import LoadState
from initd.core.syntax import parse

SPOOL = "/var/spool/cron/crontabs/joe"


def units(text: str, path: str = SPOOL) -> dict[str, dict[str, str]]:
    found = {}
    for unit in convert(text, path).units:
        definition = load_unit(UnitFiles(unit.name, (unit.name,), UnitText(unit.name, unit.text)), LoadFacts())
        assert (definition.load_state, list(definition.diagnostics)) == (LoadState.LOADED, []), unit.text
        settings: dict[str, str] = {}
        for item in parse(unit.text, unit.name).assignments:
            settings[item.key] = f"{settings[item.key]}\n{item.value}" if item.key in settings else item.value
        found[unit.name] = settings
    return found


@pytest.mark.parametrize("times, calendar", [
    ("* * * * *", "*-*-* *:*:00"),
    ("5 4 * * *", "*-*-* 04:05:00"),
    ("*/20 * * * *", "*-*-* *:00,20,40:00"),
    ("0 9-17/4,20 * * *", "*-*-* 09,13,17,20:00:00"),
    ("0 0 1,15 jan,DEC *", "*-01,12-01,15 00:00:00"),
    ("0 0 * * mon-fri", "Mon,Tue,Wed,Thu,Fri *-*-* 00:00:00"),
    ("0 0 * * 0,7", "Sun *-*-* 00:00:00"),
    ("0 0 */10 * 1", "Mon *-*-01,11,21,31 00:00:00"),
    ("0 0 13 * 5", "*-*-13 00:00:00\nFri *-*-* 00:00:00"),  # either will do
    ("@hourly", "*-*-* *:00:00"), ("@daily", "*-*-* 00:00:00"), ("@weekly", "Sun *-*-* 00:00:00"),
    ("@monthly", "*-*-01 00:00:00"), ("@yearly", "*-01-01 00:00:00"),
])
def test_times(times, calendar):
    found = units(f"{times} /bin/x\n")
    assert list(found) == ["cron-joe-1.service", "cron-joe-1.timer"]
    assert found["cron-joe-1.timer"]["OnCalendar"] == calendar
    assert found["cron-joe-1.timer"]["WantedBy"] == "timers.target"


def test_a_users_job():
    found = units('A="b c"\nMAILTO=""\n1 2 * * * echo "$A" \\% > x%first%50\\% of\n')["cron-joe-1.service"]
    assert found == {
        "Description": 'echo "$A" %% > x', "Type": "oneshot", "User": "joe", "WorkingDirectory": "~", "Environment": '"A=b c"',
        "StandardInput": "data", "StandardInputText": "first\\n50%% of", "ExecStart": '/bin/sh -c "echo \\"$$A\\" %% > x"'}


@pytest.mark.parametrize("command, given", [
    ("cat", None), ("cat%", None), ("cat%a", "a"), ("cat%a%", "a"), ("cat%a%%b%%", "a\\n\\nb\\n"), ("cat%\\%\\n", "%%\\\\n"),
])
def test_what_stands_behind_a_percent_sign_is_stdin(command, given):
    assert units(f"@daily {command}\n")["cron-joe-1.service"].get("StandardInputText") == given


def test_lines_of_etc_name_a_user_and_variables_go_for_those_behind():
    found = units("SHELL=/bin/bash\n* * * * * root /a\nPATH=/opt\n@reboot\tjoe\t/b c\n", "/etc/cron.d/back.up")
    assert list(found) == ["back.up-1.service", "back.up-1.timer", "back.up-2.service"]
    first, second = found["back.up-1.service"], found["back.up-2.service"]
    assert (first["User"], first["ExecStart"], first["Environment"]) == ("root", "/bin/bash -c /a", "SHELL=/bin/bash")
    assert (second["User"], second["ExecStart"]) == ("joe", '/bin/bash -c "/b c"')
    assert second["Environment"] == "SHELL=/bin/bash\nPATH=/opt" and second["WantedBy"] == "multi-user.target"
    made = convert("* * * * * root /a\n@reboot joe /b\n", "/etc/crontab").units
    assert [unit.enable for unit in made] == [(), ("crontab-1.timer",), ("crontab-2.service",)]


def test_remarks_and_time_zones():
    found = convert("MAILTO=me\nCRON_TZ=Europe/Paris\n0 0 * * * /a\n", "/home/joe/my.crontab")
    assert [str(remark) for remark in found.remarks] == [
        "/home/joe/my.crontab:1: MAILTO: no mail is sent: what a job writes is in the journal.",
        "/home/joe/my.crontab:3: whose crontab it is cannot be seen: it runs as root."]
    assert "OnCalendar=*-*-* 00:00:00 Europe/Paris\n" in found.units[1].text and "MAILTO" not in found.units[0].text


@pytest.mark.parametrize("line, message", [
    ("* * * *", "not five fields of time and a command."), ("* * * * *", "not five fields"),
    ("60 * * * * x", "'60' is no minute."),
    ("* 24 * * * x", "'24' is no hour."), ("* * 0 * * x", "'0' is no day."), ("* * * foo * x", "'foo' is no month."),
    ("* * * * 8 x", "'8' is no day of the week."), ("5-1 * * * * x", "'5-1' is no minute."), ("*/0 * * * * x", "no minute."),
    ("@never x", "@never is no time."), ("@daily", "not five fields"), ("@reboot", "there is no command."),
])
def test_lines_that_make_no_sense(line, message):
    with pytest.raises(BadImport) as error:
        convert(f"\n{line}\n", SPOOL)
    assert str(error.value).startswith(f"{SPOOL}:2: ") and message in str(error.value)
