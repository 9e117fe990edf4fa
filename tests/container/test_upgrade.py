"""pyinit's own package: upgraded in a running container, where nothing else notices; purged, and nothing of it is left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from harness import Container
from images import Image, build_deb, build_rootfs, directory_of, run, unpack

#: What the package needs, without it.
NEEDED = Image(("python3-minimal", "systemd-standalone-sysusers", "systemd-standalone-tmpfiles"), with_pyinit=False)
TALKS = "[Service]\nExecStart=/bin/sh -c 'n=0; while sleep 0.05; do n=$((n + 1)); echo line $n; done'\n"
ANSWERS = "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n"


def newer_deb(directory: Path) -> Path:
    """The same package with a higher version, and a word in the manager's own file that tells it from the older."""
    tree = directory / "tree"
    run(["dpkg-deb", "--raw-extract", str(build_deb()), str(tree)])
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("Version: ", "Version: 9:"))
    init = tree / "usr/lib/pyinit/initd/__init__.py"
    init.write_text(init.read_text().replace('__version__ = "', '__version__ = "9.'))
    for program in ("exec/pyinit-exec", "manager.py", "journal/__main__.py"):  # as other files, at another time
        os.utime(tree / "usr/lib/pyinit/initd" / program, (2_000_000_000, 2_000_000_000))
    deb = directory / "pyinit-newer.deb"
    run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(deb)])
    return deb


@pytest.fixture(scope="module")
def upgraded():
    """A container with services, before and after: what there was to see of them."""
    container = Container(Image(("procps",)))
    with directory_of("pyinit-newer-") as directory:
        container.put_file("/root/newer.deb", newer_deb(Path(directory)))
    container.put("/etc/systemd/system/talks.service", TALKS)
    container.put("/etc/systemd/system/answers@.service", ANSWERS)
    container.put("/etc/systemd/system/answers.socket", "[Socket]\nListenStream=/run/answers\nAccept=yes\n")
    try:
        container.start().wait_until_booted()
        container.systemctl("start", "talks.service", "answers.socket")
        before = look(container)
        done = container.exec("dpkg", "--install", "/root/newer.deb", timeout=120)
        container.wait_until("another journal runs", lambda: look(container)["journal"] not in ("", before["journal"]))
        yield container, before, done
    finally:
        container.remove()


def look(container: Container) -> dict[str, str]:
    facts = "MainPID,InvocationID,NRestarts,ExecMainStartTimestampMonotonic,ActiveEnterTimestampMonotonic,SubState"
    return {"version": container.systemctl("show", "-p", "Version"),
            "talks": container.systemctl("show", "-p", facts, "talks.service"),
            "socket": container.systemctl("show", "-p", facts, "answers.socket"),
            "inode": container.exec("sh", "-c", "grep /run/answers /proc/net/unix | sed 's/^[^ ]* //; s/^[0-9A-F]* //'").stdout,
            "journal": container.exec("pgrep", "-f", "initd/journal/__main__.py", check=False).stdout.strip()}


def test_an_upgrade_brings_another_manager_and_restarts_nothing(upgraded):
    container, before, done = upgraded
    after = look(container)
    assert "Setting up pyinit (9:" in done.stdout
    assert {name: after[name] for name in ("talks", "socket", "inode")} == \
        {name: before[name] for name in ("talks", "socket", "inode")}
    assert "(pyinit 9." in after["version"] and "(pyinit 9." not in before["version"]
    assert container.systemctl("is-system-running").strip() == "running"


def test_no_line_is_lost_over_an_upgrade(upgraded):
    container, _, _ = upgraded

    def lines() -> list[int]:
        text = container.exec("journalctl", "-o", "cat", "-u", "talks.service").stdout
        return [int(line.split()[1]) for line in text.splitlines() if line.startswith("line ")]

    told = len(lines())
    container.wait_until("the service is still heard", lambda: len(lines()) > told + 5)
    found = lines()
    assert found == list(range(1, len(found) + 1))


def test_purging_leaves_nothing_behind():
    """But for the group that sysusers made, as Debian's users stay."""
    with directory_of("purged-") as temporary:
        root = unpack(build_rootfs(Image()), Path(temporary, "root"))
        # what a boot and its timers leave on disk
        for path in ("var/log/journal/0123456789abcdef0123456789abcdef/system.export", "var/lib/systemd/timers/stamp-a.timer"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("")
        run(["chroot", str(root), "dpkg", "--purge", "--force-remove-protected", "--force-depends", "pyinit"])
        base = unpack(build_rootfs(NEEDED), Path(temporary, "base"))
        assert {path for path in _paths(root) - _paths(base) if not _is_kept(path)} == set()
        assert {path for path in _paths(base) - _paths(root) if not _is_kept(path)} == set()
        assert not (root / "usr/sbin/policy-rc.d").is_symlink()
        assert (root / "usr/sbin/policy-rc.d").read_text() == (base / "usr/sbin/policy-rc.d").read_text()
        assert "pyinit" not in run(["chroot", str(root), "dpkg-divert", "--list"]).stdout


def _paths(root: Path) -> set[str]:
    return {os.path.relpath(os.path.join(place, name), root)
            for place, directories, names in os.walk(root) for name in (*directories, *names)}


def _is_kept(path: str) -> bool:
    """dpkg's and apt's own notes, the interpreter's caches, and the account files' backups."""
    return path.startswith(("var/lib/dpkg/", "var/lib/apt/", "var/log/apt", "var/log/dpkg", "var/log/alternatives",
                            "var/cache/")) \
        or path.startswith("usr/lib/python3") and "__pycache__" in path \
        or path in ("etc/group-", "etc/gshadow-", "etc/passwd-", "etc/shadow-", "etc/.pwd.lock")
