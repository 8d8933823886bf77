"""Parts of the recipe that several methods, models and benchmarks share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from assets.recipe.materials import Part as Part
from assets.recipe.values import Count, Probability, Temperature


class SamplingPart(Part):
    """How a model decodes: greedily at temperature 0, otherwise by nucleus sampling."""

    max_new_tokens: Count
    temperature: Temperature = 0.0
    top_p: Probability = 1.0


def _is_zero(value: float) -> bool:
    return value == 0


class TrainingPart(Part):
    """Fine-tuning: by LoRA, or of all weights (`method: full`), which has no adapter and none of its settings.

    The paper does not publish these settings; all are ours.

    A training example of more than `max_tokens` is cut there; `truncation` says whether such examples are kept (the
    default) or rejected. `last_layers` puts the adapter on the last layers only, which saves the backward pass through
    the others.

    Each optimizer step reads `batch_size` examples. With `micro_batch` it reads them in parts of so many, which needs
    less memory and gives the same gradient: the loss is the mean over the tokens of the whole batch. The learning rate
    rises over the share `warmup` of the steps, and then falls to zero by `scheduler`, or stays as it is (constant).
    `dropout` is that of the adapter.

    `precision: bfloat16` computes activations and gradients in bfloat16 (mixed precision, arXiv 1710.03740): faster on
    processors with AMX, and with other weights as its result. A GPU always does.
    """

    epochs: Count
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    rank: Count | None = None
    alpha: Count | None = None
    batch_size: Count
    max_tokens: Count
    last_layers: Count | None = None
    target_modules: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    )
    truncation: Literal["keep", "reject"] | None = None
    micro_batch: Count | None = None
    # Slices leave these out at their defaults, so that the keys alone make nothing stale.
    method: Annotated[Literal["lora", "full"], Field(exclude_if=lambda value: value == "lora")] = "lora"
    warmup: Annotated[float, Field(ge=0, lt=1, exclude_if=_is_zero)] = 0.0
    scheduler: Annotated[Literal["linear", "cosine", "constant"], Field(exclude_if=lambda value: value == "linear")] = (
        "linear"
    )
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False, exclude_if=_is_zero)] = 0.0
    dropout: Annotated[float, Field(ge=0, lt=1, exclude_if=_is_zero)] = 0.0
    precision: Literal["bfloat16"] | None = None
    # How often progress is saved does not change the result, so this key is left out of slices.
    checkpoint_every: Annotated[Count, Field(exclude=True)] = 8


class ValidatedTrainingPart(TrainingPart):
    """A fine-tuning on record as a checkpoint. With `validation`, this share of its rows (below 1) or so many of them
    are held out, and their loss is measured after each epoch."""

    validation: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


_LOSSES = {"gain": 2, "rating": 5, "first": 0, "rules": 0}
"""How many losses each way to choose measures per candidate, at most."""


class UntilPart(Part):
    """Whether a method draws more documents or seed tasks, `at_most` in all, until its arms have their rows (see
    assets/generation/rounds.py)."""

    until: Literal["accepted"] | None = None
    at_most: Count | None = None


class CandidatesPart(Part):
    """How many texts are drawn for each pair, and what chooses one of them (see assets/generation/candidates.py)."""

    # Slices leave both out at their defaults, so that the keys alone make nothing stale.
    candidates: Annotated[Count, Field(exclude_if=lambda value: value == 1)] = 1
    choose: Annotated[Literal["gain", "rating", "first", "rules"], Field(exclude_if=lambda value: value == "gain")] = (
        "gain"
    )

    @property
    def measures(self) -> bool:
        """Whether choosing needs the losses of a model."""
        return self.candidates > 1 and _LOSSES[self.choose] > 0

    @property
    def follows_rules(self) -> bool:
        """Whether choosing depends on the rules of enhancement.heuristics."""
        return self.candidates > 1 and self.choose == "rules"

    def most_calls(self, pairs: int) -> int:
        """The most model calls that `pairs` pairs cost: one per candidate, and what choosing measures."""
        return pairs * self.candidates * (1 + (_LOSSES[self.choose] if self.measures else 0))
