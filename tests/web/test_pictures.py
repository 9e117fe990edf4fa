"""The pictures are well-formed, whatever units are called, and nothing of a name gets out of its place."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from initd.web import metrics, pictures

SVG = "{http://www.w3.org/2000/svg}"
SIDES = (("Requires", "Wants"), ("RequiredBy", "WantedBy"))
#: XML has no control characters, and names of units none either.
NAMES = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=12)


def texts(picture: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def test_a_graph_says_kinds_and_order():
    dependencies = {"Requires": ["b.service"], "Wants": ["b.service", "c.service"], "After": ["b.service"],
                    "WantedBy": ["d.target"]}
    picture = pictures.graph("a.service", dependencies, {"b.service": "failed"}, SIDES, lambda name: "/" + name)
    assert texts(picture) == ["WantedBy", "d.target", "Requires, Wants · after", "b.service", "Wants", "c.service", "a.service"]
    assert picture.count("stroke-dasharray") == 2 and '<g class="node failed ">' in picture


def test_a_boot_chart_has_a_bar_for_each_unit():
    boot = {"began": 1_000_000, "ended": 1_100_000, "units": [
        {"name": "a.service", "began": 1_010_000, "up": 1_060_000, "active": "active"},
        {"name": "b.target", "began": 1_060_000, "up": 1_060_000, "active": "active"},
        {"name": "c.service", "began": 1_060_000, "up": 0, "active": "failed"}]}
    picture = pictures.boot_chart(boot, lambda name: name, 1000)
    root = ElementTree.fromstring(picture)
    assert [(bar.get("x"), bar.get("width")) for bar in root.iter(f"{SVG}rect")] == [
        ("124.0", "500.0"), ("624.0", "2.0"), ("624.0", "2.0")]
    assert texts(picture)[-3:] == ["a.service (50 ms)", "b.target", "c.service"]
    assert texts(picture)[:3] == ["0 ms", "10 ms", "20 ms"]


def test_a_boot_that_is_not_over_and_one_of_nothing():
    assert pictures.boot_chart({"began": 5, "ended": 0, "units": []}, str)
    assert "a.service" in pictures.boot_chart(
        {"began": 5, "ended": 0, "units": [{"name": "a.service", "began": 9, "up": 0, "active": "activating"}]}, str)


@given(NAMES, st.lists(NAMES, max_size=4, unique=True), NAMES)
def test_any_name_is_a_text(name, others, state):
    picture = pictures.graph(name, {"Requires": others, "RequiredBy": others}, {name: state}, SIDES, lambda each: "/" + each)
    assert {*texts(picture)} - {"Requires", "RequiredBy"} <= {name, *others}
    chart = {"began": 0, "ended": 9, "units": [{"name": name, "began": 1, "up": 2, "active": state}]}
    assert texts(pictures.boot_chart(chart, lambda each: "/" + each))[-1] == name


def test_labels_of_metrics_are_escaped():
    status = {"SystemState": "running", "NFailedUnits": 0, "NJobs": 0, "UserspaceTimestamp": 2_500_000,
              "UserspaceTimestampMonotonic": 100, "FinishTimestampMonotonic": 0}
    row = {"name": 'dev-disk\\x2d"a\n.service', "active": "failed", "since": None, "restarts": 2, "memory": None}
    text = metrics.exposition(status, False, [row])
    assert 'pyinit_service_restarts_total{unit="dev-disk\\\\x2d\\"a\\n.service"} 2\n' in text
    assert "\npyinit_boot_duration_seconds" not in text
    assert "pyinit_start_time_seconds 2.5\n" in text and text.endswith("# EOF\n")
