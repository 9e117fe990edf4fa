"""`systemd-run --scope`: this very process becomes a scope, and then the command (systemd-run(1)).

Words and exit statuses are those of systemd 252 (tests/conformance/scopes). There is nobody to change users for us, so that is
done here, behind the start of the scope: a process of another user could not be put there by everybody.
"""

from __future__ import annotations

import os

from initd.cli.bus import MANAGER, UNIT, Bus, BusError
from initd.cli.jobs import report_result
from initd.cli.options import UsageError
from initd.cli.output import complain
from initd.core.objectpath import unit_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pwd
    from typing import Any

    from initd.cli.run_options import Options

    Property = tuple[str, tuple[str, Any]]


def refuse(options: Options) -> None:
    """What a scope cannot have."""
    if options.has("remain-after-exit") or "service-type" in options.values:
        raise UsageError("--remain-after-exit and --service-type= are not supported in --scope mode.")
    if options.has("pty", "pipe"):
        raise UsageError("--pty/--pipe is not compatible in timer or --scope mode.")
    if options.trigger is not None:
        raise UsageError("Path, socket or timer options are not supported in --scope mode.")
    if options.has("wait"):
        raise UsageError("--wait may not be combined with --scope.")
    nice = options.values.get("nice", "0")
    if not nice.lstrip("-").isdigit() or not -20 <= int(nice) < 20:
        raise UsageError(f"Failed to parse nice value: {nice}")


def run(options: Options, argv: list[str], name: str, properties: list[Property]) -> int:
    """The exit status; where all goes well, it is the command's, and this does not return."""
    user, gid = _find_user(options)
    bus = Bus(options.places)
    given = [*properties, ("PIDs", ("au", [os.getpid()]))]
    (job,) = bus.ask("StartTransientUnit", "ssa(sv)a(sa(sv))", name, "fail", given, [])
    if not options.has("no-block"):
        ended = bus.wait_for_signal(
            lambda message: message.interface == MANAGER and message.member == "JobRemoved" and message.body[1] == job)
        result = str(ended.body[3])
        if result not in ("done", "skipped"):
            if not options.has("quiet"):
                report_result(bus, name, result)
            return 1
    environment = _environment(options, user, _invocation_id(bus, name))
    try:
        _become(options, user, gid)
    except OSError as problem:
        complain(f"Failed to set up the process: {problem.strerror}")
        return 1
    if not options.has("quiet"):
        complain(f"Running scope as unit: {name}")
    try:
        os.execve(argv[0], argv, environment)
    except OSError as problem:
        complain(f"Failed to execute: {problem.strerror}")
    return 1


def _find_user(options: Options) -> tuple[pwd.struct_passwd | None, int]:
    """The user, None for us; and the gid, -1 for ours."""
    import grp
    import pwd

    user, gid = None, -1
    if "uid" in options.values:
        word = options.values["uid"]
        try:
            user = pwd.getpwuid(int(word)) if word.isdigit() else pwd.getpwnam(word)
        except KeyError:
            raise UsageError(f"Failed to resolve user {word}: No such process") from None
        gid = user.pw_gid
    if "gid" in options.values:
        word = options.values["gid"]
        try:
            gid = int(word) if word.isdigit() else grp.getgrnam(word).gr_gid
        except KeyError:
            raise UsageError(f"Failed to resolve group {word}: No such process") from None
    return user, gid


def _invocation_id(bus: Bus, name: str) -> str:
    try:
        return bytes(bus.get(unit_path(name), UNIT, "InvocationID")).hex()
    except BusError:
        return ""  # not waited for, and so perhaps not there yet


def _environment(options: Options, user: pwd.struct_passwd | None, invocation_id: str) -> dict[str, str]:
    environment = dict(os.environ)
    if b"\0LC_CTYPE=" not in b"\0" + _environment_at_start():
        environment.pop("LC_CTYPE", None)  # Python has set it, for itself
    if user is not None:
        environment |= {"HOME": user.pw_dir, "LOGNAME": user.pw_name, "USER": user.pw_name}
        shell = user.pw_shell if user.pw_shell and not user.pw_shell.endswith(("/nologin", "/false")) else ""
        environment |= {"SHELL": shell} if shell else {}
    if invocation_id:
        environment["INVOCATION_ID"] = invocation_id
    for _, text in options.each("setenv"):
        variable, equals, value = text.partition("=")
        environment[variable] = value if equals else os.environ.get(variable, "")
    return environment


def _environment_at_start() -> bytes:
    with open("/proc/self/environ", "rb", buffering=0) as file:
        return file.readall()


def _become(options: Options, user: pwd.struct_passwd | None, gid: int) -> None:
    """OSError where we may not."""
    if "nice" in options.values:
        os.setpriority(os.PRIO_PROCESS, 0, int(options.values["nice"]))
    if "working-directory" in options.values:
        os.chdir(options.values["working-directory"])
    if user is not None:
        os.initgroups(user.pw_name, gid)
    if gid >= 0:
        os.setresgid(gid, gid, gid)
    if user is not None:
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
