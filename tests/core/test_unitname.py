from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.core import unitname
from initd.core.states import UnitType


@pytest.mark.parametrize("name", ["a.service", "foo-bar.socket", "a@.service", "a@b.service", "a@b@c.timer", "-.slice",
                                  "-.mount",
                                  "x\\x2dy.device", "a:b_c.target", "@".join(["a", "@"]) + ".service"])
def test_valid_names(name):
    assert unitname.is_valid(name)


@pytest.mark.parametrize("name", ["", "a", "a.", ".service", "@.service", "@a.service", "a b.service", "a/b.service",
                                  "a.foo",
                                  "é.service", "a" * 250 + ".service", "a@b c.service"])
def test_invalid_names(name):
    assert not unitname.is_valid(name)


def test_parts_of_an_instance():
    name = "getty@tty-1.service"
    assert unitname.unit_type(name) is UnitType.SERVICE
    assert unitname.is_instance(name) and not unitname.is_template(name)
    assert (unitname.prefix(name), unitname.instance(name)) == ("getty", "tty-1")
    assert unitname.template_of(name) == "getty@.service"
    assert unitname.is_template("getty@.service") and not unitname.is_instance("getty@.service")
    assert unitname.instantiate("getty@.service", "tty2") == "getty@tty2.service"
    assert unitname.instance("a@b@c.service") == "b@c"


def test_a_plain_name_is_its_own_template():
    assert unitname.template_of("a.service") == "a.service"
    assert unitname.instance("a.service") == ""
    with pytest.raises(ValueError):
        unitname.instantiate("a.service", "b")


def test_unknown_type():
    with pytest.raises(ValueError):
        unitname.unit_type("a.foo")


@pytest.mark.parametrize(("text", "escaped"), [  # systemd-escape
    ("a/b", "a-b"), ("a-b", "a\\x2db"), (".a", "\\x2ea"), ("a.b", "a.b"), ("é", "\\xc3\\xa9"), ("a b", "a\\x20b"),
    ("a\\b", "a\\x5cb"), ("@", "\\x40"), ("", ""),
])
def test_escape(text, escaped):
    assert unitname.escape(text) == escaped
    assert unitname.unescape(escaped) == text


@pytest.mark.parametrize(("path", "escaped"), [  # systemd-escape --path
    ("/", "-"), ("/a/b", "a-b"), ("//a//b/", "a-b"), ("/.a", "\\x2ea"), ("/a-b/c", "a\\x2db-c"), ("/a/./b", "a-b"),
])
def test_escape_path(path, escaped):
    assert unitname.escape_path(path) == escaped


def test_unescape_path():
    assert unitname.unescape_path("-") == "/"
    assert unitname.unescape_path("var-lib-a\\x2db") == "/var/lib/a-b"
    for bad in ("", "-a", "a-", "a--b", "a-..-b", "\\xzz", "\\x2"):
        with pytest.raises(ValueError):
            unitname.unescape_path(bad)


def test_a_path_that_climbs_has_no_name():
    with pytest.raises(ValueError):
        unitname.escape_path("/a/../b")


@pytest.mark.parametrize(("typed", "name"), [
    ("nginx", "nginx.service"), ("nginx.service", "nginx.service"), ("a.socket", "a.socket"), ("/var/log",
                                                                                               "var-log.mount"),
    ("/dev/sda1", "dev-sda1.device"), ("/", "-.mount"), ("a b", "a\\x20b.service"), ("a/b", "a-b.service"),
    ("a@b", "a@b.service"), ("my.app", "my.app.service"),
])
def test_mangle(typed, name):
    assert unitname.mangle(typed) == name


def test_mangle_with_another_suffix():
    assert unitname.mangle("foo", ".target") == "foo.target"


def test_mangle_refuses_what_cannot_be_a_name():
    with pytest.raises(ValueError):
        unitname.mangle("@")


@given(st.text())
def test_escaping_can_be_undone(text):
    assert unitname.unescape(unitname.escape(text)) == text


@pytest.mark.parametrize(("text", "name"), [
    (".service", ".service.service"), ("/dev/../x", "-dev-..-x.service"), ("/dev/./x", "dev-x.device"),
    ("a@b@c.d", "a@b@c.d.service"),
])
def test_mangled_where_the_text_is_nearly_a_name(text, name):
    assert unitname.mangle(text) == name


def test_a_path_that_is_nowhere_has_no_unit():
    assert unitname.escape_path("/.") == "-" == unitname.escape_path("")
    for path in (".", "./.", "..", "a/.."):
        with pytest.raises(ValueError):
            unitname.escape_path(path)
