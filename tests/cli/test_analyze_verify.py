"""More of it, beside systemd's answers, in tests/conformance/test_analyze.py."""

from __future__ import annotations

import os
import shutil

import pytest

from initd.cli import analyze, analyze_verify
from tests.cli.commands import run

SERVICE = "[Service]\nExecStart=/bin/true\n"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    program = tmp_path / "bin/true"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name in ("sysinit.target", "basic.target", "shutdown.target"):
        write(tmp_path, name, "[Unit]\nDefaultDependencies=no\n")
    return tmp_path


def write(root, name, text):
    path = root / "etc/systemd/system" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def verify(root, *words):
    said = run(analyze.main, f"--root={root}", "verify", *words)
    assert said.out == ""
    return said.status, said.err.replace(str(root), "").splitlines()


def test_a_good_unit_gets_no_word(root):
    write(root, "good.service", SERVICE)
    assert verify(root, "good.service") == (0, [])


WARNING = "/etc/systemd/system/warn.service:3: Unknown key 'Foo' in section [Service], ignoring."


@pytest.mark.parametrize(("options", "status"), [([], 0), (["--recursive-errors=no"], 1), (["--recursive-errors=one"], 1),
                                                 (["--recursive-errors=yes"], 1)])
def test_a_warning_counts_where_somebody_asked_for_it(root, options, status):
    write(root, "warn.service", SERVICE + "Foo=1\n")
    assert verify(root, *options, "warn.service") == (status, [WARNING])


@pytest.mark.parametrize(("mode", "expected"), [("no", (0, [])), ("one", (0, [WARNING])), ("yes", (1, [WARNING]))])
def test_whose_warnings_count(root, mode, expected):
    write(root, "warn.service", SERVICE + "Foo=1\n")
    write(root, "wants.service", "[Unit]\nWants=warn.service\n" + SERVICE)
    assert verify(root, f"--recursive-errors={mode}", "wants.service") == expected


def test_a_requirement_that_is_not_there_fails_the_start(root):
    write(root, "a.service", "[Unit]\nRequires=none.service\nWants=other.service\n" + SERVICE)
    assert verify(root, "a.service") == (1, ["a.service: Failed to create a.service/start: Unit none.service not found."])


def test_a_cycle_is_told_as_a_story(root):
    write(root, "a.service", "[Unit]\nRequires=b.service\nAfter=b.service\n" + SERVICE)
    write(root, "b.service", "[Unit]\nRequires=a.service\nAfter=a.service\n" + SERVICE)
    status, lines = verify(root, "a.service")
    assert status == 1 and "Found ordering cycle on" in lines[0]
    assert lines[-2].startswith("Requested transaction contains an unfixable cyclic ordering dependency: ")
    assert lines[-1].startswith("a.service: Failed to create a.service/start: Transaction order is cyclic.")


def test_programs_must_be_there_and_executable(root):
    write(root, "a.service", "[Service]\nType=oneshot\nExecStart=/bin/none\nExecStart=/bin/none2\nExecStop=/etc\n"
                             "ExecStopPost=-/bin/none3\nExecReload=/etc/plain\nExecStartPre=true\n")
    (root / "etc/plain").write_text("")
    assert verify(root, "a.service") == (1, [
        "a.service: Command /bin/none is not executable: No such file or directory",
        "a.service: Command /etc/plain is not executable: Permission denied",
        "a.service: Command /etc is not executable: Is a directory",
    ])


def test_a_socket_needs_its_service(root):
    write(root, "a.socket", "[Socket]\nListenStream=1\n[Unit]\nDefaultDependencies=no\n")
    write(root, "b.socket", "[Socket]\nListenStream=1\nAccept=yes\n[Unit]\nDefaultDependencies=no\n")
    assert verify(root, "a.socket", "b.socket") == (1, [
        "a.socket: service a.service not loaded, socket cannot be started.",
        "b.socket: service b@internal.service not loaded, socket cannot be started.",
    ])


