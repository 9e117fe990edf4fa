"""Procfile → units: each line "NAME: COMMAND" a service, all of them below a target that is called after the directory.

What foreman and honcho do is what is followed: a shell runs the command in the Procfile's directory, with the variables of .env
beside it, and PORT is 5000 for the first line and 100 more for each further one.
"""

from __future__ import annotations

import re

from initd.core.importing.made import BadImport, Draft, Imported, Remark, command_line, directory_of, plain, stem

_LINE = re.compile(r"([A-Za-z0-9_-]+):\s*(.+)")
_PORT = 5000
_PORTS = 100
#: Of Heroku: run once for each release, and not a process of its own.
_RELEASE = "release"


def is_procfile(path: str) -> bool:
    return path.rpartition("/")[2].startswith("Procfile")


def convert(text: str, path: str, env_text: str | None) -> Imported:
    """`env_text` is what .env holds, None where there is none."""
    directory = directory_of(path)
    app = stem(directory.rpartition("/")[2] or "app")
    target = Draft(f"{app}.target", f"{app} (all of it)", path)
    services: list[tuple[Draft, bool]] = []
    remarks: list[Remark] = []
    lines = list(_lines(text, path))
    for position, (number, name, command) in enumerate(lines):
        draft = Draft(f"{app}-{stem(name)}.service", f"{app} {name}", f"{path}, line {number}")
        draft.set("Unit", "PartOf", target.name)
        draft.set("Service", "WorkingDirectory", plain(directory))
        draft.set("Service", "Environment", f"PORT={_PORT + position * _PORTS}")
        if env_text is not None:
            draft.set("Service", "EnvironmentFile", plain(f"{directory}/.env"))
            if re.search(r"^(export )?PORT=", env_text, re.MULTILINE) and position:
                draft.remarks.append(Remark(path, number, name, "PORT of .env goes for all processes; foreman adds 100 "
                                            "for each."))
        draft.set("Service", "ExecStart", command_line(["/bin/sh", "-c", command]))
        if name == _RELEASE:
            draft.set("Service", "Type", "oneshot")
            draft.remarks.append(Remark(path, number, name, "is to be run once for each release: systemctl start "
                                        f"{draft.name}."))
        else:
            draft.set("Service", "Restart", "always")
            draft.set("Service", "RestartSec", 1)
        remarks += draft.remarks
        services.append((draft, name != _RELEASE))
    if wanted := [draft.name for draft, is_wanted in services if is_wanted]:
        target.set("Unit", "Wants", " ".join(wanted))
        target.set("Install", "WantedBy", "multi-user.target")
    made = [draft.made() for draft, _ in services]
    return Imported((*made, target.made((target.name,))) if wanted else tuple(made), tuple(remarks))


def _lines(text: str, path: str) -> list[tuple[int, str, str]]:
    found: dict[str, tuple[int, str, str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if not match:
            raise BadImport(path, number, f"not of the form NAME: COMMAND: {line}")
        if match[1] in found:
            raise BadImport(path, number, f"{match[1]} is there already, in line {found[match[1]][0]}.")
        found[match[1]] = (number, match[1], match[2])
    return list(found.values())
