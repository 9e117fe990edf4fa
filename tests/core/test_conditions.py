"""What conditions make of facts; the answers were recorded from a real systemd (tests/conformance/conditions)."""

from __future__ import annotations

from pathlib import Path

import pytest

from initd.core.conditions import (
    JUDGES,
    Controllers,
    Firmware,
    Host,
    Identity,
    Virtualization,
    blamed,
    brace_expand,
    holds,
    innermost_container,
    is_leftover,
    outcomes,
    pressure_question,
    smbios_field,
    verdict,
)
from initd.core.values import Condition

RECORDED = Path(__file__).resolve().parent.parent / "conformance" / "conditions" / "conditions.tsv"
LINES = [line.split("\t") for line in RECORDED.read_text().splitlines()]
MACHINE = {line[1]: line[2] for line in LINES if line[0] == "fact"}
#: Kinds whose fact is the whole answer: tests/shell/test_conditions.py has those.
LOOKED_UP = {kind for kind, judge in JUDGES.items() if judge.__name__ == "_yes"}
FACTS = {
    "Architecture": MACHINE["machine"],
    "Virtualization": Virtualization(container=MACHINE["container"], vm="kvm"),
    "Host": Host(MACHINE["hostname"], MACHINE["machine-id"]),
    "KernelCommandLine": tuple(filter(None, MACHINE["cmdline"].split("|"))),
    "KernelVersion": MACHINE["release"],
    "Credential": (),
    "Environment": {"PATH": "/bin", "container": "podman"},
    "Security": ("audit",),
    "Capability": 1,
    "ACPower": True,
    "FirstBoot": False,
    "Memory": 2**32,
    "CPUs": int(MACHINE["cpus"]),
    "CPUFeature": ("fpu", "fma"),
    "OSRelease": {key: value.strip('"') for key, _, value in
                  (field.partition("=") for field in MACHINE["os-release"].split("|"))},
    "MemoryPressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
    "CPUPressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
    "IOPressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
    "User": Identity((0,), ("root",)),
    "Group": Identity((0,), ("root",)),
    "ControlGroupController": Controllers("v1", ()),
    "Firmware": Firmware(),
}


def condition(text: str) -> Condition:
    kind, _, parameter = text.partition("=")
    is_triggering = parameter.startswith("|")
    parameter = parameter.removeprefix("|")
    return Condition(kind, parameter.removeprefix("!"), is_triggering, parameter.startswith("!"))


@pytest.mark.parametrize("text, answer", [
    (line[1], line[2]) for line in LINES if line[0] == "condition" and line[1].partition("=")[0] not in LOOKED_UP
])
def test_answer_is_that_of_systemd(text, answer):
    asked = condition(text)
    assert holds(asked, FACTS[asked.kind]) == (answer == "yes")
    if answer == "invalid":
        assert not holds(asked.replace(is_negated=not asked.is_negated), FACTS[asked.kind])


@pytest.mark.parametrize("texts, results, expected", [
    ((), (), True),
    (("PathExists=/a",), (False,), False),
    (("PathExists=/a", "PathExists=/b"), (True, False), False),
    (("PathExists=|/a", "PathExists=|/b"), (False, True), True),
    (("PathExists=|/a", "PathExists=|/b"), (False, False), False),
    (("PathExists=|/a", "PathExists=/b"), (True, False), False),
    (("PathExists=|/a", "PathExists=/b"), (False, True), False),
    (("PathExists=|/a", "PathExists=/b"), (True, True), True),
])
def test_one_trigger_and_every_plain_condition(texts, results, expected):
    found = verdict([condition(text) for text in texts], results)
    assert bool(found) is expected and found.reason


def test_reason_names_the_condition():
    assert "AssertPathExists=!/a" in verdict([condition("PathExists=!/a")], [False], "Assert").reason


