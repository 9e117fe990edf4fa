"""What becomes of the directives that take something away (systemd.exec(5), SANDBOXING): rules for `fates`."""

from __future__ import annotations

from initd.core.judgement import Judgement, Rule
from initd.core.states import Fate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.settings import ExecSettings
    from initd.core.sources import Allowed

_SYS_ADMIN = 21


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


_FILTER = Rule("a kernel with seccomp(2); and without CAP_SYS_ADMIN not NoNewPrivileges=no", judge_filter, True)
#: By field of `ExecSettings`.
SANDBOX_RULES: dict[str, Rule] = dict.fromkeys((
    "system_call_filter", "system_call_log", "system_call_architectures", "system_call_error_number",
    "memory_deny_write_execute", "restrict_namespaces", "restrict_realtime", "restrict_suid_sgid",
    "restrict_address_families", "lock_personality",
), _FILTER)
