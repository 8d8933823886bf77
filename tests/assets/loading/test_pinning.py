"""A recipe may leave hashes unpinned, be checked and have its cost estimated. It is built only once all hashes are set,
and setting them changes no other character of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from assets.loading.file import load_recipe
from assets.loading.pinning import refuse_unpinned, unpinned, with_values, write_pin
from resources.fetching.addresses import Address
from slingshot import app
from tests.support.building import edit
from tests.support.hub_stand_in import COMMIT, Hub
from tests.support.tiny import ROOT
from warehouse.core.errors import UserError
from warehouse.core.identity import file_digest

TEXT = """\
models:
  base:   # the student
    address: hf:owner/tiny@main   # a branch
    sha256: "unpinned"
sources:
  base: {address: path:rows.jsonl, sha256: unpinned}
"""


def run(*arguments: str, recipe: Path, data: Path) -> tuple[int, str]:
    done = CliRunner(env={"SLINGSHOT_RECIPE": str(recipe), "SLINGSHOT_WAREHOUSE": str(data)}).invoke(app, arguments)
    return done.exit_code, done.output


def unpin(path: Path, part: str, name: str) -> str:
    """Set the sha256 of a part to unpinned; return the old one."""
    was: list[str] = []

    def forget(recipe: dict[str, dict[str, dict[str, str]]]) -> None:
        was.append(recipe[part][name]["sha256"])
        recipe[part][name]["sha256"] = "unpinned"

    edit(path, forget)
    return was[0]


def test_two_values_are_replaced_and_nothing_else() -> None:
    model = with_values(TEXT, "models.base", {"address": "hf:owner/tiny@0123", "sha256": "ab"})
    assert model == TEXT.replace("tiny@main", "tiny@0123").replace('"unpinned"', '"ab"')
    source = with_values(TEXT, "sources.base", {"address": "path:rows.jsonl", "sha256": "ab"})
    assert source == TEXT.replace("sha256: unpinned}", "sha256: ab}")


@pytest.mark.parametrize("part", ["models.other", "models.base.address", "ancestors.base"])
def test_a_missing_part_is_not_replaced(part: str) -> None:
    assert with_values(TEXT, part, {"sha256": "ab"}) is None


@pytest.mark.parametrize("command", ["plan", "build"])
def test_no_command_builds_before_everything_is_pinned(command: str, tiny: Path, tmp_path: Path) -> None:
    unpin(tiny, "models", "generator")
    code, output = run(command, recipe=tiny, data=tmp_path / "data")
    assert code == 1
    assert " ".join(output.split()) == (
        f"slingshot: {tiny}: models.generator is unpinned; run slingshot pin --recipe {tiny}, which "
        "fetches what each address holds and writes its sha256 into the recipe"
    )
    assert not (tmp_path / "data").exists()


def test_the_ui_refuses_an_unpinned_recipe_too(tiny: Path) -> None:
    unpin(tiny, "sources", "rows")
    with pytest.raises(UserError, match=r"sources\.rows is unpinned"):
        refuse_unpinned(load_recipe(tiny), tiny)


def test_check_names_what_is_unpinned(tiny: Path, tmp_path: Path) -> None:
    unpin(tiny, "models", "generator")
    unpin(tiny, "sources", "rows")
    code, output = run("check", recipe=tiny, data=tmp_path / "data")
    assert code == 0
    assert output.splitlines()[1] == (
        f"unpinned: models.generator, sources.rows; before a build: slingshot pin --recipe {tiny}"
    )


def test_pin_writes_the_original_hashes_back(tiny: Path, tmp_path: Path) -> None:
    before = tiny.read_text()
    hashes = {
        f"{part}.{name}": unpin(tiny, part, name) for part, name in (("models", "generator"), ("sources", "rows"))
    }
    code, output = run("pin", recipe=tiny, data=tmp_path / "data")
    assert code == 0
    assert [line.split()[:2] for line in output.splitlines()] == [[path, sha] for path, sha in hashes.items()]
    assert tiny.read_text() == before
    assert unpinned(load_recipe(tiny)) == {}
    assert run("pin", recipe=tiny, data=tmp_path / "data") == (0, "nothing is unpinned\n")


def test_a_branch_of_a_hub_becomes_its_commit_and_is_fetched_once(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (tiny.parent / "rows.jsonl").read_bytes()
    edit(
        tiny,
        lambda recipe: recipe["sources"]["rows"].update(
            address="hf:datasets/owner/rows@main#rows.jsonl", sha256="unpinned"
        ),
    )
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with Hub({"datasets/owner/rows": {"rows.jsonl": rows}}).serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        assert run("pin", recipe=tiny, data=tmp_path / "data")[0] == 0
        pinned = yaml.safe_load(tiny.read_text())["sources"]["rows"]
        assert pinned["address"] == f"hf:datasets/owner/rows@{COMMIT}#rows.jsonl"
        assert pinned["sha256"] == file_digest(tiny.parent / "rows.jsonl")
        asked = len(hub.asked)
        code, output = run("build", "+documents", recipe=tiny, data=tmp_path / "data")
        assert (code, len(hub.asked)) == (0, asked), output


def test_shards_are_pinned_and_built_as_one_source(tiny: Path, tmp_path: Path) -> None:
    lines = (tiny.parent / "rows.jsonl").read_text().splitlines(keepends=True)
    (tiny.parent / "shards").mkdir()
    for name, part in {"b.jsonl": lines[:9], "a.jsonl": lines[9:]}.items():
        (tiny.parent / "shards" / name).write_text("".join(part))
    address = "path:shards/*.jsonl"
    edit(tiny, lambda recipe: recipe["sources"]["rows"].update(address=address, sha256="unpinned"))
    assert run("pin", recipe=tiny, data=tmp_path / "data")[0] == 0
    assert yaml.safe_load(tiny.read_text())["sources"]["rows"]["address"] == address
    code, output = run("build", "+documents", recipe=tiny, data=tmp_path / "data")
    assert code == 0, output


def test_a_part_of_an_extended_recipe_must_be_pinned_there(tiny: Path, tmp_path: Path) -> None:
    unpin(tiny, "models", "generator")
    above = tiny.parent / "above.yaml"
    above.write_text(f"extends: {tiny.name}\nseed: 7\n")
    code, output = run("pin", recipe=above, data=tmp_path / "data")
    assert code == 1
    assert " ".join(output.split()) == (
        f"slingshot: {above}: address and sha256 of models.generator are not both in this file; "
        "pin the recipe that it extends instead"
    )
    assert above.read_text() == f"extends: {tiny.name}\nseed: 7\n"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "text",
    [
        "models:\n  base:\n    address: >-\n      hf:owner/\n      tiny@main\n    sha256: unpinned\n",
        "models:\n  base: {address: a, sha256: &u unpinned}\n  other: {address: b, sha256: *u}\n",
        "models:\n  other: {address: b, sha256: &u unpinned}\n  base: {address: a, sha256: *u}\n",
    ],
    ids=["folded", "anchor", "alias"],
)
def test_a_form_that_cannot_be_replaced_by_itself_is_an_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"by hand$"):
        write_pin(path, "models.base", Address.parse("hf:owner/tiny@0123"), "ab")
    assert path.read_text() == text


def test_line_ends_stay(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    write_pin(path, "models.base", Address.parse("hf:owner/tiny@0123"), "ab")
    expected = TEXT.replace("tiny@main", "tiny@0123").replace('"unpinned"', '"ab"').replace("\n", "\r\n")
    assert path.read_bytes() == expected.encode()


def test_the_recipe_of_the_paper_is_checked_without_a_hub(tmp_path: Path) -> None:
    """The study at full size: every model and text has an address, and check estimates its maximum cost."""
    paper = ROOT / "recipes" / "paper.yaml"
    recipe = load_recipe(paper)
    assert set(unpinned(recipe)) == {
        "models.olmo", "models.judge", "models.embedder", "sources.dolly", "sources.wikipedia", "sources.longform"
    }  # fmt: skip
    rates = ("--tokens-per-second", "2000", "--trained-per-second", "8000")
    code, output = run("check", "--cost", *rates, recipe=paper, data=tmp_path / "data")
    assert code == 0
    assert "own kind" not in output
    (evaluation,) = [line.split() for line in output.splitlines() if line.split()[:1] == ["evaluation"]]
    # The loss of 15 students on 1,000 answers, and three verdicts in two orders for each that is not of the baseline.
    students = 14 * 3 + 1
    assert evaluation[-1] == f"{1_000 * students + 3 * 2 * 1_000 * (students - 3):,}" == "283,000"
    assert output.startswith(f"{paper} is good: 163 assets, arms seeds, self_training, self_instruct, ")
    shown = " ".join(output[output.index("at most") :].split())
    assert shown.startswith(
        "at most 143,000 completions with 42,496,000 tokens, 503,000 losses, 101,000 embeddings, and 43 trainings over "
        "829,440,000 tokens "
    )
    assert "tokens written 42,496,000 2,000 5.9 given tokens of prompts not known not known" in shown
    assert "tokens trained 829,440,000 8,000 28.8 given at most 34.7 hours at these rates; without" in shown
    assert not (tmp_path / "data").exists()
