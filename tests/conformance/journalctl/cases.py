"""What the real journalctl is asked, and the journal it is asked about.

The journal is a real journald's: services, syslog and native messages that `FILL` makes. The recorder leaves out what
is the machine's own, spreads the entries over three boots, and has systemd-journal-remote(8) make a journal of it.
"""

from __future__ import annotations

#: Boot ids, oldest first.
BOOTS = ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb2", "ccccccccccccccccccccccccccccccc3")
HOST = "oracle"
#: The first entry's time: Fri 2026-03-27 10:00:00 UTC; a boot begins every two days, daylight saving time between them.
BEGIN_USEC = 1774605600_000000
BOOT_EVERY_USEC = 2 * 86400_000000

UNITS = {
    "hello.service": "[Service]\nType=oneshot\n"
                     "ExecStart=sh -c 'echo one; echo two; echo \"<3>three is bad\"; echo \"<7>four\"'\n",
    "fail.service": "[Unit]\nDescription=Fails Always\n[Service]\nType=oneshot\nExecStart=sh -c 'echo failing >&2; exit 3'\n",
    "inst@.service": "[Service]\nType=oneshot\nSyslogIdentifier=given\nExecStart=sh -c 'echo I am %i'\n",
    "long.service": "[Service]\nExecStart=sh -c 'echo begin; exec sleep 1000'\n",
}
FILL = r"""
import os, socket, subprocess, time
for name in ("hello", "fail", "inst@a", "inst@b", "long"):
    subprocess.run(["systemctl", "start", name + ".service"], capture_output=True)
subprocess.run(["systemctl", "kill", "-s", "KILL", "long.service"])
for words in (["-p", "daemon.err", "-t", "tag", "an error"], ["-p", "local0.debug", "-t", "tag", "--id=77", "a debug"],
              ["-p", "auth.emerg", "-t", "login", "all is lost"], ["-p", "user.notice", "-t", "Tag", "NOTICE me"],
              ["-p", "mail.warning", "-t", "mail", "warn\ttab"], ["-p", "cron.crit", "-t", "CRON", "critical"]):
    subprocess.run(["logger", *words])
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
def send(*fields):
    data = b""
    for name, value in fields:
        data += name + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
    sock.sendto(data, "/run/systemd/journal/socket")
    time.sleep(0.02)
send((b"MESSAGE", b"first line\nsecond line\n\n  fourth"), (b"PRIORITY", b"4"), (b"SYSLOG_IDENTIFIER", b"multi"))
send((b"MESSAGE", b"bytes \xff\xfe here"), (b"PRIORITY", b"6"), (b"SYSLOG_IDENTIFIER", b"bin"), (b"BLOB", b"\x00\x01\xff"))
send((b"MESSAGE", b"\x1b[31mred\x1b[0m text"), (b"SYSLOG_IDENTIFIER", b"ansi"), (b"PRIORITY", b"3"))
send((b"MESSAGE", b"bell \x07 rings"), (b"SYSLOG_IDENTIFIER", b"ctrl"))
send((b"MESSAGE", b"long " + 5000 * b"x"), (b"SYSLOG_IDENTIFIER", b"large"), (b"PRIORITY", b"5"))
send((b"MESSAGE", b"two of a kind"), (b"KIND", b"one"), (b"KIND", b"two"), (b"SYSLOG_IDENTIFIER", b"kinds"))
send((b"MESSAGE", b"no identifier"), (b"PRIORITY", b"6"), (b"EMPTY", b""))
send((b"NOTHING", b"no message"), (b"SYSLOG_IDENTIFIER", b"silent"))
send((b"MESSAGE", b""), (b"SYSLOG_IDENTIFIER", b"empty"), (b"PRIORITY", b"6"))
send((b"MESSAGE", b"trailing space  \n"), (b"SYSLOG_IDENTIFIER", b"trail"), (b"SYSLOG_PID", b"4242"))
send((b"MESSAGE", "gr\u00fc\u00dfe \u20ac \U0001f600".encode()), (b"SYSLOG_IDENTIFIER", b"utf8"), (b"PRIORITY", b"6"))
send((b"MESSAGE", b"dumped core"), (b"MESSAGE_ID", b"fc2e22bc6ee647b6b90729ab34a250b1"), (b"COREDUMP_UNIT", b"hello.service"),
     (b"SYSLOG_IDENTIFIER", b"dump"), (b"PRIORITY", b"2"))
send((b"MESSAGE", b"about an object"), (b"OBJECT_PID", b"1"), (b"SYSLOG_IDENTIFIER", b"object"))
send((b"MESSAGE", b"spoof"), (b"UNIT", b"hello.service"), (b"SYSLOG_IDENTIFIER", b"spoof"))
send((b"MESSAGE", b"of a user"), (b"USER_UNIT", b"app.service"), (b"SYSLOG_IDENTIFIER", b"user"))
send((b"MESSAGE", b'quote " back \\ slash / <tag>'), (b"SYSLOG_IDENTIFIER", b"json"), (b"CODE_FILE", b"a.c"),
     (b"CODE_LINE", b"7"))
send((b"MESSAGE", b"\n leading"), (b"SYSLOG_IDENTIFIER", b"lead"), (b"PRIORITY", b"9"))
for number in range(12):
    subprocess.run(["systemd-cat", "-t", "counter", "-p", "info", "echo", f"count {number}"])
subprocess.run(["journalctl", "--sync"])
"""

