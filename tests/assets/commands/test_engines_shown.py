"""Which engine writes a dataset decides how long it takes, and its numbers decide the texts. So the commands that come
before a build say it, and they propose the faster numbers where the processor has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from resources.models import device
from slingshot import app
from tests.support.building import edit

FASTER = (
    "generator: this processor also computes bfloat16, which is faster and answers many prompts differently: "
    "models.generator.precision: bfloat16"
)


def shown(command: str, recipe: Path, data: Path) -> list[str]:
    """The lines about engines."""
    environment = {"SLINGSHOT_RECIPE": str(recipe), "SLINGSHOT_WAREHOUSE": str(data)}
    done = CliRunner().invoke(app, [command], env=environment)
    assert done.exit_code == 0, done.output
    return [line for line in done.stdout.splitlines() if line.startswith("generator")]


@pytest.mark.parametrize("command", ["check", "plan", "status"])
@pytest.mark.parametrize(
    ("settings", "gpu", "line"),
    [
        ({"engine": "transformers"}, False, "transformers, float32 on cpu"),
        ({"engine": "openvino"}, False, "openvino, float32 on cpu"),
        ({"engine": None}, False, "openvino, float32 on cpu"),
        ({"engine": None}, True, "transformers, bfloat16 on cuda"),
        ({"engine": "openvino", "precision": "bfloat16"}, False, "openvino, bfloat16 on cpu"),
        ({"engine": None, "precision": "float32"}, True, "transformers, float32 on cuda"),
    ],
)
def test_each_command_names_the_engine_of_a_model(
    command: str,
    settings: dict[str, Any],
    gpu: bool,
    line: str,
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "on_gpu", lambda: gpu)
    monkeypatch.setattr("assets.loading.local_models.computes_bfloat16", lambda: False)
    edit(tiny, lambda recipe: recipe["models"]["generator"].update(settings))
    assert shown(command, tiny, tmp_path / "data") == [f"generator writes with {line}"]


@pytest.mark.parametrize("command", ["check", "plan", "status"])
def test_a_model_behind_a_server_is_named_with_its_address(command: str, tiny: Path, tmp_path: Path) -> None:
    def served(recipe: dict[str, Any]) -> None:
        recipe["models"]["writer"] = recipe["models"]["generator"] | {
            "address": "http://127.0.0.1:9/v1#tiny",
            "engine": None,
        }

    edit(tiny, served)
    environment = {"SLINGSHOT_RECIPE": str(tiny), "SLINGSHOT_WAREHOUSE": str(tmp_path / "data")}
    done = CliRunner().invoke(app, [command], env=environment)
    assert "writer writes with http://127.0.0.1:9/v1#tiny" in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("settings", "processor", "proposed"),
    [
        ({"engine": None}, True, [FASTER]),
        ({"engine": None}, False, []),
        ({"engine": None, "precision": "float32"}, True, []),
        ({"engine": "openvino", "precision": "bfloat16"}, True, []),
        ({"engine": "transformers"}, True, []),
    ],
)
def test_check_proposes_bfloat16_where_the_processor_has_it_and_the_recipe_says_nothing(
    settings: dict[str, Any],
    processor: bool,
    proposed: list[str],
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("assets.loading.local_models.computes_bfloat16", lambda: processor)
    edit(tiny, lambda recipe: recipe["models"]["generator"].update(settings))
    assert shown("check", tiny, tmp_path / "data")[1:] == proposed


@pytest.mark.parametrize(
    ("precision", "lacks", "said"),
    [
        ("bfloat16", True, ["generation.backward_model.precision: bfloat16 trains more slowly than float32 here, "]),
        ("bfloat16", False, []),
        (None, True, []),
    ],
)
def test_check_names_trainings_that_bfloat16_makes_slower_on_this_processor(
    precision: str | None, lacks: bool, said: list[str], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assets.loading.local_models.lacks_amx", lambda: lacks)
    edit(tiny, lambda recipe: recipe["generation"]["backward_model"].update(precision=precision))
    environment = {"SLINGSHOT_RECIPE": str(tiny), "SLINGSHOT_WAREHOUSE": str(tmp_path / "data")}
    lines = CliRunner().invoke(app, ["check"], env=environment).stdout.splitlines()
    found = [line for line in lines if "trains more slowly" in line]
    assert found == [f"{line}since this processor has no AMX" for line in said]
