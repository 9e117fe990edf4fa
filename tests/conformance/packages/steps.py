"""What is done to a system's packages, and what is looked at after each step: the same for pyinit and for systemd.

`live` does it in a running container, `build` while an image is built by podman. Both give {step: [line, …]}: what has come
since before the first step, and, behind a minus, what has gone. Lines are the links below /etc/systemd and /etc/rc?.d, what
deb-systemd-helper keeps, the states of unit files and units, and of each service whether it is the process it was.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from harness import LABEL, PODMAN, Container
from images import APT, LIMITS, Image, download, podman_image, run

from tests.conformance.packages.debs import PLACE, build_repository

HERE = Path(__file__).resolve().parent
#: Debian's own, with units, aliases, timers and sockets.
REAL = ("cron", "logrotate", "memcached", "rsyslog")

#: Reads nothing but the lab's repository; what is installed needs nothing from elsewhere.
_APT = ("apt-get -y -qq -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io -o Debug::NoLocking=1"
        " -o Dir::Etc::sourcelist=/tmp/lab.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=/tmp/lists"
        " -o APT::Install-Recommends=false -o APT::Sandbox::User=root")
_USE = f"""\
export DEBIAN_FRONTEND=noninteractive
use() {{
    echo "deb [trusted=yes] file:{PLACE}/$1 ./" > /tmp/lab.list
    mkdir -p /tmp/lists && {_APT} update
}}
names() {{ sed -n 's/^Package: //p' {PLACE}/$1/Packages; }}
"""

_ADMIN_OFFLINE = """\
systemctl disable lab-off.service
systemctl mask lab-masked.service
systemctl enable lab-template@.service lab-template@two.service
"""

_STEPS = {
    "first version installed": f"use 1; {_APT} install $(names 1 | grep -v lab-added)",
    "an administrator's changes": _ADMIN_OFFLINE,
    "upgraded": f"use 2; {_APT} dist-upgrade",
    "removed": f"{_APT} remove $(names 2)",
    "installed again": f"{_APT} install $(names 2)",
    "purged": f"{_APT} purge $(names 2)",
}
_LIVE_ADMIN = "systemctl stop lab-stopped.service lab-off.service\nsystemctl start lab-template@two.service\n"

#: Prints one line a fact.
LOOK = r"""
cd /
for place in etc/systemd/system etc/systemd/user var/lib/systemd/deb-systemd-helper-enabled \
        var/lib/systemd/deb-systemd-helper-masked var/lib/systemd/deb-systemd-user-helper-enabled \
        var/lib/systemd/deb-systemd-user-helper-masked; do
    [ -d $place ] && find $place -type l -printf 'link %p -> %l\n' -o -type f -printf 'file %p %s\n'
done
find etc/rc?.d -type l -printf 'link %p -> %l\n'
find run/lab-user run/lab-user-own var/lib/systemd/timers -printf 'made %p %y %m %u\n' 2>/dev/null
getent passwd lab-user | sed 's/:[0-9]*:[0-9]*:/:/; s/^/user /'
systemctl list-unit-files --no-legend --no-pager 'lab*' UNITS | sed 's/  */ /g; s/ $//; s/^/unit-file /'
systemctl --global list-unit-files --no-legend --no-pager 'lab*' | sed 's/  */ /g; s/ $//; s/^/user-unit-file /'
for name in $(systemctl list-unit-files --no-legend --no-pager 'lab*' | sed 's/ .*//'); do
    echo "is-enabled $name $(systemctl is-enabled $name 2>&1)"
done
if [ -d /run/systemd/system ]; then
    systemctl list-units --all --plain --no-legend --no-pager -t service,socket,timer,path 'lab*' UNITS \
        | sed 's/^\([^ ]*\)  *\([^ ]*\)  *\([^ ]*\)  *\([^ ]*\).*/unit \1 \2 \3 \4/'
    systemctl show -p Id -p MainPID 'lab*.service' UNITS \
        | awk -F= '!NF { id = pid = "" } $1 == "Id" { id = $2 } $1 == "MainPID" { pid = $2 }
            id && pid != "" { print "process", id, pid; id = pid = "" }'
