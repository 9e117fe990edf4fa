"""Packages of Debian, unchanged, under an init.

    python3 tests/matrix/matrix.py [--init pyinit|systemd|both] [--write] [PACKAGE…]

For each package: an image of minbase, the init and the package; a boot in an unprivileged container; its units' states; does
it answer; is that so after a restart; how long does a stop take, and what is its exit code; did the boot go as `pyinit
plan` had said. A line per package goes to results-INIT.tsv with `--write`, in the place of an older
one. `make matrix` runs all of packages.txt.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import sys
import time
from datetime import date
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
if __name__ == "__main__":  # its images are many, and needed once: not among those of the tests
    os.environ.setdefault("PYINIT_TEST_CACHE", "/var/cache/pyinit-matrix")
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

import images  # noqa: E402  (the path comes first)
from harness import Container  # noqa: E402
from images import Image  # noqa: E402
from plans import differences, plan_before  # noqa: E402

#: As the recorded boots of real systemd had them, which needs its own cgroups besides.
OPTIONS = ("--cap-add=NET_RAW,MKNOD,AUDIT_WRITE",)
COLUMNS = ("package", "version", "state", "units", "not_up", "answer", "restarted", "boot_ms", "stop_ms", "exit", "not_applied",
           "note", "date", "commit", "unplanned")
BASE = ("systemd-sysv", "dbus")
ANSWER_SEC = 30


def image_of(package: str, init: str) -> Image:
    if init == "systemd":
        return Image((*BASE, *needed_by(package)), with_pyinit=False)
    return Image(needed_by(package))


def start(image: Image, init: str) -> Container:
    if init == "systemd":
        return Container(image, "/sbin/init", options=("--systemd=always", *OPTIONS)).start()
    return Container(image, options=OPTIONS).start()


@cache
def base_packages(init: str) -> frozenset[str]:
    """What is installed before the package is."""
    base = Image(BASE, with_pyinit=False) if init == "systemd" else Image()
    container = Container(base, "/bin/sleep", "1000")
    try:
        return frozenset(container.start().exec("dpkg-query", "-Wf", "${Package}\n").stdout.split())
    finally:
        container.remove()


def own_units(container: Container, init: str) -> list[str]:
    """The units whose files the package and what came with it have installed, or made later, as far as they are loaded;
    instances too."""
    there = container.exec("dpkg-query", "-Wf", "${Package}\n").stdout.split()
    new = [name for name in there if name not in base_packages(init)]
    script = "for p; do cat /var/lib/dpkg/info/$p.list /var/lib/dpkg/info/$p:*.list; done 2>/dev/null | " \
             "sed -n 's,.*/systemd/system/\\([^/]*\\.[a-z]*\\)$,\\1,p'; ls /run/systemd/generator* 2>/dev/null; :"
    names = set(container.exec("sh", "-c", script, "sh", *new).stdout.split())
    listed = container.systemctl("list-units", "--all", "--no-legend", "--plain", "--no-pager").splitlines()
    loaded = {line.split()[0] for line in listed if line.strip()}
    return sorted(name for name in loaded if name in names or _template(name) in names)


def _template(name: str) -> str:
    stem, at, rest = name.partition("@")
    return f"{stem}@.{rest.rpartition('.')[2]}" if at else name


def state_of(container: Container, unit: str) -> dict[str, str]:
    wanted = "ActiveState,SubState,Result,UnitFileState,Type,ConditionResult"
    text = container.systemctl("show", "-p", wanted, unit)
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def answer(container: Container, package: str) -> tuple[str, str]:
    """(what it said, why it did not), as soon as it does."""
    end = time.monotonic() + ANSWER_SEC
    while True:
        done = container.on_its_network(sys.executable, str(HERE / "answers.py"), package, f"/proc/{container.pid}/root")
        said = json.loads(done.stdout) if done.stdout else {"answer": "", "problem": done.stderr[-200:]}
        if not said["problem"] or time.monotonic() > end:
            return said["answer"], said["problem"]
        time.sleep(0.2)


def not_applied(container: Container, units: list[str]) -> str:
    """Directive → how many of the units have it without effect, or with less than it should have."""
    counts: dict[str, int] = {}
    for unit in units:
        # A line each: FILE:LINE: KEY= FATE: WHY.
        for line in container.exec("/sbin/pyinit", "check", unit).stdout.splitlines():
            key, fate = re.match(r".*?:\d+: (\S+?)=? (\w+)", line).groups()
            if fate != "applied":
                counts[key] = counts.get(key, 0) + 1
    return " ".join(f"{key}={count}" for key, count in sorted(counts.items()))


def look_at(package: str, init: str) -> dict[str, str]:
    """One row."""
    plan = plan_before(image_of(package, init), OPTIONS) if init == "pyinit" else {}
    container = start(image_of(package, init), init)
    row = dict.fromkeys(COLUMNS, "")
    try:
        began = time.monotonic()
        row["state"] = container.wait_until_booted(timeout=180)
        row["boot_ms"] = str(int((time.monotonic() - began) * 1000))
        row["version"] = container.exec("dpkg-query", "-Wf", "${Version}", package).stdout
        if plan:
            row["unplanned"] = "; ".join(differences(plan, container)) or "no"
        units = own_units(container, init)
        states = {unit: state_of(container, unit) for unit in units}
        up = [unit for unit, state in states.items() if state["ActiveState"] == "active"]
        row["units"] = " ".join(up)
        row["not_up"] = " ".join(f"{unit}={state['ActiveState']}" for unit, state in states.items()
                                 if state["ActiveState"] not in ("active", "inactive"))
        said, problem = answer(container, package)
        row["answer"], row["note"] = said, problem
        services = [unit for unit in up if states[unit]["SubState"] == "running" and unit.endswith(".service")]
        if services:
            done = container.exec("systemctl", "restart", *services, check=False, timeout=120)
            after = [state_of(container, unit)["ActiveState"] for unit in services]
            said, problem = answer(container, package)
            is_back = done.returncode == 0 and set(after) == {"active"} and not problem
            row["restarted"] = "yes" if is_back else f"no: {done.stderr.strip()[-200:]} {problem}"
        if init == "pyinit":
            row["not_applied"] = not_applied(container, [unit for unit in units if states[unit]["ActiveState"] != "inactive"])
        row["stop_ms"] = str(int(container.stop(timeout=20) * 1000))
        row["exit"] = container._inspect("{{.State.ExitCode}}")
        return {key: printable(value) for key, value in row.items()} | {
            "package": package, "date": str(date.today()), "commit": commit() if init == "pyinit" else ""}
    finally:
        if row["not_up"] or row["note"] or row["state"] != "running":
            print(container.logs()[-3000:], file=sys.stderr)
        container.remove()
        images._forget_in_podman(image_of(package, init).key)


@cache
def commit() -> str:
    """Of the tree that is tested."""
    return images.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]).stdout.strip()


def printable(text: str) -> str:
    """For a table's cell: what a service said may be any bytes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode()
                   for char in text.replace("\t", " ").replace("\n", " "))


