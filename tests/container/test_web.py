"""pyinit-web over HTTP, from its package: who may look, who may change what, and what programs are told."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import pytest
from harness import Container, Image, run
from images import build_deb

pytestmark = pytest.mark.container

IMAGE = Image(("python3-prometheus-client",), with_web=True)
LOCAL, ELSEWHERE = "http://127.0.0.1:8128", "http://127.0.0.1:8129"
UNITS = {
    "said.service": "[Unit]\nDescription=<script>alert(1)</script>\n"
                    "[Service]\nExecStart=/bin/sh -c 'echo one \"<b>\"; exec sleep 1000'\n",
    "tied.service": "[Unit]\nBindsTo=said.service\nAfter=said.service\n[Service]\nExecStart=/bin/sleep 1000\n",
    "fails.service": "[Service]\nExecStart=/bin/false\n",
    # What is bound to no loopback address is elsewhere, whichever way a connection takes.
    "pyinit-web.socket.d/more.conf": "[Socket]\nListenStream=0.0.0.0:8129\n",
}  # fmt: skip


class Answer:
    def __init__(self, raw: str) -> None:
        head, _, self.body = raw.replace("\r\n", "\n").partition("\n\n")
        first, *rest = head.splitlines()
        self.status = int(first.split()[1])
        self.headers = [(name.lower(), value) for name, value in (line.split(": ", 1) for line in rest)]
        self.cookies = SimpleCookie("; ".join(value.split(";")[0] for name, value in self.headers if name == "set-cookie"))

    def __getitem__(self, name: str) -> str:
        return next(value for key, value in self.headers if key == name)

    @property
    def json(self):
        return json.loads(self.body)


class Box(Container):
    token = ""

    def ask(self, url: str, *options: str, token: str = "") -> Answer:
        """From the machine, through the container's network."""
        shown = ["--header", f"Authorization: Bearer {token}"] if token else []
        done = self.on_its_network("curl", "--silent", "--include", "--insecure", "--max-time", "20", *shown, *options, url)
        assert done.returncode == 0, (url, done.returncode, self.story())
        return Answer(done.stdout)

    def post(self, url: str, *options: str, **more) -> Answer:
        return self.ask(url, "--request", "POST", *options, **more)

    def asks_broker(self, user: str, request: dict) -> str:
        """What the broker tells a process of that user."""
        code = ("import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect('/run/pyinit-web/broker'); "
                "s.sendall(sys.argv[1].encode() + b'\\n'); print(s.makefile().readline())")
        done = self.exec("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "python3", "-c", code,
                         json.dumps(request), check=False)
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def box():
    container = Box(IMAGE)
    try:
        container.start().wait_until_booted()
        for name, text in UNITS.items():
            container.write(f"/etc/systemd/system/{name}", text)
        container.systemctl("daemon-reload")
        assert container.systemctl("is-enabled", "pyinit-web.socket", check=False).strip() == "disabled"
        container.token = container.exec("pyinit-web", "token").stdout.strip()
        container.systemctl("enable", "--now", "pyinit-web.socket")
        container.systemctl("start", "said.service")
        yield container
    finally:
        container.remove()


def test_whoever_reaches_loopback_may_look(box):
    answer = box.ask(f"{LOCAL}/")
    assert answer.status == 200 and 'data-unit="said.service"' in answer.body
    assert "&lt;script&gt;alert(1)" in answer.body and "<script>alert" not in answer.body
    assert answer["content-security-policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self';")
    assert not re.search(r"<script>|<style| style=| on[a-z]+=|https?://(?!www\.w3\.org/2000/svg)", answer.body)
    rows = {row["name"]: row for row in box.ask(f"{LOCAL}/api/units").json["units"]}
    assert rows["said.service"]["sub"] == "running" and rows["said.service"]["memory"] > 0
    shown = box.ask(f"{LOCAL}/api/units/said.service").json
    assert shown["MainPID"] == box.main_pid("said.service") and "Environment" not in shown and "ExecStart" not in shown
    assert box.ask(f"{LOCAL}/?filter=said&state=all").body.count("<tr data-unit=") == 1
    assert box.ask(f"{LOCAL}/api/units/nothing.service").status == 404
    assert box.ask(f"{LOCAL}/api/units/no%20name").status == 400


