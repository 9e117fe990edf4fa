"""tests/images: each folder is built as its reader would build it, run, asked for what it serves, and stopped.

`make images` runs all of it, `make test` what is not marked "images".
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from harness import PODMAN, Container, wait_until
from images import LIMITS, LIVE, TREE, Image, apt_base, build, build_deb, run

sys.path.insert(0, str(TREE / "debian/single"))

from build import build as build_single

FOLDERS = TREE / "tests/images"
#: As clusters start a container of which they expect no good.
STRICT = ("--read-only", "--tmpfs=/run:U", "--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges")
#: Where these tests' images are, for as long as they run.
PLACE = f"localhost/pyinit-images-{os.getpid()}"


class Builder:
    """Builds what is asked for, once; the base of the others first."""

    def __init__(self) -> None:
        self._done: dict[str, str] = {}

    def debian(self) -> str:
        return self._once("debian", lambda name: apt_base(name))

    def base(self) -> str:
        return self._once("base", self._build_base)

    def image(self, folder: str) -> str:
        return self._once(folder, lambda name: build(FOLDERS / folder, name, self.base()))

    def multi_stage(self, directory: Path) -> str:
        build_single(build_deb(), directory)
        return self._once("multi-stage", lambda name: build(
            FOLDERS / "multi-stage", name, self.debian(), (directory / "pyinit.pyz", directory / "pyinit-exec")))

    def _build_base(self, name: str) -> str:
        build(FOLDERS / "base", name, self.debian(), (build_deb(),))
        if LIVE:
            text = f"FROM {name}\nCOPY . /usr/lib/pyinit/initd/\n"
            run([*PODMAN, "build", "--layers=false", f"--tag={name}", "--file=-", str(TREE / "initd")], input=text)
        return name

    def _once(self, name: str, make) -> str:
        if name not in self._done:
            self._done[name] = make(f"{PLACE}:{name}")
        return self._done[name]

    def remove(self) -> None:
        for name in reversed(self._done.values()):
            subprocess.run([*PODMAN, "rmi", name], capture_output=True, check=False)


@pytest.fixture(scope="module")
def builder():
    made = Builder()
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture
def settled(tmp_path, monkeypatch):
    """podman as others than our harness call it: the machine's limits come from its configuration."""
    limits = ", ".join(f'"{each.removeprefix("--ulimit=")}"' for each in LIMITS)
    path = tmp_path / "containers.conf"
    path.write_text(f'[containers]\ndefault_ulimits = [{limits}]\n[engine]\nruntime = "runc"\n')
    monkeypatch.setenv("CONTAINERS_CONF", str(path))
    return tmp_path


def start(boot, name: str, options: tuple[str, ...] = (), *command: str) -> Container:
    return boot(Image(with_pyinit=False), *command, name=name, options=options)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(port: int, path: str = "/") -> str:
    return subprocess.run(["curl", "--silent", "--max-time", "5", f"http://127.0.0.1:{port}{path}"], capture_output=True,
                          text=True, check=False).stdout


def stop(container: Container) -> None:
    container.stop()
    assert container.wait() == 0


def test_nginx_and_ssh_answer_and_each_container_has_its_own_keys(boot, builder):
    name = builder.image("nginx-ssh")
    assert run([*PODMAN, "image", "inspect", "--format", "{{.Config.Cmd}}", name]).stdout == "[/sbin/pyinit]\n"
    keys = set()
    for _ in range(2):
        container = start(boot, name)
        assert container.wait_until_booted() == "running"
        assert "Welcome to nginx!" in container.fetch()
        keys.add(container.on_its_network("ssh-keyscan", "-t", "ed25519", "127.0.0.1").stdout)
        stop(container)
    assert len(keys) == 2 and all("ssh-ed25519 " in key for key in keys)


LEFT = """
    runuser -u postgres -- /usr/lib/postgresql/15/bin/pg_controldata /var/lib/postgresql/15/main | grep 'cluster state'
    ls -A /run/postgresql /run/systemd /run/log /run/nginx.pid /tmp/systemd-private* 2>/dev/null | grep -v ':$'
    tail -n1 /var/lib/postgresql/15/main/postmaster.pid 2>/dev/null
    systemctl is-system-running
    cat /etc/machine-id 2> /dev/null || echo no id
"""


def test_the_database_made_by_a_build_step_is_the_applications(boot, builder):
    name = builder.image("postgres-app")
    image = start(boot, name, (), "sh", "-c", LEFT)
    image.wait()
    # What is in the image: a database at rest, and nothing that would say that something runs.
    assert image.logs().splitlines() == ["Database cluster state:               shut down", "offline", "no id"]
    container = start(boot, name)
    assert container.wait_until_booted() == "running"
    assert [container.fetch(), container.fetch()] == ["visit 2\n", "visit 3\n"]  # the first was the build's
    assert container.systemctl("is-active", "postgresql@15-main", "app", "nginx").split() == ["active"] * 3
    stop(container)


