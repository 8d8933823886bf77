"""Evol-Instruct: each round changes every instruction by one operation, and drops the changes that failed.

Source: arXiv 2304.12244, section 3 (WizardLM). In depth: add a constraint, deepen, concretize, ask for more reasoning;
in breadth: a new instruction of the same domain. As published, an evolution has failed if the model judges the new
instruction equal to the old one, if the response holds "sorry" in fewer than 80 words, if the response is only stop
words and punctuation, or if words of the prompt leak into the instruction; the next round then starts from the old
instruction. Ours: the wording of the prompts, and which of its words may not leak beyond the published ones; that a
hash picks the operation; that an instruction is one line; that an unchanged instruction is rejected without a
judgement; scikit-learn's list of stop words; the sampling; that seed tasks with an input are left out, and so is the
operation "complicate input"; and that the pairs are the evolved ones alone (published: the seed instructions as well;
an arm with the methods seeds and evol_instruct has both).

Worked example: "How do I make Pesto?" with "constraint" gives "How do I make Pesto without cheese?"; the answer "Sorry,
I cannot help." rejects it, and the second round starts from "How do I make Pesto?" again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal

import polars as pl
from pydantic import AfterValidator, Field

from assets.generation.candidates import Candidate, choose, equal_at_zero
from assets.generation.method import Job, Method
from assets.generation.responses import Asked, written
from assets.prompting.answers import lacks_instruction, response_of, unanswered
from assets.prompting.one_line import one_line
from assets.prompting.pairs import pair, pair_columns
from assets.prompting.parsing import instruction_of, says_yes
from assets.prompting.verdicts import verdicts
from assets.recipe.filters import Heuristics
from assets.recipe.parts import CandidatesPart, SamplingPart
from assets.recipe.values import Count, distinct
from assets.steps.names import SEED_TASKS
from assets.steps.step import Most
from resources.models.calls import Completion, Prompt, Sampling, Writer, WriterAndReader
from warehouse.core.identity import Parent, row_seed
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

NAME = "evol_instruct"
MOST_SORRY_WORDS = 80
MOST_VERDICT_TOKENS = 8

Operation = Literal["constraint", "deepen", "concretize", "reasoning", "breadth"]
OPERATIONS: dict[Operation, str] = {
    "constraint": "Rewrite it so that it asks for one more constraint or requirement.",
    "deepen": "Rewrite it so that it asks the same in more depth and breadth.",
    "concretize": "Rewrite it so that general concepts give way to more specific ones.",
    "reasoning": "Rewrite it so that it takes several steps of reasoning to answer.",
    "breadth": "Write a new prompt of the same domain and length that is rarer than this one.",
}
# The words of the first line are published. Those of our own prompts may well stand in an instruction ("Write an
# original prompt for a class"), so they count as leaked only where they are marked as a heading or a label.
LEAKS = re.compile(
    r"\b(?:given|rewritten|created) prompt\b"
    r"|#\s*(?:new|original|revised|evolved) (?:prompt|version)\b"
    r"|\b(?:new|original|revised|evolved) (?:prompt|version)\s*#*\s*[:：]",
    re.IGNORECASE,
)
_SAME = r"(?:equal|same|identical|equivalent)\b"
_FEW_WORDS = r"(?:[\w'’-]+\W+){0,3}?"
_NOT = r"(?:\b(?:not|never|neither|nor|hardly)\b|n['’]t\b)"
_EQUAL = re.compile(rf"\b{_SAME}|(?:{_NOT}|\bno\b|\bwithout\b)\W+{_FEW_WORDS}differ", re.IGNORECASE)
_UNEQUAL = re.compile(rf"\bunequal\b|{_NOT}\W+{_FEW_WORDS}{_SAME}", re.IGNORECASE)
_DIFFER = re.compile(rf"(?P<not>(?:{_NOT}|\bno\b|\bwithout\b)\W+{_FEW_WORDS})?\bdiffer", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


class EvolInstruct(CandidatesPart):
    """`count` seed tasks evolve in `rounds` rounds (4 as published) by the `operations` in use.

    With `judge` the model also judges whether the new instruction differs from the old one. The candidates are
    responses: where one of them is kept, the evolution has not failed, and the next round starts from it."""

    count: Count
    rounds: Count = 4
    operations: Annotated[tuple[Operation, ...], Field(min_length=1), AfterValidator(distinct)] = tuple(OPERATIONS)
    judge: bool = True
    instruction: SamplingPart
    response: SamplingPart


@dataclass(frozen=True)
class Line:
    """The current instruction of one seed: the seed's id, the text, and its parents, which are the calls so far."""

    seed: str
    text: str
    parents: tuple[Parent, ...]


def generate(
    seeds: pl.DataFrame, settings: EvolInstruct, model: WriterAndReader, seed: int, rules: Heuristics | None = None
) -> Result:
    """One decision for each of `count` seed tasks (columns id, instruction, input) and round."""
    taken = seeds.filter(pl.col("input") == "").head(settings.count)
    lines = [Line(row["id"], row["instruction"], ((row["id"], "seed_task"),)) for row in taken.iter_rows(named=True)]
    gate = Gate(Pair, len(lines) * settings.rounds)
    for round_ in range(settings.rounds):
        lines = _round(gate, lines, settings, model, (seed, round_), rules)
    return gate.result()


