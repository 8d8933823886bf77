"""A server that has other weights, other settings or no adapters still answers, and nobody sees that it is not the
model of the recipe. So each word of the command is compared with what the recipe and the warehouse say."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from slingshot import app
from tests.support.building import edit, query
from tests.support.tiny import ROOT

HUB = "hf:HuggingFaceTB/SmolLM2-135M-Instruct@12fd25f77366fa6b3b4b768ec3050bf629380bac"


def run(recipe: Path, data: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["serve", *words, "--recipe", str(recipe), "--warehouse", str(data)])
    return done.exit_code, done.output


def test_a_folder_is_served_from_where_its_hash_was_compared(built: tuple[Path, Path]) -> None:
    recipe, data = built
    code, output = run(recipe, data, "generator", "--port", "8001")
    command, _, said = output.partition("\n\n")
    declared = yaml.safe_load(recipe.read_text())["models"]["generator"]
    folder = declared["address"].removeprefix("path:")
    assert code == 0
    assert shlex.split(command) == [
        *("vllm", "serve", folder, "--served-model-name", "generator", "--host", "127.0.0.1", "--port", "8001"),
        *("--generation-config", "vllm"),
    ]
    parts = yaml.safe_load(said)
    url = "http://127.0.0.1:8001/v1"
    assert parts["servers"] == {"generator": {"urls": [url], "gives": ["completions", "losses"]}}
    served = parts["models"]["generator"]
    assert served["address"] == "http://127.0.0.1:8001/v1#generator"
    assert (served["sha256"], served["licence"]) == (declared["sha256"], declared["licence"])


def test_a_model_of_a_hub_is_served_at_the_revision_and_in_the_numbers_of_the_recipe(own: tuple[Path, Path]) -> None:
    recipe, data = own
    edit(recipe, lambda values: values["models"]["generator"].update(address=HUB, precision="bfloat16"))
    revision = HUB.rpartition("@")[2]
    code, output = run(recipe, data, "generator", "--json")
    assert code == 0
    command = json.loads(output)["command"]
    assert command[2] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert shlex.join(command).endswith(
        f"--revision {revision} --tokenizer-revision {revision} --dtype bfloat16 --generation-config vllm"
    )


def test_current_adapters_are_served_under_their_arm_and_seed(built: tuple[Path, Path]) -> None:
    recipe, data = built
    code, output = run(recipe, data, "generator", "--adapters", "--json")
    assert code == 0
    said = json.loads(output)
    command = said["command"]
    assert said["environment"] == {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}
    assert said["servers"]["generator"]["gives"] == ["completions", "adapters"]
    trained = query(
        data,
        "SELECT name || '-' || seed AS name, training FROM records.checkpoint r JOIN lineage.decisions d "
        "ON d.record = r.id JOIN lineage.current c USING (asset, version) WHERE outcome = 'kept'",
    ).rows()
    assert len(trained) > 1
    expected = {f"{name}={data.resolve() / 'checkpoints' / training}" for name, training in trained}
    assert command[command.index("--enable-lora") + 1 : command.index("--lora-modules")] == ["--max-lora-rank", "8"]
    assert set(command[command.index("--lora-modules") + 1 :]) == expected


def test_a_server_takes_adapters_of_the_recipe_before_there_are_any(own: tuple[Path, Path], tmp_path: Path) -> None:
    """A build trains them, and has the server load them."""
    recipe, _ = own
    edit(recipe, lambda values: values["training"].update(rank=24))
    code, output = run(recipe, tmp_path / "empty", "generator", "--adapters")
    assert code == 0
    line = output.partition("\n")[0]
    assert line.startswith("VLLM_ALLOW_RUNTIME_LORA_UPDATING=True vllm serve ")
    assert line.endswith(" --generation-config vllm --enable-lora --max-lora-rank 32")


def test_an_embedder_gives_embeddings(built: tuple[Path, Path]) -> None:
    code, output = run(*built, "embedder", "--json")
    assert (code, json.loads(output)["servers"]["embedder"]["gives"]) == (0, ["embeddings"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("generatr", "no model of the recipe is named 'generatr'; did you mean 'generator'?"),
        ("served", "served is behind a server already: http://localhost:8000/v1#x"),
    ],
)
def test_what_cannot_be_served_is_one_clear_error(own: tuple[Path, Path], name: str, message: str) -> None:
    recipe, data = own
    there = {
        "address": "http://localhost:8000/v1#x",
        "sha256": "0123456789abcdef" * 4,
        "licence": "Apache-2.0",
        "origin": "mixed",
    }
    edit(recipe, lambda values: values["models"].update(served=there))
    code, output = run(recipe, data, name)
    assert (code, message in output) == (1, True), output


def test_run_hands_over_to_vllm_and_says_where_it_is_missing(built: tuple[Path, Path], tmp_path: Path) -> None:
    """The program is one that prints its words: vLLM needs a GPU."""
    recipe, data = built
    words = ["serve", "generator", "--run", "--recipe", str(recipe), "--warehouse", str(data)]
    command = [sys.executable, str(ROOT / "slingshot.py"), *words]
    missing = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (missing.returncode, missing.stderr) == (
        1,
        "slingshot: vllm is not installed here: pip install vllm, or run the command where it is\n",
    )
    program = tmp_path / "vllm"
    program.write_text('#!/bin/sh\necho "$VLLM_NO_USAGE_STATS $@"\n')
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"PATH": path})
    assert done.stdout.startswith("1 serve /")
    assert done.stdout.endswith("--generation-config vllm\n")