def test_pictures_of_a_unit_and_of_the_boot(box):
    box.systemctl("start", "tied.service")
    page = box.ask(f"{LOCAL}/units/said.service").body
    assert re.search(r'BoundBy · after</text><a href="/units/tied.service"><g class="node active', page)
    chart = box.ask(f"{LOCAL}/boot").body
    assert 'href="/units/basic.target"' in chart and "<title>The boot: " in chart and "said.service" not in chart
    box.systemctl("stop", "tied.service")


def test_changing_and_logs_take_the_token(box):
    before = box.main_pid("said.service")
    for path in ("said.service/restart", "said.service/stop"):
        assert box.post(f"{LOCAL}/api/units/{path}").status == 403
        assert box.post(f"{LOCAL}/api/units/{path}", token="0123456789abcdefghij").status == 403
    assert box.ask(f"{LOCAL}/api/units/said.service/logs").status == 403
    assert box.main_pid("said.service") == before
    answer = box.post(f"{LOCAL}/api/units/said.service/restart", token=box.token)
    assert answer.status == 200 and answer.json["result"] == "done"
    assert box.main_pid("said.service") not in (0, before)
    assert box.post(f"{LOCAL}/api/units/said.service/stop", token=box.token).json["result"] == "done"
    assert box.ask(f"{LOCAL}/api/units/said.service").json["ActiveState"] == "inactive"
    assert box.post(f"{LOCAL}/api/units/said.service/start", token=box.token).status == 200
    assert box.ask(f"{LOCAL}/api/units/said.service/stop", token=box.token).status == 405
    assert box.post(f"{LOCAL}/api/units/nothing.service/start", token=box.token).status == 404


def log_in(box, token: str) -> tuple[Answer, str]:
    """What the form answers, and the cookie of cross-site tokens."""
    form = box.ask(f"{LOCAL}/login")
    known = form.cookies["_xsrf"].value
    hidden = re.search(r'name="_xsrf" value="([^"]+)"', form.body)[1]
    data = urlencode({"_xsrf": hidden, "token": token})
    return box.post(f"{LOCAL}/login", "--cookie", f"_xsrf={known}", "--data", data), known


def test_the_token_stands_in_no_list_log_environment_or_answer(box):
    said = ""
    for path in ("/", "/nothing", "/api/units/nothing.service", "/api/units/said.service", "/%2e%2e/etc/passwd"):
        answer = box.ask(LOCAL + path, token=box.token)
        said += f"{answer.headers} {answer.body}"
    said += box.post(f"{LOCAL}/api/units/nothing.service/stop", token=box.token).body
    said += box.ask(f"{LOCAL}/api/units/said.service/logs", token=box.token[:-1] + "x").body
    found = box.exec("grep", "-rlsF", "-D", "skip", "-f", "-", "/run", "/tmp", "/var/log", text=box.token + "\n",
                     check=False).stdout.split()
    lists = box.exec("sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; :").stdout
    assert [path for path in found if not path.startswith("/run/credentials/")] == []
    assert box.token not in said + lists + box.logs() + box.exec("journalctl", "-q").stdout


def test_a_browser_logs_in_and_its_forms_cannot_be_made_by_others(box):
    assert log_in(box, "not the token at all")[0].status == 403
    answer, known = log_in(box, box.token)
    assert answer.status == 302
    (cookie,) = (value for name, value in answer.headers if name == "set-cookie" and value.startswith("pyinit-ticket="))
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and box.token not in cookie
    cookies = ("--cookie", f"_xsrf={known}; {cookie.split(';')[0]}")
    before = box.main_pid("said.service")
    box.systemctl("start", "tied.service")
    question = box.ask(f"{LOCAL}/units/said.service/restart", *cookies).body
    assert "Restart said.service?" in question and 'href="/units/tied.service"' in question
    for url in (f"{LOCAL}/units/said.service/restart", f"{LOCAL}/api/units/said.service/restart"):
        assert box.post(url, *cookies).status == 403
        assert box.post(url, *cookies, "--data", "_xsrf=2|00000000|00000000000000000000000000000000|1").status == 403
    assert box.main_pid("said.service") == before
    hidden = re.search(r'name="_xsrf" value="([^"]+)"', question)[1]
    done = box.post(f"{LOCAL}/units/said.service/restart", *cookies, "--data", urlencode({"_xsrf": hidden}))
    assert (done.status, done["location"]) == (302, "/units/said.service?done=restart-done")
    assert box.main_pid("said.service") != before
    box.systemctl("stop", "tied.service")


