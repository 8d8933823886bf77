"""Who asks about an environment must see its versions, and not those of the main one. A training set has two rows in
the main environment and one in another; each command is asked about both."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import assets.browsing.server
import slingshot
from assets.browsing.rows import page_of
from tests.support.building import edit
from warehouse.audit.row_query import Wanted
from warehouse.store.warehouse import Warehouse

ENV, ASSET = "pr-12", "training_sets/self_training"


@pytest.fixture(scope="module")
def at(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where a copy of the built warehouse is, in which the environment has a smaller training set."""
    folder = tmp_path_factory.mktemp("environments")
    recipe = Path(shutil.copy(built[0], folder / "recipe.yaml"))
    data = Path(shutil.copytree(built[1], folder / "data"))
    edit(recipe, lambda values: values["curation"].update(rows=1))
    assert slingshot.open(recipe, data, ENV).build(ASSET).built == (ASSET,)
    return {"SLINGSHOT_RECIPE": str(recipe), "SLINGSHOT_WAREHOUSE": str(data)}


def ask(at: dict[str, str], *words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(slingshot.app, [*words, "--json"], env=at)
    assert (done.exit_code, done.stderr) == (code, ""), done.output
    return json.loads(done.stdout)


def both(at: dict[str, str], *words: str) -> tuple[Any, Any]:
    """What a command finds in the main environment and in the other."""
    return ask(at, *words), ask(at, *words, "--env", ENV)


def test_rows_status_and_ledger_are_those_of_the_environment(at: dict[str, str]) -> None:
    assert [one["outcomes"]["kept"] for one in both(at, "show", ASSET)] == [2, 1]
    main, other = ({one["asset"]: one for one in found} for found in both(at, "status"))
    assert [one[ASSET]["rows"]["kept"] for one in (main, other)] == [2, 1]
    assert {name for name in main if main[name]["version"] != other[name]["version"]} == {ASSET}
    assert [[one["outcomes"]["kept"] for one in found if one["asset"] == ASSET] for found in both(at, "ledger")] == [
        [2],
        [1],
    ]


def test_the_last_build_of_an_asset_is_that_of_the_version_shown(at: dict[str, str]) -> None:
    main, other = ({one["asset"]: one for one in found} for found in both(at, "status"))
    assert main["seed_tasks"] == other["seed_tasks"]
    assert main[ASSET]["seconds"] != other[ASSET]["seconds"]
    assert main[ASSET]["action"] == other[ASSET]["action"] == "built"


def test_the_log_and_the_difference_of_an_asset_follow_the_environment(at: dict[str, str]) -> None:
    main, other = ({one["version"]: one["is_current"] for one in found} for found in both(at, "log", ASSET))
    assert (main.keys(), sorted(main.values())) == (other.keys(), [False, True])
    assert main == {version: not is_current for version, is_current in other.items()}
    version = next(version for version, is_current in main.items() if is_current)
    assert [len(one["removed"]) + len(one["redecided"]) for one in both(at, "diff", version, ASSET)] == [0, 1]


def test_decisions_about_a_row_are_those_of_the_environment(at: dict[str, str]) -> None:
    kept = {one["id"] for one in ask(at, "show", ASSET, "--outcome", "kept")["rows"]}
    surplus = ask(at, "show", ASSET, "--env", ENV, "--where", "reason = 'beyond the budget'", "--limit", "100")["rows"]
    (row,) = kept & {one["id"] for one in surplus}

    def outcome(found: Any) -> list[str]:
        (node,) = (one for one in found["nodes"].values() if one["id"] == row)
        return [one["outcome"] for one in node["decisions"] if one["asset"] == ASSET and one["is_current"]]

    assert [outcome(found) for found in both(at, "why", row)] == [["kept"], ["rejected"]]
    dropped = [found["answers"][0]["dropped"] for found in both(at, "why-not", row)]
    assert [[one["asset"] for one in found if one["is_current"]] for found in dropped] == [[], [ASSET]]


def test_an_export_has_the_rows_of_the_environment(at: dict[str, str], tmp_path: Path) -> None:
    for name, *option in (("main",), ("other", "--env", ENV)):
        ask(at, "export", "self_training", "--to", str(tmp_path / name), *option)
    lines = [(tmp_path / name / "messages/self_training/train.jsonl").read_text() for name in ("main", "other")]
    assert [text.count("\n") for text in lines] == [2, 1]


def test_pages_and_reports_read_the_environment(at: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Warehouse] = []
    monkeypatch.setattr(assets.browsing.server, "browse", lambda database, *rest: opened.append(database))
    for option in ([], ["--env", ENV]):
        assert CliRunner().invoke(slingshot.app, ["browse", *option], env=at).exit_code == 0
    assert [page_of(one, ASSET, Wanted(["kept"])).total for one in opened] == [2, 1]
    main, other = both(at, "report")
    assert [one["name"] for one in main] == [one["name"] for one in other]


def test_builds_have_no_environment_and_a_misspelt_one_is_said(at: dict[str, str]) -> None:
    done = CliRunner().invoke(slingshot.app, ["log", "--env", ENV], env=at)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "slingshot: builds are on record without their environment, so --env needs an asset: slingshot log ASSET"
    )
    done = CliRunner().invoke(slingshot.app, ["show", ASSET, "--env", "pr-21", "--json"], env=at)
    assert json.loads(done.stdout)["outcomes"]["kept"] == 2
    assert done.stderr == (
        "slingshot: the environment pr-21 has no version of its own, so this is the main one; "
        "did you mean 'pr-12'? (known: pr-12)\n"
    )
