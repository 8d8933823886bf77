"""Unnatural Instructions: the model sees three tasks and writes a fourth; then it answers it and paraphrases it.

Source: arXiv 2212.09689, sections 2 and 3. As published: three demonstrations, the output written in a second step by
greedy decoding, repeated tasks dropped, and as expansion further formulations of a task's instruction with the same
response. Ours: tasks have an instruction and an input but no constraints, because seed tasks have none; a task without
an input stays (published: a task that lacks a field is dropped); a copy of any seed task is dropped, whether it was
shown or not; the sampling of tasks; and the prompt for paraphrases.

Worked example: after three tasks and "Example 4 / Instruction:" the model writes "Name the river. / Input: It flows
through Genoa."; its paraphrase "Which river is this?" becomes a second pair with the same response.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Annotated

import polars as pl
from pydantic import Field

from assets.generation.candidates import Candidate, equal_at_zero
from assets.generation.method import Job, Method
from assets.generation.responses import Asked, respond
from assets.prompting.absent import given
from assets.prompting.answers import lacks_instruction, unanswered
from assets.prompting.one_line import one_line
from assets.prompting.pairs import pair, pair_columns
from assets.prompting.parsing import instruction_of
from assets.prompting.unwrapping import unwrapped
from assets.recipe.filters import Heuristics
from assets.recipe.parts import CandidatesPart, SamplingPart
from assets.recipe.values import Count, Probability, Temperature
from assets.steps.names import SEED_TASKS
from assets.steps.step import Most
from resources.models.calls import Prompt, Sampling, Writer, WriterAndReader
from warehouse.core.identity import row_seed
from warehouse.core.texts import has_word, normalized, on_one_line
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

NAME = "unnatural_instructions"
NO_INPUT = "None."
_TASK = re.compile(r"\A(?P<instruction>.*?)(?:(?:\A|\n)\s*input\s*:(?P<input>.*))?\Z", re.IGNORECASE | re.DOTALL)


class TaskSampling(SamplingPart):
    """Nucleus sampling; the top-p of 0.99 and the temperature are ours."""

    temperature: Temperature = 1.0
    top_p: Probability = 0.99


class UnnaturalInstructions(CandidatesPart):
    """The model writes `calls` tasks, and `paraphrases` paraphrases of the instruction of each that is kept.

    The candidates are responses."""

    calls: Count
    demonstrations: Count = 3
    paraphrases: Annotated[int, Field(ge=0, strict=True)] = 0
    task: TaskSampling
    response: SamplingPart


def fourth_task(shown: Sequence[dict[str, str]], seed: int) -> Prompt:
    """Ask for one more task like those shown (columns instruction, input)."""
    lines = [(on_one_line(task["instruction"]), on_one_line(task["input"]) or NO_INPUT) for task in shown]
    examples = "".join(
        f"Example {number}\nInstruction: {instruction}\nInput: {input_}\n\n"
        for number, (instruction, input_) in enumerate(lines, 1)
    )
    return Prompt(text=f"{examples}Example {len(shown) + 1}\nInstruction:", seed=seed)


def task_of(text: str) -> tuple[str, str]:
    """The (instruction, input) that the model wrote; the input is "" where it says that there is none."""
    found = _TASK.fullmatch(text.split("\nExample ")[0].strip())
    if found is None:
        return "", ""
    return unwrapped(on_one_line(found["instruction"])), given(found["input"] or "")


def generate(
    seeds: pl.DataFrame,
    settings: UnnaturalInstructions,
    model: WriterAndReader,
    seed: int,
    rules: Heuristics | None = None,
) -> Result:
    """One decision per task and paraphrase, from seed tasks (columns id, instruction, input)."""
    gate, human = Gate(Pair, settings.calls), seeds.to_dicts()
    shown = [
        random.Random(row_seed(seed, NAME, call)).sample(human, min(settings.demonstrations, len(human)))
        for call in range(settings.calls)
    ]
    prompts = [fourth_task(tasks, row_seed(seed, NAME, "task", call)) for call, tasks in enumerate(shown)]
    written = model.complete(prompts, Sampling(**settings.task.model_dump(), stop=("\nExample ", "\n\n")))
    known = {_key(task) for task in human}
    tasks: list[Asked] = []
    for examples, completion in zip(shown, written, strict=True):
        instruction, input_ = task_of(completion.text)
        row = pair(NAME, instruction, input_)
        parents = (*((task["id"], "example") for task in examples), (completion.call, "task"))
        if unanswered(gate, row, completion, parents):
            continue
        if not has_word(instruction):
            gate.reject(row, "no instruction", parents)
        elif not completion.complete:
            gate.reject(row, "task cut off", parents)
        elif _key(row) in known:
            gate.reject(row, "repeated task", parents)
        else:
            known.add(_key(row))
            tasks.append(Asked(row, parents, (seed, NAME, "answer", *row.values())))
    answered = [one for one in respond(gate, tasks, settings, settings.response, model, rules) if one]
    _expand(gate, answered, known, settings, model, seed)
    return gate.result()


def _expand(
    gate: Gate,
    pairs: Sequence[Candidate],
    known: set[str],
    settings: UnnaturalInstructions,
    writer: Writer,
    seed: int,
) -> None:
    """Decide about the paraphrases of `pairs`; `known` are the keys of all tasks so far."""
    wanted = [(answered, number) for answered in pairs for number in range(settings.paraphrases)]
    gate.arrive(len(wanted))
    prompts = [
        Prompt.ask(
            f"Say this in other words, in one line:\n{one.row['instruction']}",
            row_seed(seed, NAME, "paraphrase", number, *one.row.values()),
        )
        for one, number in wanted
    ]
    sampling = Sampling(**settings.task.model_dump())
    for (one, _), completion in zip(wanted, one_line(writer, prompts, sampling), strict=True):
        paraphrase = {**one.row, "instruction": instruction_of(completion.text)}
        parents = (*one.parents, (completion.call, "paraphrase"))
        if lacks_instruction(gate, paraphrase, completion, parents):
            continue
        if _key(paraphrase) in known:
            gate.reject(paraphrase, "repeated paraphrase", parents)
        else:
            known.add(_key(paraphrase))
            gate.keep(paraphrase, parents)


def _key(task: Mapping[str, str]) -> str:
    return f"{normalized(task['instruction'])}\n{normalized(task['input'])}"


def most(settings: UnnaturalInstructions) -> Most:
    """One pair per call, and its paraphrases; a call per task and per paraphrase, and those of the answers."""
    tasks = settings.calls
    return Most(tasks * (1 + settings.paraphrases), tasks * (1 + settings.paraphrases) + settings.most_calls(tasks))


def make(job: Job[UnnaturalInstructions], seed_tasks: pl.DataFrame) -> Result:
    """Build the asset's rows."""
    return generate(seed_tasks, job.settings, job.writer, job.seed, job.rules)


_WRITTEN_FROM = [(SEED_TASKS, "instruction"), (SEED_TASKS, "input")]

METHOD = Method(
    name=NAME,
    description="Tasks that the model writes after three seed tasks, with its answers, also in other words.",
    settings=UnnaturalInstructions,
    make=make,
    inputs=(SEED_TASKS,),
    columns=pair_columns(SEED_TASKS, instruction=_WRITTEN_FROM, input_=_WRITTEN_FROM, response=_WRITTEN_FROM),
    most=lambda settings, recipe: most(settings),
    faults=lambda settings: equal_at_zero(settings, settings.response, f"generation.{NAME}.response"),
    shares_responses=True,
)
