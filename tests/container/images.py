"""Debian root file systems to boot: minbase, the pyinit package, and whatever packages a test wants beside it.

Everything is built with Debian's own tools from the mirror that the machine's apt uses, and kept in a cache: minbase by
the release, an image by its packages, and one with pyinit in it also by a hash of the tree it was built from. Packages
are installed in a chroot inside namespaces of its own, the machine's apt set-up bound read-only for that time, so that
nothing of it stays in the image, and no maintainer script can reach a process of the machine.

Standard library only: `make demo` uses this before anything is installed by pip.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Iterator, NamedTuple

TREE = Path(__file__).resolve().parent.parent.parent
CACHE = Path(os.environ.get("PYINIT_TEST_CACHE", "/var/cache/pyinit-tests"))
#: The machine's own Debian, or whichever other one is to be tried.
OWN_RELEASE = "bookworm"
RELEASE = os.environ.get("PYINIT_TEST_RELEASE", OWN_RELEASE)
PODMAN_NAME = "localhost/pyinit-test"

#: crun refuses mixed cgroup versions.
RUNTIME = ("--runtime", "runc")


def _limit(which: int) -> str:
    """podman's own default may be more than this machine allows."""
    hard = resource.getrlimit(which)[1]
    number = 4096 if hard == resource.RLIM_INFINITY else min(hard, 4096)
    return f"{number}:{number}"


#: podman's options of every container.
LIMITS = [f"--ulimit={name}={_limit(which)}" for name, which in
          (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC))]

#: For whoever works on the sources: keep the image, and mount the tree's `initd` into every container over its own.
LIVE = bool(os.environ.get("PYINIT_TEST_LIVE"))
#: Built images and packages kept, more than one run needs; beyond that the oldest goes.
KEPT = 80

#: What an image is built from in the source tree; what else changes, no image notices.
_PACKAGED = ("initd", "units", "debian", "LICENSE", "README.md")
_NOT_PACKAGED = {"__pycache__", "pyinit", "manpages", ".debhelper", "files", "tmp", "pyinit-exec", "debhelper-build-stamp"}
_NOT_PACKAGED_ENDS = (".pyc", ".substvars", ".debhelper", ".log", ".png")

_LISTS_MAX_AGE_SEC = 24 * 3600

#: Where a chroot, or a container, finds the machine's apt set-up, our cache of archives, and the settings that join
#: them. None of it hides a path that a package may want to write.
_APT_SETUP = "/var/cache/pyinit-apt"
_ARCHIVES = "/var/cache/pyinit-archives"
_CONFIGURATION = "/var/cache/pyinit-apt.conf"
_CERTIFICATES = "/var/cache/pyinit-certificates"
_LISTS = "/var/lib/apt/lists"
_DEBIANS_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_APT_CONF = f"""\
Dir::Etc "{_APT_SETUP}";
Dir::Cache::archives "{_ARCHIVES}";
Acquire::https::CAInfo "{_CERTIFICATES}/ca-certificates.crt";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Dpkg::Use-Pty "0";
Dpkg::Options "--force-unsafe-io";
"""
#: What to run, there.
APT = ("env", f"APT_CONFIG={_CONFIGURATION}", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-qq")


class Unavailable(Exception):
    """This machine cannot do it; the text says why."""


class Image(NamedTuple):
    """What is installed, in this order: the image's policy-rc.d, pyinit, then the packages in one apt run."""

    packages: tuple[str, ...] = ()
    with_pyinit: bool = True
    #: As the official images do, refuse to start services while packages are installed.
    with_policy: bool = True
    #: With the package pyinit-web as well.
    with_web: bool = False

    @property
    def key(self) -> str:
        words = [RELEASE, *self.packages, f"policy={self.with_policy}", *(["web"] if self.with_web else [])]
        if self.with_pyinit:
            words.append(tree_hash())
        return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def run(argv: list[str], **options) -> subprocess.CompletedProcess:
    """Run and insist on success; what the program said is in the error."""
    options.setdefault("timeout", 900)
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False, **options)
    if done.returncode:
        raise Unavailable(f"{' '.join(argv[:6])} … ended with {done.returncode}: {(done.stdout + done.stderr)[-3000:]}")
    return done


def directory_of(prefix: str) -> tempfile.TemporaryDirectory[str]:
    """For what a container mounts: in CACHE, which is made if this machine has none yet."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=prefix, dir=CACHE)


@contextmanager
def _locked(name: str) -> Iterator[None]:
    """Two test runs on one machine build an image once."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@cache
