"""In the UI a person picks assets. One whose input is out of date would be computed for nothing, so it must end at once
and say what it waits for, and in a whole run it must not."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from assets.building.define import define
from assets.loading.bench import workbench
from assets.loading.file import load_recipe
from assets.planning.graph import steps
from assets.planning.waiting import Waits, is_stale, why_stale
from tests.support.building import edit, query

ARM = "self_training"
ENDS = f"training_sets/{ARM}"


def test_an_asset_waits_for_what_is_out_of_date_above_it(own: tuple[Path, Path]) -> None:
    recipe_file, data = own
    edit(recipe_file, lambda values: values["enhancement"]["heuristics"].update(response_words=[2, 100]))
    recipe = load_recipe(recipe_file)
    bench = workbench(recipe, data, recipe_file.parent)
    graph, catalog = {step.asset: step for step in steps(recipe)}, bench.store.catalog()
    gate = graph[f"enhanced_instructions/{ARM}"]
    why = ["enhancement.heuristics.response_words [1, 100] → [2, 100]"]
    assert is_stale(gate, catalog, recipe.retries)
    assert why_stale(gate, bench.store, catalog, recipe.retries) == why
    assert Waits(graph, bench.store, recipe.retries).why(gate, catalog) is None
    waits = (
        f"{ENDS} waits for {gate.asset}: {gate.asset} is out of date ({why[0]}); "
        "materialize it first, or in the same run"
    )
    assert Waits(graph, bench.store, recipe.retries).why(graph[ENDS], catalog) == waits
    # What the run itself has handled is not looked at again, and neither is what is above it.
    handled = Waits(graph, bench.store, recipe.retries, {("this run", gate.asset)})
    assert handled.why(graph[ENDS], catalog, "this run") is None
    assert handled.why(graph[ENDS], catalog, "another run") == waits

    runs = len(query(data, "FROM lineage.materializations"))
    shown = define(recipe, bench, explain=True)
    described = shown.resolve_asset_graph().get(dg.AssetKey(["enhanced_instructions", ARM])).description or ""
    assert described.split("Out of date at ")[1].partition(": ")[2] == f"{why[0]}."
    assert materialized(shown, ENDS) == (False, waits)
    assert len(query(data, "FROM lineage.materializations")) == runs
    assert materialized(shown, gate.asset, ENDS) == (True, "")


def materialized(definitions: dg.Definitions, *assets: str) -> tuple[bool, str]:
    """(whether a run of these assets, as the UI starts it, succeeds; why it does not)."""
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=dg.DagsterInstance.ephemeral(),
        raise_on_error=False,
        asset_selection=[dg.AssetKey(asset.split("/")) for asset in assets],
    )
    failed = [event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure]
    return result.success, " ".join(one.description or "" for one in failed if one)
