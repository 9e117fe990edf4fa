"""Enabling and disabling units: [Install] sections and preset rules → a plan of symbolic links.

A plan is made from what `UnitFilesView` answers and changes nothing; `shell.unitlinks` carries it out. As in systemd, what
cannot be done for one link does not keep the others from being made; only a unit that is missing or masked among those
asked for does. Tried against a real systemctl 252: tests/conformance/install.
"""

from __future__ import annotations

from initd.core import unitname
from initd.core.lookup import Expander, Found, look_up, read_installation
from initd.core.presets import PresetMode, preset_of
from initd.core.unitfiles import Impossible, LinkChange, Note, Occupant, Origin, Plan, Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from initd.core.lookup import Installation
    from initd.core.presets import Rule
    from initd.core.unitfiles import UnitFilesView


class Planner:
    """Collects the steps of one plan, and knows what the paths hold once those before are done."""

    def __init__(self, view: UnitFilesView, directory: str, force: bool = False) -> None:
        self.view = view
        self.directory = directory
        self.force = force
        self.steps: list[LinkChange | Note] = []
        self.install_count = 0
        self._made: dict[str, Occupant | None] = {}

    def plan(self, carries_install_info: bool = True) -> Plan:
        return Plan(tuple(self.steps), carries_install_info)

    def tell(self, note: Note) -> None:
        if note not in self.steps:
            self.steps.append(note)

    def occupant(self, path: str) -> Occupant | None:
        return self._made[path] if path in self._made else self.view.occupant(path)

    def link(self, path: str, target: str, unit: str) -> None:
        """Make this link, if it is not there already in some spelling."""
        there = self.occupant(path)
        if there is not None:
            if there.target and self._is_equivalent(there.target, target):
                return
            if not there.target:
                return self.tell(Note(Trouble.EXISTS, unit, path))
            if not self.force:
                return self.tell(Note(Trouble.EXISTS_AS_LINK, unit, path, there.target))
            self.unlink(path)
        self.steps.append(LinkChange("symlink", path, target))
        self._made[path] = Occupant(target)

    def unlink(self, path: str) -> None:
        self.steps.append(LinkChange("unlink", path))
        self._made[path] = None

    def _is_equivalent(self, one: str, other: str) -> bool:
        """The same file, or the same unit in another directory of the search path: /lib or /usr/lib."""
        if one == other:
            return True
        one_directory, _, one_name = one.rpartition("/")
        other_directory, _, other_name = other.rpartition("/")
        if one_name == other_name and one_directory in self.view.search_path and other_directory in self.view.search_path:
            return True
        return self.view.is_same_file(one, other)


# --- enable ----------------------------------------------------------------------------------------------------------


def plan_enable(view: UnitFilesView, names: Sequence[str], directory: str, force: bool = False) -> Plan:
    """Links for the units of these names or paths, and for those that their Also= names."""
    planner = Planner(view, directory, force)
    try:
        _enable(planner, [_at_hand(planner, name) for name in names])
    except Impossible as error:
        planner.tell(error.note)
    return planner.plan(planner.install_count > 0)


def _at_hand(planner: Planner, name_or_path: str) -> Found:
    """A unit that was asked for by name, or by the path of a file, which is linked if the search path does not reach it."""
    if "/" not in name_or_path:
        return _usable(look_up(planner.view, name_or_path))
    directory, _, name = name_or_path.rpartition("/")
    if not unitname.is_valid(name):
        raise Impossible(Note(Trouble.INVALID, name_or_path))
    if directory in planner.view.search_path:
        file = planner.view.find_in(directory, name)
        return _usable(look_up(planner.view, name) if file is None or file.alias_of else Found(name, file))
    found = linked_file(planner.view, name_or_path)
    planner.link(f"{planner.directory}/{name}", name_or_path, name)
    return found


def linked_file(view: UnitFilesView, path: str) -> Found:
    """A unit file outside of the search path, as it will be once it is linked."""
    from initd.core.unitfiles import UnitFile

    name = path.rpartition("/")[2]
    if not unitname.is_valid(name):
        raise Impossible(Note(Trouble.BAD_NAME, path, path, path))
    there = view.occupant(path)
    if there is None:
        raise Impossible(Note(Trouble.NOT_FOUND, path, path))
    if there.target or there.is_directory:
        raise Impossible(Note(Trouble.LINKED, path, path))
    return Found(name, UnitFile(name, path, Origin.CONFIG, linked_to=path))


def _usable(found: Found) -> Found:
    if found.file.is_masked:
        raise Impossible(Note(Trouble.MASKED, found.name, found.file.path))
    if found.file.origin in (Origin.GENERATOR, Origin.TRANSIENT):
        raise Impossible(Note(Trouble.GENERATED, found.name, found.file.path))
    return found


