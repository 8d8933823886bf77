"""A stranger follows the README to the letter, so its recipe must load and its commands must exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from assets.loading.file import load_recipe
from slingshot import app
from tests.support.tiny import ROOT
from warehouse.core.identity import file_digest

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_recipe_of_ones_own_has_ten_lines_and_loads(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    assert len(text.splitlines()) <= 12
    source = tmp_path / "faq.jsonl"
    source.write_text('{"question": "What is rye?", "answer": "A grass that is grown for its grain."}\n')
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(text.replace("SHA256", file_digest(source)))
    loaded = load_recipe(recipe)
    assert loaded.sources["faq"].address == "path:faq.jsonl"
    assert [selection.source for selection in loaded.seed_tasks] == ["faq"]


SAME = "curation: {rows: 64}"
# These need a source, or a file, of which the README tells beside them.
NOT_ALONE = ("evaluation: {lm_eval", "generation: {paraphrase")
EXAMPLES = [
    example
    for example in re.findall(r"`((?:curation|training|enhancement|evaluation|generation): \{[^`]*\})`", README)
    if not example.startswith(NOT_ALONE)
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_a_key_loads_over_the_starter(example: str, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(f"extends: starter\n{example}\n")
    key, *inside = yaml.safe_load(example)
    assert not inside
    assert load_recipe(recipe).part(key) != load_recipe(ROOT / "recipe.yaml").part(key) or example == SAME


def every() -> list[Any]:
    """All commands, those of the audit among them."""
    return [
        *app.registered_commands,
        *(one for group in app.registered_groups for one in group.typer_instance.registered_commands),
    ]


def test_every_command_of_the_readme_exists_with_its_options() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    commands = [line.split("#")[0].split() for line in lines if "slingshot " in line]
    assert {command[1] for command in commands} == {command.name or command.callback.__name__ for command in every()}
    for _, name, *words in commands:
        shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0
        for option in (word for word in words if word.startswith("--")):
            assert option in shown.output, (name, option)


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"\bmake (\w+)", "\n".join(blocks("sh"))))
    assert targets <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert {"dataset", "test"} <= targets


def test_every_file_that_the_readme_links_to_is_there() -> None:
    linked = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target]
    assert linked
    assert [target for target in linked if not (ROOT / target).exists()] == []
