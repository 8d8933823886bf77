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


class LoraPart(Part):
    """LoRA fine-tuning. The paper does not publish these settings; all are ours.

    A training example of more than `max_tokens` is cut there; `truncation` says whether such examples are kept (the
    default) or rejected. `last_layers` puts the adapter on the last layers only, which saves the backward pass through
    the others.
    """

    epochs: Count
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    rank: Count
    alpha: Count
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
    # How often progress is saved does not change the result, so this key is left out of slices.
    checkpoint_every: Annotated[Count, Field(exclude=True)] = 8
