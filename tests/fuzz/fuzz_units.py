"""`fuzz_units.py [--seconds N] [--seed N] [--targets NAME…]`: everything that parses, fuzzed by coverage (atheris).

`make fuzz` runs it. Inputs begin with those of `targets.seeds` and the project's own units; the dictionary is made from
the directive table. An input that raises is kept in build/fuzz/crashes, one for each place that raises, and so is one
that takes longer than it may; the fuzzing goes on. What was run and found is one more line of results.tsv.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import subprocess
import sys
import time
import traceback
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

RESULTS = HERE / "results.tsv"
#: More than the digits that int() takes.
MAX_INPUT = 8192
#: Seconds of CPU that no input of that size may need.
MAX_CPU_SEC = 2.0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--targets", nargs="*", default=[], metavar="NAME", help="grammars, of all if there are none")
    options.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    directory = ROOT / "build" / "fuzz"
    if chosen.child:
        fuzz(directory, chosen.seconds, chosen.seed, chosen.targets)
        return 0
    return report(directory, chosen.seconds, chosen.seed, chosen.targets)


# --- the fuzzer's own process -------------------------------------------------------------------------------------


def fuzz(directory: Path, seconds: int, seed: int, names: list[str]) -> None:
    """Does not return: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["initd"]):
        from tests.fuzz import targets
    seen: set[tuple[object, ...]] = set()
    chosen = tuple(names) or tuple(targets.TARGETS)

    def run(data: bytes) -> None:
        since = time.process_time()
        try:
            targets.run(data, chosen)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            keep(data, (type(error), place.filename, place.lineno), traceback.format_exc())
        if time.process_time() - since > MAX_CPU_SEC:
            keep(data, ("slow", data.partition(b"\n")[0]), "slow")

    def keep(data: bytes, why: tuple[object, ...], story: str) -> None:
        if why not in seen:
            seen.add(why)
            path = directory / "crashes" / hashlib.sha1(data).hexdigest()
            path.write_bytes(data)
            path.with_suffix(".txt").write_text(story)
            print(f"{path}\n{story}", file=sys.stderr, flush=True)

    (directory / "dictionary").write_text(dictionary())
    for data in (*targets.seeds(chosen), *([] if names else own_units())):
        (directory / "seeds" / hashlib.sha1(data).hexdigest()).write_bytes(data)
    atheris.Setup([
        sys.argv[0], f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={MAX_INPUT}", "-timeout=60",
        "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=1", f"-artifact_prefix={directory}/crashes/",
        f"-dict={directory}/dictionary", str(directory / "corpus"), str(directory / "seeds"),
    ], run)
    atheris.Fuzz()


def dictionary() -> str:
    """Every section, every key with its "=", and the words that values are made of."""
    from initd.core.directives import TABLE
    from initd.core.managerkeys import KEYS
    from tests.fuzz.targets import TARGETS
    from tests.fuzz.texts import PLAUSIBLE

    words = {f"{name}\n" for name in TARGETS} | {f"[{section}]\n" for section, _ in TABLE} | {"[Manager]\n", "\n%%\n"}
    words |= {f"\n{key}=" for _, key in TABLE} | {f"\n{key}=" for key in KEYS} | set(PLAUSIBLE) - {""}
    return "".join(f'"{quoted(word)}"\n' for word in sorted(words) if len(word) < 60)


def quoted(word: str) -> str:
    data = word.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02X}" for byte in data)


def own_units() -> list[bytes]:
    """The project's own units, each read as a unit of its type."""
    from initd.core.unitname import is_valid
    from tests.fuzz.targets import TARGETS

    by_suffix = {name.rpartition(".")[2]: name for name in reversed(TARGETS) if "." in name}
    found = sorted(path for path in (ROOT / "units").iterdir() if path.is_file() and is_valid(path.name))
    return [f"{by_suffix[path.suffix[1:]]}\n".encode() + path.read_bytes() for path in found]


# --- the run and its line -----------------------------------------------------------------------------------------


def report(directory: Path, seconds: int, seed: int, names: list[str]) -> int:
    """Fuzzes in a process of its own; 1 where something was found."""
    for name in ("corpus", "crashes", "seeds"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    before, read_from = set((directory / "crashes").iterdir()), commit()
    with (directory / "log").open("w") as log:
        subprocess.run([sys.executable, __file__, "--child", "--seconds", str(seconds), "--seed", str(seed),
                        "--targets", *names],
                       stderr=log, stdout=log, check=False)
    text = (directory / "log").read_text(errors="replace")
    executions = re.search(r"stat::number_of_executed_units:\s*(\d+)", text)
    covered = re.findall(r"cov: (\d+)", text)
    found = [path for path in sorted(set((directory / "crashes").iterdir()) - before) if path.suffix != ".txt"]
    if executions is None or not covered:
        print(text[-2000:], file=sys.stderr)
        return 2
    line = (time.strftime("%Y-%m-%d", time.gmtime()), read_from, platform.python_version(), version("atheris"), seed,
            seconds, executions[1], covered[-1], len(found), " ".join(names) or "all")
    with RESULTS.open("a") as results:
        results.write("\t".join(map(str, line)) + "\n")
    print(f"{executions[1]} executions, {len(found)} of them kept: {directory}/crashes")
    return 1 if found else 0


def commit() -> str:
    done = subprocess.run(["git", "-C", os.fspath(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