def _enable(planner: Planner, units: list[Found], is_preset: bool = False) -> None:
    installations = [_installation(planner, unit) for unit in units]
    queue = list(zip(units, installations))
    known = {unit.name for unit in units}
    while queue:
        unit, installation = queue.pop(0)
        _install(planner, unit, installation, is_preset)
        for name in _also(planner, unit, installation):
            if name in known:
                continue
            known.add(name)
            auxiliary = _auxiliary(planner, name)
            if auxiliary is not None:
                queue.append((auxiliary, _installation(planner, auxiliary)))


def _installation(planner: Planner, unit: Found) -> Installation:
    installation = read_installation(planner.view, unit)
    for note in installation.notes:
        planner.tell(note)
    if installation.problem is not None:
        raise Impossible(installation.problem)
    return installation


def _also(planner: Planner, unit: Found, installation: Installation) -> list[str]:
    expander = Expander(planner.view, unit)
    names = [expander.expand(name) for name in installation.also]
    for name in names:
        if not unitname.is_valid(name):
            raise Impossible(Note(Trouble.INVALID, unit.name))
    return names


def _auxiliary(planner: Planner, name: str) -> Found | None:
    """A unit that only Also= names: its absence is told, and harms nothing."""
    try:
        return _usable(look_up(planner.view, name))
    except Impossible as error:
        if error.note.trouble is Trouble.MASKED:
            planner.tell(error.note.replace(trouble=Trouble.MASKED_IGNORED))
        else:
            planner.tell(Note(Trouble.AUXILIARY_IGNORED, name))
        return None


def _install(planner: Planner, unit: Found, installation: Installation, is_preset: bool) -> None:
    """The links of one unit: aliases, then wants, then requirements."""
    instance = installation.default_instance
    expander = Expander(planner.view, unit)
    for alias in installation.alias:
        name = _expand(planner, expander, alias, unit.name)
        if name is not None:
            _install_alias(planner, unit, name)
    for names, suffix in ((installation.wanted_by, "wants"), (installation.required_by, "requires")):
        for wanted in names:
            name = unitname.instantiate(unit.name, instance) if instance else unit.name
            destination = _expand(planner, expander, wanted, name)
            if destination is not None:
                _install_dependency(planner, unit, name, destination, suffix, is_preset)


def _expand(planner: Planner, expander: Expander, text: str, name: str) -> str | None:
    try:
        return expander.expand(text, name)
    except Impossible as error:
        planner.tell(error.note)
        return None


def _install_alias(planner: Planner, unit: Found, alias: str) -> None:
    if not unitname.is_valid(alias):
        return planner.tell(Note(Trouble.BAD_REFERENCE, unit.name, detail=alias))
    if alias == unit.name:
        return None
    name = alias
    if unitname.is_template(alias) and unitname.is_instance(unit.name):
        name = unitname.instantiate(alias, unitname.instance(unit.name))
    if not _may_alias(name, unit.name):
        return planner.tell(Note(Trouble.BAD_ALIAS, unit.name, detail=alias))
    planner.install_count += 1
    planner.link(f"{planner.directory}/{name}", unit.file.source, unit.name)


def _may_alias(alias: str, name: str) -> bool:
    """An alias has the unit's type, is a template for a template, and an instance for an instance with the same text."""
    if alias.rpartition(".")[2] != name.rpartition(".")[2]:
        return False
    if unitname.is_template(name):
        return unitname.is_template(alias)
    return not unitname.is_template(alias) and unitname.instance(alias) == unitname.instance(name)


def _install_dependency(
    planner: Planner, unit: Found, name: str, destination: str, suffix: str, is_preset: bool
) -> None:
    if not unitname.is_valid(destination):
        return planner.tell(Note(Trouble.BAD_NAME, unit.name, detail=destination))
    if unitname.is_template(name) and not unitname.is_template(destination):
        # Nothing says as which instance. A preset passes over that: the administrator will say.
        if not is_preset:
            planner.install_count += 1
            planner.tell(Note(Trouble.NOT_A_TEMPLATE, name, detail=destination))
        return None
    planner.install_count += 1
    add_dependency_link(planner, name, unit.file.source, destination, suffix)
    if not _exists(planner.view, destination):
        planner.tell(Note(Trouble.NO_DESTINATION, unit.name, unit.file.path, destination))
    return None


def add_dependency_link(planner: Planner, name: str, source: str, destination: str, suffix: str) -> None:
    planner.link(f"{planner.directory}/{destination}.{suffix}/{name}", source, name)


def _exists(view: UnitFilesView, name: str) -> bool:
    try:
        look_up(view, name)
    except Impossible:
        return False
    return True


# --- disable ---------------------------------------------------------------------------------------------------------


def plan_disable(view: UnitFilesView, names: Sequence[str], directory: str) -> Plan:
    """The links that enable these units, and those that their Also= names, go."""
    planner = Planner(view, directory)
    carries = _disable(planner, names)
    return planner.plan(carries)


