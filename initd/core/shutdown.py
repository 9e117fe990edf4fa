"""How the manager ends: units are stopped in order, then whatever is left is killed, all within one budget.

The stages: nothing asked; `stopping` (a target like poweroff.target is being started, which stops everything);
`terminating` (SIGTERM to every process that is left); `killing` (SIGKILL); `over` (Exit was asked for, nothing
follows). The budget starts with the first request that came by signal, since the runtime that sent it will SIGKILL us
after its own (10 s for docker and podman).

In front of all that may stand a drain: asked to stop by signal, a manager that was told so goes on as before for a while, and
only says that it is not ready any more (`pyinit health`), so that load balancers look elsewhere first.
"""

from __future__ import annotations

from initd.core.effects import Effect, Exit, KillEverything
from initd.core.enumeration import Enum
from initd.core.states import EmergencyAction
from initd.core.values import INFINITY, USEC_PER_MSEC, USEC_PER_SEC

_SIGTERM, _SIGKILL = 15, 9


class Stage(Enum):
    NONE = "none"
    STOPPING = "stopping"
    TERMINATING = "terminating"
    KILLING = "killing"
    OVER = "over"


#: Verb → the target whose start brings everything else down.
TARGET_OF = {
    "exit": "exit.target",
    "poweroff": "poweroff.target",
    "reboot": "reboot.target",
    "halt": "halt.target",
    "kexec": "reboot.target",
    "soft-reboot": "soft-reboot.target",
}

#: Emergency action → (verb, how far at once).
ACTIONS: dict[EmergencyAction, tuple[str, Stage]] = {
    EmergencyAction.EXIT: ("exit", Stage.STOPPING),
    EmergencyAction.EXIT_FORCE: ("exit", Stage.TERMINATING),
    EmergencyAction.SOFT_REBOOT: ("soft-reboot", Stage.STOPPING),
    EmergencyAction.SOFT_REBOOT_FORCE: ("soft-reboot", Stage.TERMINATING),
    EmergencyAction.POWEROFF: ("poweroff", Stage.STOPPING),
    EmergencyAction.POWEROFF_FORCE: ("poweroff", Stage.TERMINATING),
    EmergencyAction.POWEROFF_IMMEDIATE: ("poweroff", Stage.KILLING),
    EmergencyAction.REBOOT: ("reboot", Stage.STOPPING),
    EmergencyAction.REBOOT_FORCE: ("reboot", Stage.TERMINATING),
    EmergencyAction.REBOOT_IMMEDIATE: ("reboot", Stage.KILLING),
}

#: Signal → verb; the RTMIN ones as systemd(1), SIGNALS (+7 and +17: of 254). SIGTERM ends us, which systemd's does not (it
#: re-executes).
VERB_OF_SIGNAL = {
    "TERM": "poweroff",
    "INT": "poweroff",
    "PWR": "poweroff",
    "RTMIN+3": "halt",
    "RTMIN+4": "poweroff",
    "RTMIN+5": "reboot",
    "RTMIN+7": "soft-reboot",
    "RTMIN+13": "halt",
    "RTMIN+14": "poweroff",
    "RTMIN+15": "reboot",
    "RTMIN+17": "soft-reboot",
}
#: Those of them that skip stopping units in order.
FORCING_SIGNALS = ("RTMIN+13", "RTMIN+14", "RTMIN+15", "RTMIN+17")
#: Of a manager that is no init.
_EXIT_BY_SIGNAL = {
    "TERM": ("exit", Stage.STOPPING), "INT": ("exit", Stage.STOPPING), "RTMIN+24": ("exit", Stage.TERMINATING),
}


#: What a terminal's user or an impatient one sends: no drain before that.
_IMPATIENT = ("INT",)


def asked_by_signal(name: str, is_init: bool) -> tuple[str, Stage] | None:
    """What a signal asks for, the verb and how far at once; None where it does not end the manager. A manager that is no
    init only ends itself (systemd(1), SIGNALS)."""
    if is_init:
        stage = Stage.TERMINATING if name in FORCING_SIGNALS else Stage.STOPPING
        return (VERB_OF_SIGNAL[name], stage) if name in VERB_OF_SIGNAL else None
    return _EXIT_BY_SIGNAL.get(name)


#: How long SIGTERM may take in the last stage before SIGKILL, where the budget leaves that much.
TERMINATE_USEC = 2 * USEC_PER_SEC
#: How often the last stages look whether somebody is left.
POLL_USEC = 50 * USEC_PER_MSEC
#: What SIGKILL gets to take effect.
KILL_USEC = 500 * USEC_PER_MSEC
#: How long the journal gets to write out what it has, at least, and where nobody has set a budget.
LAST_WORDS_USEC, LONG_LAST_WORDS_USEC = USEC_PER_SEC, 5 * USEC_PER_SEC


