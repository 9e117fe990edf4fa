from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.core import objectpath


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("nginx.service", "/org/freedesktop/systemd1/unit/nginx_2eservice"),
        ("-.slice", "/org/freedesktop/systemd1/unit/_2d_2eslice"),
        ("1st.target", "/org/freedesktop/systemd1/unit/_31st_2etarget"),
        ("a1_b.timer", "/org/freedesktop/systemd1/unit/a1_5fb_2etimer"),
        ("", "/org/freedesktop/systemd1/unit/_"),
    ],
)
def test_unit_paths_are_systemds(name, path):
    assert objectpath.unit_path(name) == path
    assert objectpath.unit_name(path) == name


@given(st.text(max_size=30))
def test_unescape_undoes_escape(name):
    name = name.encode("utf-8", "replace").decode("utf-8", "surrogateescape")
    escaped = objectpath.escape(name)
    assert escaped.isascii() and escaped.replace("_", "").isalnum() or escaped == "_"
    assert objectpath.unescape(escaped) == name


@given(st.text(max_size=30))
def test_unescape_takes_anything(element):
    assert isinstance(objectpath.unescape(element), str)


def test_other_paths_are_no_units_and_no_jobs():
    assert objectpath.unit_name("/org/freedesktop/systemd1") is None
    assert objectpath.unit_name("/org/freedesktop/systemd1/unit/a/b") is None
    assert objectpath.job_id("/org/freedesktop/systemd1/unit/a") is None
    assert objectpath.job_id("/org/freedesktop/systemd1/job/x1") is None
    assert objectpath.job_id(objectpath.job_path(17)) == 17
