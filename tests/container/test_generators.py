"""Generators in a container: what they are told, what becomes of what they make, and that nobody waits for one that hangs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from harness import PLAIN, Container
from images import Image

from tests.conformance.generators.session import ANSWERS, PYINIT, STEPS, WORDS, WORDS_STEPS, play, prepare

RECORDED = json.loads(ANSWERS.read_text())
_GENERATORS = "/usr/lib/systemd/system-generators"
#: It says something new and waits where it is told to.
_SLOW = """#!/bin/sh
printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\n' > $1/made.service
test -e /run/new || exit 0
ln -s "$1/made.service" "$1/also.service"
touch /run/began
while test -e /run/hold; do sleep 0.02; done
"""


@pytest.fixture
def booted():
    """Containers that were made by calling it, booted, and removed in the end."""
    made = []

    def boot(container, is_awaited=True):
        made.append(container)
        container.start()
        if is_awaited:
            container.wait_until_booted()
        return container

    yield boot
    for container in made:
        print(container.logs()[-6000:])
        container.remove()


def test_session_is_as_recorded(booted):
    assert play(booted(prepare(PYINIT, "/sbin/pyinit")), STEPS) == RECORDED["generators"]


def test_words_of_the_command_line_are_as_recorded(booted):
    assert play(booted(prepare(PYINIT, "/sbin/pyinit", *WORDS)), WORDS_STEPS) == RECORDED["words"]


def test_words_may_come_by_a_variable_and_built_in_generators_can_be_masked(booted):
    options = ("--env=PYINIT_CMDLINE=systemd.setenv=A='b c' systemd.mask=cron.service systemd.unit=multi-user.target",)
    container = Container(PLAIN, options=options).put("/etc/rc.local", "#!/bin/sh\ntouch /run/local-$1\n", 0o755)
    container.put("/etc/init.d/old", "#!/bin/sh\n", 0o755)
    booted(container)
    assert "A=$'b c'" in container.systemctl("show-environment")
    assert container.systemctl("is-active", "graphical.target", "rc-local", check=False).split() == ["inactive", "active"]
    container.exec("test", "-e", "/run/local-start")
    states = ("systemctl", "show", "--property=LoadState", "--value", "cron", "old")
    assert container.exec(*states).stdout.split() == ["masked", "loaded"]
    container.exec("sh", "-c", "mkdir /etc/systemd/system-generators; cd /etc/systemd/system-generators; "
                   "ln -s /dev/null systemd-debug-generator; ln -s /dev/null systemd-sysv-generator; systemctl daemon-reload")
    assert container.exec(*states).stdout.split() == ["not-found", "not-found"]


def test_nobody_waits_for_a_generator_that_hangs(booted):
    container = booted(Container(PLAIN))
    container.exec("mkdir", "-p", _GENERATORS)
    container.exec("sh", "-c", f"cat > {_GENERATORS}/slow; chmod 755 {_GENERATORS}/slow; systemctl daemon-reload", text=_SLOW)
    container.systemctl("start", "made")
    container.exec("sh", "-c", "touch /run/hold /run/new; systemctl daemon-reload > /run/out 2>&1 & "
                   "systemctl daemon-reexec > /run/out 2>&1 & "
                   "while ! test -e /run/began; do sleep 0.02; done")
    # What is in force stays in force, and what is asked is answered.
    assert container.systemctl("show", "--property=LoadState,ActiveState", "--value", "made").split() == ["loaded", "active"]
    assert container.systemctl("show", "--property=LoadState", "--value", "also").strip() == "not-found"
    container.systemctl("restart", "made")
    container.exec("rm", "/run/hold")
    container.wait_until("the link is in force", lambda: container.show("also", "Id") == "made.service")
    made = "/run/systemd/generator/made.service"
    assert container.exec("readlink", "/run/systemd/generator/also.service").stdout.strip() == made
    container.wait_until("another manager has taken over", lambda: "Reexecuting." in container.logs())
    assert container.show("made", "ActiveState") == "active"


def test_the_end_of_a_boot_is_heard_while_generators_run(booted):
    script = (f"mkdir -p {_GENERATORS}; cd {_GENERATORS}; printf '#!/bin/sh\\ntouch /run/began; exec sleep 1000\\n' > endless; "
              "chmod 755 endless; exec /sbin/pyinit")
    container = booted(Container(PLAIN, "sh", "-c", script), is_awaited=False)
    container.wait_until("it has begun", lambda: container.exec("test", "-e", "/run/began", check=False).returncode == 0)
    assert container.exec("test", "-e", "/run/systemd/system", check=False).returncode == 1
    assert container.stop() < 5
    assert container.wait() == 0


def test_postgresql_is_started_by_its_own_generator(booted):
    container = booted(Container(Image(("postgresql",))))
    assert container.wait_for_state("postgresql@15-main", "active") == "active"
    assert container.exec("readlink", "/run/systemd/generator/postgresql.service.wants/postgresql@15-main.service").stdout
    assert container.show("postgresql", "Wants").split() == ["postgresql@15-main.service"]
    # A cluster that is not to be started is not wanted any more.
    container.exec("sh", "-c", "echo manual > /etc/postgresql/15/main/start.conf; systemctl daemon-reload")
    assert container.show("postgresql", "Wants") == ""
    assert container.systemctl("is-active", "postgresql@15-main").strip() == "active"
