"""Which unit file stands behind a name, what its [Install] says, and what `systemctl is-enabled` calls it.

The rules were tried against a real systemd 252: see tests/conformance/install. Only the links of administrators
and generators enable a unit, not a vendor's.
"""

from __future__ import annotations

from initd.core import syntax, unitname, words
from initd.core.record import Record
from initd.core.states import UnitFileState
from initd.core.unitfiles import Impossible, Note, Origin, Trouble, UnitFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from initd.core.unitfiles import UnitFilesView

#: How many aliases lead to a unit at most, as in loading.
_MAX_ALIASES = 8
#: Directories whose links make a unit wanted.
_WANT_SUFFIXES = (".wants", ".requires")


class Found(Record):
    """`name` is the unit's own name, aliases followed, an instance with its instance; `file` its file or template's."""

    name: str
    file: UnitFile
    #: The name asked for is an alias, and not of a template by an instance.
    is_alias: bool = False


def look_up(view: UnitFilesView, name: str) -> Found:
    """The unit file of a name; Impossible where there is none to work with. A masked one is found.

    A link into the search path of the unit's own name leads in a circle here, though loading gets along with it.
    """
    current = name
    is_alias = False
    for _ in range(_MAX_ALIASES):
        file = _entry(view, current)
        if file is None:
            raise Impossible(Note(Trouble.SEVERED if current != name else Trouble.NOT_FOUND, name))
        if file.is_missing:
            raise Impossible(Note(Trouble.NOT_FOUND, name, file.path))
        if not file.alias_of or file.is_masked:
            return Found(current, file, is_alias)
        is_exact = file.name == current
        behind = file.alias_of
        if unitname.is_template(behind) and unitname.is_instance(current):
            behind = unitname.instantiate(behind, unitname.instance(current))
            is_exact = False
        if file.linked_to:
            return Found(behind, file, is_alias or is_exact)
        is_alias |= is_exact
        if behind == current:
            break
        current = behind
    raise Impossible(Note(Trouble.LINKED, name))


def _entry(view: UnitFilesView, name: str) -> UnitFile | None:
    if not unitname.is_valid(name):
        raise Impossible(Note(Trouble.BAD_NAME, name, detail=name))
    file = view.find(name)
    if file is None and unitname.is_instance(name):
        file = view.find(unitname.template_of(name))
    return file


# --- [Install] -------------------------------------------------------------------------------------------------------


class Installation(Record):
    """[Install] of a unit, and what is wrong with it.

    Specifiers are unexpanded, but for `default_instance`: the instance that a template without one is enabled as.
    """

    alias: tuple[str, ...]
    wanted_by: tuple[str, ...]
    required_by: tuple[str, ...]
    also: tuple[str, ...]
    default_instance: str = ""
    notes: tuple[Note, ...] = ()
    #: What makes it unusable as a whole.
    problem: Note | None = None

    @property
    def has_rules(self) -> bool:
        return bool(self.alias or self.wanted_by or self.required_by)


_LISTS = {"Alias": "alias", "WantedBy": "wanted_by", "RequiredBy": "required_by", "Also": "also"}


class _Reader:
    """Reads the [Install] sections of one unit's files, one after the other."""

    def __init__(self, view: UnitFilesView, found: Found) -> None:
        self.view = view
        self.found = found
        self.lists: dict[str, list[str]] = {field: [] for field in _LISTS.values()}
        self.instance = ""
        self.notes: list[Note] = []
        self.problem: Note | None = None

    def read(self, path: str, text: str) -> None:
        parsed = syntax.parse(text, path)
        for diagnostic in parsed.diagnostics:
            self.advise(path, diagnostic.line, diagnostic.text if diagnostic.text.endswith(".") else diagnostic.text + ".")
        for item in parsed.assignments:
            if item.section != "Install":
                continue
            field = _LISTS.get(item.key, "")
            if field and not item.value:
                self.lists[field] = []
            elif field:
                self.lists[field] += _split(item.value)
            elif item.key == "DefaultInstance":
                self.read_instance(path, item.line, item.value)
            else:
                self.advise(path, item.line, f"Unknown key '{item.key}' in section [Install], ignoring.")

    def read_instance(self, path: str, line: int, value: str) -> None:
        name = self.found.file.name
        if not unitname.is_template(name):
            if not unitname.is_instance(name):
                self.advise(path, line, "DefaultInstance= only makes sense for template units, ignoring.")
            return
        try:
            instance = Expander(self.view, self.found).expand(value)
        except Impossible:
            self.advise(path, line, f'Failed to resolve instance name in DefaultInstance="{value}": Invalid slot')
            self.problem = Note(Trouble.BAD_SPECIFIER, self.found.name, detail=self.found.name)
            return
        if instance and not unitname.is_valid(unitname.instantiate(name, instance)):
            self.advise(path, line, f'Invalid DefaultInstance= value "{instance}".')
            self.problem = Note(Trouble.INVALID, self.found.name)
            return
        self.instance = instance

    def advise(self, path: str, line: int, text: str) -> None:
        self.notes.append(Note(Trouble.ADVICE, self.found.name, path, f"{line}: {text}"))


