"""`journalctl`'s command line → what to show, and how (journalctl(1)), with the refusals of systemd 252."""

from __future__ import annotations

import sys

from initd.cli.getopt import boolean, parse
from initd.cli.options import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.places import Places

LONG = {
    "system": "", "user": "", "runtime-directory": "=",
    "machine": "=", "merge": "", "directory": "=", "file": "=", "root": "=", "image": "=",
    "namespace": "=", "since": "=", "until": "=", "cursor": "=", "after-cursor": "=", "cursor-file": "=", "boot": "?",
    "unit": "=", "user-unit": "=", "identifier": "=", "priority": "=", "facility": "=", "grep": "=",
    "case-sensitive": "?", "dmesg": "", "output": "=", "output-fields": "=", "lines": "?", "reverse": "",
    "show-cursor": "", "utc": "", "catalog": "", "no-hostname": "", "full": "", "no-full": "", "all": "", "follow": "",
    "no-tail": "", "quiet": "", "no-pager": "", "pager-end": "", "interval": "=", "verify-key": "=", "force": "",
    "help": "", "version": "", "fields": "", "field": "=", "list-boots": "", "disk-usage": "", "vacuum-size": "=",
    "vacuum-files": "=", "vacuum-time": "=", "verify": "", "sync": "", "relinquish-var": "", "smart-relinquish-var": "",
    "flush": "", "rotate": "", "header": "", "list-catalog": "", "dump-catalog": "", "update-catalog": "",
    "setup-keys": "",
}
_SHORT = {
    "M": "machine", "m": "merge", "D": "directory", "S": "since", "U": "until", "c": "cursor", "b": "boot", "u": "unit",
    "t": "identifier", "p": "priority", "g": "grep", "k": "dmesg", "o": "output", "n": "lines", "r": "reverse",
    "x": "catalog", "l": "full", "a": "all", "f": "follow", "q": "quiet", "e": "pager-end", "h": "help", "N": "fields",
    "F": "field",
}
FORMATS = (
    "short", "short-full", "short-iso", "short-iso-precise", "short-precise", "short-monotonic", "short-delta",
    "short-unix", "verbose", "export", "json", "json-pretty", "json-sse", "json-seq", "cat", "with-unit",
)
_QUIET_FORMATS = ("export", "json", "json-pretty", "json-sse", "json-seq", "cat")
PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "12", "13",
    "14", "15", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)
_COMMANDS = (
    "version", "help", "fields", "list-boots", "disk-usage", "verify", "sync", "relinquish-var", "smart-relinquish-var",
    "flush", "header", "list-catalog", "dump-catalog", "update-catalog", "setup-keys",
)
_MOST_LINES = 2**31 - 1
#: How many lines a pager that jumps to the end is given, and a reader that follows.
_PAGER_LINES, _FOLLOW_LINES = 1000, 10


class JournalOptions:
    """What was asked for. Class attributes are the defaults."""

    command = "show"
    output = "short"
    follow = False
    reverse = False
    all = False
    full = True
    quiet = False
    merge = False
    utc = False
    hostname = True
    dmesg = False
    catalog = False
    user = False
    runtime_directory: str | None = None
    no_tail = False
    no_pager = False
    pager_end = False
    show_cursor = False
    rotate = False
    directory = ""
    root = ""
    machine = ""
    image = ""
    namespace = ""
    since = ""
    until = ""
    cursor = ""
    after_cursor = ""
    cursor_file = ""
    field = ""
    grep: str | None = None
    case_sensitive: bool | None = None
    #: None: all boots. Else an id, or empty, and an offset, None where none was given.
    boot: tuple[str, int | None] | None = None
    #: None: all lines.
    lines: int | None = None
    vacuum_bytes: int | None = None
    vacuum_usec: int | None = None
    vacuum_files: int | None = None
    #: Values of PRIORITY, of SYSLOG_FACILITY; None: any.
    priorities: tuple[int, ...] | None = None
    facilities: tuple[int, ...] | None = None
    output_fields: tuple[str, ...] | None = None

    def __init__(self) -> None:
        self.files: list[str] = []
        self.units: list[str] = []
        self.user_units: list[str] = []
        self.identifiers: list[str] = []
        self.matches: list[str] = []

    @property
    def places(self) -> Places | None:
        """Of the manager whose journal is meant; None: the system's."""
        from initd.cli.managers import chosen

        return chosen("user" if self.user else "system", self.runtime_directory)