def tree_hash() -> str:
    """A hash of everything that ends up in the package. One run of the tests sees one tree."""
    if LIVE:
        return "live"
    digest = hashlib.sha256()
    for path in packaged_files():
        digest.update(f"{path} {path.is_symlink()} {os.access(TREE / path, os.X_OK)}\n".encode())
        content = os.readlink(TREE / path).encode() if (TREE / path).is_symlink() else (TREE / path).read_bytes()
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def packaged_files() -> list[Path]:
    """Relative to the tree, sorted."""
    found = []
    for top in _PACKAGED:
        paths = [TREE / top] if (TREE / top).is_file() else (TREE / top).rglob("*")
        for path in paths:
            relative = path.relative_to(TREE)
            if _NOT_PACKAGED & set(relative.parts) or path.name.endswith(_NOT_PACKAGED_ENDS):
                continue
            if path.is_symlink() or path.is_file():
                found.append(relative)
    return sorted(found)


def copy_sources(source: Path) -> Path:
    """What the package is built from, in a directory of its own."""
    for path in packaged_files():
        target = source / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TREE / path, target, follow_symlinks=False)
    return source


def build_deb(package: str = "pyinit") -> Path:
    """A .deb of the tree as it stands, built in a copy."""
    directory = CACHE / f"deb-{tree_hash()[:16]}"
    with _locked("deb"):
        if not directory.is_dir():
            with tempfile.TemporaryDirectory(prefix="pyinit-deb-") as temporary:
                source = copy_sources(Path(temporary, "pyinit"))
                run(["dpkg-buildpackage", "-b", "-us", "-uc"], cwd=source)
                _publish(directory, *Path(temporary).glob("*.deb"))
    return next(directory.glob(f"{package}_*.deb"))


def build_root(image: Image) -> Path:
    """The image's root directory, which nobody writes to: containers run on an overlay of it (podman's `--rootfs DIR:O`),
    which spares them the import."""
    directory = CACHE / f"image-{image.key}"
    # Pyinit's own installation takes twice as long as most packages': it is done once for all that have it.
    plain = build_root(image._replace(packages=())) if image.with_pyinit and image.packages else None
    if not (directory / "root").is_dir():  # whole as soon as it is there: nobody waits for who builds another
        with _locked("image"):
            _build_root(image, directory, plain)
    os.utime(directory)  # what is in use is not what goes when there are too many
    return directory / "root"


def _build_root(image: Image, directory: Path, plain: Path | None) -> None:
    if (directory / "root").is_dir():
        return  # somebody else has meanwhile
    shutil.rmtree(directory, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="pyinit-image-", dir=CACHE) as temporary:
        root = Path(temporary, "root")
        if plain is not None:
            run(["cp", "-a", "--reflink=auto", str(plain), str(root)])
            _install(root, *image.packages)
        else:
            _set_up(unpack(_minbase(), root), image)
        _forget_in_podman(image.key)  # an older one of the same key, where the cache was emptied
        _publish(directory, root)


def build_rootfs(image: Image) -> Path:
    """A tar of the image's root file system."""
    if image == Image(with_pyinit=False, with_policy=False):
        return _minbase()
    root = build_root(image)
    tar = root.parent / "rootfs.tar"
    with _locked("tar"):
        if not tar.exists():
            growing = tar.with_suffix(".new")
            run(["tar", "-C", str(root), "-cf", str(growing), "--numeric-owner", "--xattrs", "."])
            growing.rename(tar)
    return tar


def podman_image(image: Image) -> str:
    """The image's name in podman, imported if it is not there."""
    name = f"{PODMAN_NAME}:{RELEASE if image == Image(with_pyinit=False, with_policy=False) else image.key}"
    tar = build_rootfs(image)
    with _locked("podman"):
        if subprocess.run(["podman", "image", "exists", name], check=False).returncode:
            run(["podman", "import", str(tar), name])
    return name


def unpack(tar: Path, root: Path) -> Path:
    root.mkdir(parents=True)
    run(["tar", "-C", str(root), "-xf", str(tar), "--numeric-owner", "--xattrs"])
    return root