_PLAIN = r"""
-n 5
-n 3 -q
-n all -q -t counter
-n 0
-n3 -r
-r -n 2 -u hello
-u hello
-u hello.service -u fail
-u inst@*
-u 'inst@*' -n 2
-u hello -o cat
-u system.slice -n 5
-u nothere
-u 'nothere*'
-u hello -t sh
-t tag
-t tag -t mail -p err
--identifier=Tag
-t tag -r
-p err
-p 3 -q
-p notice..crit
-p 4..4
-p emerg
-p warning -n 3
--facility=auth
--facility=daemon,local0
--facility=17 -q
-b
-b -1 -n 3
-b 1 -n 2
-b 2 -q -n 2
-b -0 -n 1
-b 9
-b -9
-b bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb2 -n 2
-b bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb2-1 -n 2
-b bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb2+1 -n 2
-b bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb9
-b all -n 1
-b zz
--boot=-1 -u hello
--list-boots
--list-boots -q
-q -o short
-q -a -o short
-q -o short-iso -n 4
-q -o short-iso-precise -n 4
-q -o short-precise -n 4
-q -o short-monotonic
-q -o short-delta -n 40
-q -o short-full -n 4
-q -o short-unix -n 4
-q -o with-unit
-q -o verbose
-q -a -o verbose
-q -o export
-q -o json
-q -a -o json -t large
-q -o json-pretty -t kinds
-q -o json-sse -t kinds -t json
-q -o json-seq -t kinds -t json
-q -o cat
-q -a -o cat
-o cat -n 3 --output-fields=PRIORITY,MESSAGE
-o verbose -t kinds --output-fields=KIND
-o export -t kinds --output-fields=KIND,MESSAGE
-o json -t kinds --output-fields=KIND,PRIORITY
-o json-pretty -n 3 --output-fields=MESSAGE
-o bogus
-o help
--utc -n 3
--utc -n 2 -o short-full
--utc -n 2 -o verbose -t tag --output-fields=MESSAGE
--no-hostname -n 3
--no-hostname -n 2 -o short-iso
--since '2026-03-31 10:00:00 UTC' -t counter
--since '2026-03-28' --until '2026-03-30' -n 3
--until '2026-03-28' -q -n 2
-S '2026-03-29 12:00' -U '2026-03-29 12:01'
-S @1774605600 -U @1774605601 -o short-unix
--since bogus
--since 2026-04-01 --until 2026-03-01
-g count -q
-g 'COUNT 1' -q
-g 'Count' -q
-g Count --case-sensitive=no -q
-g count --case-sensitive -q -n 2
-g count -n 2
-g 'second' -q
-g '(' -q
-g 'nothing like it'
-F PRIORITY
-F _SYSTEMD_UNIT
-F KIND
-F NOTHERE
-F kind
-F KIND KIND=one
-N
SYSLOG_IDENTIFIER=tag
SYSLOG_IDENTIFIER=tag SYSLOG_IDENTIFIER=mail PRIORITY=4
SYSLOG_IDENTIFIER=tag + PRIORITY=0
SYSLOG_IDENTIFIER=tag + PRIORITY=0 -p crit
KIND=two -o cat
KIND=one KIND=two -o cat
EMPTY=
bogus
lower=x
=x
+
/bin/nothere
/usr/bin/bash -n 1
KIND=nothere
KIND=nothere -q
-t nothere -o json
--show-cursor -n 1 -o cat
--show-cursor -t nothere
--cursor bogus
--after-cursor bogus
-n x
-n -1
-p bogus
-p 9
-p 3..
--facility=bogus
--facility=help
--bogus
-u hello --no-pager --no-full -n 2
-q -u hello -o cat -r
--no-tail -n 2 -q
-k -n 2
--user-unit app
--user-unit app -q -o cat
-x -u fail -n 2 -o cat
-e -n 2
-l -n 1
--vacuum-size=bogus
--vacuum-time=bogus
--vacuum-files=bogus
-f -r
-r --lines=2 --output=cat
--cursor-file=/nothere/x -n 1
-b -o short-monotonic -n 2
-b aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1+9
--since 2026-03-31 --reverse -n 3
--since 2026-03-27 -n 3
--until '2026-03-29 23:00' --reverse -n 3
-b 1 -r -n 3
-b 1 --since 2026-03-28
-m -n 1
--system -n 1
--directory=/nothere
--file=/nothere/*.journal
-c x --after-cursor y
-S 2026-03-28 -c x
-q -a -t ansi -t mail -t ctrl -t lead -t trail
-t nothere -n 3
-t nothere -f -n x
-u
-u ''
-u 'a b'
-u /dev/null -n 1
-p 7..6 -n 1
-p emerg..bogus
--case-sensitive=bogus -g x
-F MESSAGE_ID
-F
-t tag -o verbose
-t tag -n 1 --show-cursor
-q -t lead -o cat
-q -t empty -o verbose
-q -t silent -o verbose
-q -t silent
-q -t silent -o cat
-o cat -t kinds --output-fields=KIND
-o cat -t kinds --output-fields=NOTHERE
-o json -t silent -t empty
-n 99999999999 -t tag
-n 4294967296 -t tag
-n 0 -r
-n 0 -q
-n 0 --show-cursor
--until @1 -n 2
-b -o export -n 1
-S -1x
-S tomorrow -q
--vacuum-size=0 --list-boots
--list-boots -n 1
--list-boots -b
--list-boots -r

--utc --list-boots
--until 2026-03-29 --list-boots
-N SYSLOG_IDENTIFIER=tag
--lines -t counter
--lines=2 -t counter
--lines 2 -t counter
-n -t counter
-n all
-fn x
-b-1 -n 1
-b2 -n 1
-b -b all -n 1
--boot 1 -n 1
--since=-1d --until=now
-g '' -n 1
-g x -n 1 --no-tail -q
-q -g '^count \d$' -o cat
-q -g 'GRÜ' -o cat
-q -g 'grü' -o cat
-t tag PRIORITY=7 + SYSLOG_IDENTIFIER=mail
PRIORITY=7 + -t tag
+ PRIORITY=7
PRIORITY=7 +
PRIORITY=7 + + PRIORITY=6
/etc/passwd
/dev/null -n 1
BAD-FIELD=1
_PID=1 -n 1
__REALTIME_TIMESTAMP=1
0A=1
--output-fields=1A -o json -n 1
--output-fields=a,b -o json -n 1
--facility= -n 1
--facility=1,2,bogus
--facility=99
--output -n 1
--identifier
--since '2026-03-29 10:00:05' -n 2 -o short-iso -u hello
--until '2026-03-29 10:00:05' -r -n 2 -o short-iso -u hello
-U '2026-03-29 10:00:05' -n 2 -u hello
-D /opt/empty
-D /opt/empty -q
-D /opt/empty -o json
-D /opt/empty -n 3 --show-cursor
-D /opt/empty --list-boots
-D /opt/empty -F MESSAGE
-D /opt/empty -N
-D /opt/empty -u x*
-D /opt/empty -b
-D /opt/empty -b -1
-D /opt/empty -g x
--vacuum-time=100y
--vacuum-files=9
-D /opt/empty --vacuum-size=1
--cursor=s=1;i=2 -n 1
--priority=1..2 --priority=err -n 1
-t tag -o verbose --output-fields=MESSAGE,PRIORITY --utc
"""
#: Each asked with `--directory` of the journal in front.
COMMANDS = [line for line in _PLAIN.split("\n") if line]
_COLOURS = {"SYSTEMD_COLORS": "1"}
#: Asked with other environments.
ELSEWHERE: tuple[tuple[dict[str, str], str], ...] = (
    ({"TZ": "Europe/Berlin"}, "-q -n 3"), ({"TZ": "Europe/Berlin"}, "-q -n 3 -o short-iso"),
    ({"TZ": "America/New_York"}, "-q -n 3 -o short-full"), ({"TZ": "Europe/Berlin"}, "-n 3 -S '2026-03-29 12:00'"),
    ({"TZ": "Europe/Berlin"}, "--list-boots"),
    (_COLOURS, "-q -b -2 -n 3"), (_COLOURS, "-q -b -1"), (_COLOURS, "-b -t ansi -t multi -t ctrl -t large -t counter"),
    (_COLOURS, "-t ansi -a"), (_COLOURS, "-p err -o with-unit"), (_COLOURS, "-n 3 -o short-monotonic"),
    (_COLOURS, "-g second -q"), (_COLOURS, "-g err -q"), (_COLOURS, "-t tag -o verbose"), (_COLOURS, "-t kinds -o json"),
    (_COLOURS, "--list-boots"), (_COLOURS, "-t tag -o cat"), (_COLOURS, "-p err"), (_COLOURS, "-q -p err -o cat -g error"),
    (_COLOURS, "-g count -n 2"), (_COLOURS, "-t empty -t lead"), (_COLOURS, "-t multi -o cat"),
    (_COLOURS, "-t kinds -t bin -o json-pretty"), (_COLOURS, "-t kinds -o verbose"),
    ({"COLUMNS": "60"}, "-q --no-full -b"), ({"COLUMNS": "60"}, "-q --no-full -o verbose -t large -t multi"),
    ({"COLUMNS": "60"}, "-q --no-full -o with-unit -n 3"),
)
