"""What do the words of the kernel's command line want of the manager? (systemd(1), KERNEL COMMAND LINE)

Where they come from is `shell.bootwords`' business. Of a word that may be there once, the last counts; what is meant for an
initrd ("rd."), for the kernel or for programs that we are not, says nothing to us; a value that makes no sense is told of.
"""

from __future__ import annotations

from initd.core import unitname
from initd.core.generated import EARLY, NORMAL, Generated, wants
from initd.core.record import Record
from initd.core.tuning import Unfit, check
from initd.core.values import LOG_WARNING, Diagnostic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_RUNLEVELS = {
    **dict.fromkeys(("emergency", "-b"), "emergency.target"),
    **dict.fromkeys(("rescue", "single", "s", "S", "1"), "rescue.target"),
    **dict.fromkeys(("2", "3", "4"), "multi-user.target"), "5": "graphical.target",
}  # fmt: skip
_LOCALE = frozenset((
    "LANG", "LANGUAGE", "LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE", "LC_MONETARY", "LC_MESSAGES", "LC_PAPER",
    "LC_NAME", "LC_ADDRESS", "LC_TELEPHONE", "LC_MEASUREMENT", "LC_IDENTIFICATION",
))  # fmt: skip
_SHELL = "debug-shell.service"
_SOURCE = "command line"
_YES, _NO = ("1", "yes", "y", "true", "t", "on"), ("0", "no", "n", "false", "f", "off")


class KernelCommand(Record):
    """What nobody said anything about is "" or None. `shell` is the terminal of a debug shell."""

    target: str = ""
    masked: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    shell: str = ""
    #: "NAME=value".
    environment: tuple[str, ...] = ()
    log_level: int | None = None
    log_target: str = ""
    service_watchdogs: bool | None = None
    #: Whether login prompts are wanted on the terminals that there are.
    getty: bool | None = None
    machine_id: str = ""
    #: What is to count as a last line of system.conf.
    configuration: tuple[str, ...] = ()
    problems: tuple[Diagnostic, ...] = ()


def is_kernel_word(word: str) -> bool:
    """Whether a word on PID 1's own command line is one of these, as in a container it may be (systemd(1))."""
    return word in _RUNLEVELS or word in ("debug", "quiet") or word.startswith(("systemd.", "rd.systemd.", "locale."))


def parse(words: Iterable[str]) -> KernelCommand:
    command = KernelCommand()
    for word in words:
        if word in _RUNLEVELS:
            command = command.replace(target=_RUNLEVELS[word])
        elif word == "debug":
            command = command.replace(log_level=check("log_level", "debug"))
        else:
            command = _apply(command, word)
    return command


def _apply(command: KernelCommand, word: str) -> KernelCommand:
    key, has_value, value = word.partition("=")
    key = key.replace("-", "_")
    if key.startswith("locale.") and key[7:] in _LOCALE and value:
        return command.replace(environment=(*command.environment, f"{key[7:]}={value}"))
    handler = _HANDLERS.get(key)
    if handler is None:
        return command
    try:
        return command.replace(**handler(command, value if has_value else None))
    except ValueError as error:
        problem = Diagnostic(LOG_WARNING, _SOURCE, 0, f"{word} makes no sense, ignoring: {error}")
        return command.replace(problems=(*command.problems, problem))


def _target(command: KernelCommand, value: str | None) -> dict[str, object]:
    if not unitname.is_valid(value or "") or unitname.is_template(value or ""):
        raise ValueError("not the name of a unit")
    return {"target": value}


def _units(field: str) -> Callable[[KernelCommand, str | None], dict[str, object]]:
    def add(command: KernelCommand, value: str | None) -> dict[str, object]:
        return {field: (*getattr(command, field), unitname.mangle(value or ""))}
    return add


def _debug_shell(command: KernelCommand, value: str | None) -> dict[str, object]:
    word = value or ""
    if word in _NO:
        return {"shell": ""}
    return {"shell": "/dev/tty9" if not word or word in _YES else word if word.startswith("/") else f"/dev/{word}"}


