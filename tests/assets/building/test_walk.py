"""What a person does in the UI all day, in a real browser: open the graph, edit the recipe, see what is stale and why,
pick an asset too early, and materialize what is stale. With `--screenshots FOLDER` each step leaves a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from assets.loading.file import load_recipe
from tests.support.browser import browser, needs_browser, text, until
from tests.support.building import edit
from tests.support.serving import Server

STALE = "{ assetNodes { assetKey { path } staleStatus } }"
RUNS = "{ runsOrError { ... on Runs { results { runId status } } } }"
GATE, ENDS = "enhanced_instructions/self_training", "training_sets/self_training"
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


@needs_browser
def test_a_day_in_the_ui(own: tuple[Path, Path], tmp_path: Path, picture: Callable[[Chrome, str], None]) -> None:
    recipe, data = own
    with Server(recipe, data) as server, browser(tmp_path) as page:
        server.wait()
        base = f"http://127.0.0.1:{server.port}"
        page.get(server.address)
        until(page, lambda: "6_evaluation" in text(page))
        assert page.current_url.startswith(f"{base}/asset-groups")
        picture(page, "1-graph")
        assert "Traceback" not in server.log.read_text()
        assert stale(server) == set()
        edit(recipe, lambda values: values["enhancement"]["heuristics"].update(response_words=[2, 100]))
        until(page, lambda: "the UI shows what is stale" in server.log.read_text(), 240)
        gates = {f"enhanced_instructions/{arm}" for arm in _arms(recipe)}
        until(page, lambda: stale(server) == gates)
        page.get(f"{base}/assets/{GATE}")
        until(page, lambda: WHY in text(page))
        assert "Out of date at " in text(page)
        picture(page, "2-stale")

        assert server.materialize([ENDS.split("/")]) == "FAILURE"
        page.get(f"{base}/runs/{runs(server)[0]['runId']}")
        until(page, lambda: f"{ENDS} waits for {GATE}" in text(page))
        picture(page, "3-waits")

        assert server.materialize([gate.split("/") for gate in sorted(gates)]) == "SUCCESS"
        until(page, lambda: not stale(server) & gates)


def _arms(recipe: Path) -> list[str]:
    return list(load_recipe(recipe).arms)
