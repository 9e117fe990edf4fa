"""Pages of documentation that are what commands said in a container, not edited."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from harness import Container
from images import TREE

DOCS = TREE / "debian/doc"


class Page:
    """What was shown so far, as Markdown; `prompt` stands before each line that is typed."""

    def __init__(self, box: Container, head: str, prompt: str = "#") -> None:
        self.box = box
        self.text = head
        self._prompt = prompt

    def say(self, text: str) -> None:
        self.text += f"\n{text}\n"

    def show(self, line: str, text: str | None = None) -> None:
        """A line as it is typed in a shell, with this on its stdin, and everything that comes of it."""
        argv = [*self.box._enter(), "sh", "-c", f"exec 2>&1; export PATH; {line}"]
        said = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, timeout=60).stdout
        self.text += "\n" + indented(f"{self._prompt} {line}\n{said}")


def write(path: Path, box: Container, tour: Callable[[Container], str]) -> None:
    """The page that a tour of the container makes; the container is gone afterwards."""
    try:
        path.write_text(tour(box))
    finally:
        box.remove()


def indented(text: str) -> str:
    return "".join(f"    {line}".rstrip() + "\n" for line in text.splitlines())
