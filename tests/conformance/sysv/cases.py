"""Init scripts and links that the sysv generator is asked about: what each grammar and rule of it comes to."""

from __future__ import annotations

from typing import NamedTuple

_SHELL = "#!/bin/sh\n"
_BEGIN, _END = "### BEGIN INIT INFO\n", "### END INIT INFO\n"


class Case(NamedTuple):
    """`links` are a runlevel and the name of a link to a script; `units` are there natively."""

    name: str
    scripts: dict[str, str]
    links: tuple[tuple[str, str], ...] = ()
    units: tuple[str, ...] = ()


def header(**fields: str) -> str:
    lines = (f"# {key.replace('_', '-')}: {value}\n" for key, value in fields.items())
    return _SHELL + _BEGIN + "".join(lines) + _END


def _many(letter: str, bodies: tuple[str, ...]) -> dict[str, str]:
    return {f"{letter}{number:02}": _SHELL + body + "\n" for number, body in enumerate(bodies)}


_USAGES = (
    "{start|reload|stop}", "start reload stop", "reload,stop", "start/reload", "(start|reload)", "[reload]", "reload",
    "'{start|reload}'", "{reload|force-reload}", "{start|'reload'}", "<reload>", "(reload)", "reload.", '\\"reload\\"',
    "{reload | stop}", "reload:x", "{start|\\t reload}", "RELOAD", "force|reload_x", "{RELOAD}", '|reload"', '{reload"',
    "|reload'", "|reload|", "{reload,", "{re\tload}", "{reload)", "{reload ", "|reload\\n",
)
_USAGE_LINES = (
    'echo "usage: $0 {start|reload}"', 'echo "Usage $0 {start|reload}"', "x=Usage:{reload}", "USAGE {reload}", "sage: {reload}",
    "{reload} Usage", "  # Usage: {reload}", "# Usage: {reload}", 'echo "Usage: $0" \\\n "{reload}"',
    'echo "usage: {start|\\\nreload}"', 'echo "Usage: {start|\\\n  reload}"', "cat <<EOF\nUsage: x\n  {reload}\nEOF",
    "Usage: x\\ \n{reload}", "Usage: x \\\n y \\\n{reload}", "Usage: a\\\n# {reload}", "# Usage: \\\n{reload}",
    f"Usage: a\\\n{_BEGIN}# Provides: q\n{_END}{{reload}}", f"{_BEGIN}Usage: {{reload}}\n# Provides: q\n{_END}",
    'echo "Usage: {start} \n echo "Usage: {reload}"', "# description: a\\\n echo Usage: {reload}",
)
_HEADERS = {
    "crlf": f"{_SHELL}{_BEGIN}# Required-Start: b c\n{_END}".replace("\n", "\r\n"),
    "tab": f"{_BEGIN}#\tRequired-Start:\tb\tc\n{_END}",
    "late": "x\n" * 50 + f"{_BEGIN}# Required-Start: b\n{_END}",
    "twice": f"{_BEGIN}# Required-Start: b\n{_END}{_BEGIN}# Required-Start: c\n{_END}",
    "noend": f"{_BEGIN}# Required-Start: b\n",
    "noncomment": f"{_BEGIN}echo\n\n# Required-Start: b\n{_END}# Required-Start: e\n",
    "quoted": f"{_BEGIN}# Required-Start: \"b c\" 'd e' f\\ g h,i +j $network,k\n{_END}",
    "unclosed": f'{_BEGIN}# Required-Start: "b c\n# Should-Start: d\n{_END}',
    "percent": f'{_BEGIN}# Short-Description: 100%h of %n \\ "x"\n{_END}',
    "continued": f"{_BEGIN}# Required-Start: b\n#   c d\n# Should-Start: e \\\n# f\n{_END}",
    "indented": f"  {_BEGIN}# Required-Start: b\n{_END}",
    "begin-more": f"### BEGIN INIT INFO extra\n# Required-Start: b\n{_END}",
    "begin-less": f"###BEGIN INIT INFO\n# Required-Start: b\n{_END}",
    "begin-lower": f"### begin init info\n# Required-Start: b\n{_END}",
    "begin-space": "### BEGIN INIT INFO   \n# Required-Start: b\n### END INIT INFO  \n# Required-Start: z\n",
    "keys": f"{_BEGIN}## Required-Start: b\n# Required-Start b\n#Required-Start : c\n# Required-Start:d\n"
            f"# REQUIRED-start: e\n{_END}",
    "long": f"{_BEGIN}# Description: x\n#   y\n#\tz\n#w\n# v\n{_END}",
    "long-later": f"{_BEGIN}# Description:   \n#    deep text  \n#     more\n{_END}",
    "long-ends": f"{_BEGIN}# Description: x\n# Required-Start: b\n#  more\n{_END}",
    "short": f"{_BEGIN}# Short-Description: s\n# Short-Description: t\\\n#  v\n# Description: u\n{_END}",
    "itself": f"{_BEGIN}# Required-Start: itself b b\n# Should-Start: b\n# X-Start-Before: b $network\n{_END}",
    "unknown": f"{_BEGIN}# Default-Start:  2 3\n# Start-Before: b\n# X-Interactive: true\n# Required-Stop: g\n{_END}",
    "pid": f"# pidfile: /run/a b.pid  \n{_BEGIN}{_END}",
    "pid-relative": "# pidfile: run/a\n", "pid-tight": "#pidfile:/run/x\n", "pid-percent": "# PidFile: /run/%x\n",
    "pid-inside": f"{_BEGIN}# pidfile: /run/x\n{_END}",
    "chk": "# chkconfig: 2345 20 30\n# processname: foo\n# description: foo \\\n#  bar \\\n#baz\n# more\n",
    "chk-code": "#Description: Foo\\\nx\n", "chk-twice": "# description: one\n# description: two\n",
    "chk-empty": "# description:\n", "chk-space": "#   description:  y  z \n", "chk-hash": "## description: x\n",
    "chk-long": f"{_BEGIN}# Description: long\n{_END}# description: chk\n",
    "chk-short": f"{_BEGIN}# Short-Description: s\n{_END}# description: chk\n",
    "chk-header": f"# description: chk\n{_BEGIN}{_END}",
    "long-line": "#" + "x" * 5000 + f"\n{_BEGIN}# Required-Start: b\n{_END}",
    "empty": "",
}
_UMLAUT = "\N{LATIN SMALL LETTER U WITH DIAERESIS}"
_FACILITIES = (
    "network", "named", "time", "remote_fs", "portmap", "syslog", "local_fs", "all", "mail", "null", "$network", "$named",
    "$time", "$remote_fs", "$portmap", "$syslog", "$local_fs", "$all", "$mail", "$x-display-manager",
    "$mail-transport-agent", "$httpd", "$boot", "boot", "$foo.service", "$network.target", "foo.target", "a.socket",
    "b.wants", "/dev/x", "/b", "a/c", "/etc/../a b", "x.", "..", "-", "$", "$$", "$a/b", "a@", _UMLAUT, "x%y",
    "remote-fs", "network.sh", "$named.sh",
)  # fmt: skip
_PLAIN = header()

