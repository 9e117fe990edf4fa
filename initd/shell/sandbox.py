"""What a unit takes away from its processes, as far as this machine has a word in it, for the exec context.

What is large is imported when the first unit asks for it: most boots have no use for the tables of system calls.
"""

from __future__ import annotations

import os
import struct

from initd.core.settings import FILTER_FIELDS, SANDBOX_FIELDS, ExecSettings
from initd.core.values import SpawnRequest
from initd.shell.spaces import Space, Spaces
from initd.wire.execcontext import ExecContext

_FILTERS, _SPACES = frozenset(FILTER_FIELDS), frozenset(SANDBOX_FIELDS)
#: As many links may lead on from a path (path_resolution(7)).
_MOST_LINKS = 40


def with_filter(context: ExecContext, settings: ExecSettings) -> ExecContext:
    """With the unit's system call filter. A unit that says NoNewPrivileges=no keeps them, and goes without a filter where
    it cannot have both: systemd would take them away, and its setuid programs would fail."""
    if _FILTERS.isdisjoint(vars(settings)):
        return context
    from initd.core import seccomp

    program = seccomp.program(settings, native_machine())
    keeps_privileges = vars(settings).get("no_new_privileges") is False
    return context.replace(seccomp_program=program, seccomp_implies_no_new_privileges=not keeps_privileges)


def with_architectures(context: ExecContext, manager: ExecSettings) -> ExecContext:
    """With what SystemCallArchitectures= of system.conf forbids every process. It is loaded while the process may still do
    so, and costs no privileges: systemd's processes have it from their manager."""
    if not manager.system_call_architectures:
        return context
    from initd.core import seccomp

    return context.replace(architecture_program=seccomp.program(manager, native_machine()))


def native_machine() -> str:
    """As the kernel calls it; where a 64-bit kernel runs a 32-bit Debian, that one's."""
    machine = os.uname().machine
    if struct.calcsize("P") == 4:
        return {"x86_64": "i686", "aarch64": "armv7l"}.get(machine, machine)
    return machine


def with_namespaces(
    context: ExecContext, request: SpawnRequest, settings: ExecSettings, spaces: Spaces, run: str = "/run"
) -> ExecContext:
    """With the unit's namespaces and what is mounted in them; an OSError where directories for that cannot be made.

    `context` knows the users already; what the mounts need besides is below `run`.
    """
    if _SPACES.isdisjoint(vars(settings)):
        return context
    from initd.core import sandbox

    space = spaces.of(request.unit, request.joins_namespaces_of)
    if not request.apply_root_directory:
        settings = _without_root(settings)
    if request.command.full_privileges:
        plan = sandbox.connected(settings)
    else:
        plan = sandbox.plan(settings, resolver(settings.root_directory), _private_tmp(settings, request, space))
    users = _private_users(context) if plan.private_users else ()
    shared = [
        (kind, *space.pair(kind)) for kind in (sandbox.CLONE_NEWNET, sandbox.CLONE_NEWIPC)
        if plan.namespaces & kind or any(kind == flag for flag, _ in plan.joined)
    ]
    return context.replace(
        namespaces=plan.namespaces, joined_namespaces=plan.joined, shared_namespaces=tuple(shared), private_users=users,
        mounts=tuple([_placed(each, run) for each in plan.mounts]),
    )


def _placed(operation: Operation, run: str) -> tuple[int, int, int, str, tuple[str, ...]]:
    """An operation as the exec context has it, with the paths that are the manager's own."""
    from initd.core.sandbox import HIDE, UNIT_ROOT

    path, details = operation.path, operation.details
    if run != "/run":
        own = run + UNIT_ROOT.removeprefix("/run")
        path, *others = [
            own + each.removeprefix(UNIT_ROOT) if each.startswith(UNIT_ROOT) else each for each in (path, *details)]
        details = (run + "/systemd/inaccessible",) if operation.kind == HIDE else tuple(others)
    return operation.kind, operation.flags, operation.options, path, details


def _without_root(settings: ExecSettings) -> ExecSettings:
    """RootDirectoryStartOnly=, for the commands that are not the start."""
    other = ExecSettings()
    other.__dict__.update(vars(settings), root_directory="")
    return other


def needs_mounts(settings: ExecSettings) -> bool:
    """What makes systemd refuse to run the unit without: other things are mounted somewhere, not only less to be seen."""
    return bool(settings.bind_paths or settings.bind_read_only_paths or settings.temporary_file_system)


def _private_tmp(settings: ExecSettings, request: SpawnRequest, space: Space) -> tuple[str, str]:
    if settings.private_tmp or settings.dynamic_user:
        return space.make_temporary(request.unit)
    return "", ""


def _private_users(context: ExecContext) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """PrivateUsers=: root and the unit's own user and group are themselves, there are no others."""
    uid = os.getuid() if context.uid is None else context.uid
    gid = os.getgid() if context.gid is None else context.gid
    return tuple(sorted({0, uid})), tuple(sorted({0, gid}))


def resolver(root: str) -> Resolve:
    """Follows the links of a path below a root directory, and names it without that. What is missing stays as it is."""
    base = root.rstrip("/")

    def resolve(path: str) -> str:
        pending = path.split("/")[::-1]
        found = ""
        links = 0
        while pending:
            part = pending.pop()
            if part in ("", "."):
                continue
            if part == "..":
                found = found.rpartition("/")[0]
                continue
            try:
                target = os.readlink(f"{base}{found}/{part}")
            except OSError:
                found = f"{found}/{part}"
                continue
            links += 1
            if links > _MOST_LINKS:
                return path
            if target.startswith("/"):
                found = ""
            pending += target.split("/")[::-1]
        return found or "/"

    return resolve


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from initd.core.sandbox import Operation

    Resolve = Callable[[str], str]

