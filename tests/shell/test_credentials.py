"""Which credentials a unit gets, and that they arrive: from values, files, directories, sockets and by name."""

from __future__ import annotations

import os
import pwd
import socket
import threading

import pytest

from initd.core.places import Places
from initd.core.settings import ExecSettings
from initd.core.sources import DIRECTORY_BASES
from initd.shell.credentials import directories_of_container, plan_credentials
from initd.wire.execcontext import Credential
from tests.shell.conftest import needs_root


def settings(**values: object) -> ExecSettings:
    unit = ExecSettings()
    for name, value in values.items():
        assert hasattr(ExecSettings, name)
        setattr(unit, name, value)
    return unit


def test_a_unit_that_asks_for_none_has_no_directory():
    assert plan_credentials(ExecSettings(), "u.service", ()).directory == ""


def test_a_value_is_the_default_of_what_is_loaded():
    unit = settings(set_credential=(("a", b"1"), ("b", b"2")), load_credential=(("a", "/x"), ("c", "/y")))
    plan = plan_credentials(unit, "u.service", ())
    assert plan.directory == "/run/credentials/u.service"
    assert plan.credentials == (
        Credential("a", b"1", False), Credential("b", b"2", False), Credential("a", b"/x", True, True),
        Credential("c", b"/y", True, False),
    )


def test_names_are_looked_up_where_the_container_has_its_own_first(tmp_path):
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "key").write_text(place)
    (tmp_path / "two" / "kept").write_text("")
    places = (str(tmp_path / "one"), str(tmp_path / "two"))
    unit = settings(load_credential=(("k", "key"), ("n", "nowhere")), import_credential=("ke*", "none*"))
    found = {each.name: each.source.decode() for each in plan_credentials(unit, "u.service", places).credentials}
    assert found == {"key": places[0] + "/key", "kept": places[1] + "/kept", "k": places[0] + "/key"}


def test_the_containers_directory_comes_before_its_secrets():
    assert directories_of_container({"CREDENTIALS_DIRECTORY": "/c"}) == ("/c", "/run/secrets")
    assert directories_of_container({"CREDENTIALS_DIRECTORY": "relative"}) == directories_of_container({})


@pytest.fixture
def place(runner, tmp_path):
    places = Places(directories=DIRECTORY_BASES | {"runtime_directory": str(tmp_path)})
    runner.spawner.facts = runner.spawner.facts.replace(places=places)
    tmp_path.chmod(0o755)
    return tmp_path / "credentials" / "test.service"


def test_a_process_reads_what_the_unit_was_given(runner, place, tmp_path):
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "one").write_text("1")
    (tmp_path / "tree" / "sub" / "two").write_bytes(b"2\0")
    output = runner.shell(
        "cd $CREDENTIALS_DIRECTORY; stat -c '%a %n' . *; cat t_one; od -An -c t_sub_two; cat set",
        set_credential=(("set", b"value"), ("both", b"old")),
        load_credential=(("t", str(tmp_path / "tree")), ("both", str(tmp_path / "tree" / "one")), ("set", "/nonexistent")),
    )
    assert output.splitlines() == ["500 .", "400 both", "400 set", "400 t_one", "400 t_sub_two", "1   2  \\0", "value"]
    assert (place / "both").read_text() == "1"


def test_a_second_process_of_the_unit_finds_them_anew(runner, place):
    for value in (b"first", b"second"):
        assert runner.shell("cat $CREDENTIALS_DIRECTORY/a", set_credential=(("a", value),)) == value.decode()
    assert os.listdir(place) == ["a"]


@needs_root
def test_they_belong_to_the_units_user(runner, place):
    runner.shell("true", set_credential=(("a", b"b"),), user="daemon")
    uid = pwd.getpwnam("daemon").pw_uid
    assert [(path.stat().st_uid, path.stat().st_mode & 0o777) for path in (place, place / "a")] == [(uid, 0o500), (uid, 0o400)]


def test_a_socket_is_told_who_asks(runner, place, tmp_path):
    asked = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()

        def serve() -> None:
            peer, _ = listener.accept()
            asked.append(peer.getpeername())
            peer.sendall(b"from the socket")
            peer.close()

        thread = threading.Thread(target=serve)
        thread.start()
        output = runner.shell("cat $CREDENTIALS_DIRECTORY/a", load_credential=(("a", str(tmp_path / "socket")),))
        thread.join()
    assert output == "from the socket"
    assert asked[0][:1] == b"\0" and asked[0].endswith(b"/unit/test.service/a")


@pytest.mark.parametrize("problem", ["missing", "too big", "too much"])
def test_what_cannot_be_had_fails_with_243(runner, place, tmp_path, problem):
    half = tmp_path / "half"
    half.write_bytes(bytes(700_000))
    (tmp_path / "big").write_bytes(bytes(1_048_577))
    sources = {"missing": [tmp_path / "missing"], "too big": [tmp_path / "big"], "too much": [half, half]}[problem]
    status, step, _ = runner.fails(load_credential=tuple([(f"c{n}", str(path)) for n, path in enumerate(sources)]))
    assert (status, step) == (243, "CREDENTIALS")
