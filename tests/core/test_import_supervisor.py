"""supervisord.conf → units: option by option, and that systemd's own rules take what is written."""

from __future__ import annotations

import shlex

import pytest

from initd.core.importing import shellwords
from initd.core.importing.made import BadImport, Imported
from initd.core.importing.supervisor import CARRIED, OTHERS, SUPERVISORD, Facts, convert, include_patterns
from initd.core.importing.supervisor_file import read
from initd.core.importing.supervisor_program import FCGI_OPTIONS, LISTENER_OPTIONS, PROGRAM_OPTIONS
from initd.core.load import load_unit
from initd.core.sources import LoadFacts, UnitFiles, UnitText
from initd.core.states import LoadState
from initd.core.syntax import parse

CONF = "/etc/s.conf"
HEAD = "[supervisord]\n"


def convert_text(text: str, **environ: str) -> Imported:
    sections = {}
    read(text, CONF, sections)
    return convert(sections, CONF, Facts(environ, "box"))


def load(name: str, text: str):
    instance = name.replace("@.", "@7.")
    return load_unit(UnitFiles(instance, (instance,), UnitText(f"/etc/systemd/system/{name}", text)), LoadFacts())


def units(text: str, **environ: str) -> dict[str, dict[str, str]]:
    """Unit → its settings; those that repeat as lines. Each of them loads without a complaint."""
    found = {}
    for unit in convert_text(text, **environ).units:
        definition = load(unit.name, unit.text)
        assert definition.load_state is LoadState.LOADED, (unit.text, definition.load_error)
        assert list(definition.diagnostics) == [], unit.text
        settings: dict[str, str] = {}
        for item in parse(unit.text, unit.name).assignments:
            settings[item.key] = f"{settings[item.key]}\n{item.value}" if item.key in settings else item.value
        found[unit.name] = settings
    return found


def program(options: str, command: str = "/bin/x", head: str = "", **environ: str) -> dict[str, str]:
    return units(f"{HEAD}{head}[program:x]\ncommand={command}\n{options}\n", **environ)["x.service"]


def remarks(text: str, **environ: str) -> list[str]:
    return [str(remark) for remark in convert_text(text, **environ).remarks]


PLAIN = {
    "Description": "x", "StartLimitIntervalSec": "9", "StartLimitBurst": "4", "ExecStart": "/bin/x", "Restart": "always",
    "RestartSec": "1", "RestartPreventExitStatus": "0", "TimeoutStopSec": "10", "KillMode": "mixed",
    "StandardOutput": "journal", "StandardError": "journal", "WantedBy": "multi-user.target",
}


def test_a_program_that_says_nothing_has_supervisors_defaults():
    assert program("") == PLAIN
    assert remarks(HEAD + "[program:x]\ncommand=/bin/x\n") == []


