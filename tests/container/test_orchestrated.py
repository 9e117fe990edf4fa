"""What Kubernetes and Compose count on: secrets, variables that one unit publishes, a drain before the stop, and the reason of
the end in a file."""

from __future__ import annotations

import pytest
from harness import Container, Image

pytestmark = pytest.mark.container

SHOW = "[Service]\nType=oneshot\nRemainAfterExit=yes\n"
UNITS = {
    "web": "[Service]\nExecStart=/bin/sleep 1000\n",
    # What a runtime mounts is found by its name; what it has not falls back.
    "secret": SHOW + "LoadCredential=password\nLoadCredential=absent\nSetCredential=absent:fallback\n"
              "SetCredential=password:wrong\nImportCredential=api.*\n"
              "ExecStart=/bin/sh -c 'cd $CREDENTIALS_DIRECTORY && grep -r . * | sort'\n",
    # The two ways for a oneshot to publish variables.
    "publish": SHOW + "ExecStart=/bin/sh -c 'systemctl set-environment ADDRESS=10.0.0.1; echo PORT=8080 > /run/app.env'\n",
    "reader": "[Unit]\nRequires=publish.service\nAfter=publish.service\n" + SHOW + "EnvironmentFile=/run/app.env\n"
              "ExecStart=/bin/sh -c 'echo $ADDRESS:$PORT'\n",
    "fail": SHOW + "ExecStart=/bin/sh -c 'echo cannot reach the database; exit 3'\n",
}


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    shared = tmp_path_factory.mktemp("shared")
    (shared / "secrets").mkdir()
    for name, text in (("password", "hunter2"), ("api.key", "k"), ("other", "not asked for")):
        (shared / "secrets" / name).write_text(text)
    container = Container(Image(), "/sbin/pyinit", options=(
        "--env=PYINIT_DRAIN=5min", "--env=PYINIT_TERMINATION_MESSAGE=/shared/message", f"--volume={shared}:/shared",
        f"--volume={shared}/secrets:/run/secrets:ro"))
    container.shared = shared
    for name, text in UNITS.items():
        container.put(f"/etc/systemd/system/{name}.service", text)
    try:
        container.start().wait_until_booted()
        yield container
    finally:
        container.remove()


def lines(box, unit: str) -> list[str]:
    return box.exec("journalctl", "-o", "cat", "-t", "sh", "-u", unit).stdout.splitlines()


def health(box, *words: str) -> tuple[int, str]:
    answer = box.exec("/sbin/pyinit", "health", *words, check=False)
    return answer.returncode, answer.stdout.strip()


def test_secrets_of_the_container_are_credentials_by_name(box):
    box.systemctl("start", "secret")
    assert lines(box, "secret") == ["absent:fallback", "api.key:k", "password:hunter2"]


def test_a_oneshot_publishes_variables_for_those_ordered_after_it(box):
    box.systemctl("start", "reader")
    assert lines(box, "reader") == ["10.0.0.1:8080"]


def test_a_drain_says_not_ready_and_the_end_says_why(box):
    box.systemctl("start", "web")
    assert health(box, "web") == (0, "ready: web.service")
    box.systemctl("start", "fail", check=False)
    box.signal("TERM")
    box.wait_until("it drains", lambda: health(box) == (1, "draining"))
    assert health(box, "web") == (1, "not ready: draining")
    assert health(box, "--live") == (0, "alive")
    assert box.systemctl("is-active", "web") == "active\n"
    assert box.systemctl("is-system-running", check=False) == "stopping\n"
    box.systemctl("restart", "web")
    box.systemctl("daemon-reexec")
    box.wait_until("another manager drains on", lambda: health(box) == (1, "draining"))
    box.signal("TERM")
    assert box.wait(20) == 0
    text = (box.shared / "message").read_text().splitlines()
    assert text[:2] == ["Ended with 0: SIGTERM.", "fail.service failed: exit-code (code=exited, status=3)"]
    assert "  cannot reach the database" in text and len(text) < 10
