"""What a process of a unit is given, and what others can do to it and to the manager: debian/doc/threat-model.md.

One container for all: units of every kind are started, and each writes down what it finds (look.py); attack.py tries what
somebody without rights may try.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Iterator

import pytest
from harness import Container
from images import Image, build_root

from .conftest import _finish

IMAGE = Image(("dbus",))
MODES = Path(__file__).with_name("modes.tsv")
#: What programs make that are not ours: systemd-tmpfiles, the bus, the runtime and the image's own.
PACKAGES = ("/run/lock", "/run/dbus", "/run/user", "/run/shm", "/run/sendsigs", "/run/.containerenv", "/var/lib/dpkg",
            "/var/lib/dbus", "/tmp/.", "/var/log/private", "/var/cache/private", "/var/log/wtmp", "/run/adduser")
NULL, JOURNAL, LISTENER, MEMORY, TERMINAL = "null", "journal", "listener", "memory", "terminal"
USUAL = (NULL, JOURNAL, JOURNAL)
SECRET, CREDENTIAL, SET_CREDENTIAL = (f"xyzzy-of-the-{of}" for of in ("container", "admin", "unit"))
USUAL_VARIABLES = {"PATH", "LANG", "INVOCATION_ID", "SYSTEMD_EXEC_PID"}
LISTENING = {"LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID"}
Case = tuple[tuple[str, ...], str, tuple[str, ...], set[str]]
#: name → lines of [Service], words for look.py, what is behind 0, 1, 2 and so on, variables beyond the usual.
CASES: dict[str, Case] = {
    "simple": (("Type=simple",), "", USUAL, set()),
    "exec": (("Type=exec",), "", USUAL, set()),
    "oneshot": (("Type=oneshot",), "", USUAL, set()),
    "idle": (("Type=idle",), "", USUAL, set()),
    "forking": (("Type=forking",), "daemon", USUAL, set()),
    "notify": (("Type=notify",), "ready stay", USUAL, {"NOTIFY_SOCKET"}),
    "of-bus": (("Type=dbus", "BusName=org.example.look"), "", USUAL, set()),
    "of-user": (("User=games",), "", USUAL, {"USER", "LOGNAME", "HOME"}),
    "inherit": (("StandardInput=null", "StandardOutput=inherit", "StandardError=inherit"), "", USUAL, set()),
    "null": (("StandardOutput=null", "StandardError=null"), "", (NULL, NULL, NULL), set()),
    "console": (("StandardOutput=journal+console",), "", USUAL, {"TERM"}),
    "data": (("StandardInputText=hello",), "", (MEMORY, JOURNAL, JOURNAL), set()),
    "input-file": (("StandardInput=file:/t/look.py",), "", ("/t/look.py", JOURNAL, JOURNAL), set()),
    "file": (("StandardOutput=file:/run/t/file",), "", (NULL, "/run/t/file", "/run/t/file"), set()),
    "append": (("StandardOutput=append:/run/t/append",), "", (NULL, "/run/t/append", "/run/t/append"), set()),
    "truncate": (("StandardError=truncate:/run/t/truncate",), "", (NULL, JOURNAL, "/run/t/truncate"), set()),
    "inetd": (("StandardInput=socket", "Sockets=inetd.socket"), "", (LISTENER,) * 4, LISTENING),
    "named": (("StandardInput=fd:named", "Sockets=named.socket"), "", (LISTENER,) * 4, LISTENING),
    "listening": (("Sockets=listening.socket",), "", (*USUAL, LISTENER, LISTENER), LISTENING),
    "store": (("Type=notify", "FileDescriptorStoreMax=4"), "store stay", (*USUAL, MEMORY), {"NOTIFY_SOCKET", *LISTENING}),
    "terminal": (("StandardInput=tty-force", "StandardOutput=inherit", "TTYPath=/run/t/tty"), "", (TERMINAL,) * 3, {"TERM"}),
    "control": (tuple(f"{name}=/t/look.py {of}" for name, of in (
        ("ExecCondition", "condition"), ("ExecStartPre", "pre"), ("ExecStartPost", "post"), ("ExecReload", "reload"),
        ("ExecStop", "stop"), ("ExecStopPost", "stop-post"))), "stay", USUAL, set()),
}
#: The control processes of "control", and their variables.
PHASES: dict[str, Case] = {
    name: ((), "", USUAL, variables) for name, variables in {
        "condition": set(), "pre": set(), "post": {"MAINPID"}, "reload": {"MAINPID"}, "stop": {"MAINPID", "SERVICE_RESULT"},
        "stop-post": {"SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS"}}.items()}
ROUNDS = ("at first", "after daemon-reexec")
NOBODY, NONE, BIND = "65534\t65534\t65534\t65534", "0" * 16, "0000000000000400"
DENIED = dict.fromkeys(("setuid", "setgid", "setgroups", "chown", "mknod", "chroot"), "Operation not permitted")
NO_CAPABILITIES = dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapAmb"), NONE)
#: name → lines of [Service]; some of /proc/self/status; what whoever wants back what is gone is told; the same of a program
#: that is root's by its mode, and which it executes (False: not nothing).
PRIVILEGES: dict[str, tuple[str, dict[str, str], dict[str, str], dict[str, object]]] = {
    "p-user": ("User=nobody", {"Uid": NOBODY, "Gid": NOBODY, "Groups": "65534", "NoNewPrivs": "0", **NO_CAPABILITIES}, DENIED,
               {"Uid": "65534\t0\t0\t0"}),
    "p-groups": ("User=nobody\nGroup=games\nSupplementaryGroups=tty", {"Gid": "60\t60\t60\t60", "Groups": "5 60"}, DENIED, {}),
    "p-no-new": ("User=nobody\nNoNewPrivileges=yes", {"NoNewPrivs": "1", **NO_CAPABILITIES}, DENIED,
                 {"Uid": NOBODY, "CapEff": NONE}),
    "p-dynamic": ("DynamicUser=yes\nReadWritePaths=/t/out", {"NoNewPrivs": "1", **NO_CAPABILITIES}, DENIED,
                  {"CapEff": NONE}),
    "p-root": ("CapabilityBoundingSet=", {"CapBnd": NONE, "Uid": "0\t0\t0\t0", **NO_CAPABILITIES},
               {"setgroups": "Operation not permitted", "mknod": "Operation not permitted"}, {"CapEff": NONE}),
    "p-bound": ("User=nobody\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE", {"CapBnd": BIND, **NO_CAPABILITIES}, DENIED,
                {"Uid": "65534\t0\t0\t0", "CapEff": BIND}),
    "p-ambient": ("User=nobody\nAmbientCapabilities=CAP_NET_BIND_SERVICE",
                  {"CapAmb": BIND, "CapEff": BIND, "CapPrm": BIND, "CapInh": BIND}, DENIED, {}),
    "p-secure": ("User=nobody\nSecureBits=noroot noroot-locked", NO_CAPABILITIES, DENIED, {"Uid": "65534\t0\t0\t0",
                                                                                        "CapEff": NONE}),
    "p-filter": ("User=nobody\nSystemCallFilter=~setresuid\nSystemCallErrorNumber=ENOANO", {"Seccomp": "2"},
                 {**DENIED, "setuid": "No anode"}, {}),
}
VICTIM = "[Service]\nType=notify\nFileDescriptorStoreMax=4\nExecStart=/t/look.py {} store stay\n"
OTHERS = {
    "inetd.socket": "[Socket]\nListenStream=/run/t/inetd\n",
    "named.socket": "[Socket]\nListenStream=/run/t/named\nFileDescriptorName=named\n",
    "listening.socket": "[Socket]\nListenStream=/run/t/one\nListenDatagram=/run/t/two\nSocketUser=nobody\nSocketMode=0600\n",
    "pty.service": "[Service]\nType=notify\nExecStart=/t/look.py pty pty stay\n",
    "victim.service": VICTIM.format("victim"),
    "mallory.service": "[Service]\nType=exec\nUser=nobody\nExecStart=sleep infinity\n",
    "secret.service": f"[Service]\nType=oneshot\nRemainAfterExit=yes\nUser=games\nLoadCredential=loaded:/etc/credential\n"
                      f"SetCredential=set:{SET_CREDENTIAL}\nPrivateTmp=yes\nRuntimeDirectory=secret\nStateDirectory=secret\n"
                      "LogsDirectory=secret\nCacheDirectory=secret\nExecStart=/t/look.py secret secret\n",
    "pidfile@.service": "[Service]\nType=forking\nUser=nobody\nRuntimeDirectory=pidfile-%i\nPIDFile=/run/pidfile-%i/pid\n"
                        "TimeoutStartSec=1\nExecStart=/bin/sh -c '. /run/t/pidfile-%i; sleep infinity &'\n",
    "outer.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nUser=nobody\nRuntimeDirectory=race\n"
                     "ExecStart=/bin/true\n",
    "race@.service": "[Service]\nType=oneshot\nUser=games\nRuntimeDirectory=race/inner\nExecStart=/bin/true\n",
}


def service(name: str, lines: str, words: str) -> str:
    return f"[Service]\nTimeoutStartSec=15\n{lines}\nExecStart=/t/look.py {name} {words}\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """What the container sees as /t."""
    directory = tmp_path_factory.mktemp("security")
    directory.chmod(0o755)
    for name in ("units", "generators", "out"):
        (directory / name).mkdir()
    (directory / "out").chmod(0o1777)
    for name in ("look.py", "attack.py", "generators/look"):
        shutil.copy(Path(__file__).with_name("attack.py" if "attack" in name else "look.py"), directory / name)
        (directory / name).chmod(0o755)
    units = {f"{name}.service": service(name, "\n".join(lines), words) for name, (lines, words, _, _) in CASES.items()}
    units |= {f"{name}.service": service(name, lines, "privileges") for name, (lines, *_) in PRIVILEGES.items()}
    for name, text in {**units, **OTHERS}.items():
        (directory / "units" / name).write_text(text)
    return directory


@pytest.fixture(scope="module")
def box(request, place):
    """The environment of its own must reach nobody, and its umask nothing that is made."""
    container = Container(IMAGE, options=(
        f"--volume={place}:/t", f"--volume={place}/units:/usr/local/lib/systemd/system:ro",
        f"--volume={place}/generators:/usr/local/lib/systemd/system-generators:ro",
        f"--env=SECRET={SECRET}", "--env=NOTIFY_SOCKET=/run/outer", "--env=CREDENTIALS_DIRECTORY=/run/outer.d",
        "--env=LISTEN_FDS=1", "--env=LISTEN_PID=77", "--env=PYINIT_DRAIN=0", "--umask=0000"))
    try:
        container.start().wait_until_booted()
        container.exec("sh", "-c", f"umask 022; mkdir -p /run/t /etc/race-victim/leaf; touch /etc/race-victim/kept;"
                       f"umask 077; echo {CREDENTIAL} >/etc/credential;"
                       "install -m 4755 /usr/bin/grep /usr/local/bin/suid")
        yield container
    finally:
        _finish(request, [container])


def as_nobody(box, *words: str) -> list[str]:
    return box.exec("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words, check=False).stdout.splitlines()


def attack(box, *words: str) -> list[str]:
    return as_nobody(box, "/t/attack.py", *words)


def record(place: Path, name: str) -> dict:
    return ast.literal_eval((place / "out" / name).read_text())


@pytest.fixture(scope="module")
def looks(box, place) -> dict[str, tuple[dict[str, str], dict[str, dict]]]:
    """Round → the sockets that listen, by inode, and name → what was found."""
    found: dict[str, tuple[dict[str, str], dict[str, dict]]] = {}
    names = [f"{name}.service" for name in CASES]
    for turn in ROUNDS:
        box.systemctl("start", "pty.service", *names, check=False)  # nobody takes the name on a bus that is not there
        box.systemctl("reload", "control")
        box.systemctl("stop", "control")
        box.systemctl("restart", "store")
        box.wait_until("all have looked", lambda: all((place / "out" / name).exists() for name in (*CASES, *PHASES)))
        sockets = [line.split() for line in box.exec("cat", "/proc/net/unix").stdout.splitlines()[1:]]
        found[turn] = ({line[6]: line[7] for line in sockets if len(line) > 7},
                       {name: record(place, name) for name in (*CASES, *PHASES)})
        if turn != ROUNDS[-1]:
            box.systemctl("stop", "notify", "store", "inetd.socket", "named.socket", "listening.socket")
            for name in (*CASES, *PHASES):
                (place / "out" / name).unlink()
            box.systemctl("daemon-reexec")
    return found


# --- descriptors and environment ----------------------------------------------------------------------------------------


def kind(target: str, found: dict, listeners: dict[str, str]) -> str:
    stream = found["environment"].get("JOURNAL_STREAM", "").partition(":")[2]
    inode = target.removeprefix("socket:[").removesuffix("]")
    if target == "/dev/null":
        return NULL
    if target == f"socket:[{stream}]":
        return JOURNAL
    if listeners.get(inode, "").startswith("/run/t/"):
        return LISTENER
    return MEMORY if target.startswith("/memfd:") else TERMINAL if target.startswith("/dev/pts/") else target


@pytest.mark.parametrize("turn", ROUNDS)
def test_a_process_has_the_descriptors_that_its_unit_names_and_no_other(looks, turn):
    listeners, found = looks[turn]
    kinds = {name: tuple(kind(each["fds"].get(number, "none"), each, listeners) for number in range(max(each["fds"]) + 1))
             for name, each in found.items()}
    assert kinds == {name: streams for name, (_, _, streams, _) in (CASES | PHASES).items()}


@pytest.mark.parametrize("turn", ROUNDS)
def test_a_process_has_the_variables_that_are_documented_and_no_other(looks, turn):
    _, found = looks[turn]
    assert {name: set(each["environment"]) for name, each in found.items()} == {
        name: USUAL_VARIABLES | more | ({"JOURNAL_STREAM"} if JOURNAL in streams else set())
        for name, (_, _, streams, more) in (CASES | PHASES).items()}
    for each in found.values():
        assert each["environment"].get("NOTIFY_SOCKET") in (None, "/run/systemd/notify") and SECRET not in str(each)


def test_a_generator_has_the_containers_variables_and_nothing_open(box, place):
    """As under systemd 252, which gives them all that PID 1 has."""
    found = record(place, "generator")
    assert sorted(found["fds"]) == [0, 1, 2] and found["fds"][0] == "/dev/null"
    own = box.exec("sh", "-c", "tr '\\0' '\\n' </proc/1/environ").stdout.splitlines()
    own_names = {line.partition("=")[0] for line in own if "=" in line}
    assert {name for name in found["environment"] if not name.startswith("SYSTEMD_")} == own_names - LISTENING | {"LANG"}


# --- privileges ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dropped(box, place) -> dict[str, dict]:
    box.systemctl("start", *[f"{name}.service" for name in PRIVILEGES])
    box.wait_until("all have looked", lambda: all((place / "out" / name).exists() for name in PRIVILEGES))
    return {name: record(place, name) for name in PRIVILEGES}


@pytest.mark.parametrize("name", PRIVILEGES)
def test_what_is_dropped_is_gone_and_cannot_be_had_back(dropped, name):
    _, status, back, suid = PRIVILEGES[name]
    found = dropped[name]
    assert {field: found["status"].get(field, "").strip() for field in status} == status
    assert {word: found["back"][word] for word in back} == back
    assert {field: found["back"]["suid"][field] for field in suid} == suid


# --- the manager, the journal and other units ----------------------------------------------------------------------------

SHOWN = ("MainPID", "ActiveState", "SubState", "StatusText", "StatusErrno", "NFileDescriptorStore", "NotifyAccess", "NRestarts",
         "WatchdogUSec", "ControlPID", "Result", "InvocationID")


@pytest.fixture(scope="module")
def victim(box) -> str:
    """The number of its main process."""
    box.systemctl("start", "victim", "mallory")
    return box.show("victim", "MainPID")


def shown(box) -> str:
    return box.systemctl("show", "-p", ",".join(SHOWN), "victim", "mallory")


def test_a_message_of_a_process_that_is_nobodys_changes_nothing(box, victim):
    before = shown(box)
    answers = attack(box, "notify", victim)
    assert len(answers) > 15 and answers[-3:] == ["EPERM"] * 3, "who is root in name only forges no sender"
    attack(box, "flood", "3000")
    box.exec("/t/attack.py", "notify", victim)  # root's word is no better where the process is nobody's
    assert shown(box) == before
    assert box.exec("ls", "-l", "/proc/1/fd").stdout.count("memfd:kept") >= 1


def test_a_message_of_another_units_process_is_that_units(box, victim):
    before = shown(box)
    done = box.exec("systemd-run", "--wait", "--pipe", "-p", "User=nobody", "-p", "NotifyAccess=all", "/t/attack.py", "notify",
                    victim, check=False).stdout
    assert "EPERM" in done and "sent" in done
    assert shown(box) == before


def test_trusted_fields_of_the_journal_cannot_be_forged(box, victim):
    before = box.exec("journalctl", "-u", "victim", "-o", "export").stdout
    attack(box, "journal", "victim.service")
    box.exec("journalctl", "--sync")
    assert box.exec("journalctl", "-u", "victim", "-o", "export").stdout == before
    text = box.exec("journalctl", "-o", "export", "_UID=65534").stdout
    entries = [dict(line.split("=", 1) for line in entry.splitlines() if "=" in line) for entry in text.split("\n\n")]
    forged = [entry for entry in entries if entry.get("MESSAGE", "").startswith("forged")]
    assert {entry["MESSAGE"] for entry in forged} == {"forged native", "forged syslog", "forged stream"}
    for entry in forged:
        assert entry["_UID"] == "65534" and entry["_PID"] != "1" and "_SYSTEMD_UNIT" not in entry
        assert not any("forged" in value for name, value in entry.items() if name.startswith("_"))


def test_who_has_no_rights_reaches_no_socket_of_roots_and_reads_nothing_of_others(box, victim):
    box.systemctl("start", "secret")
    reached = attack(box, "connect", "/run/systemd/private", "/run/systemd/journal/io.systemd.journal", "/run/t/named")
    assert [line.split()[1] for line in reached] == ["EACCES", "EACCES", "connected"]
    journal = box.exec("sh", "-c", "ls /run/log/journal/*/*").stdout.split()
    assert attack(box, "read", "/proc/1/environ", "/proc/1/fd", f"/proc/{victim}/environ", "/run/credentials/secret.service",
                  "/run/credentials/secret.service/loaded", *journal, "/run/systemd/journal/units") == [
                      "/run/systemd/journal/units"]
    assert as_nobody(box, "journalctl", "-q", "_PID=1") == []


def test_values_of_credentials_reach_their_unit_and_no_log_list_or_file(box, place, victim):
    box.systemctl("start", "secret")
    assert record(place, "secret")["secrets"] == {"loaded": CREDENTIAL + "\n", "set": SET_CREDENTIAL}
    everywhere = "/run /var /tmp /proc/[0-9]*/cmdline /proc/[0-9]*/environ /proc/[0-9]*/comm"
    found = as_nobody(box, "env", "-i", "sh", "-c", f"grep -rls -D skip 'xy[z]zy-of-the' {everywhere}")
    assert found == []
    as_root = box.exec("sh", "-c", "grep -rlsE -D skip 'xyzzy-of-the-(admin|unit)' /run /var /tmp").stdout.split()
    assert {re.sub("/[^/]*$", "", path) for path in as_root} == {"/run/credentials/secret.service"}
    assert "xyzzy" not in box.logs() + box.systemctl("show", "--all", "secret") + box.exec("journalctl", "-q").stdout
    box.systemctl("stop", "secret")
    assert box.exec("ls", "/run/credentials/secret.service", check=False).returncode != 0


# --- files --------------------------------------------------------------------------------------------------------------


@contextmanager
def inside(box, user: str, *words: str) -> Iterator[str]:
    """A process that is no unit's, while it runs: its number, which it says first of all."""
    process = subprocess.Popen([*box.podman, "exec", f"--user={user}", box.id, *words], stdout=subprocess.PIPE, text=True)
    number = process.stdout.readline().strip()
    try:
        yield number
    finally:
        box.exec("sh", "-c", f"kill {number}", check=False)
        process.wait()


