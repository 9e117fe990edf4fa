"""Capability names and bit masks (capabilities(7))."""

from __future__ import annotations

from initd.core.numbers import to_int

NAMES = (
    "cap_chown cap_dac_override cap_dac_read_search cap_fowner cap_fsetid cap_kill cap_setgid cap_setuid cap_setpcap "
    "cap_linux_immutable cap_net_bind_service cap_net_broadcast cap_net_admin cap_net_raw cap_ipc_lock cap_ipc_owner "
    "cap_sys_module cap_sys_rawio cap_sys_chroot cap_sys_ptrace cap_sys_pacct cap_sys_admin cap_sys_boot cap_sys_nice "
    "cap_sys_resource cap_sys_time cap_sys_tty_config cap_mknod cap_lease cap_audit_write cap_audit_control "
    "cap_setfcap cap_mac_override cap_mac_admin cap_syslog cap_wake_alarm cap_block_suspend cap_audit_read "
    "cap_perfmon cap_bpf cap_checkpoint_restore"
).split()
_NUMBERS = {name: number for number, name in enumerate(NAMES)}
#: Every capability that Linux 5.9 and later have.
ALL = (1 << len(NAMES)) - 1


def number(text: str) -> int:
    """The capability of this name, in any case, or number. ValueError where there is none."""
    word = text.lower()
    if word in _NUMBERS:
        return _NUMBERS[word]
    return to_int(word, 0, 62)


def names(mask: int) -> list[str]:
    """The names of a mask's capabilities, lowest first; one without a name as its number."""
    return [NAMES[bit] if bit < len(NAMES) else str(bit) for bit in range(64) if mask >> bit & 1]
