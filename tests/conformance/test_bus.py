"""What the package's policy lets through to the manager is what systemd's lets through, by what the bus was seen to refuse."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECORDED = json.loads((Path(__file__).parent / "bus/answers.json").read_text())["answers"]["access"]
NAME = "org.freedesktop.systemd1"


def test_users_reach_the_methods_that_systemd_lets_them_reach():
    (policy,) = (each for each in ElementTree.parse(ROOT / f"debian/dbus/{NAME}.conf").getroot()
                 if each.get("context") == "default")
    assert [each.attrib for each in policy.iter("deny")] == [{"send_destination": NAME}]
    rules = [each for each in policy.iter("allow") if each.get("send_destination") == NAME]
    reached = {(each.get("send_interface"), each.get("send_member")) for each in rules}

    def is_reached(method: str) -> bool:
        interface, _, member = method.rpartition(".")
        return (interface, member) in reached or (interface, None) in reached

    assert {method for method in RECORDED if is_reached(method)} == {
        method for method, answer in RECORDED.items() if answer != "the bus itself refuses"}
    assert {f"{interface}.{member}" for interface, member in reached if member} <= RECORDED.keys()
