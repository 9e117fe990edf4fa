from __future__ import annotations

import pytest

from initd.core.dependency import INVERSE, Dependency
from initd.core.engine import make_machine
from initd.core.graph import Graph
from tests.core.test_load import GOOD, load

AFTER, BEFORE, WANTS, WANTED_BY = Dependency.AFTER, Dependency.BEFORE, Dependency.WANTS, Dependency.WANTED_BY


def test_every_dependency_has_its_inverse():
    """By which the graph knows who mentions a name."""
    assert set(INVERSE) == set(Dependency)
    assert all(INVERSE[INVERSE[kind]] is kind for kind in Dependency)


@pytest.fixture
def graph():
    return Graph(make_machine)


def others(graph, name: str, kind: Dependency) -> list[str]:
    return [other for other in graph.get(name).dependencies.get(kind, {}) if other.startswith(("a.", "b.", "c.", "z."))]


def add(graph, name: str, unit: str = "", names: tuple[str, ...] = ()) -> None:
    definition = load(f"[Unit]\nDefaultDependencies=no\n{unit}\n" + GOOD, name)
    graph.add(definition.replace(names=(name, *names)))


@pytest.mark.parametrize("is_alias_first", [False, True])
def test_an_alias_is_resolved_for_all_who_say_it(graph, is_alias_first):
    if is_alias_first:
        add(graph, "b.service", names=("z.service",))
    add(graph, "a.service", "Wants=z.service\nAfter=z.service")
    add(graph, "c.service", "Before=z.service")
    if not is_alias_first:
        assert "z.service" in graph.missing()
        add(graph, "b.service", names=("z.service",))
    assert "z.service" not in graph.missing()
    assert graph.get("z.service") is graph.get("b.service")
    assert others(graph, "a.service", WANTS) == ["b.service"]
    assert others(graph, "b.service", WANTED_BY) == ["a.service"]
    assert sorted(others(graph, "b.service", AFTER)) == ["c.service"]
    assert others(graph, "b.service", BEFORE) == ["a.service"]
    assert "z.service" not in graph.units


def test_who_is_forgotten_is_mentioned_no_more(graph):
    add(graph, "a.service", "Wants=b.service")
    add(graph, "b.service")
    graph.drop(graph.get("a.service"))
    assert others(graph, "b.service", WANTED_BY) == []
    add(graph, "a.service", "Wants=b.service")
    assert others(graph, "b.service", WANTED_BY) == ["a.service"]
