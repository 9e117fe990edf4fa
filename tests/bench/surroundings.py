"""Where figures were taken, and of what: what every table of the benchmarks says of itself."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "container"))

from harness import Container, Image


def machine() -> str:
    """"2 × a processor's name"."""
    model = next((line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} × {model}"


def kernel() -> str:
    return f"Linux {os.uname().release.split('-')[0]}"


def version_in(image: Image, package: str) -> str:
    container = Container(image, "dpkg-query", "-W", "-f", "${Version}", package)
    try:
        container.start().wait()
        return container.logs().strip()
    finally:
        container.remove()


def pss(process: Path, kind: str = "Pss") -> float:
    """A process's share of the memory it uses, in MB, or another line of smaps_rollup; `process` is its /proc/PID."""
    return int(re.search(rf"(?m)^{kind}:\s*(\d+)", (process / "smaps_rollup").read_text())[1]) / 1024
