"""The words about unit files on disk: an entry of the search path, a change of links, and what stands in a change's way.

Paths are absolute, below the root that is worked on; only texts put the root in front. The texts are those of systemctl
252, which prints one set when it works on files itself, and another when it gets an error over D-Bus.
"""

from __future__ import annotations

from initd.core.enumeration import Enum
from initd.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from initd.core.sources import LoadFacts

    class UnitFilesView(Protocol):
        """The unit files below a root, as they are now."""

        #: Where links are made: for good, and until the next boot.
        config_directory: str
        runtime_directory: str
        #: All search directories, in order.
        search_path: tuple[str, ...]

        @property
        def enabling_directories(self) -> tuple[tuple[str, Origin], ...]:
            """Search directories whose links enable units, in order, and whose they are."""

        def find(self, name: str) -> UnitFile | None:
            """The first entry of exactly this name."""

        def find_in(self, directory: str, name: str) -> UnitFile | None:
            """The entry in this search directory."""

        def names(self) -> Iterable[str]:
            """Every name there is an entry of."""

        def texts(self, file: UnitFile, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
            """(path, text) of the fragment and the drop-ins of these names."""

        def occupant(self, path: str) -> Occupant | None:
            """What is at this path; None where nothing is."""

        def links_in(self, directory: str) -> Iterable[Link]:
            """Every link in the directory and in the directories in it, by path."""

        def files_in(self, directory: str) -> Iterable[str]:
            """The names in the directory."""

        def is_same_file(self, one: str, other: str) -> bool:
            """Whether both paths lead to the same place."""

        def facts(self) -> LoadFacts:
            """What specifiers stand for."""


class Origin(Enum):
    """Whose directory an entry was found in."""

    CONFIG = "config"
    RUNTIME = "runtime"
    GENERATOR = "generator"
    TRANSIENT = "transient"
    VENDOR = "vendor"


class UnitFile(Record):
    """The entry of a name in the search path.

    `alias_of` is the other name that a link leads to; `linked_to` the path that a link out of the search path leads to.
    `is_missing`: the link leads nowhere.
    """

    name: str
    path: str
    origin: Origin
    is_masked: bool = False
    alias_of: str = ""
    linked_to: str = ""
    is_missing: bool = False

    @property
    def source(self) -> str:
        """What a link to the unit should lead to."""
        return self.linked_to or self.path


class Link(Record):
    """A symbolic link; `target` as written, made absolute."""

    path: str
    target: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def target_name(self) -> str:
        return self.target.rpartition("/")[2]


class Occupant(Record):
    """Something that exists. `target` is empty for what is no link; `is_directory` is about the thing itself."""

    target: str = ""
    is_directory: bool = False


class LinkChange(Record):
    """One step of a plan. `kind` is "symlink" or "unlink", as D-Bus reports it; an unlinked directory is an empty one."""

    kind: str
    path: str
    target: str = ""

    def text(self, root: str) -> str:
        if self.kind == "symlink":
            return f"Created symlink {root}{self.path} → {self.target}."
        return f'Removed "{root}{self.path}".'


class Trouble(Enum):
    """What can be wrong with a unit file or a link. Valued by the text offline; {} are unit, path and detail."""

    NOT_FOUND = "Failed to {verb}, unit {unit} does not exist."
    MASKED = "Failed to {verb}, unit {root}{path} is masked."
    GENERATED = "Failed to {verb}, unit {root}{path} is transient or generated."
    LINKED = "Failed to {verb}, refusing to operate on linked unit file {unit}."
    EXISTS = 'Failed to {verb}, file "{root}{path}" already exists.'
    EXISTS_AS_LINK = 'Failed to {verb}, file "{root}{path}" already exists and is a symlink to "{detail}".'
    BAD_NAME = 'Failed to {verb}, "{detail}" is not a valid unit name.'
    BAD_REFERENCE = 'Failed to {verb}, invalid unit reference "{detail}".'
    BAD_ALIAS = "Failed to {verb}, cannot alias {unit} as {detail}."
    BAD_SPECIFIER = 'Failed to {verb}, invalid specifier in "{detail}".'
    NOT_A_TEMPLATE = "Failed to {word} {unit}, destination unit {detail} is a non-template unit."
    INVALID = 'Failed to {verb}, file "{unit}": Invalid argument'
    SYSTEM = 'Failed to {verb}, file "{root}{path}": {detail}'
    SEVERED = "Failed to look up unit file state: Link has been severed"
    REFUSED = "Failed to {verb}: {detail}."
    # What is only told, and stops nothing:
    MASKED_IGNORED = "Unit {root}{path} is masked, ignoring."
    AUXILIARY_IGNORED = "Failed to enable auxiliary unit {unit}, ignoring."
    NO_DESTINATION = "Unit {root}{path} is added as a dependency to a non-existent unit {detail}."
    ADVICE = "{root}{path}:{detail}"

    @property
    def is_fatal(self) -> bool:
        return self not in _TOLD


_TOLD = (Trouble.MASKED_IGNORED, Trouble.AUXILIARY_IGNORED, Trouble.NO_DESTINATION, Trouble.ADVICE)

#: Trouble → (D-Bus error, text), as org.freedesktop.systemd1 answers.
_BUS = {
    Trouble.NOT_FOUND: ("org.freedesktop.systemd1.NoSuchUnit", "Unit file {unit} does not exist."),
    Trouble.MASKED: ("org.freedesktop.systemd1.UnitMasked", "Unit file {path} is masked."),
    Trouble.GENERATED: ("org.freedesktop.systemd1.UnitGenerated", "Unit {path} is transient or generated."),
    Trouble.LINKED: ("org.freedesktop.systemd1.UnitLinked", "Unit file {unit} is a linked unit file."),
    Trouble.EXISTS: ("org.freedesktop.systemd1.UnitExists", "File {path} already exists."),
    Trouble.EXISTS_AS_LINK: (
        "org.freedesktop.systemd1.UnitExists", "File {path} already exists and is a symlink to {detail}.",
    ),
    Trouble.BAD_NAME: ("org.freedesktop.systemd1.BadUnitSetting", '"{detail}" is not a valid unit name.'),
    Trouble.BAD_REFERENCE: ("org.freedesktop.systemd1.BadUnitSetting", 'Invalid unit reference "{detail}".'),
    Trouble.BAD_ALIAS: ("org.freedesktop.systemd1.BadUnitSetting", "Cannot alias {unit} as {detail}."),
    Trouble.BAD_SPECIFIER: ("org.freedesktop.systemd1.BadUnitSetting", 'Invalid specifier in "{detail}".'),
    Trouble.NOT_A_TEMPLATE: (
        "org.freedesktop.systemd1.BadUnitSetting", "Destination unit {detail} is a non-template unit.",
    ),
    Trouble.INVALID: ("org.freedesktop.DBus.Error.InvalidArgs", "Invalid argument"),
    Trouble.SEVERED: ("org.freedesktop.DBus.Error.Failed", "Link has been severed"),
    Trouble.SYSTEM: ("org.freedesktop.DBus.Error.Failed", "{path}: {detail}"),
    Trouble.REFUSED: ("org.freedesktop.DBus.Error.InvalidArgs", "{detail}"),
}


class Note(Record):
    """Something to tell beside the changes; `is_fatal` where the request as a whole did not succeed."""

    trouble: Trouble
    unit: str = ""
    path: str = ""
    detail: str = ""

    @property
    def is_fatal(self) -> bool:
        return self.trouble.is_fatal

    def text(self, verb: str, root: str) -> str:
        """The line systemctl prints offline. `verb` completes "Failed to …": "enable unit"."""
        return self.trouble.value.format(
            verb=verb, word=verb.split(" ")[0], unit=self.unit, root=root, path=self.path, detail=self.detail
        )

    def bus_error(self) -> tuple[str, str]:
        """The D-Bus error that stands for this: its name and text."""
        name, text = _BUS[self.trouble]
        return name, text.format(unit=self.unit, path=self.path, detail=self.detail)


class Plan(Record):
    """What a request comes to, in order. `carries_install_info`: some unit said in [Install] what to do."""

    steps: tuple[LinkChange | Note, ...] = ()
    carries_install_info: bool = True

    @property
    def changes(self) -> tuple[LinkChange, ...]:
        return tuple(step for step in self.steps if isinstance(step, LinkChange))

    @property
    def failure(self) -> Note | None:
        """The first thing that went wrong."""
        return next((step for step in self.steps if isinstance(step, Note) and step.is_fatal), None)


class Impossible(Exception):
    """Ends the making of a plan: what was asked cannot even be begun."""

    def __init__(self, note: Note) -> None:
        super().__init__(note)
        self.note = note
