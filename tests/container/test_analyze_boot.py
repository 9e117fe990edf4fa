"""What systemd-analyze tells of a boot, by the real one and by ours, of the same manager."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree

import pytest
from harness import PLAIN, Container

pytestmark = pytest.mark.container

REAL, LIBRARIES = "/usr/bin/systemd-analyze", ("/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib/x86_64-linux-gnu")
UNITS = {
    "flaky": "[Unit]\nAfter=slow.service\n[Service]\nType=notify\nNotifyAccess=all\nRestart=on-failure\nRestartSec=100ms\n"
             "ExecStart=/bin/sh -c 'test -e /run/flaky && { systemd-notify --ready; exec sleep 1000; }; "
             "touch /run/flaky; exit 3'\n",
    "slow": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 0.3\n",
    "bad": "[Service]\nType=oneshot\nExecStart=/bin/false\n",
    "last": "[Unit]\nAfter=slow.service\n[Service]\nType=oneshot\nExecStart=/bin/sleep 1\n",
}


@pytest.fixture(scope="module")
def box():
    options = [f"--volume={path}:/real/{place}:ro" for place, path in enumerate((REAL, *LIBRARIES)) if os.path.exists(path)]
    container = Container(PLAIN, "/sbin/pyinit", options=tuple(options))
    for name, text in UNITS.items():
        container.put(f"/etc/systemd/system/{name}.service", text)
    names = " ".join(f"{name}.service" for name in UNITS)
    container.put("/etc/systemd/system/default.target",
                  f"[Unit]\nRequires=multi-user.target\nWants={names}\nAfter=multi-user.target {names}\n")
    try:
        container.start().wait_until_booted()
        yield container
    finally:
        container.remove()


@pytest.mark.skipif(not os.path.exists(REAL), reason="no real systemd-analyze on this machine")
@pytest.mark.parametrize("words", [
    ("time",), ("blame",), ("critical-chain",), ("critical-chain", "no.service"),
    ("critical-chain", "slow.service", "--fuzz=1s"), ("dot", "--require", "--from-pattern=sysinit.target", "swap*"),
    ("dot", "flaky.service"), ("dot", "--order", "--from-pattern=*.target"), ("dot", "--require", "--to-pattern=*.slice", "s*"),
    ("dot", "--order", "--require", "slow*"),
], ids=" ".join)
def test_ours_and_theirs_say_the_same(box, words):
    theirs = box.exec("env", "LD_LIBRARY_PATH=/real/1:/real/2", "/real/0", "--no-pager", *words, check=False)
    ours = box.exec("systemd-analyze", "--no-pager", *words, check=False)

    def lines(text: str) -> list[str]:  # theirs come as a hash table has them
        return sorted(text.splitlines()) if words[0] in ("dot", "blame") else text.splitlines()

    assert (ours.returncode, lines(ours.stdout), ours.stderr) == (theirs.returncode, lines(theirs.stdout), theirs.stderr)


def test_the_picture_shows_starts_ends_and_restarts(box):
    elements = list(ElementTree.fromstring(box.exec("systemd-analyze", "plot").stdout).iter())
    texts = [each.text or "" for each in elements if each.tag.endswith("}text")]
    assert any(re.fullmatch(r"bad\.service \(.*failed: exit-code\)", text) for text in texts)
    assert any(re.fullmatch(r"flaky\.service \(.*1 restart\)", text) for text in texts)
    titles = [each.text or "" for each in elements if each.tag.endswith("}title")]
    assert len([title for title in titles if title.startswith("flaky.service") and ": activating" in title]) == 2
    assert any("flaky.service: Main process exited, code=exited, status=3" in title for title in titles)
    assert any("flaky.service: Scheduled restart job" in title for title in titles)
