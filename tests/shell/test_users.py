"""Users and groups of this machine's database, as units name them."""

from __future__ import annotations

import os
import pwd

import pytest

from initd.core.settings import ExecSettings
from initd.shell.users import Credentials, UserError, resolve


def credentials(**settings: object) -> Credentials:
    unit = ExecSettings()
    for name, value in settings.items():
        setattr(unit, name, value)
    return resolve(unit, "test.service")


def test_nothing_asked_nothing_changed():
    assert credentials() == Credentials()


def test_root_needs_no_database():
    root = credentials(user="root")
    assert (root.uid, root.gid, root.groups, root.home) == (0, 0, (), "/root")
    assert credentials(user="0") == root


def test_user_by_name_and_number_are_the_same():
    entry = pwd.getpwnam("daemon")
    assert credentials(user="daemon") == credentials(user=str(entry.pw_uid))
    found = credentials(user="daemon")
    assert (found.uid, found.gid) == (entry.pw_uid, entry.pw_gid)
    assert set(found.groups) == set(os.getgrouplist("daemon", entry.pw_gid))
    assert found.shell == ""  # nologin is no shell to tell anybody


def test_nobody_has_no_home():
    assert credentials(user="nobody").home == ""


def test_group_wins_over_the_users_own_and_supplementary_ones_are_added_once():
    found = credentials(user="daemon", group="mail", supplementary_groups=("adm", "adm"))
    import grp

    mail, adm = grp.getgrnam("mail").gr_gid, grp.getgrnam("adm").gr_gid
    assert found.gid == mail and sorted(found.groups) == sorted({mail, adm})


@pytest.mark.parametrize("settings, status", [
    ({"user": "no-such-user"}, 217),
    ({"user": "99999999999999999999"}, 217),
    ({"group": "no-such-group"}, 216),
    ({"user": "daemon", "supplementary_groups": ("no-such-group",)}, 216),
])
def test_what_does_not_exist_is_refused_with_systemds_status(settings, status):
    with pytest.raises(UserError) as caught:
        credentials(**settings)
    assert caught.value.exit_status == status


def test_dynamic_user_is_stable_and_in_range():
    found = credentials(dynamic_user=True)
    assert found == credentials(dynamic_user=True) and 61184 <= found.uid <= 65519 and found.name == "test"
    assert credentials(dynamic_user=True, user="daemon").uid == pwd.getpwnam("daemon").pw_uid