@pytest.mark.parametrize("options, changed", [
    ("autostart=false", {"WantedBy": None}),
    ("autorestart=true", {"RestartPreventExitStatus": None}),
    ("autorestart=false", dict.fromkeys(
        ("Restart", "RestartSec", "RestartPreventExitStatus", "StartLimitIntervalSec", "StartLimitBurst"))),
    ("exitcodes=0,2", {"RestartPreventExitStatus": "0 2", "SuccessExitStatus": "2"}),
    ("exitcodes=", {"RestartPreventExitStatus": None}),
    ("startsecs=10", {"StartLimitIntervalSec": "45"}),
    ("startsecs=0", {"StartLimitIntervalSec": "0", "StartLimitBurst": None}),
    ("startretries=0", {"StartLimitIntervalSec": "3", "StartLimitBurst": "1"}),
    ("stopsignal=INT", {"KillSignal": "SIGINT"}),
    ("stopsignal=sigterm", {}),
    ("stopsignal=3", {"KillSignal": "SIGQUIT", "SuccessExitStatus": "SIGQUIT"}),
    ("stopwaitsecs=60", {"TimeoutStopSec": "60"}),
    ("stopwaitsecs=0", {"TimeoutStopSec": "1ms"}),  # 0 would be for ever
    ("stopasgroup=true", {"KillMode": None}),
    ("killasgroup=true", {}),
    ("user=www-data", {"User": "www-data"}),
    ("user=33", {"User": "33"}),
    ("directory=/srv/50%%", {"WorkingDirectory": "/srv/50%%"}),
    ("umask=027", {"UMask": "0027"}),
    ("priority=5", {}),
    ("redirect_stderr=true", {"StandardError": "inherit"}),
    ("stdout_logfile=/var/log/x", {"StandardOutput": "append:/var/log/x"}),
    ("stderr_logfile=/var/log/%(program_name)s.err", {"StandardError": "append:/var/log/x.err"}),
    ("stdout_logfile=~/x", {"StandardOutput": "append:%h/x"}),
    ("stdout_logfile=NONE\nstderr_logfile=off", {"StandardOutput": "null", "StandardError": "null"}),
    ("stdout_logfile=AUTO", {}),
    ("stdout_logfile=syslog\nstderr_syslog=true", {}),
    ("stdout_logfile=NONE\nstdout_syslog=true", {}),
    ("stdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0\nstderr_logfile=/dev/fd/1", {}),
    ('environment=A="1",B=two', {"Environment": "A=1\nB=two"}),
    ("environment=A='x, y',\n  B=\"50%%\"", {"Environment": '"A=x, y"\nB=50%%'}),
    ('environment=A="back\\slash"', {"Environment": '"A=back\\\\slash"'}),
    ('environment=A="$HOME"', {"Environment": "A=$HOME"}),
    ('environment=HOME="%(ENV_HOME)s",A="%(here)s"', {"PassEnvironment": "HOME", "Environment": "A=/etc"}),
    ('environment=P="%(ENV_SET)s/x"', {"Environment": "P=now/x"}),
    ("numprocs=1\nnumprocs_start=4\nstdout_logfile=/l/%(process_num)02d", {"StandardOutput": "append:/l/04"}),
    ("stdout_events_enabled=false\nstdout_capture_maxbytes=0\nserverurl=AUTO", {}),
])
def test_options(options, changed):
    expected = {key: value for key, value in (PLAIN | changed).items() if value is not None}
    assert program(options, SET="now") == expected


@pytest.mark.parametrize("command, line", [
    ("cat", "cat"),
    ("/bin/sh -c 'a; b'", '/bin/sh -c "a; b"'),
    ('nginx -g "daemon off;"', 'nginx -g "daemon off;"'),
    ("/x ';' {} \\;", '/x ";" {} ";"'),
    ("/x a\\ b 'c\"d' ''", '/x "a b" "c\\"d" ""'),
    ("/x $HOME ${A} 100%% %%h", "/x $$HOME $${A} 100%% %%h"),
    ("/x \\\\n", '/x "\\\\n"'),
    ("/x @a -b", "/x @a -b"),
    ("/x %(program_name)s-%(process_num)03d %(group_name)s %(numprocs)d", "/x x-000 x 1"),
    ("/x --host=%(host_node_name)s %(here)s/y", "/x --host=%H /etc/y"),
    ("/x %(ENV_A)s '%(ENV_A)s' --a=%(ENV_A)s", "/x $A ${A} --a=${A}"),
    ("%(ENV_SET)s/bin/x %(ENV_OWN)s", "/opt/bin/x 1$$"),
    ("bin/x y", "/srv/bin/x y"),
])
def test_commands(command, line):
    found = program('directory=/srv\nenvironment=OWN="1$"', command, SET="/opt")
    assert found["ExecStart"] == line
    assert found.get("PassEnvironment") == ("A" if "ENV_A" in command else None)


