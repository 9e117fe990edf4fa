"""Sockets in a real container: Debian's dbus and ssh, and some of our own."""

from __future__ import annotations

from images import Image

WITH_SOCKETS = Image(("dbus", "openssh-server", "python3-minimal"))
CONNECT = "import _socket, sys; s = _socket.socket(_socket.{}, _socket.SOCK_STREAM); s.connect({!r}); {}; print(s.recv(100))"


def put_units(container) -> None:
    put = container.put
    put("/etc/systemd/system/echo.socket", "[Socket]\nListenStream=127.0.0.1:7000\nAccept=yes\nMaxConnections=2\n")
    put("/etc/systemd/system/echo@.service", "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n")
    put("/etc/systemd/system/once.socket",
        "[Socket]\nListenStream=/run/once/sock\nListenFIFO=/run/once/fifo\nSocketMode=0600\nSocketUser=nobody\n"
        "RemoveOnStop=yes\nSymlinks=\n")
    put("/etc/systemd/system/once.service",
        "[Service]\nExecStart=/bin/sh -c 'echo $LISTEN_FDS $LISTEN_FDNAMES > /run/once.env; "
        "test $LISTEN_PID = $$$$ && echo mine >> /run/once.env; exec sleep infinity'\n")
    put("/etc/systemd/system/front.socket", "[Socket]\nListenStream=127.0.0.1:7001\n")
    put("/etc/systemd/system/front.service",
        "[Unit]\nRequires=back.service\nAfter=back.service\n"
        "[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd --exit-idle-time=200ms /run/back\n")
    put("/etc/systemd/system/back.service",
        "[Unit]\nStopWhenUnneeded=yes\n[Service]\nType=notify\nNotifyAccess=all\nExecStart=python3 -c '"
        "import _socket as s, os; l = s.socket(s.AF_UNIX); os.path.exists(\"/run/back\") and os.unlink(\"/run/back\"); "
        "l.bind(\"/run/back\"); l.listen(); os.system(\"systemd-notify --ready\"); "
        "c = s.socket(fileno=l._accept()[0]); c.send(b\"from behind \" + c.recv(100))'\n")
    put("/etc/systemd/system/crash.socket", "[Socket]\nListenFIFO=/run/crash\nTriggerLimitBurst=3\n")
    put("/etc/systemd/system/crash.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n")


def test_a_service_without_sockets_is_started_and_stopped_by_who_connects(boot):
    container = boot(WITH_SOCKETS, before=put_units)
    container.wait_until_booted()
    container.systemctl("start", "front.socket")
    assert container.show("back.service", "ActiveState") == "inactive"
    talk = CONNECT.format("AF_INET", ("127.0.0.1", 7001), "s.send(b'hello')")
    said = container.exec("python3", "-c", talk, timeout=30).stdout
    assert said == "b'from behind hello'\n"
    for unit in ("front.service", "back.service"):
        container.wait_for_state(unit, "inactive")
    assert container.show("front.socket", "SubState") == "listening"


def test_sockets_that_were_passed_to_pyinit_are_those_of_its_units(boot):
    """As podman does it under a .socket of the machine's: a connection made before the container ran is answered."""
    program = (
        "import _socket as s, os; l = s.socket(s.AF_INET); l.bind(('127.0.0.1', 7000)); l.listen(); "
        "c = s.socket(s.AF_INET); c.connect(('127.0.0.1', 7000)); c.send(b'early'); "
        "l.fileno() != 3 and os.dup2(l.fileno(), 3); os.set_inheritable(3, True); os.set_inheritable(c.fileno(), False); "
        "os.fork() and os.execve('/sbin/pyinit', ['pyinit', 'systemd.wants=echo.socket'], "
        "dict(os.environ, LISTEN_FDS='1', LISTEN_PID='1', LISTEN_FDNAMES='web')); "
        "open('/answer', 'wb').write(c.recv(100))")
    container = boot(WITH_SOCKETS, "python3", "-c", program, before=put_units)
    container.wait_until_booted()
    container.wait_until("the first is answered",
                         lambda: container.exec("cat", "/answer", check=False).stdout == "early")
    assert "No unit listens" not in container.logs()


def test_dbus_is_reached_through_its_socket(boot):
    container = boot(WITH_SOCKETS)
    assert container.wait_until_booted() == "running"
    assert container.show("dbus.socket", "SubState") == "running"  # the service is wanted at boot
    names = container.exec("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
                           "org.freedesktop.DBus.ListNames").stdout
    assert "org.freedesktop.DBus" in names
    assert container.show("dbus.service", "ActiveState") == "active"


def test_connections_and_services(boot):
    container = boot(WITH_SOCKETS, before=put_units)
    container.wait_until_booted()

    def talk(family: str, address: object, say: str) -> str:
        return container.exec("python3", "-c", CONNECT.format(family, address, say), timeout=20).stdout

    container.systemctl("start", "echo.socket", "once.socket")
    assert talk("AF_INET", ("127.0.0.1", 7000), "s.send(b'hello')") == "b'hello'\n"
    assert talk("AF_INET", ("127.0.0.1", 7000), "s.send(b'again')") == "b'again'\n"
    assert container.show("echo.socket", "NAccepted") == "2"
    container.wait_until("the connections are over", lambda: container.show("echo.socket", "NConnections") == "0")
    assert "listening" == container.show("echo.socket", "SubState")

    found = container.exec("stat", "-c", "%a %U %F", "/run/once/sock").stdout.split(" ", 2)
    assert found == ["600", "nobody", "socket\n"]
    container.exec("sh", "-c", "echo x > /run/once/fifo")
    container.wait_for_state("once.service", "active")
    container.wait_until("it has told", lambda: "mine" in container.exec("cat", "/run/once.env", check=False).stdout)
    assert container.exec("cat", "/run/once.env").stdout == "2 once.socket:once.socket\nmine\n"
    assert container.show("once.socket", "SubState") == "running"
    container.systemctl("stop", "once.service", "once.socket")
    assert container.exec("test", "-e", "/run/once/sock", check=False).returncode == 1

    container.systemctl("start", "crash.socket")
    container.exec("sh", "-c", "echo x > /run/crash")
    container.wait_for_state("crash.socket", "failed")
    assert container.show("crash.socket", "Result") == "trigger-limit-hit"
    refused = container.exec("systemctl", "start", "once.service", "once.socket", check=False)
    assert refused.returncode in (0, 1)


def test_ssh_comes_when_it_is_called(boot):
    container = boot(WITH_SOCKETS)
    container.wait_until_booted()
    container.systemctl("stop", "ssh.service")
    container.systemctl("start", "ssh.socket")
    assert container.exec("python3", "-c", CONNECT.format("AF_INET", ("127.0.0.1", 22), "0")).stdout.startswith("b'SSH-2.0")
    container.wait_for_state("ssh.service", "active")
    container.systemctl("stop", "ssh.service")
    container.wait_until("it listens again", lambda: container.show("ssh.socket", "SubState") == "listening")
    assert container.exec("python3", "-c", CONNECT.format("AF_INET", ("127.0.0.1", 22), "0")).stdout.startswith("b'SSH-2.0")
