from __future__ import annotations

import pytest

from initd.cli.options import UsageError, parse


def test_options_and_arguments_mix_and_two_dashes_end_options():
    options, words = parse(["-q", "start", "a", "--no-block", "--", "-.slice", "--now"])
    assert options.quiet and options.no_block and not options.now
    assert words == ["start", "a", "-.slice", "--now"]


def test_letters_cluster_and_take_the_rest_as_value():
    options, _ = parse(["-aqn5", "-pId,Names", "-p", "After", "-tservice"])
    assert options.all and options.quiet and options.lines == 5
    assert options.properties == ["Id", "Names", "After"] and options.types == ["service"]


def test_long_options_may_be_cut_short_where_that_is_unique():
    assert parse(["--no-bl"])[0].no_block
    with pytest.raises(UsageError, match="ambiguous"):
        parse(["--no-"])


def test_values_with_equals_and_without():
    assert parse(["--job-mode=fail"])[0].job_mode == parse(["--job-mode", "fail"])[0].job_mode == "fail"
    assert parse(["--root=/x", "--preset-mode=enable-only"])[0].preset_mode == "enable-only"


def test_a_load_state_after_t_is_a_state():
    options, _ = parse(["-t", "service,not-found"])
    assert options.types == ["service"] and options.states == ["not-found"]


def test_P_means_value_and_property():
    options, _ = parse(["-P", "Id"])
    assert options.value and options.properties == ["Id"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--nosuch"], "systemctl: unrecognized option '--nosuch'"),
        (["-Z"], "systemctl: invalid option -- 'Z'"),
        (["-p"], "systemctl: option requires an argument -- 'p'"),
        (["--job-mode"], "systemctl: option '--job-mode' requires an argument"),
        (["--quiet=yes"], "systemctl: option '--quiet' doesn't allow an argument"),
        (["-t", "foo"], "Unknown unit type or load state 'foo'.\nUse -t help to see a list of allowed values."),
        (["-n", "x"], "Failed to parse lines 'x'"),
    ],
)
def test_mistakes_are_told_as_getopt_tells_them(words, text):
    with pytest.raises(UsageError) as caught:
        parse(words)
    assert str(caught.value) == text


def test_defaults_are_not_shared():
    parse(["-p", "Id", "-t", "service", "--state=failed"])
    options, _ = parse([])
    assert options.properties is None and options.types == [] and options.states == []
