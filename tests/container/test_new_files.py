"""Unit files that come while the manager runs: which of them count without a daemon-reload. As recorded of systemd 252."""

from __future__ import annotations

from harness import PLAIN

SCRIPT = r"""
cd /etc/systemd/system
service='[Service]\nExecStart=/bin/sleep 1000\n'
for n in 1 2 3 4; do printf "[Unit]\nWants=wanted-$n.service\n$service" > wants-$n.service; done
systemctl daemon-reload
systemctl start wants-1 wants-2 wants-3 wants-4
systemctl show --property=LoadState wanted-1 wanted-3 | grep .
for n in 1 2 3; do printf "$service" > wanted-$n.service; done
printf "$service" > new.service
systemctl start wanted-1 new
systemctl stop wants-2; systemctl start wants-2
systemctl show --property=LoadState,NeedDaemonReload wanted-3
systemctl restart wants-3 wants-4
systemctl is-active wanted-1 new wanted-2 wanted-3 wanted-4
"""
#: What SCRIPT says under 252.39 on Debian 12.
RECORDED = """\
LoadState=not-found
LoadState=not-found
LoadState=loaded
NeedDaemonReload=no
active
active
active
active
inactive
"""


def test_files_that_were_missing_count_once_they_are_there(boot):
    machine = boot(PLAIN)
    machine.wait_until_booted()
    done = machine.exec("sh", "-c", SCRIPT, check=False)
    assert (done.stdout, done.stderr) == (RECORDED, "")
