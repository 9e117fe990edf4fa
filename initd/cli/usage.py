"""`systemctl --help`, and the lists behind `-t help`, `--state=help` and `-s list`."""

from __future__ import annotations

from initd.cli.options import Options
from initd.cli.output import print_table


def print_usage(verbs: list[str]) -> int:
    print("systemctl [OPTIONS...] COMMAND ...\n\nQuery or send control commands to the system manager.\n\nCommands:")
    line = " "
    for verb in verbs:
        if len(line) + len(verb) + 1 > 78:
            print(line)
            line = " "
        line += " " + verb
    print(line + "\n\nSee the systemctl(1) man page for what they and their options do.")
    return 0


def print_words(options: Options) -> int:
    """The values that an option may have."""
    from initd.core import states

    if "help" in options.types:
        _print_list("unit types", [each.value for each in _in_manual_order(states.UnitType)])
    elif "help" in options.what:
        print("\n".join(("runtime", "state", "cache", "logs", "configuration")))
    elif "help" in options.states:
        _print_list("unit load states", [each.value for each in states.LoadState])
        print()
        _print_list("unit active states", [each.value for each in states.ActiveState])
        print()
        _print_list("unit file states", [each.value for each in states.UnitFileState])
        print()
        _print_list("service unit substates", [each.value for each in states.ServiceState])
    else:
        from initd.core import signals

        realtime = {number: f"RTMIN+{number - 34}" for number in range(34, 65)}
        rows = [(str(number), "SIG" + (realtime.get(number) or signals.short_name(number))) for number in range(1, 65)]
        print_table(("SIGNAL", "NAME"), rows)
    return 0


def _in_manual_order(types: object) -> list[object]:
    order = ("service", "mount", "swap", "socket", "target", "device", "automount", "timer", "path", "slice", "scope")
    return sorted(types, key=lambda each: order.index(each.value))  # type: ignore[call-overload, no-any-return]


def _print_list(title: str, words: list[str]) -> None:
    print(f"Available {title}:")
    print("\n".join(words))
