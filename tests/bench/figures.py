"""`make figures`: the README's tables, measured here and now: boot to nginx answering, memory; packages and size.

Boot time and memory are of the very image the demo boots, PSS as the kernel accounts it (/proc/PID/smaps_rollup).
Packages and sizes are what apt says it would install into minbase; nothing is installed for that. Prints Markdown, and
with --write puts it into README.md; with --sizes that is all.
"""

from __future__ import annotations

import datetime
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "container"))

import images
from harness import Container
from images import Image, Unavailable
from surroundings import pss

SERVICES = Image(("nginx", "openssh-server"))
WITH_SYSTEMD = Image(("systemd-sysv", "nginx", "openssh-server"), with_pyinit=False)
WITH_SUPERVISOR = Image(("supervisor", "nginx", "openssh-server"), with_pyinit=False)
MINBASE = Image(with_pyinit=False, with_policy=False)
ROUNDS = 5
README = Path(__file__).resolve().parent.parent.parent / "README.md"

SUPERVISOR_CONFIGURATION = """\
[supervisord]
nodaemon=true
user=root
[program:nginx]
command=/usr/sbin/nginx -g "daemon off;"
[program:ssh]
command=/bin/sh -c "mkdir -p /run/sshd && exec /usr/sbin/sshd -D"
"""


class Contender:
    """One init system, with the same two services."""

    def __init__(self, name: str, image: Image, command: str, options: tuple[str, ...] = ()) -> None:
        self.name, self.image, self.command, self.options = name, image, command, options

    def create(self) -> Container:
        container = Container(self.image, *self.command.split(), options=self.options)
        if self.name == "supervisor":
            container.put("/etc/supervisor/supervisord.conf", SUPERVISOR_CONFIGURATION)
        return container


CONTENDERS = (
    Contender("pyinit", SERVICES, "/sbin/pyinit"),
    Contender("systemd 252", WITH_SYSTEMD, "/sbin/init", ("--systemd=always", "--privileged")),
    Contender("supervisor", WITH_SUPERVISOR, "/usr/bin/supervisord -c /etc/supervisor/supervisord.conf"),
)

#: For whatever belongs to the boot alone to be over when memory is looked at.
SETTLE_SEC = 2
#: Name → what to install; nothing for ours.
SIZES = (("pyinit", ""), ("python3-minimal, which it needs", "python3-minimal"),
         ("the standalone sysusers and tmpfiles, which it needs", "systemd-standalone-sysusers systemd-standalone-tmpfiles"),
         ("systemd 252", "systemd-sysv"), ("supervisor", "supervisor"), ("s6", "s6"))


def measure(contender: Contender) -> tuple[float, str]:
    """Seconds from the init's start to nginx's answer, and the PSS of the init's own processes, in MB."""
    container = contender.create()
    try:
        began = time.monotonic()
        container.start()
        container.wait_until("nginx answers", container.fetch)
        seconds = time.monotonic() - began
        time.sleep(SETTLE_SEC)
        return seconds, own_memory(container)
    finally:
        container.remove()


def own_memory(container: Container) -> str:
    """Of PID 1 and of the helpers it keeps running for itself; journals, managers, buses: whatever is no service."""
    names = {"nginx", "sshd", "cron", "agetty", "(agetty)"}
    parts = []
    for process in container.processes_here():
        try:
            name = (process / "comm").read_text().strip()
            parts += [pss(process)] if name not in names and name != "podman" else []
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    return f"{sum(parts):.1f} ({', '.join(f'{part:.1f}' for part in sorted(parts, reverse=True))})"


def added_to_minbase(packages: str) -> tuple[int, float]:
    """How many packages apt would add, and their installed size in MB."""
    deb = images.build_deb()
    listing = images.simulate(MINBASE, packages or f"./{deb.name}", deb)
    return len(listing), sum(listing.values()) / 1000


def table() -> Iterator[str]:
    yield "| | boot to nginx answering, s | PSS of its own processes, MB |"
    yield "|---|---|---|"
    for contender in CONTENDERS:
        try:
            rounds = [measure(contender) for _ in range(ROUNDS)]
        except (Unavailable, AssertionError, subprocess.TimeoutExpired) as problem:
            print(f"{contender.name}: {problem}", file=sys.stderr)
            continue
        seconds = statistics.median(each[0] for each in rounds)
        yield f"| {contender.name} | {seconds:.2f} | {rounds[-1][1]} |"
    yield f"\nDebian 12 with nginx and openssh-server; median of {ROUNDS} boots by podman, its own time included."


def sizes() -> Iterator[str]:
    yield "| | packages added to minbase | MB added |"
    yield "|---|---|---|"
    for name, packages in SIZES:
        count, size = added_to_minbase(packages)
        yield f"| {name} | {count} | {size:.1f} |"
    yield f"\nWhat apt would install into Debian 12's minbase, without Recommends; {datetime.date.today().isoformat()}."


def write_into_readme(name: str, lines: list[str]) -> None:
    text = README.read_text()
    head, begin, rest = text.partition(f"<!-- {name}: written by `make figures` -->\n")
    _, end, tail = rest.partition(f"<!-- end of {name} -->")
    README.write_text(head + begin + "".join(f"{line}\n" for line in lines) + end + tail)


def main() -> int:
    tables = [("sizes", sizes)] if "--sizes" in sys.argv[1:] else [("figures", table), ("sizes", sizes)]
    for name, measured in tables:
        lines = []
        for line in measured():
            print(line, flush=True)
            lines.append(line)
        if "--write" in sys.argv[1:]:
            write_into_readme(name, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