@pytest.mark.parametrize("text", [
    "", "a  b\tc\nd", "'a b'c\"d e\"", r'"a\"b\\c\d" \x \" \'', "'it''s'", '""', "a '' b", r"'\'", "é 'ü x'", "a#b",
])
def test_words_are_those_of_pythons_shlex(text):
    assert shellwords.split(text) == shlex.split(text)


@pytest.mark.parametrize("text", ["'a", 'a "b', '"a\\"', "a\\", "a'b c"])
def test_quotes_that_do_not_close_are_an_error_as_in_pythons_shlex(text):
    for split in (shlex.split, shellwords.split):
        with pytest.raises(ValueError, match="No (closing quotation|escaped character)"):
            split(text)


@pytest.mark.parametrize("head, changed", [
    ("minfds=1024", {}),
    ("minfds=65536", {"LimitNOFILE": "65536:524288"}),
    ("minfds=1000000", {"LimitNOFILE": "1000000:1000000"}),
    ("umask=002", {"UMask": "0002"}),
    ("user=root", {}),
    ("user=app", {"User": "app"}),
    ("directory=/srv", {"WorkingDirectory": "/srv"}),
    ("directory=/srv\nnodaemon=true", {}),  # supervisord does not change into it then
    ('environment=K="v",T="%(ENV_T)s"', {"PassEnvironment": "T", "Environment": "K=v"}),
])
def test_what_supervisord_is_told_goes_for_its_programs(head, changed):
    assert program("", head=head + "\n") == PLAIN | changed


def test_a_programs_own_environment_umask_and_user_win():
    found = program('user=b\numask=077\nenvironment=K="2",L="%(ENV_G)s"', "/x %(ENV_K)s %(ENV_G)s",
                    head='user=a\numask=002\nenvironment=K="1",G="g"\n')
    assert (found["User"], found["UMask"]) == ("b", "0077")
    assert found["Environment"].split("\n") == ["K=2", "G=g", "L=g"]
    assert found["ExecStart"] == "/x 2 g"


REMARKED = {
    "serverurl": ("serverurl=http://x:1", "no server answers there"),
    "process_name": ("process_name=other", "the unit is called after the program, x.service"),
    "autorestart": ("autorestart=false", "a start that fails within startsecs is not tried again"),
    "startretries": ("startretries=5", "supervisor waits a second more before each retry"),
    "killasgroup": ("killasgroup=false", "nothing outlives its unit"),
    "environment": ('environment=A-B="1"', "no variable with the name 'A-B'"),
    "directory": ("directory=%(ENV_SET)s", "holds the value that SET has now"),
    "command": ('environment=PATH="/opt"\ncommand=cat', "where systemd looks"),
    "stdout_logfile": ("stdout_logfile=rel.log", "not absolute"),
    "stderr_logfile": ("stderr_logfile=/dev/stderr", "the container's stdout"),
    "stdout_logfile_maxbytes": ("stdout_logfile=/l\nstdout_logfile_maxbytes=1MB", "have logrotate do it"),
    "stdout_logfile_backups": ("stdout_logfile_backups=2", "limits of its own"),
    "stdout_syslog": ("stdout_logfile=/l\nstdout_logfile_maxbytes=0\nstdout_syslog=true", "not to the journal"),
    "stdout_capture_maxbytes": ("stdout_capture_maxbytes=1KB", "no PROCESS_COMMUNICATION events"),
    "stderr_events_enabled": ("stderr_events_enabled=true", "no PROCESS_LOG events"),
    "stderr_logfile_backups": ("redirect_stderr=true\nstderr_logfile_backups=1", "of no effect"),
    "nonsense": ("nonsense=1", "supervisor has no such option"),
}