@pytest.mark.parametrize("text, fact, expected", [
    ("Firmware=uefi", Firmware(has_efi=True), True),
    ("Firmware=device-tree", Firmware(has_device_tree=True), True),
    ("Firmware=device-tree-compatible(acme,board)", Firmware(compatible=("x", "acme,board")), True),
    ("Firmware=device-tree-compatible(acme)", Firmware(compatible=("acme,board",)), False),
    ("Firmware=smbios-field(sys_vendor = QEMU)", Firmware(smbios_value="QEMU"), True),
    ("Firmware=smbios-field(sys_vendor $= Q*)", Firmware(smbios_value="QEMU"), True),
    ("Firmware=smbios-field(bios_version >= 1.9)", Firmware(smbios_value="1.10"), True),
    ("Firmware=smbios-field(nothing != x)", Firmware(), False),
    ("Firmware=!smbios-field(sys_vendor QEMU)", Firmware(smbios_value="QEMU"), False),
    ("Virtualization=vm", Virtualization(vm="kvm"), True),
    ("Virtualization=kvm", Virtualization(vm="kvm"), True),
    ("Virtualization=kvm", Virtualization(container="docker", vm="kvm"), False),
    ("Virtualization=no", Virtualization(), True),
    ("Virtualization=private-users", Virtualization(has_private_users=True), True),
    ("Host=HOST*", Host("host7"), True),
    ("KernelCommandLine=quiet", ("quiet", "x=1"), True),
    ("KernelCommandLine=x", ("quiet", "x=1"), True),
    ("KernelCommandLine=x=1", ("quiet", "x=1"), True),
    ("KernelCommandLine=x=2", ("quiet", "x=1"), False),
    ("MemoryPressure=20%/10sec",
     "some avg10=30.00 avg60=0 avg300=0 total=1\nfull avg10=20.00 avg60=0 avg300=0 total=1", True),
    ("MemoryPressure=19.9%/10sec", "full avg10=20.00 avg60=0.00 avg300=0.00 total=1", False),
    ("IOPressure=1%", None, True),
    # A whole system's CPUs are never "full": there "some" counts, as systemd 252 has it.
    ("CPUPressure=3%", "some avg10=0 avg60=0 avg300=5.00 total=1\nfull avg10=0 avg60=0 avg300=2.00 total=1", False),
    ("IOPressure=3%", "some avg10=0 avg60=0 avg300=5.00 total=1\nfull avg10=0 avg60=0 avg300=2.00 total=1", True),
    ("ControlGroupController=v2", Controllers("v2", ("cpu",)), True),
    ("ControlGroupController=cpu io", Controllers("v2", ("cpu", "io", "pids")), True),
    ("ControlGroupController=cpu io", Controllers("v2", ("cpu",)), False),
    ("User=@system", Identity((65534,), ("nobody",)), True),
    ("User=@system", Identity((1000,), ("me",)), False),
    ("Group=adm", Identity((0, 4), ("root", "adm")), True),
    ("Credential=x", ("x",), True),
    ("NeedsUpdate=/etc", True, True),
])
def test_facts_of_other_machines(text, fact, expected):
    assert holds(condition(text), fact) is expected


@pytest.mark.parametrize("word, has_podman_mark, has_docker_mark, expected", [
    ("podman", False, False, "podman"), ("oci", True, False, "podman"), ("oci", False, True, "docker"),
    ("oci", False, False, "container-other"), (None, False, True, "docker"), (None, True, False, "podman"),
    (None, False, False, ""), ("mine", False, True, "container-other"),
])
def test_which_container(word, has_podman_mark, has_docker_mark, expected):
    assert innermost_container(word, has_podman_mark, has_docker_mark) == expected


def test_own_processes_make_a_container_without_a_name():
    assert innermost_container(None, False, False, True) == "container-other"
    assert innermost_container(None, False, True, True) == "docker"


@pytest.mark.parametrize("pattern, expected", [
    ("/a", ["/a"]), ("/{a,b}", ["/a", "/b"]), ("/{a,{b,c}d}e", ["/ae", "/bde", "/cde"]), ("/{a", ["/{a"]),
    ("/{}", ["/{}"]),
])
def test_braces(pattern, expected):
    assert brace_expand(pattern) == expected


def test_leftovers_are_not_content():
    names = (".x", "x~", "x.dpkg-new", "lost+found", "x.tmp", "x")
    assert [name for name in names if not is_leftover(name)] == ["x.tmp", "x"]


def test_small_questions():
    assert smbios_field("smbios-field(sys_vendor = x)") == "sys_vendor" and smbios_field("uefi") == ""
    assert pressure_question("a-b.slice:5%/1min") == pressure_question("a-b.slice: 5% / 1min")
    with pytest.raises(ValueError):
        pressure_question("5%/7s")


def path(name: str, triggers: bool = False) -> Condition:
    return Condition("PathExists", name, is_triggering=triggers)


#: Conditions, whether each holds → what systemd 252 says of each, and which it blames (seen over D-Bus and in its log).
TESTED = [
    ((path("/a"), path("/"), path("/c", True), path("/", True), path("/x", True)), (False, True, False, True, False),
     (-1, 1, -1, 1, -1), "ConditionPathExists=/a"),
    ((path("/c", True), path("/d", True), path("/")), (False, False, True), (-1, -1, 1), ""),
    ((path("/a"), path("/b")), (False, False), (0, -1), "ConditionPathExists=/b"),
    ((), (), (), ""),
]


@pytest.mark.parametrize(("conditions", "results", "found", "culprit"), TESTED)
def test_the_last_is_tested_first_until_a_plain_one_does_not_hold(conditions, results, found, culprit):
    assert outcomes(conditions, results) == found
    assert blamed(conditions, found) == culprit
