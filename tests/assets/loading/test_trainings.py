"""Settings of a training that contradict each other must be found before a build has paid for the generation, and a
new setting must make no training stale where it has its default."""

from __future__ import annotations

from typing import Any

import yaml

from assets.loading.rules import Problem
from assets.loading.trainings import training_faults
from assets.loading.whole import FullRecipe
from assets.recipe.types import Recipe
from tests.support.tiny import ROOT


def starter(change: dict[str, Any], *keys: str) -> Recipe:
    """The starter with the mapping at `keys` changed."""
    values = yaml.safe_load((ROOT / "recipe.yaml").read_text(encoding="utf-8"))
    part = values
    for key in keys:
        part = part.setdefault(key, {})
    part |= change
    return FullRecipe.model_validate(values)


LORA = {"epochs": 1, "learning_rate": 0.1, "rank": 2, "alpha": 4, "batch_size": 6, "max_tokens": 64}


def faults(recipe: Recipe) -> list[str]:
    return [str(Problem(*fault)) for fault in training_faults(recipe)]


def test_a_batch_must_be_whole_parts() -> None:
    right = "a batch is read in equal parts: it must divide batch_size"
    for keys in (("training",), ("generation", "backward_model")):
        recipe = starter({"batch_size": 6, "micro_batch": 4}, *keys)
        assert faults(recipe) == [f"{'.'.join(keys)}.micro_batch: found 4; {right} (6)"]
        assert faults(starter({"batch_size": 6, "micro_batch": 3}, *keys)) == []
    rated = starter({"training": LORA | {"micro_batch": 4}, "instruction": {"max_new_tokens": 8}},
                    "generation", "back_translation")  # fmt: skip
    assert faults(rated) == [f"generation.back_translation.training.micro_batch: found 4; {right} (6)"]
    variant = {
        "method": "back_translation",
        "training": LORA | {"micro_batch": 4},
        "instruction": {"max_new_tokens": 8},
    }
    rated = starter({"other": variant}, "generation", "variants")
    assert faults(rated) == [f"generation.variants.other.training.micro_batch: found 4; {right} (6)"]


def test_settings_at_their_defaults_are_not_in_a_slice() -> None:
    defaults: dict[str, Any] = {"micro_batch": None, "scheduler": "linear", "precision": None}
    defaults |= {"warmup": 0, "weight_decay": 0, "dropout": 0}
    path = "training"
    assert starter(defaults, path).slice(path) == starter({}, path).slice(path)
    changed: dict[str, Any] = {"micro_batch": 2, "scheduler": "cosine", "precision": "bfloat16"}
    changed |= {"warmup": 0.1, "weight_decay": 0.1, "dropout": 0.1}
    sliced = starter(changed, path).slice(path)[path]
    assert sliced == starter({}, path).slice(path)[path] | changed


def test_a_validation_set_is_a_share_or_a_whole_number() -> None:
    assert faults(starter({"validation": 1.5}, "training")) == [
        "training.validation: found 1.5; it must be a share of the rows below 1, or a whole number of rows"
    ]
    assert [faults(starter({"validation": value}, "training")) for value in (0.05, 200)] == [[], []]


def test_an_adapter_needs_its_settings_and_a_full_training_has_none() -> None:
    none = {"rank": None, "alpha": None, "last_layers": None}
    assert faults(starter(none, "training")) == [
        f"training.{key}: found nothing; an adapter needs it (method: lora)" for key in ("rank", "alpha")
    ]
    assert faults(starter(none | {"method": "full"}, "training")) == []
    right = "only an adapter has it (method: lora); without one (method: full) remove it"
    wrong = none | {"method": "full", "rank": 8, "dropout": 0.1, "target_modules": ["q_proj"]}
    assert faults(starter(wrong, "training")) == [
        f"training.dropout: found 0.1; {right}",
        f"training.rank: found 8; {right}",
        f"training.target_modules: found ['q_proj']; {right}",
    ]
