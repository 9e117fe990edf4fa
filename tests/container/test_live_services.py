"""What the kernel knows of the services of Debian's packages is what it knows of them under real systemd."""

from __future__ import annotations

import pytest
from harness import Container
from images import Image

from tests.conformance.live.look import OPTIONS, PACKAGES, SERVICES, look, read_answers


@pytest.fixture(scope="module")
def ours():
    container = Container(Image(PACKAGES), "/sbin/init", options=OPTIONS)
    try:
        yield look(container.start())
    finally:
        print(container.logs()[-4000:])
        container.remove()


#: The soft limit by which a unit's processes are known.
_SHARED = "the manager's"
_LEFT_OUT = {"limit:realtime timeout"}


#: Service → what is otherwise here, None for what is not there, and why.
OURS: dict[str, tuple[str, dict[str, str | None]]] = {
    "redis-server": (
        "PrivateUsers= would leave its root without the container's capabilities, and other namespaces are not to be had",
        {"namespace:user": _SHARED, "namespace:mnt": _SHARED, "namespace:uts": _SHARED}),
    "dbus": ("a word between systemd's own parts", {"env:SYSTEMD_NSS_DYNAMIC_BYPASS": None}),
}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_set_up_as_systemd_sets_it_up(ours, name):
    wanted = read_answers()[name] | OURS.get(name, ("", {}))[1]
    expected = {key: value for key, value in wanted.items() if value is not None and key not in _LEFT_OUT}
    assert {key: value for key, value in ours[name].items() if key not in _LEFT_OUT} == expected


def test_every_difference_is_one():
    for name, (reason, values) in OURS.items():
        assert reason and all(read_answers()[name].get(key) != value for key, value in values.items()), name
