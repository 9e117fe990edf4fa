"""The unit of what is mounted though nobody has written a file about it (systemd.mount(5)), from the kernel's table alone."""

from __future__ import annotations

from initd.core import completion
from initd.core.definition import complete
from initd.core.draft import Draft
from initd.core.mountpoint import TABLE, MountPoint
from initd.core.settings import MountSettings, UnitDefinition
from initd.core.sources import LoadFacts, UnitFiles
from initd.core.states import UnitType
from initd.core.values import INFINITY, Diagnostic


def mounted_unit(mount: MountPoint, files: UnitFiles, facts: LoadFacts) -> UnitDefinition:
    """What a unit file that says what the table says would come to. `files` may have links and drop-ins for it, but no
    fragment."""
    draft = Draft(files.name, UnitType.MOUNT, files.names or (files.name,))
    completion.prepare(draft, facts)
    diagnostics: list[Diagnostic] = []
    draft.unit.description = mount.where
    draft.unit.source_path = TABLE
    settings = draft.specific
    assert isinstance(settings, MountSettings)
    settings.what, settings.where, settings.type, settings.options = mount.what, mount.where, mount.type, mount.options
    draft.link(files.links)
    if files.dropins:
        from initd.core.load import read_dropins  # hardly ever

        read_dropins(files, draft, facts, diagnostics)
    definition = complete(files, draft, facts, diagnostics)
    # What is mounted from where is not its affair: it is there.
    definition.unit.requires_mounts_for = definition.unit.requires_mounts_for[:1]
    return definition.replace(source_mtime_usec=INFINITY)
