"""Where managers have what is theirs, against what systemd 252 said of a user's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from initd.core.places import GLOBAL, SYSTEM, of_group, of_user

RECORDED = json.loads((Path(__file__).parents[1] / "conformance/user/answers.json").read_text())["user"]
HOME = "/home/someone"
RUNTIME = {"XDG_RUNTIME_DIR": "/run/user/1000"}


@pytest.mark.parametrize(("question", "environment"), [
    ("systemd-analyze --user unit-paths", RUNTIME),
    ("env -u XDG_RUNTIME_DIR -u DBUS_SESSION_BUS_ADDRESS systemd-analyze --user unit-paths", {}),
    ("XDG_CONFIG_HOME=/c XDG_DATA_HOME=/d XDG_CONFIG_DIRS=/e1:/e2 XDG_DATA_DIRS=/f1:/f2 systemd-analyze --user unit-paths",
     RUNTIME | {"XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d", "XDG_CONFIG_DIRS": "/e1:/e2", "XDG_DATA_DIRS": "/f1:/f2"}),
    ("SYSTEMD_UNIT_PATH=/u1:/u2 systemd-analyze --user unit-paths", RUNTIME | {"SYSTEMD_UNIT_PATH": "/u1:/u2"}),
    ("SYSTEMD_UNIT_PATH=/u1:/u2: systemd-analyze --user unit-paths", RUNTIME | {"SYSTEMD_UNIT_PATH": "/u1:/u2:"}),
])
def test_a_users_units_are_where_systemd_has_them(question, environment):
    assert ["0", *of_user(environment, HOME).unit_path] == RECORDED[question]


def test_the_manager_itself_says_so_too():
    assert ["0", " ".join(of_user(RUNTIME, HOME).unit_path)] == RECORDED["systemctl --user show -p UnitPath --value"]


def test_all_users_units_are_where_systemd_has_them():
    assert ["0", *GLOBAL.unit_path] == RECORDED["systemd-analyze --global unit-paths"]


def test_relative_variables_are_ignored():
    assert of_user(RUNTIME | {"XDG_CONFIG_HOME": "here", "XDG_CONFIG_DIRS": "here:there"}, HOME) == of_user(RUNTIME, HOME)


def _paths(value):
    if isinstance(value, str):
        return [value] if value.startswith("/") else []
    values = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return [path for each in values for path in _paths(each)]


def test_a_group_has_nothing_in_common_with_the_system_but_where_its_units_keep_things():
    places = of_group("/srv/run", "/srv/units", "/usr/lib/pyinit/units/user")
    derived = (places.private, places.notify, places.journal, places.transient, places.credentials, places.pid_file)
    lasting = set(SYSTEM.directories.values()) - {"/run"}
    for path in [*_paths(tuple(places)), *derived]:
        is_own = path.startswith(("/srv/", "/usr/lib/pyinit/", "/var/lib/pyinit/"))
        assert is_own or path in lasting, path
    assert SYSTEM.private == "/run/systemd/private" and SYSTEM.credentials == "/run/credentials"


def test_a_group_of_a_users_keeps_things_where_that_users_units_do():
    places = of_group("/run/user/1000/pyinit", "/u", "/v", of_user(RUNTIME, HOME))
    assert places.directories["state_directory"] == HOME + "/.config"
    assert places.directories["runtime_directory"] == "/run/user/1000/pyinit"
