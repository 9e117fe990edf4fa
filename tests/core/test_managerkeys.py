from __future__ import annotations

import pytest

from initd.core.managerkeys import KEYS, configure
from initd.core.sources import KERNEL_LIMITS, LoadFacts, UnitText
from initd.core.values import INFINITY, LOG_NOTICE, LOG_WARNING

FACTS = LoadFacts(hostname="host")
SECOND = 1_000_000


def read(*texts: str):
    return configure([UnitText(f"/c/{number}.conf", text) for number, text in enumerate(texts)], FACTS)


def values(config, *fields: str) -> list[object]:
    return [getattr(config.facts, field) for field in fields]


#: One file, and what `systemctl show` of a real systemd 252 said with it.
RECORDED = """\
[Manager]
DefaultLimitNOFILE=1024:4000
DefaultLimitCORE=infinity
DefaultLimitNPROC=x
DefaultLimitNICE=+5
DefaultTimeoutStartSec=0
DefaultTimeoutStopSec=
DefaultRestartSec=
DefaultTimeoutAbortSec=
DefaultEnvironment=A=1 "B=2 3" bad %%H=1 C=%H
DefaultEnvironment=D=4
Foo=1
DefaultStandardOutput=file:/x
DefaultStandardError=
DefaultStartLimitBurst=x
DefaultStartLimitInterval=7
DefaultTasksMax=10%
DefaultOOMPolicy=
DefaultCPUAccounting=
ManagerEnvironment=M=1
DefaultTimerAccuracySec=
DefaultStartLimitBurst=
[Other]
A=1
"""
COMPLAINTS = [
    (4, "Failed to parse resource value, ignoring: x"),
    (7, "Failed to parse sec value, ignoring: "),
    (8, "Failed to parse sec value, ignoring: "),
    (10, "Invalid environment assignment, ignoring: bad"),
    (10, "Invalid environment assignment, ignoring: %H=1"),
    (12, "Unknown key 'Foo' in section [Manager], ignoring."),
    (13, "Failed to parse output type, ignoring: file:/x"),
    (14, "Failed to parse output type, ignoring: "),
    (15, "Failed to parse unsigned value, ignoring: x"),
    (18, "Failed to parse OOM policy, ignoring: "),
    (21, "Failed to parse sec value, ignoring: "),
    (22, "Failed to parse unsigned value, ignoring: "),
    (23, "Unknown section 'Other'. Ignoring."),
]


def test_values_are_those_that_systemd_took():
    config = read(RECORDED)
    assert values(
        config, "default_timeout_start_usec", "default_timeout_stop_usec", "default_restart_usec",
        "default_timeout_abort_usec", "default_start_limit_interval_usec", "default_start_limit_burst",
        "default_standard_output", "default_standard_error", "default_oom_policy", "default_cpu_accounting",
        "default_timer_accuracy_usec",
    ) == [INFINITY, 90 * SECOND, 100_000, None, 7 * SECOND, 5, "journal", "inherit", "stop", False, 60 * SECOND]
    assert config.facts.tasks_max == FACTS.tasks_total // 10
    assert config.limits == {"nofile": (1024, 4000), "core": (INFINITY, INFINITY), "nice": (15, 15)}
    assert config.facts.limits == KERNEL_LIMITS | config.limits
    assert config.facts.default_environment == ("A=1", "B=2 3", "C=host", "D=4")
    assert config.manager_environment == ("M=1",)


def test_complaints_are_systemds():
    found = sorted(read(RECORDED).diagnostics, key=lambda item: item.line)
    assert [(item.line, item.text) for item in found] == COMPLAINTS
    assert {item.priority for item in found} == {LOG_WARNING}
    assert {item.path for item in found} == {"/c/0.conf"}


def test_defaults_are_systemds():
    """`systemctl show` of a real systemd 252 without any configuration."""
    assert values(
        read(), "default_timeout_start_usec", "default_timeout_stop_usec", "default_restart_usec",
        "default_start_limit_interval_usec", "default_start_limit_burst", "default_timer_accuracy_usec",
        "default_standard_output", "default_standard_error", "default_oom_policy", "default_cpu_accounting",
        "default_io_accounting", "default_ip_accounting", "default_memory_accounting", "default_tasks_accounting",
    ) == [90 * SECOND, 90 * SECOND, 100_000, 10 * SECOND, 5, 60 * SECOND, "journal", "inherit", "stop", False, False,
          False, True, True]
    assert read() == read("", "[Manager]\n")


def test_the_later_file_wins_and_lists_are_collected():
    config = read("[Manager]\nDefaultTimeoutStartSec=1\nDefaultRestartSec=1\nDefaultEnvironment=A=1 B=1\n",
                  "[Manager]\nDefaultTimeoutStartSec=2\nDefaultEnvironment=B=2 C=2\n")
    assert values(config, "default_timeout_start_usec", "default_restart_usec") == [2 * SECOND, SECOND]
    assert config.facts.default_environment == ("A=1", "B=2", "C=2")


def test_an_empty_list_forgets_what_came_before():
    assert read("[Manager]\nDefaultEnvironment=A=1\nDefaultEnvironment=\nDefaultEnvironment=B=1\n"
                ).facts.default_environment == ("B=1",)


