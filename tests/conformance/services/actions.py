"""SuccessAction=, FailureAction=, StartLimitAction=, JobTimeoutAction=: how a container ends, by the unit that ends it.

    python3 -m tests.conformance.services.actions

plays each to a real systemd in a container of its own, and writes its exit code to actions.json. What ends by a kernel's
reboot call is not here: a container's kernel has none.
"""

from __future__ import annotations

import datetime
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/container")]

from harness import Container, TimedOut  # noqa: E402

ANSWERS = Path(__file__).resolve().parent / "actions.json"
LONG = "ExecStart=/bin/sleep 1000"


def unit(*general: str, service: tuple[str, ...]) -> str:
    return "\n".join(["[Unit]", "DefaultDependencies=no", *general, "[Service]", *service]) + "\n"


def ends(command: str) -> tuple[str, ...]:
    return ("Type=oneshot", f"ExecStart=/bin/sh -c '{command}'")


CASES = {
    "success": unit("SuccessAction=exit", service=ends("exit 0")),
    "success-status": unit("SuccessAction=exit", "SuccessActionExitStatus=7", service=ends("exit 0")),
    "success-force": unit("SuccessAction=exit-force", "SuccessActionExitStatus=8", service=ends("exit 0")),
    "success-of-another-status": unit("SuccessAction=exit", service=("SuccessExitStatus=9", *ends("exit 9"))),
    "failure": unit("FailureAction=exit", service=ends("exit 5")),
    "failure-status": unit("FailureAction=exit", "FailureActionExitStatus=6", service=ends("exit 5")),
    "failure-force": unit("FailureAction=exit-force", service=ends("exit 11")),
    "failure-by-signal": unit("FailureAction=exit", service=ends("kill -KILL $$$$")),
    "failure-not-on-success": unit("FailureAction=exit", "SuccessAction=none", service=ends("exit 0")),
    "start-limit": unit("StartLimitBurst=2", "StartLimitAction=exit",
                        service=("Restart=always", "RestartSec=0.1", "ExecStart=/bin/false")),
    "start-limit-force": unit("StartLimitBurst=2", "StartLimitAction=exit-force",
                              service=("Restart=always", "RestartSec=0.1", "ExecStart=/bin/false")),
    "job-timeout": unit("JobTimeoutSec=0.5", "JobTimeoutAction=exit", service=("Type=notify", LONG)),
    "job-timeout-force": unit("JobTimeoutSec=0.5", "JobTimeoutAction=exit-force", service=("Type=notify", LONG)),
}
_WAIT_SEC = {"failure-not-on-success": 3}


def exit_code(container: Container, name: str) -> int | None:
    """None where it goes on."""
    try:
        container.put("/etc/systemd/system/action.service", CASES[name])
        container.start().wait_until_booted()
        container.systemctl("start", "--no-block", "action.service", check=False)
        try:
            return container.wait(_WAIT_SEC.get(name, 30))
        except TimedOut:
            return None
    finally:
        container.remove()


def main() -> None:
    from tests.conformance.services.record import systemd_container

    container = systemd_container().start()
    version = container.exec("systemctl", "--version").stdout.splitlines()[0]
    container.remove()
    with ThreadPoolExecutor(4) as pool:
        codes = dict(zip(CASES, pool.map(lambda name: exit_code(systemd_container(), name), CASES)))
    head = {"version": version, "date": datetime.date.today().isoformat()}
    ANSWERS.write_text(json.dumps({**head, "exit codes": codes}, indent=1) + "\n")
    print(codes)


if __name__ == "__main__":
    main()
