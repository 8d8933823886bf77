"""Magpie: a chat model completes the user's turn of its own chat template with an instruction, then answers it.

Source: arXiv 2406.08464, section 2. As published: instructions at temperature 1 and top-p 1, answers at temperature 0.
Ours: the recipe holds the text before the user's turn, because each model has its own template; an instruction that is
cut off or repeated is rejected. The instruction is a user's turn and not an answer, so it is taken as it is. The
published code does more that we leave out: by default it ends an instruction at its first line break (`stop: ["\\n"]`
does so here) and at names of roles, advises against a system prompt, and filters by tags, reward and distance to
neighbours.

Worked example: after "<|im_start|>user\\n" the model writes "How do I make Gnocchi?<|im_end|>". It then answers this.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from assets.generation.candidates import equal_at_zero
from assets.generation.method import Job, Method
from assets.generation.responses import Asked, respond
from assets.prompting.answers import unanswered
from assets.prompting.pairs import pair, pair_columns
from assets.recipe.filters import Heuristics
from assets.recipe.parts import CandidatesPart, SamplingPart
from assets.recipe.values import Count, Probability, Temperature
from assets.steps.step import Most
from resources.models.calls import Prompt, Sampling, WriterAndReader
from warehouse.core.identity import Parent, row_seed
from warehouse.core.texts import has_word, normalized
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

NAME = "magpie"


class MagpieSampling(SamplingPart):
    """Sampling from the whole distribution, as published. Greedy decoding would repeat one instruction."""

    temperature: Temperature = 1.0
    top_p: Probability = 1.0


class Magpie(CandidatesPart):
    """The model writes `count` instructions. `pre_query` is its chat template up to the text of the user's turn, and
    `stop` are the texts that end this turn. The candidates are responses."""

    count: Count
    pre_query: Annotated[str, Field(min_length=1)]
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    instruction: MagpieSampling
    response: SamplingPart


def generate(settings: Magpie, model: WriterAndReader, seed: int, rules: Heuristics | None = None) -> Result:
    """One decision for each of `count` instructions; the kept ones have the model's answer."""
    gate = Gate(Pair, settings.count)
    prompts = [
        Prompt(text=settings.pre_query, seed=row_seed(seed, NAME, number), is_template=True)
        for number in range(settings.count)
    ]
    sampling = Sampling(**settings.instruction.model_dump(), stop=settings.stop)
    asked: dict[str, Asked] = {}
    for completion in model.complete(prompts, sampling):
        row = pair(NAME, completion.text.strip())
        parents: list[Parent] = [(completion.call, "instruction")]
        if unanswered(gate, row, completion, parents):
            continue
        text = normalized(row["instruction"])
        if not has_word(text):
            gate.reject(row, "no instruction", parents)
        elif not completion.complete:
            gate.reject(row, "instruction cut off", parents)
        elif text in asked:
            gate.reject(row, "repeated instruction", parents)
        else:
            asked[text] = Asked(row, parents, (seed, NAME, row["instruction"]))
    respond(gate, list(asked.values()), settings, settings.response, model, rules)
    return gate.result()


def make(job: Job[Magpie]) -> Result:
    """Build the asset's rows."""
    return generate(job.settings, job.writer, job.seed, job.rules)


METHOD = Method(
    name=NAME,
    description="Instructions that a chat model writes in the user's place, with its answers.",
    settings=Magpie,
    make=make,
    inputs=(),
    columns=pair_columns(),
    most=lambda settings, recipe: Most(settings.count, settings.count + settings.most_calls(settings.count)),
    faults=lambda settings: equal_at_zero(settings, settings.response, f"generation.{NAME}.response"),
)
