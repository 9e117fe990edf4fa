from __future__ import annotations

import os

import pytest

from initd.core.settings import ExecSettings
from initd.shell import scheduling
from initd.shell.scheduling import adopt, with_scheduling
from initd.wire.execcontext import ExecContext

NOTHING = ExecSettings()


def settings_of(**values: object) -> ExecSettings:
    settings = ExecSettings()
    for name, value in values.items():
        setattr(settings, name, value)
    return settings


def scheduled(default: ExecSettings = NOTHING, machine: str = "x86_64", **values: object) -> ExecContext:
    return with_scheduling(ExecContext("/bin/true", ()), settings_of(**values), machine, default)


@pytest.fixture
def nodes(monkeypatch):
    lists = {0: b"0-1,4\n", 1: b"2-3\n"}

    def read(path: str) -> bytes:
        number = int(path.split("/node")[-1].split("/")[0])
        if number not in lists:
            raise FileNotFoundError(2, "")
        return lists[number]

    monkeypatch.setattr(scheduling, "read_small", read)


def test_nothing_set_changes_nothing():
    assert scheduled() == ExecContext("/bin/true", ())


def test_processors_by_number_and_by_node(nodes):
    assert scheduled(cpu_affinity=(1, 3)).cpu_affinity == (1, 3)
    assert scheduled(cpu_affinity=("numa",), numa_mask=(0,)).cpu_affinity == (0, 1, 4)
    assert scheduled(cpu_affinity=("numa",), numa_mask=(0, 1)).cpu_affinity == (0, 1, 2, 3, 4)


@pytest.mark.parametrize("mask", [(), (7,), (0, 7)])
def test_nodes_without_processors_end_the_process_with_215(nodes, mask):
    found = scheduled(cpu_affinity=("numa",), numa_mask=mask)
    assert found.failure is not None and (found.failure.exit_status, found.cpu_affinity) == (215, ())


def test_what_the_manager_says_counts_for_units_that_say_nothing():
    default = settings_of(cpu_affinity=(1,), numa_policy="local", timer_slack_nsec=7)
    found = scheduled(default)
    assert (found.cpu_affinity, found.memory_policy, found.timer_slack_nsec) == ((1,), (4, ()), 7)
    own = scheduled(default, cpu_affinity=(0,), numa_mask=(0,), timer_slack_nsec=9)
    assert (own.cpu_affinity, own.memory_policy, own.timer_slack_nsec) == ((0,), (1, (0,)), 9)


@pytest.mark.parametrize(("policy", "mask", "wanted"), [
    ("", (), None), ("", (0,), (1, (0,))), ("default", (0,), (0, ())), ("preferred", (1,), (1, (1,))),
    ("preferred", (), (1, ())), ("bind", (0, 2), (2, (0, 2))), ("bind", (), None), ("interleave", (), None),
    ("local", (0,), (4, ())),
])  # fmt: skip
def test_memory_policies(policy, mask, wanted):
    assert scheduled(numa_policy=policy, numa_mask=mask).memory_policy == wanted


@pytest.mark.parametrize(("word", "machine", "wanted"), [
    ("x86", "x86_64", 8), ("x86-64", "x86_64", 0), ("s390", "x86_64", None), ("", "x86_64", None),
    ("arm64", "aarch64", 0), ("x86", "i686", 0), ("x86", "unheard-of", None),
])  # fmt: skip
def test_a_machine_pretends_to_be_what_it_can(word, machine, wanted):
    assert scheduled(machine=machine, personality=word).personality == wanted


def test_the_manager_takes_what_it_may(monkeypatch):
    calls = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cpus: calls.append((pid, set(cpus))))
    wanted = settings_of(cpu_affinity=(0, 1), system_call_architectures=("native",))
    adopted, problems = adopt(wanted, may_filter=True)
    assert (calls, problems, vars(adopted)) == ([(0, {0, 1})], (), vars(wanted))
    adopted, (problem,) = adopt(wanted, may_filter=False)
    assert adopted.system_call_architectures == () and "CAP_SYS_ADMIN" in problem.text
    assert wanted.system_call_architectures == ("native",)


def test_a_manager_that_may_not_have_its_processors_says_so(monkeypatch):
    def refuse(pid: int, cpus: object) -> None:
        raise OSError(22, "")

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    adopted, (problem,) = adopt(settings_of(cpu_affinity=(999,)), may_filter=True)
    assert adopted.cpu_affinity == () and problem.text == "CPUAffinity= has no effect: Invalid argument."


def test_a_manager_without_settings_is_left_alone(monkeypatch):
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cpus: pytest.fail("nobody asked for it"))
    adopted, problems = adopt(NOTHING, may_filter=False)
    assert (vars(adopted), problems) == ({}, ())
