"""What becomes of the directives that take something away (systemd.exec(5), SANDBOXING): rules for `fates`."""

from __future__ import annotations

from initd.core.judgement import Judgement, Rule
from initd.core.states import Fate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from initd.core.settings import ExecSettings
    from initd.core.sources import Allowed

_SETGID, _SETUID, _SYS_CHROOT, _SYS_ADMIN = 6, 7, 18, 21


def _has_admin(settings: ExecSettings, allowed: Allowed) -> bool:
    """Whether the unit's processes still may what only CAP_SYS_ADMIN may, when their filter is loaded."""
    if settings.dynamic_user or settings.user not in ("", "root", "0"):
        return bool((settings.ambient_capabilities & allowed.capabilities) >> _SYS_ADMIN & 1)
    return bool(allowed.capabilities >> _SYS_ADMIN & 1)


def judge_filter(settings: ExecSettings, allowed: Allowed) -> Judgement | None:
    """Of what is nothing but a system call filter."""
    if not allowed.can_filter:
        return Judgement(Fate.IGNORED, "this kernel has no filters of system calls")
    if vars(settings).get("no_new_privileges") is False and not _has_admin(settings, allowed):
        return Judgement(Fate.IGNORED, "a filter costs new privileges here, which NoNewPrivileges=no keeps")
    return None


def _needs(namespace: str, what: str) -> Rule:
    """Of what is done in a namespace alone, and not at all where the container allows none."""

    def judge(value: Any, allowed: Allowed) -> Judgement | None:
        return None if namespace in allowed.namespaces else Judgement(Fate.IGNORED, f"the container allows no {what}")

    return Rule(f"{what}", judge)


def _with_filter(namespace: str, rest: str) -> Rule:
    """Of what takes a namespace, and capabilities or system calls: those are taken away everywhere."""

    def judge(settings: ExecSettings, allowed: Allowed) -> Judgement | None:
        if namespace not in allowed.namespaces:
            return Judgement(Fate.DEGRADED, rest)
        found = judge_filter(settings, allowed)
        return found and Judgement(Fate.DEGRADED, f"without its system calls: {found.reason}")

    return Rule(f"{namespace} namespaces for all of it", judge, True)


def _judge_api(settings: ExecSettings, allowed: Allowed) -> Judgement | None:
    if settings.root_directory in ("", "/"):
        return None
    if not allowed.capabilities >> _SYS_CHROOT & 1:
        return Judgement(Fate.DEGRADED, "the root directory needs CAP_SYS_CHROOT: the unit cannot start without")
    if settings.mount_api_vfs is False or "mount" in allowed.namespaces:
        return None
    return Judgement(Fate.IGNORED, "the container allows no mount namespaces")


def _judge_memory_policy(value: Any, allowed: Allowed) -> Judgement | None:
    if not value or allowed.can_set_memory_policy:
        return None
    return Judgement(Fate.IGNORED, "the container does not allow set_mempolicy(2)")


def _judge_dynamic_user(value: bool, allowed: Allowed) -> Judgement | None:
    """The rest of it, no new privileges and no set-id files, is had everywhere."""
    if not value:
        return None
    if allowed.uid or not (allowed.capabilities >> _SETUID & 1 and allowed.capabilities >> _SETGID & 1):
        return Judgement(Fate.DEGRADED, "needs CAP_SETUID and CAP_SETGID: the unit cannot start without")
    if "mount" not in allowed.namespaces:
        return Judgement(Fate.DEGRADED, "the user is its own and gets no new privileges; what files it sees is not changed, "
                                        "as the container allows no mount namespaces")
    return None


_FILTER = Rule("a kernel with seccomp(2); and without CAP_SYS_ADMIN not NoNewPrivileges=no", judge_filter, True)
_MOUNTS = _needs("mount", "mount namespaces")
_NETWORK, _IPC = _needs("network", "network namespaces"), _needs("ipc", "IPC namespaces")
_CALLS_ONLY = "its system calls and capabilities are taken away; the container allows no mount namespaces"
#: By field of `ExecSettings`.
SANDBOX_RULES: dict[str, Rule] = {
    **dict.fromkeys((
        "system_call_filter", "system_call_log", "system_call_architectures", "system_call_error_number",
        "memory_deny_write_execute", "restrict_namespaces", "restrict_realtime", "restrict_suid_sgid",
        "restrict_address_families", "lock_personality",
    ), _FILTER),
    **dict.fromkeys((
        "read_write_paths", "read_only_paths", "inaccessible_paths", "exec_paths", "no_exec_paths", "bind_paths",
        "bind_read_only_paths", "temporary_file_system", "private_tmp", "private_mounts", "mount_flags", "protect_system",
        "protect_home", "protect_control_groups", "protect_proc", "proc_subset",
    ), _MOUNTS),
    **dict.fromkeys((
        "private_devices", "protect_kernel_tunables", "protect_kernel_modules", "protect_kernel_logs",
    ), _with_filter("mount", _CALLS_ONLY)),
    "protect_hostname": _with_filter("uts", "setting it is denied; the container allows no UTS namespaces"),
    **dict.fromkeys(("numa_policy", "numa_mask"), Rule(
        "set_mempolicy(2), which a container may forbid", _judge_memory_policy)),
    "mount_api_vfs": Rule("mount namespaces", _judge_api, True),
    "dynamic_user": Rule("CAP_SETUID and CAP_SETGID; and mount namespaces for all of it", _judge_dynamic_user),
    "private_network": _NETWORK,
    "network_namespace_path": _NETWORK,
    "private_ipc": _IPC,
    "ipc_namespace_path": _IPC,
    "private_users": _needs("user", "user namespaces to who has CAP_SYS_ADMIN"),
}