def read(init: str) -> dict[str, dict[str, str]]:
    """The rows that were written, by package."""
    path = HERE / f"results-{init}.tsv"
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [dict.fromkeys(COLUMNS, "") | dict(zip(COLUMNS, line.split("\t"))) for line in lines[1:] if not line.startswith("#")]
    return {row["package"]: row for row in rows}


def write(init: str, row: dict[str, str]) -> None:
    rows = read(init) | {row["package"]: row}
    text = "\n".join(["\t".join(COLUMNS), *("\t".join(rows[name][column] for column in COLUMNS) for name in sorted(rows))])
    (HERE / f"results-{init}.tsv").write_text(text + "\n")


def needed_by(package: str) -> tuple[str, ...]:
    """The package, and those it only recommends but does not run without."""
    lines = [tuple(line.split()) for line in (HERE / "packages.txt").read_text().splitlines()]
    return next((line for line in lines if line[0] == package), (package,))


def packages() -> list[str]:
    return [line.split()[0] for line in (HERE / "packages.txt").read_text().splitlines()]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--init", choices=("pyinit", "systemd", "both"), default="pyinit")
    options.add_argument("--write", action="store_true")
    options.add_argument("packages", nargs="*")
    chosen = options.parse_args()
    inits = ("pyinit", "systemd") if chosen.init == "both" else (chosen.init,)
    is_good = True
    for package, init in itertools.product(chosen.packages or packages(), inits):
        try:
            row = look_at(package, init)
        except Exception as error:  # the next one may do better
            print(f"{package}\t{str(error)[-1000:]}", flush=True)
            is_good = False
            continue
        print(init, *(row[column] for column in COLUMNS), sep="\t", flush=True)
        is_good &= init == "systemd" or (
            row["state"] == "running" and not row["not_up"] and not row["note"] and row["restarted"] in ("", "yes")
            and row["exit"] == "0" and row["unplanned"] == "no")
        if chosen.write:
            write(init, row)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
