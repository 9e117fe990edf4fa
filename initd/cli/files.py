"""The verbs that change or read unit files: `enable`, `disable`, `mask`, `preset`, `is-enabled`, `list-unit-files`, ...

`cli.unitfiles` does the work on the files, with a manager and without, so that both ways do and say the same. Where a
manager runs, and the files are its own, it is told to read them again, and `--now` starts or stops the units.
"""

from __future__ import annotations

from initd.cli.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.cli.bus import Bus
    from initd.cli.unitfiles import UnitFileOptions

#: Verb → what --now does to its units.
_NOW = {"enable": "start", "reenable": "restart", "disable": "stop", "mask": "stop"}


def change(arguments: list[str], options: Options) -> int:
    """Change links, then let the manager know."""
    from initd.cli import unitfiles

    verb: str = options.verb  # type: ignore[attr-defined]
    _check_root(options)
    bus = None if options.root or options.scope == "global" else _connect(options)
    status = unitfiles.VERBS[verb](arguments, _as_file_options(options, bus is not None))
    if status or bus is None:
        return status
    return _tell_manager(bus, verb, arguments, options)


def _check_root(options: Options) -> None:
    import os

    if options.root and not os.path.isdir(options.root):
        from initd.cli.options import UsageError

        text = f"Failed to initialize unit search paths for root directory {options.root}: No such file or directory"
        raise UsageError(text)


def _connect(options: Options) -> Bus | None:
    """The manager, if one runs: a socket left behind in an image answers nobody. Who asks for another than the system's
    means one that runs."""
    from initd.cli.bus import Bus, NotRunning

    try:
        return Bus(options.places)
    except NotRunning as problem:
        if not problem.is_init:
            raise
        return None


def _tell_manager(bus: Bus, verb: str, arguments: list[str], options: Options) -> int:
    from initd.cli.bus import BusError
    from initd.cli.output import complain

    if not options.no_reload:
        try:
            bus.ask("Reload")
        except BusError as problem:
            complain(f"Reload daemon failed: {problem.text}")
            return 1
    if options.now and verb in _NOW:
        from initd.cli.jobs import queue_units
        from initd.cli.names import mangle

        names = [mangle(word.rpartition("/")[2]) for word in arguments]
        return queue_units(bus, _NOW[verb], names, options)
    return 0


def ask(arguments: list[str], options: Options) -> int:
    """A question about files, answered from the files."""
    from initd.cli import unitfiles

    verb: str = options.verb  # type: ignore[attr-defined]
    _check_root(options)
    if options.places is not None and not options.root and options.scope != "global":
        _connect(options)
    return unitfiles.VERBS[verb](arguments, _as_file_options(options, False))


def _as_file_options(options: Options, is_live: bool) -> UnitFileOptions:
    from initd.cli.unitfiles import UnitFileOptions
    from initd.core.places import GLOBAL, SYSTEM

    return UnitFileOptions(
        root=options.root,
        places=GLOBAL if options.scope == "global" else options.places or SYSTEM,
        is_runtime=options.runtime,
        is_forced=bool(options.force),
        is_now=options.now and not is_live,
        is_live=is_live,
        is_quiet=options.quiet,
        has_legend=not options.no_legend,
        preset_mode=options.preset_mode,
        types=tuple(options.types),
        states=tuple(options.states),
        is_full=options.full,
        output=options.output,
    )
