"""A boot in figures and as a picture."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from initd.core.bootchart import Boot, Mark, Times, blame, chain, dot, plot, summary

MSEC = 1000
BOOT = Boot(begin=1_000 * MSEC, finish=2_000 * MSEC, generators=(1_000 * MSEC, 1_050 * MSEC), load=(1_050 * MSEC, 1_100 * MSEC),
            target="t.target", target_reached=1_990 * MSEC, words="<box> & co")


def unit(name: str, begin: int, up: int = 0, **more: object) -> Times:
    """Times in ms behind the manager's start."""
    return Times(name, (1_000 + begin) * MSEC, (1_000 + up) * MSEC if up else 0, **more)


def picture(*units: Times, marks: tuple[Mark, ...] = ()) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(plot(BOOT, units, marks)).iter())


def of_class(elements: list[ElementTree.Element], kind: str) -> list[ElementTree.Element]:
    """Without the legend's."""
    return [each for each in elements if each.get("class") == kind and each.find("{*}title") is not None]


def test_summary():
    assert summary(BOOT) == "Startup finished in 1s (userspace) \nt.target reached after 990ms in userspace.\n"
    assert summary(BOOT.replace(target_reached=0)).endswith("\nt.target was never reached.\n")


def test_what_took_long_comes_first_and_what_took_nothing_not_at_all():
    over = unit("over.service", 10, deactivated=1_400 * MSEC)
    assert blame([unit("a.service", 100, 150), unit("b.service", 1, 1), over, Times("never.service")]) == [
        ("390ms", "over.service"), ("50ms", "a.service")]


def test_a_chain_follows_what_was_up_last():
    units = {each.name: each for each in (
        unit("t", 500, 500, after=("a", "b", "gone")), unit("a", 100, 400, after=("c",)), unit("b", 50, 300, after=("c",)),
        unit("c", 10, 20, after=("t",)))}  # a loop ends

    def names(fuzz: int) -> list[tuple[int, str]]:
        return [(len(link.branches), link.unit.name if link.unit else "...") for link in chain(units, "t", BOOT, fuzz)]

    assert names(0) == [(0, "t"), (1, "a"), (2, "c"), (3, "t"), (4, "...")]
    assert (1, "b") in names(100 * MSEC) and (1, "b") not in names(99 * MSEC)
    assert chain(units, "gone", BOOT) == []


def test_rows_are_units_of_the_boot_in_their_order():
    texts = [each.text for each in picture(
        unit("late.service", 700, 800), unit("early.service", 200, 210), unit("behind.service", 1_500, 1_600),
        Times("never.service")) if each.tag.endswith("text")]
    assert [text for text in texts if text and ".service" in text] == ["early.service (10ms)", "late.service (100ms)"]
    assert texts[0] == "<box> & co"


def test_bars_end_where_states_do():
    elements = picture(unit("a.service", 100, 300, deactivating=1_500 * MSEC, deactivated=1_600 * MSEC))
    bars = {kind: of_class(elements, kind)[-1] for kind in ("activating", "active", "deactivating")}
    at = {kind: (float(bar.get("x")), float(bar.get("width"))) for kind, bar in bars.items()}
    assert abs(sum(at["activating"]) - at["active"][0]) < 0.11
    assert abs(sum(at["active"]) - at["deactivating"][0]) < 0.11
    assert bars["deactivating"].find("{*}title").text == "a.service (200ms): deactivating, 500ms to 600ms"


def test_a_restart_shows_the_run_before_it_and_why_it_ended():
    def mark(usec: int, kind: str, text: str = "") -> Mark:
        return Mark("a.service", (1_000 + usec) * MSEC, kind, text)

    marks = (mark(700, "start"), mark(400, "exit", "code=exited, status=3"), mark(401, "exit", "Failed"), mark(200, "start"),
             mark(600, "restart"), mark(1_500, "exit"), Mark("b.service", 1_300 * MSEC, "exit", ""))
    elements = picture(unit("a.service", 700, 800, n_restarts=1), marks=marks)
    assert [bar.find("{*}title").text.rpartition(": ")[2] for bar in of_class(elements, "activating")] == [
        "activating, 200ms to 400ms", "activating, 700ms to 800ms"]
    assert [sign.find("{*}title").text for sign in of_class(elements, "exit")] == ["400ms: code=exited, status=3"]
    assert len(of_class(elements, "restart")) == 1
    assert any(each.text == "a.service (100ms, 1 restart)" for each in elements)


def test_a_failed_unit_catches_the_eye_and_a_queued_one_waits():
    elements = picture(unit("x.service", 300, active="failed", result="exit-code", deactivated=1_500 * MSEC, was_queued=True))
    (bad,) = [each for each in elements if each.get("class") == "bad"]
    assert bad.text == "x.service (200ms, failed: exit-code)"
    assert len([each for each in elements if each.get("class") == "waiting"]) == 2  # and the legend's


def test_dot():
    assert dot([("a.service", "After", 'b"c'), ("a.service", "Wants", "d")]) == (
        'digraph systemd {\n\t"a.service"->"b\\"c" [color="green"];\n\t"a.service"->"d" [color="grey66"];\n}\n')
