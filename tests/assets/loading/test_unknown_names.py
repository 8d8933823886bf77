"""Who mends a recipe wants all its problems in one list: a wrong type must not hide the names that refer to nothing,
and must not be the cause of problems that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.loading.file import RecipeError, load_recipe


def found(folder: Path, text: str) -> list[str]:
    """The problems, each as "path: what is accepted, or asked for"."""
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as refused:
        load_recipe(path)
    return [line.strip().split(" (known:")[0] for line in str(refused.value).split("\n")[1:]]


def test_wrong_keys_types_and_names_are_listed_at_once_with_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "extends: starter\n"
        "curation:\n"
        "  rwos: 3\n"
        "  diversity: {embedder: embeder}\n"
        "training: {epochs: two}\n"
        "arms:\n"
        "  self_instruct: {methods: [self_instrct]}\n",
        encoding="utf-8",
    )
    with pytest.raises(RecipeError) as refused:
        load_recipe(path)
    first, *lines = str(refused.value).split("\n")
    assert first == f"{path}: 4 problems"
    assert [(line.strip().split(": found")[0], line[line.rindex("(") :]) for line in lines] == [
        ("curation.rwos", "(line 3, column 3)"),
        ("training.epochs", "(line 5, column 12)"),
        ("curation.diversity.embedder", "(line 4, column 15)"),
        ("arms.self_instruct.methods.0", "(line 7, column 29)"),
    ]


def test_a_misspelt_method_is_no_missing_method_of_its_arms(tmp_path: Path) -> None:
    settings = "{count: 80, response: {max_new_tokens: 9}}"
    text = f"extends: starter\ngeneration:\n  self_training: null\n  self_trainng: {settings}\n"
    assert found(tmp_path, text) == [
        "generation.self_trainng: found {'count': 80, 'response': {'max_new_tokens': 9}}; there is no such key; "
        "did you mean 'self_training'?"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "seed_tasks: [{source: wikipedia_leads, count: few, fields: {instruction: a, response: b}}]\n",
            "seed_tasks.0.count",
        ),
        ("models: {embedder: 3}\n", "models.embedder"),
        ("arms: {self_instruct: 3}\n", "arms.self_instruct"),
        ("sources: {mine: {licence: MIT}}\n", "sources.mine.address"),
    ],
)
def test_a_wrong_value_causes_no_other_problem(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in {line.split(":")[0] for line in found(tmp_path, f"extends: starter\n{text}")}
    assert [line for line in found(tmp_path, f"extends: starter\n{text}") if "must name" in line] == []


def test_names_are_checked_although_a_value_without_a_default_is_wrong(tmp_path: Path) -> None:
    text = "extends: starter\nseed: many\nevaluation: {baseline: bse}\ngeneration: {model: genrator}\n"
    assert [line.split(":")[0] for line in found(tmp_path, text)] == ["seed", "generation.model", "evaluation.baseline"]
