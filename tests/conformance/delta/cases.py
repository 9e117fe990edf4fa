"""A tree of configuration files for systemd-delta, and what it is asked. All files are as old as the epoch."""

from __future__ import annotations

import os
from pathlib import Path

#: Path → text; "> path" is a link there, "/" a directory.
TREE = {
    "usr/lib/systemd/system/masked.service": "a\n", "etc/systemd/system/masked.service": "> /dev/null",
    "usr/lib/systemd/system/empty.service": "a\n", "etc/systemd/system/empty.service": "",
    "usr/lib/systemd/system/same.service": "a\nb\n", "etc/systemd/system/same.service": "a\nb\n",
    "usr/lib/systemd/system/over.service": "a\nb\n", "etc/systemd/system/over.service": "a\nc\n",
    "usr/lib/systemd/system/linked.service": "a\n", "etc/systemd/system/linked.service": "> @/usr/lib/systemd/system/x.service",
    "usr/lib/systemd/system/x.service": "x\n",
    "usr/lib/systemd/system/itself.service": "a\n",
    "etc/systemd/system/itself.service": "> @/usr/lib/systemd/system/itself.service",
    "usr/lib/systemd/system/sibling.service": "a\n", "etc/systemd/system/sibling.service": "> ./only.service",
    "usr/lib/systemd/system/lost.service": "a\n", "etc/systemd/system/lost.service": "> /nosuch/file",
    "etc/systemd/system/dangling.service": "> /nosuch/file", "etc/systemd/system/only.service": "x\n",
    "usr/lib/systemd/system/three.service": "1\n", "run/systemd/system/three.service": "2\n",
    "etc/systemd/system/three.service": "3", "run/systemd/system/two.service": "x\n", "etc/systemd/system/two.service": "y\n",
    "usr/local/lib/systemd/system/local.service": "x\n", "run/systemd/system/local.service": "y\n",
    "usr/lib/systemd/system/plain.service": "x\n", "usr/lib/systemd/system/plain.service.d/10-vendor.conf": "x\n",
    "etc/systemd/system/plain.service.d/10-vendor.conf": "y\n", "etc/systemd/system/plain.service.d/20-own.conf": "x\n",
    "run/systemd/system/plain.service.d/05-run.conf": "x\n", "etc/systemd/system/plain.service.d/README": "x\n",
    "etc/systemd/system/plain.service.d/.hidden.conf": "x\n", "etc/systemd/system/plain.service.d/dir.conf": "/",
    "usr/lib/systemd/system/off.service": "x\n", "usr/lib/systemd/system/off.service.d/a.conf": "x\n",
    "etc/systemd/system/off.service.d/a.conf": "> /dev/null", "etc/systemd/system/nosuch.service.d/x.conf": "x\n",
    "run/systemd/system/service.d/all.conf": "x\n", "etc/systemd/system/linked.service.d/z.conf": "x\n",
    "run/systemd/system/linked.service.d/a.conf": "x\n", "etc/systemd/aside/z.conf": "x\n",
    "etc/systemd/system/x.service.d": "> ../aside", "etc/systemd/system/multi-user.target.wants/plain.service": "> /nosuch",
    "etc/systemd/system/plain.service~": "x\n", "etc/systemd/system/.swp": "x\n", "etc/systemd/system/a.dpkg-old": "x\n",
    "etc/systemd/system/a.rpmsave": "x\n", "usr/lib/systemd/system/directory.service": "x\n",
    "etc/systemd/system/directory.service": "/", "usr/lib/systemd/user/a.service": "x\n",
    "etc/systemd/user/a.service.d/z.conf": "x\n", "run/systemd/user/a.service.d/a.conf": "x\n",
    "usr/lib/sysctl.d/50-a.conf": "a\n", "etc/sysctl.d/50-a.conf": "b\n", "run/sysctl.d/60-b.conf": "b\n",
    "etc/sysctl.d/README": "x\n", "etc/sysctl.d/50-a.conf.d/x.conf": "x\n", "usr/lib/tmpfiles.d/x.conf": "a\n",
    "etc/tmpfiles.d/x.conf": "> /dev/null", "usr/local/share/tmpfiles.d/y.conf": "x\n", "etc/modules-load.d/x.conf": "x\n",
    "etc/binfmt.d/x.conf": "x\n", "etc/systemd/system-preset/1.preset": "x\n", "etc/systemd/user-preset/1.preset": "x\n",
    "etc/udev/rules.d/1.rules": "x\n", "run/modprobe.d/1.conf": "x\n", "etc/systemd/system.conf": "x\n",
    "etc/sysusers.d/1.conf": "x\n", "usr/lib/modules-load.d": "/", "usr/lib/binfmt.d": "/",
    "usr/lib/systemd/system-preset": "/", "usr/lib/systemd/user-preset": "/", "usr/lib/udev/rules.d": "/",
    "usr/lib/modprobe.d": "/",
}  # fmt: skip
CALLS = """
-
--diff=no
--type=unchanged
-t unchanged,equivalent /etc
--diff=0 /run
-t equivalent systemd/system
-t redirected
-t masked,extended
-t extended -t redirected systemd/system
-t masked --diff systemd/system
-t masked --diff=no systemd/system
-t overridden sysctl.d
-t overridden --type=default --diff=no
systemd/system
/etc/systemd/system
//etc//systemd/system/
/usr/lib/systemd/system
/usr/local/lib
/usr/local/share -t unchanged
/lib
sysctl.d tmpfiles.d
sysctl.d/ /run
systemd/system/plain.service.d
nosuch
/etcx
/nosuch
sysctl.d /nosuch
-t bogus
-t masked,bogus
-t masked,,extended
--type=
--diff=maybe
--bogus
-Z
-t
""".split("\n")[1:-1]


def build(root: Path, links_to: str) -> None:
    """Links that begin with "@" lead below `links_to`."""
    for name, text in TREE.items():
        path = root / name
        (path if text == "/" else path.parent).mkdir(parents=True, exist_ok=True)
        if text.startswith("> "):
            path.symlink_to(text[2:].replace("@", links_to))
        elif text != "/":
            path.write_text(text)
            os.utime(path, (0, 0))
    (root / "lib").symlink_to("usr/lib")


def words(call: str) -> list[str]:
    return [] if call == "-" else call.split()