def parse_command_line(arguments: list[str]) -> JournalOptions:
    """UsageError for what is none, as it is to be printed."""
    given, words = parse(list(_with_values(arguments)), "journalctl", LONG, _SHORT)
    options = JournalOptions()
    options.matches = words
    lines_given = False
    for name, value in given:
        lines_given = lines_given or name == "lines"
        _apply(options, name, value)
        if options.command in ("help", "version", "formats", "facilities"):
            return options
    _settle(options, lines_given)
    return options


def _with_values(arguments: list[str]) -> list[str]:
    """The words, where -n and -b have taken the next one as their value if it can be one, as nothing else may."""
    made: list[str] = []
    waiting = arguments[::-1]
    while waiting:
        word = waiting.pop()
        if word == "--":
            return [*made, word, *waiting[::-1]]
        if word in ("--lines", "--boot"):
            made.append(_joined(word, "", waiting))
        elif word.startswith("-") and not word.startswith("--") and len(word) > 1:
            made += _cluster(word, waiting)
        else:
            made.append(word)
            if word.startswith("--") and LONG.get(word[2:]) == "=" and waiting:
                made.append(waiting.pop())
    return made


def _cluster(word: str, waiting: list[str]) -> list[str]:
    for place, letter in enumerate(word[1:], 1):
        if letter in "nb":
            before = [word[:place]] if place > 1 else []
            return [*before, _joined("--" + _SHORT[letter], word[place + 1:], waiting)]
        if LONG.get(_SHORT.get(letter, ""), "") == "=":
            # What is behind it is its value, be it the next word.
            return [word, waiting.pop()] if place == len(word) - 1 and waiting else [word]
    return [word]


def _joined(option: str, value: str, waiting: list[str]) -> str:
    if not value and waiting and (_may_be_lines if option == "--lines" else _may_be_boot)(waiting[-1]):
        value = waiting.pop()
    return f"{option}={value}" if value else option


def _may_be_lines(word: str) -> bool:
    return word == "all" or word.isascii() and word.isdigit() and int(word) <= _MOST_LINES


def _may_be_boot(word: str) -> bool:
    return word == "all" or _parse_boot(word) is not None


def _parse_boot(word: str) -> tuple[str, int | None] | None:
    boot_id, offset = "", word
    if len(word) >= 32 and not set(word[:32]) - set("0123456789abcdefABCDEF"):
        boot_id, offset = word[:32].lower(), word[32:]
        if offset and offset[0] not in "+-":
            return None
    if not offset:
        return boot_id, None
    digits = offset[1:] if offset[0] in "+-" else offset
    if not (digits.isascii() and digits.isdigit()):
        return None
    return boot_id, int(offset)


def _apply(options: JournalOptions, name: str, value: str) -> None:
    if name in _COMMANDS:
        options.command = name
    elif name in _SETTERS:
        _SETTERS[name](options, value)
    elif name in ("follow", "reverse", "all", "quiet", "merge", "utc", "catalog", "user", "no-tail", "no-pager",
                  "show-cursor", "rotate", "dmesg"):
        setattr(options, name.replace("-", "_"), True)
    elif name == "system":
        options.runtime_directory = ""
    elif name == "runtime-directory":
        options.runtime_directory = value
    elif name in ("directory", "root", "machine", "image", "since", "until", "cursor", "after-cursor", "cursor-file",
                  "namespace", "grep"):
        setattr(options, name.replace("-", "_"), value)
    elif name in ("unit", "user-unit", "identifier", "file"):
        getattr(options, name.replace("-", "_") + "s").append(value)


def _set_output(options: JournalOptions, value: str) -> None:
    if value == "help":
        options.command = "formats"
    elif value not in FORMATS:
        raise UsageError(f"Unknown output format '{value}'.")
    options.output = value
    options.quiet = options.quiet or value in _QUIET_FORMATS


def _set_lines(options: JournalOptions, value: str) -> None:
    if value and not _may_be_lines(value):
        raise UsageError(f"Failed to parse lines '{value}'")
    options.lines = None if value == "all" else int(value or _FOLLOW_LINES)


def _set_boot(options: JournalOptions, value: str) -> None:
    if value == "all":
        options.boot = None
        return
    options.boot = _parse_boot(value) if value else ("", None)
    if options.boot is None:
        raise UsageError(f"Failed to parse boot descriptor '{value}'")


def _set_priority(options: JournalOptions, value: str) -> None:
    first, is_range, last = value.partition("..")
    found = [_level(first), _level(last)] if is_range else [0, _level(value)]
    if None in found:
        raise UsageError(f"Failed to parse log level range {value}" if is_range else f"Unknown log level {value}")
    least, most = sorted(level for level in found if level is not None)
    options.priorities = tuple(range(least, most + 1))


