"""Instruction generation: the backward model writes the instruction that a human text answers.

Source: arXiv 2308.12711, section 2. The response stays human; in that paper this beats self-training. With a fragment
in place of the document it is the second half of extract-then-generate: the model sees the fragment, and the response
is still the whole document. Ours: the prompt, the sampling, and that an instruction is one line.

Worked example: "Pesto is a sauce from Genoa …" gives ("What is Pesto?", "Pesto is a sauce from Genoa …").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from assets.generation.candidates import Candidate, choose, equal_at_zero, grouped, seeds
from assets.generation.method import Job, Method
from assets.prompting.answers import lacks_instruction
from assets.prompting.one_line import one_line
from assets.prompting.pairs import pair, pair_columns
from assets.prompting.parsing import instruction_of
from assets.prompting.prompts import instruction_for
from assets.recipe.filters import Heuristics
from assets.recipe.parts import CandidatesPart, SamplingPart, UntilPart
from assets.recipe.types import Recipe
from assets.steps.names import BACKWARD_MODEL, DOCUMENTS
from assets.steps.step import Most
from assets.training.checkpoint import written_by
from resources.models.calls import Reader, Sampling, Writer
from warehouse.core.identity import Parent
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair


class InstructionGeneration(UntilPart, CandidatesPart):
    """How the backward model decodes, and how many instructions it writes for each text."""

    instruction: SamplingPart


@dataclass(frozen=True)
class Text:
    """A text that needs an instruction: what the model sees, and the response of the pair."""

    shown: str
    response: str
    parents: tuple[Parent, ...]
    level: str = ""


def generate(
    texts: Sequence[Text],
    method: str,
    settings: InstructionGeneration,
    writer: Writer,
    reader: Reader,
    seed: int,
    rules: Heuristics | None = None,
) -> Result:
    """One pair per text: of the instructions that `writer` (the backward model) writes, the best one for `reader`."""
    gate = Gate(Pair, len(texts) * settings.candidates)
    groups = instructed(gate, texts, method, settings, settings.instruction, writer, seed)
    choose(gate, groups, settings, reader, rules)
    return gate.result()


def instructed(
    gate: Gate,
    texts: Sequence[Text],
    method: str,
    settings: CandidatesPart,
    sampling: SamplingPart,
    writer: Writer,
    seed: int,
) -> list[list[Candidate]]:
    """For each text its candidates: the text with an instruction that `writer` writes for it.

    Decides about a candidate without an instruction."""
    drawn = [(text, one) for text in texts for one in seeds(settings.candidates, seed, method, text.shown)]
    prompts = [instruction_for(text.shown, one) for text, one in drawn]
    written = one_line(writer, prompts, Sampling(**sampling.model_dump()))
    groups: list[list[Candidate]] = []
    for text, own in grouped(texts, written, settings.candidates):
        groups.append([])
        for completion in own:
            row = pair(method, instruction_of(completion.text), response=text.response, level=text.level)
            parents = (*text.parents, (completion.call, "call"))
            if not lacks_instruction(gate, row, completion, parents):
                groups[-1].append(Candidate(row, parents))
    return groups


def make(job: Job[InstructionGeneration], documents: pl.DataFrame, backward_model: pl.DataFrame) -> Result:
    """Build the asset's rows."""
    made_by = (str(backward_model["id"][0]), "backward_model")
    texts = [
        Text(row["text"], row["text"], ((row["id"], "document"), made_by)) for row in documents.iter_rows(named=True)
    ]
    return generate(texts, METHOD.name, job.settings, job.tuned(backward_model), job.writer, job.seed, job.rules)


def most(settings: InstructionGeneration, recipe: Recipe) -> Most | None:
    """One pair per document, where several candidates cost calls that depend on what they are; else it is counted."""
    documents = sum(selection.count for selection in recipe.documents)
    return Most(documents, settings.most_calls(documents), by_row=True) if settings.candidates > 1 else None


METHOD = Method(
    name="instruction_generation",
    description="Instructions that the backward model writes for human documents.",
    settings=InstructionGeneration,
    make=make,
    inputs=(DOCUMENTS, BACKWARD_MODEL),
    columns=pair_columns(
        DOCUMENTS,
        BACKWARD_MODEL,
        instruction=[(DOCUMENTS, "text"), *written_by(BACKWARD_MODEL)],
        response=[(DOCUMENTS, "text")],
    ),
    most=most,
    faults=lambda settings: equal_at_zero(
        settings, settings.instruction, "generation.instruction_generation.instruction"
    ),
    shares_responses=True,
)