def test_a_users_pid_file_makes_nobody_elses_process_its_units(box, victim):
    """It names the manager, another unit's process, and one that is no unit's; or leads to a file of root's that does."""
    with inside(box, "0", "sh", "-c", "echo $$; exec sleep 1000") as foreign:
        words = {"manager": "echo 1 >$P/pid", "another": f"echo {victim} >$P/pid", "foreign": f"echo {foreign} >$P/pid",
                 "file": "ln -s /run/t/roots.pid $P/pid", "directory": "ln -s /run/t/roots $P/d; ln -s d/pid $P/pid"}
        script = f"mkdir -p /run/t/roots; echo {foreign} | tee /run/t/roots.pid >/run/t/roots/pid; cd /run/t;"
        script += "".join(f"echo 'P=$RUNTIME_DIRECTORY; {text}' >pidfile-{name};" for name, text in words.items())
        box.exec("sh", "-c", script)
        units = [f"pidfile@{name}.service" for name in words]
        box.systemctl("start", *units, check=False)
        found = box.systemctl("show", "-p", "ActiveState,MainPID", *units, "victim").split("\n\n")
        assert [set(each.split()) for each in found] == [{"ActiveState=failed", "MainPID=0"}] * 5 + [
            {"ActiveState=active", f"MainPID={victim}"}]
        box.exec("sh", "-c", f"kill -0 {foreign}")


