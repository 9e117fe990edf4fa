from __future__ import annotations

import pytest

from initd.core import fates
from initd.core.directives import TABLE
from initd.core.fates_sandbox import SANDBOX_RULES
from initd.core.sections import Group
from initd.core.sources import Allowed
from initd.core.states import Fate
from tests.core.test_load import load

APPLIED, DEGRADED, IGNORED = Fate.APPLIED, Fate.DEGRADED, Fate.IGNORED
#: Everything, and what a container has without CAP_SYS_ADMIN.
ALL = Allowed()
PLAIN = Allowed(capabilities=0xA80425FB, has_seccomp_filter=True)

FILTERS = (
    "SystemCallFilter=@system-service", "SystemCallLog=mount", "SystemCallArchitectures=native", "LockPersonality=yes",
    "SystemCallErrorNumber=EPERM", "MemoryDenyWriteExecute=yes", "RestrictNamespaces=yes", "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes", "RestrictAddressFamilies=AF_UNIX",
)


def fate_of(lines: str, allowed: Allowed) -> tuple[Fate, str]:
    """Of the first line's directive."""
    definition = load(f"[Service]\nExecStart=/bin/true\n{lines}\n")
    return fates.judge("Service", TABLE["Service", lines.partition("=")[0]], definition, allowed)


@pytest.mark.parametrize("line", FILTERS)
def test_filters_need_no_privilege_but_new_ones(line):
    assert fate_of(line, ALL).fate is fate_of(line, PLAIN).fate is APPLIED
    keeping = f"{line}\nNoNewPrivileges=no"
    assert fate_of(keeping, ALL).fate is APPLIED
    assert fate_of(keeping, PLAIN).fate is IGNORED
    assert fate_of(f"{keeping}\nUser=daemon", ALL).fate is IGNORED
    assert fate_of(f"{keeping}\nUser=daemon\nAmbientCapabilities=CAP_SYS_ADMIN", ALL).fate is APPLIED
    assert fate_of(line, ALL.replace(can_filter=False)).fate is IGNORED


@pytest.mark.parametrize("field", SANDBOX_RULES)
def test_every_rule_is_about_a_directive_that_can_be_applied(field):
    assert any((item.group, item.field, item.fate) == (Group.EXEC, field, APPLIED) for item in TABLE.values())


#: By the namespace they need; and what is left without it.
IN_NAMESPACES = [
    *((line, "mount", IGNORED) for line in (
        "PrivateTmp=yes", "PrivateMounts=yes", "ProtectSystem=strict", "ProtectHome=yes", "ReadOnlyPaths=/usr",
        "InaccessiblePaths=/srv", "BindPaths=/usr:/mnt", "TemporaryFileSystem=/mnt", "ProtectControlGroups=yes",
        "ProtectProc=invisible", "ProcSubset=pid", "NoExecPaths=/srv", "MountFlags=slave",
        "MountAPIVFS=yes\nRootDirectory=/srv")),
    *((line, "mount", DEGRADED) for line in (
        "PrivateDevices=yes", "ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectKernelLogs=yes")),
    ("ProtectHostname=yes", "uts", DEGRADED),
    ("PrivateNetwork=yes", "network", IGNORED),
    ("NetworkNamespacePath=/run/netns/x", "network", IGNORED),
    ("PrivateIPC=yes", "ipc", IGNORED),
    ("PrivateUsers=yes", "user", IGNORED),
]


@pytest.mark.parametrize(("lines", "namespace", "without"), IN_NAMESPACES)
def test_what_needs_a_namespace(lines, namespace, without):
    assert fate_of(lines, ALL).fate is APPLIED
    found = fate_of(lines, ALL.replace(namespaces=ALL.namespaces - {namespace}))
    assert (found.fate, bool(found.reason)) == (without, True)


def test_mounting_api_file_systems_where_they_are_is_nothing():
    assert fate_of("MountAPIVFS=yes", ALL.replace(namespaces=frozenset())).fate is APPLIED


def test_what_a_filter_loses_a_namespace_does_not_make_up_for():
    found = fate_of("ProtectKernelModules=yes\nNoNewPrivileges=no", PLAIN)
    assert found.fate is DEGRADED and "NoNewPrivileges" in found.reason


def test_memory_policies_where_a_container_filters():
    assert fate_of("NUMAPolicy=local", ALL).fate is APPLIED
    assert fate_of("NUMAPolicy=local", PLAIN.replace(can_set_memory_policy=False)).fate is IGNORED


def test_what_a_dynamic_user_is_depends_on_what_may_be_private():
    assert fate_of("DynamicUser=yes", ALL).fate is APPLIED
    no_mounts = fate_of("DynamicUser=yes", ALL.replace(namespaces=frozenset()))
    nobody_else = fate_of("DynamicUser=yes", ALL.replace(uid=1000))
    assert (no_mounts.fate, nobody_else.fate) == (DEGRADED, DEGRADED)
    assert "mount namespaces" in no_mounts.reason and "cannot start" in nobody_else.reason
    assert fate_of("DynamicUser=no", PLAIN.replace(uid=1000)).fate is APPLIED


def test_file_systems_that_are_not_wanted_need_no_namespace():
    assert fate_of("MountAPIVFS=no\nRootDirectory=/srv", ALL.replace(namespaces=frozenset())).fate is APPLIED
