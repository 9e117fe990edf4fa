"""`systemctl` in this process, against a manager with a real engine on a socket in a temporary directory."""

from __future__ import annotations

import threading

import pytest

from initd.cli import bus
from initd.cli.systemctl import main
from tests.api_manager import FakeManager


@pytest.fixture(autouse=True)
def without_colours(monkeypatch):
    monkeypatch.setenv("SYSTEMD_COLORS", "0")


class Answer:
    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    def __repr__(self) -> str:
        return f"Answer({self.status}, {self.out!r}, {self.err!r})"


def write_units(manager: FakeManager) -> None:
    manager.write(
        "web.service",
        "[Unit]\nDescription=A web server\nDocumentation=man:web(8)\n"
        "[Service]\nExecStartPre=/bin/true\nExecStart=/bin/web -x\nExecReload=/bin/true\n"
        "[Install]\nWantedBy=multi-user.target\n",
    )
    manager.write("fail.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n")
    manager.write("need.service", "[Unit]\nRequires=fail.service\nAfter=fail.service\n[Service]\nExecStart=/bin/x\n")
    manager.write("slow.service", "[Service]\nType=oneshot\nExecStart=/bin/slow\n")
    manager.write("bad.service", "[Service]\nType=simple\n")
    manager.write("only.service", "[Unit]\nRefuseManualStart=yes\n[Service]\nExecStart=/bin/x\n")
    manager.write("many.target", "[Unit]\nDescription=Many\nAllowIsolate=yes\nWants=web.service slow.service\n")
    manager.write("few.target", "[Unit]\nAllowIsolate=yes\nRequires=sysinit.target\n")
    (manager.root / "etc/systemd/system/masky.service").symlink_to("/dev/null")
    manager.exits = {"/bin/true": 0, "/bin/false": 1}


@pytest.fixture
def manager(tmp_path):
    """Serving; its socket is in `manager.socket_path`."""
    made = FakeManager(tmp_path / "root")
    write_units(made)
    made.socket_path = str(tmp_path / "private")
    ready, over = threading.Event(), threading.Event()

    def is_over() -> bool:
        ready.set()  # first asked when the socket listens
        return over.is_set()

    thread = threading.Thread(target=made.serve, args=(made.socket_path, is_over))
    thread.start()
    assert ready.wait(10)
    yield made
    over.set()
    thread.join()


@pytest.fixture
def systemctl(manager, monkeypatch, capsys):
    """A function that runs `systemctl WORDS…` and gives its exit status and output."""
    monkeypatch.setattr(bus, "SOCKET_PATH", manager.socket_path)
    monkeypatch.setenv("SYSTEMD_OFFLINE", "0")
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)

    def run(*words: str, program: str = "systemctl") -> Answer:
        capsys.readouterr()
        status = main(list(words), program)
        captured = capsys.readouterr()
        return Answer(status, captured.out, captured.err)

    return run
