"""Shuffled instructions, a control: the pairs of another method, with instructions that belong to other responses.

Responses stay as they are, so a student that is trained on them sees the same texts. What it learns less than from the
right pairs, it would have learned from the instructions. Without this control a better score may only show that the
responses resemble the benchmark (ours; the paper has no such arm).

`share` is how many of the pairs are changed; which ones, a hash of their responses decides. With `swap: random` the
changed pairs exchange their instructions among each other. With `nearest` each gets the instruction of the pair whose
response is most similar, so that the mismatch is hard to see.

Worked example: ("How is Pesto made?", "Crush the basil …") and ("Who was Ada?", "A writer …") become
("Who was Ada?", "Crush the basil …") and ("How is Pesto made?", "A writer …").
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from pydantic import Field

from assets.generation.method import Job, Method
from assets.prompting.pairs import pair, pair_columns
from assets.recipe.parts import Part
from assets.recipe.values import Name
from resources.models.calls import Vector
from warehouse.core.identity import row_seed
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

NAME = "shuffled_instructions"
Row = dict[str, Any]
Embed = Callable[[Sequence[str]], Sequence[Vector]]


class ShuffledInstructions(Part):
    """The method `of` whose pairs are taken, the `share` that is changed, and how. `nearest` needs an `embedder`."""

    of: Name
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    swap: Literal["random", "nearest"] = "random"
    embedder: Name | None = None


def generate(pairs: pl.DataFrame, settings: ShuffledInstructions, embed: Embed, seed: int) -> Result:
    """One pair for each of `pairs` (columns id, level, instruction, input, response)."""
    rows = pairs.to_dicts()
    gate = Gate(Pair, len(rows))
    drawn = sorted(range(len(rows)), key=lambda index: (row_seed(seed, NAME, rows[index]["response"]), index))
    changed = drawn[: round(settings.share * len(rows))]
    source = _exchanged(rows, changed) if settings.swap == "random" else _nearest(rows, changed, embed)
    for index, own in enumerate(rows):
        other = rows[source.get(index, index)]
        row = pair(NAME, other["instruction"], other["input"], own["response"], own["level"])
        parents = [(own["id"], "response"), (other["id"], "instruction")]
        if index in source and _question(own) == _question(other):
            gate.reject(row, "no other instruction", parents)
        else:
            gate.keep(row, parents)
    return gate.result()


def _question(row: Row) -> tuple[str, str]:
    return row["instruction"], row["input"]


def _exchanged(rows: Sequence[Row], changed: Sequence[int]) -> dict[int, int]:
    """Where each changed row gets its instruction: from the next one whose instruction differs, each from another."""
    left, found = deque([*changed[1:], *changed[:1]]), {}
    for index in changed:
        for _ in range(len(left)):
            if _question(rows[left[0]]) != _question(rows[index]):
                break
            left.rotate(-1)
        found[index] = left.popleft()
    return found


def _nearest(rows: Sequence[Row], changed: Sequence[int], embed: Embed) -> dict[int, int]:
    """Where each changed row gets its instruction: from the row with the most similar response and another question."""
    vectors = np.array([vector.values for vector in embed([row["response"] for row in rows])], dtype=np.float64)
    found = {}
    for index in changed:
        nearest = np.argsort(-(vectors @ vectors[index]), kind="stable").tolist()
        found[index] = next((at for at in nearest if _question(rows[at]) != _question(rows[index])), index)
    return found


def make(job: Job[ShuffledInstructions], pairs: pl.DataFrame) -> Result:
    """Build the asset's rows."""
    embedder = job.settings.embedder or ""
    return generate(pairs, job.settings, lambda texts: job.tools.embed(embedder, texts), job.seed)


def faults(settings: ShuffledInstructions) -> Iterator[tuple[str, object, str]]:
    """Settings that contradict each other."""
    if (settings.swap == "nearest") != (settings.embedder is not None):
        accepted = "swap: nearest needs it; name a model" if settings.embedder is None else "only swap: nearest uses it"
        yield "embedder", settings.embedder, accepted


METHOD = Method(
    name=NAME,
    description="The pairs of another method with instructions of other pairs, as a control.",
    settings=ShuffledInstructions,
    make=make,
    inputs=(),
    of=lambda settings: settings.of,
    models=lambda settings: [("embedder", settings.embedder)] if settings.embedder else [],
    calls_model=False,
    columns=pair_columns(
        "pairs",
        instruction=[("pairs", "instruction")],
        input_=[("pairs", "input")],
        response=[("pairs", "response")],
        level=[("pairs", "level")],
    ),
    faults=faults,
    shares_responses=True,
)
