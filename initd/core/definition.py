"""What is known of a unit when its files are read → its definition: how that went, and what follows from it."""

from __future__ import annotations

from initd.core import completion
from initd.core.draft import Draft
from initd.core.implied import implied_dependencies
from initd.core.settings import UnitDefinition
from initd.core.sources import LoadFacts, UnitFiles, newest
from initd.core.states import LoadState
from initd.core.values import LOG_ERR, Diagnostic

_LOAD_ERRORS = {
    LoadState.NOT_FOUND: ("org.freedesktop.systemd1.NoSuchUnit", "Unit {} not found."),
    LoadState.BAD_SETTING: ("org.freedesktop.systemd1.BadUnitSetting", "Unit {} has a bad unit file setting."),
    LoadState.MASKED: ("org.freedesktop.systemd1.UnitMasked", "Unit {} is masked."),
}
_PERPETUAL = frozenset(("-.slice", "system.slice", "init.scope", "-.mount"))
_PERPETUAL_IN_USER_MODE = _PERPETUAL - {"system.slice"}


def is_perpetual(name: str, facts: LoadFacts) -> bool:
    """It is there as long as the manager is."""
    return name in (_PERPETUAL_IN_USER_MODE if facts.in_user_mode else _PERPETUAL)


def complete(files: UnitFiles, draft: Draft, facts: LoadFacts, diagnostics: list[Diagnostic],
             is_bad: bool = False) -> UnitDefinition:
    """A unit of which all is read, with its type's defaults and implied dependencies."""
    draft.finish()
    completion.complete(draft, facts)
    # A bad mount gets all that a good one has.
    refusal = "" if is_bad else completion.refusal(draft)
    if refusal:
        path = files.fragment.path if files.fragment else ""
        diagnostics.append(Diagnostic(LOG_ERR, path, 0, f"{files.name}: {refusal}"))
    definition = define(files, draft, LoadState.BAD_SETTING if is_bad or refusal else LoadState.LOADED, diagnostics)
    for entry in implied_dependencies(definition, facts.in_user_mode):
        draft.dependencies.setdefault((entry.kind, entry.unit), entry)
    return definition.replace(
        dependencies=tuple(draft.dependencies.values()), is_complete=True, is_perpetual=is_perpetual(files.name, facts))


def fail(files: UnitFiles, draft: Draft, diagnostics: list[Diagnostic], error_name: str, reason: str) -> UnitDefinition:
    """A unit whose files cannot be read; `error_name` is D-Bus's word for that."""
    draft.unit.description = draft.unit.description or files.name
    return define(files, draft, LoadState.ERROR, diagnostics).replace(
        load_error_name=error_name or "org.freedesktop.DBus.Error.Failed",
        load_error=f"Unit {files.name} failed to load properly, please adjust/correct and reload service manager: "
                   f"{reason}",
    )


def define(files: UnitFiles, draft: Draft, state: LoadState, diagnostics: list[Diagnostic]) -> UnitDefinition:
    """The draft as it stands."""
    draft.finish()
    error_name, error = _LOAD_ERRORS.get(state, ("", ""))
    fragment = files.fragment
    return UnitDefinition(
        name=files.name,
        type=draft.kind,
        load_state=state,
        names=draft.names,
        load_error=error.format(files.name),
        load_error_name=error_name,
        fragment_path=fragment.path if fragment is not None else "",
        source_path=draft.unit.source_path,
        dropin_paths=tuple(file.path for file in files.dropins),
        mtime_usec=newest(files),
        dependencies=tuple(draft.dependencies.values()),
        unit=draft.unit,
        install=draft.install,
        specific=draft.specific,
        exec=draft.exec,
        kill=draft.kill,
        cgroup=draft.cgroup,
        diagnostics=tuple(diagnostics),
        is_transient=files.is_transient,
        is_generated=files.is_generated,
        is_perpetual=files.name in _PERPETUAL,
    )
