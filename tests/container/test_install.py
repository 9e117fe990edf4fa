"""Packages are installed as on any Debian: while an image is built, and in a running container."""

from __future__ import annotations

import os
import re
import shutil
import tarfile

import pytest
from harness import SERVICES
from images import (
    APT,
    CACHE,
    OWN_RELEASE,
    RELEASE,
    TREE,
    Image,
    build_deb,
    build_rootfs,
    copy_sources,
    download,
    run,
    simulate,
    unpack,
)

WITH_SYSTEMD = Image(("systemd-sysv", *SERVICES.packages), with_pyinit=False)


def enable_links(image: Image, root: str = "etc/systemd/system") -> dict[str, str]:
    """Link → target of everything below /etc/systemd/system in the image."""
    with tarfile.open(build_rootfs(image)) as tar:
        return {member.name.removeprefix(f"./{root}/"): member.linkname.replace("/usr/lib/", "/lib/")
                for member in tar if member.issym() and member.name.startswith(f"./{root}/")}


def test_packages_of_an_image_are_enabled_as_under_systemd():
    """By their own maintainer scripts, through our systemctl, with nothing running."""
    ours, real = enable_links(SERVICES), enable_links(WITH_SYSTEMD)
    of_systemd_itself = {link for link, target in real.items()
                         if re.search(r"/(systemd-|getty@|remote-fs|console-|dbus|machines|debug-)", target)}
    assert ours == {link: target for link, target in real.items() if link not in of_systemd_itself}
    assert {"multi-user.target.wants/nginx.service", "multi-user.target.wants/ssh.service", "sshd.service"} <= set(ours)


def test_nothing_was_started_while_the_image_was_built():
    with tarfile.open(build_rootfs(SERVICES)) as tar:
        names = set(tar.getnames())
    assert "./run/nginx.pid" not in names
    assert "./run/systemd/system" not in names


@pytest.fixture(params=[True, False], ids=["image forbids starting", "image has no policy"])
def with_memcached_at_hand(request, boot):
    image = SERVICES._replace(with_policy=request.param)
    container = boot(image, options=tuple(download("memcached", installed_in=image)))
    container.wait_until_booted()
    return container


def test_installing_memcached_in_a_running_container_starts_it(with_memcached_at_hand):
    container = with_memcached_at_hand
    container.exec(*APT, "--no-download", "-o", "Debug::NoLocking=1",
                   "install", "memcached", timeout=180)
    container.wait_for_state("memcached.service", "active")
    assert container.systemctl("is-enabled", "memcached") == "enabled\n"
    answer = container.on_its_network("sh", "-c", "printf 'version\\r\\nquit\\r\\n' | nc -w 2 127.0.0.1 11211") \
        if shutil.which("nc") else container.exec("sh", "-c", "grep -c : /proc/net/tcp")
    assert answer.stdout
    container.exec(*APT, "-o", "Debug::NoLocking=1", "remove", "memcached", timeout=180)
    assert container.exec("systemctl", "is-active", "memcached", check=False).returncode == 3


@pytest.fixture(scope="module")
def root():
    directory = CACHE / f"install-root-{os.getpid()}"
    yield unpack(build_rootfs(Image()), directory)
    shutil.rmtree(directory, ignore_errors=True)


def test_the_package_installs_what_it_should(root):
    for path in ("usr/sbin/pyinit", "usr/sbin/init", "usr/sbin/poweroff", "usr/bin/systemctl",
                 *(f"usr/bin/{path.name}" for path in sorted((TREE / "debian/bin").iterdir())),
                 "usr/lib/pyinit/initd/exec/pyinit-exec", "usr/lib/systemd/systemd-sysv-install",
                 "usr/lib/systemd/system/multi-user.target", "usr/lib/lsb/init-functions.d/40-pyinit"):
        assert os.access(root / path, os.R_OK), path
    assert os.readlink(root / "usr/sbin/init") == "../lib/pyinit/initd/exec/pyinit-exec"
    assert (root / "usr/lib/pyinit/initd.bytecode").exists(), "not byte-compiled"
    assert {path.name.partition(".")[0] for path in (root / "usr/lib/pyinit").rglob("*.pyc")} == {"__init__", "bytecode"}
    run(["chroot", str(root), "systemctl", "--version"])


