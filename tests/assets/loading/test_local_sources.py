"""`slingshot check` finds what a build would stumble over here: missing files, and fields that no row has."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from slingshot import app
from tests.support.building import edit


def checked(recipe: Path) -> tuple[int, list[str]]:
    """(exit status, the lines of the output without the recipe's path)."""
    done = CliRunner().invoke(app, ["check", "--recipe", str(recipe)])
    return done.exit_code, done.output.replace(str(recipe), "recipe").splitlines()


def test_a_recipe_whose_files_are_there_is_good(tiny: Path) -> None:
    status, lines = checked(tiny)
    assert (status, lines[0].split(":")[0]) == (0, "recipe is good")


def test_all_problems_are_listed_at_once_with_their_lines(tiny: Path) -> None:
    def spoil(values: dict) -> None:  # type: ignore[type-arg]
        values["seed"] = 7
        values["curation"]["rows"] = 10**6
        values["seed_tasks"][0]["fields"]["response"] = "{respnse}"
        values["sources"]["gone"] = values["sources"]["rows"] | {"address": "path:gone/*.jsonl", "sha256": "unpinned"}

    edit(tiny, spoil)
    text = tiny.read_text(encoding="utf-8").splitlines()
    status, lines = checked(tiny)
    assert status == 1
    misspelt = next(line for line in lines if "seed_tasks.0" in line)
    assert "its template names 'respnse', which no row of the source has; available: " in misspelt
    assert misspelt.endswith(f"(line {text.index('seed_tasks:') + 2}, column 3)")
    missing = next(line for line in lines if "sources.gone.address" in line)
    assert f"no file matches {tiny.parent / 'gone'}/*.jsonl" in missing
    assert missing.endswith(f"(line {text.index('  gone:') + 2}, column 5)")


def test_a_changed_file_is_named_with_both_hashes(tiny: Path) -> None:
    edit(tiny, lambda values: values["sources"]["rows"].update(sha256="ab" * 32))
    status, lines = checked(tiny)
    assert (status, lines[0]) == (1, "slingshot: recipe: 1 problem")
    assert "sources.rows: found " in lines[1]
    assert "ab" * 32 in lines[1]
