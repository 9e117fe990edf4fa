"""Timers in a real container: Debian's own, and some whose time comes soon."""

from __future__ import annotations

import re

from images import Image

TICK = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo tick >> /run/ticks'\n"
#: Its packages bring timers of their own, enabled by their maintainer scripts.
WITH_TIMERS = Image(("logrotate", "man-db"))


def put_units(container) -> None:
    container.put("/etc/systemd/system/tick.service", TICK)
    container.put("/etc/systemd/system/tick.timer",
                  "[Timer]\nOnActiveSec=200ms\nOnUnitActiveSec=200ms\nAccuracySec=1ms\n")
    container.put("/etc/systemd/system/date.timer", "[Timer]\nOnCalendar=*:*:*\nUnit=tick.service\nAccuracySec=1ms\n")
    container.put("/etc/systemd/system/missed.timer",
                  "[Timer]\nOnCalendar=daily\nPersistent=yes\nUnit=tick.service\nAccuracySec=1ms\n")


def test_debians_own_timers_wait_for_their_time(boot):
    container = boot(WITH_TIMERS)
    assert container.wait_until_booted() == "running"
    rows = [line for line in container.systemctl("list-timers").splitlines() if ".timer" in line]
    units = {re.search(r"\S+\.timer", row)[0] for row in rows}  # type: ignore[index]
    assert {"logrotate.timer", "man-db.timer", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
            "systemd-tmpfiles-clean.timer"} <= units
    assert all(re.match(r"\w{3} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", row) for row in rows), rows
    assert container.show("logrotate.timer", "SubState") == "waiting"
    assert container.exec("test", "-e", "/var/lib/systemd/timers/stamp-logrotate.timer").returncode == 0


def test_times_come(boot):
    container = boot(Image(), before=put_units)
    container.wait_until_booted()

    def ticks() -> int:
        return container.exec("sh", "-c", "cat /run/ticks 2>/dev/null || :").stdout.count("tick")

    container.systemctl("start", "tick.timer")
    container.wait_until("the service has run three times", lambda: ticks() >= 3)
    assert container.show("tick.timer", "LastTriggerUSec")
    container.systemctl("stop", "tick.timer")
    stopped = ticks()
    container.systemctl("start", "date.timer")
    container.wait_until("the seconds have come", lambda: ticks() >= stopped + 2)
    assert container.show("date.timer", "NextElapseUSecRealtime")
    container.systemctl("stop", "date.timer", "tick.service")
    container.exec("sh", "-c", "mkdir -p /var/lib/systemd/timers; touch -d '3 days ago' "
                               "/var/lib/systemd/timers/stamp-missed.timer; rm -f /run/ticks")
    container.systemctl("start", "missed.timer")
    container.wait_until("what was missed is made up for", lambda: ticks() == 1)
