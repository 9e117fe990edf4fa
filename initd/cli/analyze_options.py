"""The options that the verbs of systemd-analyze share. Knows no verb."""

from __future__ import annotations


class AnalyzeOptions:
    """The options, as given."""

    def __init__(self) -> None:
        self.root = ""
        self.scope = "system"
        self.is_quiet = False
        self.iterations = 1
        self.base_time: int | None = None
        self.recursive_errors = "yes"
        self.checks_man = True
