"""A reviewer of a changed recipe must see what it changes before it becomes the main version, on one page that nothing
in the rows can break, and a check of a pull request needs an exit status. These tests build a change beside the main
environment, read its review and promote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import slingshot
from assets.planning.planned import Planned
from assets.reporting.review_page import markdown
from tests.support.building import edit
from warehouse.audit.diff import Changed, Diff
from warehouse.audit.nodes import Decided
from warehouse.audit.review import Declared, Moved, Review

V1, V2 = "1" * 32, "2" * 32


def run(code: int, *arguments: str) -> str:
    done = CliRunner().invoke(slingshot.app, [*arguments])
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def changed_rule(recipe: dict[str, Any]) -> None:
    recipe["enhancement"]["heuristics"]["response_words"] = [1, 99]


@pytest.fixture
def changed(own: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A built warehouse, and a recipe with another rule, which drops no row; commands work in the environment pr-12."""
    monkeypatch.setenv("SLINGSHOT_ENVIRONMENT", "pr-12")
    edit(own[0], changed_rule)
    return own


def test_a_change_is_built_reviewed_and_promoted_beside_the_main_environment(changed: tuple[Path, Path]) -> None:
    recipe, data = changed
    at = ("--recipe", str(recipe), "--warehouse", str(data))
    asset = "enhanced_instructions/self_training"
    main = slingshot.open(recipe, data, environment="")
    before = {one.asset: one.version for one in main.status()}
    first = run(2, "review", *at)
    assert first.startswith("# `pr-12` against the main environment\n\n0 assets with another version")
    assert "## Not built yet" in first
    slingshot.open(recipe, data).build(f"+{asset}")
    assert {one.asset: one.version for one in slingshot.open(recipe, data, environment="").status()} == before
    page = run(2, "review", *at)
    assert "1 asset with another version, 0 of them with other rows" in page
    assert "1 asset with another version and the same rows." in page
    assert run(0, "environments", "--warehouse", str(data)) == f"pr-12: {asset}\n"
    assert run(0, "promote", "pr-12", "--warehouse", str(data)) == f"promoted 1 asset: {asset}\n"
    after = {one.asset: one.version for one in slingshot.open(recipe, data, environment="").status()}
    assert {name for name in before if before[name] != after[name]} == {asset}
    assert "only the main environment" in run(0, "environments", "--warehouse", str(data))


def test_without_a_difference_the_status_is_0(own: tuple[Path, Path]) -> None:
    at = ("--recipe", str(own[0]), "--warehouse", str(own[1]))
    assert run(0, "review", *at) == "# the main environment against the main environment\n\nNothing differs.\n"


def decided(outcome: str, reason: str | None) -> Decided:
    return Decided("pairs", V1, outcome, reason, None, None, None, True)


def test_rows_cannot_break_out_of_the_page() -> None:
    text = "a ```\n\n# Title\n<img src=x> | \x1b[2J **bold**"
    row = Changed("a" * 32, None, decided("kept", None), {"instruction": text, "response": "two words"})
    found = Review(
        before="", after="pr-12", added=(), removed=("old|name",), changed=("pairs",),
        diffs=(Diff("pairs", V1, V2, ("a <b> `c`",), (row,), (), ()),),
        scores=(Moved("longform/meteor", "x", "%", 10.0, 12.5, "better"),), quality=(),
        declared=(Declared("models.generator", None, '{"licence": "MIT"}'),), faults=(),
    )  # fmt: skip
    page = markdown(found, [Planned("leaderboard", "stale", ("x changed",))])
    assert page.splitlines() == [
        "# `pr-12` against the main environment",
        "",
        "2 assets with another version, 1 of them with other rows (1 added, 0 removed); x is better by "
        "longform/meteor; 1 asset not built yet.",
        "",
        "## Not built yet",
        "",
        "| asset | state | because | fails |",
        "| --- | --- | --- | --- |",
        "| leaderboard | stale | x changed |  |",
        "",
        "## Assets",
        "",
        "| asset | because | rows added | removed | decided otherwise |",
        "| --- | --- | --- | --- | --- |",
        "| old\\|name | removed |  |  |  |",
        "| pairs | a &lt;b&gt; \\`c\\` | 1 | 0 | 0 |",
        "",
        "## Scores",
        "",
        "| number | arm | before | after | change | against the baseline |",
        "| --- | --- | --- | --- | --- | --- |",
        "| longform/meteor | x | 10.00 % | 12.50 % | +2.50 % | better |",
        "",
        "## Models, sources and licences",
        "",
        "| what | before | after |",
        "| --- | --- | --- |",
        '| models.generator | not used | {"licence": "MIT"} |',
        "",
        "## Rows",
        "",
        "`pairs`, added:",
        "",
        "````text",
        "a ``` # Title <img src=x> | \\x1b[2J **bold** → two words",
        "    aaaaaaaaaaaa: kept",
        "````",
        "",
    ]
