"""`pyinit import`: what it reads, says and writes, and that it writes nothing where anything is wrong."""

from __future__ import annotations

import sys

import pytest

from initd.cli import importing
from initd.core.importing.made import MadeUnit
from initd.core.importing.succession import succeed

CONF = "[supervisord]\npidfile=/x\n[program:a]\ncommand=/bin/a\n[program:b]\ncommand=/bin/b\nautostart=false\n"


@pytest.fixture
def run(tmp_path, capsys):
    """`pyinit import WORDS…` into a directory of its own: exit status, lines of stdout and stderr."""
    def run_words(*words: str) -> tuple[int, list[str], list[str]]:
        status = importing.main([f"--output={tmp_path}/out", *words])
        out, err = capsys.readouterr()
        return status, out.splitlines(), err.splitlines()

    return run_words


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "s.conf"
    path.write_text(CONF)
    return str(path)


def test_units_are_written_and_named_and_remarks_told(run, conf, tmp_path):
    status, out, err = run(conf)
    assert (status, out) == (0, [f"Created {tmp_path}/out/a.service", f"Created {tmp_path}/out/b.service"])
    assert err == [f"{conf}:2: [supervisord] pidfile: pyinit is the container's first process, and in the foreground."]
    text = (tmp_path / "out/a.service").read_text()
    assert text.startswith(f"# Made by pyinit import from {conf}, [program:a].\n\n[Unit]\nDescription=a\n")
    assert (tmp_path / "out/a.service").stat().st_mode & 0o777 == 0o644


