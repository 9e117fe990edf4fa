"""Containers for the tests of this directory, and the rule that continuous integration may not skip them."""

from __future__ import annotations

import os

import pytest
from harness import IN_CGROUP2, SERVICES, Container, why_no_containers
from images import Image

#: Files of few tests that take long: begun first, or they are what the others have been waiting for at the end.
LONG = (
    "test_packages", "test_package_triggers", "test_matrix", "test_triggers", "test_reexec", "test_variants", "test_upgrade",
    "test_single", "test_images", "test_selfcheck", "test_fuzz_socket", "test_journal_kills", "test_escape", "test_stop",
    "test_track",
)


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.container)
    names = [f"{name}.py" for name in LONG]
    items.sort(key=lambda item: names.index(item.path.name) if item.path.name in names else len(names))


@pytest.fixture(scope="session", autouse=True)
def containers():
    """Skips everything where no container can be run; in continuous integration that is a failure."""
    problem = why_no_containers()
    if problem and os.environ.get("CI") == "true":
        pytest.fail(f"no container can be run here: {problem}", pytrace=False)
    if problem:
        pytest.skip(f"no container can be run here: {problem}")


@pytest.fixture
def boot(request):
    """boot(image, *command, …) → a started Container, removed after the test; its logs are shown if the test fails."""
    started = []

    def start(image: Image = SERVICES, *command: str, before=None, **options) -> Container:
        container = Container(image, *command, **options)
        started.append(container)
        if before:
            before(container)
        return container.start()

    yield start
    _finish(request, started)


@pytest.fixture(scope="module")
def booted(request):
    """One container for all tests of a module that leave it as they found it: nginx, ssh and cron, booted."""
    container = Container(SERVICES)
    try:
        container.start().wait_until_booted()
        yield container
    finally:
        _finish(request, [container])


@pytest.fixture(scope="module")
def booted_with_cgroups(request):
    """The same where the container's cgroup v2 tree can be written."""
    container = Container(SERVICES, options=("--pids-limit=0", "--systemd=always"), prefix=IN_CGROUP2)
    try:
        container.start().wait_until_booted()
        yield container
    finally:
        _finish(request, [container])


def _finish(request, started):
    """Print what they wrote (pytest shows it where a test failed), and remove them."""
    for number, container in enumerate(started):
        print(f"--- container {number} of {request.node.name} wrote ---\n{container.logs()[-8000:]}")
        container.remove()
