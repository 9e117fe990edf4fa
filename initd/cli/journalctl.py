"""`journalctl`: what the journal holds, filtered and formatted (journalctl(1)).

It reads the store itself and needs no journal process; only `--sync`, `--rotate` and their like ask that one.
"""

from __future__ import annotations

import sys

from initd.cli.journal_options import (
    FACILITIES,
    FORMATS,
    JournalOptions,
    parse_command_line,
    print_list,
)
from initd.cli.journal_sources import Sources, Unreadable, find
from initd.cli.options import UsageError
from initd.cli.output import complain, complain_behind, print_version

_NO_KERNEL = ("The kernel's messages are the host's, and not in a container's journal: "
              "read them there, with \"journalctl -k\" or dmesg(1).")
_HINT = """\
Hint: You are currently not seeing messages from other users and the system.
      Users in groups 'adm', 'systemd-journal' can see all messages.
      Pass -q to turn off this notice."""
_NO_PLACE = {
    "machine": "containers' journals are read in the container", "image": "images' journals are read by --directory=",
    "namespace": "there are no journal namespaces",
}
_UNSUPPORTED = {
    "setup-keys": "Forward-secure sealing is not available: segments are text, sign copies of them.",
    "list-catalog": "There is no message catalog.", "dump-catalog": "There is no message catalog.",
    "update-catalog": "There is no message catalog.",
}


def main(arguments: list[str]) -> int:
    """The exit status. `arguments` without the program's name."""
    try:
        options = parse_command_line(arguments)
        return _run(options)
    except (UsageError, Unreadable) as problem:
        complain_behind(str(problem))
        return 1
    except KeyboardInterrupt:
        return 130


def _run(options: JournalOptions) -> int:
    command = options.command
    if command == "help":
        from initd.cli.journal_usage import HELP

        sys.stdout.write(HELP)
        return 0
    if command == "version":
        print_version()
        return 0
    if command == "formats":
        return print_list(FORMATS)
    if command == "facilities":
        return print_list(FACILITIES, "Available facilities:")
    if command in _UNSUPPORTED:
        raise UsageError(_UNSUPPORTED[command])
    for place, reason in _NO_PLACE.items():
        if getattr(options, place) and (place, options.namespace) != ("namespace", "*"):
            raise UsageError(f"--{place}= is not supported: {reason}.")
    if command in ("sync", "flush", "rotate", "relinquish-var", "smart-relinquish-var") or options.rotate:
        from initd.cli.journal_requests import ask

        places = options.places
        address = places.run + "/systemd/journal/io.systemd.journal" if places is not None else ""
        status = ask("rotate" if options.rotate else command, address)
        if status or command != "vacuum":
            return status
    return _read(options)


def _read(options: JournalOptions) -> int:
    if options.dmesg:
        raise UsageError(_NO_KERNEL)
    sources = find(options.directory, options.files, options.root, options.merge, options.places)
    sources.look()
    _tell_of_nothing(options, sources)
    if options.command in ("disk-usage", "vacuum", "header", "verify"):
        from initd.cli import journal_upkeep

        return journal_upkeep.run(options, sources)
    if options.command in ("fields", "field", "list-boots"):
        from initd.cli import journal_survey

        return journal_survey.run(options, sources)
    from initd.cli.journal_show import show

    return show(options, sources)


def _tell_of_nothing(options: JournalOptions, sources: Sources) -> None:
    if sources.is_refused and not options.quiet and not options.user:
        complain(_HINT)
    if sources.series:
        return
    if sources.is_refused:
        raise Unreadable("No journal files were opened due to insufficient permissions.")
    if not options.quiet:
        complain("No journal files were found.")
