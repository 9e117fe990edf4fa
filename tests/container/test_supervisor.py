"""Supervisor and pyinit side by side: the same configuration, with the same outcome; and its event listeners, unchanged."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness import Container, wait_until
from images import Image

#: Debian's supervisor, 4.2.5, with the library that event listeners import; under pyinit it is not started.
BOTH = Image(("supervisor", "procps"))
CONF = "/etc/sample.conf"
IMPORTS = f"/sbin/pyinit import --enable --from=supervisord {CONF} && exec /sbin/pyinit systemd.mask=supervisor.service"
#: `probe NAME WHAT…` tells what it was started as. WHAT: stay; end STATUS SECONDS [TIMES]: stay from the start behind TIMES.
PROBE = """\
#!/bin/sh
name=$1 what=$2 status=$3 seconds=$4 times=${5:-1000}
echo $$ $name >>/facts/order
{ id -un; id -gn; pwd; umask; echo "$GREETING/$PLACE"; shift; echo "$# $*"; } >/facts/$name.facts
echo >>/facts/$name.starts
for signal in TERM INT QUIT HUP USR1 USR2; do trap "echo $name $signal >>/facts/stops; exit 0" $signal; done
if [ $what = end ] && [ $(wc -l </facts/$name.starts) -le $times ]; then sleep $seconds; exit $status; fi
sleep 1000 & wait
"""
#: Included by supervisor's own sample.
PROGRAMS = """\
[program:first]
command=/usr/local/bin/probe first stay
priority=1
[program:last]
command=/usr/local/bin/probe last stay
priority=2000
stopsignal=INT
[program:context]
command=/usr/local/bin/probe context stay "a  b" 'c "d"' %%x
user=www-data
directory=/var/tmp
umask=027
environment=GREETING="hello, %(program_name)s",PLACE='here'
stopsignal=USR1
priority=10
[program:many]
command=/usr/local/bin/probe %(program_name)s-%(process_num)02d stay %(process_num)02d
process_name=%(program_name)s_%(process_num)02d
numprocs=3
numprocs_start=1
priority=20
[program:asleep]
command=/usr/local/bin/probe asleep stay
autostart=false
[program:expected]
command=/usr/local/bin/probe expected end 0 1.3
[program:listed]
command=/usr/local/bin/probe listed end 2 1.3
exitcodes=0,2
[program:unexpected]
command=/usr/local/bin/probe unexpected end 2 1.3 2
[program:never]
command=/usr/local/bin/probe never end 2 1.3
autorestart=false
[program:always]
command=/usr/local/bin/probe always end 0 1.3 2
autorestart=true
[program:hopeless]
command=/usr/local/bin/probe hopeless end 1 0
; on a busy machine an end is noticed late, and then it counts as one of a program that had been up
startsecs=5
startretries=2
[group:pair]
programs=left,right
priority=5
[program:left]
command=/usr/local/bin/probe left stay %(group_name)s
priority=1
[program:right]
command=/usr/local/bin/probe right stay
priority=2
"""
STARTS = {"first": 1, "last": 1, "context": 1, "many-01": 1, "many-02": 1, "many-03": 1, "expected": 1, "listed": 1,
          "unexpected": 3, "never": 1, "always": 3, "hopeless": 3, "left": 1, "right": 1}
#: The one option of the sample that is not taken as it is: cat ends where stdin is /dev/null, as of units.
SAMPLE_COMMAND = ("command=/bin/cat", "command=/bin/sleep 1234")


def sample(text: str) -> str:
    """What echo_supervisord_conf prints, with its program and its include taken out of their comments."""
    kept = []
    for part in re.split(r"(?m)^(?=;?\[)", text):
        is_wanted = part.startswith((";[program:", ";[include]"))
        kept.append(re.sub(r"(?m)^;(?=\S)", "", part) if is_wanted else part)
    found = "".join(kept).replace("relative/directory/*.ini", "*.ini").replace(*SAMPLE_COMMAND)
    assert "[program:theprogramname]\n" in found and "\nstopsignal=QUIT" in found and "\nfiles = *.ini" in found
    return found


class Side:
    """One of the two. `facts` is a directory of this machine that its programs write to."""

    def __init__(self, facts: Path, *command: str) -> None:
        facts.mkdir()
        facts.chmod(0o777)
        for name in ("order", "stops"):  # which programs of several users write to
            (facts / name).touch()
            (facts / name).chmod(0o666)
        self.facts = facts
        self.box = Container(BOTH, *command, options=(f"--volume={facts}:/facts",))

    def start(self, conf: str) -> None:
        self.box.put("/usr/local/bin/probe", PROBE, 0o755).put(CONF, conf).put("/etc/all.ini", PROGRAMS)
        self.box.start()

    def starts(self) -> dict[str, int]:
        return {path.stem: path.read_text().count("\n") for path in self.facts.glob("*.starts")}

    def running(self) -> list[str]:
        found = self.box.exec("pgrep", "--full", "--list-full", r"local/bin/probe|sleep 1234").stdout.splitlines()
        return sorted({line.partition("probe ")[2].split()[0] if "probe" in line else "sample" for line in found})

    def order(self, name: str) -> list[str]:
        """Each of them once, in the order in which they were started: that of their numbers."""
        lines = [line.split() for line in (self.facts / name).read_text().splitlines()]
        return list(dict.fromkeys(word for _, word in sorted((int(number), word) for number, word in lines)))


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    """Both, when they have come to rest, and then stopped: their outcomes."""
    directory = tmp_path_factory.mktemp("sides")
    prepare = "useradd chrism && mkdir /a && chmod 777 /a && "
    both = (Side(directory / "theirs", "/bin/sh", "-c", f"{prepare}exec /usr/bin/supervisord -n -c {CONF}"),
            Side(directory / "ours", "/bin/sh", "-c", prepare + IMPORTS))
    found = []
    try:
        maker = Container(BOTH, "/usr/bin/echo_supervisord_conf")
        try:
            assert maker.start().wait() == 0
            conf = sample(maker.logs())
        finally:
            maker.remove()
        for side in both:
            side.start(conf)
        for side in both:
            wait_until("all starts", lambda side=side: side.starts() == STARTS, 60, side.box.story)
            running = side.running()
            status = Path(f"/proc/{side.box.exec('pgrep', '--full', '^(/bin/)?sleep 1234').stdout.split()[0]}")
            found.append({"running": running, "sample": side.box.exec("sh", "-c", f"""
                cd {status}; readlink cwd; awk '/^(Uid|Gid|Umask)/' status
                runuser --user=chrism -- cat environ | tr '\\0' '\\n' | grep '^[AB]=' | sort""").stdout})
        for side, outcome in zip(both, found):
            side.box.stop(40)  # supervisord takes about a second for each
            outcome |= {"starts": side.starts(), "order": side.order("order"), "stops": (side.facts / "stops").read_text(),
                        "facts": {path.stem: path.read_text() for path in side.facts.glob("*.facts")}}
        yield found
    finally:
        for side in both:
            print(side.box.logs()[-6000:])
            side.box.remove()


@pytest.mark.parametrize("what", ["running", "starts", "order", "facts", "sample"])
def test_the_outcome_is_the_same(sides, what):
    theirs, ours = sides
    assert ours[what] == theirs[what]


def test_programs_are_stopped_by_their_signals_and_those_of_a_lower_priority_last(sides):
    theirs, ours = ([line.split() for line in side["stops"].splitlines()] for side in sides)
    assert sorted(ours) == sorted(theirs)
    for stops in (ours, theirs):
        names = [name for name, _ in stops]
        assert names[-1] == "first" and names[0] == "last"
        assert names.index("many-01") < names.index("context") < names.index("left") < names.index("first")


def test_what_ran_is_what_was_expected(sides):
    """So that it is no comparison of nothing with nothing."""
    theirs, _ = sides
    assert theirs["starts"] == STARTS and len(theirs["running"]) == 11
    assert theirs["facts"]["context"] == "www-data\nwww-data\n/var/tmp\n0027\nhello, context/here\n4 stay a  b c \"d\" %x\n"
    assert theirs["order"][:4] == ["first", "left", "right", "context"] and theirs["order"][-1] == "last"


# --- event listeners ------------------------------------------------------------------------------------------------------

#: As supervisor's documentation has it, and by the library of its own.
EAR = """\
#!/usr/bin/python3
import os, sys
from supervisor import childutils
print("as", os.getuid(), os.environ["SUPERVISOR_SERVER_URL"], file=sys.stderr, flush=True)
while True:
    headers, payload = childutils.listener.wait(sys.stdin, sys.stdout)
    print(headers["eventname"], payload, file=sys.stderr, flush=True)
    childutils.listener.ok(sys.stdout)
