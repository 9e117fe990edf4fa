"""Fragment, drop-ins and links of one unit → its definition.

Every assignment goes through the directive table. Nothing raises: what cannot be read is a diagnostic with file, line
and reason, and the rest of the unit is in force exactly where systemd 252 leaves it so. A directive that must be right
(a command line, a user) makes the whole unit bad; a file that cannot be read to its end makes it an error.
"""

from __future__ import annotations

from initd.core import completion, syntax, unitname
from initd.core.definition import complete, define, fail, is_perpetual
from initd.core.directive import BadValue, Context, FatalValue, Merge
from initd.core.directives import TABLE
from initd.core.draft import Draft
from initd.core.sections import SECTIONS_OF
from initd.core.settings import UnitDefinition
from initd.core.sources import LoadFacts, UnitFiles, UnitText
from initd.core.specifiers import Specifiers
from initd.core.states import LoadState, UnitType
from initd.core.unfinished import Unfinished
from initd.core.values import LOG_ERR, LOG_WARNING, Diagnostic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LoadFacts", "UnitFiles", "UnitText", "load_unit", "read_lines"]

_ERRNO_TEXTS = {
    "EBADMSG": ("org.freedesktop.DBus.Error.InconsistentMessage", "Bad message"),
    "EINVAL": ("org.freedesktop.DBus.Error.InvalidArgs", "Invalid argument"),
    "ENOBUFS": ("org.freedesktop.DBus.Error.LimitsExceeded", "No buffer space available"),
}
_ERRNO_NAMES = {
    1: "org.freedesktop.DBus.Error.AccessDenied", 13: "org.freedesktop.DBus.Error.AccessDenied",
    5: "org.freedesktop.DBus.Error.IOError",
}
#: Types that are there without a file.
_WITHOUT_FILE = frozenset((UnitType.SLICE, UnitType.DEVICE))
_SPREAD, _REPLACE, _APPEND = Merge.SPREAD, Merge.REPLACE, Merge.APPEND
_FOLD, _FOLD_ALL = Merge.FOLD, Merge.FOLD_ALL
#: What these are about may be mounted already, whatever their file says.
_KEPT_THOUGH_BAD = frozenset((UnitType.MOUNT, UnitType.SWAP))


def load_unit(files: UnitFiles, facts: LoadFacts) -> UnitDefinition:
    """What the unit's files say, with its type's defaults and implied dependencies."""
    kind = unitname.unit_type(files.name)
    names = files.names or (files.name,)
    draft = Draft(files.name, kind, names)
    completion.prepare(draft, facts)
    diagnostics: list[Diagnostic] = []
    if files.is_masked:
        draft.link(files.links)
        read_dropins(files, draft, facts, diagnostics)
        draft.unit.description = draft.unit.description or files.name
        return define(files, draft, LoadState.MASKED, diagnostics)
    if files.load_error:
        return fail(files, draft, diagnostics, _ERRNO_NAMES.get(files.load_errno, ""), files.load_error)
    if files.fragment is None and kind not in _WITHOUT_FILE and not is_perpetual(files.name, facts):
        # Drop-ins without a fragment are not read.
        draft.unit.description = files.name
        return define(files.replace(dropins=(), links=()), draft, LoadState.NOT_FOUND, diagnostics)
    failure = _read_all(files, draft, facts, diagnostics)
    if failure and not (kind in _KEPT_THOUGH_BAD and failure.load_state is LoadState.BAD_SETTING):
        return failure
    return complete(files, draft, facts, diagnostics, is_bad=failure is not None)


def read_lines(kind: UnitType, section: str, lines: Iterable[str], facts: LoadFacts) -> Draft | None:
    """What "KEY=VALUE" lines of a section say, of a unit of this type; None where one of them, or part of it, means
    nothing."""
    name = f"lines.{kind.value}"
    draft = Draft(name, kind, (name,))
    completion.prepare(draft, facts)
    diagnostics: list[Diagnostic] = []
    reader = _Reader(UnitFiles(name, (name,)), draft, facts, diagnostics)
    try:
        for line in lines:
            key, _, text = line.partition("=")
            reader.apply(section, key, text)
    except BadValue:
        return None
    draft.finish()
    # A key that is old is in force.
    is_lost = any(each.loses != "nothing" and "please use" not in each.text for each in diagnostics)
    return None if is_lost else draft


