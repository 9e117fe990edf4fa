from __future__ import annotations

import pytest

from initd.core.lookup import look_up, read_installation, unit_file_state
from initd.core.states import UnitFileState
from initd.core.unitfiles import Impossible, Trouble
from tests.core.unitfiles_fake import ETC, LIB, FakeFiles


def installation(text: str, name: str = "a.service"):
    view = FakeFiles({f"{LIB}/{name}": text})
    return read_installation(view, look_up(view, name))


def test_lists_add_up_and_an_empty_one_resets():
    found = installation("[Install]\nWantedBy=a.target b.target\nWantedBy=\nWantedBy=c.target\nAlso=d.socket\n")
    assert found.wanted_by == ("c.target",) and found.also == ("d.socket",) and found.has_rules


def test_other_sections_do_not_count():
    assert not installation("[Unit]\nWantedBy=a.target\n").has_rules


def test_unknown_key_is_told_with_its_line():
    (note,) = installation("[Install]\nBogus=1\n").notes
    assert note.text("read", "") == f"{LIB}/a.service:2: Unknown key 'Bogus' in section [Install], ignoring."


def test_default_instance_is_for_templates():
    assert installation("[Install]\nDefaultInstance=%p\n", "t@.service").default_instance == "t"
    assert installation("[Install]\nDefaultInstance=x\n").default_instance == ""


@pytest.mark.parametrize("value", ["%z", "a/b"])
def test_unusable_default_instance_makes_the_unit_unusable(value):
    found = installation(f"[Install]\nDefaultInstance={value}\n", "t@.service")
    assert found.problem is not None and found.problem.is_fatal


def test_instance_is_found_by_its_template():
    view = FakeFiles({LIB + "/t@.service": "x"})
    found = look_up(view, "t@1.service")
    assert (found.name, found.file.name, found.is_alias) == ("t@1.service", "t@.service", False)


def test_alias_is_followed_and_keeps_the_instance():
    view = FakeFiles({LIB + "/t@.service": "x", LIB + "/s@.service": f"-> {LIB}/t@.service"})
    assert look_up(view, "s@1.service").name == "t@1.service"
    assert look_up(view, "s@.service").is_alias


@pytest.mark.parametrize("name, trouble", [
    ("gone.service", Trouble.NOT_FOUND), ("severed.service", Trouble.SEVERED), ("self.service", Trouble.LINKED),
    ("out.service", Trouble.NOT_FOUND), ("no name", Trouble.BAD_NAME),
])
def test_what_cannot_be_found(name, trouble):
    view = FakeFiles({LIB + "/severed.service": f"-> {LIB}/gone.service", LIB + "/self.service": f"-> {LIB}/self.service",
                      LIB + "/out.service": "-> /nowhere/out.service"})
    with pytest.raises(Impossible) as caught:
        look_up(view, name)
    assert caught.value.note.trouble is trouble


@pytest.mark.parametrize("links, name, state", [
    ((), "a.service", UnitFileState.DISABLED),
    (("x.target.wants/a.service",), "a.service", UnitFileState.ENABLED),
    (("x.target.requires/a.service",), "a.service", UnitFileState.ENABLED),
    (("x.target.d/a.service",), "a.service", UnitFileState.DISABLED),
    (("x.target.wants/b.service",), "a.service", UnitFileState.DISABLED),
    (("al.service",), "a.service", UnitFileState.ENABLED),
    (("other.service",), "a.service", UnitFileState.DISABLED),
    (("x.target.wants/t@1.service",), "t@1.service", UnitFileState.ENABLED),
    (("x.target.wants/t@1.service",), "t@2.service", UnitFileState.DISABLED),
    (("x.target.wants/t@1.service",), "t@.service", UnitFileState.INDIRECT),
    (("x.target.wants/t@one.service",), "t@.service", UnitFileState.ENABLED),
])
def test_which_links_enable_a_unit(links, name, state):
    install = "[Install]\nWantedBy=x.target\nAlias=al.service\n"
    view = FakeFiles({LIB + "/a.service": install, LIB + "/t@.service": "[Install]\nWantedBy=x.target\nDefaultInstance=one\n"}
                     | {f"{ETC}/{link}": f"-> {LIB}/{'t@' if 't@' in link else 'a'}.service" for link in links})
    assert unit_file_state(view, name) is state
