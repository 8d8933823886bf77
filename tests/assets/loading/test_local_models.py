"""A LoRA setting that the model does not have must be found by check and plan, before a build has paid for the
generation. Only models that are on this machine can be checked: nothing may be downloaded for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from slingshot import app
from tests.support.building import edit


def slingshot(*arguments: str, recipe: Path, data: Path) -> Result:
    environment = {"SLINGSHOT_RECIPE": str(recipe), "SLINGSHOT_WAREHOUSE": str(data)}
    return CliRunner().invoke(app, arguments, env=environment)


@pytest.mark.parametrize("command", ["check", "plan", "build"])
def test_layers_that_a_model_lacks_are_an_error_before_a_build(command: str, tiny: Path, tmp_path: Path) -> None:
    def wrong(values: dict[str, Any]) -> None:
        values["training"]["target_modules"] = ["q_proj", "query"]
        values["generation"]["backward_model"]["last_layers"] = 30

    edit(tiny, wrong)
    done = slingshot(command, recipe=tiny, data=tmp_path / "data")
    assert done.exit_code == 1
    first, *lines = done.stderr.splitlines()
    assert first == f"slingshot: {tiny}: 2 problems"
    written = tiny.read_text(encoding="utf-8").splitlines()
    assert lines[0].endswith(f"(line {written.index('  target_modules:') + 1}, column 3)")
    assert lines[0].startswith("  training.target_modules: found ['query']; the model has no layer of this name; ")
    assert lines[1:] == [
        "  generation.backward_model.last_layers: found 30; the model has 2 layers; it must be at most 2 "
        f"(line {written.index('    last_layers: 30') + 1}, column 5)"
    ]
    assert not (tmp_path / "data").exists()


def test_a_model_that_is_not_here_is_not_fetched_for_the_check(tiny: Path, tmp_path: Path) -> None:
    def elsewhere(values: dict[str, Any]) -> None:
        values["training"]["target_modules"] = ["query"]
        values["models"]["generator"]["address"] = "hf:owner/model@0123456789012345678901234567890123456789"

    edit(tiny, elsewhere)
    done = slingshot("check", recipe=tiny, data=tmp_path / "data")
    assert (done.exit_code, done.stderr) == (0, "")
    assert not (tmp_path / "data").exists()
