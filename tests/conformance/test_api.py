"""Our D-Bus objects offer what systemd 252's do: every method, signal and property, with types, access and annotations.

What was recorded stands in `api/interface.json`; what is missing here is listed with the reason.
"""

from __future__ import annotations

import json

import pytest

from initd.core import introspection
from initd.core.api_unit import JOB_OBJECT_METHODS, JOB_PROPERTIES
from initd.core.objectpath import unit_path
from tests.api_manager import FakeManager
from tests.conformance.api.interface import HERE, INTROSPECTABLE, ROOT, SYSTEMD, UNITS, described

THEIRS = json.loads((HERE / "interface.json").read_text())["interfaces"]

#: (interface, kind) → member → why it is not here.
MISSING = {
    ("Mount", "properties"): dict.fromkeys(("ExecMount", "ExecUnmount", "ExecRemount"), "mount units run no commands here"),
    ("Swap", "properties"): dict.fromkeys(("ExecActivate", "ExecDeactivate"), "a container has no swap"),
    ("Device", "properties"): {"SysFSPath": "a container has no devices of its own"},
}
#: What a later systemd has, and its systemctl asks for.
LATER = {("Manager", "methods"): {"DisableUnitFilesWithFlagsAndInstallInfo"}}


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    manager = FakeManager(tmp_path_factory.mktemp("api"))
    found = {}
    for path in (ROOT, *(unit_path(name) for name in UNITS.values())):
        found |= described(manager.call(path, INTROSPECTABLE, "Introspect").values[0])
    job = introspection.document([(SYSTEMD + ".Job", JOB_OBJECT_METHODS, JOB_PROPERTIES)], [])
    return found | described(job)


@pytest.mark.parametrize("interface", sorted(THEIRS))
@pytest.mark.parametrize("kind", ["methods", "signals", "properties"])
def test_offers_what_systemd_offers(ours, interface, kind):
    name = interface.rpartition(".")[2]
    missing, later = MISSING.get((name, kind), {}), LATER.get((name, kind), set())
    wanted = {member: said for member, said in THEIRS[interface][kind].items() if member not in missing}
    assert {member: said for member, said in ours[interface][kind].items() if member not in later} == wanted
    assert not missing.keys() & ours[interface][kind].keys()


def test_what_is_said_to_be_missing_is_systemds():
    for (name, kind), members in MISSING.items():
        assert members.keys() <= THEIRS[f"{SYSTEMD}.{name}"][kind].keys()
