from __future__ import annotations

from initd.core.specifiers import Specifiers
from initd.shell import limits, machine


def facts(root):
    return machine.read_facts(limits.probe(), str(root))


def write(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_os_release_is_read_as_a_shell_would(tmp_path):
    write(tmp_path, "usr/lib/os-release", "# ID=x\nID=debian\nNAME=\"Debian GNU/Linux\"\nVERSION_ID='12'\nBAD=\"open\nX=y\n")
    assert facts(tmp_path).os_release == {
        "ID": "debian", "NAME": "Debian GNU/Linux", "VERSION_ID": "12", "BAD": "open\nX=y\n"}


def test_the_file_in_etc_comes_first(tmp_path):
    write(tmp_path, "usr/lib/os-release", "ID=a\n")
    write(tmp_path, "etc/os-release", "ID=b\n")
    assert facts(tmp_path).os_release["ID"] == "b"


def test_the_pretty_host_name_is_the_administrators(tmp_path):
    write(tmp_path, "etc/machine-info", "PRETTY_HOSTNAME=\"Our host\"\n")
    assert Specifiers("a.service", "", facts(tmp_path)).expand("%q") == "Our host"


def test_without_one_it_is_the_first_part_of_the_host_name(tmp_path):
    found = facts(tmp_path).replace(hostname="host.example.org")
    assert Specifiers("a.service", "", found).expand("%q %l %H") == "host host host.example.org"


def test_nothing_there_is_nothing_known(tmp_path):
    found = facts(tmp_path)
    assert (found.os_release, found.pretty_hostname, found.machine_id) == ({}, "", "")


def test_limits_are_those_of_the_manager_but_for_descriptors(tmp_path):
    found = facts(tmp_path)
    assert found.limits["nofile"] == (1024, 524288)
    assert found.limits["stack"] == found.own_limits["stack"]
