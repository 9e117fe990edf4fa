"""What cannot be taken away from a process in a container is no reason not to run it.

Each directive by itself: test_selfcheck.py.
"""

from __future__ import annotations

from images import Image


def test_a_bind_mount_that_cannot_be_is_no_reason_not_to_run(boot):
    """haproxy.service has one; under real systemd it does not start in such a container."""
    text = "[Service]\nExecStart=/bin/sleep 9999\nBindReadOnlyPaths=/dev/log:/run/x/log\nTemporaryFileSystem=/mnt\n"
    container = boot(Image(), before=lambda made: made.put("/etc/systemd/system/bound.service", text))
    container.wait_until_booted()
    container.systemctl("start", "bound.service")
    assert container.show("bound.service", "ActiveState") == "active"
    assert "bound.service: NAMESPACE (mount) could not be applied here" in container.logs()
