"""Procfile → units."""

from __future__ import annotations

import pytest

from initd.core.importing.made import BadImport
from initd.core.importing.procfile import convert
from initd.core.load import load_unit
from initd.core.sources import LoadFacts, UnitFiles, UnitText
from initd.core.states import LoadState

PATH = "/srv/shop/Procfile"
TEXT = "# all of it\nweb: bundle exec puma -p $PORT\n\nworker:  rake jobs | tee \"a%b\"\nrelease: rake db:migrate\n"


def test_each_line_is_a_service_below_a_target():
    found = convert(TEXT, PATH, None)
    texts = {unit.name: unit.text for unit in found.units}
    assert list(texts) == ["shop-web.service", "shop-worker.service", "shop-release.service", "shop.target"]
    assert [unit.enable for unit in found.units] == [(), (), (), ("shop.target",)]
    for name, text in texts.items():
        definition = load_unit(UnitFiles(name, (name,), UnitText(name, text)), LoadFacts())
        assert (definition.load_state, list(definition.diagnostics)) == (LoadState.LOADED, []), text
    web = texts["shop-web.service"]
    assert web.startswith("# Made by pyinit import from /srv/shop/Procfile, line 2.\n\n[Unit]\n")
    assert 'ExecStart=/bin/sh -c "bundle exec puma -p $$PORT"\n' in web and "Environment=PORT=5000\n" in web
    assert "WorkingDirectory=/srv/shop\n" in web and "Restart=always\n" in web and "PartOf=shop.target\n" in web
    assert "EnvironmentFile=" not in web
    assert 'ExecStart=/bin/sh -c "rake jobs | tee \\"a%%b\\""\n' in texts["shop-worker.service"]
    assert "Environment=PORT=5100\n" in texts["shop-worker.service"]
    assert "Wants=shop-web.service shop-worker.service\n" in texts["shop.target"]
    assert "Type=oneshot\n" in texts["shop-release.service"] and "Restart=" not in texts["shop-release.service"]
    assert [str(remark) for remark in found.remarks] == [
        f"{PATH}:5: release: is to be run once for each release: systemctl start shop-release.service."]


def test_variables_of_env_are_read_when_the_service_starts():
    found = convert("a: x\nb: y\n", PATH, "A=1\n")
    assert all("EnvironmentFile=/srv/shop/.env\n" in unit.text for unit in found.units[:2]) and not found.remarks
    (remark,) = convert("a: x\nb: y\n", PATH, "A=1\nPORT=80\n").remarks
    assert str(remark).startswith(f"{PATH}:2: b: PORT of .env goes for all processes")


@pytest.mark.parametrize("text, message", [
    ("web: x\nnonsense\n", f"{PATH}:2: not of the form NAME: COMMAND: nonsense"),
    ("web:\n", f"{PATH}:1: not of the form"),
    ("web: x\nweb: y\n", f"{PATH}:2: web is there already, in line 1."),
])
def test_lines_that_make_no_sense(text, message):
    with pytest.raises(BadImport) as error:
        convert(text, PATH, None)
    assert str(error.value).startswith(message)
