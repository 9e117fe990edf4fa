"""`pyinit-web serve`: the page and the API over HTTP. It may do nothing by itself: the broker is asked (see the package).

Each socket that it is given gets a `Policy`, which says who may look there; everything else is the same on all of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import time
from typing import Any
from urllib.parse import quote

from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.web import Application, Finish, HTTPError, RequestHandler, StaticFileHandler

from initd.web import guard, metrics, pictures
from initd.web.asking import Broker, Refusal
from initd.web.broker import NEEDED_BY, NEEDS

HERE = os.path.dirname(os.path.abspath(__file__))
COOKIE = "pyinit-ticket"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
                               "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
    "Server": "pyinit-web",
}  # fmt: skip
_STATUS = {"forbidden": 403, "not-found": 404, "refused": 409, "unavailable": 503, "bad": 400}
VERBS = ("start", "stop", "restart")
#: Bytes of a request's body: a form with a token.
_LONGEST_BODY = 16384
#: Streams at once, of the broker's connections.
_MOST_STREAMS = 40


class Policy:
    """Who may look through one socket. `is_open`: whoever can connect. `names`: what it may be called besides localhost;
    None where names do not matter. `vouched`: the token, which a client certificate stands for."""

    def __init__(self, is_open: bool, names: frozenset[str] | None, is_tls: bool = False, vouched: str = "") -> None:
        self.is_open, self.names, self.is_tls, self.vouched = is_open, names, is_tls, vouched


class Shared:
    """What all requests share."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.streams = 0
        #: Requests that are being answered, and when the last one came or ended.
        self.busy, self.used_at = 0, time.monotonic()

    def count(self, change: int) -> None:
        self.busy += change
        self.used_at = time.monotonic()


class Handler(RequestHandler):
    """What every answer has: the checks in front, the headers, and errors in the form that was asked for."""

    #: Probes are answered to everybody.
    is_for_all = False
    may_change = False
    policy: Policy
    shared: Shared

    def initialize(self, policy: Policy, shared: Shared) -> None:
        self.policy, self.shared = policy, shared
        shared.count(1)

    def on_finish(self) -> None:
        self.shared.count(-1)

    def set_default_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    async def prepare(self) -> None:
        host = self.request.headers.get("Host", "")
        if self.policy.names is not None and not guard.is_own_host(host, self.policy.names):
            raise HTTPError(421, "There is no %s here: it would have to be allowed by --host=.", guard.host_name(host))
        if not self.is_for_all:
            self.may_change = await self._has_proof()
            if not (self.may_change or self.policy.is_open or self._has_certificate()):
                self.ask_for_token()

    def ask_for_token(self) -> None:
        if self.is_api():
            self.set_header("WWW-Authenticate", 'Bearer realm="pyinit"')
            raise HTTPError(401, "This takes the token.")
        self.redirect("/login")
        raise Finish

    def is_api(self) -> bool:
        return bool(self.request.path.startswith("/api/") or self.request.path == "/metrics")

    @property
    def proof(self) -> str:
        """What this request has to show."""
        shown = guard.bearer(self.request.headers.get("Authorization", "")) or self.get_cookie(COOKIE, "") or ""
        return shown or (self.policy.vouched if self._has_certificate() else "")

    def _has_certificate(self) -> bool:
        return self.policy.is_tls and bool(self.request.get_ssl_certificate())

    async def _has_proof(self) -> bool:
        if not self.proof:
            return False
        try:
            return bool(await self.ask("check"))
        except Refusal as refusal:
            if refusal.word == "forbidden" and self.is_api():
                raise HTTPError(403, refusal.text) from None
            return False

    def check_xsrf_cookie(self) -> None:
        """A page of another site can make a browser send its cookies and certificates, but no such header. An API's caller
        who shows none of these has nothing that could be abused."""
        is_bearer = guard.bearer(self.request.headers.get("Authorization", ""))
        if not is_bearer and not (self.is_api() and not self.get_cookie(COOKIE) and not self._has_certificate()):
            super().check_xsrf_cookie()

    async def ask(self, name: str, **more: object) -> Any:
        return await self.shared.broker.ask(name, self.proof, **more)

    def show(self, template: str, **values: object) -> None:
        self.render(template, may_change=self.may_change, is_open=self.policy.is_open, format_since=_since, format_size=_size,
                    link=_link, **values)

    def answer(self, value: object) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(value, indent=1) + "\n")

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if not isinstance(value, (Refusal, HTTPError, StreamClosedError)):
            super().log_exception(typ, value, tb)

    def write_error(self, status_code: int, **more: Any) -> None:
        problem = more.get("exc_info", (None, None))[1]
        if isinstance(problem, Refusal):
            status_code, text = _STATUS[problem.word], problem.text
            self.set_status(status_code)
        elif isinstance(problem, HTTPError) and problem.log_message:
            text = problem.log_message % problem.args if problem.args else problem.log_message
        else:
            text = self._reason
        if self.is_api():
            self.answer({"error": status_code, "text": text})
        else:
            self.show("error.html", status=status_code, text=text)


