"""`systemctl`'s command line → `Options` and arguments (systemctl(1), OPTIONS), as getopt_long(3) reads it.

Options and arguments mix; `--` ends options; a long option may be cut short where it stays unique; single letters
cluster. Written by hand: argparse would double the time of a short command.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from initd.core.places import Places


class UsageError(Exception):
    """The command line cannot be understood; the text is what to print, the exit status is 1."""


class Options:
    """What was asked for. Class attributes are the defaults."""

    all = False
    full = False
    quiet = False
    force = 0
    no_block = False
    wait = False
    now = False
    runtime = False
    no_reload = False
    no_wall = False
    no_ask_password = False
    plain = False
    recursive = False
    reverse = False
    after = False
    before = False
    show_types = False
    show_transaction = False
    value = False
    failed = False
    dry_run = False
    mkdir = False
    read_only = False
    marked = False
    #: How many units at a time (--rolling); 0: all at once.
    parallel = 0
    no_legend: bool | None = None
    scope = "system"
    #: Of a manager beside another init; None: as the environment says.
    runtime_directory: str | None = None
    root = ""
    image = ""
    job_mode = "replace"
    preset_mode = "full"
    kill_whom = ""
    signal = ""
    lines: int | None = None
    output = ""
    host = ""
    machine = ""
    message = ""
    timestamp = "pretty"
    when = ""
    version = False
    help = False

    def __init__(self) -> None:
        self.types: list[str] = []
        self.states: list[str] = []
        #: None: no -p was given.
        self.properties: list[str] | None = None
        self.what: list[str] = []

    @property
    def places(self) -> Places | None:
        """Of the manager that is to be asked; None: the system's."""
        from initd.cli.managers import chosen

        return chosen(self.scope, self.runtime_directory)


def _flag(name: str) -> Callable[[Options, str], None]:
    return lambda options, _: setattr(options, name, True)


def _count(name: str) -> Callable[[Options, str], None]:
    return lambda options, _: setattr(options, name, getattr(options, name) + 1)


def _text(name: str) -> Callable[[Options, str], None]:
    return lambda options, value: setattr(options, name, value)


def _constant(name: str, value: Any) -> Callable[[Options, str], None]:
    return lambda options, _: setattr(options, name, value)


def _words(name: str) -> Callable[[Options, str], None]:
    def add(options: Options, value: str) -> None:
        getattr(options, name).extend(word for word in value.split(",") if word)

    return add


def _properties(options: Options, value: str) -> None:
    """-p may be repeated and takes a list; `-p ""` asks for none, which shows nothing."""
    options.properties = (options.properties or []) + [word for word in value.split(",") if word]
    # What was asked for by name is shown even if it is empty, as with --all.
    options.all = True


def _system(options: Options, _: str) -> None:
    options.scope, options.runtime_directory = "system", ""


def _value_only(options: Options, value: str) -> None:
    options.value = True
    _properties(options, value)


UNIT_TYPES = (
    "service", "mount", "swap", "socket", "target", "device", "automount", "timer", "path", "slice", "scope",
)  # fmt: skip
_LOAD_STATES = ("stub", "loaded", "not-found", "bad-setting", "error", "merged", "masked")


def _add_type(options: Options, value: str) -> None:
    for word in value.split(","):
        if word in UNIT_TYPES or word == "help":
            options.types.append(word)
        elif word in _LOAD_STATES:
            options.states.append(word)
        elif word:
            raise UsageError(
                f"Unknown unit type or load state '{word}'.\nUse -t help to see a list of allowed values."
            )


def _lines(options: Options, value: str) -> None:
    if not (value.isascii() and value.isdigit()):
        raise UsageError(f"Failed to parse lines '{value}'")
    options.lines = int(value)


def _boolean(value: str) -> bool:
    word = value.lower()
    if word in ("1", "yes", "y", "true", "t", "on"):
        return True
    if word in ("0", "no", "n", "false", "f", "off"):
        return False
    raise UsageError(f"Failed to parse boolean: {value}")


def _rolling(options: Options, _: str) -> None:
    options.parallel = options.parallel or 1


def _parallel(options: Options, value: str) -> None:
    if not (value.isascii() and value.isdigit() and int(value)):
        raise UsageError(f"Failed to parse --parallel={value}: not a number above 0.")
    options.parallel = int(value)


def _legend(options: Options, value: str) -> None:
    try:
        options.no_legend = not _boolean(value)
    except UsageError:
        raise UsageError(f"Failed to parse boolean argument to --legend: {value}.") from None


OUTPUTS = (
    "short", "short-full", "short-iso", "short-iso-precise", "short-precise", "short-monotonic", "short-unix",
    "short-delta", "verbose", "export", "json", "json-pretty", "json-sse", "json-seq", "cat", "with-unit",
)  # fmt: skip


def _output(options: Options, value: str) -> None:
    if value == "help":
        raise UsageError("\n".join(OUTPUTS))
    if value not in OUTPUTS:
        raise UsageError(f"Unknown output '{value}'.")
    options.output = value


def _preset_mode(options: Options, value: str) -> None:
    if value not in ("full", "enable-only", "disable-only"):
        raise UsageError(f"Failed to parse preset mode: {value}.")
    options.preset_mode = value


def _timestamp(options: Options, value: str) -> None:
    if value not in ("pretty", "unix", "us", "µs", "utc", "us+utc", "µs+utc"):
        raise UsageError(f"Invalid value: {value}.")
    options.timestamp = value.replace("µ", "u")


