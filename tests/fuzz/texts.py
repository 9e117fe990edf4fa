"""Texts that are nearly right, for hypothesis: words of each grammar put together, and bent now and then."""

from __future__ import annotations

from hypothesis import strategies as st

from initd.core import conditions
from initd.core.directives import TABLE
from initd.core.managerkeys import KEYS
from initd.core.sections import SECTIONS
from initd.core.unitname import unit_type
from tests.conformance.analyze.inputs import Inputs
from tests.fuzz.targets import DROP_IN, one_line

#: Values that some directive takes, and what comes of them when a letter goes wrong.
PLAUSIBLE = (
    "", "yes", "no", "on", "true", "0", "1", "-1", "07", "0x1f", "65536", "4294967296", "18446744073709551615", "9" * 30,
    "infinity", "50%", "1.5%", "10‰", "1K", "1.5G", "16E", "5s", "1h 30min", "5.5.5", "1min30", "-5s",
    "/a/b", "//a/../b/", "relative/path", "~", "-/a", "+/a", "-+/a:/b:rbind", "/a /b", "/dev/sda rwm", "/dev/null r",
    "a.service", "b.target c.socket", "t@.service", "t@i.service", "%p.service", "%i.service", "no-type", "x.service.",
    "/bin/true", "/bin/sh -c 'echo \"a b\"' ; /bin/b", "-@/bin/x y", "!!/bin/x", "+:/bin/x $A ${B} $$C", "/bin/x ;",
    "A=1 B=\"2 3\"", "A=%H", "\"unbalanced", "'a' \"b\" c\\x20d\\n", "\\", "\\x", "a\\040b", "%", "%%", "%Q", "%n%N%p%i%f%I",
    "SIGTERM", "RTMIN+3", "9", "SIGNOPE", "CAP_CHOWN ~CAP_KILL", "~", "@system-service ~@mount", "read:EPERM write:no",
    "AF_UNIX ~AF_INET", "native x86-64", "~ipc net", "0-3,5 7", "3-1", "numa", "0022", "0o22", "77777",
    "simple", "notify", "forking", "oneshot", "dbus", "on-failure", "always", "mixed", "process", "strict", "full",
    "journal", "tty", "file:/a", "append:/a b", "fd:name", "socket", "null+console",
    "127.0.0.1:80", "[::1]:80", "80", "@abstract", "/run/s", "vsock:2:1", "10.0.0.0/8 any localhost", "kobject-uevent 1",
    "Mon..Fri *-*-* 10:00", "daily Europe/Berlin", "*:0/15", "@1", "a:/b:ro,nosuid", "name:data", "name:/path",
    "|!/a", "!", "|", ">= 5", "a$=*b*", "uefi", "1000-2000", "best-effort", "idle", "batch", "fifo", "rr",
    "9" * 5000, "*:" + "9" * 5000,
    "soft:hard", "1:2", "2:1", "1M:infinity", "é", "\udcff", "\x7f", "\x01", "\ufeff", "ſ", "²", "٣",
    "a" * 300, "/" + "a/" * 200,
)
text = st.one_of(
    st.sampled_from(PLAUSIBLE),
    st.lists(st.sampled_from(PLAUSIBLE), max_size=4).map(" ".join),
    st.text(max_size=40),
    st.binary(max_size=20).map(lambda data: data.decode("utf-8", "surrogateescape")),
    st.text("aAzZ09 \t\"'\\%$@:;=-+!|~*?[]{}(),./<>#xuUn\n\r\0", max_size=30),
)


def bent(made: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Now and then something stands in the middle that does not belong there, or a piece is missing."""
    def bend(whole: str, odd: str, place: int, length: int) -> str:
        place = place % (len(whole) + 1)
        return whole[:place] + odd + whole[place + length:]

    return st.one_of(made, st.builds(bend, made, text, st.integers(0, 200), st.integers(0, 3)))


def assignments(section: str, keys: list[str]) -> st.SearchStrategy[str]:
    key = st.sampled_from(keys) if keys else st.just("Unknown")
    line = st.one_of(
        st.builds("{}={}".format, key, text.map(one_line)),
        st.builds("{} = {}\\\n  {}".format, key, text.map(one_line), text.map(one_line)),
        bent(st.builds("{}={}".format, key, text.map(one_line))),
        st.sampled_from(["# comment", "; comment", "", "no assignment", "=", "[Other]", "[", "[]", "[a]b", "X-Own=1", "\\"]),
    )
    return st.lists(line, max_size=12).map(lambda lines: "\n".join([f"[{section}]", *lines]) + "\n")


def unit_text(name: str) -> st.SearchStrategy[str]:
    """A unit of this name and perhaps some drop-ins, with keys of the sections that it may have."""
    own = SECTIONS.get(unit_type(name), ("",))[0]
    parts = [assignments(section, [key for known, key in TABLE if known == section])
             for section in ("Unit", "Install", own) if section]
    file = st.lists(st.one_of(parts), max_size=4).map("".join)
    return st.builds(
        lambda fragment, dropins: DROP_IN.join([GOOD_START.get(own, "") + fragment, *dropins]),
        file, st.lists(file, max_size=2),
    )


#: What a unit of each type must say to be one, so that what comes after it matters.
GOOD_START = {
    "Service": "[Service]\nExecStart=/bin/true\n",
    "Socket": "[Socket]\nListenStream=/run/s\n",
    "Timer": "[Timer]\nOnCalendar=daily\n",
    "Path": "[Path]\nPathExists=/a\n",
    "Mount": "[Mount]\nWhat=tmpfs\nWhere=/a/b\n",
    "Automount": "[Automount]\nWhere=/a/b\n",
    "Swap": "[Swap]\nWhat=/dev/sda1\n",
}

seeded = st.integers(0, 2**32).map(Inputs)
#: What stands for a grammar where any text will not do.
OF_GRAMMAR = {
    "calendar": seeded.map(Inputs.calendar),
    "span": seeded.map(Inputs.timespan),
    "timestamp": seeded.map(Inputs.timestamp),
    "condition": st.builds("{} {}".format, st.sampled_from(sorted(conditions.JUDGES)), text),
    "system.conf": assignments("Manager", sorted(KEYS)),
    "install": assignments("Install", ["WantedBy", "RequiredBy", "Alias", "Also", "DefaultInstance"]),
    "preset": st.lists(st.builds("{} {}".format, st.sampled_from(["enable", "disable", "ignore"]), text)).map("\n".join),
    "environment": st.lists(st.builds("{}={}".format, st.sampled_from(["A", "_b1", "1", "é", "export A"]), text)).map(
        "\n".join),
}
