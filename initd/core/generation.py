"""Which generators are run, and with which environment? (systemd.generator(7))

Those that systemd has and we have built in go by systemd's names: what masks or replaces one there does so here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping

#: Below which directories there are those of generators, the one that wins first, by the manager's mode. A group's has none.
_PARENTS = ("/run/systemd", "/etc/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd")
PARENTS: dict[str, tuple[str, ...]] = {"system": (*_PARENTS, "/lib/systemd"), "user": _PARENTS, "group": ()}

SYSV, FSTAB, RC_LOCAL, DEBUG, GETTY = BUILT_IN = (
    "systemd-sysv-generator", "systemd-fstab-generator", "systemd-rc-local-generator", "systemd-debug-generator",
    "systemd-getty-generator",
)
#: Among a user's environment generators: reads environment.d(5).
ENVIRONMENT_D = "30-systemd-environment-d-generator"

#: What a directory has by a name: something to run, or something that keeps others of that name from being run.
PROGRAM, MASK = "program", "mask"


def directories(mode: str, kind: str = "generators") -> tuple[str, ...]:
    """`kind` is "generators" or "environment-generators"."""
    return tuple(f"{parent}/{mode}-{kind}" for parent in PARENTS[mode])


def choose(listings: Iterable[Mapping[str, tuple[str, str]]]) -> tuple[list[str], frozenset[str]]:
    """The paths of what is run, sorted by name, and all names that are taken. `listings`: of each directory, name → (what it
    is, path)."""
    chosen: dict[str, tuple[str, str]] = {}
    for listing in listings:
        for name, found in listing.items():
            chosen.setdefault(name, found)
    paths = [chosen[name][1] for name in sorted(chosen) if chosen[name][0] == PROGRAM]
    return paths, frozenset(chosen)


def with_environment_d(paths: list[str], taken: frozenset[str]) -> list[str]:
    """Environment generators, and ours among them where nobody has taken its name."""
    mine = [] if ENVIRONMENT_D in taken else [ENVIRONMENT_D]
    return sorted([*paths, *mine], key=lambda path: path.rpartition("/")[2])


_REFERENCE = r"\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})"


def expand(value: str, variables: Mapping[str, str]) -> str:
    """`$X`, `${X}`, `${X:-else}` and `${X:+then}` of an environment.d(5) file's value."""
    import re

    def replace(match: re.Match[str]) -> str:
        name, mark, text = match[1] or match[2], match[3], match[4]
        found = variables.get(name, "")
        if mark == "-":
            return found or expand(text, variables)
        return (expand(text, variables) if found else "") if mark == "+" else found

    return re.sub(_REFERENCE, replace, value, flags=re.ASCII)


def context(mode: str, container: str, machine: str, architecture: str, is_first_boot: bool) -> dict[str, str]:
    """What a generator is told of where it runs. `container` and `machine`: what we run in, "" for none."""
    variables = {"SYSTEMD_SCOPE": mode, "SYSTEMD_ARCHITECTURE": architecture}
    if mode == "system":
        variables |= {"SYSTEMD_IN_INITRD": "0", "SYSTEMD_FIRST_BOOT": "1" if is_first_boot else "0"}
    if container or machine:
        variables["SYSTEMD_VIRTUALIZATION"] = f"container:{container}" if container else f"vm:{machine}"
    return variables
