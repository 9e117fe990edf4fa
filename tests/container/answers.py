"""`make answers`: plan, why and diff in a container with nginx and ssh, and what they say, as debian/doc/answers.md."""

from __future__ import annotations

from harness import SERVICES, Container
from pages import DOCS, Page, write

PAGE = DOCS / "answers.md"
ETC = "/etc/systemd/system"
UNITS = {
    "site.service": "[Unit]\nRequires=database.service\nAfter=database.service\n[Service]\nExecStart=/bin/sleep 1000\n"
                    "Restart=on-failure\n[Install]\nWantedBy=multi-user.target\n",
    "database.service": "[Unit]\nAfter=cache.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
                        "ExecStart=/bin/sh -c 'exit 5'\n",
    "cache.service": "[Unit]\nAfter=database.service\nWants=metrics.service\n[Service]\nExecStart=/bin/sleep 1000\n"
                     "[Install]\nWantedBy=multi-user.target\n",
    "flapping.service": "[Service]\nExecStart=/bin/sh -c 'exit 3'\nRestart=always\nRestartSec=60\n",
}
DROPIN = "[Unit]\nWants=metrics.service\n[Service]\nRestart=on-failure\nTimeoutStopSec=20\n"
HEAD = """# Answers: plan, why, diff

Written by `make answers`, in a container of Debian's nginx and openssh-server with four units more: site.service, which needs
database.service, which fails and is in a ring with cache.service, and flapping.service, which fails and is restarted.
"""


def tour(box: Container) -> str:
    for name, text in UNITS.items():
        box.put(f"{ETC}/{name}", text)
    box.start().wait_until_booted()
    page = Page(box, HEAD)
    box.exec("systemctl", "enable", "site", "cache")
    page.say("## What a boot would start\n\nThe units were just enabled; nothing of this has happened yet.")
    page.show("pyinit plan")
    page.say("## Why a unit is as it is")
    page.show("systemctl why nginx")
    box.exec("systemctl", "start", "site", check=False)
    page.say("After `systemctl start site` has failed:")
    page.show("systemctl why site")
    box.systemctl("stop", "cron")
    page.show("systemctl why cron")
    box.systemctl("start", "flapping")
    box.wait_until("it waits", lambda: box.show("flapping", "SubState") == "auto-restart")
    page.show("systemctl why flapping")
    page.show("systemctl why fstrim.timer")
    box.write(f"{ETC}/nginx.service.d/local.conf", DROPIN)
    box.exec("rm", f"{ETC}/flapping.service")
    page.say("## What a daemon-reload would change\n\nA drop-in of nginx.service was written, and a unit's file removed:")
    page.show("pyinit diff")
    return page.text


if __name__ == "__main__":
    write(PAGE, Container(SERVICES), tour)
