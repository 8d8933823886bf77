"""The backward model p(instruction | response): LoRA on flipped seed pairs (arXiv 2308.12711; 2308.06259).

Worked example: the seed ("How do I make Pesto?", "Crush the basil …") becomes the prompt "Crush the basil … Which
instruction does this text answer?" with the completion "How do I make Pesto?". With `fragments: [keywords]` the prompt
"Pesto, basil … Which instruction does this text answer?" has the same completion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import polars as pl

from assets.prompting.extracts import keywords, random_sentence
from assets.recipe.filters import Fragments
from assets.recipe.types import BackwardModel, Recipe
from assets.recipe.values import Level
from assets.steps import names
from assets.steps.step import Step
from assets.training.checkpoint import Examples, checkpoints, columns, training_of
from assets.training.shortening import examples_of, shortened, shortening_notes
from assets.training.truncation import cut_notes
from assets.training.validation import held_out, joined_notes, validation_notes
from resources.tools.tools import Tools
from warehouse.core.errors import UserError
from warehouse.core.identity import row_seed
from warehouse.core.texts import has_word
from warehouse.results.result import Result
from warehouse.schema.records import Checkpoint

KEY = "generation.backward_model"
"""The path of its settings in the recipe."""


def flipped(
    seeds: pl.DataFrame, levels: Sequence[Level] = (), cut: Fragments | None = None
) -> list[tuple[str, str, str]]:
    """(id, response, instruction) of every seed task without an input.

    For each of `levels` there is one more with a fragment of the response, cut as `cut` says, where there is one."""
    found = []
    for row in seeds.iter_rows(named=True):
        if row["input"]:
            continue
        shown = [row["response"], *(_fragment(row, level, cut or Fragments()) for level in levels)]
        found += [(row["id"], text, row["instruction"]) for text in shown if has_word(text)]
    return found


def _refuse_long(sizes: Sequence[int], most: int) -> None:
    if long := sum(size > most for size in sizes):
        raise UserError(
            f"{long} of {len(sizes)} training examples of the backward model have more tokens than "
            f"{KEY}.max_tokens ({most}; the longest has {max(sizes)}); raise it, lower the words of seed_tasks, or set "
            "truncation: keep"
        )


def _fragment(row: Mapping[str, str], level: Level, cut: Fragments) -> str:
    if level == "sentence":
        return random_sentence(row["response"], row_seed("sentence", row["id"]))
    return keywords(row["response"], cut.keywords, cut.phrase_words)


def step(recipe: Recipe, settings: BackwardModel) -> Step:
    """The asset `backward_model`."""
    model, seed = recipe.generation.model, recipe.seed

    def build(tools: Tools, seed_tasks: pl.DataFrame) -> Result:
        found = flipped(seed_tasks, settings.fragments, recipe.enhancement.fragments)
        if not found:
            raise UserError(
                f"the backward model has no training examples: all {len(seed_tasks)} seed tasks have an input; add a "
                "selection to seed_tasks whose fields have no input"
            )
        rows, whole, instructions = ([one[place] for one in found] for place in range(3))
        if settings.truncation == "reject":
            _refuse_long(tools.example_sizes(model, examples_of(whole, instructions)), settings.max_tokens)
        texts, sizes = shortened(whole, instructions, settings.max_tokens, partial(tools.known_sizes, model))
        notes = joined_notes(
            cut_notes(sizes, settings.max_tokens, KEY), shortening_notes(whole, texts, settings.max_tokens, KEY)
        )
        examples = examples_of(texts, instructions)
        responses = dict(seed_tasks.select("id", "response").iter_rows())
        out = held_out([responses[row] for row in rows], settings.validation, seed, f"{KEY}.validation")
        split = Examples.of(examples, rows, out)
        made, losses = checkpoints(names.BACKWARD_MODEL, model, split, tools, [training_of(settings, seed)])
        return replace(made, notes=joined_notes(notes, validation_notes(losses, sum(out), KEY)))

    return Step(
        asset=names.BACKWARD_MODEL,
        group="generation",
        description="The model that writes the instruction for a response, fine-tuned on flipped seed tasks.",
        model=Checkpoint,
        build=build,
        slice=recipe.slice("seed", "generation.model", f"models.{model}", "generation.backward_model")
        | (recipe.slice("enhancement.fragments") if settings.fragments else {}),
        inputs={"seed_tasks": names.SEED_TASKS},
        kinds=frozenset({"huggingface", "duckdb"}),
        plot="loss",
        columns=columns("seed_tasks", examples="input"),
    )
