"""A crontab → units: each line a oneshot service and the timer that starts it (crontab(5), systemd.time(7)).

Users' own crontabs have five fields before the command, those below /etc a sixth that names the user.
"""

from __future__ import annotations

import re

from initd.core.importing.made import BadImport, Draft, Imported, MadeUnit, Remark, command_line, plain, stem, variable
from initd.core.record import Record

_VARIABLE = re.compile(r"""("[^"]*"|'[^']*'|[A-Za-z_]\w*)\s*=\s*(.*)""", re.ASCII)
_PERIODS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ITEM = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?", re.ASCII)
_SPOOL = "/var/spool/cron/crontabs/"
#: What these say is of cron itself, or where else it is said.
_NOT_VARIABLES = {"MAILTO", "MAILFROM", "CRON_TZ", "RANDOM_DELAY"}


class _Field(Record):
    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()
    first_name: int = 0


_MINUTE, _HOUR = _Field("minute", 0, 59), _Field("hour", 0, 23)
_DAY, _MONTH, _WEEKDAY = _Field("day", 1, 31), _Field("month", 1, 12, _MONTHS, 1), _Field("day of the week", 0, 7, _DAYS)


def has_user_field(path: str) -> bool:
    return path.startswith("/etc/")


def is_crontab(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name == "crontab" or name.endswith(".crontab") or path.startswith((_SPOOL, "/etc/cron.d/"))


def convert(text: str, path: str) -> Imported:
    environment: dict[str, str] = {}
    remarks: list[Remark] = []
    units: list[MadeUnit] = []
    owner = stem(path.removeprefix(_SPOOL)) if path.startswith(_SPOOL) else ""
    base = f"cron-{owner}" if owner else stem(path.rpartition("/")[2].removesuffix(".crontab"))
    count = 0
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if setting := _VARIABLE.fullmatch(line):
            name, value = setting[1].strip("\"'"), setting[2].strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            environment[name] = value
            if name in ("MAILTO", "MAILFROM") and value:
                remarks.append(Remark(path, number, name, "no mail is sent: what a job writes is in the journal."))
            elif name == "RANDOM_DELAY":
                remarks.append(Remark(path, number, name, "say RandomizedDelaySec= in the timers."))
            continue
        count += 1
        drafts = _job(line, number, path, f"{base}-{count}", environment, owner)
        for draft in drafts:
            is_first = draft is drafts[-1]  # the timer, or what has none
            remarks += draft.remarks
            units.append(draft.made((draft.name,) if is_first else ()))
    return Imported(tuple(units), tuple(remarks))


def _job(line: str, number: int, path: str, name: str, environment: dict[str, str], owner: str) -> list[Draft]:
    """Its service, and its timer."""
    times, rest = _times(line, number, path)
    user = owner
    if has_user_field(path):
        user, rest = (*rest.split(None, 1), "", "")[:2]
    command, *stdin = re.split(r"(?<!\\)%", rest.strip())
    command = command.replace("\\%", "%").strip()
    if not command:
        raise BadImport(path, number, "there is no command.")
    origin = f"{path}, line {number}"
    service = Draft(f"{name}.service", command[:80], origin)
    service.set("Service", "Type", "oneshot")
    if not user:
        service.remarks.append(Remark(path, number, "", "whose crontab it is cannot be seen: it runs as root."))
    service.set("Service", "User", plain(user or "root"))
    service.set("Service", "WorkingDirectory", "~")
    for key, value in environment.items():
        if key not in _NOT_VARIABLES and (setting := variable(key, value)):
            service.set("Service", "Environment", setting)
    if any(stdin):
        service.set("Service", "StandardInput", "data")
        service.set("Service", "StandardInputText", _input(stdin))
    service.set("Service", "ExecStart", command_line([environment.get("SHELL", "/bin/sh"), "-c", command]))
    if times is None:
        service.set("Install", "WantedBy", "multi-user.target")
        return [service]
    timer = Draft(f"{name}.timer", f"{name}, as cron would start it", origin)
    zone = environment.get("CRON_TZ", "")
    for each in times:
        timer.set("Timer", "OnCalendar", f"{each} {zone}".strip())
    timer.set("Timer", "AccuracySec", "1s")
    timer.set("Install", "WantedBy", "timers.target")
    return [service, timer]


def _input(lines: list[str]) -> str:
    """The value of StandardInputText=, which adds the end of the last line itself."""
    if not lines[-1]:
        lines = lines[:-1]
    return "\\n".join(plain(line.replace("\\%", "%").replace("\\", "\\\\")) for line in lines)


def _times(line: str, number: int, path: str) -> tuple[list[str] | None, str]:
    """OnCalendar= for each, None for @reboot; and what stands behind."""
    word = line.split()[0]
    if word.startswith("@"):
        rest = line[len(word):].strip()
        if word == "@reboot":
            return None, rest
        if word not in _PERIODS:
            raise BadImport(path, number, f"{word} is no time.")
        line = f"{_PERIODS[word]} {rest}"
    words = line.split(None, 5)
    if len(words) < 6:
        raise BadImport(path, number, "not five fields of time and a command.")
    try:
        minute, hour = _values(words[0], _MINUTE), _values(words[1], _HOUR)
        day, month = _values(words[2], _DAY), _values(words[3], _MONTH)
        weekdays = _values(words[4], _WEEKDAY)
    except ValueError as error:
        raise BadImport(path, number, f"{error}.") from None
    clock = f"{_pair(hour)}:{_pair(minute)}:00"
    days = sorted({value % 7 for value in weekdays or ()})
    prefix = ",".join(_DAYS[value].capitalize() for value in days) + " " if weekdays else ""
    if day and weekdays and not words[2].startswith("*") and not words[4].startswith("*"):
        # Either of them will do (crontab(5)).
        return [f"*-{_pair(month)}-{_pair(day)} {clock}", f"{prefix}*-{_pair(month)}-* {clock}"], words[5]
    return [f"{prefix}*-{_pair(month)}-{_pair(day)} {clock}"], words[5]


def _values(text: str, field: _Field) -> list[int] | None:
    """Every value that it names; None for all. ValueError for what is none."""
    if text == "*":
        return None
    found: set[int] = set()
    for item in text.split(","):
        match = _ITEM.fullmatch(item)
        if not match:
            raise ValueError(f"{item!r} is no {field.name}")
        first = field.lowest if match[1] == "*" else _value(match[1], field)
        last = field.highest if match[1] == "*" else _value(match[2], field) if match[2] else first
        step = int(match[3] or 1)
        if match[1] == "*" and match[2] or last < first or not step or match[3] and match[1] != "*" and not match[2]:
            raise ValueError(f"{item!r} is no {field.name}")
        found |= set(range(first, last + 1, step))
    return sorted(found)


def _value(word: str, field: _Field) -> int:
    if word.lower() in field.names:
        return field.names.index(word.lower()) + field.first_name
    if not word.isdecimal() or not field.lowest <= int(word) <= field.highest:
        raise ValueError(f"{word!r} is no {field.name}")
    return int(word)


def _pair(values: list[int] | None) -> str:
    return "*" if values is None else ",".join(f"{value:02d}" for value in values)
