"""Which generators are run, and with which environment? (systemd.generator(7))

Those that systemd has and we have built in go by systemd's names: what masks or replaces one there does so here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: The directories of generators, the one that wins first, below which "system-generators" and the like are.
PARENTS = ("/run/systemd", "/etc/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd")
GENERATORS, ENVIRONMENT_GENERATORS = "system-generators", "system-environment-generators"

SYSV, FSTAB, RC_LOCAL, DEBUG, GETTY = BUILT_IN = (
    "systemd-sysv-generator", "systemd-fstab-generator", "systemd-rc-local-generator", "systemd-debug-generator",
    "systemd-getty-generator",
)

#: What a directory has by a name: something to run, or something that keeps others of that name from being run.
PROGRAM, MASK = "program", "mask"


def choose(listings: Iterable[Mapping[str, tuple[str, str]]]) -> tuple[list[str], frozenset[str]]:
    """The paths of what is run, sorted by name, and all names that are taken. `listings`: of each directory, name → (what it
    is, path)."""
    chosen: dict[str, tuple[str, str]] = {}
    for listing in listings:
        for name, found in listing.items():
            chosen.setdefault(name, found)
    paths = [chosen[name][1] for name in sorted(chosen) if chosen[name][0] == PROGRAM]
    return paths, frozenset(chosen)


def context(container: str, machine: str, architecture: str, is_first_boot: bool) -> dict[str, str]:
    """What a generator is told of where it runs. `container` and `machine`: what we run in, "" for none."""
    variables = {
        "SYSTEMD_SCOPE": "system",
        "SYSTEMD_IN_INITRD": "0",
        "SYSTEMD_FIRST_BOOT": "1" if is_first_boot else "0",
        "SYSTEMD_ARCHITECTURE": architecture,
    }
    if container or machine:
        variables["SYSTEMD_VIRTUALIZATION"] = f"container:{container}" if container else f"vm:{machine}"
    return variables
