"""`make demo`: build the package and an image with nginx and openssh-server, boot it, look around, stop it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import Container, Machine, PrivateRoot, why_no_containers
from images import Image, Unavailable, build_deb, build_rootfs

IMAGE = Image(("nginx", "openssh-server"))


def say(text: str) -> None:
    print(f"\n\033[1m==> {text}\033[0m" if sys.stdout.isatty() else f"\n==> {text}", flush=True)


def show(machine: Machine, *argv: str) -> None:
    print(f"# {' '.join(argv)}")
    print(machine.exec(*argv, check=False).stdout, flush=True)


def log_in(machine: Machine) -> None:
    with tempfile.TemporaryDirectory(prefix="pyinit-demo-") as directory:
        key = Path(directory, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        machine.write("/root/.ssh/authorized_keys", key.with_suffix(".pub").read_text())
        command = 'echo "logged in as $(id -un), ssh is $(systemctl is-active ssh)"'
        done = machine.on_its_network(
            "ssh", "-q", "-i", str(key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "BatchMode=yes", "root@127.0.0.1", command)
    print(done.stdout or done.stderr, flush=True)
    if "ssh is active" not in done.stdout:
        raise Unavailable("the login failed")


def tour(machine: Machine) -> None:
    began = time.monotonic()
    machine.start()
    machine.wait_until("nginx answers", machine.fetch)
    say(f"nginx answered {time.monotonic() - began:.2f} s after the start")
    machine.wait_until_booted()
    show(machine, "systemctl", "status", "--no-pager")
    show(machine, "systemctl", "status", "--no-pager", "nginx", "ssh")
    say("nginx's page")
    print("\n".join(machine.fetch().splitlines()[:5]))
    say("a login over ssh, with a key made for it")
    log_in(machine)
    say("its output so far (what `docker logs` shows)")
    print(machine.logs())
    say("stopping")
    seconds = machine.stop()
    print(f"stopped in {seconds:.2f} s with exit code {machine.wait()}")


def main() -> int:
    problem = why_no_containers()
    say("building the package")
    print(build_deb())
    say("building a Debian image with " + ", ".join(IMAGE.packages))
    print(build_rootfs(IMAGE))
    if problem:
        say(f"no container can be run here ({problem.strip()}): booting the same image in a private root instead")
        machine: Machine = PrivateRoot(IMAGE)
    else:
        say("booting it with podman: default capabilities, read-only cgroups")
        machine = Container(IMAGE)
    try:
        tour(machine)
    finally:
        machine.remove()
    say("done")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, AssertionError) as trouble:
        sys.exit(f"demo: {trouble}")
