"""`pyinit diff` in a container: nothing after a boot; then what was changed, and nothing again once it is reloaded."""

from __future__ import annotations

from harness import SERVICES, Container

SITE = "[Service]\nExecStart=/bin/sleep 1000\n"
GENERATOR = r"""#!/bin/sh
[ -e /etc/made ] || exit 0
. /etc/made
printf "[Unit]\nDescription=$WHAT\n[Service]\nExecStart=/bin/sleep 1000\n" >"$1/made.service"
"""


def diff(box: Container, *words: str) -> tuple[int, list[str]]:
    done = box.exec("/sbin/pyinit", "diff", *words, check=False)
    return done.returncode, done.stdout.splitlines() + done.stderr.splitlines()


def test_what_a_reload_would_change(boot, tmp_path):
    (tmp_path / "make").write_text(GENERATOR)
    (tmp_path / "make").chmod(0o755)

    box = boot(options=(f"--volume={tmp_path}:/etc/systemd/system-generators:ro", "--env=COLOUR=x"))
    box.wait_until_booted()
    assert diff(box) == (0, ["Nothing would change."])
    for name in ("site", "old"):
        box.write(f"/etc/systemd/system/{name}.service", SITE)
    box.write("/etc/made", "WHAT=one\n")
    box.systemctl("daemon-reload")
    box.systemctl("start", "site", "old", "made")
    assert diff(box) == (0, ["Nothing would change."])

    etc = "/etc/systemd/system"
    box.write(f"{etc}/nginx.service.d/limit.conf", "[Unit]\nWants=site.service\n[Service]\nTimeoutStopSec=7\n")
    box.write(f"{etc}/site.service", SITE + "Restart=always\n")
    box.write(f"{etc}/fresh.service", SITE)
    box.exec("rm", f"{etc}/old.service")
    box.write("/etc/made", "WHAT=two\n")
    status, said = diff(box)
    assert status == 1
    limit = f"{etc}/nginx.service.d/limit.conf"
    assert said == [
        "fresh.service is new",
        "made.service: /run/systemd/generator/made.service",
        "  Description=one → two  [/run/systemd/generator/made.service:2]",
        "nginx.service: /lib/systemd/system/nginx.service",
        f"  + DropInPaths={limit}",
        f"  TimeoutStopSec=5s → 7s  [{limit}:4]",
        f"  + Wants=site.service  [{limit}:2]",
        f"old.service is gone, and stays loaded while it runs: {etc}/old.service",
        f"site.service: {etc}/site.service",
        f"  Restart=no → always  [{etc}/site.service:3]",
    ]
    assert diff(box, "site")[1] == said[-2:]
    assert box.show("site", "Restart") == "no"  # nothing is reloaded
    box.systemctl("daemon-reload")
    assert diff(box) == (0, ["Nothing would change."])
    assert box.show("site", "Restart") == "always" and box.show("nginx", "TimeoutStopUSec") == "7s"


def test_it_is_told_where_there_is_no_manager_or_no_leave_to_ask(boot):
    box = boot(SERVICES, "/bin/sleep", "1000")
    status, said = diff(box)
    assert status == 2 and said and said[0].startswith("pyinit diff: ")