# --- pages ------------------------------------------------------------------------------------------------------------


class Front(Handler):
    async def get(self) -> None:
        units, status, health = await asyncio.gather(self.ask("units"), self.ask("status"), self.ask("health"))
        wanted = self.get_query_argument("filter", "")
        state = self.get_query_argument("state", "")
        words = wanted.lower().split()
        rows = [row for row in units if (state == "all" or row["active"] == state if state else row["active"] != "inactive")
                and all(word in f"{row['name']} {row['description']} {row['sub']}".lower() for word in words)]
        self.show("units.html", rows=rows, count=len(units), status=status, health=health, wanted=wanted, state=state,
                  states=metrics.ACTIVE_STATES)


class UnitPage(Handler):
    async def get(self, name: str) -> None:
        unit = await self.ask("unit", unit=name)
        self.show("unit.html", unit=unit, name=name, graph=_graph(name, unit), verbs=VERBS)


class Confirm(Handler):
    """Asks again, says what else goes down, and does it."""

    async def get(self, name: str, verb: str) -> None:
        self.show("confirm.html", unit=await self.ask("unit", unit=name), name=name, verb=verb)

    async def post(self, name: str, verb: str) -> None:
        done = await self.ask(verb, unit=name)
        self.redirect(f"{_link(name)}?done={verb}-{done['result']}")


class Boot(Handler):
    async def get(self) -> None:
        boot = await self.ask("boot")
        self.show("boot.html", boot=boot, chart=pictures.boot_chart(boot, _link))


class Login(Handler):
    is_for_all = True

    async def get(self) -> None:
        self.show("login.html", text="")

    async def post(self) -> None:
        token = self.get_body_argument("token", "")
        try:
            ticket = await self.shared.broker.ask("login", token)
        except Refusal as refusal:
            self.set_status(_STATUS[refusal.word])
            self.show("login.html", text=refusal.text)
            return
        self.set_cookie(COOKIE, ticket, httponly=True, samesite="Strict", secure=self.policy.is_tls, path="/")
        self.redirect("/")


class Logout(Handler):
    is_for_all = True

    async def post(self) -> None:
        self.clear_cookie(COOKIE, path="/")
        self.redirect("/")


class Missing(Handler):
    async def prepare(self) -> None:
        await super().prepare()
        raise HTTPError(404, "There is no such page.")


class Files(StaticFileHandler):
    def set_extra_headers(self, path: str) -> None:
        for name, value in _HEADERS.items():
            self.set_header(name, value)
        self.set_header("Cache-Control", "no-cache")


# --- for programs -------------------------------------------------------------------------------------------------------


class Probe(Handler):
    """/livez, /readyz: what `pyinit health` says; its exit status is 200 or 503. Names are for those who may look."""

    is_for_all = True

    async def get(self, name: str) -> None:
        try:
            health = await self.ask("health", live=name == "livez")
        except Refusal as refusal:
            health = {"is_good": False, "text": refusal.text}
        self.set_status(200 if health["is_good"] else 503)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        is_told = self.policy.is_open or self._has_certificate() or await self._has_proof()
        self.finish((health["text"] if is_told else health["text"].partition(":")[0]) + "\n")


class Metrics(Handler):
    async def get(self) -> None:
        status, health, units = await asyncio.gather(self.ask("status"), self.ask("health"), self.ask("units"))
        self.set_header("Content-Type", metrics.CONTENT_TYPE)
        self.finish(metrics.exposition(status, health["is_good"], units))


class Units(Handler):
    async def get(self) -> None:
        self.answer({"units": await self.ask("units")})


class Unit(Handler):
    async def get(self, name: str) -> None:
        self.answer(await self.ask("unit", unit=name))


class Change(Handler):
    """POST: waits for the job's end. 200 where it is done, 500 where it is not."""

    async def post(self, name: str, verb: str) -> None:
        done = await self.ask(verb, unit=name)
        self.set_status(200 if done["result"] == "done" else 202 if done["result"] == "waiting" else 500)
        self.answer(done)


class Streaming(Handler):
    """Lines as they come: server-sent events for who accepts them, otherwise JSON, one object a line."""

    async def pass_on(self, name: str, **more: object) -> None:
        is_sse = "text/event-stream" in self.request.headers.get("Accept", "")
        if self.shared.streams >= _MOST_STREAMS:
            raise HTTPError(503, "Too many streams are open.")
        self.shared.streams += 1
        try:
            self.stream = await self.shared.broker.follow(name, self.proof, **more)
            self.set_header("Content-Type", "text/event-stream" if is_sse else "application/x-ndjson")
            await self.flush()
            async for item in self.stream.items():
                text = "" if item is None else json.dumps(self.shape(item))
                self.write((f"data: {text}\n\n" if text else ":\n\n") if is_sse else text + "\n")
                await self.flush()
        except (StreamClosedError, ConnectionError):
            pass  # the reader has gone
        finally:
            self.shared.streams -= 1
            if hasattr(self, "stream"):
                self.stream.close()

    def shape(self, item: dict[str, Any]) -> dict[str, Any]:
        return item

    def on_connection_close(self) -> None:
        if hasattr(self, "stream"):
            self.stream.close()


