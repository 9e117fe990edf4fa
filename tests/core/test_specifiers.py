from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initd.core.sources import LoadFacts
from initd.core.specifiers import SpecifierError, Specifiers

FACTS = LoadFacts(
    hostname="box.example", machine_id="m" * 32, boot_id="b" * 32, kernel_release="6.1.0", architecture="x86-64",
    os_release={"ID": "debian", "VERSION_ID": "12"}, shell="/bin/bash", cgroup_root="/c",
)
PATH = "/run/systemd/system/ac@.service"

#: Recorded from systemd 252 for this unit.
NAME = "ac@foo-bar-a\\x20b.service"
EXPECTED = {
    "i": "foo-bar-a\\x20b", "I": "foo/bar/a b", "p": "ac", "P": "ac", "j": "ac", "J": "ac", "f": "/foo/bar/a b", "n": NAME,
    "N": "ac@foo-bar-a\\x20b", "t": "/run", "S": "/var/lib", "C": "/var/cache", "L": "/var/log", "E": "/etc", "T": "/tmp",
    "V": "/var/tmp", "u": "root", "U": "0", "g": "root", "G": "0", "h": "/root", "s": "/bin/bash",
    "d": f"/run/credentials/{NAME}", "y": PATH, "Y": "/run/systemd/system", "a": "x86-64", "o": "debian", "w": "12",
    "W": "", "B": "", "M": "", "A": "", "l": "box", "q": "box", "c": f"/c/{NAME}", "r": "/c", "R": "/c",
    "H": "box.example", "m": "m" * 32, "b": "b" * 32, "v": "6.1.0", "%": "%",
}


@pytest.mark.parametrize(("letter", "value"), EXPECTED.items())
def test_each_letter(letter, value):
    assert Specifiers(NAME, PATH, FACTS).expand(f"<%{letter}>") == f"<{value}>"


def test_last_part_of_the_prefix():
    specifiers = Specifiers("foo-bar\\x20x@i.service", PATH, FACTS)
    assert specifiers.expand("%j %J %P") == "bar\\x20x bar x foo/bar x"


def test_path_of_a_plain_unit_is_its_prefix():
    assert Specifiers("var-log.mount", "", FACTS).expand("%f %i") == "/var/log "


def test_percent_that_is_no_specifier_stays():
    assert Specifiers("a.service", "", FACTS).expand("100% a %! %%n %") == "100% a %! %n %"


@pytest.mark.parametrize("letter", ["Q", "k", "Z", "0"])
def test_letter_that_means_nothing(letter):
    with pytest.raises(SpecifierError, match="Invalid slot"):
        Specifiers("a.service", "", FACTS).expand("%" + letter)


def test_instance_that_cannot_be_unescaped():
    with pytest.raises(SpecifierError):
        Specifiers("a@\\xzz.service", "", FACTS).expand("%I")


@given(st.text())
def test_expanding_raises_nothing_else(text):
    try:
        Specifiers(NAME, PATH, FACTS).expand(text)
    except SpecifierError:
        pass