@pytest.mark.parametrize("option", REMARKED)
def test_what_is_not_carried_over_is_told_with_file_and_line_and_in_the_unit(option):
    options, reason = REMARKED[option]
    text = f"{HEAD}[program:x]\ncommand=/bin/x\n{options}\n"
    line = max((number for number, each in enumerate(text.split("\n"), 1) if each.startswith(option + "=")))
    found = convert_text(text, SET="/srv")
    (told,) = [str(remark) for remark in found.remarks if remark.option == f"[program:x] {option}"]
    assert told.startswith(f"{CONF}:{line}: [program:x] {option}: ") and reason in told
    assert f"#   {told}\n" in found.units[0].text


def test_every_option_of_supervisord_is_carried_over_or_told():
    """As the sample has them that supervisor 4.3.0 prints (echo_supervisord_conf)."""
    assert set(SUPERVISORD) | set(CARRIED) == {
        "logfile", "logfile_maxbytes", "logfile_backups", "loglevel", "pidfile", "nodaemon", "silent", "minfds", "minprocs",
        "umask", "user", "identifier", "directory", "nocleanup", "childlogdir", "environment", "strip_ansi"}
    text = HEAD + "".join(f"{name}={'true' if name in ('nodaemon', 'silent') else '1'}\n" for name in SUPERVISORD)
    told = remarks(text + "[program:x]\ncommand=/x\n")
    assert told == [f"{CONF}:{line}: [supervisord] {name}: {SUPERVISORD[name]}" for line, name in enumerate(SUPERVISORD, 2)]


@pytest.mark.parametrize("kind", OTHERS)
def test_other_sections_are_told_with_their_options(kind):
    known, reason = OTHERS[kind]
    text = f"{HEAD}[{kind}]\n" + "".join(f"{name}=1\n" for name in known)
    assert remarks(text) == [f"{CONF}:2: [{kind}] {', '.join(known)}: {reason}"]


#: What the sample's sections for programs and event listeners set, in supervisor 4.3.0.
SAMPLE = """\
command=/bin/cat|process_name=%(program_name)s|numprocs=1|directory=/tmp|umask=022|priority=999|autostart=true|startsecs=1
startretries=3|autorestart=unexpected|exitcodes=0|stopsignal=QUIT|stopwaitsecs=10|stopasgroup=false|killasgroup=false
user=chrism|redirect_stderr=true|stdout_logfile=/a/path|stdout_logfile_maxbytes=1MB|stdout_logfile_backups=10
stdout_capture_maxbytes=1MB|stdout_events_enabled=false|stdout_syslog=false|stderr_logfile=/a/path
stderr_logfile_maxbytes=1MB|stderr_logfile_backups=10|stderr_capture_maxbytes=1MB|stderr_events_enabled=false
stderr_syslog=false|environment=A="1",B="2"|serverurl=AUTO"""


def test_the_sample_configuration():
    options = SAMPLE.replace("|", "\n")
    assert {line.partition("=")[0] for line in options.split("\n")} | {"numprocs_start"} == PROGRAM_OPTIONS
    assert FCGI_OPTIONS - PROGRAM_OPTIONS == {"socket", "socket_backlog", "socket_owner", "socket_mode"}
    assert LISTENER_OPTIONS - PROGRAM_OPTIONS == {"events", "buffer_size", "result_handler"}
    text = f"{HEAD}[program:theprogramname]\n{options}\n"
    assert units(text) == {"theprogramname.service": PLAIN | {
        "Description": "theprogramname", "ExecStart": "/bin/cat", "Environment": "A=1\nB=2", "WorkingDirectory": "/tmp",
        "UMask": "0022", "KillSignal": "SIGQUIT", "SuccessExitStatus": "SIGQUIT", "User": "chrism",
        "StandardOutput": "append:/a/path", "StandardError": "inherit"}}
    assert [told.split(": ")[1] for told in remarks(text)] == [
        f"[program:theprogramname] {name}" for name in (
            "startretries", "killasgroup", "stdout_capture_maxbytes", "stdout_logfile_maxbytes", "stderr_logfile",
            "stderr_logfile_maxbytes", "stderr_logfile_backups", "stderr_capture_maxbytes", "stderr_events_enabled",
            "stderr_syslog")]


