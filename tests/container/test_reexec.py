"""daemon-reexec in a real container: another manager in the same process, and nobody notices."""

from __future__ import annotations

import subprocess

import pytest
from harness import PLAIN, SERVICES

CONNECT = "import _socket; s = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM); s.connect(('127.0.0.1', {})); {}"
#: Stores a pipe, and tells of what it has got when it is started again.
STORES = r"""
import _socket, os, struct, time
def tell(text, fds=()):
    s = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack(f"={len(fds)}i", *fds))] if fds else []
    s.sendmsg([text], rights, 0, os.environ["NOTIFY_SOCKET"])
names = os.environ.get("LISTEN_FDNAMES", "")
with open("/run/stores.log", "a") as log:
    print("got", names, os.read(3, 9) if names else "", file=log)
reader, writer = os.pipe()
os.write(writer, b"kept")
tell(b"FDSTORE=1\nFDNAME=pipe\nFDPOLL=0", (reader,))  # its writer goes with this process, and a poll would see it
tell(b"READY=1")
time.sleep(1000)
"""
FACTS = ("Id,MainPID,ActiveState,SubState,ActiveEnterTimestampMonotonic,InvocationID,NRestarts,Result,"
         "ExecMainStartTimestampMonotonic")


def put_units(container) -> None:
    put = container.put
    put("/usr/local/stores.py", STORES)
    for name, text in {
        "stores.service": "[Service]\nType=notify\nFileDescriptorStoreMax=2\n"
                          "ExecStart=/usr/bin/python3 -IS /usr/local/stores.py\n",
        "echo.socket": "[Socket]\nListenStream=127.0.0.1:7000\nAccept=yes\n",
        "echo@.service": "[Service]\nExecStart=/bin/echo hello\nStandardOutput=socket\n",
        "single.socket": "[Socket]\nListenStream=127.0.0.1:7001\n",
        "single.service": "[Service]\nExecStart=/bin/sleep 1000\n",
        "secret.service": "[Service]\nDynamicUser=yes\nPrivateTmp=yes\nStateDirectory=secret\nRuntimeDirectory=secret\n"
                          "ExecStart=/bin/sleep 1000\n"
                          "ExecStop=/bin/sh -c 'id -u > /run/secret/uid; cp /run/secret/uid /var/lib/private/secret/'\n",
        "soon.timer": "[Timer]\nOnActiveSec=15\nAccuracySec=100ms\n",
        "soon.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
        "slow.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\n"
                        "ExecStart=/bin/sh -c 'until test -e /run/gate; do sleep 0.1; done'\nExecStart=/bin/sleep 1\n",
        "behind.service": "[Unit]\nAfter=slow.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
        "again.service": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sleep 0.05\nRestart=always\n"
                         "RestartSec=20ms\n",
        "limited.service": "[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=100ms\n",
        "talks.service": "[Service]\nStandardError=null\n"
                         "ExecStart=/bin/sh -c 'while sleep 0.1; do cat /run/word && rm /run/word; done'\n",
        "gone.service": "[Service]\nExecStart=/bin/sleep 1000\nExecStop=/bin/touch /run/gone.stopped\n",
    }.items():
        put(f"/etc/systemd/system/{name}", text)


@pytest.fixture(scope="module")
def machine(request):
    from harness import Container

    container = Container(PLAIN)
    try:
        put_units(container)
        container.start().wait_until_booted()
        yield container
    finally:
        print(container.logs()[-10000:])
        container.remove()


