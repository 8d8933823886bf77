"""A build that must fail for lack of rows costs hours before it does: `check` finds it, and blames no arm that may
succeed."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.loading.file import load_recipe
from assets.planning.graph import steps
from assets.planning.shortages import certain_shortages
from slingshot import app
from tests.support.tiny import ROOT


def shortages(path: Path) -> dict[str, str]:
    recipe = load_recipe(path)
    return {problem.path: str(problem).split("; generate")[0] for problem in certain_shortages(recipe, steps(recipe))}


@pytest.mark.parametrize(
    "path", [ROOT / "recipe.yaml", *sorted((ROOT / "recipes").rglob("*.yaml"))], ids=lambda one: one.name
)
def test_no_shipped_recipe_falls_short(path: Path) -> None:
    assert shortages(path) == {}


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(f"extends: starter\n{text}", encoding="utf-8")
    return path


def test_an_arm_that_asks_for_more_than_its_methods_make_is_named_with_its_key(tmp_path: Path) -> None:
    text = "arms: {self_training: {rows: 81}, instruction_generation: {rows: 120}, self_instruct: {rows: 75}}\n"
    assert shortages(written(tmp_path, text)) == {
        "arms.self_training.rows": "arms.self_training.rows: found 81; arm 'self_training' has at most 80 pairs, "
        "arms.self_training.rows asks for 81: 1 are missing",
        "arms.self_instruct.rows": "arms.self_instruct.rows: found 75; arm 'self_instruct' has at most 74 pairs, "
        "arms.self_instruct.rows asks for 75: 1 are missing",
    }


def test_an_arm_of_several_methods_has_the_pairs_of_all_of_them(tmp_path: Path) -> None:
    text = "arms: {{self_training: {{rows: {}, methods: [self_training, instruction_generation]}}}}\n"
    assert shortages(written(tmp_path, text.format(200))) == {}
    assert "has at most 200 pairs" in shortages(written(tmp_path, text.format(201)))["arms.self_training.rows"]


def test_a_method_that_may_draw_more_is_bounded_by_what_it_may_draw(tmp_path: Path) -> None:
    text = (
        "generation: {{self_training: {{count: 60, until: accepted, at_most: 80}}}}\n"
        "arms: {{self_training: {{rows: {}}}}}\n"
    )
    assert shortages(written(tmp_path, text.format(80))) == {}
    assert shortages(written(tmp_path, text.format(81))).keys() == {"arms.self_training.rows"}


def test_a_method_that_makes_several_pairs_of_a_row_has_all_of_them(tmp_path: Path) -> None:
    text = (
        "generation:\n  evol_instruct: {{count: 10, rounds: 4, instruction: {{max_new_tokens: 9}}, "
        "response: {{max_new_tokens: 9}}}}\n"
        "arms: {{evolved: {{methods: [evol_instruct], filters: [], rows: {}}}}}\n"
    )
    assert shortages(written(tmp_path, text.format(20))) == {}
    assert shortages(written(tmp_path, text.format(2000))).keys() == {"arms.evolved.rows"}


def test_a_size_in_tokens_is_no_certain_shortage(tmp_path: Path) -> None:
    assert shortages(written(tmp_path, "curation: {rows: null, response_tokens: 100000000}\n")) == {}


def test_check_names_all_arms_that_fall_short_with_the_line(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("extends: starter\ncuration: {rows: 4000}\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["check", "--recipe", str(recipe)])
    assert (done.exit_code, done.stderr.splitlines()[0]) == (1, f"slingshot: {recipe}: 4 problems")
    assert done.stderr.splitlines()[1] == (
        "  curation.rows: found 4000; arm 'self_training' has at most 80 pairs, curation.rows asks for 4000: "
        "3920 are missing; generate more, loosen a filter, or lower curation.rows (line 2, column 12)"
    )
