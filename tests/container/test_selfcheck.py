"""The table of fates is the truth: what `pyinit check` calls applied is in force there, and what it does not is not.

Every directive has a unit that checks itself, in three containers that allow more and less.
"""

from __future__ import annotations

import pytest
from harness import IN_CGROUP2, Container
from images import Image
from selfcheck import CHECKS, OPTIONS, fates, outcomes, prepare

from tests.container.conftest import _finish

#: With python3, for what `pyinit check --json` prints.
IMAGE = Image(("procps", "python3"))
CONTAINERS = {
    "privileged": (("--privileged", "--systemd=always", "--pids-limit=0"), IN_CGROUP2),
    "default": ((), None),
    "non-root, read-only root": (
        ("--user=1000", "--read-only", "--tmpfs=/run:U", "--tmpfs=/tmp:U"), None),
}


@pytest.fixture(scope="module", params=CONTAINERS)
def found(request):
    """Of one container: each check's own verdict, and the fate of its directive."""
    options, prefix = CONTAINERS[request.param]
    container = Container(IMAGE, "/sbin/pyinit", "--unit=sysinit.target", options=(*options, *OPTIONS), prefix=prefix)
    try:
        prepare(container)
        container.start()
        container.wait_until("the manager answers", lambda: container.exec("systemctl", check=False).returncode == 0, 120)
        yield outcomes(container), fates(container)
    finally:
        _finish(request, [container])


@pytest.mark.parametrize("name", CHECKS)
def test_a_directive_is_in_force_where_it_is_called_applied(found, name):
    outcome, fate = found
    assert outcome[name] == (fate[name] == "applied"), f"{CHECKS[name].line} is called {fate[name]}"
