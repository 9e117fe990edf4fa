"""Tools that manage services and do not know that we exist: Ansible's own modules, run inside the container."""

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
