"""What `pyinit diff` says of two readings of units: the old and the new of each directive, and where the new one is written."""

from __future__ import annotations

import pytest

from initd.core.changes import Change, UnitChange, compare
from initd.core.load import load_unit
from initd.core.sources import LoadFacts, UnitFiles, UnitText
from initd.core.whence import Whence

A, PATH = "a.service", "/etc/systemd/system/a.service"
BASE = "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/prog -a 'b c'\n"


def files(name: str, text: str | None, *dropins: str) -> UnitFiles:
    fragment = UnitText(f"/etc/systemd/system/{name}", text, 1) if text is not None else None
    return UnitFiles(name, (name,), fragment, tuple(
        UnitText(f"/etc/systemd/system/{name}.d/{number}.conf", each, 1) for number, each in enumerate(dropins)))


def changed(old: UnitFiles, new: UnitFiles, up=(), before=(), after=()) -> list[UnitChange]:
    read = [{each.name: load_unit(each, LoadFacts())} for each in (old, new)]
    whence = Whence(lambda name: new if name == new.name else UnitFiles(name), lambda names, kind, others: "")
    return compare(*read, up, before, after, whence)


def of(old: str, new: str) -> list[Change]:
    found = changed(files(A, old), files(A, new))
    assert [each.kind for each in found] in ([], ["changed"])
    return list(found[0].changes) if found else []


def test_nothing_is_different():
    assert changed(files(A, BASE), files(A, BASE + "# a comment\n")) == []


@pytest.mark.parametrize("line, what, old, new", [
    ("Restart=always", "Restart", "no", "always"),
    ("TimeoutStopSec=5", "TimeoutStopSec", "1min 30s", "5s"),
    ("ExecStart=\nExecStart=-/bin/other", "ExecStart", '/bin/prog -a "b c"', "-/bin/other"),
    ("ExecStartPre=/bin/one\nExecStartPre=/bin/two", "ExecStartPre", "", "/bin/one; /bin/two"),
    ("User=www-data", "User", "", "www-data"),
    ("Environment=A=1 B=2", "Environment", "", "A=1 B=2"),
    ("NoNewPrivileges=yes", "NoNewPrivileges", "no", "yes"),
    ("UMask=077", "UMask", "0022", "0077"),
    ("KillSignal=SIGINT", "KillSignal", "SIGTERM", "SIGINT"),
    ("TimeoutStartSec=infinity", "TimeoutStartSec", "1min 30s", "infinity"),
])
def test_a_directive(line, what, old, new):
    lines = len((BASE + line).splitlines())
    assert of(BASE, BASE + line + "\n") == [Change(what, old, new, f"{PATH}:{lines}")]
    assert [(each.old, each.new) for each in of(BASE + line + "\n", BASE)] == [(new, old)]


def test_dependencies_and_conditions():
    more = "[Unit]\nAfter=b.service\nConditionPathExists=!/x\n"
    lines = len(BASE.splitlines())
    assert of(BASE, BASE + more) == [
        Change("ConditionPathExists", None, "!/x", f"{PATH}:{lines + 3}"),
        Change("After", None, "b.service", f"{PATH}:{lines + 2}")]
    assert Change("After", "b.service", None) in of(BASE + more, BASE)


def test_those_that_nobody_has_written():
    found = of(BASE, "[Unit]\nDescription=x\nDefaultDependencies=no\n[Service]\nExecStart=/bin/prog -a 'b c'\n")
    assert Change("DefaultDependencies", "yes", "no", f"{PATH}:3") in found
    assert Change("Conflicts", "shutdown.target (default)", None) in found


def test_a_drop_in():
    dropin = f"{PATH}.d/0.conf"
    (found,) = changed(files(A, BASE), files(A, BASE, "[Service]\nNice=5\n"))
    assert found.changes == (Change("DropInPaths", None, dropin), Change("Nice", "", "5", f"{dropin}:2"))


def test_gone_new_masked_and_broken():
    gone = files(A, None)
    assert changed(files(A, BASE), gone) == [UnitChange(A, "gone", PATH)]
    assert changed(files(A, BASE), gone, up=[A]) == [UnitChange(A, "kept", PATH)]
    assert changed(gone, files(A, BASE)) == [UnitChange(A, "new", PATH)]
    assert changed(gone, gone, before=["b.service"], after=["c.service"]) == [
        UnitChange("b.service", "gone", ""), UnitChange("c.service", "new", "")]
    (masked,) = changed(files(A, BASE), files(A, "").replace(is_masked=True))
    assert masked.changes == (
        Change("LoadState", "loaded", "masked"), Change("LoadError", "", "Unit a.service is masked."))
    assert of(BASE, "[Service]\nType=simple\n")[0] == Change("LoadState", "loaded", "bad-setting")
