"""Who may import whom, read from the syntax tree: `core` decides, `shell` acts, and only the manager joins them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: What may be imported by code that must not look at the world: no files, sockets, clocks, signals, randomness.
PURE = {
    "__future__", "_collections", "array", "bisect", "binascii", "collections", "configparser", "datetime", "enum",
    "errno", "fnmatch", "functools", "heapq", "io", "itertools", "math", "operator", "re", "string", "struct",
    "types",
}
#: Not in Debian's python3-minimal, or too dear for a process that lives as long as the container. Late imports, inside
#: a function, are free: they belong to the one command that needs them.
NOT_AT_START = {
    "argparse", "asyncio", "ctypes", "dataclasses", "gettext", "json", "logging", "mmap", "multiprocessing",
    "resource", "selectors", "shlex", "shutil", "socket", "subprocess", "tempfile", "termios", "tomllib", "typing",
    "uuid", "zoneinfo", "pyinotify", "daemon", "jeepney",
}
#: Of `core`, the vocabulary: values and small grammars, no decisions about units.
VOCABULARY = {
    "record", "states", "values", "events", "effects", "settings", "settings_exec", "unitname", "words", "timespan", "calendar",
    "exitstatus", "signals", "capabilities", "personality", "specifiers", "syntax", "conditions", "objectpath", "dependency",
    "messages", "sources", "zone", "caldate", "generated", "generation", "mountpoint", "places", "logfilter", "globs",
    "substitution",
}
#: Of `core`, what `shell` reads to show it or carries out as it stands: records and plans.
CARRIED_OUT = {"unit", "cgroup_attributes", "service_record", "view", "answers", "install", "linking", "lookup", "presets",
               "unitfiles", "seccomp", "sandbox", "fstab"}
#: The format of the store and the reading of it are pure: no sockets, no process.
CLI_MAY_USE_OF_JOURNAL = {"segment", "runs", "match", "reader", "survey"}
#: Commands that ask no manager, but look at the machine as one does; each when it is run.
LOOKS_FOR_ITSELF = {"initd.cli.check", "initd.cli.plan", "initd.cli.diff"}
CLI_MAY_USE_OF_SHELL = {"unitdirs", "unitlinks", "conditions", "zones", "places"}


class Import:
    """One imported module, as a dotted name."""

    def __init__(self, module: str, target: str, line: int, is_late: bool, is_for_types: bool) -> None:
        self.module, self.target, self.line = module, target, line
        self.is_late, self.is_for_types = is_late, is_for_types

    @property
    def where(self) -> str:
        return f"{self.module} line {self.line} imports {self.target}"

    def is_in(self, package: str) -> bool:
        return self.target == package or self.target.startswith(package + ".")


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted((ROOT / "initd").rglob("*.py")):
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def _is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def imports_of(name: str, path: Path) -> list[Import]:
    found: list[Import] = []

    def visit(node: ast.AST, is_late: bool, is_for_types: bool) -> None:
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} line {node.lineno}: imports are written in full"
            base = node.module or ""
            targets = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names]
        else:
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            body = getattr(node, "body", []) if isinstance(node, ast.If) and _is_type_checking(node.test) else []
            for child in ast.iter_child_nodes(node):
                visit(child, is_late or is_function, is_for_types or child in body)
            return
        found.extend(Import(name, target, node.lineno, is_late, is_for_types) for target in sorted(set(targets)))

    visit(ast.parse(path.read_text()), False, False)
    return found


IMPORTS = {name: imports_of(name, path) for name, path in MODULES.items()}
ALL = [each for found in IMPORTS.values() for each in found]


def layer(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def offenders(name_of_layer: str, is_allowed) -> list[str]:
    return [each.where for each in ALL if layer(each.module) == name_of_layer and not is_allowed(each)]


def is_pure(each: Import) -> bool:
    return each.target.split(".")[0] in PURE or each.is_for_types and each.target in ("typing", "collections.abc")


def is_vocabulary(each: Import) -> bool:
    return each.target in {f"initd.core.{name}" for name in VOCABULARY}


def test_core_imports_only_core_and_pure_modules():
    assert offenders("core", lambda each: is_pure(each) or each.is_in("initd.core")) == []


def test_wire_imports_only_words_and_pure_modules():
    words = {"initd.core.record", "initd.core.states", "initd.core.values"}
    assert offenders("wire", lambda each: is_pure(each) or each.target in words or each.is_in("initd.wire")) == []


def test_shell_imports_the_vocabulary_and_wire_but_no_decisions():
    records = {f"initd.core.{name}" for name in CARRIED_OUT}
    assert offenders("shell", lambda each: not each.is_in("initd") or each.target == "initd" or is_vocabulary(each)
                     or each.target in records or each.is_in("initd.wire") or each.is_in("initd.shell")) == []


def test_cli_imports_neither_engine_nor_manager_and_little_of_shell():
    lent = {f"initd.shell.{name}" for name in CLI_MAY_USE_OF_SHELL}
    lent |= {f"initd.journal.{name}" for name in CLI_MAY_USE_OF_JOURNAL}
    assert offenders("cli", lambda each: not each.is_in("initd") or each.target == "initd" or each.is_in("initd.core")
                     or each.is_in("initd.wire") or each.is_in("initd.cli") or each.target in lent
                     or each.module in LOOKS_FOR_ITSELF and (each.is_late or each.is_for_types)
                     and not each.is_in("initd.manager")) == []


def test_reading_the_store_is_pure():
    readers = {f"initd.journal.{name}" for name in CLI_MAY_USE_OF_JOURNAL}
    assert [each.where for each in ALL if each.module in readers and not (
        is_pure(each) or each.target in readers or each.target == "initd.core.record")] == []


def test_journal_stands_alone():
    assert offenders("journal", lambda each: not each.is_in("initd") or is_vocabulary(each) or each.is_in("initd.wire")
                     or each.is_in("initd.journal")) == []


def test_only_the_manager_imports_the_engine():
    users = {each.module for each in ALL if each.is_in("initd.core.engine") and layer(each.module) != "core"}
    assert users <= {"initd.manager"}


def test_nothing_but_the_entry_point_imports_the_manager():
    assert {each.module for each in ALL if each.is_in("initd.manager")} <= {"initd.main"}


def test_start_up_needs_python3_minimal_only():
    assert [each.where for each in ALL
            if each.target.split(".")[0] in NOT_AT_START and not each.is_late and not each.is_for_types
            and layer(each.module) != "web"] == []


def test_web_is_a_client_that_nothing_else_knows():
    """It is a package of its own, and what it may do is what clients may."""
    assert offenders("web", lambda each: not each.is_in("initd") or each.target == "initd" or any(
        each.is_in(f"initd.{name}") for name in ("web", "cli", "core", "wire"))) == []
    assert [each.where for each in ALL if each.is_in("initd.web") and layer(each.module) != "web"] == []


def test_web_imports_no_decisions():
    of_core = {each.target.rpartition(".")[2] for each in ALL if layer(each.module) == "web" and each.is_in("initd.core")}
    assert of_core <= VOCABULARY


def test_no_cycles():
    """Not even for type checking: a cycle means a shared word lives in the wrong file."""
    graph = {name: {each.target for each in found if each.target in MODULES} for name, found in IMPORTS.items()}
    done: set[str] = set()

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " → ".join(way[way.index(name):] + (name,))
        if name not in done:
            for target in sorted(graph[name]):
                walk(target, way + (name,))
            done.add(name)

    for name in graph:
        walk(name, ())


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_module_says_what_it_answers(name):
    assert ast.get_docstring(ast.parse(MODULES[name].read_text()))