def test_units_that_cannot_be_used_are_named_and_the_others_verified(root):
    write(root, "bad.service", "[Service]\nType=forking\n")
    write(root, "warn.service", SERVICE + "Foo=1\n")
    assert verify(root, "none.service", "bad.service", "no-unit", "warn.service") == (1, [
        "Unit none.service not found.",
        "bad.service: Service has no ExecStart=, ExecStop=, or SuccessAction=. Refusing.",
        "Unit bad.service has a bad unit file setting.",
        "Failed to prepare filename no-unit: Invalid argument",
        WARNING,
    ])


def test_a_template_is_tried_as_an_instance(root):
    write(root, "a@.service", "[Service]\nExecStart=/bin/none %i\n")
    assert verify(root, "a@.service")[1] == ["a@i.service: Command /bin/none is not executable: No such file or directory"]


def test_a_root_that_is_not_there_is_refused(tmp_path):
    assert verify(tmp_path / "none", "a.service")[0] == 1


# --- files of this machine -------------------------------------------------------------------------------------------


def verify_here(*words):
    said = run(analyze.main, "--man=no", "--recursive-errors=no", "verify", *words)
    return said.status, said.err.splitlines()


def test_a_file_is_looked_for_in_its_own_directory_first(tmp_path, monkeypatch):
    (tmp_path / "ssh.service").write_text(SERVICE + "Mine=1\n")
    wanted = (1, [f"{tmp_path}/ssh.service:3: Unknown key 'Mine' in section [Service], ignoring."])
    assert verify_here(f"{tmp_path}/ssh.service") == wanted
    monkeypatch.chdir(tmp_path)
    assert verify_here("./ssh.service") == verify_here("ssh.service") == wanted
    assert verify_here("no-such-directory/../ssh.service") == (1, ["Unit ssh.service not found."])


def test_the_unit_path_of_the_environment_stands_for_the_usual_one(tmp_path, monkeypatch):
    (tmp_path / "mine.service").write_text(SERVICE + "Mine=1\n")
    monkeypatch.setenv("SYSTEMD_UNIT_PATH", str(tmp_path))
    assert verify_here("/mine.service")[0] == 1
    assert verify_here("/multi-user.target") == (1, ["Unit multi-user.target not found."])


def test_a_file_can_be_taken_for_a_unit_of_another_name(tmp_path):
    (tmp_path / "draft").write_text(SERVICE + "Mine=1\n")
    assert verify_here(f"{tmp_path}/draft:draft.service") == (
        1, [f"{tmp_path}/draft:3: Unknown key 'Mine' in section [Service], ignoring."]
    )
    assert verify_here(f"{tmp_path}/none:draft.service") == (1, ["Unit draft.service not found."])
    assert verify_here(f"{tmp_path}/draft:") == (1, ["Couldn't process aliases: Invalid argument"])


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_not_found(tmp_path):
    (tmp_path / "a.service").touch(0o000)
    assert verify_here(f"{tmp_path}/a.service")[1][-1] == "Unit a.service not found."


def test_manual_pages_are_looked_up_unless_told_not_to(root, monkeypatch):
    write(root, "a.service", "[Unit]\nDocumentation=man:a(1) http://x man:b(8) file:/x\n" + SERVICE)
    asked = []
    monkeypatch.setattr(analyze_verify, "look_up_page", lambda page: asked.append(page) or 16 * (page == "b(8)"))
    assert verify(root, "a.service") == (1, ["a.service: Command 'man b(8)' failed with code 16"])
    assert asked == ["a(1)", "b(8)"]
    assert verify(root, "--man=no", "a.service") == (0, [])


@pytest.mark.skipif(shutil.which("man") is None, reason="no man(1) is installed")
def test_man_knows_no_page_of_that_name():
    assert analyze_verify.look_up_page("no-such-page-at-all(1)") == 16


def test_without_man_nothing_is_said_of_pages(monkeypatch):
    monkeypatch.setenv("PATH", "/no/such")
    assert analyze_verify.look_up_page("no-such-page-at-all(1)") == 0
