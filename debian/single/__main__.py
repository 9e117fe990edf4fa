"""pyinit.pyz as it is run by `pyinit-exec`, on an interpreter of python3-minimal: it unpacks what Debian's package would have
installed, once, and goes on with that.

What is there already and was not unpacked by us is left alone: a systemctl of another package's stays. Where the root cannot
be written, `RUN ["/sbin/pyinit", "--unpack"]` does it while the image is built.
"""

import os
import sys

LIBRARY = "/usr/lib/pyinit"
#: What was unpacked: the archive's own hash, then a path a line.
RECORD = LIBRARY + "/unpacked"


def read(name: str) -> bytes:
    return __loader__.get_data(f"{__loader__.archive}/{name}")  # type: ignore[name-defined,no-any-return]


def unpacked() -> tuple[str, set[str]]:
    """The hash and the paths that were unpacked here before."""
    try:
        with open(RECORD, encoding="utf-8") as file:
            digest, *paths = file.read().splitlines()
    except (OSError, ValueError):
        return "", set()
    return digest, set(paths)


def unpack(digest: str, before: set[str]) -> None:
    """Every path of the manifest: kind, mode, path, and what a link is to."""
    done = []
    for line in read("MANIFEST").decode().splitlines():
        kind, mode, path, target = line.split("\t")
        if kind == "directory":
            os.makedirs(path, exist_ok=True)
            continue
        if os.path.lexists(path) and path not in before:
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        growing = path + ".pyinit-new"
        if kind == "link":
            os.symlink(target, growing)
        else:
            with open(growing, "wb") as file:
                file.write(read("root" + path))
            os.chmod(growing, int(mode, 8))
        os.rename(growing, path)
        done.append(path)
    place = LIBRARY + "/initd/exec/pyinit-exec"
    if not os.path.lexists(place):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.symlink(os.environ["PYINIT_EXEC"], place)
    for path in before - set(done):
        if os.path.lexists(path):
            os.unlink(path)
    with open(RECORD, "w", encoding="utf-8") as record:
        record.write("".join(f"{word}\n" for word in (digest, *done)))


def main() -> int:
    digest = read("DIGEST").decode().strip()
    known, before = unpacked()
    if known != digest:
        try:
            unpack(digest, before)
        except OSError as error:
            os.write(2, f"pyinit: cannot unpack {__loader__.archive}: {error.filename}: {error.strerror}. "  # type: ignore[name-defined]
                        "Where the root cannot be written, say RUN [\"/sbin/pyinit\", \"--unpack\"] in the image's "
                        "Containerfile.\n".encode())
            return 1
    if sys.argv[1:] == ["--unpack"]:
        return 0
    os.execv(sys.executable, [sys.executable, "-IS", LIBRARY + "/initd/__main__.py", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