class Events(Streaming):
    async def get(self) -> None:
        await self.pass_on("events")


class Logs(Streaming):
    """?lines=N, ?follow=1. It takes the token: what services write is not for everybody."""

    async def get(self, name: str) -> None:
        lines = self.get_query_argument("lines", "200")
        if not lines.isdecimal() or len(lines) > 5:
            raise HTTPError(400, "lines= is a number.")
        await self.pass_on("logs", unit=name, lines=int(lines), follow=self.get_query_argument("follow", "") == "1")

    def shape(self, item: dict[str, Any]) -> dict[str, Any]:
        message = item.get("MESSAGE")
        if isinstance(message, list):  # bytes that are no text
            message = bytes(message).decode("utf-8", "replace")
        return {"at": int(item["__REALTIME_TIMESTAMP"]), "priority": int(item.get("PRIORITY", "6")),
                "from": item.get("SYSLOG_IDENTIFIER", ""), "pid": item.get("_PID", ""), "message": message or ""}


_NAME = r"([^/]+)"
_VERB = "(" + "|".join(VERBS) + ")"
ROUTES = (
    (r"/", Front), (rf"/units/{_NAME}", UnitPage), (rf"/units/{_NAME}/{_VERB}", Confirm), (r"/boot", Boot),
    (r"/login", Login), (r"/logout", Logout), (r"/(livez|readyz)", Probe), (r"/metrics", Metrics),
    (r"/api/units", Units), (rf"/api/units/{_NAME}", Unit), (rf"/api/units/{_NAME}/{_VERB}", Change),
    (rf"/api/units/{_NAME}/logs", Logs), (r"/api/events", Events),
)  # fmt: skip


# --- how things are written -----------------------------------------------------------------------------------------------


def _link(name: str) -> str:
    return "/units/" + quote(name, safe="")


def _since(usec: int | None) -> str:
    """A moment, as UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(usec / 1e6)) if usec else ""


def _size(count: int | None) -> str:
    return "" if count is None else f"{count / (1 << 20):.1f} MB"


def _graph(name: str, unit: dict[str, Any]) -> str:
    states = {**unit["states"], name: unit["ActiveState"]}
    return pictures.graph(name, unit["dependencies"], states, (NEEDS, NEEDED_BY), _link)


# --- sockets --------------------------------------------------------------------------------------------------------------


def make_application(policy: Policy, shared: Shared) -> Application:
    common = {"policy": policy, "shared": shared}
    return Application(
        [(pattern, handler, common) for pattern, handler in ROUTES],
        template_path=f"{HERE}/templates", static_path=f"{HERE}/static", static_handler_class=Files, autoescape="xhtml_escape",
        default_handler_class=Missing, default_handler_args=common, log_function=lambda handler: None, xsrf_cookies=True,
        xsrf_cookie_kwargs={"httponly": True, "samesite": "Strict", "secure": policy.is_tls},
    )  # fmt: skip


class Setup:
    """What the command line and the credentials say."""

    def __init__(self, is_closed: bool = False, names: frozenset[str] = frozenset(), tls: ssl.SSLContext | None = None,
                 token: str = "", broker: str = "", idle_sec: int = 0) -> None:
        self.is_closed, self.names, self.tls, self.token, self.broker = is_closed, names, tls, token, broker
        self.idle_sec = idle_sec


def policy_for(listener: socket.socket, setup: Setup) -> Policy:
    if listener.family == socket.AF_UNIX:
        return Policy(not setup.is_closed, setup.names or None)
    is_local = guard.is_loopback(listener.getsockname()[0])
    names = setup.names if is_local or setup.names else None
    return Policy(is_local and not setup.is_closed, names, setup.tls is not None, setup.token)


async def serve(listeners: list[socket.socket], setup: Setup) -> None:
    """Until nobody has asked for anything for as long as the setup says; 0: until the process ends."""
    shared = Shared(Broker(setup.broker) if setup.broker else Broker())
    for listener in listeners:
        listener.setblocking(False)
        policy = policy_for(listener, setup)
        server = HTTPServer(make_application(policy, shared), ssl_options=setup.tls if policy.is_tls else None,
                            max_body_size=_LONGEST_BODY, max_buffer_size=1 << 20, idle_connection_timeout=60, body_timeout=10)
        server.add_socket(listener)
    while not setup.idle_sec:
        await asyncio.sleep(3600)
    while shared.busy or (left := shared.used_at + setup.idle_sec - time.monotonic()) > 0:
        await asyncio.sleep(1 if shared.busy else left)
