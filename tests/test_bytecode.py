"""The file that all modules' byte code is in: who takes it from there, and when it is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from initd import bytecode

LIBRARY = Path(bytecode.__file__).parent.parent
#: Says of each module what loaded it, then the sum of what they hold, and whether all could be had.
PROBE = """
import sys
sys.path.insert(0, {library!r})
import initd, other.one, plain
print(type(other.one.__spec__.loader).__name__, type(plain.__spec__.loader).__name__, other.one.VALUE + plain.VALUE)
print(other.__path__ == [{library!r} + "/other"], other.one.__file__ == {library!r} + "/other/one.py")
print(initd.BYTECODE is not None and initd.BYTECODE.is_whole)
"""


@pytest.fixture
def library(tmp_path):
    """A small one, with this very finder."""
    for path, text in {
        "initd/__init__.py": 'from initd.bytecode import use\nBYTECODE = use(__path__[0] + ".bytecode")\n',
        "initd/bytecode.py": Path(bytecode.__file__).read_text(),
        "other/__init__.py": "", "other/one.py": "VALUE = 1\n", "plain.py": "VALUE = 10\n",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    write(tmp_path)
    return tmp_path


def write(library: Path) -> None:
    modules = [*bytecode.modules_below(str(library), "other"), ("plain", f"{library}/plain.py")]
    bytecode.write(f"{library}/initd.bytecode", modules)


def run(library: Path, before: str = "") -> list[str]:
    code = PROBE.format(library=str(library))
    if before:
        code = code.replace("import initd, ", f"import initd\n{before}\nimport ")
    done = subprocess.run([sys.executable, "-ISB", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:3]


def test_modules_come_from_the_file(library):
    assert run(library) == ["Loader Loader 11", "True True", "True"]


def test_a_source_that_is_another_by_now_is_in_force(library):
    (library / "plain.py").write_text("VALUE = 20\n")
    os.utime(library / "plain.py", (1, 1))
    assert run(library) == ["Loader SourceFileLoader 21", "True True", "False"]


def test_a_source_that_is_gone_is_not_there(library):
    (library / "other/one.py").unlink()
    with pytest.raises(AssertionError, match="No module named 'other.one'"):
        run(library)


@pytest.mark.parametrize("spoil", [
    lambda data: b"", lambda data: data[:6], lambda data: b"\0\0\0\0" + data[4:],
    lambda data: data[:12] + b"\xff" * 9 + data[21:],
], ids=["empty", "short", "of another interpreter", "no index"])
def test_a_file_that_is_none_is_left_alone(library, spoil):
    file = library / "initd.bytecode"
    file.write_bytes(spoil(file.read_bytes()))
    assert run(library) == ["SourceFileLoader SourceFileLoader 11", "True True", "False"]
    before = os.listdir("/proc/self/fd")
    assert bytecode.use(str(file)) is None and os.listdir("/proc/self/fd") == before, "a descriptor is left"


def test_a_file_without_its_end_gives_what_it_has(library):
    file = library / "initd.bytecode"
    file.write_bytes(file.read_bytes()[:-5])  # of `plain`
    assert run(library) == ["Loader SourceFileLoader 11", "True True", "False"]


def test_who_has_begun_with_a_file_goes_on_with_it(library):
    replaced = f"import os; os.unlink({str(library)!r} + '/initd.bytecode')"
    assert run(library, replaced) == ["Loader Loader 11", "True True", "True"]


def test_a_descriptor_that_is_another_files_by_now_is_not_read(library):
    (library / "else").write_bytes(bytes(100_000))
    other = f"import os; os.dup2(os.open({str(library)!r} + '/else', 0), initd.BYTECODE._fd)"
    assert run(library, other) == ["SourceFileLoader SourceFileLoader 11", "True True", "False"]


def test_a_library_elsewhere_does_not_take_this_ones(library, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy") / "library"
    subprocess.run(["cp", "-a", str(library), str(copy)], check=True)
    assert run(copy) == ["SourceFileLoader SourceFileLoader 11", "True True", "True"]


def test_writing_leaves_the_old_file_where_it_fails(library):
    before = (library / "initd.bytecode").read_bytes()
    (library / "plain.py").write_text("this is no Python\n")
    with pytest.raises(SyntaxError):
        write(library)
    assert (library / "initd.bytecode").read_bytes() == before
    assert not (library / "initd.bytecode.new").exists()


def test_all_of_the_managers_modules_are_in_it(tmp_path):
    """As the package's installation writes it: nothing of ours is looked for elsewhere, and little of the library's."""
    subprocess.run(["cp", "-a", str(LIBRARY / "initd"), str(tmp_path)], check=True)
    subprocess.run([sys.executable, "-IS", f"{tmp_path}/initd/bytecode.py"], check=True)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import initd.main, initd.manager, initd.journal.main\n" \
           "loaders = {n: type(m.__spec__.loader).__name__ for n, m in sys.modules.items() if getattr(m, '__spec__', None)}\n" \
           "print(*[name for name, loader in loaders.items() if loader == 'SourceFileLoader'])"
    done = subprocess.run([sys.executable, "-IS", "-c", code], capture_output=True, text=True, check=True)
    begun_with = {"initd", "initd.bytecode", "__future__"}
    assert {name for name in done.stdout.split() if not name.startswith("encodings")} == begun_with
