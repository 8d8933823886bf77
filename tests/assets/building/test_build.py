"""The whole graph on a tiny model: each row has a decision, no call is computed twice, and an edit rebuilds only what
depends on it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from assets.loading.file import load_recipe
from assets.planning.graph import steps
from tests.support.building import build, edit, planned, query, store
from warehouse.core.texts import FEW
from warehouse.schema.records import KINDS, empty
from warehouse.store.tables import SCHEMAS


def test_every_asset_of_the_graph_is_published(built: tuple[Path, Path]) -> None:
    recipe, data = built
    published = query(data, "SELECT asset FROM lineage.current ORDER BY asset")["asset"].to_list()
    assert published == sorted(step.asset for step in steps(load_recipe(recipe)))


def test_every_record_has_a_decision_and_every_made_record_has_parents(built: tuple[Path, Path]) -> None:
    _, data = built
    undecided = "SELECT id FROM lineage.records ANTI JOIN lineage.decisions ON record = id"
    orphans = "SELECT id, asset FROM lineage.records ANTI JOIN lineage.edges ON child = id"
    assert query(data, undecided).is_empty()
    assert query(data, orphans).is_empty()


def test_every_parent_is_a_record_a_model_call_or_a_material(built: tuple[Path, Path]) -> None:
    _, data = built
    unknown = query(
        data,
        "SELECT DISTINCT parent, role FROM lineage.edges "
        "WHERE parent NOT IN (SELECT id FROM lineage.records) AND parent NOT IN (SELECT key FROM memo.calls) "
        "AND parent NOT IN (SELECT id FROM lineage.materials)",
    )
    assert unknown.is_empty()


def test_a_gate_decides_about_all_rows_that_its_input_kept(built: tuple[Path, Path]) -> None:
    _, data = built
    for arm, method in (
        ("self_training", "self_training"),
        ("filtered_extract_then_generate", "extract_then_generate"),
    ):
        for gate, pool in (
            (f"enhanced_instructions/{arm}", f"raw_{method}"),
            (f"diverse_instructions/{arm}", f"enhanced_instructions/{arm}"),
            (f"training_sets/{arm}", f"diverse_instructions/{arm}"),
        ):
            decided, kept = (
                query(data, f"SELECT record FROM lineage.decisions WHERE asset = '{asset}' {rule} ORDER BY ALL")
                for asset, rule in ((gate, ""), (pool, "AND outcome = 'kept'"))
            )
            assert decided.equals(kept), gate


def test_every_stored_row_fits_the_schema_of_its_table(built: tuple[Path, Path]) -> None:
    _, data = built
    for schema, tables in SCHEMAS.items():
        for name, model in tables.items():
            rows = query(data, f"FROM {schema}.{name}").select(empty(model).columns)
            model.validate(rows, lazy=True)


def test_ids_are_hashes_of_content_and_parents(built: tuple[Path, Path]) -> None:
    from warehouse.core.identity import record_id

    _, data = built
    edges = query(data, "SELECT child, parent, role FROM lineage.edges").rows()
    parents: dict[str, list[tuple[str, str]]] = {}
    for child, parent, role in edges:
        parents.setdefault(child, []).append((parent, role))
    for kind in KINDS:
        for row in query(data, f"FROM records.{kind}").iter_rows(named=True):
            content = {name: value for name, value in row.items() if name != "id"}
            assert row["id"] == record_id(kind, content, parents[row["id"]])


def test_a_second_build_computes_no_model_call_and_changes_nothing(own: tuple[Path, Path]) -> None:
    recipe, data = own
    before = query(data, "SELECT * FROM lineage.current ORDER BY asset")
    log, failures = build(recipe, data)
    assert failures == []
    assert log.actions == {}
    log, failures = build(recipe, data, everything=True)
    assert failures == []
    assert len(log.actions) == 44
    assert set(log.actions.values()) == {"unchanged"}
    assert set(log.computed.values()) == {0}
    assert query(data, "SELECT * FROM lineage.current ORDER BY asset").equals(before)


def test_scores_are_the_metrics_of_the_predictions(built: tuple[Path, Path]) -> None:
    from assets.evaluation.benchmarks.metrics import METRICS

    _, data = built
    rows = query(
        data,
        "SELECT s.metric, s.value, p.text, i.reference FROM records.score s "
        "JOIN records.prediction p USING (arm, item) JOIN records.benchmark_item i ON i.id = s.item",
    )
    assert len(rows) == 2 * 2 * 5
    for row in rows.iter_rows(named=True):
        assert math.isclose(row["value"], METRICS[row["metric"]](row["text"], row["reference"]))


def test_an_edit_of_one_method_leaves_the_others_alone(own: tuple[Path, Path]) -> None:
    recipe_file, data = own

    def warmer(recipe: dict[str, Any]) -> None:
        recipe["generation"]["self_training"]["response"]["temperature"] = 0.9

    edit(recipe_file, warmer)
    log, failures = build(recipe_file, data)
    assert failures == []
    assert log.actions["raw_self_training"] == "built"
    assert {asset for asset in log.actions if "self_training" not in asset} == {"leaderboard"}


def test_a_new_threshold_needs_no_model_call_before_training(own: tuple[Path, Path]) -> None:
    recipe_file, data = own
    measured = store(data).current("perplexities/extract_then_generate")

    def tighter(recipe: dict[str, Any]) -> None:
        recipe["enhancement"]["perplexity"]["keep"] = 0.5

    edit(recipe_file, tighter)
    log, failures = build(recipe_file, data)
    assert failures == []
    assert log.actions["enhanced_instructions/filtered_extract_then_generate"] == "built"
    assert log.computed["enhanced_instructions/filtered_extract_then_generate"] == 0
    assert store(data).current("perplexities/extract_then_generate") == measured


def test_an_earlier_recipe_only_moves_pointers(own: tuple[Path, Path]) -> None:
    recipe_file, data = own
    earlier = recipe_file.read_text()
    before = query(data, "SELECT * FROM lineage.current ORDER BY asset")
    rows = store(data).read(store(data).current("training_sets/self_training"))  # type: ignore[arg-type]

    def other(recipe: dict[str, Any]) -> None:
        recipe["generation"]["self_training"]["response"]["temperature"] = 0.9

    edit(recipe_file, other)
    log, failures = build(recipe_file, data)
    assert failures == []
    assert log.actions["training_sets/self_training"] == "built"
    recipe_file.write_text(earlier)
    log, failures = build(recipe_file, data)
    assert failures == []
    assert set(log.actions.values()) == {"restored"}
    assert set(log.computed.values()) == {0}
    assert query(data, "SELECT * FROM lineage.current ORDER BY asset").equals(before)
    assert store(data).read(store(data).current("training_sets/self_training")).equals(rows)  # type: ignore[arg-type]


def test_an_arm_with_too_few_pairs_fails_alone_and_publishes_nothing(tiny: Path, tmp_path: Path) -> None:
    def greedy(recipe: dict[str, Any]) -> None:
        recipe["curation"]["rows"] = 1000

    edit(tiny, greedy)
    data = tmp_path / "data"
    _, failures = build(tiny, data, "+training_sets/self_training")
    assert [failure.asset for failure in failures] == ["training_sets/self_training"]
    message = failures[0].message
    assert message.startswith("arm 'self_training' has ")
    assert message.endswith("generate more, loosen a filter, or lower curation.rows")
    # What removed pairs before the training set is listed with its keys, and a plan says the same.
    plan = planned(tiny, data)["training_sets/self_training"]
    assert plan.error == message
    assert [str(loss) in message for loss in plan.losses[:FEW]] == [True] * min(FEW, len(plan.losses))
    assert all(loss.key.startswith(("generation.self_training", "enhancement.", "curation.")) for loss in plan.losses)
    decided = query(data, "SELECT count(*) AS rows FROM lineage.decisions WHERE asset = 'raw_self_training'")
    kept = len(store(data).read(store(data).current("diverse_instructions/self_training")))
    assert sum(loss.rows for loss in plan.losses) == decided["rows"].item() - kept
    assert failures[0].trace == ""
    assert store(data).current("training_sets/self_training") is None
    assert store(data).current("diverse_instructions/self_training") is not None