#: Long option → (what it does, whether it takes a value).
LONG: dict[str, tuple[Callable[[Options, str], None], bool]] = {
    "help": (_flag("help"), False),
    "version": (_flag("version"), False),
    "type": (_add_type, True),
    "property": (_properties, True),
    "all": (_flag("all"), False),
    "reverse": (_flag("reverse"), False),
    "after": (_flag("after"), False),
    "before": (_flag("before"), False),
    "show-types": (_flag("show_types"), False),
    "failed": (_flag("failed"), False),
    "full": (_flag("full"), False),
    "job-mode": (_text("job_mode"), True),
    "fail": (_constant("job_mode", "fail"), False),
    "irreversible": (_constant("job_mode", "replace-irreversibly"), False),
    "ignore-dependencies": (_constant("job_mode", "ignore-dependencies"), False),
    "ignore-inhibitors": (_constant("check_inhibitors", "no"), False),
    "check-inhibitors": (_text("check_inhibitors"), True),
    "value": (_flag("value"), False),
    "user": (_constant("scope", "user"), False),
    "system": (_system, False),
    "runtime-directory": (_text("runtime_directory"), True),
    "global": (_constant("scope", "global"), False),
    "wait": (_flag("wait"), False),
    "no-block": (_flag("no_block"), False),
    "legend": (_legend, True),
    "no-legend": (_constant("no_legend", True), False),
    "no-pager": (_constant("pager", False), False),
    "no-wall": (_flag("no_wall"), False),
    "dry-run": (_flag("dry_run"), False),
    "quiet": (_flag("quiet"), False),
    "root": (_text("root"), True),
    "image": (_text("image"), True),
    "force": (_count("force"), False),
    "no-reload": (_flag("no_reload"), False),
    "kill-who": (_text("kill_whom"), True),
    "kill-whom": (_text("kill_whom"), True),
    "signal": (_text("signal"), True),
    "no-ask-password": (_flag("no_ask_password"), False),
    "host": (_text("host"), True),
    "machine": (_text("machine"), True),
    "runtime": (_flag("runtime"), False),
    "plain": (_flag("plain"), False),
    "state": (_words("states"), True),
    "recursive": (_flag("recursive"), False),
    "lines": (_lines, True),
    "output": (_output, True),
    "preset-mode": (_preset_mode, True),
    "message": (_text("message"), True),
    "show-transaction": (_flag("show_transaction"), False),
    "now": (_flag("now"), False),
    "what": (_words("what"), True),
    "timestamp": (_timestamp, True),
    "mkdir": (_flag("mkdir"), False),
    "read-only": (_flag("read_only"), False),
    "marked": (_flag("marked"), False),
    "rolling": (_rolling, False),
    "parallel": (_parallel, True),
    "when": (_text("when"), True),
}
#: Letter → its long option.
SHORT = {
    "h": "help", "t": "type", "p": "property", "a": "all", "l": "full", "q": "quiet", "f": "force", "s": "signal",
    "i": "ignore-inhibitors", "H": "host", "M": "machine", "n": "lines", "o": "output", "r": "recursive",
    "T": "show-transaction",
}  # fmt: skip


def parse(arguments: list[str], program: str = "systemctl") -> tuple[Options, list[str]]:
    """The options, and what is left. UsageError where an option is unknown or lacks its value."""
    options, rest = Options(), []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            rest += waiting
            break
        if word.startswith("--"):
            _apply_long(options, word[2:], waiting, program)
        elif word.startswith("-") and word != "-":
            _apply_letters(options, word[1:], waiting, program)
        else:
            rest.append(word)
    return options, rest


def _apply_long(options: Options, word: str, waiting: list[str], program: str) -> None:
    typed, sign, value = word.partition("=")
    name = typed
    if name not in LONG:
        longer = [known for known in LONG if known.startswith(typed)]
        if not longer:
            raise UsageError(f"{program}: unrecognized option '--{word}'")
        if len(longer) > 1:
            possible = " ".join(f"'--{known}'" for known in longer)
            raise UsageError(f"{program}: option '--{word}' is ambiguous; possibilities: {possible}")
        name = longer[0]
    apply, takes_value = LONG[name]
    if sign and not takes_value:
        raise UsageError(f"{program}: option '--{name}' doesn't allow an argument")
    if takes_value and not sign:
        if not waiting:
            raise UsageError(f"{program}: option '--{name}' requires an argument")
        value = waiting.pop(0)
    apply(options, value)


def _hint(program: str, letters: str) -> str:
    """-.mount and -.slice are units, which look like options."""
    if not letters.startswith("."):
        return ""
    example = f"{program} [OPTIONS...] COMMAND -- -{letters} ..."
    return f'\nHint: to specify units starting with a dash, use "--":\n      {example}'


def _apply_letters(options: Options, letters: str, waiting: list[str], program: str) -> None:
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter == "P":
            apply: Callable[[Options, str], None] = _value_only
            takes_value = True
        elif letter in SHORT:
            apply, takes_value = LONG[SHORT[letter]]
        else:
            raise UsageError(f"{program}: invalid option -- '{letter}'" + _hint(program, letter + letters))
        if not takes_value:
            apply(options, "")
            continue
        if letters:
            value, letters = letters, ""
        elif waiting:
            value = waiting.pop(0)
        else:
            raise UsageError(f"{program}: option requires an argument -- '{letter}'")
        apply(options, value)
