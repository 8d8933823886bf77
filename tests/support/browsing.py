"""A real `slingshot browse` on loopback, and what a person does on its pages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.support.browser import text, until
from tests.support.serving import Printed
from tests.support.tiny import ROOT


class Pages(Printed):
    """`slingshot browse` in a separate process, whose current folder is `folder`."""

    def __init__(self, data: Path, folder: Path) -> None:
        self.log = folder / "browse.log"
        with self.log.open("w") as log:
            command = [sys.executable, str(ROOT / "slingshot.py"), "browse", "--warehouse", str(data)]
            self.process = subprocess.Popen(
                [*command, "--port", "0", "--reviewer", "ann"],
                cwd=folder,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Pages:
        deadline = time.monotonic() + 120
        while not self.address:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def base(self) -> str:
        """The address without the token."""
        return self.address.partition("/?")[0]

    @property
    def port(self) -> int:
        """The port."""
        return int(self.base.rpartition(":")[2])


def choose(page: Chrome, css: str, label: str) -> None:
    """Chooses an entry of a list, once the list that was chosen from before has closed."""
    until(page, lambda: not page.find_elements(By.CSS_SELECTOR, ".q-menu"), 20)
    page.find_element(By.CSS_SELECTOR, f"{css} .q-field__control").click()

    def click() -> bool:
        for item in page.find_elements(By.CSS_SELECTOR, ".q-menu .q-item"):
            if item.text == label:
                item.click()
                return True
        return False

    until(page, click, 20)


def write(page: Chrome, css: str, words: str) -> None:
    """Replaces the text of an input."""
    box = page.find_element(By.CSS_SELECTOR, css)
    box.click()
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys(words or Keys.DELETE)


def shown(page: Chrome, css: str) -> str:
    """The text of an element; empty while there is none."""
    return str(page.execute_script("return document.querySelector(arguments[0])?.innerText || ''", css))


def cells(page: Chrome, column: str, grid: str = ".ag-center-cols-container") -> list[str]:
    """The texts of a column of the grid that are on the screen, from top to bottom."""
    script = (
        "return [...document.querySelectorAll(`${arguments[0]} .ag-row`)]"
        ".sort((a, b) => a.getAttribute('row-index') - b.getAttribute('row-index'))"
        ".map((row) => row.querySelector(`[col-id=\"${arguments[1]}\"]`)?.innerText ?? '')"
    )
    return [str(cell) for cell in page.execute_script(script, grid, column)]


def count(page: Chrome, words: str) -> None:
    """Waits until the page says how many rows there are."""
    until(page, lambda: shown(page, ".count") == words or _unequal(page, words), 30)


def _unequal(page: Chrome, words: str) -> bool:
    assert "Traceback" not in text(page), words
    return False