class Shutdown:
    """The record of a shutdown. Plain fields."""

    __slots__ = ("stage", "verb", "exit_code", "budget_usec", "budget_end_usec", "stage_end_usec", "poll_usec",
                 "given_end_usec", "drain_usec", "drain_end_usec", "drained_for", "reason")

    def __init__(self, budget_usec: int, drain_usec: int = 0) -> None:
        self.stage = Stage.NONE
        self.verb = ""
        self.exit_code = 0
        self.budget_usec = budget_usec
        self.budget_end_usec = INFINITY
        self.stage_end_usec = INFINITY
        self.poll_usec = INFINITY
        #: When the runtime loses patience, whatever stage this is.
        self.given_end_usec = INFINITY
        #: How long to drain, and until when that is done now, for which signal.
        self.drain_usec = drain_usec
        self.drain_end_usec = INFINITY
        self.drained_for = ""
        #: Why it all ends, in words; the first reason counts.
        self.reason = ""

    @property
    def deadline_usec(self) -> int:
        return min(self.budget_end_usec, self.stage_end_usec, self.poll_usec, self.drain_end_usec)

    @property
    def is_draining(self) -> bool:
        return self.drain_end_usec < INFINITY

    def may_drain(self, name: str, stage: Stage) -> bool:
        """Whether this signal, which asks for that much, has us drain first."""
        is_first = self.stage is Stage.NONE and not self.is_draining
        return is_first and self.drain_usec > 0 and stage is Stage.STOPPING and name not in _IMPATIENT

    def start_drain(self, name: str, now_usec: int) -> None:
        self.drain_end_usec, self.drained_for = now_usec + self.drain_usec, name

    def end_drain(self, now_usec: int) -> None:
        """What comes now has the budget."""
        self.drain_end_usec = INFINITY
        self.start_budget(now_usec)

    def start_budget(self, now_usec: int) -> None:
        self.budget_end_usec = min(self.budget_end_usec, now_usec + self.budget_usec)
        self.given_end_usec = self.budget_end_usec

    def end_budget(self, now_usec: int) -> None:
        """A second SIGTERM: no more patience."""
        self.budget_end_usec = self.given_end_usec = now_usec

    def last_words_end_usec(self, now_usec: int) -> int:
        """Until when the journal may write what it has, once everything else is over."""
        given_usec = self.given_end_usec if self.given_end_usec < INFINITY else now_usec + LONG_LAST_WORDS_USEC
        return max(given_usec, now_usec + LAST_WORDS_USEC)

    def enter_terminating(self, now_usec: int) -> list[Effect]:
        if self.stage in (Stage.TERMINATING, Stage.KILLING, Stage.OVER):
            return []
        self.stage = Stage.TERMINATING
        self.stage_end_usec = min(now_usec + TERMINATE_USEC, self.budget_end_usec)
        self.poll_usec = now_usec + POLL_USEC
        return [KillEverything(_SIGTERM)]

    def enter_killing(self, now_usec: int) -> list[Effect]:
        if self.stage in (Stage.KILLING, Stage.OVER):
            return []
        self.stage = Stage.KILLING
        self.stage_end_usec = now_usec + KILL_USEC
        self.poll_usec = now_usec + POLL_USEC
        self.budget_end_usec = INFINITY
        return [KillEverything(_SIGKILL)]

    def on_remaining(self, count: int) -> list[Effect]:
        """How many processes are left, after each signal and poll."""
        if self.stage not in (Stage.TERMINATING, Stage.KILLING) or count:
            return []
        return self.enter_over()

    def on_deadline(self, now_usec: int) -> list[Effect]:
        if self.stage is Stage.NONE or self.stage is Stage.OVER:
            return []
        if self.stage is Stage.KILLING and self.stage_end_usec <= now_usec:
            return self.enter_over()
        if self.budget_end_usec <= now_usec or (self.stage is Stage.TERMINATING and self.stage_end_usec <= now_usec):
            return self.enter_killing(now_usec)
        if self.poll_usec <= now_usec:
            self.poll_usec = now_usec + POLL_USEC
            return [KillEverything(_SIGKILL if self.stage is Stage.KILLING else 0)]
        return []

    def enter_over(self) -> list[Effect]:
        self.stage = Stage.OVER
        self.budget_end_usec = self.stage_end_usec = self.poll_usec = INFINITY
        return [Exit(self.exit_code, self.verb)]
