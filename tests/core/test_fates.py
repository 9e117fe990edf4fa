from __future__ import annotations

import pytest

from initd.core import fates
from initd.core.directives import TABLE
from initd.core.sections import SECTIONS, Group
from initd.core.sources import Allowed
from initd.core.states import Fate
from tests.core.test_load import load

#: Capabilities, as a mask.
SETGID, SETUID, SETPCAP, SYS_CHROOT, SYS_NICE, SYS_RESOURCE = (1 << bit for bit in (6, 7, 8, 18, 23, 24))
#: What Docker leaves, as far as it matters here.
PLAIN = Allowed(capabilities=SETGID | SETUID | SETPCAP | SYS_CHROOT, has_cgroups=False, has_seccomp_filter=True,
                hard_limits={"nofile": 4096, "core": None})
NOTHING = PLAIN.replace(uid=1000, capabilities=0, can_use_keyrings=False, machine="riscv64",
                        unwritable=frozenset(("/var/lib",)))
ALL = Allowed()


def fate_of(line: str, allowed: Allowed) -> tuple[Fate, str]:
    key = line.partition("=")[0]
    definition = load(f"[Service]\nExecStart=/bin/true\n{line}\n")
    return fates.judge("Service", TABLE["Service", key], definition, allowed)


APPLIED, DEGRADED, IGNORED = Fate.APPLIED, Fate.DEGRADED, Fate.IGNORED


@pytest.mark.parametrize(("line", "in_all", "in_plain", "in_nothing"), [
    ("User=nobody", APPLIED, APPLIED, DEGRADED),
    ("User=root", APPLIED, APPLIED, APPLIED),
    ("User=1000", APPLIED, APPLIED, APPLIED),
    ("Group=daemon", APPLIED, APPLIED, DEGRADED),
    ("SupplementaryGroups=adm", APPLIED, APPLIED, DEGRADED),
    ("RootDirectory=/srv", APPLIED, APPLIED, DEGRADED),
    ("CapabilityBoundingSet=CAP_CHOWN", APPLIED, APPLIED, DEGRADED),
    ("AmbientCapabilities=CAP_SETUID", APPLIED, APPLIED, IGNORED),
    ("AmbientCapabilities=CAP_SETUID CAP_SYS_ADMIN", APPLIED, DEGRADED, IGNORED),
    ("Nice=5", APPLIED, APPLIED, APPLIED),
    ("Nice=-5", APPLIED, IGNORED, IGNORED),
    ("OOMScoreAdjust=-500", APPLIED, IGNORED, IGNORED),
    ("OOMScoreAdjust=500", APPLIED, APPLIED, APPLIED),
    ("CPUSchedulingPolicy=fifo", APPLIED, IGNORED, IGNORED),
    ("CPUSchedulingPolicy=batch", APPLIED, APPLIED, APPLIED),
    ("IOSchedulingClass=realtime", APPLIED, IGNORED, IGNORED),
    ("IOSchedulingClass=idle", APPLIED, APPLIED, APPLIED),
    ("LimitNOFILE=1024", APPLIED, APPLIED, APPLIED),
    ("LimitNOFILE=65536", APPLIED, DEGRADED, DEGRADED),
    ("LimitNOFILE=infinity", APPLIED, DEGRADED, DEGRADED),
    ("LimitCORE=infinity", APPLIED, APPLIED, APPLIED),
    ("Slice=a.slice", APPLIED, DEGRADED, DEGRADED),
    ("KeyringMode=private", APPLIED, APPLIED, IGNORED),
    ("KeyringMode=inherit", APPLIED, APPLIED, APPLIED),
    ("Type=exec", APPLIED, APPLIED, APPLIED),
    ("CPUAffinity=numa", APPLIED, APPLIED, APPLIED),
    ("Personality=x86", APPLIED, APPLIED, IGNORED),
    ("Personality=s390", IGNORED, IGNORED, IGNORED),
    ("StateDirectory=a", APPLIED, APPLIED, DEGRADED),
    ("StateDirectoryMode=0700\nStateDirectory=a", APPLIED, APPLIED, DEGRADED),
    ("StateDirectoryMode=0700\nRuntimeDirectory=a", APPLIED, APPLIED, APPLIED),
    ("TTYVHangup=yes", APPLIED, IGNORED, IGNORED),
    ("TTYReset=yes", APPLIED, APPLIED, APPLIED),
    ("StandardOutput=kmsg", DEGRADED, DEGRADED, DEGRADED),
    ("StandardOutput=journal+console", APPLIED, APPLIED, APPLIED),
    ("Type=dbus", APPLIED, APPLIED, APPLIED),
])
def test_fate_by_what_the_container_allows(line, in_all, in_plain, in_nothing):
    found = [fate_of(line, allowed) for allowed in (ALL, PLAIN, NOTHING)]
    assert [fate for fate, _ in found] == [in_all, in_plain, in_nothing]
    assert all(bool(reason) == (fate is not APPLIED) for fate, reason in found)


def test_the_reason_names_the_limit():
    assert fate_of("LimitNOFILE=65536", PLAIN) == fates.Judgement(
        DEGRADED, "65536 is above the container's hard limit, 4096, which is set instead"
    )


def test_a_nice_that_is_set_instead():
    """Nothing at all of it where the container is at 0 already."""
    assert fate_of("Nice=-15", PLAIN.replace(hard_limits={"nice": 25})) == fates.Judgement(
        DEGRADED, "needs CAP_SYS_NICE: -5, as near as the container allows, is set instead"
    )


def test_nice_as_far_as_its_limit_allows():
    """RLIMIT_NICE 25 allows -5 (setrlimit(2))."""
    assert fate_of("Nice=-5", PLAIN.replace(hard_limits={"nice": 25})).fate is APPLIED
    assert fate_of("Nice=-6", PLAIN.replace(hard_limits={"nice": 25})).fate is DEGRADED


@pytest.mark.parametrize(("group", "field"), sorted(fates._RULES, key=str))
def test_every_rule_is_about_a_directive(group, field):
    assert any((item.group, item.field) == (group, field) for item in TABLE.values())


@pytest.mark.parametrize("section", sorted({section for section, _ in TABLE}))
def test_every_fate_but_applied_has_its_reason(section):
    for item in fates.directives_of(section):
        judgement = fates.judge(section, item, None, ALL)
        assert judgement.reason or judgement.fate is APPLIED, item.key


@pytest.mark.parametrize("section", sorted(fates.NOT_RUN))
def test_a_section_that_is_not_run_has_no_effect(section):
    for item in fates.directives_of(section):
        assert fates.judge(section, item, None, ALL) == fates.Judgement(IGNORED, fates.NOT_RUN[section])


def test_what_is_not_run_is_a_type_of_unit():
    assert set(fates.NOT_RUN) <= {section for section, _ in SECTIONS.values()}


def test_a_default_that_is_spelled_out_loses_nothing():
    """Whatever we cannot do, a unit that asks for what is the case anyway gets it."""
    definition = load("[Service]\nExecStart=/bin/true\nPrivateNetwork=no\nMemoryMax=infinity\n")
    for key in ("PrivateNetwork", "MemoryMax"):
        directive = TABLE["Service", key]
        assert directive.group in (Group.EXEC, Group.CGROUP)
        assert fates.judge("Service", directive, definition, PLAIN) == fates.APPLIED