def test_every_module_imports_with_python3_minimal(root):
    """On the very interpreter that runs PID 1 and systemctl."""
    script = ("import sys; sys.path.insert(0, '/usr/lib/pyinit'); import importlib, os\n"
              "for place, _, files in os.walk('/usr/lib/pyinit/initd'):\n"
              "    for name in files:\n"
              "        if name.endswith('.py') and name != '__main__.py':\n"
              "            module = (place[len('/usr/lib/pyinit/'):] + '/' + name[:-3]).replace('/', '.')\n"
              "            importlib.import_module(module.removesuffix('.__init__'))\n"
              "print('all')\n")
    assert not (root / "usr/lib/python3.11/json").exists()
    assert run(["chroot", str(root), "/usr/bin/python3", "-IS", "-c", script]).stdout == "all\n"


def test_init_scripts_without_a_unit_are_enabled_by_update_rc_d(root):
    script = root / "etc/init.d/oldstyle"
    script.parent.mkdir(exist_ok=True)  # which trixie's minbase does not have
    script.write_text("#!/bin/sh\n### BEGIN INIT INFO\n# Provides: oldstyle\n# Required-Start:\n# Required-Stop:\n"
                      "# Default-Start: 2 3 4 5\n# Default-Stop: 0 1 6\n### END INIT INFO\n")
    script.chmod(0o755)

    def install(verb: str) -> int:
        return int(run(["chroot", str(root), "sh", "-c",
                        f"/usr/lib/systemd/systemd-sysv-install {verb} oldstyle >/dev/null 2>&1; echo $?"]).stdout)

    assert install("is-enabled") == 1
    assert install("enable") == 0
    assert install("is-enabled") == 0
    assert list((root / "etc/rc2.d").glob("S??oldstyle"))
    assert install("disable") == 0
    assert install("is-enabled") == 1
    assert install("nonsense") == 2


def test_the_images_policy_steps_aside_and_comes_back(root):
    def ask() -> int:
        return int(run(["chroot", str(root), "sh", "-c", "/usr/sbin/policy-rc.d nginx start; echo $?"]).stdout)

    assert ask() == 101
    assert (root / "usr/sbin/policy-rc.d.image").read_text() == "#!/bin/sh\nexit 101\n"
    (root / "usr/sbin/policy-rc.d.image").write_text("#!/bin/sh\nexit 102\n")
    assert ask() == 102
    run(["chroot", str(root), "dpkg", "--purge", "--force-remove-protected", "--force-depends", "pyinit"])
    assert (root / "usr/sbin/policy-rc.d").read_text() == "#!/bin/sh\nexit 102\n"
    left = [path for path in (root / "usr/lib/pyinit", root / "usr/sbin/init", root / "usr/bin/systemctl")
            if os.path.lexists(path)]
    assert left == []


def test_the_package_depends_on_python3_minimal_only():
    fields = run(["dpkg-deb", "--field", str(build_deb()), "Pre-Depends", "Depends"]).stdout
    assert "python3-minimal" in fields
    assert not re.search(r"python3(?!-minimal)\b", fields)


@pytest.mark.skipif(RELEASE != OWN_RELEASE, reason="the README's figures are those of Debian 12")
def test_what_it_adds_to_minbase_is_what_the_readme_says():
    """At most 8 packages, and no more than its peers with all they need; `make figures` writes the table."""
    deb = build_deb()
    added = simulate(Image(with_pyinit=False, with_policy=False), f"./{deb.name}", deb)
    told = re.search(r"(?m)^\| pyinit \| (\d+) \| ([\d.]+) \|$", (TREE / "README.md").read_text())
    assert len(added) == int(told[1]) <= 8
    assert abs(sum(added.values()) / 1000 - float(told[2])) <= 0.1
    assert added["pyinit"] < 3350, "kB of its own"


def test_the_package_is_the_same_wherever_and_whenever_it_is_built(tmp_path):
    """Bit by bit, from files of another age, by who has another umask, zone and language."""
    source = copy_sources(tmp_path / "a place with a longer name" / "pyinit")
    for path in source.rglob("*"):
        os.utime(path, (1_900_000_000, 1_900_000_000), follow_symlinks=False)
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
    run(["sh", "-c", "umask 077 && dpkg-buildpackage -b -us -uc"], cwd=source, env=environment)
    assert next(source.parent.glob("pyinit_*.deb")).read_bytes() == build_deb().read_bytes()
