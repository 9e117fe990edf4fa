"""The table of fates is the truth: what `pyinit check` calls applied is in force there, and what it does not is not.

Every directive has a unit that checks itself, in three containers that allow more and less; and the same unit without the
directive, which must come to another verdict. What is applied without being checked is named, with its reason.
"""

from __future__ import annotations

import pytest
from harness import IN_CGROUP2, Container
from selfcheck import IMAGE, NOT_STARTED, OPTIONS, fates, outcomes, prepare, shown_fates
from selfchecks import CHECKS

from tests.container.conftest import _finish

#: Options, what podman is run in, and a user that units can be run as.
CONTAINERS = {
    "privileged": (("--privileged", "--systemd=always", "--pids-limit=0"), IN_CGROUP2, "daemon"),
    "default": ((), None, "daemon"),
    "non-root, read-only root": (("--user=1000", "--read-only", "--tmpfs=/run:U", "--tmpfs=/tmp:U"), None, "1000"),
}


class Found:
    def __init__(self, container: Container) -> None:
        self.outcomes = outcomes(container, CHECKS)
        self.fates = fates(container, CHECKS)
        self.shown = shown_fates(container, CHECKS)


@pytest.fixture(scope="module", params=CONTAINERS)
def found(request):
    """Of one container: each unit's own verdict, and the fate of its directive."""
    options, prefix, user = CONTAINERS[request.param]
    container = Container(IMAGE, "/sbin/pyinit", "--unit=sysinit.target", options=(*options, *OPTIONS), prefix=prefix)
    try:
        prepare(container, CHECKS, user)
        container.start()
        container.wait_until("the manager answers", lambda: container.exec("systemctl", check=False).returncode == 0, 120)
        yield Found(container)
    finally:
        _finish(request, [container])


@pytest.mark.parametrize("name", CHECKS)
def test_the_outcome_is_the_fate_that_was_told(found, name):
    outcome, (fate, reason) = found.outcomes[f"check-{name}"], found.fates[name]
    if outcome == NOT_STARTED:
        assert fate == "degraded" and "start" in reason, f"{CHECKS[name].line} is called {fate}, {reason}"
    else:
        assert outcome == fate, f"{CHECKS[name].line} is called {fate}, {reason}"


@pytest.mark.parametrize("found", ["privileged"], indirect=True)
@pytest.mark.parametrize("name", CHECKS)
def test_the_same_unit_without_the_directive_does_not_find_it(found, name):
    """Where everything is allowed: a container that forbids some of it to all has nothing to be told apart."""
    assert found.outcomes[f"control-{name}"] != "applied", CHECKS[name].line


@pytest.mark.parametrize("name", CHECKS)
def test_the_manager_shows_the_fate_that_the_command_tells(found, name):
    assert found.shown[name] == found.fates[name][0]
