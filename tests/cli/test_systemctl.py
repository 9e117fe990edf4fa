"""`systemctl` end to end over a real socket: words and exit statuses as recorded from systemd 252."""

from __future__ import annotations

import threading

import pytest

from initd.cli import bus
from initd.cli.systemctl import main
from initd.core import effects as ef


def test_start_status_stop(systemctl):
    assert (systemctl("start", "web").status, systemctl("is-active", "web").out) == (0, "active\n")
    told = systemctl("status", "web")
    lines = told.out.splitlines()
    assert told.status == 0
    assert lines[0] == "● web.service - A web server"
    assert lines[1].startswith("     Loaded: loaded (/etc/systemd/system/web.service; enabled; preset: enabled)")
    assert lines[2].startswith("     Active: active (running) since ") and lines[2].endswith(" ago")
    assert lines[3] == "       Docs: man:web(8)"
    assert lines[4] == "    Process: 1000 ExecStartPre=/bin/true (code=exited, status=0/SUCCESS)"
    assert lines[5].startswith("   Main PID: 1001")
    assert lines[-2:] == ["     CGroup: /system.slice/web.service", "             └─1001 /bin/web -x"]
    assert systemctl("stop", "web.service").status == 0
    told = systemctl("status", "web")
    assert told.status == 3 and told.out.startswith("○ web.service - A web server\n")


def test_is_active_and_is_failed_exit_statuses(systemctl):
    systemctl("start", "web", "fail")
    assert systemctl("is-active", "web", "nosuch").status == 0
    told = systemctl("is-active", "nosuch", "fail")
    assert (told.status, told.out) == (3, "inactive\nfailed\n")
    assert systemctl("is-failed", "fail", "web").status == 0
    assert systemctl("is-failed", "web").status == 1
    assert systemctl("is-active", "--quiet", "web").out == ""
    told = systemctl("is-active", "foo@")
    error = "Unit name foo@.service is neither a valid invocation ID nor unit name."
    assert (told.status, told.err) == (1, f"Failed to retrieve unit state: {error}\n")


