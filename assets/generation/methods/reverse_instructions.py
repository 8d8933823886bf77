"""Reverse instructions: the model, without training, writes the instruction that a human text answers, in three styles.

Source: LongForm, arXiv 2304.08460, section 3: an instruction, a message to a chatbot, or a search query; some have a
hint at the length of the answer. No backward model is trained. Ours: the wording of the prompts, that a hash of the
document picks the style, and that a hint counts the response's sentences.

Worked example: "Pesto is a sauce from Genoa …" in the style of a search query gives ("what is pesto", "Pesto is …").
"""

from __future__ import annotations

from typing import Annotated, Literal

import polars as pl
from pydantic import AfterValidator, Field

from assets.generation.candidates import Candidate, choose, equal_at_zero, grouped, seeds
from assets.generation.method import Job, Method
from assets.prompting.answers import lacks_instruction
from assets.prompting.one_line import one_line
from assets.prompting.pairs import pair, pair_columns
from assets.prompting.parsing import instruction_of
from assets.recipe.filters import Heuristics
from assets.recipe.parts import CandidatesPart, SamplingPart, UntilPart
from assets.recipe.types import Recipe
from assets.recipe.values import distinct
from assets.steps.names import DOCUMENTS
from assets.steps.step import Most
from resources.models.calls import Prompt, Sampling, WriterAndReader
from warehouse.core.identity import row_seed
from warehouse.core.sentences import sentences
from warehouse.core.texts import has_word
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

NAME = "reverse_instructions"
Style = Literal["instruction", "message", "query"]
PROMPTS: dict[Style, str] = {
    "instruction": "Text:\n{text}\n\nWhich instruction was this text written for? Write the instruction alone.\n"
    "Instruction:",
    "message": "Text:\n{text}\n\nAn assistant sent this text. Which message of a user did it answer? Write the message "
    "alone.\nMessage:",
    "query": "Text:\n{text}\n\nA search engine found this text. Which query was it asked? Write the query alone.\n"
    "Query:",
}


class ReverseInstructions(UntilPart, CandidatesPart):
    """The `styles` in use, the share of instructions that get a hint at the length of the response, and how many are
    written for each text."""

    styles: Annotated[tuple[Style, ...], Field(min_length=1), AfterValidator(distinct)] = (
        "instruction",
        "message",
        "query",
    )
    length_hints: Annotated[float, Field(ge=0, le=1)] = 0.0
    instruction: SamplingPart


def style_of(document: str, styles: tuple[Style, ...], seed: int) -> Style:
    """The style for a document. It depends on its text and the seed, not on other documents."""
    return min(styles, key=lambda style: row_seed(seed, NAME, "style", document, style))


def hint(response: str) -> str:
    """A sentence that asks for as many sentences as the response has."""
    count = len(sentences(response))
    return f"Respond in {count} sentence{'' if count == 1 else 's'}."


def generate(
    documents: pl.DataFrame,
    settings: ReverseInstructions,
    model: WriterAndReader,
    seed: int,
    rules: Heuristics | None = None,
) -> Result:
    """One pair per document (columns id, text), whose response is the document."""
    rows = documents.to_dicts()
    gate = Gate(Pair, len(rows) * settings.candidates)
    prompts = [
        Prompt.ask(PROMPTS[style_of(row["text"], settings.styles, seed)].format(text=row["text"]), one)
        for row in rows
        for one in seeds(settings.candidates, seed, NAME, row["text"])
    ]
    completions = one_line(model, prompts, Sampling(**settings.instruction.model_dump()))
    groups: list[list[Candidate]] = []
    for document, own in grouped(rows, completions, settings.candidates):
        groups.append([])
        for completion in own:
            text, written = document["text"], instruction_of(completion.text)
            if has_word(written) and row_seed(seed, NAME, "hint", text) / 2**63 < settings.length_hints:
                written = f"{written} {hint(text)}"
            row = pair(NAME, written, response=text)
            parents = ((document["id"], "document"), (completion.call, "call"))
            if not lacks_instruction(gate, row, completion, parents):
                groups[-1].append(Candidate(row, parents))
    choose(gate, groups, settings, model, rules)
    return gate.result()


def make(job: Job[ReverseInstructions], documents: pl.DataFrame) -> Result:
    """Build the asset's rows."""
    return generate(documents, job.settings, job.writer, job.seed, job.rules)


def most(settings: ReverseInstructions, recipe: Recipe) -> Most | None:
    """One pair per document, where several candidates cost calls that depend on what they are; else it is counted."""
    documents = sum(selection.count for selection in recipe.documents)
    return Most(documents, settings.most_calls(documents), by_row=True) if settings.candidates > 1 else None


METHOD = Method(
    name=NAME,
    description="Instructions that the model as it is finds for human documents, in three styles.",
    settings=ReverseInstructions,
    make=make,
    inputs=(DOCUMENTS,),
    columns=pair_columns(DOCUMENTS, instruction=[(DOCUMENTS, "text")], response=[(DOCUMENTS, "text")]),
    most=most,
    faults=lambda settings: equal_at_zero(settings, settings.instruction, f"generation.{NAME}.instruction"),
    shares_responses=True,
)
