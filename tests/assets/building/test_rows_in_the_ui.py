"""Rows come from strangers and models. So a real browser opens the UI on rows full of HTML and markdown: each is shown
as it stands, and nothing in it becomes a link, a picture, a script or a part of the page."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import dagster as dg
import polars as pl
import yaml
from selenium.webdriver import Chrome

from assets.building.facts import sample
from assets.building.metadata import metadata_of
from tests.support.browser import Site, browser, needs_browser, text, until
from tests.support.serving import Server
from tests.support.tiny import tiny_recipe
from warehouse.store.published import Effort

RUNS = "{ runsOrError { ... on Runs { results { runId } } } }"

HOSTILE = [
    "<img src=x onerror=\"location='http://beacon.example/img'\"><script>location='http://beacon.example/script'</script>",
    "[click](javascript:location='http://beacon.example/js') <a href='http://beacon.example/a'>here</a> http://beacon.example/plain",
    "![picture](http://beacon.example/markdown) ![][1] ` ``` ~~~ **bold** _thin_ # heading &lt;b&gt; &amp;",
    "cell | cell \\| cell || --- | <table><tr><td>x</table></div></div>",
    "# heading\n\n---\n\n1. list\n\n```\n[1]: http://beacon.example/reference\n```\n<iframe src='http://beacon.example/frame'></iframe>",
]


@needs_browser
def test_a_row_is_shown_as_it_stands(tiny_model: Path, tiny_embedder: Path, tmp_path: Path) -> None:
    recipe = hostile_recipe(tiny_model, tiny_embedder, tmp_path)
    with Site() as site, Server(recipe, tmp_path / "data") as server, browser(tmp_path, site) as page:
        page.get("http://beacon.example/is-there")
        assert site.asked.pop(0) == "/is-there"
        server.wait()
        assert server.materialize([["benchmark_items"]]) == "SUCCESS"
        assert server.materialize([["documents"]]) == "FAILURE"
        runs = [run["runId"] for run in server.ask(RUNS)["runsOrError"]["results"]]
        page.get(server.address)
        look(page, server, "assets/benchmark_items", "sample")
        cells = page.execute_script(
            "return [...document.querySelectorAll('td:not(:has(table))')].map((c) => c.innerText)"
        )
        found = {re.sub(r"^\d+ ", "", cell) for cell in cells if cell.endswith(" end")}
        assert found == {f"{' '.join(words.split())} end" for words in HOSTILE}
        look(page, server, "assets/benchmark_items?view=events", "sample")
        look(page, server, f"runs/{runs[1]}", "RUN_SUCCESS")
        assert "available: " in look(page, server, f"runs/{runs[0]}?logs=step%3Adocuments", "STEP_FAILURE")
        assert [path for path in site.asked if path != "/favicon.ico"] == []


def hostile_recipe(model: Path, embedder: Path, folder: Path) -> Path:
    """A recipe with items of a benchmark that are hostile, and documents whose error has hostile names of columns."""
    rows = [
        # Five of the rows are shown; with four hostile texts in each, every text is among them.
        {"title": f"{number} {HOSTILE[number % 5]} end"}
        | {name: f"{HOSTILE[(number + place) % 5]} end" for place, name in enumerate(("text", "more", "last"), 1)}
        | dict.fromkeys(HOSTILE, "")
        for number in range(60)
    ]
    source = folder / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = tiny_recipe(model, embedder, source)
    recipe["benchmark_items"][0] |= {
        "slice": [0, 50],
        "count": 5,
        "fields": {"instruction": "{title}", "reference": "{text}", "input": "{more}", "details": "{last}"},
    }
    recipe["seed_tasks"][0] |= {"slice": [50, 90]}
    recipe["documents"][0] |= {"slice": [90, 100], "fields": {"text": "{no_such_column}"}}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return path


def look(page: Chrome, server: Server, path: str, awaited: str) -> str:
    """The text of a page of the UI, on which nothing comes from a row but text."""
    address = f"http://127.0.0.1:{server.port}/{path}"
    page.get(address)
    until(page, lambda: awaited in text(page))
    time.sleep(1)  # for what would load late
    assert page.current_url.startswith(address)
    places = page.execute_script(
        "return [...document.querySelectorAll('[src], [href], [onerror], [action]')]"
        ".map((one) => ['src', 'href', 'onerror', 'action'].map((name) => one.getAttribute(name) || '').join(' '))"
    )
    assert places
    assert [place for place in places if "beacon" in place or "javascript:" in place or "onerror" in place] == []
    return text(page)


def test_a_sample_has_one_cell_for_each_value() -> None:
    frame = pl.DataFrame({"text": ["a | b\n\n# c", None], "vector": [[0.5, 1.0], [0.0]], "number": [1 / 3, 2.0]})
    cells = sample(frame)
    assert cells == {
        "columns": ["text", "vector", "number"],
        "rows": [["a | b # c", "2 numbers", "0.3333"], ["", "1 numbers", "2"]],
    }
    assert sample(frame.head(0)) == {"columns": ["text", "vector", "number"], "rows": []}


def test_a_sample_that_was_stored_as_markdown_is_shown_as_text() -> None:
    facts = {"rows": [], "sample": "| ![x](http://elsewhere.example) |", "notes": {}}
    assert metadata_of(facts, Effort(), "unchanged")["sample"] == dg.MetadataValue.text(facts["sample"])
