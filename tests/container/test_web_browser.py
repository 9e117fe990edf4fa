"""pyinit-web in headless Chromium, which runs in the container; `make web` keeps what it sees in debian/doc."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from harness import TREE, Container, Image

webdriver = pytest.importorskip("selenium.webdriver")
By = pytest.importorskip("selenium.webdriver.common.by").By

pytestmark = pytest.mark.container

IMAGE = Image(("chromium", "chromium-driver", "fonts-dejavu-core", "nginx", "openssh-server", "cron", "procps"), with_web=True)
PAGE, DRIVER_PORT = "http://127.0.0.1:8128", 9515
UNITS = {
    "backup.service": "[Unit]\nDescription=Nightly backup\n[Service]\nExecStart=/bin/sh -c 'echo No space left >&2; exit 1'\n",
    "shop.service": "[Unit]\nDescription=The shop's worker\nRequires=nginx.service\nAfter=nginx.service\nWants=cron.service\n"
                    "[Service]\nExecStart=/bin/sh -c 'n=0; while read -r line; do n=$((n+1)); echo \"order $n: $line\"; done'\n"
                    "StandardInput=file:/run/orders\n",
    "evil.service": "[Unit]\nDescription=<img src=x onerror=alert(1)>\n[Service]\n"
                    "ExecStart=/bin/sh -c 'echo \"<img src=x onerror=alert(2)>\"; exec sleep 1000'\n",
}  # fmt: skip


def enter_network(path: str) -> None:
    """From here on this thread's connections are made in that network (setns(2); os.setns is Python 3.12's)."""
    fd = os.open(path, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(fd, 0):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(fd)


@pytest.fixture(scope="module")
def box():
    container = Container(IMAGE)
    try:
        container.start().wait_until_booted()
        container.exec("mkfifo", "/run/orders")
        for name, text in UNITS.items():
            container.write(f"/etc/systemd/system/{name}", text)
        container.systemctl("daemon-reload")
        # The one that writes keeps the queue open.
        container.exec("systemd-run", "--unit=queue", "--description=The queue of orders", "sh", "-c",
                       "exec sleep inf <>/run/orders")
        container.systemctl("start", "shop.service")
        container.systemctl("start", "backup.service", check=False)
        container.token = container.exec("pyinit-web", "token").stdout.strip()
        container.systemctl("enable", "--now", "pyinit-web.socket")
        yield container
    finally:
        container.remove()


@pytest.fixture(scope="module")
def driver(box):
    """chromedriver in the container, reached from this thread, which has the container's network for as long."""
    chromedriver = subprocess.Popen([*box.podman, "exec", box.id, "chromedriver", f"--port={DRIVER_PORT}"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    enter_network(f"/proc/{box.pid}/ns/net")
    try:
        box.wait_until("chromedriver answers", lambda: box.on_its_network(
            "curl", "--silent", f"http://127.0.0.1:{DRIVER_PORT}/status").stdout)
        yield f"http://127.0.0.1:{DRIVER_PORT}"
    finally:
        enter_network(f"/proc/self/fd/{own}")
        os.close(own)
        chromedriver.kill()
        chromedriver.wait()


@pytest.fixture
def open_browser(driver):
    """open_browser() → a fresh browser, which waits for what it is to find."""
    opened = []

    def start(has_scripts: bool = True):
        options = webdriver.ChromeOptions()
        for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1000,760",
                     "--hide-scrollbars"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        if not has_scripts:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        opened.append(webdriver.Remote(driver, options=options))
        opened[-1].implicitly_wait(20)
        return opened[-1]

    yield start
    for browser in opened:
        browser.quit()


@pytest.fixture
def browser(driver, open_browser):
    """Nothing that the page does is against its own policy, or fails."""
    opened = open_browser()
    yield opened
    said = [each["message"] for each in console(driver, opened) if each["level"] == "SEVERE"]
    assert [text for text in said if "status of 403" not in text] == []


def console(driver: str, browser) -> list[dict]:
    """What the browser had to say. chromedriver tells; selenium asks it through local browsers alone."""
    request = Request(f"{driver}/session/{browser.session_id}/se/log", json.dumps({"type": "browser"}).encode())
    with urlopen(request, timeout=20) as answer:
        return json.load(answer)["value"]


def log_in(browser, token: str) -> None:
    browser.get(f"{PAGE}/login")
    browser.find_element(By.ID, "token").send_keys(token)
    browser.find_element(By.CSS_SELECTOR, ".login button").click()
    browser.find_element(By.CSS_SELECTOR, "#refusal, header form[action='/logout']")


def keep(browser, name: str) -> None:
    """A picture for the documentation, where it is wanted."""
    data = browser.get_screenshot_as_png()
    assert len(data) < 150_000, name
    if os.environ.get("PYINIT_KEEP_PICTURES"):
        Path(TREE, "debian/doc", f"web-{name}.png").write_bytes(data)


def row(browser, unit: str):
    return browser.find_element(By.CSS_SELECTOR, f'tr[data-unit="{unit}"]')


def test_units_are_shown_filtered_while_typing_and_change_by_themselves(box, browser):
    browser.get(f"{PAGE}/")
    assert browser.title == "degraded – pyinit"
    assert "backup.service failed" in browser.find_element(By.ID, "health").text
    browser.find_element(By.ID, "filter").send_keys("service")
    rows = browser.find_elements(By.CSS_SELECTOR, "tbody tr")
    shown = [each.get_attribute("data-unit") for each in rows if each.is_displayed()]
    assert {"nginx.service", "shop.service", "backup.service"} <= set(shown)
    assert browser.find_element(By.ID, "count").text.startswith(f"{len(shown)} of ")
    keep(browser, "units")
    # One that is not shown at first would not be seen to change: whether the page listens is asked with one that is.
    box.systemctl("stop", "cron.service")
    box.wait_until("the row says so", lambda: "inactive dead" in row(browser, "cron.service").text)
    box.systemctl("start", "cron.service")
    box.wait_until("the row says so", lambda: "active running" in row(browser, "cron.service").text)


def test_a_unit_is_restarted_behind_a_question_and_its_log_follows(box, browser):
    log_in(browser, "no such token at all")
    assert "not the token" in browser.find_element(By.ID, "refusal").text
    log_in(browser, box.token)
    browser.get(f"{PAGE}/units/shop.service")
    box.exec("sh", "-c", "for what in 'two books' 'a lamp' 'one chair'; do echo $what >/run/orders; done")
    box.wait_until("the lines are there", lambda: "order 3: one chair" in browser.find_element(By.ID, "log").text)
    browser.execute_script("document.getElementById('log').scrollIntoView({block: 'end'})")
    keep(browser, "unit")
    assert browser.find_element(By.CSS_SELECTOR, '#graph a[href="/units/nginx.service"] .active').is_displayed()
    browser.get(f"{PAGE}/units/nginx.service")
    before = box.main_pid("nginx.service")
    browser.find_element(By.LINK_TEXT, "restart").click()
    assert "shop.service" in browser.find_element(By.ID, "others").text
    keep(browser, "confirm")
    assert box.main_pid("nginx.service") == before
    browser.find_element(By.ID, "confirm").click()
    assert browser.find_element(By.ID, "done").text == "restart-done"
    assert box.main_pid("nginx.service") not in (0, before)


def test_what_services_write_is_text(box, browser):
    box.systemctl("start", "evil.service")
    log_in(browser, box.token)
    assert "<img src=x onerror=alert(1)>" in row(browser, "evil.service").text
    browser.get(f"{PAGE}/units/evil.service")
    box.wait_until("the line is there", lambda: "<img src=x onerror=alert(2)>" in browser.find_element(By.ID, "log").text)
    assert "<img" not in browser.page_source
    box.systemctl("stop", "evil.service")


def test_the_boot_is_a_chart_whose_bars_lead_to_units(box, browser):
    browser.get(f"{PAGE}/boot")
    bars = browser.find_elements(By.CSS_SELECTOR, "#chart a")
    assert len(bars) > 20 and browser.find_element(By.CSS_SELECTOR, "#chart rect").size["width"] > 0
    keep(browser, "boot")
    browser.find_element(By.CSS_SELECTOR, '#chart a[href="/units/ssh.service"] text').click()
    assert browser.find_element(By.TAG_NAME, "h1").text.startswith("ssh.service")


def test_it_works_without_scripts(box, open_browser):
    browser = open_browser(has_scripts=False)
    browser.get(f"{PAGE}/")
    browser.find_element(By.ID, "filter").send_keys("nginx")
    browser.find_element(By.CSS_SELECTOR, ".filter button").click()
    box.wait_until("it was asked for", lambda: browser.current_url.endswith("filter=nginx&state="))
    rows = browser.find_elements(By.CSS_SELECTOR, "tbody tr")
    assert [each.get_attribute("data-unit") for each in rows] == ["nginx.service"]
    log_in(browser, box.token)
    browser.get(f"{PAGE}/units/nginx.service/stop")
    browser.find_element(By.ID, "confirm").click()
    assert browser.find_element(By.CSS_SELECTOR, "h1 .state").text == "inactive"
    box.systemctl("start", "nginx.service", "shop.service")
    browser.find_element(By.CSS_SELECTOR, "header form button").click()
    browser.find_element(By.ID, "login")
    browser.get(f"{PAGE}/units/nginx.service")
    assert "Log in to start and stop it" in browser.find_element(By.CSS_SELECTOR, ".hint").text
    assert 'href="/units/nginx.service/restart"' not in browser.page_source


def test_another_sites_page_changes_nothing(box, browser):
    """A form that it makes has no cross-site token of ours, and the browser sends no ticket with it."""
    log_in(browser, box.token)
    before = box.main_pid("nginx.service")
    browser.get(f"data:text/html,<form method=post action='{PAGE}/units/nginx.service/stop'><button>x</button></form>")
    browser.find_element(By.TAG_NAME, "button").click()
    browser.find_element(By.ID, "problem")
    assert browser.find_element(By.TAG_NAME, "h1").text == "403"
    assert box.main_pid("nginx.service") == before