def _disable(planner: Planner, names: Iterable[str], with_also: bool = True) -> bool:
    """Whether any of the units has something in [Install]."""
    marked: set[str] = set()
    carries = False
    queue = list(names)
    asked = set(queue)
    seen: set[str] = set()
    while queue:
        name = queue.pop(0)
        if name in seen:
            continue
        seen.add(name)
        try:
            found = look_up(planner.view, name)
        except Impossible as error:
            if name in asked:
                planner.tell(error.note)
            if unitname.is_valid(name):
                marked.add(name)
            continue
        if found.file.is_masked:
            planner.tell(Note(Trouble.MASKED_IGNORED, found.name, found.file.path))
            continue
        marked |= {name, found.name}
        installation = _installation(planner, found)
        carries |= installation.has_rules or bool(installation.also)
        if with_also:
            queue += _also(planner, found, installation)
    remove_links(planner, marked)
    return carries


def remove_links(planner: Planner, marked: set[str]) -> None:
    """Every link below the directory that has a marked name or leads to one; an alias that goes is marked itself."""
    links = list(planner.view.links_in(planner.directory))
    while True:
        gone = [link for link in links if _is_marked(link.name, marked) or link.target_name in marked]
        if not gone:
            return
        for link in gone:
            planner.unlink(link.path)
            marked.add(link.name)
        links = [link for link in links if link not in gone]


def _is_marked(name: str, marked: set[str]) -> bool:
    return name in marked or unitname.is_valid(name) and unitname.template_of(name) in marked


def plan_reenable(view: UnitFilesView, names: Sequence[str], directory: str, force: bool = False) -> Plan:
    """Disable, then enable: the links are afterwards what [Install] says now.

    systemd 252 drops the instance of foo@bar.service here and then cannot enable foo@.service; we keep it.
    """
    off = plan_disable(view, [name.rpartition("/")[2] for name in names], directory)
    planner = Planner(view, directory, force)
    for change in off.changes:
        planner.unlink(change.path)
    planner.steps = list(off.steps)
    try:
        _enable(planner, [_at_hand(planner, name) for name in names])
    except Impossible as error:
        planner.steps.append(error.note)
    return planner.plan(planner.install_count > 0)


# --- preset ------------------------------------------------------------------------------------------------------------


def plan_preset(
    view: UnitFilesView, names: Sequence[str], directory: str, rules: Sequence[Rule],
    mode: PresetMode = PresetMode.FULL, force: bool = False,
) -> Plan:
    """What the preset rules say of these units, done."""
    planner = Planner(view, directory, force)
    try:
        on, off = _sort(planner, names, rules)
        _apply_preset(planner, on, off, mode)
    except Impossible as error:
        planner.tell(error.note)
    return planner.plan(planner.install_count > 0)


def plan_preset_all(
    view: UnitFilesView, directory: str, rules: Sequence[Rule], mode: PresetMode = PresetMode.FULL, force: bool = False
) -> Plan:
    """What the preset rules say of every unit file there is."""
    pieces = preset_all(view, directory, rules, mode, force)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def preset_all(
    view: UnitFilesView, directory: str, rules: Sequence[Rule], mode: PresetMode = PresetMode.FULL, force: bool = False
) -> Generator[None, None, Plan]:
    """The same in pieces, one a file."""
    planner = Planner(view, directory, force)
    on: list[str] = []
    off: list[str] = []
    for name in sorted(view.names()):
        yield
        file = view.find(name)
        if file is None or file.alias_of or file.is_missing or file.origin in (Origin.GENERATOR, Origin.TRANSIENT):
            continue
        if file.is_masked:
            # Of those to be disabled, disabling says so.
            if preset_of(rules, name).is_enable:
                planner.tell(Note(Trouble.MASKED_IGNORED, name, file.path))
            else:
                off.append(name)
            continue
        more_on, more_off = _sort(planner, [name], rules)
        on += more_on
        off += more_off
    try:
        _apply_preset(planner, on, off, mode)
    except Impossible as error:
        planner.tell(error.note)
    return planner.plan(planner.install_count > 0)


def _sort(planner: Planner, names: Sequence[str], rules: Sequence[Rule]) -> tuple[list[str], list[str]]:
    """The units to enable, templates as the instances the rules name, and the units to disable."""
    on: list[str] = []
    off: list[str] = []
    for name in names:
        _usable(look_up(planner.view, name))
        preset = preset_of(rules, name)
        if not preset.is_enable:
            off.append(name)
        elif preset.instances and unitname.is_template(name):
            on += [unitname.instantiate(name, instance) for instance in preset.instances]
        else:
            on.append(name)
    return on, off


def _apply_preset(planner: Planner, on: list[str], off: list[str], mode: PresetMode) -> None:
    if mode is not PresetMode.ENABLE_ONLY:
        _disable(planner, off, with_also=False)
    if mode is not PresetMode.DISABLE_ONLY:
        _enable(planner, [_usable(look_up(planner.view, name)) for name in on], is_preset=True)
