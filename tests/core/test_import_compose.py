"""A project of Compose → units."""

from __future__ import annotations

import pytest

from initd.core.importing.compose import Facts, convert, substituted, variables_of
from initd.core.importing.made import BadImport
from initd.core.load import load_unit
from initd.core.sources import LoadFacts, UnitFiles, UnitText
from initd.core.states import LoadState
from initd.core.syntax import parse

PATH = "/srv/shop/compose.yaml"


def units(services: dict, **environ: str) -> dict[str, dict[str, str]]:
    found = {}
    for unit in convert({"services": services}, PATH, Facts(environ)).units:
        definition = load_unit(UnitFiles(unit.name, (unit.name,), UnitText(unit.name, unit.text)), LoadFacts())
        assert (definition.load_state, list(definition.diagnostics)) == (LoadState.LOADED, []), unit.text
        settings: dict[str, str] = {}
        for item in parse(unit.text, unit.name).assignments:
            settings[item.key] = f"{settings[item.key]}\n{item.value}" if item.key in settings else item.value
        found[unit.name] = settings
    return found


PLAIN = {"Description": "a", "PartOf": "shop.target", "ExecStart": "/a", "KillMode": "mixed", "TimeoutStopSec": "10s"}


@pytest.mark.parametrize("options, changed", [
    ({"command": "x 'a b' $V $$V"}, {"ExecStart": 'x "a b" v $$V'}),
    ({"command": ["a b"], "entrypoint": ["/e", "-x"]}, {"ExecStart": '/e -x "a b"'}),
    ({"command": "./b", "working_dir": "/srv"}, {"ExecStart": "/srv/b", "WorkingDirectory": "/srv"}),
    ({"environment": {"A": "b c", "N": 1, "T": True, "P": None}},
     {"Environment": '"A=b c"\nN=1\nT=true', "PassEnvironment": "P"}),
    ({"environment": ["A=${W:-d}", "P"]}, {"Environment": "A=d", "PassEnvironment": "P"}),
    ({"env_file": "x.env"}, {"EnvironmentFile": "/srv/shop/x.env"}),
    ({"env_file": ["/y", {"path": "z", "required": False}]}, {"EnvironmentFile": "/y\n-/srv/shop/z"}),
    ({"user": "1:2"}, {"User": "1", "Group": "2"}),
    ({"restart": "no"}, {}),
    ({"restart": "always"}, {"Restart": "always", "RestartSec": "1", "StartLimitIntervalSec": "0"}),
    ({"restart": "on-failure:3"}, {"Restart": "on-failure", "RestartSec": "1", "StartLimitIntervalSec": "infinity",
                                   "StartLimitBurst": "4"}),
    ({"stop_signal": "SIGQUIT", "stop_grace_period": "1m30s"}, {"KillSignal": "SIGQUIT", "TimeoutStopSec": "1min 30s"}),
])
def test_options(options, changed):
    assert units({"a": {"command": "/a"} | options}, V="v")["a.service"] == PLAIN | changed


def test_dependencies_profiles_and_what_is_not_carried_over():
    services = {
        "web": {"command": "/w", "depends_on": {"db": {"condition": "service_healthy"}}, "ports": ["80:80"], "x-own": 1},
        "db": {"image": "postgres"}, "tool": {"command": "/t", "profiles": ["debug"], "depends_on": ["web"]},
    }
    made = units(services)
    assert list(made) == ["web.service", "tool.service", "shop.target"]
    assert made["web.service"]["After"] == made["web.service"]["Wants"] == "db.service"
    assert made["shop.target"]["Wants"] == "web.service"
    lines = {("web", ""): 2, ("web", "ports"): 4, ("db", ""): 7}
    told = [str(remark) for remark in convert({"services": services}, PATH, Facts({}, lines)).remarks]
    assert told == [
        f"{PATH}:4: services.web.ports: is for whoever runs the container: publish them there.",
        f"{PATH}:2: services.web.depends_on: waits until they run, and not until they are healthy or done: Type=notify, or "
        "oneshot, there makes it so.",
        f"{PATH}:7: services.db.image: what the image holds has to be in this container.",
        f"{PATH}:7: services.db: no unit is written: what it runs is said by its image alone. Say it with command."]


@pytest.mark.parametrize("text, value", [
    ("$A ${A}", "1 1"), ("$$A", "$A"), ("${E:-x}${E-x}|", "x|"), ("${U-x}${U:-${A}}", "x1"),
    ("${A+y}${U+y}${E:+y}", "y"), ("$U", ""),
])
def test_variables(text, value):
    assert substituted(text, {"A": "1", "E": ""}) == value


def test_env_files():
    assert variables_of("# x\nA=1 # no\nexport B='x # y'\nC=\nnonsense\n") == {"A": "1", "B": "x # y", "C": ""}


@pytest.mark.parametrize("data, message", [
    (None, f"{PATH}: there are no services"), ({"services": {"a": 1}}, f"{PATH}: there are no services"),
    ({"services": {"a": {"command": "'x"}}}, f"{PATH}:3: services.a.command: No closing quotation."),
    ({"services": {"a": {"command": "${X:?needed}"}}}, "services.a.command: X is not set: needed."),
    ({"services": {"a": {"command": "x", "depends_on": ["b"]}}}, "services.a.depends_on: there is no service b."),
    ({"services": {"a": {"command": "x", "restart": "often"}}}, "services.a.restart: 'often' is none of"),
    ({"services": {"a": {"command": "x", "stop_grace_period": "soon"}}}, "services.a.stop_grace_period: 'soon' is no time"),
])
def test_projects_that_make_no_sense(data, message):
    with pytest.raises(BadImport) as error:
        convert(data, PATH, Facts({}, {("a", "command"): 3}))
    assert message in str(error.value)
