"""The next build completes a recall. Then no current version is made from what was withdrawn, only what depended on it
was built again, and no earlier recipe brings it back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from resources.fetching.tree_digest import tree_digest
from tests.support.building import build, edit, planned, query, store
from warehouse.lineage.graph import Graph
from warehouse.release.recall import find_affected, withdraw
from warehouse.store.warehouse import now

WHY = "the author asked for it"


def recall(data: Path, named: str, reason: str = WHY) -> None:
    database = store(data).database
    withdraw(database, find_affected(database, named), reason)


def kept(data: Path, asset: str) -> list[str]:
    return query(data, f'SELECT id FROM "{asset}" ORDER BY position')["id"].to_list()


def current_descendants(data: Path, gone: str) -> set[str]:
    """The assets whose current version keeps the record or model `gone`, or a row made from it."""
    with store(data).database.read() as connection:
        below = {gone, *(link.child for link in Graph(connection).descent([gone]))}
        decided = connection.execute("SELECT asset, record FROM lineage.outcomes WHERE outcome = 'kept'").fetchall()
    return {asset for asset, record in decided if record in below}


def test_a_withdrawn_document_is_replaced_and_only_its_calls_are_computed(own: tuple[Path, Path]) -> None:
    recipe, data = own
    before = kept(data, "documents")
    pairs = {"raw_instruction_generation", "raw_extract_then_generate"}
    gone = next(one for one in before if pairs <= current_descendants(data, one))
    assert {"documents", "fragments"} <= current_descendants(data, gone)
    recall(data, gone)
    plan = planned(recipe, data)
    exact = {asset: one for asset, one in plan.items() if one.state == "stale" and one.exact}
    assert {asset: one.reasons for asset, one in exact.items()} == {
        "benchmark_items": ("1 document withdrawn",),
        "seed_tasks": ("1 document withdrawn",),
        "documents": ("1 document withdrawn",),
        "raw_instruction_generation": ("1 document added, 1 removed",),
        "fragments": ("1 document added, 1 removed",),
        "raw_extract_then_generate": ("1 fragment added, 1 removed", "1 document added, 1 removed"),
    }
    assert {asset for asset, one in exact.items() if one.same_content} == {"benchmark_items", "seed_tasks"}

    log, failures = build(recipe, data, '+key:"raw_instruction_generation" or +key:"raw_extract_then_generate"')
    assert failures == []
    assert not current_descendants(data, gone) & set(exact)
    after = kept(data, "documents")
    assert (set(before) - set(after), len(after)) == ({gone}, len(before))
    outcome = query(data, f"SELECT outcome, reason FROM lineage.outcomes WHERE record = '{gone}'")
    assert outcome.rows() == [("rejected", f"withdrawn: {WHY}")]
    assert {asset: log.computed[asset] for asset in exact} == {
        "benchmark_items": 0,
        "seed_tasks": 0,
        "documents": 0,
        "raw_instruction_generation": 1,
        "fragments": 0,
        "raw_extract_then_generate": 1,
    }
    assert "backward_model" not in {asset for asset, action in log.actions.items() if action == "built"}


def test_withdrawn_rows_of_every_role_leave_no_descendants(own: tuple[Path, Path]) -> None:
    recipe, data = own
    seeds, items = kept(data, "seed_tasks"), kept(data, "benchmark_items")
    trained = next(one for one in seeds if "training_sets/self_training" in current_descendants(data, one))
    gone = [trained, items[1], kept(data, "documents")[7]]
    assert {
        "backward_model",
        "raw_extract_then_generate",
        "students/self_training",
        "leaderboard",
    } <= current_descendants(data, gone[0])
    assert {"predictions/longform/base", "scores/longform/base", "leaderboard"} <= current_descendants(data, gone[1])
    for one in gone:
        recall(data, one)
    assert planned(recipe, data)["documents"].reasons[0] == "1 seed task, 1 benchmark item, 1 document withdrawn"
    log, failures = build(recipe, data)
    assert failures == []
    assert [current_descendants(data, one) for one in gone] == [set(), set(), set()]
    assert log.computed["raw_self_training"] == 1
    assert log.computed["predictions/longform/base"] == 1
    assert {one.state for one in planned(recipe, data).values()} == {"fresh"}


def test_no_earlier_recipe_and_no_other_mapping_brings_back_a_withdrawn_row(own: tuple[Path, Path]) -> None:
    recipe, data = own
    chosen = "+documents"
    gone = kept(data, "documents")[0]
    text = query(data, f"SELECT text FROM records.document WHERE id = '{gone}'")["text"][0]
    edit(recipe, lambda values: values["documents"][0].update(count=11))
    build(recipe, data, chosen)
    recall(data, gone)
    log, _ = build(recipe, data, chosen)
    assert log.actions == {"benchmark_items": "built", "documents": "built"}

    edit(recipe, lambda values: values["documents"][0].update(count=12))
    log, failures = build(recipe, data, chosen)
    assert (failures, log.actions["documents"]) == ([], "built")
    assert current_descendants(data, gone) & {"documents"} == set()

    def mapped(values: dict[str, Any]) -> None:
        values["documents"][0]["fields"] = {"title": "Now with its title: {title}", "text": "{text}"}

    edit(recipe, mapped)
    log, failures = build(recipe, data, chosen)
    assert (failures, log.actions["documents"]) == ([], "built")
    found = query(
        data,
        f"SELECT outcome, reason FROM lineage.outcomes o JOIN lineage.records r ON r.id = o.record "
        f"WHERE content::JSON->>'text' = '{text}'",
    )
    assert found.rows() == [("rejected", f"withdrawn: {WHY}")]
    assert text not in query(data, "SELECT text FROM documents")["text"].to_list()


def test_a_withdrawn_model_is_refused_before_any_call_and_can_be_replaced(
    own: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe, data = own
    recall(data, "generator", "its licence was misread")
    refusal = (
        f"the recipe's models.generator is the model 'generator' ({model_id(data)[:9]}), withdrawn on "
        f"{now():%Y-%m-%d}: its licence was misread; it cannot be used any more: use another model in the recipe"
    )
    calling = {"raw_self_training", "raw_self_instruct", "backward_model", "predictions/longform/base"}
    plan = planned(recipe, data)
    assert {asset for asset, one in plan.items() if one.error == refusal} >= calling
    assert plan["raw_self_training"].reasons == ("1 model withdrawn",)
    assert plan["documents"].state == "fresh"
    assert plan["instruction_embeddings/self_instruct"].error is None
    calls = len(query(data, "FROM memo.calls"))
    edit(recipe, lambda values: values["documents"][0].update(count=13))
    log, failures = build(recipe, data)
    assert {(one.asset, one.message, one.trace) for one in failures} == {(asset, refusal, "") for asset in calling} | {
        ("fragments", refusal, "")
    }
    assert log.actions == {"documents": "built"}
    assert len(query(data, "FROM memo.calls")) == calls

    values = yaml.safe_load(recipe.read_text())
    other = shutil.copytree(values["models"]["generator"]["address"].removeprefix("path:"), tmp_path / "other")
    (other / "NOTICE").write_text("the same weights under another hash\n")
    described = {"address": f"path:{other}", "sha256": tree_digest(other)}
    edit(recipe, lambda values: values["models"]["generator"].update(described))
    log, failures = build(recipe, data, "+raw_self_training")
    assert failures == []
    assert log.computed["raw_self_training"] == 12
    assert "raw_self_training" not in current_descendants(data, model_id(data))


def model_id(data: Path) -> str:
    return str(query(data, "SELECT id FROM lineage.withdrawals WHERE kind = 'model'")["id"][0])


def test_a_withdrawn_source_is_refused_under_any_name(own: tuple[Path, Path]) -> None:
    recipe, data = own
    recall(data, "rows", "no licence")
    plan = planned(recipe, data)
    assert plan["benchmark_items"].reasons == ("1 source withdrawn",)
    (source,) = query(data, "SELECT id FROM lineage.withdrawals")["id"]
    why = f"the source 'rows' ({source[:9]}), withdrawn on {now():%Y-%m-%d}: no licence; it cannot be used any more: "
    log, failures = build(recipe, data, "+seed_tasks")
    assert [(one.asset, one.message) for one in failures] == [
        ("benchmark_items", f"the recipe's sources.rows is {why}use another source in the recipe")
    ]
    assert log.actions == {}

    def renamed(values: dict[str, Any]) -> None:
        values["sources"] = {"lines": values["sources"]["rows"]}
        for part in ("seed_tasks", "documents", "benchmark_items"):
            values[part][0]["source"] = "lines"

    edit(recipe, renamed)
    _, failures = build(recipe, data, "+seed_tasks")
    assert [(one.asset, one.message) for one in failures] == [
        ("benchmark_items", f"the recipe's sources.lines is, or was made from, {why}use another source in the recipe")
    ]
