"""Two versions of a source package whose packages differ in how they start, stop, enable and restart their units.

Built by debhelper as any maintainer would, so that what runs at installation are the scripts of Debian 12. `build_repository`
returns a directory to mount at PLACE: 1/ and 2/ hold a flat apt repository each.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from images import CACHE, _locked, _publish, directory_of, run

PLACE = "/lab"
RUNS = "[Service]\nExecStart=/bin/sleep infinity\n"
ONCE = "[Service]\nType=oneshot\nExecStart=/bin/true\n"
WANTED = "[Install]\nWantedBy=multi-user.target\n"

SCRIPT = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides:          NAME
# Required-Start:    $remote_fs
# Required-Stop:     $remote_fs
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: NAME
### END INIT INFO
. /lib/lsb/init-functions
case $1 in
    start) start-stop-daemon --start --background --make-pidfile --pidfile /run/NAME.pid --exec /bin/sleep -- 4711 ;;
    stop) start-stop-daemon --stop --oknodo --pidfile /run/NAME.pid ;;
    restart|force-reload) $0 stop; $0 start ;;
    status) start-stop-daemon --status --pidfile /run/NAME.pid ;;
    *) exit 2 ;;
esac
"""


def files(version: int) -> dict[str, str]:
    """package/path → content; units stand at the package's top, all else has a directory.

    Left out: an enabled service that gets a socket. Both are started by one call, and which comes first is a race in systemd.
    """
    of_both = {
        # one for each way to restart, and those that an administrator turns off
        **{f"lab-{name}/lab-{name}.service": RUNS + WANTED
           for name in ("plain", "kept", "late", "quiet", "off", "masked", "stopped", "both", "reload")},
        "lab-reload/lab-reload.service": RUNS + "ExecReload=/bin/true\n" + WANTED,
        "lab-once/lab-once.service": ONCE + "RemainAfterExit=yes\n" + WANTED,
        "lab-static/lab-static.service": RUNS,
        "lab-socket/lab-socket.socket":
            "[Socket]\nListenStream=/run/lab-socket\n[Install]\nWantedBy=sockets.target\n",
        "lab-socket/lab-socket.service": RUNS + "[Install]\nAlso=lab-socket.socket\n",
        "lab-template/lab-template@.service":
            RUNS + "[Install]\nWantedBy=multi-user.target\nDefaultInstance=one\n",
        "lab-timer/lab-timer.timer": "[Timer]\nOnCalendar=yearly\nPersistent=yes\n[Install]\nWantedBy=timers.target\n",
        "lab-timer/lab-timer.service": ONCE,
        "lab-path/lab-path.path": "[Path]\nPathExists=/run/lab-path-wants-it\n[Install]\nWantedBy=paths.target\n",
        "lab-path/lab-path.service": RUNS,
        "lab-user/lab-user.service": RUNS + "User=lab-user\nRuntimeDirectory=lab-user-own\n" + WANTED,
        "lab-user/usr/lib/sysusers.d/lab-user.conf": "u lab-user - \"Lab\" /run/lab-user\n",
        "lab-user/usr/lib/tmpfiles.d/lab-user.conf": "d /run/lab-user 0750 lab-user lab-user\n",
        "lab-session/usr/lib/systemd/user/lab-session.service": RUNS + "[Install]\nWantedBy=default.target\n",
        "lab-both/etc/init.d/lab-both": SCRIPT.replace("NAME", "lab-both"),
        "lab-script/etc/init.d/lab-script": SCRIPT.replace("NAME", "lab-script"),
        "lab-dropped/lab-dropped.service": RUNS + WANTED,
        "lab-required/lab-required.service": RUNS + "[Install]\nRequiredBy=lab-plain.service\n",
    }
    of_one = {
        "lab-renamed/lab-old.service": RUNS + WANTED,
        "lab-dropped/lab-dropped-more.service": RUNS + WANTED,
        "lab-alias/lab-alias.service":
            RUNS + "[Install]\nWantedBy=multi-user.target\nAlias=lab-first.service\nAlso=lab-alias-too.service\n",
        "lab-alias/lab-alias-too.service": RUNS + WANTED,
        "lab-moved/lab-moved.service": RUNS + WANTED,
        "lab-broken/lab-broken.service": RUNS + WANTED,
    }
    of_two = {
        "lab-renamed/lab-new.service": RUNS + WANTED,
        "lab-alias/lab-alias.service":
            RUNS + "[Install]\nWantedBy=multi-user.target\nAlias=lab-second.service\nAlso=lab-alias-too.service\n",
        "lab-alias/lab-alias-too.service": RUNS + WANTED,
        "lab-moved/lab-moved.service": RUNS + "[Install]\nWantedBy=graphical.target\n",
        "lab-broken/lab-broken.service": "[Service]\nType=oneshot\nExecStart=/bin/false\n" + WANTED,
        "lab-added/lab-added.service": RUNS + WANTED,
    }
    return {path: f"[Unit]\nDescription=Version {version}\n{text}" if is_unit(path) else text
            for path, text in {**of_both, **(of_one if version == 1 else of_two)}.items()}


