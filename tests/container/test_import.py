"""Moving in: what a supervisord.conf starts is imported by one command, and runs."""

from __future__ import annotations

import pytest
from harness import SERVICES, Container

pytestmark = pytest.mark.container

CONF = "/etc/supervisord.conf"
#: As it stands in images that run two servers: one conf for supervisord, one for each program.
SUPERVISORD = """\
[unix_http_server]
file=/var/run/supervisor.sock
[supervisord]
nodaemon=true
user=root
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix:///var/run/supervisor.sock
[include]
files = supervisord-*.conf
"""
NGINX = """\
[program:nginx]
command=/usr/sbin/nginx -g "daemon off;"   ; in the foreground
autorestart=true
stdout_logfile=/dev/stdout
stdout_logfile_maxbytes=0
redirect_stderr=true
"""
SSHD = """\
[program:sshd]
command=/usr/sbin/sshd -D -e
priority=10
"""
#: What only running shows: quotes, variables, output, the end of a program that cannot be started, several of them, a
#: socket. What is expected of them is what supervisord 4.3 was seen to do.
OTHERS = """\
[program:says]
command=/bin/sh -c 'echo "$A/%(ENV_CITY)s/$0/$1"; exec sleep 1000' "a  b" %(process_num)d
environment=A="x 50%%, y"
user=www-data
stdout_logfile=/var/log/says.log
[program:split]
command=/bin/sh -c 'echo "$#:$*"; exec sleep 1000' x %(ENV_TWO)s "%(ENV_TWO)s"
stdout_logfile=/var/log/split.log
[program:fails]
command=/bin/false
startretries=1
[program:once]
command=/bin/sh -c 'exit 3'
exitcodes=0,3
startsecs=0
[program:many]
command=/bin/sleep 10%(process_num)02d
process_name=%(program_name)s_%(process_num)02d
numprocs=2
[fcgi-program:fast]
command=/bin/sh -c 'readlink /proc/self/fd/0; exec sleep 1000'
socket=tcp://127.0.0.1:9123
"""


@pytest.fixture(scope="module")
def box():
    """Debian enables the packages' own units: what is imported takes their place, before the first boot."""
    container = Container(SERVICES, "/bin/sh", "-c",
                          f"/sbin/pyinit import --enable {CONF} && exec /sbin/pyinit",
                          options=("--env=CITY=Paris", "--env=TWO=a b"))
    container.put(CONF, SUPERVISORD).put("/etc/supervisord-nginx.conf", NGINX)
    container.put("/etc/supervisord-sshd.conf", SSHD).put("/etc/others.conf", "[supervisord]\n" + OTHERS)
    try:
        container.start().wait_until_booted()
        yield container
    finally:
        container.remove()


def imports(box, *words: str) -> tuple[int, list[str], list[str]]:
    done = box.exec("/sbin/pyinit", "import", *words, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def test_nginx_and_sshd_are_imported_by_one_command(box):
    units = "/etc/systemd/system"
    out, err = box.streams()
    assert out.startswith(f"Created {units}/ssh.service\nCreated {units}/nginx.service\n")
    told = err.splitlines()
    assert f"{CONF}:8: [supervisorctl] serverurl: pyinitctl takes its place." in told
    assert "sshd.service: is another name of ssh.service: written as that." in told
    assert any(line.startswith("ssh.service: takes the place of /lib/systemd/system/ssh.service") for line in told)
    assert box.systemctl("is-system-running").strip() == "running"
    assert "Welcome to nginx" in box.fetch()
    assert box.exec("cat", f"/proc/{box.main_pid('sshd.service')}/cmdline").stdout.startswith("sshd: /usr/sbin/sshd -D -e")
    assert box.show("ssh.service", "FragmentPath") == f"{units}/ssh.service"
    assert "ssh.service" in box.show("nginx.service", "After").split()


def test_nothing_is_written_where_a_file_is_there(box):
    box.exec("rm", "/etc/systemd/system/nginx.service")
    taken = "pyinit import: /etc/systemd/system/ssh.service: is there already; nothing was written."
    assert imports(box, CONF) == (1, [], [taken])
    assert box.exec("ls", "/etc/systemd/system/nginx.service", check=False).returncode
    status, out, _ = imports(box, "--dry-run", CONF)
    assert status == 0 and out[0] == "# /etc/systemd/system/ssh.service"


def test_programs_run_as_they_did(box):
    status, out, err = imports(box, "--enable", "/etc/others.conf")
    assert (status, len(out)) == (0, 8), err
    box.systemctl("start", "says", "split", "many.target", "once", "fast", "fails", check=False)
    box.wait_until("a line", lambda: box.exec("cat", "/var/log/says.log").stdout == "x 50%, y/Paris/a  b/0\n")
    box.wait_until("its words", lambda: box.exec("cat", "/var/log/split.log").stdout == "3:a b a b\n")
    assert box.show("says.service", "User") == "www-data"
    box.wait_for_state("once.service", "inactive")
    box.wait_until("the end of retries", lambda: box.show("fails.service", "SubState") == "failed")
    # One start and one retry, as startretries=1 says; what fails for good was counted once more, and not run.
    assert box.exec("journalctl", "-u", "fails", "--output=cat", "--no-pager").stdout.count("Main process exited") == 2
    for name in ("many@00", "many@01", "fast"):
        assert box.show(f"{name}.service", "SubState") == "running"
    box.wait_until("its socket as stdin", lambda: "socket:[" in box.exec(
        "journalctl", "-u", "fast", "--output=cat", "--no-pager").stdout)
    box.systemctl("stop", "many.target")
    assert box.show("many@01.service", "ActiveState") == "inactive"


def test_lines_of_a_procfile_and_a_crontab_and_service_directories_run(box):
    box.write("/srv/shop/Procfile", 'web: echo "$PORT $CITY in $PWD"; exec sleep 1000\n')
    box.write("/srv/shop/.env", "CITY=Rome\n")
    box.write("/etc/cron.d/job", "GREETING=hello\n@reboot www-data cat; id -un; echo $GREETING%in 50\\%%\n"
                                 "* * * * * root true\n")
    box.write("/etc/service/run-it/run", "#!/bin/sh\necho $PWD\nexec sleep 1000\n")
    box.write("/etc/service/run-it/finish", "#!/bin/sh\necho finished $1\n")
    box.exec("chmod", "+x", "/etc/service/run-it/run", "/etc/service/run-it/finish")
    for source in ("/srv/shop/Procfile", "/etc/cron.d/job", "/etc/service"):
        status, _, err = imports(box, "--enable", source)
        assert status == 0, err
    box.systemctl("start", "shop.target", "job-1.service", "job-2.timer", "run-it")
    box.systemctl("kill", "--signal=KILL", "run-it")
    expected = {"shop-web": ["5000 Rome in /srv/shop"], "job-1": ["in 50%", "www-data", "hello"],
                "run-it": ["/etc/service/run-it", "finished KILL", "/etc/service/run-it"]}
    for name, lines in expected.items():
        box.wait_until(name, lambda name=name, lines=lines: [
            line for line in box.exec("journalctl", "-u", name, "--output=cat", "--no-pager").stdout.splitlines()
            if line in lines] == lines)
    assert box.show("job-2.timer", "NextElapseUSecRealtime")