def _setenv(command: KernelCommand, value: str | None) -> dict[str, object]:
    name, equals, _ = (value or "").partition("=")
    if not equals or not name.isidentifier() or not name.isascii():
        raise ValueError("not an assignment")
    return {"environment": (*command.environment, value)}


def _tuned(field: str) -> Callable[[KernelCommand, str | None], dict[str, object]]:
    def tune(command: KernelCommand, value: str | None) -> dict[str, object]:
        try:
            return {field: check(field, value or "")}
        except Unfit as error:
            raise ValueError(str(error)) from None
    return tune


def _switch(field: str) -> Callable[[KernelCommand, str | None], dict[str, object]]:
    def switch(command: KernelCommand, value: str | None) -> dict[str, object]:
        if value is not None and value.lower() not in _YES + _NO:
            raise ValueError("not a boolean")
        return {field: value is None or value.lower() in _YES}
    return switch


def _default(key: str, if_empty: str = "") -> Callable[[KernelCommand, str | None], dict[str, object]]:
    def configure(command: KernelCommand, value: str | None) -> dict[str, object]:
        return {"configuration": (*command.configuration, f"{key}={(value or if_empty).partition(chr(10))[0]}")}
    return configure


def _machine_id(command: KernelCommand, value: str | None) -> dict[str, object]:
    digits = (value or "").replace("-", "").lower()
    if len(digits) != 32 or not set(digits) <= set("0123456789abcdef") or not digits.strip("0"):
        raise ValueError("not 32 hexadecimal digits")
    return {"machine_id": digits}


_HANDLERS: dict[str, Callable[[KernelCommand, str | None], dict[str, object]]] = {
    "systemd.unit": _target,
    "systemd.mask": _units("masked"),
    "systemd.wants": _units("wanted"),
    "systemd.debug_shell": _debug_shell,
    "systemd.setenv": _setenv,
    "systemd.log_level": _tuned("log_level"),
    "systemd.log_target": _tuned("log_target"),
    "systemd.service_watchdogs": _switch("service_watchdogs"),
    "systemd.getty_auto": _switch("getty"),
    "systemd.machine_id": _machine_id,
    "systemd.default_standard_output": _default("DefaultStandardOutput", "journal"),
    "systemd.default_standard_error": _default("DefaultStandardError", "inherit"),
    "systemd.default_timeout_start_sec": _default("DefaultTimeoutStartSec"),
}


# --- what it comes to, in files (systemd-debug-generator(8), systemd-getty-generator(8)) ------------------------------


def plan_debug(command: KernelCommand, directory: str = "/lib/systemd/system") -> list[Generated]:
    """Masks, and what the boot's target wants."""
    made = [Generated(EARLY, name, target="/dev/null") for name in dict.fromkeys(command.masked)]
    wanted = [*command.wanted, *([_SHELL] if command.shell else ())]
    target = command.target or "default.target"
    made += [wants(EARLY, target, name, f"{directory}/{name}") for name in dict.fromkeys(wanted)]
    if command.shell and command.shell != "/dev/tty9":
        text = (f"[Unit]\nDescription=Early root shell on {command.shell} FOR DEBUGGING ONLY\nConditionPathExists=\n"
                f"[Service]\nTTYPath={command.shell}\n")
        made.append(Generated(EARLY, f"{_SHELL}.d/50-tty.conf", text))
    return made


def plan_gettys(terminals: str, has_console: bool, directory: str = "/lib/systemd/system") -> list[Generated]:
    """Login prompts on the container's terminals: `terminals` is $container_ttys (systemd-getty-generator(8))."""
    made = []
    if has_console:
        made.append(wants(NORMAL, "getty.target", "console-getty.service", f"{directory}/console-getty.service"))
    for name in dict.fromkeys(word.removeprefix("/dev/").removeprefix("pts/") for word in terminals.split()):
        if name.isdecimal() and name.isascii():
            unit = f"container-getty@{name}.service"
            made.append(wants(NORMAL, "getty.target", unit, f"{directory}/container-getty@.service"))
    return made
