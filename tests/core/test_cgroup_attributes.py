"""What is written into a cgroup for each setting, as systemd.resource-control(5) names the files."""

from __future__ import annotations

import pytest

from initd.core.cgroup_attributes import CgroupAttribute, CgroupPlan, Surroundings, changed_attributes, plan_cgroup
from initd.core.load import load_unit
from initd.core.sources import LoadFacts, UnitFiles, UnitText


def planned(*lines: str) -> CgroupPlan:
    text = "[Service]\nExecStart=/bin/true\n" + "\n".join(lines) + "\n"
    facts = LoadFacts(memory_total=2**34, tasks_total=1000)
    definition = load_unit(UnitFiles("u.service", ("u.service",), UnitText("/u.service", text)), facts)
    assert definition.cgroup is not None
    return plan_cgroup(definition.cgroup)


@pytest.mark.parametrize("line, file, text", [
    ("CPUWeight=20", "cpu.weight", "20"),
    ("CPUWeight=idle", "cpu.idle", "1"),
    ("CPUShares=2048", "cpu.weight", "200"),
    ("CPUShares=2", "cpu.weight", "1"),
    ("CPUQuota=20%", "cpu.max", "20000 100000"),
    ("CPUQuota=250%", "cpu.max", "250000 100000"),
    ("CPUQuota=0.1%", "cpu.max", "1000 100000"),
    ("AllowedCPUs=0-2 5", "cpuset.cpus", "0,1,2,5"),
    ("AllowedMemoryNodes=1", "cpuset.mems", "1"),
    ("MemoryMin=1M", "memory.min", "1048576"),
    ("MemoryLow=infinity", "memory.low", "max"),
    ("MemoryHigh=50%", "memory.high", str(2**33)),
    ("MemoryMax=100M", "memory.max", "104857600"),
    ("MemoryLimit=100M", "memory.max", "104857600"),
    ("MemorySwapMax=0", "memory.swap.max", "0"),
    ("TasksMax=10", "pids.max", "10"),
    ("TasksMax=10%", "pids.max", "100"),
    ("TasksMax=infinity", "pids.max", "max"),
    ("IOWeight=50", "io.weight", "default 50"),
])
def test_one_setting_is_one_file(line, file, text):
    (attribute,) = planned(line).attributes
    assert (attribute.file, attribute.text) == (file, text)


@pytest.mark.parametrize("line, file, text", [
    ("IODeviceWeight=/dev/sda 20", "io.weight", "20"),
    ("IOReadBandwidthMax=/dev/sda 1M", "io.max", "rbps=1000000"),
    ("IOWriteBandwidthMax=/dev/sda infinity", "io.max", "wbps=max"),
    ("IOReadIOPSMax=/dev/sda 100", "io.max", "riops=100"),
    ("IOWriteIOPSMax=/dev/sda 100", "io.max", "wiops=100"),
    ("IODeviceLatencyTargetSec=/dev/sda 25ms", "io.latency", "target=25000"),
])
def test_limits_of_a_device_name_it(line, file, text):
    assert planned(line) == CgroupPlan((CgroupAttribute(file, text, "/dev/sda"),))


def test_what_is_not_set_is_not_written():
    assert planned() == CgroupPlan()
    assert planned("MemoryMax=infinity", "MemoryMin=0", "CPUQuota=", "CPUQuotaPeriodSec=10ms") == CgroupPlan()


def test_a_quota_is_of_its_period():
    assert planned("CPUQuota=50%", "CPUQuotaPeriodSec=10ms").attributes[0].text == "5000 10000"
    assert planned("CPUQuota=50%", "CPUQuotaPeriodSec=10s").attributes[0].text == "500000 1000000"


def test_the_new_setting_wins_over_the_old_one():
    assert planned("MemoryLimit=1M", "MemoryMax=2M").attributes[0].text == "2097152"
    assert planned("CPUShares=2048", "CPUWeight=7").attributes[0].text == "7"


def test_controllers_are_the_files_own():
    assert [CgroupAttribute(file, "").controller for file in ("cpu.max", "cpuset.cpus", "memory.swap.max", "pids.max")] == [
        "cpu", "cpuset", "memory", "pids"]


def test_a_group_is_handed_over_and_killed_as_a_whole():
    assert planned("Delegate=yes").is_delegated and not planned("Delegate=no").is_delegated
    text = "[Service]\nExecStart=/bin/true\n"
    definition = load_unit(UnitFiles("u.service", ("u.service",), UnitText("/u.service", text)), LoadFacts())
    assert definition.cgroup is not None
    assert plan_cgroup(definition.cgroup, kills_group=True).attributes == (CgroupAttribute("memory.oom.group", "1"),)


def _written(plan: CgroupPlan) -> dict[str, str]:
    return {each.file: each.text for each in plan.attributes}


def _settings(*lines: str):
    text = "[Service]\nExecStart=/bin/true\n" + "\n".join(lines) + "\n"
    return load_unit(UnitFiles("u.service", ("u.service",), UnitText("/u.service", text)), LoadFacts()).cgroup


def test_at_startup_other_weights_are_in_force_where_there_are_any():
    settings = _settings("CPUWeight=20", "StartupCPUWeight=300", "IOWeight=7", "StartupAllowedCPUs=1")
    boot, later = (_written(plan_cgroup(settings, surroundings=Surroundings(is_startup=each))) for each in (True, False))
    assert boot == {"cpu.weight": "300", "cpuset.cpus": "1", "io.weight": "default 7"}
    assert later == {"cpu.weight": "20", "io.weight": "default 7"}
    change = changed_attributes(*(plan_cgroup(settings, surroundings=Surroundings(is_startup=each)) for each in (True, False)))
    assert _written(change) == {"cpu.weight": "20", "cpuset.cpus": ""}


def test_what_is_not_wanted_any_longer_is_taken_back():
    lines = (("MemoryMax=5M", "CPUQuota=5%", "TasksMax=3"), ("TasksMax=4",))
    before, after = (plan_cgroup(_settings(*each)) for each in lines)
    assert _written(changed_attributes(before, after)) == {"memory.max": "max", "cpu.max": "max", "pids.max": "4"}
    assert changed_attributes(after, after) == CgroupPlan()


def test_what_a_slice_protects_is_its_units_and_so_is_the_number_of_tasks():
    around = Surroundings(tasks_max=100, memory_min=5, memory_low=6)
    assert _written(plan_cgroup(_settings(), surroundings=around)) == {"memory.min": "5", "memory.low": "6", "pids.max": "100"}
    assert _written(plan_cgroup(_settings("MemoryMin=7", "TasksMax=8"), surroundings=around)) == {
        "memory.min": "7", "memory.low": "6", "pids.max": "8"}
