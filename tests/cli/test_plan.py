"""`pyinit plan` of trees of unit files: what starts when, what waits for what, what is left out and why."""

from __future__ import annotations

import json

import pytest

from initd.cli.plan import main

from .commands import run

ETC = "etc/systemd/system"
START = "[Service]\nExecStart=/bin/prog\n"


class Tree:
    def __init__(self, root):
        self.root = root

    def write(self, name: str, text: str, mode: int = 0o644):
        path = self.root / (name if "/" in name else f"{ETC}/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def plan(self, *words: str) -> dict:
        said = run(main, f"--root={self.root}", "--json", *words)
        found = json.loads(said.out)
        found["status"], found["err"] = said.status, said.err
        found["by_name"] = {each["unit"]: each for each in found["units"]}
        return found


@pytest.fixture
def tree(tmp_path):
    tree = Tree(tmp_path)
    tree.write("bin/prog", "#!\n", 0o755)
    tree.write("default.target", "[Unit]\nWants=a.service b.service\nAfter=a.service b.service\nDefaultDependencies=no\n")
    return tree


def service(tree, name, unit="", more="", start="/bin/prog"):
    tree.write(name, f"[Unit]\nDefaultDependencies=no\n{unit}\n[Service]\nExecStart={start}\n{more}\n")


def test_what_may_start_together_has_one_number(tree):
    service(tree, "a.service")
    service(tree, "b.service", "After=c.service\nWants=c.service")
    service(tree, "c.service", more="Type=notify")
    plan = tree.plan()
    assert {name: part["step"] for name, part in plan["by_name"].items()} == {
        "a.service": 1, "c.service": 1, "b.service": 2, "default.target": 3}
    assert plan["by_name"]["default.target"]["after"] == ["a.service", "b.service"]  # c is implied
    assert plan["by_name"]["c.service"]["brought_by"] == "b.service"
    assert {part["outcome"] for part in plan["units"]} == {"started"} and plan["status"] == 0


@pytest.mark.parametrize("kind, state", [
    ("Type=simple", "active/running"), ("Type=notify", "active/running"), ("Type=forking", "active/running"),
    ("Type=forking\nPIDFile=/run/x.pid", "active/running"), ("Type=oneshot", "inactive/dead"),
    ("Type=oneshot\nRemainAfterExit=yes", "active/exited"), ("Type=exec", "active/running"), ("Type=idle", "active/running"),
    ("ExecStartPre=/bin/prog\nExecStartPost=/bin/prog", "active/running"),
])
def test_services_of_every_type_start_well(tree, kind, state):
    service(tree, "a.service", more=kind)
    part = tree.plan()["by_name"]["a.service"]
    assert (part["outcome"], part["state"]) == ("started", state)


def test_a_name_on_the_bus_is_taken(tree):
    service(tree, "a.service", more="Type=dbus\nBusName=org.example")
    tree.write("dbus.socket", "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/dbus\n")
    service(tree, "dbus.service")
    assert tree.plan()["by_name"]["a.service"]["state"] == "active/running"


def test_a_cycle_is_told_and_what_is_dropped(tree):
    service(tree, "a.service", "After=b.service")
    service(tree, "b.service", "After=a.service")
    plan = tree.plan()
    (cycle,) = plan["cycles"]
    assert sorted(cycle["units"]) == ["a.service", "b.service"] and cycle["dropped"] in cycle["units"]
    (left,) = plan["left_out"]
    assert (left["unit"], left["kind"]) == (cycle["dropped"], "dropped") and plan["status"] == 1


def test_what_is_missing_masked_or_broken(tree):
    service(tree, "a.service", "Wants=gone.service m.service bad.service")
    (tree.root / ETC / "m.service").symlink_to("/dev/null")
    tree.write("bad.service", "[Service]\nExecStart=relative/path\n")
    service(tree, "b.service", "Requires=gone.service")
    plan = tree.plan()
    kinds = {each["unit"]: each["kind"] for each in plan["left_out"]}
    assert kinds == {"gone.service": "missing", "m.service": "masked", "bad.service": "broken", "b.service": "refused"}
    (reason,) = [each["reason"] for each in plan["left_out"] if each["unit"] == "b.service"]
    assert reason == "it has Requires=gone.service, which is missing"


def test_a_condition_that_is_not_met(tree):
    service(tree, "a.service", "ConditionPathExists=/no")
    service(tree, "b.service", "ConditionPathExists=/bin/prog")
    plan = tree.plan()
    assert plan["by_name"]["a.service"]["outcome"] == "skipped"
    assert plan["by_name"]["a.service"]["reason"] == "ConditionPathExists=/no is not met"
    assert plan["by_name"]["b.service"]["outcome"] == "started"


def test_a_program_that_is_not_there_fails_and_what_follows_from_it_is_told(tree):
    service(tree, "a.service", "OnFailure=c.service", start="/bin/none", more="Type=exec")
    service(tree, "b.service", "Requires=a.service\nAfter=a.service")
    service(tree, "c.service")
    plan = tree.plan()
    assert plan["by_name"]["a.service"]["outcome"] == "failed" and "/bin/none" in plan["by_name"]["a.service"]["reason"]
    assert plan["by_name"]["b.service"]["outcome"] == "failed"
    assert plan["by_name"]["c.service"]["outcome"] == "started" and plan["by_name"]["c.service"]["cause"] == "dependency"
    assert plan["status"] == 1


def test_what_a_path_unit_finds_is_started(tree):
    tree.write("default.target", "[Unit]\nWants=a.path\nDefaultDependencies=no\n")
    tree.write("a.path", "[Unit]\nDefaultDependencies=no\n[Path]\nPathExists=/bin/prog\n")
    service(tree, "a.service")
    assert tree.plan()["by_name"]["a.service"]["cause"] == "path"


def test_mounts_and_sockets(tree):
    tree.write("default.target", "[Unit]\nWants=srv.mount a.socket\nDefaultDependencies=no\n")
    tree.write("srv.mount", "[Unit]\nDefaultDependencies=no\n[Mount]\nWhat=tmpfs\nWhere=/srv\nType=tmpfs\n")
    tree.write("a.socket", "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/a\n")
    service(tree, "a.service")
    tree.write("bin/mount", "#!\n", 0o755)
    plan = tree.plan()
    states = {name: part["state"] for name, part in plan["by_name"].items()}
    assert states["srv.mount"] == "active/mounted" and states["a.socket"] == "active/listening"


def test_another_target_and_one_that_is_not_there(tree):
    service(tree, "a.service")
    assert [part["unit"] for part in tree.plan("a.service")["units"]] == ["a.service"]
    plan = tree.plan("nothing")
    assert plan["status"] == 2 and "nothing.target not found" in plan["err"]


def test_text_says_the_same(tree):
    service(tree, "a.service", "After=b.service")
    said = run(main, f"--root={tree.root}", "--test")
    assert said.status == 0
    lines = said.out.splitlines()
    assert lines[0] == "default.target: 2 units in 2 steps"
    assert lines[2:4] == ["   1  a.service", "   2  default.target  after a.service"]
    assert "  b.service: no such unit (Wants= of default.target)" in lines


def test_bad_words():
    assert run(main, "--nonsense").status == 2
    assert run(main, "--root=").status == 2
    assert run(main, "--help").out.startswith("pyinit plan")
