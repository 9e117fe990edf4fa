"""Which limits a unit has when: while the boot is under way, behind it, and from its slice (systemd.resource-control(5))."""

from __future__ import annotations

from initd.core import effects as ef
from initd.core import events as ev
from tests.api_manager import FakeManager


def _limits(manager: FakeManager, unit: str, kind: type) -> list[dict[str, str]]:
    return [{each.file: each.text for each in effect.plan.attributes} for effect in manager.effects
            if type(effect) is kind and effect.unit == unit]


def test_the_weight_of_the_boot_ends_with_it(tmp_path):
    manager = FakeManager(tmp_path)
    manager.write("boot.target", "[Unit]\nDefaultDependencies=no\nWants=a.service\nAfter=a.service\n")
    manager.write("a.service", "[Unit]\nDefaultDependencies=no\n"
                               "[Service]\nExecStart=/bin/a\nStartupCPUWeight=500\nSlice=s.slice\n")
    manager.write("s.slice", "[Unit]\nDefaultDependencies=no\n[Slice]\nDefaultMemoryLow=5M\nMemoryMax=9M\n")
    manager.load("boot.target")
    manager.feed(ev.Boot("boot.target"))
    assert _limits(manager, "s.slice", ef.PrepareUnit) == [{"memory.max": str(9 << 20), "pids.max": "max"}]
    assert _limits(manager, "a.service", ef.PrepareUnit) == [{"cpu.weight": "500", "memory.low": str(5 << 20)}]
    assert _limits(manager, "a.service", ef.LimitUnit) == [{"cpu.weight": "100"}]


def test_a_slice_that_is_always_there_gets_its_limits_too(tmp_path):
    manager = FakeManager(tmp_path)
    manager.write("system.slice", "[Slice]\nTasksMax=77\n")
    manager.load("system.slice")
    assert _limits(manager, "system.slice", ef.PrepareUnit) == [{"pids.max": "77"}]


def test_who_says_nothing_gets_the_default_number_of_tasks(tmp_path):
    manager = FakeManager(tmp_path)
    manager.engine.world.default_tasks_max = 123
    manager.write("a.service", "[Service]\nExecStart=/bin/a\n")
    manager.load("a.service")
    manager.call("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "StartUnit", "ss", "a.service", "replace")
    assert _limits(manager, "a.service", ef.PrepareUnit) == [{"pids.max": "123"}]