def is_unit(path: str) -> bool:
    return path.endswith((".service", ".socket", ".timer", ".path"))


#: What is not debhelper's way by default: options of dh_installsystemd.
OPTIONS = {"lab-kept": "--no-stop-on-upgrade", "lab-late": "--no-restart-after-upgrade",
           "lab-quiet": "--no-enable --no-start", "lab-off": "--no-restart-after-upgrade --no-stop-on-upgrade"}

RULES = """\
#!/usr/bin/make -f
%:
	dh $@ --buildsystem=none
override_dh_auto_install:
	cp -r files/. debian/
override_dh_installinit:
	dh_installinit -plab-script -plab-both --onlyscripts
override_dh_installtmpfiles:
	dh_installsysusers
	dh_installtmpfiles
override_dh_builddeb:
	dh_builddeb -- -Znone
override_dh_strip_nondeterminism:
override_dh_md5sums:
override_dh_installsystemd:
"""


def _source(version: int, directory: Path) -> None:
    debian = directory / "debian"
    found = files(version)
    packages = sorted({path.split("/")[0] for path in found})
    for path, text in found.items():
        package, _, rest = path.partition("/")
        place = directory / "files" / package / ("lib/systemd/system/" if "/" not in rest else "") / rest
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(0o755 if "/init.d/" in rest else 0o644)
    (debian / "source").mkdir(parents=True)
    (debian / "source/format").write_text("3.0 (native)\n")
    (debian / "changelog").write_text(f"lab ({version}) unstable; urgency=low\n\n  * Version {version}.\n\n"
                                      f" -- Lab <lab@lab.invalid>  Mon, 0{version} Jan 2024 00:00:00 +0000\n")
    control = ["Source: lab\nMaintainer: Lab <lab@lab.invalid>\nBuild-Depends: debhelper-compat (= 13)\n"
               "Rules-Requires-Root: no\n"]
    for package in packages:
        # what a package gained in the second version comes with one that was there in the first
        more = ", lab-added" if package == "lab-plain" and version == 2 else ""
        control.append(f"Package: {package}\nArchitecture: all\nDepends: ${{misc:Depends}}{more}\nDescription: a lab\n")
    (debian / "control").write_text("\n".join(control))
    rules = RULES + "".join(f"\tdh_installsystemd -p{package} {OPTIONS.get(package, '')}\n" for package in packages)
    (debian / "rules").write_text(rules)
    (debian / "rules").chmod(0o755)


def build_repository() -> Path:
    """Both versions, as flat repositories that apt trusts; kept in the cache by a hash of this file."""
    key = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    directory = CACHE / f"lab-{key}"
    with _locked("lab"):
        if not directory.is_dir():
            with directory_of("pyinit-lab-") as temporary:
                repositories = [_build(version, Path(temporary)) for version in (1, 2)]
                _publish(directory, *repositories)
    return directory


def _build(version: int, temporary: Path) -> Path:
    source = temporary / f"source-{version}" / "lab"
    _source(version, source)
    run(["dpkg-buildpackage", "-b", "-us", "-uc", "-d"], cwd=source)
    repository = temporary / str(version)
    repository.mkdir()
    for deb in source.parent.glob("*.deb"):
        deb.rename(repository / deb.name)
    with open(repository / "Packages", "w") as listing:
        subprocess.run(["dpkg-scanpackages", "-m", "."], cwd=repository, stdout=listing, stderr=subprocess.DEVNULL,
                       check=True)
    return repository