def test_probes_say_what_pyinit_health_says(box):
    assert (box.ask(f"{LOCAL}/readyz").status, box.ask(f"{LOCAL}/readyz").body) == (200, "running\n")
    box.systemctl("start", "fails.service", check=False)
    box.wait_for_state("fails.service", "failed")
    answer = box.ask(f"{LOCAL}/readyz")
    assert (answer.status, answer.body) == (503, box.exec("/sbin/pyinit", "health", check=False).stdout)
    assert "fails.service" in answer.body
    assert box.ask(f"{ELSEWHERE}/readyz").body == "degraded\n"
    assert (box.ask(f"{LOCAL}/livez").status, box.ask(f"{LOCAL}/livez").body) == (200, "alive\n")
    box.systemctl("reset-failed", "fails.service")
    assert box.ask(f"{LOCAL}/readyz").status == 200


def test_metrics_are_openmetrics(box):
    answer = box.ask(f"{LOCAL}/metrics")
    assert answer["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    code = ("import json, sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse; "
            "print(json.dumps([[f.name, f.type, [[s.labels, s.value] for s in f.samples]] for f in parse(sys.stdin.read())]))")
    parsed = json.loads(box.exec("python3", "-c", code, text=answer.body).stdout)
    families = {name: (kind, samples) for name, kind, samples in parsed}
    assert families["pyinit_ready"] == ("gauge", [[{}, 1.0]])
    assert families["pyinit_service_restarts"][0] == "counter"
    states = {labels["pyinit_unit_state"]: value for labels, value in families["pyinit_unit_state"][1]
              if labels["unit"] == "said.service"}
    assert states["active"] == 1 and sum(states.values()) == 1
    assert sum(value for _, value in families["pyinit_units"][1]) == len(box.ask(f"{LOCAL}/api/units").json["units"])


def follow(box, url: str, *options: str):
    """curl that goes on, and its lines; ended after 20 s in any case."""
    words = ["nsenter", "--target", str(box.pid), "--net", "curl", "--silent", "--no-buffer", *options, url]
    curl = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    threading.Timer(20, curl.kill).start()
    return curl


def test_logs_and_events_are_streamed_as_they_come(box):
    bearer = ("--header", f"Authorization: Bearer {box.token}")
    logs = follow(box, f"{LOCAL}/api/units/said.service/logs?follow=1&lines=5", *bearer, "--header",
                  "Accept: text/event-stream")
    assert logs.stdout.readline().startswith('data: {"at": ')
    events = follow(box, f"{LOCAL}/api/events")
    # It listens once it shows a change: this one may be made too early.
    box.exec("sh", "-c", "(sleep 1; systemctl restart said.service) >/dev/null 2>&1 &")
    seen = []
    while not seen or (seen[-1]["event"], seen[-1].get("unit")) != ("job-removed", "said.service"):
        seen.append(json.loads(events.stdout.readline()))
    states = [event["sub"] for event in seen if event["event"] == "unit" and event["unit"] == "said.service"]
    assert "stop-sigterm" in states and states[-1] == "running"
    started = next(line for line in logs.stdout if "Stopped said.service" in line)
    assert json.loads(started.removeprefix("data: "))["from"] == "pyinit"
    assert any('"message": "one <b>"' in line for line in logs.stdout)
    for curl in (logs, events):
        curl.kill()
        curl.wait()
    box.wait_until("journalctl ends with its reader", lambda: not any(
        each["Name"].startswith("python3") and each["PPid"] == str(box.main_pid("pyinit-web-broker.service"))
        for each in box.processes()))


def test_a_unix_socket_of_roots_is_another_way_in(box):
    path = Path(f"/proc/{box.pid}/root/run/pyinit-web/http")
    assert (path.stat().st_mode & 0o777, path.stat().st_uid) == (0o660, 0)
    assert box.ask("http://anything/livez", "--unix-socket", str(path)).body == "alive\n"
    assert box.post("http://anything/api/units/said.service/stop", "--unix-socket", str(path)).status == 403