def test_nothing_is_given_away_or_removed_while_a_directory_and_a_link_change_places(box):
    box.systemctl("start", "outer")
    with inside(box, "65534", "/t/attack.py", "swap", "/run/race", "/etc/race-victim"):
        box.systemctl("start", *[f"race@{number}.service" for number in range(30)], check=False)
    owners = box.exec("find", "/etc/race-victim", "-printf", "%P %U:%G %m\\n").stdout.split("\n")
    assert sorted(filter(None, owners)) == [" 0:0 755", "kept 0:0 644", "leaf 0:0 755"]
    box.systemctl("stop", "outer")
    assert box.exec("ls", "/run/race", check=False).returncode != 0


def test_owners_and_modes_of_all_that_is_made(box, looks, victim):
    """Below /run, /var and /tmp, with units of all kinds: nothing is for others to write that need not be."""
    box.systemctl("start", "secret")
    box.exec("journalctl", "--sync")
    box.exec("systemd-run", "--unit=transient", "-p", "DynamicUser=yes", "-p", "StateDirectory=p-state", "sleep", "infinity")
    lines = box.exec("find", "/run", "/var", "/tmp", "-xdev", "-path", "/run/t", "-prune", "-o", "!", "-type", "l",
                     "-printf", "%p %y %m %u:%g\\n", check=False).stdout.splitlines()
    image = build_root(IMAGE)
    rows = [line.split("\t") for line in MODES.read_text().splitlines() if line and line[0] == "/"]
    wrong, used = [], set()
    for line in lines:
        path, *seen = line.split(" ")
        row = next((row for row in rows if row[0].count("/") == path.count("/") and fnmatchcase(path, row[0])), None)
        if row is None and (path.startswith(PACKAGES) or os.path.lexists(f"{image}{path}")):
            continue
        if row is None or row[1:3] != seen[:2] or not fnmatchcase(seen[2], row[3]):
            wrong.append(f"{line}, expected {row}")
        used.add(row[0] if row else "")
    assert not wrong, "\n".join(wrong)
    assert {row[0] for row in rows} - used == set(), "rows of what is not made"


def test_modes_differ_from_systemds_for_a_reason_alone():
    for line in MODES.read_text().splitlines():
        if line.startswith("/"):
            path, kind_, mode, owner, theirs, why = line.split("\t")
            assert why or theirs == f"{kind_} {mode} {owner}", path
            is_open = int(mode, 8) & 0o022 and not int(mode, 8) & 0o1000 and owner != "root:utmp"
            assert not is_open or why, f"{path} is for others to write"
