"""Every word of systemd's vocabulary that a program or a user can see, valued exactly as `systemctl` prints it.

Sources: systemctl(1) `--state=help`, org.freedesktop.systemd1(5), systemd.service(5), systemd.kill(5).
Nothing here knows what the words lead to.
"""

from __future__ import annotations

from initd.core.enumeration import Enum


class UnitType(Enum):
    """The suffix of a unit's name (systemd.unit(5))."""

    SERVICE = "service"
    SOCKET = "socket"
    TARGET = "target"
    DEVICE = "device"
    MOUNT = "mount"
    AUTOMOUNT = "automount"
    SWAP = "swap"
    TIMER = "timer"
    PATH = "path"
    SLICE = "slice"
    SCOPE = "scope"


class LoadState(Enum):
    STUB = "stub"
    LOADED = "loaded"
    NOT_FOUND = "not-found"
    BAD_SETTING = "bad-setting"
    ERROR = "error"
    MERGED = "merged"
    MASKED = "masked"


class ActiveState(Enum):
    ACTIVE = "active"
    RELOADING = "reloading"
    INACTIVE = "inactive"
    FAILED = "failed"
    ACTIVATING = "activating"
    DEACTIVATING = "deactivating"
    MAINTENANCE = "maintenance"

    @property
    def is_up(self) -> bool:
        """systemd's ACTIVE_OR_RELOADING."""
        return self is ActiveState.ACTIVE or self is ActiveState.RELOADING

    @property
    def is_up_or_coming(self) -> bool:
        return self.is_up or self is ActiveState.ACTIVATING

    @property
    def is_down(self) -> bool:
        """systemd's INACTIVE_OR_FAILED."""
        return self is ActiveState.INACTIVE or self is ActiveState.FAILED

    @property
    def is_down_or_going(self) -> bool:
        return self.is_down or self is ActiveState.DEACTIVATING


class ServiceState(Enum):
    """Sub-states of a service; which ActiveState each means stands in `core.service`."""

    DEAD = "dead"
    CONDITION = "condition"
    START_PRE = "start-pre"
    START = "start"
    START_POST = "start-post"
    RUNNING = "running"
    EXITED = "exited"
    RELOAD = "reload"
    STOP = "stop"
    STOP_WATCHDOG = "stop-watchdog"
    STOP_SIGTERM = "stop-sigterm"
    STOP_SIGKILL = "stop-sigkill"
    STOP_POST = "stop-post"
    FINAL_WATCHDOG = "final-watchdog"
    FINAL_SIGTERM = "final-sigterm"
    FINAL_SIGKILL = "final-sigkill"
    FAILED = "failed"
    AUTO_RESTART = "auto-restart"
    CLEANING = "cleaning"


class TargetState(Enum):
    DEAD = "dead"
    ACTIVE = "active"


class SliceState(Enum):
    DEAD = "dead"
    ACTIVE = "active"


class MountState(Enum):
    DEAD = "dead"
    MOUNTING = "mounting"
    #: It is mounted; mount(8) has not ended yet.
    MOUNTING_DONE = "mounting-done"
    MOUNTED = "mounted"
    REMOUNTING = "remounting"
    REMOUNTING_SIGTERM = "remounting-sigterm"
    REMOUNTING_SIGKILL = "remounting-sigkill"
    UNMOUNTING = "unmounting"
    UNMOUNTING_SIGTERM = "unmounting-sigterm"
    UNMOUNTING_SIGKILL = "unmounting-sigkill"
    FAILED = "failed"
    CLEANING = "cleaning"


class ServiceType(Enum):
    SIMPLE = "simple"
    EXEC = "exec"
    FORKING = "forking"
    ONESHOT = "oneshot"
    DBUS = "dbus"
    NOTIFY = "notify"
    NOTIFY_RELOAD = "notify-reload"
    IDLE = "idle"


class ServiceExitType(Enum):
    MAIN = "main"
    CGROUP = "cgroup"


class ServiceRestart(Enum):
    NO = "no"
    ON_SUCCESS = "on-success"
    ON_FAILURE = "on-failure"
    ON_ABNORMAL = "on-abnormal"
    ON_WATCHDOG = "on-watchdog"
    ON_ABORT = "on-abort"
    ALWAYS = "always"


class ServiceResult(Enum):
    """`Result=` of a service, and `$SERVICE_RESULT` (systemd.exec(5))."""

    SUCCESS = "success"
    RESOURCES = "resources"
    PROTOCOL = "protocol"
    TIMEOUT = "timeout"
    EXIT_CODE = "exit-code"
    SIGNAL = "signal"
    CORE_DUMP = "core-dump"
    WATCHDOG = "watchdog"
    START_LIMIT_HIT = "start-limit-hit"
    OOM_KILL = "oom-kill"
    EXEC_CONDITION = "exec-condition"


