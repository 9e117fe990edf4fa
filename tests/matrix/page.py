"""`python3 -m tests.matrix.page`: both inits' results beside each other, as debian/doc/packages.md."""

from __future__ import annotations

from tests.matrix.matrix import packages, read

INTRODUCTION = """# Debian's packages, unchanged

Written by `make docs` from `tests/matrix/results-*.tsv`, which `make matrix` measures: each package is installed into an image
of its own and booted in an unprivileged container, under pyinit, and in turn under systemd 252 (which needs a cgroup tree of
its own).

- **up**: the units of the package and of what came with it that are active; in brackets, what is neither active nor inactive.
- **answer**: what its service said when it was asked in its own protocol, and asked again after a restart. `-`: it has no door
  to ask at, as Debian configures it. Of cron and monit, the process that the PID file names is looked for; of opendkim and
  nagios-nrpe-server, whether they take connections.
- **boot**: from the start of the container until the system is up, milliseconds; one boot each, on a busy machine.
- **not applied**: `pyinit check`'s count of directives that have no effect, or less of it, in such a container.
- **as planned**: the boot has tried to start what `pyinit plan` had said before, no more and no less, and in an order that it
  allows.
"""
_HEAD = ("package", "version", "up: systemd", "up: pyinit", "answer: systemd", "answer: pyinit", "restart", "boot: systemd",
         "boot: pyinit", "not applied", "as planned")


def rows() -> list[tuple[str, ...]]:
    ours, theirs = read("pyinit"), read("systemd")
    found = []
    for name in sorted(packages()):
        if name not in ours:
            found.append((name, *["not measured"] * (len(_HEAD) - 1)))
            continue
        row, other = ours[name], theirs.get(name, {})
        found.append((
            name, row["version"], _up(other), _same(_up(row), _up(other)), _answer(other), _answer(row),
            row["restarted"].partition(" ")[0] or "-", other.get("boot_ms", ""), row["boot_ms"], row["not_applied"],
            {"no": "yes", "": "not measured"}.get(row["unplanned"], row["unplanned"]),
        ))
    return found


def _up(row: dict[str, str]) -> str:
    failed = f" ({row['not_up']})" if row.get("not_up") else ""
    return row.get("units", "") + failed


def _same(ours: str, theirs: str) -> str:
    return "the same" if ours == theirs and ours else ours


def _answer(row: dict[str, str]) -> str:
    if row.get("note"):
        return f"none: {row['note'][:80]}"
    return row.get("answer", "")[:80] or "-"


def main() -> None:
    print(INTRODUCTION)
    ours = read("pyinit").values()
    print(f"{len(ours)} packages, {sum(bool(row['answer']) for row in ours)} of them answer; "
          f"{' and '.join(sorted({row['date'] for row in ours} - {''}))}, "
          f"commit {' and '.join(sorted({row['commit'] for row in ours} - {''}))}.\n")
    print("|".join(("", *_HEAD, "")), "|---" * len(_HEAD) + "|", sep="\n")
    for row in rows():
        print("|".join(("", *(cell.replace("|", "\\|") for cell in row), "")))


if __name__ == "__main__":
    main()