def _round(
    gate: Gate,
    lines: Sequence[Line],
    settings: EvolInstruct,
    model: WriterAndReader,
    at: tuple[int, int],
    rules: Heuristics | None,
) -> list[Line]:
    """Evolve every line once; return the lines that the next round starts from. `at` is (seed, number of the round)."""
    seed, round_ = at
    prompts = []
    for line in lines:
        drawn = row_seed(seed, NAME, round_, line.seed, line.text)
        operation = min(settings.operations, key=lambda name: row_seed(drawn, name))
        prompts.append(Prompt.ask(f"Here is a prompt:\n{line.text}\n\n{OPERATIONS[operation]}\nNew prompt:", drawn))
    completions = one_line(model, prompts, Sampling(**settings.instruction.model_dump()))
    evolved: dict[int, Line] = {}
    for place, (line, completion) in enumerate(zip(lines, completions, strict=True)):
        text = instruction_of(completion.text)
        parents = (*line.parents, (completion.call, "evolution"))
        if lacks_instruction(gate, pair(NAME, text), completion, parents):
            continue
        # Also in a label or preamble that is no longer in the instruction.
        if LEAKS.search(completion.text):
            gate.reject(pair(NAME, text), "words of the prompt leaked", parents)
        elif text == line.text:
            gate.reject(pair(NAME, text), "unchanged", parents)
        else:
            evolved[place] = Line(line.seed, text, parents)
    if settings.judge:
        evolved = _judged_different(gate, lines, evolved, model, settings.response.max_new_tokens)
    asked = [Asked(pair(NAME, line.text), line.parents, (seed, NAME, "answer", line.text)) for line in evolved.values()]
    gate.arrive(len(asked) * (settings.candidates - 1))
    groups = [
        [found for completion in own if (found := _answered(gate, one, completion))]
        for one, own in written(asked, settings, settings.response, model)
    ]
    kept = choose(gate, groups, settings, model, rules)
    following = list(lines)
    for (place, line), found in zip(evolved.items(), kept, strict=True):
        if found:
            following[place] = line
    return following


def _judged_different(
    gate: Gate, lines: Sequence[Line], evolved: dict[int, Line], writer: Writer, room: int
) -> dict[int, Line]:
    """The evolved lines that the model does not judge equal to the old ones; an unclear judgement lets a line pass.

    A model that thinks before it judges may write up to `room` tokens."""
    prompts = [
        Prompt.ask(
            f"First prompt: {lines[place].text}\nSecond prompt: {line.text}\n\nDo both ask the same, with the same "
            "constraints and in the same depth? Answer Equal or Not Equal."
        )
        for place, line in evolved.items()
    ]
    passed = {}
    judgements = verdicts(writer, prompts, MOST_VERDICT_TOKENS, room)
    for (place, line), judgement in zip(evolved.items(), judgements, strict=True):
        parents = (*line.parents, (judgement.call, "judgement"))
        if unanswered(gate, pair(NAME, line.text), judgement, parents):
            continue
        if judged_equal(judgement.text):
            gate.reject(pair(NAME, line.text), "judged equal", parents)
        else:
            passed[place] = Line(line.seed, line.text, parents)
    return passed


def judged_equal(text: str) -> bool:
    """Whether a judgement says that two prompts are equal: it begins with yes, or has a word such as "identical".

    A judgement that also says that they differ counts as not equal (ours), as in "the same, but not in the same depth".
    "No difference" says that they are equal."""
    if _UNEQUAL.search(text) or any(not found["not"] for found in _DIFFER.finditer(text)):
        return False
    return says_yes(text) or _EQUAL.search(text) is not None


def _answered(gate: Gate, asked: Asked, completion: Completion) -> Candidate | None:
    """An evolved instruction with its answer; None where the answer shows that the evolution failed."""
    row = {**asked.row, "response": response_of(completion)}
    parents = (*asked.parents, (completion.call, "call"))
    if unanswered(gate, row, completion, parents):
        return None
    words = _WORD.findall(row["response"].lower())
    if row["response"] and not set(words) - _stop_words():
        gate.reject(row, "response has only stop words", parents)
    elif "sorry" in words and len(words) < MOST_SORRY_WORDS:
        gate.reject(row, "sorry in a short response", parents, score=len(words), cut=MOST_SORRY_WORDS)
    elif not row["response"]:
        gate.reject(row, "no whole sentence", parents)
    else:
        return Candidate(row, parents)
    return None


@cache
def _stop_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # the import takes a second

    return frozenset(ENGLISH_STOP_WORDS)


def make(job: Job[EvolInstruct], seed_tasks: pl.DataFrame) -> Result:
    """Build the asset's rows."""
    return generate(seed_tasks, job.settings, job.writer, job.seed, job.rules)


def most(settings: EvolInstruct) -> Most:
    """One pair per seed task and round; a call for the instruction, one to judge it, and those of its answers."""
    rows = settings.count * settings.rounds
    return Most(rows, rows * (2 if settings.judge else 1) + settings.most_calls(rows))


_EVOLVED = [(SEED_TASKS, "id"), (SEED_TASKS, "instruction")]

METHOD = Method(
    name=NAME,
    description="Seed instructions made harder or rarer round by round, with the model's answers.",
    settings=EvolInstruct,
    make=make,
    inputs=(SEED_TASKS,),
    counted_input=SEED_TASKS,
    columns=pair_columns(SEED_TASKS, instruction=_EVOLVED, response=_EVOLVED),
    most=lambda settings, recipe: most(settings),
    faults=lambda settings: equal_at_zero(settings, settings.response, f"generation.{NAME}.response"),
)