@pytest.mark.parametrize("options", [(), STRICT], ids=["as it is", "and nothing allowed"])
def test_who_is_not_root_serves_as_well(boot, builder, options):
    container = start(boot, builder.image("non-root"), options)
    container.wait_until("nginx answers", lambda: "Welcome" in container.fetch("http://127.0.0.1:8080/"))
    assert container.wait_until_booted() == "running"
    assert {each["Uid"] for each in container.processes()} == {"1000"}
    container.wait_until("its line is there", lambda: '"GET / HTTP/1.1" 200' in container.logs())
    stop(container)


@pytest.mark.images
def test_two_files_and_what_another_stage_has_built(boot, builder, tmp_path):
    container = start(boot, builder.multi_stage(tmp_path))
    assert container.wait_until_booted() == "running"
    script = "exec 3<>/dev/tcp/127.0.0.1/7000; echo World >&3; cat <&3"
    assert container.on_its_network("bash", "-c", script).stdout == "Hello World\n"
    assert container.exec("dpkg-query", "-W", "gcc", "pyinit", check=False).stdout == ""
    stop(container)


def test_a_pod_as_kubernetes_starts_it(builder, settled):
    port, pod = free_port(), f"pyinit-test-{os.getpid()}"
    text = adapted(FOLDERS / "kubernetes/pod.yaml", {
        "localhost/non-root": builder.image("non-root"), "name: web\n": f"name: {pod}\n", "name: web-": f"name: {pod}-",
        "containerPort: 8080": f"containerPort: 8080\n          hostPort: {port}",
    })  # fmt: skip
    manifest = settled / "pod.yaml"
    manifest.write_text(text)
    probes = re.findall(r"(\w+)Probe:\n\s+exec:\n\s+command: (\[.*\])", text)
    assert [kind for kind, _ in probes] == ["startup", "readiness", "liveness"]
    name = f"{pod}-{pod}"
    try:
        run([*PODMAN, "play", "kube", str(manifest)])
        for kind, command in probes:
            probe = [*PODMAN, "exec", name, *json.loads(command)]
            wait_until(f"the {kind} probe says yes", lambda: subprocess.run(probe, capture_output=True).returncode == 0)  # noqa: B023
        assert "Welcome to nginx!" in fetch(port)
        wait_until("its line is collected", lambda: any(
            '"GET / HTTP/1.1" 200' in json.loads(line)["MESSAGE"] for line in logs(name).splitlines()))
        run([*PODMAN, "pod", "stop", pod])
        assert run([*PODMAN, "inspect", "--format", "{{.State.ExitCode}}", name]).stdout == "0\n"
    finally:
        print(logs(name))
        subprocess.run([*PODMAN, "play", "kube", "--down", str(manifest)], capture_output=True, check=False)


def adapted(path: Path, changes: dict[str, str]) -> str:
    """A file, with the names of its images and the ports that it is to have here."""
    text = path.read_text()
    for theirs, ours in changes.items():
        assert theirs in text
        text = text.replace(theirs, ours)
    return text


def logs(name: str) -> str:
    done = subprocess.run([*PODMAN, "logs", name], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.images
def test_a_project_of_compose_keeps_its_database(builder, settled):
    program = shutil.which("podman-compose", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert program, "podman-compose is not installed"
    ports = free_port(), free_port()
    text = adapted(FOLDERS / "compose/compose.yaml", {
        "image: postgres-app": f"image: {builder.image('postgres-app')}", "8080:80": f"{ports[0]}:80",
        "image: non-root": f"image: {builder.image('non-root')}", "8081:8080": f"{ports[1]}:8080",
    })  # fmt: skip
    project = settled / f"pyinit-test-{os.getpid()}"
    project.mkdir()
    (project / "compose.yaml").write_text(text)

    def compose(*words: str) -> None:
        run([program, *words], cwd=project)

    try:
        compose("up", "--detach", "--no-build")
        wait_until("the application answers", lambda: fetch(ports[0]) == "visit 2\n")
        assert "Welcome to nginx!" in wait_until("nginx answers", lambda: fetch(ports[1]))
        assert run([*PODMAN, "inspect", "--format", "{{.HostConfig.ReadonlyRootfs}} {{.Config.Healthcheck.Test}}",
                    f"{project.name}_web_1"]).stdout == "true [CMD /sbin/pyinit health web.service]\n"
        compose("down")
        compose("up", "--detach", "--no-build", "app")
        assert re.fullmatch("visit [0-9]+\n", wait_until("the application answers", lambda: fetch(ports[0])))
        # Two machines, as each container has an id of its own, and one journal of both.
        asked = [*PODMAN, "exec", f"{project.name}_app_1", "journalctl", "--merge", "--unit=app", "--output=cat"]
        assert run(asked).stdout.count("Started app.service") == 2
    finally:
        subprocess.run([program, "down", "--volumes"], cwd=project, capture_output=True, check=False)