def test_other_sites_names_for_loopback_are_not_answered(box):
    assert box.ask(f"{LOCAL}/api/units", "--header", "Host: evil.example:8128").status == 421
    assert box.ask(f"{LOCAL}/api/units", "--header", "Host: 127.0.0.1.evil.example").status == 421
    for name in ("localhost", "box.localhost:8128", "[::1]:8128"):
        assert box.ask(f"{LOCAL}/api/units", "--header", f"Host: {name}").status == 200


def test_elsewhere_everything_but_the_probes_takes_the_token(box):
    for path in ("/api/units", "/metrics", "/api/events"):
        assert box.ask(ELSEWHERE + path).status == 401
    for path in ("/", "/boot", "/units/said.service"):
        assert (box.ask(ELSEWHERE + path).status, box.ask(ELSEWHERE + path)["location"]) == (302, "/login")
    assert box.ask(f"{ELSEWHERE}/livez").status == 200
    assert box.ask(f"{ELSEWHERE}/metrics", token=box.token).status == 200


def test_the_server_has_no_more_rights_than_what_passes_through_it(box):
    status = Path(f"/proc/{box.pid}/root/proc/{box.main_pid('pyinit-web.service')}/status").read_text()
    user = re.search(r"Uid:\t(\d+)", status)[1]
    assert user != "0" and len(re.findall(r"Cap(?:Prm|Eff|Bnd|Amb):\t0+\n", status)) == 4
    broker = Path(f"/proc/{box.pid}/root/proc/{box.main_pid('pyinit-web-broker.service')}/status").read_text()
    assert re.search(r"CapEff:\t0+\n", broker)
    assert '"ok"' in box.asks_broker(user, {"do": "units"})
    for request in ({"do": "stop", "unit": "said.service"}, {"do": "logs", "unit": "said.service", "proof": "x" * 40}):
        assert '"error": "forbidden"' in box.asks_broker(user, request)
    for request in ({"do": "PowerOff"}, {"do": ["stop"]}, []):
        assert '"error": "bad"' in box.asks_broker(user, request)
    assert "PermissionError" in box.asks_broker("65534", {"do": "units"})
    read = ("setpriv", f"--reuid={user}", "--clear-groups", "cat", "/etc/credstore/pyinit-web.token")
    assert box.exec(*read, check=False).returncode


def test_another_token_voids_tickets_and_none_leaves_looking(box):
    ticket = log_in(box, box.token)[0].cookies["pyinit-ticket"].value
    logs = f"{LOCAL}/api/units/said.service/logs?lines=1"
    assert box.ask(logs, "--cookie", f"pyinit-ticket={ticket}").status == 200
    assert "File exists" in box.exec("pyinit-web", "token", check=False).stderr
    box.exec("rm", "/etc/credstore/pyinit-web.token")
    box.systemctl("restart", "pyinit-web-broker.service")
    refused = box.post(f"{LOCAL}/api/units/said.service/stop", token=box.token)
    assert refused.status == 403 and "There is no token here" in refused.json["text"]
    assert box.ask(f"{LOCAL}/").status == 200
    box.token = box.exec("pyinit-web", "token").stdout.strip()
    box.systemctl("restart", "pyinit-web-broker.service")
    assert box.ask(logs, "--cookie", f"pyinit-ticket={ticket}").status == 403
    assert box.ask(logs, token=box.token).status == 200


def test_who_is_not_asked_ends_and_is_started_again(box):
    for name in ("pyinit-web", "pyinit-web-broker"):
        verb = "broker" if name.endswith("broker") else "serve"
        box.write(f"/etc/systemd/system/{name}.service.d/idle.conf",
                  f"[Service]\nExecStart=\nExecStart=/usr/bin/pyinit-web {verb} --idle=1\n")
    box.systemctl("daemon-reload")
    box.systemctl("restart", "pyinit-web.service", "pyinit-web-broker.service")
    events = follow(box, f"{LOCAL}/api/events")
    box.wait_for_state("pyinit-web-broker.service", "active")
    pid = box.main_pid("pyinit-web.service")
    assert box.ask(f"{LOCAL}/livez").status == 200
    box.exec("sleep", "2.5")  # longer than it would wait for requests; the stream is one
    assert box.main_pid("pyinit-web.service") == pid
    events.kill()
    events.wait()
    for name in ("pyinit-web.service", "pyinit-web-broker.service"):
        box.wait_for_state(name, "inactive")
    assert box.ask(f"{LOCAL}/livez").status == 200
    box.exec("rm", "-r", "/etc/systemd/system/pyinit-web.service.d", "/etc/systemd/system/pyinit-web-broker.service.d")
    box.systemctl("daemon-reload")
    box.systemctl("restart", "pyinit-web.service", "pyinit-web-broker.service")