# --- event listeners ----------------------------------------------------------------------------------------------------

MANY = "process_name=%(program_name)s_%(process_num)02d\nnumprocs=3\n"
LISTENER = "[eventlistener:l]\ncommand=/bin/l 'a b' %(ENV_X)s\nevents=tick_5, PROCESS_STATE\n"


def test_an_event_listener_is_an_argument_of_the_adapter_and_is_started_before_programs():
    text = f"[supervisord]\nidentifier=box\n[unix_http_server]\nfile=/run/s.sock\n{LISTENER}user=nobody\nbuffer_size=99\n"
    found = units(text + "[program:x]\ncommand=/bin/x\n")
    assert found["l.service"] == {key: value for key, value in PLAIN.items() if key != "StandardOutput"} | {
        "Description": "l", "Type": "notify", "SyslogIdentifier": "l", "PassEnvironment": "X", "ExecStart":
        "/sbin/pyinit eventlistener --events=TICK_5,PROCESS_STATE --pool=l --buffer-size=99 --run-as=nobody --server=box "
        "--serverurl=unix:///run/s.sock -- /bin/l \"a b\" $X"}
    assert found["x.service"] == PLAIN | {"After": "l.service"}


def test_a_pool_is_one_unit():
    (listener,) = units(f"{HEAD}{LISTENER}serverurl=http://x\n{MANY}").values()
    assert listener["ExecStart"].startswith(
        "/sbin/pyinit eventlistener --events=TICK_5,PROCESS_STATE --pool=l --processes=3 --serverurl=http://x -- /bin/l ")
    assert "[eventlistener:l] numprocs: they run in one unit" in "".join(remarks(f"{HEAD}{LISTENER}{MANY}"))


@pytest.mark.parametrize("option, reason", [
    ("events=TICK_5,PROCESS_LOG", "PROCESS_LOG is never told: what programs write goes to the journal alone"),
    ("result_handler=a:b", "by supervisor's own handler"), ("stdout_logfile=/l", "goes to the adapter alone"),
    ("serverurl=http://x", "no server answers there.")])
def test_what_a_listener_does_not_get_is_told(option, reason):
    told = [each for each in remarks(f"{HEAD}{LISTENER}{option}\n") if option.partition("=")[0] in each]
    assert len(told) == 1 and reason in told[0]


@pytest.mark.parametrize("options, reason", [
    ("events=", "there is no events="), ("events=TICK_7", "there is no event TICK_7"),
    ("buffer_size=0", "not a number above 0"),
    ("redirect_stderr=true", "stdout is what it answers"), ("command=", "there is no program to run")])
def test_what_supervisord_refuses_of_a_listener_is_refused(options, reason):
    with pytest.raises(BadImport, match=reason):
        convert_text(f"{HEAD}{LISTENER}{options}\n")


# --- several processes --------------------------------------------------------------------------------------------------




def test_processes_of_one_program_are_instances_of_a_template_below_a_target():
    text = f"{HEAD}[program:w]\ncommand=/w --port=80%(process_num)02d\n{MANY}numprocs_start=8\n"
    found = units(text)
    assert list(found) == ["w@.service", "w.target"]
    assert found["w@.service"]["ExecStart"] == "/w --port=80%i" and found["w@.service"]["PartOf"] == "w.target"
    assert found["w@.service"]["Description"] == "w %i" and "WantedBy" not in found["w@.service"]
    assert found["w.target"]["Wants"] == "w@08.service w@09.service w@10.service"
    assert found["w.target"]["WantedBy"] == "multi-user.target"
    assert [unit.enable for unit in convert_text(text).units] == [(), ("w.target",)]