@pytest.mark.parametrize(
    ("words", "status", "err"),
    [
        (["start", "nosuch"], 5, "Failed to start nosuch.service: Unit nosuch.service not found.\n"),
        (["stop", "nosuch"], 5, "Failed to stop nosuch.service: Unit nosuch.service not loaded.\n"),
        (["start", "masky"], 1, "Failed to start masky.service: Unit masky.service is masked.\n"),
        (["try-restart", "masky"], 0, ""),
        (
            ["start", "bad"],
            1,
            "Failed to start bad.service: Unit bad.service has a bad unit file setting.\n"
            "See system logs and 'systemctl status bad.service' for details.\n",
        ),
        (
            ["start", "foo@.service"],
            1,
            "Failed to start foo@.service: Unit name foo@.service is missing the instance name.\n"
            "See system logs and 'systemctl status foo@.service' for details.\n",
        ),
        (
            ["reload", "slow"],
            3,
            "Failed to reload slow.service: Job type reload is not applicable for unit slow.service.\n",
        ),
        (
            ["isolate", "web"],
            4,
            "Failed to start web.target: Operation refused, unit may not be isolated.\n"
            "See system logs and 'systemctl status web.target' for details.\n",
        ),
        (
            ["start", "only"],
            4,
            "Failed to start only.service: Operation refused, unit only.service may be requested by dependency only "
            "(it is configured to refuse manual start/stop).\n"
            "See system logs and 'systemctl status only.service' for details.\n",
        ),
        (
            ["start", "--job-mode=foo", "web"],
            1,
            "Failed to start web.service: Job mode foo invalid\n"
            "See system logs and 'systemctl status web.service' for details.\n",
        ),
        (
            ["start", "fail"],
            1,
            "Job for fail.service failed because the control process exited with error code.\n"
            'See "systemctl status fail.service" and "journalctl -xeu fail.service" for details.\n',
        ),
        (["start", "-q", "fail"], 1, ""),
        (["start", "need"], 1, "A dependency job for need.service failed. See 'journalctl -xe' for details.\n"),
        (["foo"], 1, "Unknown command verb foo.\n"),
        (["--root=/nowhere", "start", "web"], 1, "Verb 'start' cannot be used with --root= or --image=.\n"),
        (["--root=/nowhere", "cat", "web"], 1, "Verb 'cat' cannot be used with --root= or --image=.\n"),
        (["start"], 1, "Too few arguments.\n"),
        (["daemon-reload", "x"], 1, "Too many arguments.\n"),
        (["cancel", "999"], 1, "Failed to cancel job 999: Job 999 does not exist.\n"),
        (["kill", "nosuch"], 1, "Failed to kill unit nosuch.service: Unit nosuch.service not loaded.\n"),
        (["kill", "-s", "BOGUS", "web"], 1, 'Failed to parse signal string "BOGUS".\n'),
        (
            ["reset-failed", "nosuch"],
            1,
            "Failed to reset failed state of unit nosuch.service: Unit nosuch.service not loaded.\n",
        ),
        (["set-environment", "bad"], 1, "Failed to set environment: Invalid environment assignments\n"),
        (["status", "nosuch"], 4, "Unit nosuch.service could not be found.\n"),
        (["status", "99999"], 1, "Failed to get unit for PID 99999: PID 99999 does not belong to any loaded unit.\n"),
        (["cat", "nosuch"], 1, "No files found for nosuch.service.\n"),
        (["--user", "list-units"], 1, "Failed to connect to bus: No medium found\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_refusals(systemctl, words, status, err):
    told = systemctl(*words)
    assert (told.status, told.err) == (status, err)


def test_several_units_are_queued_before_any_is_waited_for(systemctl):
    told = systemctl("start", "fail", "web", "nosuch")
    assert told.err.startswith("Failed to start nosuch.service: Unit nosuch.service not found.\nJob for fail.service")
    assert systemctl("is-active", "web").out == "active\n"


def test_no_block_does_not_wait_and_the_job_is_listed_and_cancelled(systemctl):
    assert systemctl("start", "--no-block", "slow").status == 0
    told = systemctl("list-jobs")
    assert told.out.splitlines()[0].split() == ["JOB", "UNIT", "TYPE", "STATE"]
    number, *rest = told.out.splitlines()[1].split()
    assert rest == ["slow.service", "start", "running"]
    assert told.out.endswith("\n\n1 jobs listed.\n")
    assert systemctl("list-jobs", "--no-legend").out == f"{number} slow.service start running\n"
    assert systemctl("list-jobs", "nosuch").out == "No jobs listed.\n"
    assert systemctl("cancel", number).status == 0
    assert systemctl("list-jobs").out == "No jobs running.\n"


def test_who_waits_hears_that_the_job_was_cancelled(systemctl, manager):
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(main(["start", "-q", "slow"])))
    waiting.start()
    while "slow" not in systemctl("list-jobs", "--no-legend").out:
        pass  # the list is asked for again until the job is in it
    systemctl("cancel")
    waiting.join(10)
    assert answers == [1]


def test_list_units(systemctl):
    systemctl("start", "web", "fail", "-q")
    told = systemctl("list-units", "web*", "fail*")
    assert told.out == (
        "  UNIT         LOAD   ACTIVE SUB     DESCRIPTION\n"
        "● fail.service loaded failed failed  fail.service\n"
        "  web.service  loaded active running A web server\n"
        "\n"
        "LOAD   = Reflects whether the unit definition was properly loaded.\n"
        "ACTIVE = The high-level unit activation state, i.e. generalization of SUB.\n"
        "SUB    = The low-level unit activation state, values depend on unit type.\n"
        "2 loaded units listed. Pass --all to see loaded but inactive units, too.\n"
        "To show all installed unit files use 'systemctl list-unit-files'.\n"
    )
    assert systemctl("--failed", "--no-legend").out == "● fail.service loaded failed failed fail.service\n"
    assert systemctl("list-units", "--plain", "-q", "fail*").out == "fail.service loaded failed failed fail.service\n"
    none = systemctl("--type=mount", "--all").out
    assert none.startswith("  UNIT LOAD ACTIVE SUB DESCRIPTION\n0 loaded units listed.\n")
    json = systemctl("list-units", "-o", "json", "web*")
    assert json.out == (
        '[{"unit":"web.service","load":"loaded","active":"active","sub":"running","description":"A web server"}]\n'
    )


def test_show(systemctl):
    systemctl("start", "web")
    assert systemctl("show", "-p", "Id,LoadState", "web").out == "Id=web.service\nLoadState=loaded\n"
    assert systemctl("show", "-P", "MainPID", "web").out == "1001\n"
    assert systemctl("show", "--value", "-p", "CanReload", "web", "slow").out == "yes\n\nno\n"
    assert systemctl("show", "-p", "Id", "web", "slow").out == "Id=web.service\n\nId=slow.service\n"
    assert systemctl("show", "-p", "Nosuch", "web").out == ""
    assert systemctl("show", "-p", "StatusText", "web").out == "StatusText=\n"
    whole = systemctl("show", "web").out
    assert "StatusText" not in whole and "TimeoutStartUSec=1min 30s\n" in whole
    assert "Version=252 (pyinit test)\n" in systemctl("show").out
    assert systemctl("show", "masky", "-p", "LoadState").out == "LoadState=masked\n"


def test_what_is_not_applied_is_shown_to_those_who_ask(systemctl, manager):
    manager.write("partly.service", "[Service]\nExecStart=/bin/web\nUtmpMode=user\nBogus=1\n")
    shown = systemctl("show", "-p", "Id,DirectiveFates", "partly").out.splitlines()
    path = "/etc/systemd/system/partly.service"
    assert shown[:2] == ["Id=partly.service", f"DirectiveFates={{ Service.ExecStart ; file={path}:2 ; fate=applied }}"]
    assert shown[2].startswith(f"DirectiveFates={{ Service.UtmpMode ; file={path}:3 ; fate=ignored ; reason=")
    assert "DirectiveFates" not in systemctl("show", "--all", "partly").out
    lines = [line for line in systemctl("status", "partly").out.splitlines() if "Not applied" in line]
    assert lines == ["Not applied: UtmpMode=, Bogus= (2 ignored; systemctl show -p DirectiveFates partly.service)"]
    assert "Not applied" not in systemctl("status", "web").out


def test_list_dependencies(systemctl):
    systemctl("start", "many.target", "--no-block")
    assert systemctl("list-dependencies", "many.target").out.splitlines() == [
        "many.target", "● ├─slow.service", "● └─web.service",
    ]  # fmt: skip
    assert systemctl("list-dependencies", "--reverse", "--plain", "web").out == "web.service\n  many.target\n"


def test_cat(systemctl, manager, monkeypatch):
    # Paths are the manager's, whose root is a directory of the test's.
    from initd.cli import cat as cat_module

    monkeypatch.setattr(
        cat_module, "open", lambda path, **how: open(str(manager.root) + path, **how), raising=False
    )
    told = systemctl("cat", "fail", "masky", "slow")
    assert told.out == (
        "# /etc/systemd/system/fail.service\n[Service]\nType=oneshot\nExecStart=/bin/false\n"
        "# Unit masky.service is masked.\n"
        "\n# /etc/systemd/system/slow.service\n[Service]\nType=oneshot\nExecStart=/bin/slow\n"
    )


def test_the_environment(systemctl):
    assert systemctl("set-environment", "B=x y", "A=1").status == 0
    assert systemctl("show-environment").out == "A=1\nB=$'x y'\n"
    assert systemctl("unset-environment", "A").status == 0
    assert systemctl("show-environment").out == "B=$'x y'\n"


def test_kill_and_reset_failed(systemctl):
    systemctl("start", "web")
    assert systemctl("kill", "-s", "KILL", "web").status == 0
    assert systemctl("is-failed", "web").out == "failed\n"
    assert systemctl("reset-failed", "web").status == 0
    assert systemctl("is-failed", "web").out == "inactive\n"


def test_restart_warns_of_changes_on_disk(systemctl, manager):
    systemctl("start", "web")
    manager.changed_on_disk.add("web.service")
    warning = (
        "Warning: The unit file, source configuration file or drop-ins of web.service changed on disk. "
        "Run 'systemctl daemon-reload' to reload units.\n"
    )
    assert systemctl("restart", "web").err == warning
    assert systemctl("status", "web").err == warning
    assert systemctl("restart", "-q", "web").err == ""


def test_daemon_reload_asks_the_manager(systemctl, manager):
    assert systemctl("daemon-reload").status == 0
    assert [order.kind for order in manager.orders] == ["Reload"]


def test_globs_mean_loaded_units(systemctl):
    systemctl("start", "web", "many.target", "--no-block")
    assert systemctl("stop", "we*", "nomatch*").status == 0
    assert systemctl("is-active", "web").out == "inactive\n"
    assert systemctl("start", "nomatch*").err.startswith("Warning: systemctl start called with a glob pattern.\n")
    assert systemctl("status", "zz*").status == 0


def test_odd_names_are_escaped(systemctl):
    told = systemctl("start", "a b")
    assert told.err == (
        'Invalid unit name "a b" escaped as "a\\x20b" (maybe you should use systemd-escape?).\n'
        "Failed to start a\\x20b.service: Unit a\\x20b.service not found.\n"
    )


def test_wait_waits_until_the_unit_is_down_again(systemctl, manager):
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(main(["start", "--wait", "web"])))
    waiting.start()
    while systemctl("is-active", "web").out != "active\n":
        pass
    assert answers == []
    systemctl("stop", "web")
    waiting.join(10)
    assert answers == [0]


def test_poweroff_starts_its_target(systemctl, manager):
    manager.write("poweroff.target", "[Unit]\nDefaultDependencies=no\n")
    assert systemctl("poweroff").status == 0
    assert systemctl("is-active", "poweroff.target").out == "active\n"


def test_exit_says_its_code_first(systemctl, manager):
    manager.write("exit.target", "[Unit]\nDefaultDependencies=no\n")
    assert systemctl("exit", "3").status == 0
    assert manager.engine.world.shutdown.exit_code == 3
    assert systemctl("exit", "300").err == "Invalid exit code.\n"


def test_called_by_its_old_names(systemctl, manager):
    manager.write("reboot.target", "[Unit]\nDefaultDependencies=no\n")
    assert systemctl("-r", "now", program="shutdown").status == 0
    assert systemctl("is-active", "reboot.target").out == "active\n"
    systemctl("start", "sysinit.target")
    assert systemctl(program="runlevel").out == "N 5\n"
    assert systemctl("+5", program="shutdown").status == 1


def test_a_script_reading_the_version_finds_it(systemctl):
    assert systemctl("--version", "--quiet").out.startswith("systemd 252 (")


# --- without a manager ----------------------------------------------------------------------------------------------


@pytest.fixture
def offline(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bus, "SOCKET_PATH", str(tmp_path / "nobody"))
    monkeypatch.setenv("SYSTEMD_OFFLINE", "0")

    def run(*words: str) -> tuple[int, str, str]:
        status = main(list(words))
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


NOT_BOOTED = (
    "System has not been booted with systemd as init system (PID 1). Can't operate.\n"
    "Failed to connect to bus: Host is down\n"
)


@pytest.mark.parametrize("verb", ["start", "stop", "is-active", "status", "show", "cat", "kill", "list-dependencies"])
def test_verbs_that_need_a_manager_say_that_there_is_none(offline, verb):
    assert offline(verb, "x") == (1, "", NOT_BOOTED)


def test_package_scripts_may_reload_where_nothing_runs(offline):
    assert offline("daemon-reload") == (0, "", "")


def test_the_system_is_offline(offline):
    assert offline("is-system-running") == (1, "offline\n", "")


def test_in_a_chroot_commands_are_ignored(offline, monkeypatch):
    monkeypatch.setenv("SYSTEMD_OFFLINE", "1")
    assert offline("start", "x") == (0, "", "Running in chroot, ignoring command 'start'\n")
    assert offline("start")[0] == 1
    assert offline("is-system-running")[1] == "offline\n"


def test_files_are_worked_on_without_a_manager(tmp_path, capfd):
    system = tmp_path / "root/etc/systemd/system"
    system.mkdir(parents=True)
    (system / "a.service").write_text("[Service]\nExecStart=/bin/a\n[Install]\nWantedBy=multi-user.target\n")
    root = f"--root={tmp_path}/root"
    assert main([root, "--system", "--preset-mode=enable-only", "preset", "a"]) == 0
    assert (system / "multi-user.target.wants/a.service").is_symlink()
    capfd.readouterr()
    assert main([root, "is-enabled", "a"]) == 0
    assert capfd.readouterr().out == "enabled\n"


def test_clean_waits_until_the_directories_are_gone(systemctl, manager):
    manager.write("kept.service", "[Service]\nType=oneshot\nExecStart=/bin/true\nCacheDirectory=kept\nStateDirectory=kept\n")
    manager.exits["/bin/rm"] = 0
    told = systemctl("clean", "kept")
    assert (told.status, told.err) == (0, "")
    assert [each.request.command.argv[3:] for each in manager.effects if isinstance(each, ef.Spawn)] == [("/var/cache/kept",)]
    told = systemctl("clean", "--what=state,cache", "--what=logs", "kept")
    assert (told.status, told.err) == (0, "")
    assert manager.effects and systemctl("is-active", "kept").out == "inactive\n"


@pytest.mark.parametrize(
    ("words", "status", "err"),
    [
        (["clean", "--what=configuration", "web"], 1, "Failed to clean unit web.service: No matching resources found.\n"),
        (["clean", "--what=fdstore", "web"], 1, "Failed to clean unit web.service: Invalid resource type: fdstore\n"),
        (["clean", "many.target"], 1, "Failed to clean unit many.target: Unit 'many.target' does not support cleaning.\n"),
        (["clean", "nosuch"], 1, "Failed to add reference to unit nosuch.service: Unit nosuch.service not found.\n"),
        (["clean", "masky"], 1, "Failed to add reference to unit masky.service: Unit masky.service is masked.\n"),
        (["clean"], 1, "Too few arguments.\n"),
    ],
)
def test_clean_says_what_systemd_says(systemctl, words, status, err):
    told = systemctl(*words)
    assert (told.status, told.err, told.out) == (status, err, "")
