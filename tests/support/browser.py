"""A real Chromium without a window, and servers on loopback that stand for other people's pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

# In continuous integration nothing may be left out without a word: there these tests fail without a browser.
needs_browser = pytest.mark.skipif(
    not (CHROMIUM and DRIVER) and os.environ.get("CI") != "true",
    reason="no Chromium or no chromedriver is installed (Debian: chromium, chromium-driver)",
)


@contextmanager
def browser(folder: Path, beacon: Site | None = None) -> Iterator[Chrome]:
    """Chromium with an empty profile in `folder`, for which beacon.example is `beacon`, and any other .example is
    127.0.0.1."""
    assert CHROMIUM, "no Chromium is installed (Debian: chromium)"
    assert DRIVER, "no chromedriver is installed (Debian: chromium-driver)"
    there = f"MAP beacon.example 127.0.0.1:{beacon.port}," if beacon else ""
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--window-size=1600,1200",
        f"--host-resolver-rules={there}MAP *.example 127.0.0.1",
        f"--user-data-dir={folder / 'profile'}",
    ):
        options.add_argument(flag)
    driver = Chrome(options, ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def until(page: Chrome, holds: Callable[[], object], seconds: float = 120) -> None:
    """Waits until `holds` says so. A page may replace an element, or cover it, while it is looked at."""
    passing = (StaleElementReferenceException, ElementClickInterceptedException)
    WebDriverWait(page, seconds, ignored_exceptions=passing).until(lambda _: holds())


def text(page: Chrome) -> str:
    """The text that is to be seen, asked of the page in one call: nothing can be replaced in between."""
    return str(page.execute_script("return document.body ? document.body.innerText : ''"))


def press(page: Chrome, label: str) -> bool:
    """Whether there was a button with this label to click on."""
    buttons = page.find_elements(By.XPATH, f"//button[contains(., '{label}')]")
    for button in buttons[:1]:
        button.click()
    return bool(buttons)


class Site:
    """A server of one page; `asked` are the paths that were asked for, in order."""

    def __init__(self, page: str = "") -> None:
        self.page = page
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(site.page.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self.server.server_address[1]

    def __enter__(self) -> Site:
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
