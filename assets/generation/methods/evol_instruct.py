"""Evol-Instruct: instructions are evolved round by round, each by one operation, and what failed to evolve is dropped.

Source: arXiv 2304.12244, section 3 (WizardLM). In depth: add a constraint, deepen, concretize, ask for more reasoning;
in breadth: a new instruction of the same domain. As published, an evolution has failed where it is judged equal to
what it was, where its response holds "sorry" in fewer than 80 words or stop words and punctuation alone, and where
words of the prompt leak into it; the instruction then goes into the next round as it was. Ours: the wording of the
prompts, and what leaks of it beyond the published words; that a hash picks the operation; that an instruction is one
line, and one that is written again as it was is rejected unasked; the list of stop words, which is scikit-learn's; the
sampling; that seed tasks with an input are left out, and with them the operation "complicate input".

Worked example: "How do I make Pesto?" with "constraint" gives "How do I make Pesto without cheese?"; the answer "Sorry,
I cannot help." fails it, and the second round starts from "How do I make Pesto?" again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal

import polars as pl
from pydantic import AfterValidator, Field

from assets.generation.method import Job, Method
from assets.prompting.answers import unanswered, unwritten
from assets.prompting.parsing import instruction_of, says_yes, whole_sentences
from assets.prompting.prompts import answer
from assets.recipe.parts import Part, SamplingPart
from assets.recipe.values import Count, distinct
from assets.steps.step import Most, made
from resources.models.calls import Completion, Prompt, Sampling, Writer
from warehouse.core.identity import Parent, row_seed
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

NAME = "evol_instruct"
MOST_SORRY_WORDS = 80

Operation = Literal["constraint", "deepen", "concretize", "reasoning", "breadth"]
OPERATIONS: dict[Operation, str] = {
    "constraint": "Rewrite it so that it asks for one more constraint or requirement.",
    "deepen": "Rewrite it so that it asks the same in more depth and breadth.",
    "concretize": "Rewrite it so that general concepts give way to more specific ones.",
    "reasoning": "Rewrite it so that it takes several steps of reasoning to answer.",
    "breadth": "Write a new prompt of the same domain and length that is rarer than this one.",
}
# The first three as published; the rest is what our own prompts bring about.
LEAKS = re.compile(
    r"(?:given|rewritten|created|new|original|revised) prompt|(?:revised|rewritten|new) version of", re.IGNORECASE
)
_EQUAL = re.compile(r"\b(?:equal|same)\b", re.IGNORECASE)
_UNEQUAL = re.compile(r"\bunequal\b|\bnot\W+(?:the\W+)?(?:equal|same)\b", re.IGNORECASE)
_NEGATION = re.compile(r"\b(?:not?|never|unequal|differ\w*)\b|n['’]t\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


class EvolInstruct(Part):
    """`count` seed tasks are evolved in `rounds` rounds (4 as published) by the `operations` in use.

    `judge` says whether the model is asked if an instruction has evolved at all."""

    count: Count
    rounds: Count = 4
    operations: Annotated[tuple[Operation, ...], Field(min_length=1), AfterValidator(distinct)] = tuple(OPERATIONS)
    judge: bool = True
    instruction: SamplingPart
    response: SamplingPart


@dataclass(frozen=True)
class Line:
    """One seed's instruction as it stands: the seed's id, the text, and the calls that evolved it so far."""

    seed: str
    text: str
    parents: tuple[Parent, ...]


def generate(seeds: pl.DataFrame, settings: EvolInstruct, writer: Writer, seed: int) -> Result:
    """One decision for each of `count` seed tasks (columns id, instruction, input) and round."""
    taken = seeds.filter(pl.col("input") == "").head(settings.count)
    lines = [Line(row["id"], row["instruction"], ((row["id"], "seed_task"),)) for row in taken.iter_rows(named=True)]
    gate = Gate(Pair, len(lines) * settings.rounds)
    for round_ in range(settings.rounds):
        lines = _round(gate, lines, settings, writer, seed, round_)
    return gate.result()


def _round(
    gate: Gate, lines: Sequence[Line], settings: EvolInstruct, writer: Writer, seed: int, round_: int
) -> list[Line]:
    """The lines as the next round finds them."""
    prompts = []
    for line in lines:
        drawn = row_seed(seed, NAME, round_, line.seed, line.text)
        operation = min(settings.operations, key=lambda name: row_seed(drawn, name))
        prompts.append(Prompt.ask(f"Here is a prompt:\n{line.text}\n\n{OPERATIONS[operation]}\nNew prompt:", drawn))
    written = writer.complete(prompts, Sampling(**settings.instruction.model_dump(), stop=("\n",)))
    evolved: dict[int, Line] = {}
    for place, (line, completion) in enumerate(zip(lines, written, strict=True)):
        text = instruction_of(completion.text)
        made_of = (*line.parents, (completion.call, "evolution"))
        if unwritten(gate, _row(text, ""), completion, made_of):
            continue
        if LEAKS.search(text):
            gate.reject(_row(text, ""), "words of the prompt leaked", made_of)
        elif text == line.text:
            gate.reject(_row(text, ""), "equal to what it was", made_of)
        else:
            evolved[place] = Line(line.seed, text, made_of)
    if settings.judge:
        evolved = _judged(gate, lines, evolved, writer)
    asked = [answer(line.text, seed=row_seed(seed, NAME, "answer", line.text)) for line in evolved.values()]
    answers = writer.complete(asked, Sampling(**settings.response.model_dump()))
    following = list(lines)
    for (place, line), completion in zip(evolved.items(), answers, strict=True):
        if _decided(gate, line, completion):
            following[place] = line
    return following


def _judged(gate: Gate, lines: Sequence[Line], evolved: dict[int, Line], writer: Writer) -> dict[int, Line]:
    """Those that the model does not judge equal to what they were; a judgement that says neither lets them pass."""
    prompts = [
        Prompt.ask(
            f"First prompt: {lines[place].text}\nSecond prompt: {line.text}\n\nDo both ask the same, with the same "
            "constraints and in the same depth? Answer Equal or Not Equal."
        )
        for place, line in evolved.items()
    ]
    passed = {}
    judgements = writer.complete(prompts, Sampling(max_new_tokens=8))
    for (place, line), judgement in zip(evolved.items(), judgements, strict=True):
        made_of = (*line.parents, (judgement.call, "judgement"))
        if unanswered(gate, _row(line.text, ""), judgement, made_of):
            continue
        if judged_equal(judgement.text):
            gate.reject(_row(line.text, ""), "judged equal to what it was", made_of)
        else:
            passed[place] = Line(line.seed, line.text, made_of)
    return passed


def judged_equal(text: str) -> bool:
    """Whether a judgement says that two prompts are equal: with no negation before it, or by beginning with yes.

    One that gives both verdicts calls nothing equal (ours)."""
    if _UNEQUAL.search(text):
        return False
    found = _EQUAL.search(text)
    return says_yes(text) or (found is not None and not _NEGATION.search(text[: found.start()]))


def _decided(gate: Gate, line: Line, completion: Completion) -> bool:
    row = _row(line.text, whole_sentences(completion.text, completion.complete))
    made_of = (*line.parents, (completion.call, "call"))
    if unanswered(gate, row, completion, made_of):
        return False
    words = _WORD.findall(row["response"].lower())
    if row["response"] and not set(words) - _stop_words():
        gate.reject(row, "response of stop words alone", made_of)
    elif "sorry" in words and len(words) < MOST_SORRY_WORDS:
        gate.reject(row, "sorry in a short response", made_of, score=len(words), cut=MOST_SORRY_WORDS)
    elif not row["response"]:
        gate.reject(row, "no whole sentence", made_of)
    else:
        gate.keep(row, made_of)
        return True
    return False


@cache
def _stop_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # a second that the UI should not pay

    return frozenset(ENGLISH_STOP_WORDS)


def _row(instruction: str, response: str) -> dict[str, str]:
    return {"method": NAME, "level": "", "instruction": instruction, "input": "", "response": response}


def make(job: Job[EvolInstruct], seed_tasks: pl.DataFrame) -> Result:
    """The asset's rows."""
    return generate(seed_tasks, job.settings, job.writer, job.seed)


_ASKED = [("seed_tasks", "id"), ("seed_tasks", "instruction")]

METHOD = Method(
    name=NAME,
    description="Seed instructions made harder or rarer round by round, with the model's answers.",
    settings=EvolInstruct,
    make=make,
    inputs=("seed_tasks",),
    columns=made("seed_tasks", method=(), level=(), instruction=_ASKED, input=(), response=_ASKED),
    most=lambda settings, recipe: Most(
        rows=settings.count * settings.rounds, calls=settings.count * settings.rounds * (3 if settings.judge else 2)
    ),
)
