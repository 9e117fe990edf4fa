"""What a machine can pretend to be (systemd.exec(5), Personality=; personality(2))."""

from __future__ import annotations

#: By what the kernel calls the machine: its own name, and the older machine whose programs it runs as well. Another
#: name in a unit has no effect, under systemd 252 too (tests/conformance/exec, "personality-foreign").
_LINUX, _LINUX32 = 0, 8
PERSONALITIES: dict[str, dict[str, int]] = {
    "x86_64": {"x86-64": _LINUX, "x86": _LINUX32},
    "i686": {"x86": _LINUX},
    "aarch64": {"arm64": _LINUX},
    "ppc64le": {"ppc64-le": _LINUX, "ppc-le": _LINUX32},
    "ppc64": {"ppc64": _LINUX, "ppc": _LINUX32},
    "s390x": {"s390x": _LINUX, "s390": _LINUX32},
    "riscv64": {"riscv64": _LINUX},
}
