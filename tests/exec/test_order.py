"""pyinit-exec gives up what it has in an order in which nothing given up can be had back, seen from outside by strace."""

from __future__ import annotations

import re
import shutil

import pytest

from initd.shell.spawn import Spawner, SpawnFacts
from tests.shell.conftest import Runner, helper, needs_root

__all__ = ("helper",)
STEPS = (
    (r"setgroups\(", "groups"), (r"setresgid\(|setgid\(", "group"), (r"prctl\(PR_CAPBSET_DROP", "bounding set"),
    (r"prctl\(PR_SET_KEEPCAPS, 1", "keep capabilities"), (r"setresuid\(|setuid\(", "user"),
    (r"prctl\(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE", "ambient set"), (r"chdir\(", "directory"),
    (r"prctl\(PR_SET_SECUREBITS", "secure bits"), (r"prctl\(PR_SET_NO_NEW_PRIVS, 1", "no new privileges"),
    (r"close_range\(", "descriptors"), (r"(prctl\(PR_SET_SECCOMP|seccomp\(SECCOMP_SET_MODE)", "filter"),
    (r'execve\("/bin/true', "program"),
)
pytestmark = [needs_root, pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")]


@pytest.fixture
def trace(helper, tmp_path):
    """trace(settings…) → the steps taken, each once, in their order."""
    def run(**settings: object) -> list[str]:
        wrapper, log = tmp_path / "traced", tmp_path / "log"
        wrapper.write_text(f'#!/bin/sh\nexec strace -qq -o {log} {helper} "$@"\n')
        wrapper.chmod(0o755)
        runner = Runner(Spawner(SpawnFacts(str(wrapper), journal_path="/nonexistent", uid=0, gid=0)), tmp_path)
        try:
            _, status, outcome = runner.run("/bin/true", **settings)
        finally:
            runner.close()
        assert (status, outcome.kind) == (0, "succeeded"), log.read_text()
        lines = [line for line in log.read_text().splitlines() if " = -1 " not in line]
        taken = [name for line in lines for pattern, name in STEPS if re.match(pattern, line)]
        return [name for number, name in enumerate(taken) if name not in taken[:number]]
    return run


def test_privileges_go_in_the_order_that_cannot_be_undone(trace):
    """Groups while there is still the right to set them; bounding capabilities before the user; the filter last."""
    assert trace(
        user="nobody", supplementary_groups=("games",), capability_bounding_set=1 << 10 | 1 << 12, ambient_capabilities=1 << 10,
        secure_bits=1 | 2, no_new_privileges=True, working_directory="/",
        system_call_filter=("~mount",),
    ) == [name for _, name in STEPS]


def test_a_user_alone_takes_groups_and_group_along(trace):
    assert [name for name in trace(user="nobody") if name in ("groups", "group", "user", "program")] == [
        "groups", "group", "user", "program"]