def download(*packages: str, installed_in: Image) -> list[str]:
    """Fetch what `apt-get install` of these would need in that image, and say how to use it there.

    Returns podman options: the archives, the package lists and the machine's apt set-up, all read-only.
    """
    with directory_of("pyinit-image-") as temporary:
        root = unpack(build_rootfs(installed_in), Path(temporary, "root"))
        with _locked("image"):
            _in_chroot(root, "\n".join([_update_lists(), _apt("--download-only", "install", *packages)]))
    return [f"--volume={source}:{target}:ro" for source, target in _apt_binds()]


def build(directory: Path, name: str, base: str, files: tuple[Path, ...] = ()) -> str:
    """`podman build` of what is in a directory, and of these files beside it, on that base; the name.

    Where apt finds the machine's sources, and our archives, the base says (`apt_base`)."""
    volumes = [(source, target) for source, target in _apt_binds() if target != _LISTS]
    with directory_of("pyinit-build-") as temporary, _locked("image"):
        context, lists = Path(temporary, "context"), Path(temporary, "lists")
        shutil.copytree(directory, context)
        for file in files:
            shutil.copy(file, context)
        shutil.copytree(_lists(), lists)  # a copy: who builds an image leaves none in it
        volumes.append((str(lists), _LISTS))
        run(["podman", *RUNTIME, "build", "--layers=false", "--force-rm", "--network=host", *LIMITS, f"--tag={name}",
             f"--build-arg=BASE={base}", *(f"--volume={source}:{target}" for source, target in volumes), str(context)])
    return name


def apt_base(name: str) -> str:
    """Debian as the official image has it, with our apt set-up; the image's name is the one given."""
    minbase = podman_image(Image(with_pyinit=False, with_policy=False))
    text = (f"FROM {minbase}\nENV APT_CONFIG={_CONFIGURATION} DEBIAN_FRONTEND=noninteractive\n"
            "RUN printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d\n")
    run(["podman", *RUNTIME, "build", "--layers=false", *LIMITS, f"--tag={name}", "-"], input=text)
    return name


def simulate(image: Image, target: str, deb: Path) -> dict[str, int]:
    """What apt would install for `target` in that image: package → installed size in kB. Nothing is installed."""
    with directory_of("pyinit-image-") as temporary:
        root = unpack(build_rootfs(image), Path(temporary, "root"))
        shutil.copy(deb, root / "tmp")
        sizes = "apt-cache show --no-all-versions $(sed -n 's/^Inst \\([^ ]*\\).*/\\1/p' /tmp/plan | grep -vx pyinit)"
        script = (f"{_update_lists()}\ncd /tmp\n{_apt('--simulate', 'install', target)} > /tmp/plan\n{sizes} || :\n"
                  f"grep -q '^Inst pyinit ' /tmp/plan && dpkg-deb --field {deb.name} || :\n")
        with _locked("image"):
            text = _in_chroot(root, script)
    names = re.findall(r"(?m)^Package: (\S+)$", text)
    return dict(zip(names, map(int, re.findall(r"(?m)^Installed-Size: (\d+)$", text)), strict=True))


def _publish(directory: Path, *files: Path) -> None:
    """Move finished files into the cache: the directory is there only when they all are."""
    growing = directory.with_suffix(".new")
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir(parents=True)
    for path in files:
        shutil.move(path, growing / path.name)
    growing.rename(directory)
    for kind in ("image", "deb"):
        for old in sorted(CACHE.glob(f"{kind}-*[0-9a-f]"), key=os.path.getmtime)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
            _forget_in_podman(old.name.removeprefix("image-"))


def _forget_in_podman(key: str) -> None:
    if shutil.which("podman"):
        # Not by force: that would end the containers of whoever else runs these tests.
        subprocess.run(["podman", "rmi", f"{PODMAN_NAME}:{key}"], capture_output=True, check=False)


def _minbase() -> Path:
    directory = CACHE / f"minbase-{RELEASE}"
    with _locked("minbase"):
        if not directory.is_dir():
            with tempfile.TemporaryDirectory(prefix="pyinit-minbase-") as temporary:
                tar = Path(temporary, "rootfs.tar")
                run(["mmdebstrap", "--variant=minbase", RELEASE, str(tar), _site()])
                _publish(directory, tar)
    return directory / "rootfs.tar"


