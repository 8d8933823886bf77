"""With `slingshot up --automatic`, an edit of the recipe rebuilds cheap assets, but never calls a model."""

from __future__ import annotations

import time
from pathlib import Path

from assets.building.automation import automation_condition
from assets.loading.file import load_recipe
from assets.planning.graph import steps
from tests.support.building import edit, query
from tests.support.serving import Server
from tests.support.tiny import ROOT

CALLS_A_MODEL = (
    "raw_",
    "backward_model",
    "fragments",
    "alignments/",
    "quality/",
    "instruction_embeddings/",
    "students/",
    "predictions/",
)


def test_exactly_the_assets_that_call_no_model_have_a_condition() -> None:
    starter = steps(load_recipe(ROOT / "recipe.yaml"))
    automatic = {step.asset for step in starter if automation_condition(step)}
    assert automatic == {step.asset for step in starter if not step.asset.startswith(CALLS_A_MODEL)}
    assert len(automatic) == 21


def test_an_edit_of_the_recipe_rebuilds_the_gates_and_neither_generates_nor_trains(own: tuple[Path, Path]) -> None:
    recipe, data = own
    before = query(data, "SELECT count(*) AS calls FROM memo.calls")["calls"][0]
    built = "SELECT DISTINCT asset FROM lineage.materializations WHERE run NOT IN ({runs}) AND action = 'built'"
    runs = ", ".join(f"'{run}'" for run in query(data, "SELECT DISTINCT run FROM lineage.materializations")["run"])
    arm = "filtered_extract_then_generate"
    with Server(recipe, data, "--automatic") as server:
        server.wait()
        time.sleep(10)  # the daemon looks at everything once before it notices a change
        edit(recipe, lambda values: values["enhancement"]["perplexity"].update(keep=0.25))
        deadline = time.monotonic() + 180
        found: set[str] = set()
        while f"training_sets/{arm}" not in found and time.monotonic() < deadline:
            time.sleep(1)
            found = set(query(data, built.format(runs=runs))["asset"])
        log = server.log.read_text()
    stages = ("enhanced_instructions", "diverse_instructions", "training_sets")
    assert found == {f"{stage}/{arm}" for stage in stages}, log
    assert query(data, "SELECT count(*) AS calls FROM memo.calls")["calls"][0] == before
    assert "the recipe has changed; the UI shows what is stale" in log


def test_the_server_reports_a_broken_recipe_and_goes_on(own: tuple[Path, Path]) -> None:
    recipe, data = own
    with Server(recipe, data) as server:
        server.wait()
        edit(recipe, lambda values: values["curation"].update(rows=0))
        deadline = time.monotonic() + 60
        while "the UI keeps the last recipe" not in server.log.read_text() and time.monotonic() < deadline:
            time.sleep(0.5)
        assert "curation.rows: found 0" in server.log.read_text()
        server.ask("{ version }")
