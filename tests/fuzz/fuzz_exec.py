"""`fuzz_exec.py [--seconds N] [--seed N] [--minimise]`: pyinit-exec, fuzzed by its exec context: libFuzzer, with sanitizers.

`make fuzz-exec` runs it; clang-14 and libclang-rt-14-dev are needed. It is compiled so that whatever would act (`ACTS`) is
a stand-in of exec_world.c; that nothing else is left is looked up in the object files before anything is run. Inputs begin
with contexts as the manager makes them, and those of exec_corpus.json; `--minimise` writes what is needed of all that was
found there. What stops it is kept in build/fuzz-exec/crashes. A run is one more line of exec_results.tsv.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from initd.wire import execcontext as ec  # noqa: E402

BUILD = ROOT / "build" / "fuzz-exec"
RESULTS, CORPUS = HERE / "exec_results.tsv", HERE / "exec_corpus.json"
COLUMNS = ("date", "commit", "clang", "seed", "seconds", "executions", "covered", "inputs", "crashes")
COMPILER = "clang-14"
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
PARTS = ("context", "streams", "terminal", "directories", "credentials", "namespaces", "mounts", "privileges")
#: Functions of the C library that would do something, and those by which memory comes and goes.
ACTS = """
_exit access bind chdir chmod chroot close closedir connect dirfd dup2 execve fchmod fchown fchownat fcntl fdopendir fork
fstat fstatat geteuid getpid getpriority getrandom getrlimit inotify_add_watch inotify_init1 ioctl isatty lockf lstat mkdir
mkdirat mknod mmap mount msgctl open openat personality pipe2 poll prctl prlimit read readdir readlink readlinkat recvmsg
rename renameat sched_setaffinity semctl sendmsg setgroups setns setpriority setresgid setresuid setrlimit setsid shmctl
shutdown sigaction signal sigprocmask socket stat statvfs symlink symlinkat syscall sysconf tcflush tcgetattr tcsetattr umask
umount2 unlink unlinkat unshare waitpid write malloc calloc realloc free
""".split()
#: What may be called as it is.
PURE = re.compile(r"__errno_location|__(isoc99|isoc23)_sscanf|atoi|gnu_dev_makedev|mem\w+|sigemptyset|snprintf|st[pr]\w+|"
                  r"__(asan|ubsan|sancov|sanitizer)_\w+|_?_st(art|op)___sancov\w*|boot_main|serve|request_\w+|stub_\w+")
MAX_INPUT = 4096


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--minimise", action="store_true")
    chosen = options.parse_args()
    if not shutil.which(COMPILER):
        print(f"{COMPILER} is not here: apt-get install clang-14 libclang-rt-14-dev", file=sys.stderr)
        return 2
    program = build()
    code = run(program, chosen.seconds, chosen.seed)
    if chosen.minimise:
        minimise(program)
    return code


def build(directory: Path = BUILD, compiler: str = COMPILER, has_fuzzer: bool = True) -> Path:
    """The fuzzer, or a program that takes inputs from files. SystemExit where pyinit-exec calls something that is neither stood
    in for nor known to be pure."""
    directory.mkdir(parents=True, exist_ok=True)
    renamed = [f"-D{name}=stub_{name}" for name in ACTS]
    common = [compiler, "-std=gnu11", "-g", "-O1", "-fno-omit-frame-pointer", *SANITIZERS, "-c"]
    sources = [HERE / "exec_become.c", *[ROOT / "initd/exec" / f"{name}.c" for name in PARTS]]
    objects = [directory / f"{source.stem}.o" for source in sources]
    for source, made in zip(sources, objects):
        covered = ["-fsanitize=fuzzer-no-link"] if has_fuzzer else []
        subprocess.run([*common, *covered, *renamed, str(source), "-o", str(made)], check=True)
    whole, world, program = directory / "whole.o", directory / "world.o", directory / "fuzz-exec"
    subprocess.run(["ld", "-r", "-o", str(whole), *map(str, objects)], check=True)
    listed = subprocess.run(["nm", "--undefined-only", str(whole)], capture_output=True, text=True, check=True).stdout
    unknown = [name for name in listed.split()[1::2] if not PURE.fullmatch(name)]
    if unknown:
        raise SystemExit(f"pyinit-exec calls what the fuzzer has no stand-in for: {', '.join(unknown)}")
    alone = [] if has_fuzzer else ["-DSTANDALONE"]
    subprocess.run([*common, *alone, "-fno-builtin", str(HERE / "exec_world.c"), "-o", str(world)], check=True)
    with_fuzzer = ["-fsanitize=fuzzer"] if has_fuzzer else []
    subprocess.run([compiler, *with_fuzzer, *SANITIZERS, str(whole), str(world), "-o", str(program)], check=True)
    return program


def run(program: Path, seconds: int, seed: int) -> int:
    for name in ("corpus", "crashes", "seeds"):
        (BUILD / name).mkdir(exist_ok=True)
    for data in inputs():
        (BUILD / "seeds" / hashlib.sha1(data).hexdigest()).write_bytes(data)
    before = set((BUILD / "crashes").iterdir())
    with (BUILD / "log").open("w") as log:
        subprocess.run(
            [str(program), f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={MAX_INPUT}", "-timeout=10",
             "-detect_leaks=0", "-print_final_stats=1", "-rss_limit_mb=2048", f"-artifact_prefix={BUILD}/crashes/",
             str(BUILD / "corpus"), str(BUILD / "seeds")], stdout=log, stderr=log, check=False)
    text = (BUILD / "log").read_text(errors="replace")
    executions = re.search(r"stat::number_of_executed_units:\s*(\d+)", text)
    covered = re.findall(r"cov: (\d+)", text)
    found = set((BUILD / "crashes").iterdir()) - before
    if executions is None or not covered or found:
        print(text[-6000:], file=sys.stderr)
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                            check=False)
    row = (time.strftime("%Y-%m-%d", time.gmtime()), commit.stdout.strip() or "unknown", version(), seed, seconds,
           executions[1] if executions else 0, covered[-1] if covered else 0,
           len(list((BUILD / "corpus").iterdir())), len(found))
    if not RESULTS.exists():
        RESULTS.write_text("\t".join(COLUMNS) + "\n")
    with RESULTS.open("a") as results:
        results.write("\t".join(map(str, row)) + "\n")
    print("\t".join(map(str, row)))
    return 1 if found else 0


def version() -> str:
    done = subprocess.run([COMPILER, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"version (\S+)", done.stdout)
    return found[1] if found else "unknown"


# --- the corpus ---------------------------------------------------------------------------------------------------------


def inputs() -> list[bytes]:
    """Contexts as they are made, and those that were found."""
    made = [bytes(8) + ec.pack(context) for context in contexts()]
    kept = json.loads(CORPUS.read_text())
    return made + [zlib.decompress(base64.b64decode(text)) for text in kept["found"] + kept["least"]]


def minimise(program: Path) -> None:
    """The fewest inputs that reach all that was reached."""
    least = BUILD / "least"
    shutil.rmtree(least, ignore_errors=True)
    least.mkdir()
    subprocess.run([str(program), "-merge=1", "-detect_leaks=0", str(least), str(BUILD / "corpus"), str(BUILD / "seeds")],
                   capture_output=True, check=True)
    found = json.loads(CORPUS.read_text())["found"]  # what once stopped it
    packed = sorted(base64.b64encode(zlib.compress(path.read_bytes(), 9)).decode() for path in least.iterdir())
    CORPUS.write_text(json.dumps({"found": found, "least": packed}, indent=0) + "\n")
    print(f"{len(packed)} inputs, {CORPUS.stat().st_size} bytes")


def contexts() -> list[ec.ExecContext]:
    """As the manager makes them: between them they have every kind of record."""
    null, journal = ec.Stream(ec.STREAM_NULL), ec.Stream(ec.STREAM_JOURNAL, path="/run/systemd/journal/stdout")
    streams = (null, journal, ec.Stream(ec.STREAM_SAME_AS, 1))
    plain = ec.ExecContext(
        "/usr/sbin/nginx", ("nginx", "-g", "daemon off;"),
        environment=("PATH=/bin", "JOURNAL_STREAM=\0\2", "SYSTEMD_EXEC_PID=\0\1"), status_fd=4, unit_number=1 << 60,
        ignore_sigpipe=True, streams=streams, journal_header=b"nginx\nnginx.service\n30\n1\n0\n0\n0\n",
        oom_score_adjust=-5, umask=0o22, keyring=1, limits=((7, 1024, 4096),), working_directory="/",
    )
    return [
        plain,
        plain.replace(program="nginx", search_path=("/usr/bin", "/bin"), missing_program_is_fine=True, idle_fd=5,
                      has_same_group=True),
        plain.replace(failure=ec.Failure(217, 3, "USER")),
        plain.replace(nice=-3, cpu_scheduling=(1, 5, 1), cpu_affinity=(0, 1, 900), memory_policy=(2, (0, 1)),
                      io_priority=(2, 4), timer_slack_nsec=50, personality=8, coredump_filter=0x33,
                      cgroup_procs="/sys/fs/cgroup/a/cgroup.procs"),
        plain.replace(directories=(ec.Directory(233, "/run/a/b", 0o755, 5, 5),
                                   ec.Directory(238, "/var/lib/a", 0o700, adopt=False)),
                      symlinks=(ec.Symlink(233, "/run/x", "private/x"),),
                      moves=(ec.Move(238, "/var/lib/a", "/var/lib/private/a"),)),
        plain.replace(credential_directory="/run/credentials/a.service", credential_owner=5,
                      credentials=(ec.Credential("a", b"value", False), ec.Credential("b", b"/etc/b", True, True))),
        plain.replace(namespaces=0x4C000000, joined_namespaces=((0x40000000, "/run/netns/a"),),
                      shared_namespaces=((0x40000000, 5, 6), (0x08000000, 7, 8)),
                      mounts=((0, 1 << 19, 2, "/", ()), (1, 1 << 14, 1, "/a", ("/b",)), (2, 0, 0, "/c", ()),
                              (3, 6, 0, "/tmp", ("tmpfs", "mode=1777")), (4, 0, 1, "/home", ("/run/hidden",)),
                              (5, 0, 0, "/dev", ()), (6, 1, 0, "/", ("/a", "/b/c")), (7, 0, 0, "/root", ()))),
        plain.replace(uid=5, gid=5, groups=(1, 2, 3), bounding_set=0xFF, ambient_set=1 << 10, secure_bits=1,
                      no_new_privileges=True, private_users=((0, 5), (0, 5)), seccomp_program=bytes(range(16)),
                      architecture_program=bytes(16)),
        plain.replace(passed_fds=(ec.PassedFd(7), ec.PassedFd(8, True), ec.PassedFd(9, False)), root_directory="/srv/root"),
        plain.replace(streams=(ec.Stream(ec.STREAM_TTY, 2, 2, "/dev/tty1"), ec.Stream(ec.STREAM_FILE, 1, 0o644, "/log"),
                               ec.Stream(ec.STREAM_LEAVE)), terminal=ec.Terminal("/dev/tty1", True, True, 24, 80, True)),
        ec.ExecContext("", (), uid=5, remove_ipc=((0, 1), (1, 2), (2, 3))),
        ec.ExecContext("", (), uid=5, gid=5, tagged_processes=((1 << 60, 100), (1 << 60, 101))),
        ec.ExecContext("", (), terminal=ec.Terminal("/dev/pts/0", True, is_all=True)),
    ]


if __name__ == "__main__":
    sys.exit(main())