class NotifyAccess(Enum):
    NONE = "none"
    MAIN = "main"
    EXEC = "exec"
    ALL = "all"


class TimeoutFailureMode(Enum):
    TERMINATE = "terminate"
    ABORT = "abort"
    KILL = "kill"


class KillMode(Enum):
    CONTROL_GROUP = "control-group"
    PROCESS = "process"
    MIXED = "mixed"
    NONE = "none"


class KillWho(Enum):
    """`systemctl kill --kill-whom=`; the -fail words make it an error when there is no such process."""

    MAIN = "main"
    CONTROL = "control"
    ALL = "all"
    MAIN_FAIL = "main-fail"
    CONTROL_FAIL = "control-fail"
    ALL_FAIL = "all-fail"


class EmergencyAction(Enum):
    """`SuccessAction=`, `FailureAction=`, `StartLimitAction=`, `JobTimeoutAction=` (systemd.unit(5))."""

    NONE = "none"
    REBOOT = "reboot"
    REBOOT_FORCE = "reboot-force"
    REBOOT_IMMEDIATE = "reboot-immediate"
    POWEROFF = "poweroff"
    POWEROFF_FORCE = "poweroff-force"
    POWEROFF_IMMEDIATE = "poweroff-immediate"
    EXIT = "exit"
    EXIT_FORCE = "exit-force"
    #: Of systemd 254: everything is stopped and started again, the container stays.
    SOFT_REBOOT = "soft-reboot"
    SOFT_REBOOT_FORCE = "soft-reboot-force"


class CollectMode(Enum):
    INACTIVE = "inactive"
    INACTIVE_OR_FAILED = "inactive-or-failed"


class JobType(Enum):
    START = "start"
    VERIFY_ACTIVE = "verify-active"
    STOP = "stop"
    RELOAD = "reload"
    RESTART = "restart"
    TRY_RESTART = "try-restart"
    TRY_RELOAD = "try-reload"
    RELOAD_OR_START = "reload-or-start"
    NOP = "nop"


class JobState(Enum):
    WAITING = "waiting"
    RUNNING = "running"


class JobMode(Enum):
    """systemctl(1) `--job-mode=`."""

    FAIL = "fail"
    REPLACE = "replace"
    REPLACE_IRREVERSIBLY = "replace-irreversibly"
    ISOLATE = "isolate"
    FLUSH = "flush"
    IGNORE_DEPENDENCIES = "ignore-dependencies"
    IGNORE_REQUIREMENTS = "ignore-requirements"
    TRIGGERING = "triggering"


class JobResult(Enum):
    """How a job ended: the last argument of the JobRemoved signal (org.freedesktop.systemd1(5))."""

    DONE = "done"
    CANCELED = "canceled"
    TIMEOUT = "timeout"
    FAILED = "failed"
    DEPENDENCY = "dependency"
    SKIPPED = "skipped"
    INVALID = "invalid"
    ASSERT = "assert"
    UNSUPPORTED = "unsupported"
    COLLECTED = "collected"
    ONCE = "once"


class ExecPhase(Enum):
    """Which `Exec…=` line a process was spawned from."""

    CONDITION = "ExecCondition"
    START_PRE = "ExecStartPre"
    START = "ExecStart"
    START_POST = "ExecStartPost"
    RELOAD = "ExecReload"
    #: Sockets have one of these.
    STOP_PRE = "ExecStopPre"
    STOP = "ExecStop"
    STOP_POST = "ExecStopPost"
    #: Not a line of a file: the process that removes what `systemctl clean` names, and those of mount units.
    CLEAN = "clean"
    MOUNT = "ExecMount"
    UNMOUNT = "ExecUnmount"
    REMOUNT = "ExecRemount"


class ManagerState(Enum):
    """`systemctl is-system-running` (systemctl(1))."""

    INITIALIZING = "initializing"
    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    MAINTENANCE = "maintenance"
    STOPPING = "stopping"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


class UnitFileState(Enum):
    """`systemctl is-enabled` (systemctl(1))."""

    ENABLED = "enabled"
    ENABLED_RUNTIME = "enabled-runtime"
    LINKED = "linked"
    LINKED_RUNTIME = "linked-runtime"
    ALIAS = "alias"
    MASKED = "masked"
    MASKED_RUNTIME = "masked-runtime"
    STATIC = "static"
    INDIRECT = "indirect"
    DISABLED = "disabled"
    GENERATED = "generated"
    TRANSIENT = "transient"
    BAD = "bad"


class Fate(Enum):
    """What becomes of a directive on this machine."""

    APPLIED = "applied"
    DEGRADED = "degraded"
    IGNORED = "ignored"