def test_a_number_that_is_written_in_two_ways_makes_units_of_their_own():
    found = units(f"{HEAD}[program:w]\ncommand=/w %(process_num)d %(process_num)02d\n{MANY}")
    assert list(found) == ["w-0.service", "w-1.service", "w-2.service", "w.target"]
    assert found["w-2.service"]["ExecStart"] == "/w 2 02"


def test_groups_are_targets_and_priorities_are_order():
    text = (f"{HEAD}[program:late]\ncommand=/l\n[program:db]\ncommand=/d\npriority=1\n[group:web]\nprograms=b,a\npriority=10\n"
            "[program:a]\ncommand=/a\npriority=2\nautostart=false\n[program:b]\ncommand=/b %(group_name)s\n")
    found = units(text)
    assert list(found) == ["db.service", "a.service", "b.service", "web.target", "late.service"]
    assert "After" not in found["db.service"]
    assert found["a.service"]["After"] == "db.service" and found["b.service"]["After"] == "db.service a.service"
    assert found["late.service"]["After"] == "db.service a.service b.service"
    assert found["a.service"]["PartOf"] == found["b.service"]["PartOf"] == "web.target"
    assert found["b.service"]["ExecStart"] == "/b web"
    assert found["web.target"]["Wants"] == "b.service"
    assert remarks(text) == [
        f"{CONF}:7: [group:web] programs: starting web.target starts those alone that have autostart=true."]
    assert [each for unit in convert_text(text).units for each in unit.enable] == ["db.service", "web.target", "late.service"]


def test_a_group_that_is_not_started_by_itself_is_started_by_its_target():
    found = units(f"{HEAD}[group:g]\nprograms=a\n[program:a]\ncommand=/a\nautostart=false\n")
    assert found["g.target"]["Wants"] == "a.service" and "WantedBy" not in found["g.target"]


@pytest.mark.parametrize("options, expected", [
    ("socket=unix:///run/%(program_name)s.sock",
     {"ListenStream": "/run/f.sock", "SocketUser": "www-data", "SocketMode": "0700"}),
    ("socket=unix:///run/s\nsocket_owner=a:b\nsocket_mode=0660\nsocket_backlog=9",
     {"ListenStream": "/run/s", "SocketUser": "a", "SocketGroup": "b", "SocketMode": "0660", "Backlog": "9"}),
    ("socket=tcp://localhost:9000", {"ListenStream": "127.0.0.1:9000"}),
])
def test_fastcgi_programs_get_their_socket_as_stdin(options, expected):
    found = units(f"{HEAD}[fcgi-program:f]\ncommand=/f\nuser=www-data\n{MANY}{options}\n")
    assert list(found) == ["f@.service", "f.socket", "f.target"]
    assert found["f@.service"]["StandardInput"] == "socket" and found["f@.service"]["Sockets"] == "f.socket"
    assert found["f.socket"] == {"Description": "f (FastCGI)", "PartOf": "f.target", "Service": "f@00.service"} | expected


def test_names_that_no_unit_can_have_are_escaped():
    assert list(units(f"{HEAD}[program:a@b c]\ncommand=/a\n".replace(" c", "+"))) == ["a\\x40b\\x2b.service"]


# --- files --------------------------------------------------------------------------------------------------------------


def test_included_files_add_and_override_and_say_where_they_are():
    sections = {}
    read(HEAD + "[program:x]\ncommand=/x\nuser=a\n[include]\nfiles=conf.d/*.conf /abs/%(host_node_name)s\n", CONF, sections)
    assert include_patterns(sections, CONF, Facts({}, "box")) == ["/etc/conf.d/*.conf", "/abs/box"]
    read("[program:x]\nuser=b\nbad=1\n[program:y]\ncommand=%(here)s/y\n", "/etc/conf.d/1.conf", sections)
    found = convert(sections, CONF, Facts())
    assert "User=b\n" in found.units[0].text and "ExecStart=/etc/conf.d/y\n" in found.units[1].text
    assert [str(remark) for remark in found.remarks] == [
        "/etc/conf.d/1.conf:3: [program:x] bad: supervisor has no such option."]


