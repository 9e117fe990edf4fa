"""Makes of the Debian package two files for images that install no packages: pyinit.pyz, and pyinit-exec that runs it.

    python3 debian/single/build.py PYINIT.deb DIRECTORY

Two lines of a Containerfile then bring pyinit into any image with glibc's /usr/bin/python3:

    COPY pyinit.pyz /usr/lib/pyinit.pyz
    COPY pyinit-exec /sbin/pyinit
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

#: Not for images like these: documentation, and what only dpkg's scripts ask for.
_LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/lintian", "usr/share/bash-completion", "usr/share/zsh",
             "usr/share/fish", "usr/lib/pyinit/policy-rc.d", "usr/sbin/pyinit")
_EXEC = "usr/lib/pyinit/initd/exec/pyinit-exec"
#: The same for all, so that the same package gives the same file.
_TIME = (1980, 1, 1, 0, 0, 0)


def build(deb: Path, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pyinit-single-") as temporary:
        root = Path(temporary)
        subprocess.run(["dpkg-deb", "--extract", str(deb), str(root)], check=True)
        shutil.copy2(root / _EXEC, directory / "pyinit-exec")
        (root / _EXEC).unlink()
        (directory / "pyinit.pyz").write_bytes(b"")
        with zipfile.ZipFile(directory / "pyinit.pyz", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            manifest, digest = [], hashlib.sha256()
            for path in sorted(root.rglob("*")):
                name = path.relative_to(root).as_posix()
                if not name.startswith(_LEFT_OUT):
                    manifest.append(_add(archive, path, name, digest))
            _write(archive, "MANIFEST", "".join(f"{line}\n" for line in manifest).encode())
            digest.update("".join(manifest).encode())
            _write(archive, "DIGEST", digest.hexdigest().encode())
            _write(archive, "__main__.py", Path(__file__).with_name("__main__.py").read_bytes())


def _add(archive: zipfile.ZipFile, path: Path, name: str, digest: hashlib._Hash) -> str:
    """Its line of the manifest."""
    if path.is_symlink():
        return f"link\t\t/{name}\t{os.readlink(path)}"
    if path.is_dir():
        return f"directory\t755\t/{name}\t"
    content = path.read_bytes()
    digest.update(content)
    _write(archive, f"root/{name}", content)
    return f"file\t{path.stat().st_mode & 0o777:o}\t/{name}\t"


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _TIME), content, zipfile.ZIP_DEFLATED, 9)


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]))