def read_installation(view: UnitFilesView, found: Found) -> Installation:
    """The [Install] section of a unit's file and drop-ins.

    Apart from `core.load`, which knows every section: this is what `systemctl preset` starts for every package.
    """
    reader = _Reader(view, found)
    for path, text in view.texts(found.file, (found.name,)):
        reader.read(path, text)
    alias, wanted_by, required_by, also = (tuple(reader.lists[field]) for field in _LISTS.values())
    instance = reader.instance if unitname.is_template(found.name) else ""
    return Installation(alias, wanted_by, required_by, also, instance, tuple(reader.notes), reader.problem)


def _split(text: str) -> list[str]:
    try:
        return words.split(text, unescape=False)
    except ValueError:
        return []


class Expander:
    """Specifiers in the [Install] of one unit; the facts are only asked for where a "%" stands."""

    def __init__(self, view: UnitFilesView, found: Found) -> None:
        self.view = view
        self.found = found

    def expand(self, text: str, name: str = "") -> str:
        """Impossible where the text has a specifier that stands for nothing."""
        if "%" not in text:
            return text
        from initd.core.specifiers import SpecifierError, Specifiers

        try:
            return Specifiers(name or self.found.name, self.found.file.path, self.view.facts()).expand(text)
        except SpecifierError:
            raise Impossible(Note(Trouble.BAD_SPECIFIER, self.found.name, detail=text)) from None


# --- states ------------------------------------------------------------------------------------------------------------


def unit_file_state(
    view: UnitFilesView, name: str, tell: Callable[[Note], None] = lambda note: None
) -> UnitFileState:
    """The word of `systemctl is-enabled`. Impossible where there is no file to have a state.

    `tell` hears what is wrong with the unit's [Install].
    """
    found = look_up(view, name)
    if found.file.is_masked:
        is_runtime = found.file.origin is Origin.RUNTIME
        return UnitFileState.MASKED_RUNTIME if is_runtime else UnitFileState.MASKED
    if found.is_alias:
        return UnitFileState.ALIAS
    if found.file.origin is Origin.GENERATOR:
        return UnitFileState.GENERATED
    if found.file.origin is Origin.TRANSIENT:
        return UnitFileState.TRANSIENT
    installation = read_installation(view, found)
    for note in installation.notes:
        tell(note)
    if installation.problem is not None:
        raise Impossible(installation.problem)
    instance = installation.default_instance
    aliases = _aliases(view, found, installation)
    is_some_instance_enabled = False
    for directory, origin in view.enabling_directories:
        how = _enabled_in(view, directory, found, instance, aliases)
        if how is _WHOLLY:
            return UnitFileState.ENABLED if origin is Origin.CONFIG else UnitFileState.ENABLED_RUNTIME
        is_some_instance_enabled |= how is _PARTLY
    if found.file.linked_to and found.file.origin in (Origin.CONFIG, Origin.RUNTIME):
        is_runtime = found.file.origin is Origin.RUNTIME
        return UnitFileState.LINKED_RUNTIME if is_runtime else UnitFileState.LINKED
    if is_some_instance_enabled:
        return UnitFileState.INDIRECT
    if installation.has_rules:
        return UnitFileState.DISABLED
    return UnitFileState.INDIRECT if installation.also else UnitFileState.STATIC


_NOT, _PARTLY, _WHOLLY = range(3)


def _aliases(view: UnitFilesView, found: Found, installation: Installation) -> set[str]:
    """The names of Alias=, as they would be made for this unit."""
    expander = Expander(view, found)
    names = set()
    for alias in installation.alias:
        try:
            name = expander.expand(alias)
        except Impossible:
            continue  # no such alias can have been made
        is_open = unitname.is_template(name) and unitname.is_instance(found.name)
        names.add(unitname.instantiate(name, unitname.instance(found.name)) if is_open else name)
    return names - {found.name}


def _enabled_in(view: UnitFilesView, directory: str, found: Found, instance: str, aliases: set[str]) -> int:
    """Whether links in this directory enable the unit. A template's other instances enable it in part."""
    name = found.name
    best = _NOT
    wanted = unitname.instantiate(name, instance) if instance else name
    for link in view.links_in(directory):
        parent = link.path.rpartition("/")[0]
        if parent == directory:
            is_match = link.name in aliases and link.target_name in (name, found.file.name)
            is_whole = is_match and not unitname.is_template(name)
        else:
            is_match = parent.endswith(_WANT_SUFFIXES) and name in (link.name, unitname.template_of(link.name))
            is_whole = link.name == wanted
        if is_match:
            best = max(best, _WHOLLY if is_whole else _PARTLY)
    return best
