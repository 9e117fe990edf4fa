"""Says the journal's own troubles on the container's stderr: whatever else works, somebody may see that."""

from __future__ import annotations

import os


def report(text: str) -> None:
    """The journal's own troubles go to the container's stderr."""
    try:
        os.write(2, f"pyinit-journal: {text}\n".encode("utf-8", "replace"))
    except OSError:
        pass  # nowhere else to say it
