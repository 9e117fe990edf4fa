"""Path units in a real container, with pyinotify and without."""

from __future__ import annotations

from images import Image

#: What was waited for is taken away, or it would be there again as soon as the service has ended.
SERVICE = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'rm -rf /srv/spool/* /srv/*.go /srv/deep; echo %n >> /run/ran'\n"
PATHS = {
    "exists": "PathExists=/srv/deep/er/exists",
    "changed": "PathChanged=/srv/changed",
    "full": "DirectoryNotEmpty=/srv/spool\nMakeDirectory=yes",
    "globbed": "PathExistsGlob=/srv/*.go",
}


def put_units(container) -> None:
    for name, text in PATHS.items():
        container.put(f"/etc/systemd/system/{name}.path", f"[Path]\n{text}\n")
        container.put(f"/etc/systemd/system/{name}.service", SERVICE)


def test_paths_are_waited_for(boot):
    container = boot(Image(("python3-pyinotify",)), before=put_units)
    container.wait_until_booted()
    container.systemctl("start", *(f"{name}.path" for name in PATHS))

    def ran(name: str) -> int:
        return container.exec("sh", "-c", "cat /run/ran 2>/dev/null || :").stdout.count(f"{name}.service")

    assert container.exec("test", "-d", "/srv/spool").returncode == 0
    assert {container.show(f"{name}.path", "SubState") for name in PATHS} == {"waiting"}
    for name, how in (
        ("exists", "mkdir -p /srv/deep/er; touch /srv/deep/er/exists"),
        ("full", "touch /srv/spool/a"),
        ("globbed", "touch /srv/x.go"),
        ("changed", "echo a > /srv/changed"),
        ("changed", "echo b > /srv/changed"),
        ("exists", "mkdir -p /srv/deep/er; touch /srv/deep/er/exists"),
    ):
        before = ran(name)
        container.exec("sh", "-c", how)
        container.wait_until(f"{how} starts {name}", lambda: ran(name) > before)  # noqa: B023  (waited for here)
        container.wait_until("it waits again", lambda: container.show(f"{name}.path", "SubState") == "waiting")  # noqa: B023
    container.systemctl("stop", *(f"{name}.path" for name in PATHS))
    before = ran("changed")
    container.exec("sh", "-c", "echo c > /srv/changed")
    assert ran("changed") == before


def test_without_pyinotify_a_path_unit_says_what_to_install(boot):
    container = boot(Image(), before=put_units)
    container.wait_until_booted()
    assert container.exec("systemctl", "start", "exists.path", check=False).returncode == 1
    assert container.show("exists.path", "Result") == "resources"
    assert "install the package python3-pyinotify" in container.logs()