"""
BY_HAND = """\
#!/usr/bin/python3
import sys

def write_stdout(s):
    # only eventlistener protocol messages may be sent to stdout
    sys.stdout.write(s)
    sys.stdout.flush()

def write_stderr(s):
    sys.stderr.write(s)
    sys.stderr.flush()

def main():
    while 1:
        write_stdout('READY\\n')
        line = sys.stdin.readline()
        write_stderr(line)
        headers = dict([ x.split(':') for x in line.split() ])
        data = sys.stdin.read(int(headers['len']))
        if 'babbler' in data:
            write_stdout('good bye')
        write_stdout('RESULT 2\\nOK')

main()
"""
LISTENERS = """\
[supervisord]
nodaemon=true
identifier=box
[unix_http_server]
file=/var/run/supervisor.sock
[eventlistener:ear]
command=/usr/local/bin/ear
events=PROCESS_STATE,SUPERVISOR_STATE_CHANGE,TICK_5
user=nobody
[eventlistener:hand]
command=/usr/local/bin/hand
events=PROCESS_STATE_RUNNING
[program:web]
command=/bin/sleep 1000
[program:babbler]
command=/bin/sleep 1000
autostart=false
[group:web-and-more]
programs=web
"""


@pytest.fixture(scope="module")
def listening():
    container = Container(BOTH, "/bin/sh", "-c", IMPORTS)
    container.put("/usr/local/bin/ear", EAR, 0o755).put("/usr/local/bin/hand", BY_HAND, 0o755).put(CONF, LISTENERS)
    try:
        container.start().wait_until_booted()
        yield container
    finally:
        print(container.logs()[-6000:])
        container.remove()


def said_by(box: Container, unit: str) -> list[str]:
    return box.exec("journalctl", "--identifier", unit, "--output=cat", "--no-pager").stdout.splitlines()


def test_listeners_run_unchanged_and_hear_of_all_that_is_started_behind_them(listening):
    box = listening
    assert box.systemctl("is-system-running").strip() == "running"
    started = "processname:web groupname:web-and-more from_state:"

    def heard() -> list[str]:
        return [re.sub(r"pid:\d+", "pid:N", line) for line in said_by(box, "ear") if "processname:ear" not in line
                and "processname:hand" not in line and "TICK" not in line]

    expected = ["as 65534 unix:///var/run/supervisor.sock", f"PROCESS_STATE_STARTING {started}STOPPED tries:0",
                f"PROCESS_STATE_RUNNING {started}STARTING pid:N", "SUPERVISOR_STATE_CHANGE_RUNNING"]
    box.wait_until("it heard", lambda: heard()[:4] == expected)
    box.systemctl("daemon-reexec")
    box.systemctl("stop", "web")
    box.wait_until("it heard of the stop", lambda: heard()[4:] == [
        f"PROCESS_STATE_STOPPING {started}RUNNING pid:N", f"PROCESS_STATE_STOPPED {started}STOPPING pid:N"])
    box.wait_until("a tick", lambda: any(re.fullmatch(r"TICK_5 when:\d+[05]", line) for line in said_by(box, "ear")))
    (header,) = [line for line in said_by(box, "hand") if "len:77" in line or "poolserial:1 " in line][:1]
    assert re.fullmatch(r"ver:3\.0 server:box serial:\d+ pool:hand poolserial:\d+ eventname:PROCESS_STATE_RUNNING len:\d+",
                        header)


def test_a_listener_that_ends_is_started_again_as_the_unit_says(listening):
    box = listening
    pid = box.main_pid("ear")
    box.exec("pkill", "--signal=KILL", "--full", "^/usr/bin/python3 /usr/local/bin/ear")
    box.wait_until("another one", lambda: box.main_pid("ear") not in (0, pid))
    assert "code=killed, status=9/KILL" in box.exec("journalctl", "--unit=ear", "--no-pager").stdout


def test_a_listener_that_breaks_the_protocol_is_ended_and_told(listening):
    box = listening
    box.systemctl("start", "babbler")
    box.wait_until("what it said", lambda: "pyinit eventlistener: hand: it said b'good bye" in "\n".join(said_by(box, "hand")))
