"""The first minutes decide whether people go on: what `init` writes must be a recipe that loads, from any folder of the
project, with sample rows or with the user's own, and it must replace no file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from assets.loading.file import load_recipe
from assets.loading.schema import recipe_schema
from slingshot import app


def init(folder: Path, *words: str, answers: str | None = None) -> Result:
    return CliRunner().invoke(app, ["init", str(folder), *words], input=answers)


def written(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_without_rows_of_ones_own_it_is_a_project_with_sample_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    done = init(folder)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (
        0,
        f"next: cd {folder}, slingshot check, slingshot build --sample 8",
    )
    assert written(folder) == [".gitignore", "data/rows.jsonl", "recipe.schema.json", "recipe.yaml"]
    assert (folder / ".gitignore").read_text() == "warehouse/\nexports/\n"
    assert json.loads((folder / "recipe.schema.json").read_text()) == recipe_schema()
    text = (folder / "recipe.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=recipe.schema.json\n")
    recipe = load_recipe(folder / "recipe.yaml")
    assert (recipe.sources["mine"].address, recipe.sources["mine"].licence) == ("path:data/rows.jsonl", "CC0-1.0")
    rows = [json.loads(line) for line in (folder / "data" / "rows.jsonl").read_text().splitlines()]
    assert (len(rows), recipe.seed_tasks[0].count) == (24, 22)
    assert (recipe.arms["mine"].methods, recipe.generation.settings("seeds").count) == (("seeds", "self_instruct"), 22)
    monkeypatch.chdir(folder / "data")
    monkeypatch.delenv("SLINGSHOT_RECIPE", raising=False)
    checked = CliRunner().invoke(app, ["check"])
    assert (checked.exit_code, checked.stdout.split(":")[0]) == (0, f"{folder}/recipe.yaml is good")


@pytest.mark.parametrize(
    ("name", "content", "words", "role", "fields", "count"),
    [
        (
            "faq.csv",
            "question,answer\n" + "".join(f"what is {number}?,a number\n" for number in range(50)),
            (),
            "seed_tasks",
            {"instruction": "{question}", "response": "{answer}"},
            45,
        ),
        (
            "notes.jsonl",
            "".join(json.dumps({"my body": f"text {number}"}) + "\n" for number in range(400)),
            ("--text", "my body"),
            "documents",
            {"text": '{"my body"}'},
            120,
        ),
    ],
)
def test_with_rows_of_ones_own_the_recipe_reads_them(
    tmp_path: Path, name: str, content: str, words: tuple[str, ...], role: str, fields: dict[str, str], count: int
) -> None:
    file, folder = tmp_path / name, tmp_path / "mine"
    file.write_text(content, encoding="utf-8")
    done = init(folder, "--data", str(file), "--licence", "MIT", "--origin", "human", *words)
    assert done.exit_code == 0, done.output
    assert (folder / "data" / name).read_text(encoding="utf-8") == content
    recipe = load_recipe(folder / "recipe.yaml")
    (selection,) = recipe.part(role)
    assert (selection.source, selection.fields, selection.count) == ("mine", fields, count)
    assert yaml.safe_load((folder / "recipe.yaml").read_text())["sources"]["mine"]["licence"] == "MIT"


def test_what_is_missing_or_wrong_is_one_clear_line_and_writes_nothing(tmp_path: Path) -> None:
    file, folder = tmp_path / "rows.jsonl", tmp_path / "mine"
    file.write_text('{"a": "x", "b": "y"}\n', encoding="utf-8")
    licensed = ("--data", str(file), "--licence", "MIT", "--origin", "human")
    for words, message in (
        (licensed, f"{file} has the columns a, b; name those of pairs with --instruction and --response"),
        ((*licensed, "--text", "c"), f"{file} has no column 'c' for --text; known: a, b"),
        (("--data", str(file), "--text", "a"), "say under which licence your rows are and who wrote them"),
        (("--text", "a"), "--instruction, --response and --text name columns of your rows: add --data FILE"),
    ):
        done = init(folder, *words)
        assert (done.exit_code, done.stderr.startswith(f"slingshot: {message}")) == (1, True), done.stderr
        assert not folder.exists()


def test_a_licence_that_is_not_open_is_named_with_its_place(tmp_path: Path) -> None:
    file, folder = tmp_path / "rows.jsonl", tmp_path / "mine"
    file.write_text('{"question": "x", "answer": "y"}\n', encoding="utf-8")
    done = init(folder, "--data", str(file), "--licence", "CC-BY-NC-4.0", "--origin", "human")
    assert done.exit_code == 1
    assert "slingshot: the recipe is written, and needs a change: " in done.stderr
    assert "sources.mine.licence: found 'CC-BY-NC-4.0'" in done.stderr


def test_no_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("mine\n")
    done = init(tmp_path)
    assert (done.exit_code, done.stderr) == (
        1,
        f"slingshot: {tmp_path}/recipe.yaml exists already; choose another folder\n",
    )
    assert os.listdir(tmp_path) == ["recipe.yaml"]