def _level(word: str) -> int | None:
    if word in PRIORITIES:
        return PRIORITIES.index(word)
    return int(word) if word in {str(level) for level in range(8)} else None


def _set_facility(options: JournalOptions, value: str) -> None:
    if value == "help":
        options.command = "facilities"
        return
    for word in value.split(","):
        if not word:
            continue
        number = FACILITIES.index(word) if word in FACILITIES else int(word) if word.isascii() and word.isdigit() else 128
        if number > 127:
            raise UsageError(f'Bad --facility= argument "{word}".')
        options.facilities = (*(options.facilities or ()), number)


def _set_case(options: JournalOptions, value: str) -> None:
    wanted = boolean(value or "yes")
    if wanted is None:
        raise UsageError(f'Bad --case-sensitive= argument "{value}": Invalid argument')
    options.case_sensitive = wanted


def _set_output_fields(options: JournalOptions, value: str) -> None:
    options.output_fields = (*(options.output_fields or ()), *(word for word in value.split(",") if word))


def _set_field(options: JournalOptions, value: str) -> None:
    options.command, options.field = "field", value


def _set_vacuum(options: JournalOptions, value: str, kind: str) -> None:
    from initd.core import timespan

    try:
        if kind == "size":
            options.vacuum_bytes = _bytes(value)
        elif kind == "time":
            options.vacuum_usec = timespan.parse(value)
        else:
            if not (value.isascii() and value.isdigit()):
                raise ValueError(value)
            options.vacuum_files = int(value)
    except ValueError:
        raise UsageError(f"Failed to parse vacuum {kind}: {value}") from None
    options.command = "vacuum" if options.command == "show" else options.command


def _bytes(value: str) -> int:
    power = "BKMGTPE".find(value[-1:]) if value[-1:] else -1
    number = value[:-1] if power >= 0 else value
    whole, _, fraction = number.partition(".")
    if not (whole.isascii() and whole.isdigit()) or fraction and not fraction.isdigit():
        raise ValueError(value)
    return int(float(number) * 1024 ** max(power, 0)) if fraction else int(whole) * 1024 ** max(power, 0)


_SETTERS = {
    "output": _set_output, "lines": _set_lines, "boot": _set_boot, "priority": _set_priority,
    "facility": _set_facility, "case-sensitive": _set_case, "output-fields": _set_output_fields, "field": _set_field,
    "vacuum-size": lambda options, value: _set_vacuum(options, value, "size"),
    "vacuum-time": lambda options, value: _set_vacuum(options, value, "time"),
    "vacuum-files": lambda options, value: _set_vacuum(options, value, "files"),
    "no-hostname": lambda options, _: setattr(options, "hostname", False),
    "no-full": lambda options, _: setattr(options, "full", False),
    "full": lambda options, _: setattr(options, "full", True),
    "pager-end": lambda options, _: setattr(options, "pager_end", True),
}


def _settle(options: JournalOptions, lines_given: bool) -> None:
    """What follows from all of them together; UsageError for what does not go together."""
    if options.rotate and options.command == "show":
        options.command = "rotate"
    if not lines_given:
        if options.follow and not options.since:
            options.lines = _FOLLOW_LINES
        elif options.pager_end:
            options.lines = _PAGER_LINES
    if options.no_tail:
        options.lines = None
    places = [options.directory, options.files, options.machine, options.root, options.image]
    if sum(map(bool, places)) > 1:
        raise UsageError("Please specify at most one of -D/--directory=, --file=, -M/--machine=, --root=, --image=.")
    if sum(map(bool, (options.since, options.cursor, options.after_cursor))) > 1:
        raise UsageError("Please specify only one of --since=, --cursor=, and --after-cursor=.")
    if options.follow and options.reverse:
        raise UsageError("Please specify either --reverse= or --follow=, not both.")
    if options.command != "show" and options.matches:
        raise UsageError(f"Extraneous arguments starting with '{options.matches[0]}'")
    if (options.boot is not None or options.command == "list-boots") and options.merge:
        raise UsageError("Using --boot or --list-boots with --merge is not supported.")
    if options.lines is not None and options.grep is not None and not options.follow:
        options.reverse = True


def print_list(words: tuple[str, ...], heading: str = "") -> int:
    sys.stdout.write("".join(f"{word}\n" for word in ([heading] if heading else []) + [*words]))
    return 0
