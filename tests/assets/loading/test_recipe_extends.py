"""Your own recipe should need only ten lines: it extends another recipe and lists only the differences."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.loading.file import STARTER, RecipeError, load_recipe


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_that_only_extends_the_starter_equals_it(tmp_path: Path) -> None:
    assert load_recipe(written(tmp_path, "mine.yaml", "extends: starter\n")) == load_recipe(STARTER)


def test_mappings_are_merged_lists_replaced_and_null_removes_a_key(tmp_path: Path) -> None:
    starter = load_recipe(STARTER)
    mine = load_recipe(
        written(
            tmp_path,
            "mine.yaml",
            "extends: starter\n"
            "curation: {rows: 8}\n"
            "generation: {self_training: null}\n"
            "arms: {self_training: null, self_instruct: {filters: [heuristics]}}\n",
        )
    )
    assert mine.curation.rows == 8
    assert mine.curation.diversity == starter.curation.diversity
    assert mine.generation.self_training is None
    assert list(mine.arms) == ["self_instruct", "instruction_generation", "filtered_extract_then_generate"]
    assert mine.arms["self_instruct"].methods == ("self_instruct",)
    assert mine.arms["self_instruct"].filters == ("heuristics",)
    assert mine.seed_tasks == starter.seed_tasks


def test_paths_are_relative_to_the_recipe_that_extends_over_several_steps(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    written(tmp_path / "inner", "first.yaml", "extends: starter\nseed: 1\ncuration: {rows: 5}\n")
    written(tmp_path / "inner", "second.yaml", "extends: first.yaml\nseed: 2\n")
    mine = load_recipe(written(tmp_path, "mine.yaml", "extends: inner/second.yaml\n"))
    assert (mine.seed, mine.curation.rows) == (2, 5)


def test_recipes_that_extend_each_other_are_an_error(tmp_path: Path) -> None:
    written(tmp_path, "other.yaml", "extends: mine.yaml\n")
    path = written(tmp_path, "mine.yaml", "extends: other.yaml\n")
    with pytest.raises(RecipeError) as refused:
        load_recipe(path)
    assert str(refused.value) == (
        f"{path}: extends other.yaml: 1 problem\n"
        "  extends: found 'mine.yaml'; a recipe cannot extend itself, directly or through others "
        "(other.yaml, line 1, column 1)"
    )


def test_the_error_names_a_missing_extended_recipe(tmp_path: Path) -> None:
    path = written(tmp_path, "mine.yaml", "extends: gone.yaml\n")
    with pytest.raises(RecipeError) as refused:
        load_recipe(path)
    assert str(refused.value) == (f"{path}: extends gone.yaml: there is no such file; name a recipe with --recipe FILE")


def test_extends_must_be_a_name(tmp_path: Path) -> None:
    path = written(tmp_path, "mine.yaml", "extends: [starter]\n")
    with pytest.raises(RecipeError) as refused:
        load_recipe(path)
    assert str(refused.value) == (
        f"{path}: 1 problem\n  extends: found ['starter']; it must be starter, or the path of another recipe "
        "(line 1, column 1)"
    )