fi
"""


def live(image: Image, *command: str, options: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """In a running container: the lab's packages, then Debian's."""
    look = LOOK.replace("UNITS", " ".join(f"'{name}*'" for name in REAL))
    mounts = (f"--volume={build_repository()}:{PLACE}:ro", *download(*REAL, installed_in=image))
    container = Container(image, *command, options=(*options, *mounts))
    steps = {name: script + (_LIVE_ADMIN if script == _ADMIN_OFFLINE else "") for name, script in _STEPS.items()}
    apt = " ".join((*APT, "--no-download", "-o", "Debug::NoLocking=1"))
    steps |= {"Debian's installed": f"{apt} install {' '.join(REAL)}", "Debian's removed": f"{apt} remove {' '.join(REAL)}",
              "Debian's purged": f"{apt} purge {' '.join(REAL)}"}
    try:
        container.start().wait_until_booted()
        looks = {"": container.exec("sh", "-c", look).stdout.splitlines()}
        for name, script in steps.items():
            done = container.exec("sh", "-ec", _USE + script, timeout=300)
            told = [f"told {line}" for line in (done.stdout + done.stderr).splitlines() if _is_about_units(line)]
            looks[name] = [*container.exec("sh", "-c", look).stdout.splitlines(), *told]
    finally:
        container.remove()
    return compared(looks)


def build(image: Image, *command: str, options: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """While an image is built, and once the image, with all but what was purged, has booted."""
    order = ("first version installed", "an administrator's changes", "upgraded", "some purged")
    scripts = {**_STEPS, "some purged": f"{_APT} purge lab-plain lab-alias lab-socket"}
    look = LOOK.replace("UNITS", "")
    with tempfile.TemporaryDirectory(prefix="pyinit-lab-") as directory:
        for number, step in enumerate(order):
            Path(directory, f"step-{number}").write_text(_USE + scripts[step])
        Path(directory, "look").write_text(look)
        # what is looked at lands in the image, and what was told as well
        lines = [f"FROM {podman_image(image)}", "RUN sh /steps/look > /looks-before"]
        lines += [f"RUN sh -e /steps/step-{number} > /told-{number} 2>&1 && sh /steps/look > /looks-{number}"
                  for number in range(len(order))]
        Path(directory, "Containerfile").write_text("\n".join(lines))
        run([*PODMAN, "build", "--quiet", "--network=none", "--layers=false", "--label", LABEL, *LIMITS,
             f"--volume={build_repository()}:{PLACE}:ro", f"--volume={directory}:/steps:ro",
             "--iidfile", f"{directory}/id", directory])
        built = Path(directory, "id").read_text()
    container = None
    try:
        container = Container(image, *command, options=options, name=built)
        container.start().wait_until_booted()
        looks = {"": container.exec("cat", "/looks-before").stdout.splitlines()}
        for number, step in enumerate(order):
            told = [f"told {line}" for line in container.exec("cat", f"/told-{number}").stdout.splitlines()
                    if _is_about_units(line)]
            looks[step] = container.exec("cat", f"/looks-{number}").stdout.splitlines() + told
        looks["booted"] = container.exec("sh", "-c", look).stdout.splitlines()
    finally:
        if container:
            container.remove()
        subprocess.run([*PODMAN, "rmi", built], capture_output=True, check=False)
    return compared(looks)


def _is_about_units(line: str) -> bool:
    return line.startswith(("Created symlink", "Removed ", "Failed", "Job for", "Unit ", "Warning:", "Could",
                            "Synchronizing", "Executing:", "The unit files have no"))


def compared(looks: dict[str, list[str]]) -> dict[str, list[str]]:
    """Each look without what was there before, process ids told as what became of them."""
    before = looks.pop("")
    pids: dict[str, str] = {}
    result = {}
    for step, lines in looks.items():
        found = []
        for line in lines:
            if line.startswith("process "):
                _, unit, pid = line.split()
                if pid != "0":
                    found.append(f"process {unit} {'is the same' if pids.get(unit) == pid else 'is another'}")
                pids[unit] = pid
            elif line not in before:
                found.append(line)
        found += [f"- {line}" for line in before if line not in lines and not line.startswith("process ")]
        result[step] = sorted(found)
    return result
