"""Readers follow the manuals literally: every command, recipe, link and example in a README.md must work as printed."""

from __future__ import annotations

import ast
import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from assets.loading.deployment import Compute, TablesPart, load_deployment, tables_in
from assets.loading.file import load_recipe
from assets.recipe.types import Recipe
from resources.endpoint.settings import TASKS
from slingshot import app
from tests.support.tiny import ROOT
from warehouse.store.places import Tables

FOLDERS = ("assets", "containers", "recipes", "resources", "tests", "warehouse")
# warehouse/data holds what was downloaded; a model brings a README of its own.
DATA = ROOT / "warehouse" / "data"
MANUALS = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [
        ROOT / "README.md",
        *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("README.md"))),
    ]
    if DATA not in path.parents
}
GLOSSARY = ["record", "review", "edge", "gate", "decision", "ledger", "version", "memo", "method", "arm", "withdrawal"]


def blocks(language: str) -> list[tuple[str, str]]:
    """(manual, content) of every code block in `language`."""
    return [
        (name, block)
        for name, text in MANUALS.items()
        for block in re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    ]


def shell_lines() -> list[list[str]]:
    """The words of every line in a shell block, without its comment."""
    lines = [line for _, block in blocks("sh") for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def section(manual: str, title: str) -> str:
    """The text below a heading of a manual, up to the next heading of the same level."""
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", MANUALS[manual], flags=re.DOTALL | re.MULTILINE)
    return str(text)


def test_the_manuals_are_found() -> None:
    expected = {"recipes", "assets/generation", "assets/evaluation", "assets/openness", "warehouse"}
    assert {"README.md", *(f"{folder}/README.md" for folder in expected)} <= MANUALS.keys()


def test_the_front_page_has_at_most_150_lines() -> None:
    assert len(MANUALS["README.md"].splitlines()) <= 150


def test_the_front_page_names_every_manual() -> None:
    linked = re.findall(r"\]\(([^)#]+)\)", MANUALS["README.md"])
    assert MANUALS.keys() - {"README.md"} <= set(linked)


# The recipes of "Add a method" and "Add a benchmark" load where these are: see tests/support/printed.py.
RECIPES = [
    (name, text)
    for name, text in blocks("yaml")
    if not re.search(r"^  (paraphrase|coverage): |^(compute|servers|tables|store|storage):", text, re.MULTILINE)
]


def test_there_is_a_recipe_to_start_from() -> None:
    assert "README.md" in [name for name, _ in RECIPES]


@pytest.mark.parametrize(("manual", "text"), RECIPES)
def test_every_recipe_loads(manual: str, text: str, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    # The hash of weights that a server has is the reader's own.
    recipe.write_text(text.replace("sha256: SHA256 ", f"sha256: {'1f' * 32} "))
    load_recipe(recipe)


def test_the_recipe_of_the_front_page_is_short_and_reads_the_source_that_it_adds(tmp_path: Path) -> None:
    (text,) = [text for name, text in RECIPES if name == "README.md"]
    assert len(text.splitlines()) <= 12
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(text)
    loaded = load_recipe(recipe)
    assert loaded.sources["faq"].address == "path:faq.jsonl"
    assert [selection.source for selection in loaded.seed_tasks] == ["faq"]


# Equal to the starter's value on purpose: the manual names what the starter has.
SAME = "curation: {rows: 64}"
# These need a source, or a file, that the manual describes beside them.
NOT_ALONE = ("evaluation: {lm_eval", "evaluation: {longform")
EXAMPLES = dict.fromkeys(
    example
    for text in MANUALS.values()
    for example in re.findall(rf"`((?:{'|'.join(Recipe.model_fields)}): \{{[^`]*\}})`", text)
    if not example.startswith(NOT_ALONE)
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_a_key_loads_over_the_starter(example: str, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(f"extends: starter\n{example}\n")
    key, *inside = yaml.safe_load(example)
    assert not inside
    assert load_recipe(recipe).part(key) != load_recipe(ROOT / "recipe.yaml").part(key) or example == SAME


def test_the_deployment_loads_and_the_table_has_all_its_keys(tmp_path: Path) -> None:
    (text,) = [text for _, text in blocks("yaml") if text.startswith("compute:")]
    deployment = tmp_path / "deployment.yaml"
    deployment.write_text(text)
    assert load_deployment(deployment).compute == Compute(ray="10.0.0.1:6379", workers=4, gpus=1)
    assert keys_in("On a Ray cluster") == [*Compute.model_fields]
    (text,) = [text for name, text in blocks("yaml") if text.startswith("tables:") and name.startswith("resources")]
    deployment.write_text(text)
    found = Tables("postgresql://slingshot@db.example.org:5432/warehouse", Path("/mnt/team/warehouse"))
    assert tables_in(deployment) == found
    assert keys_in("Tables in PostgreSQL") == [*TablesPart.model_fields]


def test_the_servers_and_the_store_load_and_the_table_has_all_that_servers_give(tiny: Path) -> None:
    (servers,) = [text for _, text in blocks("yaml") if text.startswith("servers:")]
    (store,) = [text for _, text in blocks("yaml") if text.startswith("store:")]
    (short,) = re.findall(r"`(generator: \{urls: [^`]*)`", MANUALS["resources/tools/README.md"])
    deployment = tiny.parent / "deployment.yaml"
    deployment.write_text(servers + store)
    found = load_deployment(deployment)
    assert {name: len(part.urls) for name, part in found.servers.items()} == {"generator": 2, "embedder": 1}
    assert found.store == "s3://team/slingshot"
    deployment.write_text(f"servers:\n  {short}\n")
    assert load_deployment(deployment).servers["generator"].gives == ("completions", "losses")
    assert keys_in("Models on servers") == [*TASKS]


def keys_in(title: str) -> list[str]:
    """The keys in the table of a section about the deployment file."""
    rows = re.findall(r"^\| (`.*?`) \|", section("resources/tools/README.md", title), flags=re.MULTILINE)
    return [key.strip("`") for row in rows for key in row.split(", ")]


def test_the_table_of_keys_has_every_key_of_a_recipe() -> None:
    table = section("recipes/README.md", "Keys").split("\n###")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE) == ["extends", *Recipe.model_fields]


def every() -> list[Any]:
    """All commands, with those of each family."""
    return [
        *app.registered_commands,
        *(one for group in app.registered_groups for one in group.typer_instance.registered_commands),
    ]


def test_the_manuals_show_every_command_and_each_exists_with_its_options() -> None:
    commands = [words[1:] for words in shell_lines() if words[0] == "slingshot"]
    assert {name for name, *_ in commands} == {command.name or command.callback.__name__ for command in every()}
    for name, *words in commands:
        shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0
        for option in (word for word in words if word.startswith("--")):
            assert option in shown.output, (name, option)


def test_every_make_target_exists() -> None:
    targets = {words[1] for words in shell_lines() if words[0] == "make"}
    targets |= {target for text in MANUALS.values() for target in re.findall(r"`make (\w+)`", text)}
    assert targets <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert {"dataset", "test"} <= targets


def test_every_module_that_python_is_to_run_exists() -> None:
    run = [command for text in MANUALS.values() for command in re.findall(r"python -m ([\w. /-]+)", text)]
    assert run
    for command in run:
        module, *words = command.split()
        assert find_spec(module), command
        assert [word for word in words if word.endswith(".py") and not (ROOT / word).exists()] == []


@pytest.mark.parametrize(("manual", "text"), blocks("python"))
def test_every_python_block_can_be_parsed(manual: str, text: str) -> None:
    ast.parse(text)


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives the headings of a manual."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("manual", MANUALS)
def test_every_relative_link_leads_somewhere(manual: str) -> None:
    folder = (ROOT / manual).parent
    for target in re.findall(r"\]\(([^)]+)\)", MANUALS[manual]):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = folder / path if path else ROOT / manual
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked.read_text(encoding="utf-8")), target


def test_every_file_and_folder_of_the_project_that_is_named_exists() -> None:
    named = {
        path
        for text in MANUALS.values()
        for path in re.findall(r"`((?:assets|recipes|resources|tests|warehouse)/[\w/]+\.\w+)`", text)
    }
    # What the readers of "Add a method" and "Add a benchmark" write, and what a build writes.
    named -= {"assets/generation/methods/paraphrase.py", "assets/evaluation/benchmarks/coverage.py"}
    named -= {"warehouse/data/slingshot.duckdb"}
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_term_of_the_glossary_is_defined_once() -> None:
    defined = [
        (name, term)
        for name, text in MANUALS.items()
        for term in re.findall(r"^\| \*\*(\w+)\*\* \|", text, re.MULTILINE)
    ]
    assert sorted(term for _, term in defined) == sorted(GLOSSARY)
    assert {name for name, _ in defined} == {"warehouse/README.md"}