def test_nothing_is_written_where_one_is_there_already(run, conf, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/b.service").symlink_to("/nowhere")
    assert run(conf) == (1, [], [f"pyinit import: {tmp_path}/out/b.service: is there already; nothing was written."])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.service"]


def test_a_directory_that_takes_no_file_is_told(run, conf, tmp_path):
    (tmp_path / "out").write_text("")
    status, out, err = run(conf)
    assert (status, out, err[-1]) == (1, [], f"pyinit import: {tmp_path}/out: File exists")


def test_a_dry_run_prints_the_units_alone(run, conf, tmp_path):
    status, out, _ = run("--dry-run", conf)
    assert status == 0 and not (tmp_path / "out").exists()
    assert [line for line in out if line.startswith("# /")] == [f"# {tmp_path}/out/a.service", f"# {tmp_path}/out/b.service"]


def test_included_files_are_read_in_order_and_missing_ones_told(run, tmp_path):
    (tmp_path / "s.conf").write_text("[supervisord]\n[include]\nfiles=d/*.ini none/*\n")
    (tmp_path / "d").mkdir()
    (tmp_path / "d/2.ini").write_text("[program:a]\ncommand=/bin/second\n")
    (tmp_path / "d/1.ini").write_text("[program:a]\ncommand=/bin/first\n")
    status, _, err = run(str(tmp_path / "s.conf"))
    assert (status, err) == (0, [f"{tmp_path}/s.conf:3: [include] files: there is no {tmp_path}/none/*."])
    assert "ExecStart=/bin/second\n" in (tmp_path / "out/a.service").read_text()


@pytest.mark.parametrize("words, message", [
    ((), "Which file, or which directory?"), (("a", "b"), "One at a time."), (("--from=x", "a"), "--from= is one of "),
    (("--enable", "a"), "--enable is for units in /etc/systemd/system."), (("--wrong",), "unrecognized option '--wrong'"),
])
def test_command_lines_that_make_no_sense(run, words, message):
    status, out, err = run(*words)
    assert (status, out) == (2, []) and message in err[0]


def test_files_that_are_none(run, tmp_path):
    path = tmp_path / "x"
    assert run(str(path)) == (1, [], [f"pyinit import: {path}: No such file or directory"])
    path.write_text("hello\n")
    status, _, err = run(str(path))
    assert status == 1 and err[0].startswith(f"pyinit import: {path}: what it is cannot be seen; say it with --from=")
    path.write_text("[supervisord]\n")
    assert run(str(path)) == (1, [], [f"pyinit import: {path}: there is nothing in it to be started."])
    path.write_text("[supervisord]\n[program:x]\n")
    assert run(str(path)) == (1, [], [f"pyinit import: {path}:2: [program:x] there is no command."])


def test_help_tells_every_format(run):
    status, out, _ = run("--help")
    assert status == 0 and all(any(line.startswith(f"  {each} ") for line in out) for each in importing.FORMATS)


@pytest.mark.parametrize("files, made", [
    ({"Procfile": "web: x\n"}, None),
    ({"a/run": "", "a/log/run": ""}, ["a.service"]),
    ({"services.d/a/run": "", "cont-init.d/1": ""}, ["a.service", "cont-init-1.service"]),
    ({"s6-rc.d/a/type": "longrun", "s6-rc.d/a/run": "", "s6-rc.d/user/contents.d/a": ""}, ["a.service"]),
])
def test_directories_are_known_by_what_is_in_them(run, tmp_path, files, made):
    for name, text in files.items():
        path = tmp_path / "dir" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    status, _, err = run(str(tmp_path / "dir"))
    if made is None:
        assert (status, err) == (1, [f"pyinit import: {tmp_path}/dir: is a directory, but none of runit, s6."])
    else:
        assert status == 0 and sorted(path.name for path in (tmp_path / "out").iterdir()) == made


@pytest.mark.parametrize("name, text, made", [
    ("Procfile", "web: x\n", "-web.service"), ("my.crontab", "@daily x\n", "my-1.timer"), ("any", CONF, "a.service"),
])
def test_files_are_known_by_name_or_by_what_is_in_them(run, tmp_path, name, text, made):
    (tmp_path / name).write_text(text)
    assert run(str(tmp_path / name))[0] == 0
    assert [path for path in (tmp_path / "out").iterdir() if path.name.endswith(made)]


def test_from_says_what_a_file_is(run, tmp_path):
    (tmp_path / "jobs").write_text("@daily x\n")
    assert run(str(tmp_path / "jobs"))[0] == 1
    assert run("--from=crontab", str(tmp_path / "jobs"))[0] == 0
    assert run("--from=runit", str(tmp_path / "jobs"))[2] == [f"pyinit import: {tmp_path}/jobs: is no directory."]


def test_a_project_of_compose_is_told_by_line(run, tmp_path):
    pytest.importorskip("yaml")
    path = tmp_path / "compose.yaml"
    path.write_text("services:\n  web:\n    image: x\n    command: [echo, $GREETING]\n")
    (tmp_path / ".env").write_text("GREETING='a b'\n")
    status, _, err = run(str(path))
    assert (status, err) == (0, [f"{path}:3: services.web.image: what the image holds has to be in this container."])
    assert 'ExecStart=echo "a b"\n' in (tmp_path / "out/web.service").read_text()
    path.write_text("services:\n  web: [\n")
    assert run(str(path))[2][0].startswith(f"pyinit import: {path}:3: no YAML: ")


def test_without_yaml_it_is_said_which_package_has_it(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    path = tmp_path / "compose.yaml"
    path.write_text("services: {}\n")
    needed = "a file of Compose needs Python's yaml module: install the package python3-yaml."
    assert run(str(path)) == (1, [], [f"pyinit import: {path}: {needed}"])


def test_who_takes_a_units_place_keeps_its_directories():
    made, remark = succeed(MadeUnit("a.service", "[Unit]\n\n[Service]\nExecStart=/a\n"), "/lib/a.service",
                           "[Service]\nType=notify\nExecStart=/b\nExecReload=/c\nRuntimeDirectory=a\nRuntimeDirectoryMode=0700\n")
    assert made.text == "[Unit]\n\n[Service]\nRuntimeDirectory=a\nRuntimeDirectoryMode=0700\nExecStart=/a\n"
    assert str(remark) == ("a.service: takes the place of /lib/a.service, which is used again without it. Taken over: "
                           "RuntimeDirectory=a, RuntimeDirectoryMode=0700. Not taken over: ExecReload=.")