def _set_up(root: Path, image: Image) -> None:
    """Out of the bare system: with pyinit, or with the image's packages."""
    policy = root / "usr/sbin/policy-rc.d"
    if image.with_policy:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    if not image.with_pyinit:
        _install(root, *image.packages)
        return
    debs = [build_deb(name) for name in ("pyinit", "pyinit-web")[:1 + image.with_web]]
    for deb in debs:
        shutil.copy(deb, root / "tmp")
    _install(root, *(f"/tmp/{deb.name}" for deb in debs))
    for deb in debs:
        (root / "tmp" / deb.name).unlink()


def _install(root: Path, *packages: str) -> None:
    if packages:
        _in_chroot(root, f"{_update_lists()}\n{_apt('install', *packages)}")


def _apt(*words: str) -> str:
    return " ".join((*APT, *words)) + " </dev/null"


def _update_lists() -> str:
    kept = _lists() / "pyinit-updated"
    if kept.exists() and time.time() - kept.stat().st_mtime < _LISTS_MAX_AGE_SEC:
        return ":"
    return f"{_apt('update')} && touch {_LISTS}/{kept.name}"


def _in_chroot(root: Path, script: str) -> str:
    """Run a shell script in there as root; what it prints. Its mounts, processes, host name and IPC end with it."""
    binds = [*_apt_binds(), *_keyrings_missing_in(root), ("/etc/resolv.conf", "/etc/resolv.conf")]
    made = [root / target[1:] for source, target in binds if _make_mount_point(Path(source), root / target[1:])]
    setup = ["set -e", "mount --make-rprivate /"]
    for source, target in binds:
        setup.append(f"mount --bind '{source}' '{root}{target}'")
        if not source.startswith(str(CACHE)):
            setup.append(f"mount -o remount,bind,ro '{root}{target}'")
    setup += [f"mount -t proc proc '{root}/proc'", f"exec chroot '{root}' /bin/sh -ec \"$1\""]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}
    environment |= {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    try:
        namespaces = ["--mount", "--pid", "--fork", "--ipc", "--uts"]
        return run(["unshare", *namespaces, "sh", "-c", "\n".join(setup), "sh", script], env=environment).stdout
    finally:
        for path in made:
            path.rmdir() if path.is_dir() else path.unlink()


def _apt_binds() -> list[tuple[str, str]]:
    """(here, there) of what apt needs, made where missing."""
    for path in (CACHE / "archives/partial", _lists()):
        path.mkdir(parents=True, exist_ok=True)
    (CACHE / "apt.conf").write_text(_APT_CONF)
    binds = [(str(_apt_setup()), _APT_SETUP), ("/etc/ssl/certs", _CERTIFICATES), (str(CACHE / "apt.conf"), _CONFIGURATION),
             (str(CACHE / "archives"), _ARCHIVES), (str(_lists()), _LISTS)]
    return [(source, target) for source, target in binds if os.path.exists(source)]


def _lists() -> Path:
    return CACHE / ("lists" if RELEASE == OWN_RELEASE else f"lists-{RELEASE}")


def _apt_setup() -> Path:
    """The machine's; for another release a copy with other sources, and without what fetches more than packages."""
    if RELEASE == OWN_RELEASE:
        return Path("/etc/apt")
    setup = CACHE / f"apt-{RELEASE}"
    if not setup.is_dir():
        growing = Path(tempfile.mkdtemp(prefix="pyinit-apt-", dir=CACHE))
        left_out = shutil.ignore_patterns("sources.list*", "preferences*", "*apt-file*", "*appstream*")
        shutil.copytree("/etc/apt", growing, dirs_exist_ok=True, ignore=left_out)
        (growing / "sources.list").write_text(f"deb [signed-by={_DEBIANS_KEYS}] {_site()} {RELEASE} main\n")
        (growing / "preferences.d").mkdir()
        growing.chmod(0o755)
        growing.rename(setup)
    return setup


def _site() -> str:
    """Where the machine gets its packages."""
    sites = run(["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]).stdout.split()
    if not sites:
        raise Unavailable("the machine's apt names no package source")
    return sites[0]


def _keyrings_missing_in(root: Path) -> list[tuple[str, str]]:
    """Keys that the machine's sources may name, and the image does not have."""
    found = [path for directory in ("/usr/share/keyrings", "/etc/apt/keyrings") for path in Path(directory).glob("*")]
    return [(str(path), str(path)) for path in found if not (root / str(path)[1:]).exists()]


def _make_mount_point(source: Path, target: Path) -> bool:
    """True where it had to be made, and has to go again."""
    if target.exists() or target.is_symlink():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.mkdir() if source.is_dir() else target.touch()
    return True
