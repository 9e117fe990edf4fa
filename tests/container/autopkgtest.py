"""`make autopkgtest`: the package's own tests (debian/tests), by Debian's autopkgtest, where pyinit is the init already.

The testbed is a container with the package, its tests' dependencies and autopkgtest in it; the package under test is the one
that is installed. The exit status is autopkgtest's: 0 where all passed, 2 where some were skipped.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from harness import Container
from images import Image, copy_sources

TESTBED = Image(("autopkgtest", "dpkg-dev"))


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="pyinit-autopkgtest-") as directory:
        source = copy_sources(Path(directory, "pyinit"))
        container = Container(TESTBED, options=("--privileged", f"--volume={source}:/source:ro"))
        try:
            container.start().wait_until_booted()
            # it wants to write there; the slashes say that nothing is to be built
            container.exec("cp", "-r", "/source", "/root/pyinit")
            command = ("autopkgtest", "--no-built-binaries", "/root/pyinit//", "--", "null")
            return subprocess.run([*container._enter(), *command], check=False).returncode
        finally:
            container.remove()


if __name__ == "__main__":
    sys.exit(main())
