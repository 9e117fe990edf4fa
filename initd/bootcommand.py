"""What the kernel's command line, or what stands for it in a container, wants of this boot.

In a container the kernel's command line is the host's: there the words are those of PID 1's own arguments, as with systemd,
and of $PYINIT_CMDLINE, where an image's command need not be repeated. /proc/cmdline counts for who is no container and has the
machine's privileges.
"""

from __future__ import annotations

from initd.shell.conditions import read_virtualization
from initd.shell.fds import read_small

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from initd.core.kernelcommand import KernelCommand
    from initd.options import Options
    from initd.shell.limits import ContainerLimits

VARIABLE = "PYINIT_CMDLINE"


def read_command(options: Options, environment: Mapping[str, str], container: ContainerLimits) -> KernelCommand | None:
    """None where nobody says anything."""
    given = environment.get(VARIABLE, "")
    machine = _read_machine() if container.is_pid_1 and container.can_make_namespaces else ""
    if not (given or machine or options.kernel_words):
        return None
    from initd.core.kernelcommand import parse

    return parse([*_split(machine), *options.kernel_words, *_split(given)])


def _read_machine() -> str:
    if read_virtualization().container:
        return ""
    try:
        return read_small("/proc/cmdline").decode("utf-8", "surrogateescape")
    except OSError:
        return ""  # no /proc, and no words


def _split(text: str) -> list[str]:
    from initd.core import words

    try:
        return words.split(text, unescape=False)
    except ValueError:
        return text.split()  # a quote that does not close: the kernel does not mind
