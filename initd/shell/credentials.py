"""Which credentials does a process of a unit get, and where does each come from? (systemd.exec(5), CREDENTIALS)

Names are looked up here; `pyinit-exec` reads what was found, since a socket may keep it waiting. What the container got
stands in its own $CREDENTIALS_DIRECTORY, or in /run/secrets, where container runtimes put secrets.
"""

from __future__ import annotations

import os

from initd.core.globs import matches
from initd.core.places import SYSTEM
from initd.core.record import Record
from initd.core.settings import ExecSettings
from initd.core.settings_exec import has_credentials, is_credential_name
from initd.wire.execcontext import Credential

#: Where a credential without a path is looked for behind those of the container (systemd.exec(5)).
STORES = ("/etc/credstore", "/run/credstore", "/usr/lib/credstore")


class CredentialPlan(Record):
    """`directory` is "" where the unit asks for no credentials."""

    directory: str = ""
    credentials: tuple[Credential, ...] = ()


NO_CREDENTIALS = CredentialPlan()


def directories_of_container(environment: dict[str, str]) -> tuple[str, ...]:
    """Where the container's own credentials stand, the surest place first."""
    named = environment.get("CREDENTIALS_DIRECTORY", "")
    return (*((named,) if named.startswith("/") else ()), "/run/secrets")


def plan_credentials(
    settings: ExecSettings, unit: str, received: tuple[str, ...], base: str = SYSTEM.credentials
) -> CredentialPlan:
    """What a spawn has to put into /run/credentials/UNIT. `received` are the directories of the container's own."""
    if not has_credentials(settings):
        return NO_CREDENTIALS
    places = (*received, *STORES)
    # Each is read behind the value of SetCredential=, and takes its place if it is there.
    found = {name: Credential(name, data, False) for name, data in settings.set_credential}
    read: dict[str, Credential] = {}
    for pattern in settings.import_credential:
        for name, path in _matching(places, pattern).items():
            read.setdefault(name, Credential(name, os.fsencode(path), True, True))
    for name, source in settings.load_credential:
        path = source if source.startswith("/") else _search(places, source)
        if path:
            is_optional = name in found or not source.startswith("/")
            read[name] = Credential(name, os.fsencode(path), True, is_optional)
    return CredentialPlan(f"{base}/{unit}", (*found.values(), *read.values()))


def _search(places: tuple[str, ...], name: str) -> str:
    """The first file of that name, "" where there is none: not having one is no failure then."""
    for place in places:
        path = f"{place}/{name}"
        if os.path.exists(path):
            return path
    return ""


def _matching(places: tuple[str, ...], pattern: str) -> dict[str, str]:
    """Name → path of what ImportCredential= means; an earlier place wins."""
    found: dict[str, str] = {}
    for place in places:
        try:
            names = sorted(os.listdir(place))
        except OSError:
            continue  # most containers get none
        for name in names:
            if is_credential_name(name) and matches(name, pattern) and os.path.isfile(f"{place}/{name}"):
                found.setdefault(name, f"{place}/{name}")
    return found
