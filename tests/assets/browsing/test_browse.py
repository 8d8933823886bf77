"""People read rows of strangers and models here, and decide about them. So a real browser uses the pages: what it shows
is what the warehouse has, as text, from this machine alone; a decision is on record; and builds go on meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.support.browser import Site, browser, needs_browser, press, text, until
from tests.support.browsing import Pages, cells, choose, count, shown, write
from tests.support.building import query, store
from warehouse.store.file_warehouse import FileWarehouse

pytestmark = needs_browser

RAW = "raw_self_instruct"
HOSTILE = (
    "<img src=x onerror=\"location='http://beacon.example/img'\"><script>location='http://beacon.example/s'</script> "
    "${constructor} {{ 7 * 7 }} ` </script><b>bold</b> ![x](http://beacon.example/markdown) [a](javascript:alert(1))"
)


@pytest.fixture
def data(own: tuple[Path, Path]) -> Path:
    return own[1]


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture
def pages(data: Path, tmp_path: Path) -> Iterator[Pages]:
    folder = tmp_path / "current"
    folder.mkdir()
    with Pages(data, folder) as running:
        yield running
    assert [path.name for path in folder.iterdir()] == ["browse.log"]


@pytest.fixture
def page(tmp_path: Path, site: Site) -> Iterator[Chrome]:
    with browser(tmp_path, site) as driver:
        yield driver


def _shows(page: Chrome, place: str) -> bool:
    return place in shown(page, ".compared")


def numbers(data: Path, asset: str, more: str = "true") -> int:
    sql = f"SELECT count(*) FROM lineage.outcomes WHERE asset = '{asset}' AND {more}"
    return int(query(data, sql).item())


def test_rows_are_found_by_outcome_reason_score_and_text_and_shown_as_text(
    data: Path, pages: Pages, page: Chrome, site: Site
) -> None:
    first = query(data, f"SELECT record FROM lineage.outcomes WHERE asset = '{RAW}' ORDER BY position").item(0, 0)
    with store(data).database.write() as connection:
        connection.execute("UPDATE records.pair SET instruction = ? WHERE id = ?", [HOSTILE, first])
    page.get(pages.address)
    until(page, lambda: shown(page, ".count"), 60)
    assert "token" not in page.current_url
    page.get(f"{pages.base}/?asset={RAW}")
    whole = numbers(data, RAW)
    count(page, f"1-{whole} of {whole} rows")
    until(page, lambda: HOSTILE in cells(page, "instruction"))

    write(page, ".search input", "ONERROR=")
    count(page, "1-1 of 1 rows")
    page.find_element(By.CSS_SELECTOR, '.ag-center-cols-container [col-id="instruction"]').click()
    until(page, lambda: HOSTILE in shown(page, ".one-row"))
    assert f"{RAW}: kept" in shown(page, ".one-row .decisions")
    until(page, lambda: "call: completion" in shown(page, ".why"))
    assert "model: model" in shown(page, ".why")
    page.find_element(By.XPATH, "//div[contains(@class, 'q-tree__node-header')][contains(., 'model: model')]").click()
    until(page, lambda: "Apache-2.0" in shown(page, ".why-node"))

    write(page, ".search input", "")
    choose(page, ".outcome", "rejected")
    rejected = numbers(data, RAW, "outcome = 'rejected'")
    count(page, f"1-{rejected} of {rejected} rows" if rejected else "0 rows")
    assert set(cells(page, "outcome")) <= {"rejected"}

    gate = "diverse_instructions/self_instruct"
    page.get(f"{pages.base}/?asset={gate}")
    scores = query(data, f"SELECT score FROM lineage.outcomes WHERE asset = '{gate}' AND score IS NOT NULL ORDER BY 1")
    middle = round(float(scores["score"].median()), 3)  # type: ignore[arg-type]
    until(page, lambda: page.find_elements(By.CSS_SELECTOR, ".least input"))
    write(page, ".least input", f"{middle}")
    count(page, f"1-{numbers(data, gate, f'score >= {middle}')} of {numbers(data, gate, f'score >= {middle}')} rows")

    loaded = page.execute_script("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert {name.split("/")[2] for name in loaded} == {f"127.0.0.1:{pages.port}"}
    assert page.execute_script("return document.querySelectorAll('iframe, b').length") == 0
    assert [path for path in site.asked if path != "/favicon.ico"] == []
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_two_arms_answer_the_same_item_side_by_side(data: Path, pages: Pages, page: Chrome) -> None:
    page.get(pages.address)
    page.get(f"{pages.base}/answers")
    until(page, lambda: shown(page, ".compared"))
    choose(page, ".first", "self_instruct")
    choose(page, ".second", "base")
    until(page, lambda: "self_instruct" in shown(page, ".answer"))
    items = query(data, "SELECT id, instruction, reference FROM benchmark_items ORDER BY position").rows()
    for number, (item, instruction, reference) in enumerate(items):
        place = f"{number + 1} of {len(items)}"
        until(page, partial(_shows, page, place))
        assert {instruction, reference} <= set(shown(page, ".compared").split("\n"))
        sides = [one.text for one in page.find_elements(By.CSS_SELECTOR, ".answer")]
        for arm, side in zip(("self_instruct", "base"), sides, strict=True):
            told = query(data, f"SELECT text FROM predictions__longform__{arm} WHERE item = '{item}'").item()
            assert " ".join(told.split()) in " ".join(side.split())
            assert side.startswith(arm)
            assert "rouge_l" in side
        press(page, "Next")


def test_decisions_are_recorded_with_who_and_why_and_the_queue_goes_on(data: Path, pages: Pages, page: Chrome) -> None:
    asset = "training_sets/self_instruct"
    queue = query(
        data, f"SELECT record FROM lineage.outcomes WHERE asset = '{asset}' AND outcome = 'kept' ORDER BY position"
    )
    first, second = queue["record"].to_list()
    page.get(pages.address)
    page.get(f"{pages.base}/review")
    until(page, lambda: shown(page, ".left") == "2 rows nobody has decided about")
    until(page, lambda: first in shown(page, ".one-row"))

    assert press(page, "Reject")
    until(page, lambda: "a review needs a reason, found none" in text(page))
    assert len(query(data, "FROM lineage.reviews")) == 0
    write(page, ".review-form input[aria-label='Why']", "says nothing")
    assert press(page, "Reject")
    until(page, lambda: shown(page, ".left") == "1 rows nobody has decided about")
    until(page, lambda: second in shown(page, ".one-row"))

    page.find_element(By.CSS_SELECTOR, ".edit .q-expansion-item__container .q-item").click()
    until(page, lambda: page.find_element(By.CSS_SELECTOR, "textarea[aria-label='instruction']").is_displayed())
    write(page, "textarea[aria-label='instruction']", "what is the river")
    write(page, ".review-form input[aria-label='Why']", "clearer")
    assert press(page, "Save edit")
    until(page, lambda: shown(page, ".left") == "0 rows nobody has decided about")
    until(page, lambda: cells(page, "why") == ["clearer", "says nothing"])
    assert cells(page, "who") == ["ann", "ann"]
    found = query(
        data,
        "SELECT record, verdict, content ->> 'instruction', reviewer, reason FROM lineage.reviews ORDER BY reviewed_at",
    )
    assert found.rows() == [
        (first, "reject", None, "ann", "says nothing"),
        (second, "edit", "what is the river", "ann", "clearer"),
    ]


def test_an_open_page_holds_no_build_up(data: Path, pages: Pages, page: Chrome) -> None:
    page.get(pages.address)
    until(page, lambda: shown(page, ".count"))
    with FileWarehouse(data / "slingshot.duckdb", patience=1).write() as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
