"""Which manager a command asks: the system's, a user's (`--user`), or one with a runtime directory of its own.

Most commands ask the system's, and pay for nothing else here.
"""

from __future__ import annotations

from posix import environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.places import Places

#: As `shell.places` names it.
_VARIABLE = b"PYINIT_RUNTIME_DIRECTORY"


def chosen(scope: str, runtime_directory: str | None = None) -> Places | None:
    """The places of the manager that is meant, None for the system's. `scope` is "system", "user" or "global", which is the
    user's where no files are meant; `runtime_directory`: what --runtime-directory= says, "" for --system; without either
    $PYINIT_RUNTIME_DIRECTORY counts."""
    if scope != "system":
        from initd.shell.places import user_places

        return user_places()
    if runtime_directory is None:
        runtime_directory = environ.get(_VARIABLE, b"").decode("utf-8", "surrogateescape")
    if not runtime_directory:
        return None
    from initd.shell.places import group_places

    return group_places(runtime_directory)
