"""The command line of `pyinit run`; what it does is tests/container/test_run_command.py's."""

from __future__ import annotations

import pytest

from initd.buildstep import parse
from initd.cli.options import UsageError


def test_options_end_where_the_command_begins():
    options = parse(["--with", "nginx", "-q", "--with=a.socket", "--with", "nginx.service", "--", "psql", "--with", "-q"])
    assert options.units == ("nginx.service", "a.socket")
    assert options.command == ("psql", "--with", "-q")
    assert (options.is_quiet, options.is_verbose) == (True, False)


def test_two_dashes_may_be_left_out():
    assert parse(["-v", "make", "-k"]).command == ("make", "-k")


@pytest.mark.parametrize("words, text", [
    (["--with", "nginx"], "there is no command; it goes behind '--'."),
    (["--with", "nginx", "--"], "there is no command; it goes behind '--'."),
    (["--with"], "option '--with' requires an argument"),
    (["--with", "getty@.service", "--", "true"], "'getty@.service' is not the name of a unit."),
    (["--with", "", "--", "true"], "'' is not the name of a unit."),
    (["--without", "a", "--", "true"], "unrecognized option '--without'"),
])
def test_what_makes_no_sense_is_told(words, text):
    with pytest.raises(UsageError) as told:
        parse(words)
    assert str(told.value) == f"pyinit run: {text}"