# --- reading ------------------------------------------------------------------------------------------------------


def _read_all(files: UnitFiles, draft: Draft, facts: LoadFacts, diagnostics: list[Diagnostic]) -> UnitDefinition | None:
    """Reads fragment, links and drop-ins into the draft; the definition to give back where that ends the loading."""
    reader = _Reader(files, draft, facts, diagnostics)
    if files.fragment is not None:
        try:
            failure = reader.read(files.fragment)
        except FatalValue as error:
            reader.report(LOG_ERR, str(error))
            diagnostics.append(Diagnostic(
                LOG_ERR, files.fragment.path, 0,
                f"{files.name}: Unit configuration has fatal error, unit will not be started.",
            ))
            definition = define(files, draft, LoadState.BAD_SETTING, diagnostics)
            draft.unit.description = draft.unit.description or completion.description(draft)
            return definition
        if failure:
            error_name, text = _ERRNO_TEXTS[failure]
            return fail(files, draft, diagnostics, error_name, text)
    draft.link(files.links)
    read_dropins(files, draft, facts, diagnostics)
    return None


def read_dropins(files: UnitFiles, draft: Draft, facts: LoadFacts, diagnostics: list[Diagnostic]) -> None:
    """A drop-in that fails ends there; the unit and the other drop-ins stay as they are, as in systemd."""
    reader = _Reader(files, draft, facts, diagnostics)
    for dropin in files.dropins:
        try:
            reader.read(dropin)
        except FatalValue as error:
            reader.report(LOG_ERR, str(error))


class _Reader:
    """Applies the assignments of one unit's files to its draft."""

    def __init__(self, files: UnitFiles, draft: Draft, facts: LoadFacts, diagnostics: list[Diagnostic]) -> None:
        fragment_path = files.fragment.path if files.fragment is not None else ""
        self.draft = draft
        self.diagnostics = diagnostics
        self.context = Context(files.name, Specifiers(files.name, fragment_path, facts), facts, draft, diagnostics)
        self.sections = SECTIONS_OF[draft.kind]

    def read(self, file: UnitText) -> str:
        """Applies one file. The name of the error that ended its reading, or empty; FatalValue passes through."""
        parsed = syntax.parse(file.text, file.path)
        self.diagnostics.extend(parsed.diagnostics)
        self.context.path = file.path
        for section in parsed.sections:
            if section.name not in self.sections and not section.name.startswith("X-"):
                self.diagnostics.append(Diagnostic(
                    LOG_WARNING, file.path, section.line, f"Unknown section '{section.name}'. Ignoring."
                ))
        for item in parsed.assignments:
            if item.section not in self.sections:
                continue
            self.context.line = item.line
            try:
                self.apply(item.section, item.key, item.value)
            except FatalValue:
                raise
            except BadValue as error:
                self.report(LOG_WARNING, str(error))
        return parsed.failure

    def apply(self, section: str, key: str, text: str) -> None:
        """One assignment. BadValue where it is ignored, FatalValue where the unit cannot be used with it."""
        directive = TABLE.get((section, key))
        if directive is None:
            if not key.startswith("X-"):
                raise BadValue(f"Unknown key '{key}' in section [{section}], ignoring.")
            return
        context = self.context
        context.key = key
        field, parse, merge = directive.field, directive.parse, directive.merge
        settings = self.draft.settings.get(directive.group)
        if merge is _SPREAD:
            parse(context, text)
        elif not text and merge is not _REPLACE and merge is not _FOLD_ALL:
            settings.__dict__.pop(field, None)
        elif merge is _APPEND:
            self.draft.append(directive.group, field, parse(context, text))
        elif merge is _FOLD or merge is _FOLD_ALL:
            old = getattr(settings, field)
            value = parse(context, text, old)
            if value is not old and isinstance(value, Unfinished):
                self.draft.begin(directive.group, field, value)
            else:
                setattr(settings, field, value)
        else:
            setattr(settings, field, parse(context, text))

    def report(self, priority: int, text: str) -> None:
        self.diagnostics.append(Diagnostic(priority, self.context.path, self.context.line, text))