def reexecute(container) -> None:
    done = container.exec("systemctl", "daemon-reexec", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "--deserialize=" in container.exec("cat", "/proc/1/cmdline").stdout


def test_services_timers_and_sockets_go_on(machine):
    units = ("stores.service", "echo.socket", "single.socket", "secret.service")
    machine.systemctl("start", *units, "soon.timer")
    before = machine.systemctl("show", "-p", FACTS, *units)
    elapse = machine.show("soon.timer", "NextElapseUSecMonotonic")
    reexecute(machine)
    assert machine.show("soon.timer", "NextElapseUSecMonotonic") == elapse
    for _ in range(2):
        reexecute(machine)
    assert machine.systemctl("show", "-p", FACTS, *units) == before
    machine.wait_for_state("soon.service", "active")

    assert machine.exec("python3", "-IS", "-c", CONNECT.format(7000, "print(s.recv(99))")).stdout == "b'hello\\n'\n"
    machine.exec("python3", "-IS", "-c", CONNECT.format(7001, "0"))
    machine.wait_for_state("single.service", "active")

    machine.systemctl("restart", "stores.service")
    assert machine.exec("cat", "/run/stores.log").stdout.splitlines() == ["got  ", "got pipe b'kept'"]

    uid = machine.exec("stat", "-c", "%u", f"/proc/{machine.main_pid('secret.service')}").stdout
    shared = machine.exec("sh", "-c", "echo /tmp/systemd-private-*-secret.service-*").stdout
    assert "*" not in shared
    machine.systemctl("stop", "secret.service")
    assert machine.exec("cat", "/var/lib/private/secret/uid").stdout == uid
    assert "*" in machine.exec("sh", "-c", "echo /tmp/systemd-private-*-secret.service-*").stdout
    assert machine.exec("test", "-e", "/run/secret", check=False).returncode == 1


def test_jobs_and_who_waits_for_them_go_on(machine):
    waiting = subprocess.Popen(machine._enter() + ["systemctl", "start", "slow.service", "behind.service"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    machine.wait_for_state("slow.service", "activating")
    jobs = machine.systemctl("list-jobs", "--no-legend")
    assert "slow.service" in jobs and "behind.service" in jobs
    reexecute(machine)
    assert machine.systemctl("list-jobs", "--no-legend") == jobs
    machine.exec("touch", "/run/gate")
    assert waiting.communicate(timeout=30)[0] == "" and waiting.returncode == 0
    assert machine.show("slow.service", "ActiveState") == machine.show("behind.service", "ActiveState") == "active"


def test_what_happens_meanwhile_is_heard_afterwards(machine):
    """A service that dies and comes back all the time, while the manager is replaced all the time."""
    machine.systemctl("start", "again.service")
    for _ in range(20):
        reexecute(machine)
    restarts = int(machine.show("again.service", "NRestarts"))
    machine.wait_until("it goes on", lambda: int(machine.show("again.service", "NRestarts")) > restarts + 5)
    assert restarts > 5
    machine.systemctl("stop", "again.service")
    assert machine.show("again.service", "Result") == "success" and machine.zombies() == []


def test_start_limits_are_not_forgotten(machine):
    machine.systemctl("start", "limited.service", check=False)
    for _ in range(3):
        reexecute(machine)
    machine.wait_for_state("limited.service", "failed")
    assert machine.show("limited.service", "Result") == "exit-code" and machine.show("limited.service", "NRestarts") == "5"


def test_a_unit_whose_file_is_gone_keeps_its_settings(machine):
    machine.systemctl("start", "gone.service")
    machine.exec("rm", "/etc/systemd/system/gone.service")
    reexecute(machine)
    reexecute(machine)
    assert machine.show("gone.service", "LoadState") == "not-found" and machine.show("gone.service", "SubState") == "running"
    machine.systemctl("stop", "gone.service")
    assert machine.exec("test", "-e", "/run/gone.stopped", check=False).returncode == 0


def test_a_journal_killed_under_another_manager_costs_no_stream(machine):
    def say(word: str) -> None:
        machine.exec("sh", "-c", f"echo 'heard {word}' > /run/new; mv /run/new /run/word")
        machine.wait_until(f"{word} is in the journal", lambda: f"heard {word}\n" in machine.exec(
            "journalctl", "-o", "cat", "-u", "talks.service", check=False).stdout)

    def journal() -> str:
        return machine.exec("pgrep", "-f", "initd/journal/__main__.py", check=False).stdout.strip()

    machine.systemctl("start", "talks.service")
    say("first")
    pid = machine.main_pid("talks.service")
    reexecute(machine)
    killed = journal()
    machine.exec("kill", "-KILL", killed)
    say("second")
    assert journal() != killed and machine.main_pid("talks.service") == pid
    machine.exec("kill", "-KILL", journal())  # its streams were told by the journal before it, and that by the one before
    reexecute(machine)
    say("third")
    machine.systemctl("stop", "talks.service")


def test_no_descriptor_is_lost_or_left(machine):
    def count() -> int:
        return len(machine.exec("ls", "/proc/1/fd").stdout.split())

    reexecute(machine)
    before = count()
    for _ in range(5):
        reexecute(machine)
    assert count() == before


def test_a_manager_that_cannot_begin_is_not_begun(boot):
    container = boot(SERVICES)
    container.wait_until_booted()
    nginx = container.main_pid("nginx.service")
    container.exec("sh", "-c", "echo 'this is no Python' >> /usr/lib/pyinit/initd/manager.py")
    done = container.exec("systemctl", "daemon-reexec", check=False)
    assert done.returncode == 1 and "going on with this one: its trial exited, status=1" in done.stderr
    assert container.main_pid("nginx.service") == nginx and "200" in container.on_its_network(
        "curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "http://127.0.0.1/").stdout


def test_the_foreground_command_and_the_stop_after_it(boot):
    container = boot(SERVICES, "/sbin/pyinit", "--", "/bin/sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done")
    container.wait_until_booted()
    for _ in range(2):
        reexecute(container)
    container.exec("kill", "-s", "TERM", "1")
    assert container.wait() == 7
