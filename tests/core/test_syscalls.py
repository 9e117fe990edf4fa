from __future__ import annotations

from initd.core import syscalls


def test_groups_are_expanded_to_calls():
    assert syscalls.expand("@swap") == {"swapon", "swapoff"}
    assert syscalls.expand("open") == {"open"}
    found = syscalls.expand("@system-service")
    assert "open" in found and not any(name.startswith("@") for name in found)


def test_groups_name_only_groups_that_there_are():
    named = {member for members in syscalls.GROUPS.values() for member in members if member.startswith("@")}
    assert named <= set(syscalls.GROUPS)


def test_what_is_known_is_in_order_and_has_what_no_group_has():
    known = syscalls.known()
    assert known == sorted(set(known)) and "@obsolete" in known
    assert set(syscalls.UNGROUPED) <= set(known)
    grouped = set().union(*(syscalls.expand(group) for group in syscalls.GROUPS))
    assert grouped.isdisjoint(syscalls.UNGROUPED)
