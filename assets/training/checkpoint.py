"""A fine-tuned LoRA adapter as a record, with the rows it was trained on, its base and its losses."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assets.recipe.parts import LoraPart
from assets.steps.step import Columns, made
from resources.models.calls import Adapter, Prompt, Training
from resources.tools.tools import Tools
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Checkpoint


def training_of(settings: LoraPart, seed: int) -> Training:
    """The recipe's settings and a seed, in the form that the trainer needs."""
    return Training(
        **{name: getattr(settings, name) for name in LoraPart.model_fields if name != "truncation"},
        seed=seed,
    )


def checkpoints(
    name: str,
    model: str,
    examples: Sequence[tuple[Prompt, str]],
    rows: Sequence[str],
    tools: Tools,
    trainings: Sequence[Training],
) -> Result:
    """One checkpoint record per training: the model `model` fine-tuned on `examples`, from the records `rows`."""
    base = tools.bench.models[model].id
    gate = Gate(Checkpoint, len(trainings))
    for training in trainings:
        trained = tools.train(model, examples, training)
        gate.keep(
            {
                "name": name,
                "seed": training.seed,
                "base": base,
                "training": trained.adapter.training,
                "weights": trained.adapter.weights,
                "examples": len(examples),
                "losses": trained.losses,
            },
            [(base, "base"), (trained.call, "call"), *((row, "training_row") for row in rows)],
        )
    return gate.result()


def columns(rows: str, examples: str) -> Columns:
    """Column lineage of a checkpoint trained on the input `rows`, whose column `examples` decides how many are used."""
    texts = [(rows, column) for column in ("instruction", "input", "response")]
    return made(
        rows, name=(), seed=(), base=(), training=texts, weights=texts, examples=[(rows, examples)], losses=texts
    )


def written_by(checkpoints: str) -> list[tuple[str, str]]:
    """Column lineage of text that the checkpoint in the input `checkpoints` writes."""
    return [(checkpoints, "training"), (checkpoints, "weights")]


def adapter_of(checkpoints: pl.DataFrame) -> Adapter:
    """The adapter of the first checkpoint in the frame."""
    return Adapter(checkpoints["training"][0], checkpoints["weights"][0])
