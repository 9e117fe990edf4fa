"""Units that check themselves: one directive each, and a script, their own ExecStart=, that looks whether it is in force.

The tables are in the `selfchecks_*` modules. Every check is run twice: `check-NAME.service` has the directive, and
`control-NAME.service`, all else the same, has not, so that a check that cannot fail is found out. Both are started in one
container, many at a time; what can only be seen when a unit has ended is looked at behind that.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Callable, NamedTuple

from harness import Container
from images import Image, build_rootfs

#: With python3, for what `pyinit check --json` prints.
IMAGE = Image(("procps", "python3"))
#: How a script ends: the directive is in force, a part of it, nothing of it; and the word that `pyinit check` has for that.
FATES = {40: "applied", 41: "degraded", 42: "ignored"}
#: What never came to its script: systemd.exec(5), PROCESS EXIT CODES.
NOT_STARTED, _FIRST_FAILURE = "not started", 200


class SelfCheck(NamedTuple):
    #: The directive that is judged. "@user@" is somebody whom the container can run units as, "@tty@" a terminal.
    line: str
    script: str = "exit 40"
    #: Further lines that the check needs.
    more: str = ""
    #: Looks again, for itself, when the unit has been stopped. Its verdict is the one that counts.
    after: str = ""
    #: Looks at what the container wrote; given the unit's name as well.
    logged: Callable[[str, str], bool] | None = None
    #: Instead of running the script from where it lies, with what it is run by.
    command: str = "/bin/sh /check/scripts/@name@ %N"
    kind: str = "oneshot"

    @property
    def key(self) -> str:
        return self.line.partition("=")[0]

    def unit(self, name: str, user: str, with_line: bool) -> str:
        lines = ["[Service]", f"Type={self.kind}", "TimeoutStartSec=30", f"ExecStart={self.command}", self.more]
        text = "\n".join([*lines, self.line if with_line else "", ""])
        return text.replace("@name@", name).replace("@user@", user).replace("@tty@", "/run/checks/tty/%N")


#: What scripts may use. `$1` is the unit's name without the type.
PRELUDE = r"""
is() { if "$@"; then exit 40; else exit 42; fi; }
near() { if "$@"; then exit 40; else exit 41; fi; }
both() { near own "$1"; }
own() { [ "$(readlink /proc/self/ns/$1)" != "$(cat /run/checks/ns-$1)" ]; }
status() { while read -r key value; do [ "$key" = "$1:" ] && echo $value; done < /proc/$$/status; }
limit() { near [ "$(sed -n "s/^$1  *\([^ ]*\)  *\([^ ]*\) .*/\1 \2/p" /proc/$$/limits)" = "$2" ]; }
capability() { [ $((0x$(status $1) >> $2 & 1)) = 1 ]; }
flagged() { awk -v point="$1" -v flag="$2" '$5 == point && (","$6",") ~ (","flag",") { found = 1 } END { exit !found }' \
    /proc/self/mountinfo; }