def test_few_keys_may_be_empty():
    config = read("[Manager]\nDefaultCPUAccounting=yes\nDefaultCPUAccounting=\nDefaultTasksMax=\nDefaultIOAccounting=\n")
    assert values(config, "default_cpu_accounting", "default_tasks_max") == [False, INFINITY]
    assert [(item.line, item.text) for item in config.diagnostics] == [(5, "Failed to parse boolean value, ignoring: ")]


def test_what_has_no_effect_here_is_told():
    (found,) = read("[Manager]\nRuntimeWatchdogSec=5\n").diagnostics
    assert (found.priority, found.line) == (LOG_NOTICE, 2)
    assert found.text == "RuntimeWatchdogSec= has no effect: a container has no such machine under it."


def test_own_words_are_nobodys_business():
    assert read("[Manager]\nX-Own=1\n[X-Mine]\nA=1\n").diagnostics == ()


def test_what_is_read_to_its_fault_counts():
    config = read("[Manager]\nDefaultRestartSec=1\n[Manager\nDefaultRestartSec=2\n")
    assert values(config, "default_restart_usec") == [SECOND]
    assert [item.text for item in config.diagnostics] == ["Invalid section header '[Manager'"]


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_key_is_known(key):
    """Whatever is said of it, it is not that nobody has heard of it."""
    assert not [item for item in read(f"[Manager]\n{key}=1\n").diagnostics if "Unknown key" in item.text]


#: Keys of systemd-system.conf(5) of 252.
MANUAL = """
    LogColor LogLevel LogLocation LogTarget LogTime DumpCore CrashChangeVT CrashShell CrashReboot ShowStatus
    StatusUnitFormat DefaultTimerAccuracySec DefaultTimeoutStartSec DefaultTimeoutStopSec DefaultTimeoutAbortSec
    DefaultRestartSec DefaultStartLimitIntervalSec DefaultStartLimitBurst DefaultCPUAccounting DefaultMemoryAccounting
    DefaultTasksAccounting DefaultIOAccounting DefaultIPAccounting DefaultTasksMax DefaultEnvironment ManagerEnvironment
    DefaultLimitCPU DefaultLimitFSIZE DefaultLimitDATA DefaultLimitSTACK DefaultLimitCORE DefaultLimitRSS
    DefaultLimitNOFILE DefaultLimitAS DefaultLimitNPROC DefaultLimitMEMLOCK DefaultLimitLOCKS DefaultLimitSIGPENDING
    DefaultLimitMSGQUEUE DefaultLimitNICE DefaultLimitRTPRIO DefaultLimitRTTIME DefaultOOMPolicy DefaultOOMScoreAdjust
    CtrlAltDelBurstAction CPUAffinity NUMAPolicy NUMAMask RuntimeWatchdogSec RuntimeWatchdogPreSec
    RuntimeWatchdogPreGovernor RebootWatchdogSec KExecWatchdogSec WatchdogDevice CapabilityBoundingSet NoNewPrivileges
    SystemCallArchitectures TimerSlackNSec DefaultDeviceTimeoutSec DefaultSmackProcessLabel DefaultStandardOutput
    DefaultStandardError DefaultBlockIOAccounting
"""


def test_every_key_of_the_manual_is_known():
    assert set(MANUAL.split()) - KEYS == set()


def test_settings_of_the_manager_itself_are_read_as_units_have_them():
    config = read("[Manager]\nCPUAffinity=0-1\nCPUAffinity=4\nNUMAPolicy=bind\nNUMAMask=0\nTimerSlackNSec=1ms\n",
                  "[Manager]\nSystemCallArchitectures=native\nSystemCallArchitectures=x86\n")
    settings = config.settings
    assert (settings.cpu_affinity, settings.numa_policy, settings.numa_mask) == ((0, 1, 4), "bind", (0,))
    assert (settings.timer_slack_nsec, settings.system_call_architectures) == (1_000_000, ("native", "x86"))
    assert not config.diagnostics


def test_an_empty_setting_of_the_manager_takes_back_what_was_said():
    config = read("[Manager]\nCPUAffinity=1\nCPUAffinity=\nCPUAffinity=0\nNUMAPolicy=local\nNUMAPolicy=\n"
                  "SystemCallArchitectures=x86\nSystemCallArchitectures=\n")
    settings = config.settings
    assert (settings.cpu_affinity, settings.numa_policy, settings.system_call_architectures) == ((0,), "", ())


def test_a_setting_of_the_manager_that_is_none_is_named():
    config = read("[Manager]\nNUMAPolicy=somehow\nCPUAffinity=none\n")
    assert vars(config.settings) == {} and len(config.diagnostics) == 2


def test_the_managers_own_log_is_tuned():
    config = read("[Manager]\nLogLevel=notice\nLogTarget=console\nShowStatus=yes\nLogLevel=loud\n")
    assert config.tuning == {"log_level": 5, "log_target": "console", "show_status": True}
    assert [item.text for item in config.diagnostics] == ["Failed to parse LogLevel=loud, ignoring."]
