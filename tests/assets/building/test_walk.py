"""What a person does in the UI all day, in a real browser: open the graph, materialize a selection, look at a sample
and a plot, edit the recipe, see what is stale and why, pick an asset too early, and materialize what is stale. With
`--screenshots FOLDER` each step leaves a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from assets.loading.file import load_recipe
from tests.support.browser import browser, needs_browser, press, text, until
from tests.support.building import edit
from tests.support.serving import ASSETS, Server

STALE = "{ assetNodes { assetKey { path } staleStatus } }"
RUNS = "{ runsOrError { ... on Runs { results { runId status } } } }"
GATE, ENDS = "enhanced_instructions/self_training", "training_sets/self_training"
SCORES = "scores/longform/self_instruct"
# A picture with pixels: a broken one has none.
DRAWN = (
    "return [...document.querySelectorAll('[role=dialog] img, .bp5-dialog img, img')].some((i) => i.naturalWidth > 200)"
)
WHY = "enhancement.heuristics.response_words [1, 100] → [2, 100]"


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[Chrome, str], None]:
    """Saves a picture of the page under a name, where a folder is asked for."""
    folder = request.config.getoption("--screenshots")

    def save(page: Chrome, name: str) -> None:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            page.save_screenshot(str(folder / f"{name}.png"))

    return save


def stale(server: Server) -> set[str]:
    nodes = server.ask(STALE)["assetNodes"]
    return {"/".join(node["assetKey"]["path"]) for node in nodes if node["staleStatus"] == "STALE"}


def runs(server: Server) -> list[dict[str, Any]]:
    return list(server.ask(RUNS)["runsOrError"]["results"])


def graph(server: Server, selection: str) -> str:
    """The address of the graph of a selection, with its groups open."""
    groups = {node["groupName"] for node in server.ask(ASSETS)["assetNodes"]}
    shown = quote(",".join(f"global@global:{group}" for group in sorted(groups)))
    return f"http://127.0.0.1:{server.port}/asset-groups~{quote(selection, safe='')}?expanded={shown}"


def pressed(page: Chrome, server: Server, label: str) -> dict[str, Any]:
    """Presses a button and waits until the run that it starts has ended."""
    before = len(runs(server))
    until(page, lambda: press(page, label))
    until(page, lambda: len(runs(server)) == before + 1)
    until(page, lambda: runs(server)[0]["status"] in ("SUCCESS", "FAILURE"), 240)
    return runs(server)[0]


def chosen(page: Chrome, path: str) -> bool:
    """Whether there was an element to click on."""
    found = page.find_elements(By.XPATH, path)
    for element in found[:1]:
        element.click()
    return bool(found)


@needs_browser
def test_a_day_in_the_ui(own: tuple[Path, Path], tmp_path: Path, picture: Callable[[Chrome, str], None]) -> None:
    recipe, data = own
    with Server(recipe, data) as server, browser(tmp_path) as page:
        server.wait()
        base = f"http://127.0.0.1:{server.port}"
        page.set_window_size(1900, 950)
        page.get(server.address)
        until(page, lambda: "6_evaluation" in text(page))
        assert page.current_url.startswith(f"{base}/asset-groups")
        assert "Traceback" not in server.log.read_text()
        assert stale(server) == set()

        page.get(graph(server, f'+key:"{SCORES}"'))
        until(page, lambda: "raw_self_instruct" in text(page))
        assert pressed(page, server, "Materialize all")["status"] == "SUCCESS"
        page.refresh()
        until(page, lambda: "raw_self_instruct" in text(page))
        picture(page, "1-graph")

        page.get(f"{base}/assets/{ENDS}")
        until(page, lambda: "Row count" in text(page) and "sample" in text(page))
        _seen(page, "sample")
        until(page, lambda: "Show schema" in text(page))
        picture(page, "2-sample")
        page.get(f"{base}/assets/students/self_training")
        until(page, lambda: chosen(page, "//tr[starts-with(normalize-space(.), 'plot')]//a[contains(., 'Show')]"))
        until(page, lambda: page.execute_script(DRAWN))
        picture(page, "3-plot")

        edit(recipe, lambda values: values["enhancement"]["heuristics"].update(response_words=[2, 100]))
        until(page, lambda: "the UI shows what is stale" in server.log.read_text(), 240)
        gates = {f"enhanced_instructions/{arm}" for arm in load_recipe(recipe).arms}
        until(page, lambda: stale(server) == gates)
        page.get(f"{base}/assets/{GATE}")
        until(page, lambda: WHY in text(page))
        assert "Out of date at " in text(page)
        picture(page, "4-stale")

        page.get(f"{base}/assets/{ENDS}")
        early = pressed(page, server, "Materialize")
        assert early["status"] == "FAILURE"
        page.get(f"{base}/runs/{early['runId']}")
        until(page, lambda: f"{ENDS} waits for {GATE}" in text(page))
        picture(page, "5-waits")

        page.get(f"{base}/asset-groups")
        until(page, lambda: chosen(page, "//button[contains(., 'Materialize all')]/following::button[1]"))
        until(page, lambda: chosen(page, "//*[@role='menuitem'][contains(., 'Materialize unsynced')]"))
        until(page, lambda: f"Materialize {len(gates)} assets" in text(page))
        assert {gate for gate in gates if gate.replace("/", " / ") in text(page)} == gates
        picture(page, "6-unsynced")
        assert pressed(page, server, f"Materialize {len(gates)} assets")["status"] == "SUCCESS"
        until(page, lambda: not stale(server) & gates)


def _seen(page: Chrome, label: str) -> None:
    """Scrolls to the row of the metadata with this label."""
    page.execute_script(
        "[...document.querySelectorAll('tr')].find((row) => row.innerText.startsWith(arguments[0])).scrollIntoView()",
        label,
    )
