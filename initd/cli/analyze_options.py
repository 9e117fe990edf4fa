"""The options that the verbs of systemd-analyze share. Knows no verb."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from initd.core.places import Places


class AnalyzeOptions:
    """The options, as given. `recursive_errors` is empty where nothing was said."""

    def __init__(self) -> None:
        #: The long names of all that were given.
        self.given: set[str] = set()
        self.root = ""
        self.scope = "system"
        self.is_quiet = False
        self.iterations = 1
        self.base_time: int | None = None
        self.recursive_errors = ""
        self.checks_man = True
        self.fuzz_usec = 0
        #: Of dot: "order", "require" or "" for all; and whose edges.
        self.edges = ""
        self.from_patterns: list[str] = []
        self.to_patterns: list[str] = []

    @property
    def places(self) -> Places | None:
        """Of the manager that is to be asked; None: the system's."""
        from initd.cli.managers import chosen

        return chosen(self.scope, "" if "system" in self.given else None)
