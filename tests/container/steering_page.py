"""`make steering-page`: pyinitctl, top, and where a boot's time went, as debian/doc/steering.md with its picture."""

from __future__ import annotations

from harness import SERVICES, Container
from pages import DOCS, Page, write

PAGE, PICTURE = DOCS / "steering.md", DOCS / "boot.svg"
UNITS = {
    "database.service": "[Service]\nType=notify\nNotifyAccess=all\n"
                        "ExecStart=/bin/sh -c 'sleep 0.4; systemd-notify --ready; exec sleep 1000'\n"
                        "[Install]\nWantedBy=multi-user.target\n",
    "migrate.service": "[Unit]\nRequires=database.service\nAfter=database.service\n[Service]\nType=oneshot\n"
                       "RemainAfterExit=yes\nExecStart=/bin/sleep 0.3\n[Install]\nWantedBy=multi-user.target\n",
    "shop.service": "[Unit]\nWants=migrate.service\nAfter=migrate.service nginx.service\n[Service]\nExecStart=/bin/sleep 1000\n"
                    "[Install]\nWantedBy=multi-user.target\n",
    "mail.service": "[Service]\n"
                    "ExecStart=/bin/sh -c 'sleep 0.2; test -e /run/tried && exec sleep 1000; touch /run/tried; exit 1'\n"
                    "Restart=on-failure\n[Install]\nWantedBy=multi-user.target\n",
}
SCRIPT = """\
status shop mail nginx
stop shop
start shop
tail -200 shop
signal HUP nginx
reread
"""
HEAD = """\
# Steering, and where the time went

Written by `make steering-page`, in a container of Debian's nginx and openssh-server with four units more: a database that says
when it is ready, a migration that needs it, a shop that waits for both, and a mailer whose first start fails.
"""


def tour(box: Container) -> str:
    for name, text in UNITS.items():
        box.put(f"/etc/systemd/system/{name}", text)
    box.start().wait_until_booted()
    box.systemctl("enable", *UNITS)
    box.stop()
    box.start().wait_until_booted()
    box.wait_for_state("mail.service", "active")
    page = Page(box, HEAD)
    page.say("## The words of supervisorctl\n\n`pyinitctl` without arguments is a shell; here a script is on its stdin.")
    page.show("pyinitctl", SCRIPT)
    page.show("pyinitctl restart shop mail")
    page.say("## Services as they are now\n\n`pyinit top` on a terminal has keys to start, stop, restart and "
             "follow; printed once:")
    page.show("pyinit top --once")
    page.say("## Where a boot's time went")
    page.show("systemd-analyze time")
    page.show("systemd-analyze blame | head -5")
    page.show("systemd-analyze critical-chain shop.service")
    PICTURE.write_text(box.exec("systemd-analyze", "plot").stdout)
    page.say("`systemd-analyze plot > boot.svg`:\n\n![the boot](boot.svg)")
    page.say("## Health")
    page.show("pyinit health; pyinit health shop.service no.service; pyinit health --live")
    return page.text


if __name__ == "__main__":
    write(PAGE, Container(SERVICES), tour)
