"""A page of another origin in a real browser, in which the UI is open: it tries what pages can do, and nothing of the
warehouse changes. The UI itself still launches a run, and a run that is launched is seen as it goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.support.browser import Site, browser, needs_browser, press, text, until
from tests.support.serving import ASSETS, LAUNCH, Server

pytestmark = needs_browser

RUNS = "{ runsOrError { ... on Runs { results { runId status } } } }"
WIPE = 'mutation { wipeAssets(assetPartitionRanges: [{assetKey: {path: ["benchmark_items"]}}]) { __typename } }'
MATERIALIZED = (
    '{ assetOrError(assetKey: {path: ["benchmark_items"]}) { ... on Asset { assetMaterializations { runId } } } }'
)

ATTACK = """
<!doctype html><body><script>
const bodies = BODIES, done = [];
const note = (what) => (value) => done.push(`${what}: ${value && value.type || value}`);
for (const host of ["127.0.0.1:PORT", "localhost:PORT", "rebound.example:PORT"]) {
  const ui = `http://${host}`;
  for (const body of bodies) {
    const get = `${ui}/graphql?query=${encodeURIComponent(body.query)}`
      + `&variables=${encodeURIComponent(JSON.stringify(body.variables))}`;
    for (const mode of ["no-cors", "cors"]) {
      for (const credentials of ["include", "omit"]) {
        fetch(get, {mode, credentials}).then(note("get"), note("get"));
        for (const type of ["text/plain", "application/json", "text/plain; application/json"]) {
          const post = {mode, credentials, method: "POST", body: JSON.stringify(body), headers: {"Content-Type": type}};
          fetch(`${ui}/graphql`, post).then(note("post"), note("post"));
          navigator.sendBeacon(`${ui}/graphql`, new Blob([JSON.stringify(body)], {type}));
        }
      }
    }
    for (const tag of ["img", "script", "iframe"]) {
      const element = document.createElement(tag);
      element.src = get;
      document.body.append(element);
    }
    for (const enctype of ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"]) {
      for (const method of ["post", "get"]) {
        const frame = document.createElement("iframe"), form = document.createElement("form");
        frame.name = `frame${document.forms.length}`;
        Object.assign(form, {action: method == "post" ? get : `${ui}/graphql`, method, enctype, target: frame.name});
        for (const [name, value] of Object.entries({query: body.query, variables: JSON.stringify(body.variables)})) {
          const input = document.createElement("input");
          Object.assign(input, {type: "hidden", name, value});
          form.append(input);
        }
        document.body.append(frame, form);
        form.submit();
      }
    }
    const socket = new WebSocket(`ws://${host}/graphql`, "graphql-ws");
    socket.onopen = () => {
      note("socket")("open");
      socket.send(JSON.stringify({type: "connection_init"}));
      socket.send(JSON.stringify({type: "start", id: "1", payload: body}));
    };
    socket.onerror = note("socket");
  }
  const frame = document.createElement("iframe");
  frame.src = ui;
  document.body.append(frame);
}
window.done = done;
</script></body>
"""


@pytest.fixture
def server(tiny: Path, tmp_path: Path) -> Iterator[Server]:
    with Server(tiny, tmp_path / "data") as running:
        running.wait()
        assert running.materialize([["benchmark_items"]]) == "SUCCESS"
        yield running


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Chrome]:
    with browser(tmp_path) as driver:
        yield driver


def state(server: Server) -> tuple[object, ...]:
    found = server.ask(MATERIALIZED)["assetOrError"]["assetMaterializations"]
    return found, server.ask(RUNS)["runsOrError"]["results"]


def launch(server: Server) -> dict[str, object]:
    """A request that launches a run of the items of the benchmarks."""
    node = server.ask(ASSETS)["assetNodes"][0]
    selector = {
        "repositoryName": node["repository"]["name"],
        "repositoryLocationName": node["repository"]["location"]["name"],
        "pipelineName": node["jobNames"][0],
        "assetSelection": [{"path": ["benchmark_items"]}],
    }
    return {"query": LAUNCH, "variables": {"parameters": {"selector": selector, "mode": "default"}}}


def test_a_foreign_page_changes_nothing_and_the_own_page_launches_a_run(server: Server, page: Chrome) -> None:
    page.get(server.address)
    until(page, lambda: "Deployment" in text(page))
    assert page.current_url.startswith(f"http://127.0.0.1:{server.port}/")
    assert "token" not in page.current_url
    assert page.execute_script("return document.cookie") == ""
    before = state(server)

    bodies = [launch(server), {"query": WIPE, "variables": {}}]
    attack = ATTACK.replace("BODIES", json.dumps(bodies)).replace("PORT", str(server.port))
    with Site(attack) as site:
        for origin in ("127.0.0.1", "localhost", "evil.example"):
            page.get(f"http://{origin}:{site.port}/")
            # 2 bodies to 3 hosts: 4 requests by GET, 12 by POST and a WebSocket each.
            until(page, lambda: page.execute_script("return window.done.length") == 2 * 3 * (4 + 12 + 1))
            done = page.execute_script("return window.done")
            assert {line for line in done if "open" in line or ": cors" in line or ": basic" in line} == set()
            assert "post: opaque" in done
            time.sleep(2)  # for the frames
            page.switch_to.frame(page.find_elements(By.TAG_NAME, "iframe")[-1])
            assert "Deployment" not in text(page)
            page.switch_to.default_content()
            page.execute_script(f"location = 'http://127.0.0.1:{server.port}/graphql?query={quote(WIPE)}'")
            until(page, lambda: "slingshot:" in text(page))
        page.get(f"http://rebound.example:{server.port}/?token={server.token}")
        assert "slingshot: The UI answers only as 127.0.0.1" in text(page)
        assert state(server) == before

    page.get(f"http://127.0.0.1:{server.port}/assets/benchmark_items")
    until(page, lambda: press(page, "Materialize"))
    until(page, lambda: len(server.ask(RUNS)["runsOrError"]["results"]) == 2)
    until(page, lambda: server.ask(RUNS)["runsOrError"]["results"][0]["status"] == "SUCCESS", 120)
    run = server.ask(RUNS)["runsOrError"]["results"][0]["runId"]
    page.get(f"http://127.0.0.1:{server.port}/runs/{run}")
    until(page, lambda: "RUN_SUCCESS" in text(page) or "Success" in text(page))