@pytest.mark.parametrize("text, message", [
    ("x=1\n", "/etc/s.conf:1: there is no section header before this line."),
    (HEAD + "nonsense\n", "/etc/s.conf:2: neither a section nor an option: 'nonsense\\n'"),
    ("[program:x]\ncommand=/x\n", "/etc/s.conf: there is no [supervisord] section"),
    (HEAD + "[program:x]\n", "/etc/s.conf:2: [program:x] there is no command."),
    (HEAD + "[program:a b]\ncommand=/x\n", "/etc/s.conf:2: [program:a b] is no name"),
    (HEAD + "[program:x]\ncommand=\n", "/etc/s.conf:3: command=: there is no program to run."),
    (HEAD + "[program:x]\ncommand=/bin/sh -c 'a ; b'\n", "command=/bin/sh -c 'a: No closing quotation."),
    (HEAD + "[program:x]\ncommand=./x\n", "/etc/s.conf:3: command=./x: the program's path is not absolute"),
    (HEAD + "[program:x]\ncommand=%(ENV_Q)s/x\n", "command=%(ENV_Q)s/x: the variable Q is not set"),
    (HEAD + "[program:x]\ncommand=/x %(wrong)s\n", "%(wrong)s means nothing here."),
    (HEAD + "[program:x]\ncommand=/x 5%\n", "command=/x 5%: incomplete format."),
    (HEAD + "[program:x]\ncommand=/x\nstartsecs=1s\n", "/etc/s.conf:4: startsecs=1s: not a number."),
    (HEAD + "[program:x]\ncommand=/x\nautostart=maybe\n", "/etc/s.conf:4: autostart=maybe: neither true nor false."),
    (HEAD + "[program:x]\ncommand=/x\nautorestart=never\n", "/etc/s.conf:4: autorestart=never: neither true nor false."),
    (HEAD + "[program:x]\ncommand=/x\numask=9\n", "umask=9: not an octal number."),
    (HEAD + "[program:x]\ncommand=/x\nexitcodes=0,256\n", "exitcodes=0,256: not a list of exit statuses"),
    (HEAD + "[program:x]\ncommand=/x\nstopsignal=FOO\n", "stopsignal=FOO: there is no such signal."),
    (HEAD + "[program:x]\ncommand=/x\nstdout_logfile_maxbytes=1TB\n", "not a number of bytes"),
    (HEAD + "[program:x]\ncommand=/x\nnumprocs=2\n", "process_name needs %(process_num)"),
    (HEAD + "[program:x]\ncommand=/x\nstopasgroup=true\nkillasgroup=false\n", "exclude each other"),
    (HEAD + "[program:x]\ncommand=/x\nenvironment=A\n", "environment=A: not of the form"),
    (HEAD + "[program:x]\ncommand=/x\nenvironment=A=\"b\n", "a quote is not closed."),
    (HEAD + "[group:g]\nprograms=x\n", "/etc/s.conf:2: [group:g] there is no program x."),
    (HEAD + "[fcgi-program:f]\ncommand=/x\n", "[fcgi-program:f] there is no socket."),
    (HEAD + "[fcgi-program:f]\ncommand=/x\nsocket=tcp://host:1\n", "wants an address to listen on"),
    (HEAD + "[fcgi-program:f]\ncommand=/x\nsocket=tcp://1.2.3.4:1\nsocket_mode=0600\n", "for sockets of the file system"),
    (HEAD + "[program:x]\ncommand=/x\n[fcgi-program:x]\ncommand=/y\nsocket=unix:///s\n", "two units would be called x.service"),
])
def test_what_supervisor_would_refuse_is_an_error_with_its_place(text, message):
    with pytest.raises(BadImport) as error:
        convert_text(text)
    assert message in str(error.value)
