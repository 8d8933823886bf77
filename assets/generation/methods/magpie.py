"""Magpie: a chat model, shown its own template up to the user's turn, writes an instruction; then it answers it.

Source: arXiv 2406.08464, section 2. As published: instructions at temperature 1 and top-p 1, answers at temperature 0.
Ours: the text before the user's turn stands in the recipe, since each model has its own template; an instruction that
is cut off or was met before is rejected.

Worked example: after "<|im_start|>user\\n" the model goes on "How do I make Gnocchi?<|im_end|>", which is then asked.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from assets.generation.method import Job, Method
from assets.prompting.answers import decide_answer, unanswered
from assets.prompting.prompts import answer
from assets.recipe.parts import Part, SamplingPart
from assets.recipe.values import Count, Probability, Temperature
from assets.steps.step import Most, made
from resources.models.calls import Prompt, Sampling, Writer
from warehouse.core.identity import Parent, row_seed
from warehouse.core.texts import normalized
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

NAME = "magpie"


class PublishedSampling(SamplingPart):
    """Sampling from the whole distribution as published; greedily, all instructions would be one."""

    temperature: Temperature = 1.0
    top_p: Probability = 1.0


class Magpie(Part):
    """`count` instructions are asked for. `pre_query` is the model's chat template up to the text of the user's turn;
    `stop` are the texts that end this turn."""

    count: Count
    pre_query: Annotated[str, Field(min_length=1)]
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    instruction: PublishedSampling
    response: SamplingPart


def generate(settings: Magpie, writer: Writer, seed: int) -> Result:
    """One decision for each of `count` instructions, the kept ones with the model's answer."""
    gate = Gate(Pair, settings.count)
    prompts = [Prompt(text=settings.pre_query, seed=row_seed(seed, NAME, number)) for number in range(settings.count)]
    sampling = Sampling(**settings.instruction.model_dump(), stop=settings.stop)
    asked: dict[str, tuple[dict[str, str], list[Parent]]] = {}
    for completion in writer.complete(prompts, sampling):
        row = {"method": NAME, "level": "", "instruction": completion.text.strip(), "input": "", "response": ""}
        made_of: list[Parent] = [(completion.call, "instruction")]
        if unanswered(gate, row, completion, made_of):
            continue
        text = normalized(row["instruction"])
        if not text:
            gate.reject(row, "no instruction", made_of)
        elif not completion.complete:
            gate.reject(row, "instruction cut off", made_of)
        elif text in asked:
            gate.reject(row, "instruction met before", made_of)
        else:
            asked[text] = (row, made_of)
    rows = list(asked.values())
    answers = writer.complete(
        [answer(row["instruction"], seed=row_seed(seed, NAME, row["instruction"])) for row, _ in rows],
        Sampling(**settings.response.model_dump()),
    )
    for (row, made_of), completion in zip(rows, answers, strict=True):
        decide_answer(gate, row, completion, made_of)
    return gate.result()


def make(job: Job[Magpie]) -> Result:
    """The asset's rows."""
    return generate(job.settings, job.writer, job.seed)


METHOD = Method(
    name=NAME,
    description="Instructions that a chat model writes in the user's place, with its answers.",
    settings=Magpie,
    make=make,
    inputs=(),
    columns=made(method=(), level=(), instruction=(), input=(), response=()),
    most=lambda settings, recipe: Most(rows=settings.count, calls=2 * settings.count),
)
