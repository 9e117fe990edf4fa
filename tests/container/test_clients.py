"""Tools that manage and watch services and do not know that we exist, run inside the container: Ansible's own modules,
python3-dbus, and a monitoring agent that is built on go-systemd.
"""

from __future__ import annotations

import fcntl
import json
import re
import subprocess
import sys

import pytest
from harness import Container
from images import CACHE, Image

ANSIBLE = "ansible-core >= 2.15, < 3"
IMAGE = Image(("nginx", "procps", "python3"))


BUS_IMAGE = Image(("dbus", "nginx", "procps", "prometheus-node-exporter", "python3-dbus", "python3-gi"))
#: Lists units, follows the changes of one, and restarts it in between.
FOLLOWER = """
import dbus, dbus.mainloop.glib
from gi.repository import GLib
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SystemBus()
manager = dbus.Interface(bus.get_object("org.freedesktop.systemd1", "/org/freedesktop/systemd1"),
                         "org.freedesktop.systemd1.Manager")
units = {unit[0]: unit for unit in manager.ListUnits()}
print("listed", units["nginx.service"][3], units["nginx.service"][4])
path = manager.GetUnit("nginx.service")
properties = dbus.Interface(bus.get_object("org.freedesktop.systemd1", path), "org.freedesktop.DBus.Properties")
print("before", properties.Get("org.freedesktop.systemd1.Unit", "ActiveState"))
loop = GLib.MainLoop()
states, jobs = [], []
def changed(interface, values, invalidated):
    if "ActiveState" in values:
        states.append(str(values["ActiveState"]))
def removed(number, job, unit, result):
    jobs.append((str(unit), str(result)))
    GLib.timeout_add(200, loop.quit)
manager.Subscribe()
bus.add_signal_receiver(changed, "PropertiesChanged", "org.freedesktop.DBus.Properties", path=path)
manager.connect_to_signal("JobRemoved", removed)
manager.RestartUnit("nginx.service", "replace")
GLib.timeout_add(30000, loop.quit)
loop.run()
print("states", *states)
print("jobs", *jobs)
print("pid", int(properties.Get("org.freedesktop.systemd1.Service", "MainPID")))
"""


@pytest.fixture(scope="module")
def on_bus(request):
    """A container with a system bus."""
    container = Container(BUS_IMAGE)
    container.put("/etc/default/prometheus-node-exporter", 'ARGS="--collector.disable-defaults --collector.systemd"\n')
    container.put("/root/follower.py", FOLLOWER)
    try:
        container.start().wait_until_booted()
        yield container
    finally:
        print(container.logs()[-5000:])
        container.remove()


@pytest.fixture(scope="module")
def ansible(request):
    """ansible(module, arguments) → what the module answered, in a container that pyinit has booted."""
    place = CACHE / "ansible"
    place.mkdir(parents=True, exist_ok=True)
    with (CACHE / "ansible.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "ansible").is_dir():
            subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                            "--target", str(place), ANSIBLE], check=True)
    container = Container(IMAGE, options=(f"--volume={place}:/opt/ansible:ro",))

    def run(module: str, arguments: str = "") -> dict:
        done = container.exec("env", "PYTHONPATH=/opt/ansible", "HOME=/root", "LANG=C.UTF-8", "python3", "-m", "ansible",
                              "adhoc", "localhost", "-c", "local", "-m", module, "-a", arguments, check=False, timeout=120)
        found = re.search(r"^localhost \| (\w+)!? => (\{.*)", done.stdout, re.S | re.M)
        assert found, done.stdout + done.stderr
        return json.loads(found[2]) | {"word": found[1]}

    try:
        container.start().wait_until_booted()
        run.container = container
        yield run
    finally:
        print(container.logs()[-5000:])
        container.remove()


def test_ansible_takes_us_for_systemd(ansible):
    facts = ansible("ansible.builtin.setup", "filter=ansible_service_mgr")
    assert facts["ansible_facts"]["ansible_service_mgr"] == "systemd"


def test_the_systemd_module_manages_nginx(ansible):
    container, module = ansible.container, "ansible.builtin.systemd_service"
    assert ansible(module, "name=nginx state=stopped")["changed"]
    assert container.show("nginx.service", "ActiveState") == "inactive"
    assert not ansible(module, "name=nginx state=stopped")["changed"]
    started = ansible(module, "name=nginx state=started enabled=true daemon_reload=true")
    assert started["changed"] and "nginx" in container.fetch()
    pid = container.main_pid("nginx.service")
    assert ansible(module, "name=nginx state=reloaded")["changed"] and container.main_pid("nginx.service") == pid
    assert ansible(module, "name=nginx state=restarted")["changed"] and container.main_pid("nginx.service") != pid
    assert ansible(module, "name=nginx enabled=false masked=true")["changed"]
    assert container.systemctl("is-enabled", "nginx", check=False) == "masked\n"
    assert ansible(module, "name=nginx enabled=true masked=false")["changed"]
    assert container.systemctl("is-enabled", "nginx") == "enabled\n"
    pid = container.main_pid("nginx.service")
    assert ansible(module, "daemon_reexec=true")["word"] != "FAILED" and container.main_pid("nginx.service") == pid
    assert "Could not find the requested service nosuch" in ansible(module, "name=nosuch state=started")["msg"]


def test_the_service_module_manages_nginx(ansible):
    container, module = ansible.container, "ansible.builtin.service"
    stopped = ansible(module, "name=nginx state=stopped")
    assert stopped["changed"] and stopped["status"]["Id"] == "nginx.service"  # systemd's own properties
    assert ansible(module, "name=nginx state=started enabled=true")["changed"] and "nginx" in container.fetch()
    services = ansible("ansible.builtin.service_facts")["ansible_facts"]["services"]
    assert services["nginx.service"] == {
        "name": "nginx.service", "source": "systemd", "state": "running", "status": "enabled"}


def test_a_client_of_python3_dbus_follows_a_restart(on_bus):
    lines = dict(line.split(" ", 1) for line in on_bus.exec("python3", "/root/follower.py").stdout.splitlines())
    assert lines["listed"] == "active running" and lines["before"] == "active"
    states = lines["states"].split()
    assert states[-1] == "active" and {"deactivating", "inactive", "activating"} & set(states)
    assert lines["jobs"] == "('nginx.service', 'done')"
    assert int(lines["pid"]) == on_bus.main_pid("nginx.service")


def test_an_agent_built_on_go_systemd_sees_our_units(on_bus):
    on_bus.wait_for_state("prometheus-node-exporter.service", "active")

    def metrics() -> str:
        return on_bus.on_its_network("curl", "--silent", "http://127.0.0.1:9100/metrics").stdout

    on_bus.wait_until("it answers", lambda: "node_systemd_units" in metrics())
    assert 'node_systemd_unit_state{name="nginx.service",state="active",type="forking"} 1' in metrics()
    on_bus.systemctl("stop", "nginx.service")
    assert 'node_systemd_unit_state{name="nginx.service",state="inactive",type="forking"} 1' in metrics()
    assert "node_systemd_system_running 1" in metrics()