mounted() { awk -v point="$1" '$5 == point { found = 1 } END { exit !found }' /proc/self/mountinfo; }
filters() { [ "$(filtered self)" -gt "$(filtered 1)" ]; }
filtered() { sed -n 's/^Seccomp_filters:[[:space:]]*//p' /proc/$1/status; }
try() { /usr/bin/python3 -ISc "
import os, sys
try: $1
except OSError as error: sys.exit(error.errno)
"; }
call() { /usr/bin/python3 -ISc "
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
$1
"; }
soon() { for i in 1 2 3 4 5 6 7 8 9 10; do "$@" && return; sleep 0.1; done; false; }
stored() { cat /???/log/journal/*/*.export | awk -v RS= -v unit="_SYSTEMD_UNIT=$1.service" -v field="$2" \
    'index($0, unit) && index($0, field) { found = 1 } END { exit !found }'; }
stream() { readlink /proc/$$/fd/$1; }
terminal() { readlink -f /run/checks/tty/$1; }
group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
"""
#: Holds a terminal for each name, read by nobody: says what was written to it, and when it was hung up.
_HOLDER = """\
import os, select, sys, tty, termios
base = "/run/checks/tty"
os.makedirs(base, exist_ok=True)
names, masters, slaves = sys.argv[1:], {}, {}
poll = select.poll()
for name in names:
    master, slave = os.openpty()
    modes = termios.tcgetattr(slave)
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, modes)
    os.symlink(os.ttyname(slave), f"{base}/{name}")
    masters[master], slaves[slave] = name, name
    poll.register(master, select.POLLIN)
    poll.register(slave, 0)
if os.fork(): os._exit(0)
while True:
    for fd, event in poll.poll():
        if fd in masters and event & select.POLLIN:
            with open(f"{base}/{masters[fd]}.out", "ab") as out: out.write(os.read(fd, 4096))
        elif fd in slaves:
            poll.unregister(fd)
            open(f"{base}/{slaves[fd]}.hung", "w").close()
            os.close(fd)
        elif event & ~select.POLLIN:
            poll.unregister(fd)
"""
_HOLDING = """\
[Service]
Type=forking
RuntimeDirectory=checks
RuntimeDirectoryMode=1777
PrivateNetwork=yes
PrivateIPC=yes
ExecStart=/usr/bin/python3 -I /check/holder.py {names}
"""
#: What all units of a run share; then their start, their stop, and what is left of them.
_RUN = """\
systemctl start holder.service || exit
pid=$(systemctl show --value -p MainPID holder.service)
for name in mnt net ipc uts user; do readlink /proc/1/ns/$name > /run/checks/ns-$name; done
for name in net ipc; do
    ln -s /proc/$pid/ns/$name /run/checks/$name; readlink /proc/$pid/ns/$name > /run/checks/holder-$name
done
cd /check/units
systemctl start *.service >/dev/null 2>&1
systemctl stop *.service >/dev/null 2>&1
set -- *.service
for number in $(systemctl show --value -p ExecMainStatus "$@"); do
    echo "$1 main $number"; shift
done
cd /check/after
for script in *; do
    sh ./$script $script >/dev/null 2>&1; echo "$script.service after $?"
done
"""
#: All that the checks need of a container.
OPTIONS = ("--env=FROM_OUTSIDE=seen", "--env=CREDENTIALS_DIRECTORY=/check/credentials")


def unit_names(name: str) -> tuple[tuple[str, bool], tuple[str, bool]]:
    """Of a check: its unit and whether that has the directive, and the same of the other."""
    return (f"check-{name}", True), (f"control-{name}", False)


def prepare(container: Container, checks: dict[str, SelfCheck], user: str) -> None:
    with tempfile.TemporaryDirectory(prefix="pyinit-check-") as temporary:
        root = Path(temporary, "check")
        for directory in ("units", "scripts", "after", "credentials", "root"):
            (root / directory).mkdir(parents=True)
        (root / "env").write_text("B='two words'\n")
        (root / "credentials" / "outside").write_text("from outside\n")
        (root / "run.sh").write_text(_RUN)
        (root / "holder.py").write_text(_HOLDER)
        _write_shell(root / "root")
        terminals = []
        for name, check in checks.items():
            (root / "scripts" / name).write_text(PRELUDE + check.script + "\n")
            for unit, with_line in unit_names(name):
                text = check.unit(name, user, with_line)
                (root / "units" / f"{unit}.service").write_text(text)
                terminals += [unit] * ("@tty@" in check.line + check.more)
                if check.after:
                    (root / "after" / unit).write_text(PRELUDE + check.after + "\n")
        holding = Path(temporary, "holder.service")
        holding.write_text(_HOLDING.format(names=" ".join(terminals)))
        container.put_file("/check", root)
        container.put_file("/etc/systemd/system/", f"{root}/units/.")
        container.put_file("/etc/systemd/system/", holding)


def _write_shell(root: Path) -> None:
    """A root directory with a shell, and what that needs."""
    files = ["./bin", "./lib", "./lib64", "./usr/bin/sh", "./usr/bin/dash", "./usr/lib64", "./usr/lib/*/libc.so.6",
             "./usr/lib/*/ld-linux*"]
    subprocess.run(["tar", "-C", str(root), "-xf", str(build_rootfs(IMAGE)), "--wildcards", *files], check=True)
    for directory in ("proc", "sys", "dev", "run"):
        (root / directory).mkdir()


def outcomes(container: Container, checks: dict[str, SelfCheck]) -> dict[str, str]:
    """Unit → the word for what it found: of FATES, or NOT_STARTED."""
    text = container.exec("sh", "/check/run.sh", timeout=400).stdout
    found: dict[str, str] = {}
    looked_at_again = {unit for name, check in checks.items() for unit, _ in unit_names(name) if check.after}
    for line in text.splitlines():
        unit, when, number = line.split()
        unit = unit.removesuffix(".service")
        if when == "main" and (int(number) >= _FIRST_FAILURE or number == "0" and unit not in looked_at_again):
            found[unit] = NOT_STARTED
        elif found.get(unit) != NOT_STARTED:
            found[unit] = FATES.get(int(number), "ended")
    logs = container.logs()
    for name, check in checks.items():
        for unit, _ in unit_names(name):
            if check.logged and found[unit] != NOT_STARTED:
                found[unit] = FATES[40 if check.logged(logs, unit) else 42]
    return found


def fates(container: Container, checks: dict[str, SelfCheck]) -> dict[str, tuple[str, str]]:
    """Name → what `pyinit check` says of the directive there, and why."""
    units = {f"check-{name}.service": name for name in checks}
    rows = json.loads(container.exec("pyinit", "check", "--json", *units).stdout)
    return {units[row["unit"]]: (row["fate"], row["reason"])
            for row in rows if row["key"] == checks[units[row["unit"]]].key}


def shown_fates(container: Container, checks: dict[str, SelfCheck]) -> dict[str, str]:
    """Name → what the manager shows of it as DirectiveFates."""
    units = [f"check-{name}.service" for name in checks]
    blocks = container.systemctl("show", "-p", "DirectiveFates", *units).split("\n\n")
    return {name: re.findall(rf"\.{check.key} ;.*; fate=(\w+)", block)[-1]
            for (name, check), block in zip(checks.items(), blocks, strict=True)}
