"""A checkpoint as a record, with the rows it was trained on, its base and its losses.

It is a LoRA adapter, or a model of which all weights were trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import polars as pl

from assets.recipe.parts import TrainingPart
from assets.steps.step import Columns, made
from resources.models.calls import Adapter, Prompt, Training
from resources.tools.tools import Tools
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Checkpoint

Example = tuple[Prompt, str]


@dataclass(frozen=True)
class Examples:
    """What is trained on, with the ids of the records that it was made from, and what is held out."""

    trained: list[Example]
    rows: list[str]
    held_out: list[Example]

    @staticmethod
    def of(examples: Sequence[Example], rows: Sequence[str], held_out: Sequence[bool]) -> Examples:
        """`examples` and their `rows`, of which some are `held_out`."""
        out = [not one for one in held_out]
        return Examples(list(compress(examples, out)), list(compress(rows, out)), list(compress(examples, held_out)))


def training_of(settings: TrainingPart, seed: int) -> Training:
    """The recipe's settings and a seed, in the form that the trainer needs."""
    return Training(
        **{name: getattr(settings, name) for name in TrainingPart.model_fields if name != "truncation"},
        seed=seed,
    )


def checkpoints(
    name: str,
    model: str,
    examples: Examples,
    tools: Tools,
    trainings: Sequence[Training],
) -> tuple[Result, dict[int, Sequence[float]]]:
    """One checkpoint record per training of the model `model`, and the losses of what is held out, by training seed."""
    base = tools.bench.models[model].id
    gate, losses = Gate(Checkpoint, len(trainings)), {}
    for training in trainings:
        trained = tools.train(model, examples.trained, training, examples.held_out)
        losses[training.seed] = trained.validation
        gate.keep(
            {
                "name": name,
                "seed": training.seed,
                "base": base,
                "training": trained.adapter.training,
                "weights": trained.adapter.weights,
                "examples": len(examples.trained),
                "losses": trained.losses,
            },
            [(base, "base"), (trained.call, "call"), *((row, "training_row") for row in examples.rows)],
        )
    return gate.result(), losses


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