CASES = (
    Case("no header", {"a": _SHELL}, (("2", "S01a"),)),
    Case("runlevels", {"a": _PLAIN},
         (("2", "S20a"), ("3", "S30a"), ("4", "K30a"), ("5", "S05a"), ("0", "K10a"), ("S", "S10a"), ("1", "S01a"),
          ("6", "S01a"))),
    Case("numbers", {"a": _PLAIN, "b": _PLAIN, "c": _SHELL}, (("2", "S20a"), ("2", "S30b"), ("2", "S25c"))),
    Case("numbers of several runlevels", dict.fromkeys("abc", _SHELL), (
        ("2", "S20a"), ("3", "S30a"), ("2", "S25b"), ("4", "S10c"), ("5", "S99c"))),
    Case("equal numbers", dict.fromkeys("abc", _SHELL), (("2", "S20a"), ("2", "S20b"), ("0", "K20c"))),
    Case("numbers of rcS", {"a": _SHELL, "b": _PLAIN, "c": _SHELL}, (
        ("2", "S50a"), ("2", "S10b"), ("2", "S30c"), ("S", "S01c"), ("1", "S05c"))),
    Case("odd links", {"a.sh": _SHELL, "b": _SHELL},
         (("2", "S01a"), ("3", "S02a.sh"), ("2", "S+1b"), ("3", "S 1b"), ("4", "Sa1b"), ("5", "s05b"), ("2", "S1b"),
          ("2", "S003b"))),
    Case("links to nothing", {"a": _SHELL}, (("2", "S01zz"),)),
    Case("provides", {"a": header(Provides="a x y $named $network $mail foo.service zz.target b bar@x w.sh")},
         (("2", "S01a"),)),
    Case("requires", {"a": header(
        Required_Start="$network $remote_fs $syslog $named $time $portmap $all $local_fs b $unknown c.sh boot x.service",
        Should_Start="d", X_Start_Before="e $mail-transport-agent $network", X_Start_After="f $time", Required_Stop="g")}),
    Case("shell suffix", {"a.sh": header(Provides="b a"), "c": header(Required_Start="b a.sh"), "d.sh.sh": _PLAIN},
         (("2", "S01a.sh"),)),
    Case("names", dict.fromkeys(("i j", "k@x", "l@", "p:", "q.service", _UMLAUT, "p%x", "d$x", 'q"x', "s;x", "README"), _SHELL),
         (("2", "S01i j"), ("3", "S01p%x"))),
    Case("backups", dict.fromkeys(
        ("a~", ".b", "c.dpkg-old", "d.rpmsave", "e.swp", "f.bak", "g.orig", "h.dpkg-new", "i.ucf-dist"), _SHELL)),
    Case("native units", {"a": header(Provides="aa"), "b": header(Required_Start="a aa"), "c.sh": _SHELL, "d": _SHELL},
         (("2", "S01a"), ("2", "S01d")), ("a.service", "c.service", "d.socket")),
    Case("native unit of an alias", {"a": header(Provides="aa")}, (), ("aa.service",)),
    Case("native template", {"a@x": _SHELL, "b@": _SHELL}, (), ("a@.service",)),
    Case("alias of another script", {"a": header(Provides="b"), "b": _PLAIN}),
    Case("usage words", _many("u", tuple(f'echo "Usage: $0 {usage}"' for usage in _USAGES))),
    Case("usage lines", _many("v", _USAGE_LINES)),
    Case("headers", _HEADERS),
    Case("required facilities", _many("r", tuple(f"{_BEGIN}# Required-Start: {word}\n{_END}" for word in _FACILITIES))),
    Case("provided facilities", _many("p", tuple(f"{_BEGIN}# Provides: {word}\n{_END}" for word in _FACILITIES))),
)
