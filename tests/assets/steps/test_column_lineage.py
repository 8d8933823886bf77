"""Whether a column may be used depends on what it was made from. So every column of the starter's assets must declare
its origins, and each origin must exist."""

from __future__ import annotations

from assets.building.metadata import column_lineage, column_schema
from assets.loading.file import load_recipe
from assets.planning.graph import steps
from assets.steps.step import Step, made, same
from tests.support.tiny import ROOT
from warehouse.schema.records import Document, empty

STEPS = {step.asset: step for step in steps(load_recipe(ROOT / "recipe.yaml"))}
READ_FROM_FILES = {"benchmark_items", "seed_tasks", "documents"}
CONSTANT = {
    "raw_self_training": {"method", "level"},
    "raw_self_instruct": {"method", "level"},
    "raw_instruction_generation": {"method", "level", "input"},
    "raw_extract_then_generate": {"method", "input"},
    "backward_model": {"name", "seed", "base"},
    "students": {"name", "seed", "base"},
    "alignments": {"measure"},
    "quality": {"arm", "measure", "unit"},
    "predictions": {"arm"},
    "predictions/longform/base": {"arm", "seed"},
    "scores": {"metric"},
}


def origins(asset: str, column: str) -> set[str]:
    """The columns that a column of the starter is made from, as asset.column."""
    found = column_lineage(STEPS[asset]).deps_by_column[column]
    return {f"{origin.asset_key.to_user_string()}.{origin.column_name}" for origin in found}


def test_every_column_that_is_not_constant_has_origins() -> None:
    for asset, step in STEPS.items():
        columns = empty(step.model).columns
        assert list(step.columns) == columns, asset
        silent = (
            set(columns)
            if asset in READ_FROM_FILES
            else CONSTANT.get(asset) or CONSTANT.get(asset.split("/")[0], set())
        )
        assert {column for column, found in step.columns.items() if not found} == silent, asset


def test_every_origin_is_a_column_of_an_input() -> None:
    for step in STEPS.values():
        for found in step.columns.values():
            for name, column in found:
                assert column in empty(STEPS[step.inputs[name]].model).columns, (step.asset, name, column)


def test_columns_of_the_starter_have_these_origins() -> None:
    asked = {"seed_tasks.instruction", "seed_tasks.input"}
    assert origins("raw_self_training", "instruction") == {"seed_tasks.instruction"}
    assert origins("raw_self_training", "response") == asked
    assert origins("raw_self_training", "id") == {"seed_tasks.id"} | asked
    adapter = {"backward_model.training", "backward_model.weights"}
    assert origins("raw_instruction_generation", "response") == {"documents.text"}
    assert origins("raw_instruction_generation", "instruction") == {"documents.text"} | adapter
    assert origins("raw_extract_then_generate", "response") == {"documents.text"}
    assert origins("raw_extract_then_generate", "instruction") == {"fragments.text"} | adapter
    pairs = "raw_extract_then_generate"
    texts = {f"{pairs}.{column}" for column in ("instruction", "input", "response")}
    assert origins("alignments/extract_then_generate", "value") == texts
    arm = "filtered_extract_then_generate"
    for stage, before in (
        ("enhanced_instructions", "raw_extract_then_generate"),
        ("diverse_instructions", f"enhanced_instructions/{arm}"),
        ("training_sets", f"diverse_instructions/{arm}"),
    ):
        assert origins(f"{stage}/{arm}", "response") == {f"{before}.response"}
        assert origins(f"{stage}/{arm}", "id") == {f"{before}.id"}
    trained = {f"training_sets/{arm}.{column}" for column in ("instruction", "input", "response")}
    assert origins(f"students/{arm}", "weights") == trained
    assert origins("backward_model", "examples") == {"seed_tasks.input"}
    assert origins("predictions/longform/base", "text") == {
        f"benchmark_items.{of}" for of in ("id", "instruction", "input")
    }
    assert f"students/{arm}.weights" in origins(f"predictions/longform/{arm}", "text")
    assert origins(f"scores/longform/{arm}", "value") == {
        f"predictions/longform/{arm}.text",
        "benchmark_items.reference",
    }
    arms = [asset for asset in STEPS if asset.startswith("scores/")]
    assert origins("leaderboard", "over_baseline") == {f"{asset}.value" for asset in arms}


def test_the_schema_in_the_ui_shows_the_origins() -> None:
    shown = {column.name: column for column in column_schema(STEPS["scores/longform/base"]).columns}
    assert shown["value"].description == "from benchmark_items.reference, predictions/longform/base.text"
    assert (shown["metric"].description, shown["value"].type) == (None, "Float64")
    assert column_schema(STEPS["seed_tasks"]).columns[0].description is None


def test_columns_of_rows_that_are_passed_on_come_from_the_same_columns() -> None:
    passed = {column: [("one", column), ("two", column)] for column in ("id", "source", "title", "text")}
    assert same(Document, "one", "two") == passed
    assert same(Document) == {column: [] for column in passed}


def test_the_id_of_a_new_row_comes_from_its_parents_and_its_content() -> None:
    text = [("rows", "text"), ("rows", "id")]
    assert made("rows", title=(), text=text) == {
        "id": [("rows", "id"), ("rows", "text")],
        "title": (),
        "text": text,
    }


def test_a_step_without_origins_shows_its_columns() -> None:
    silent = Step("notes", "group", "Of a test.", Document, lambda tools: None, {})
    assert [column.name for column in column_schema(silent).columns] == ["id", "source", "title", "text"]