def test_in_a_container_that_is_not_roots_it_runs_once_told_so():
    container = Box(IMAGE, options=("--user=1000", "--cap-drop=all", "--tmpfs=/run:U"))
    try:
        container.start().wait_until_booted()
        container.write("/run/systemd/system/pyinit-web-broker.socket.d/user.conf", "[Socket]\nSocketUser=\n")
        container.write("/run/systemd/system/pyinit-web.service.d/user.conf", "[Service]\nUser=\n")
        container.systemctl("daemon-reload")
        token = container.exec("pyinit-web", "token", "/run/credstore/pyinit-web.token").stdout.strip()
        container.systemctl("start", "pyinit-web.socket")
        assert container.post(f"{LOCAL}/api/units/apt-daily.timer/stop").status == 403
        assert container.post(f"{LOCAL}/api/units/apt-daily.timer/stop", token=token).json["result"] == "done"
    finally:
        container.remove()


def make_certificates(directory: Path) -> None:
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1")
    for name, subject in (("ca", "/CN=ca"), ("server", "/CN=localhost")):
        run(["openssl", "req", "-x509", *key, "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.pem"], cwd=directory)
    run(["openssl", "req", *key[:-2], "-subj", "/CN=admin", "-keyout", "client.key", "-out", "client.csr"], cwd=directory)
    run(["openssl", "x509", "-req", "-in", "client.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1",
         "-out", "client.pem"], cwd=directory)


def test_a_client_certificate_lets_look_and_stands_for_the_token_where_the_server_has_it(box, tmp_path):
    """From here on the container speaks TLS."""
    make_certificates(tmp_path)
    for name, file in (("certificate", "server.pem"), ("key", "server.key"), ("client-ca", "ca.pem")):
        box.put_file(f"/etc/credstore/pyinit-web.{name}", tmp_path / file)
    box.systemctl("restart", "pyinit-web.service")
    secure = ELSEWHERE.replace("http:", "https:")
    shown = ("--cert", str(tmp_path / "client.pem"), "--key", str(tmp_path / "client.key"))
    assert box.ask(f"{secure}/api/units").status == 401
    assert box.ask(f"{secure}/api/units", *shown).status == 200
    assert box.ask(f"{secure}/api/units/said.service/logs", *shown).status == 403
    box.write("/etc/systemd/system/pyinit-web.service.d/vouch.conf", "[Service]\nLoadCredential=pyinit-web.token\n")
    box.systemctl("daemon-reload")
    box.systemctl("reset-failed", "pyinit-web.service")
    box.systemctl("restart", "pyinit-web.service")
    assert box.ask(f"{secure}/api/units/said.service/logs", *shown).status == 200
    assert box.ask(f"{secure}/api/units/said.service/logs").status == 401
    # A certificate is shown for any page's request: what changes something has to be a form of ours.
    assert box.post(f"{secure}/api/units/said.service/stop", *shown).status == 403


def test_an_upgrade_restarts_it_a_removal_stops_it_and_a_purge_leaves_no_link(box):
    deb = build_deb("pyinit-web")
    box.put_file(f"/tmp/{deb.name}", deb)
    units = ("pyinit-web-broker.service", "pyinit-web.service")
    before = [box.main_pid(unit) for unit in units]
    box.systemctl("reset-failed", *units)  # the tests before may have started them as often as StartLimitBurst= allows
    box.exec("dpkg", "--install", f"/tmp/{deb.name}")
    assert not {0, *before} & {box.main_pid(unit) for unit in units}
    box.exec("dpkg", "--remove", "pyinit-web")
    assert [box.systemctl("is-active", unit, check=False).strip() for unit in (*units, "pyinit-web.socket")] == ["inactive"] * 3
    box.exec("dpkg", "--purge", "pyinit-web")
    assert box.exec("find", "/etc/systemd", "/usr/lib/pyinit", "-type", "l", "-name", "*web*").stdout == ""
