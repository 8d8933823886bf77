"""Unnatural Instructions: shown three tasks, the model writes a fourth; then it answers it, and says it in other words.

Source: arXiv 2212.09689, sections 2 and 3. As published: three demonstrations, the output written in a second step by
greedy decoding, repeated tasks dropped, and further formulations of a task's instruction with its response as
expansion; as far as we remember, copies of a demonstration are dropped there too. Ours: tasks have an instruction and
an input but no constraints, which seed tasks lack; a task that says nothing of an input stays (published: one that
lacks a field is dropped); a copy of any seed task is dropped, shown or not; and how paraphrases are asked for.

Worked example: after three tasks and "Example 4 / Instruction:" the model goes on "Name the river. / Input: It flows
through Genoa."; asked in other words, "Which river is this?" becomes a second pair with the same response.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Annotated

import polars as pl
from pydantic import Field

from assets.generation.method import Job, Method
from assets.prompting.answers import decide_answer, unanswered
from assets.prompting.parsing import instruction_of
from assets.prompting.prompts import answer
from assets.recipe.parts import Part, SamplingPart
from assets.recipe.values import Count, Probability, Temperature
from assets.steps.step import Most, made
from resources.models.calls import Prompt, Sampling, Writer
from warehouse.core.identity import Parent, row_seed
from warehouse.core.texts import normalized, on_one_line
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

NAME = "unnatural_instructions"
NO_INPUT = "None."
_TASK = re.compile(r"\A(?P<instruction>.*?)(?:(?:\A|\n)\s*input\s*:(?P<input>.*))?\Z", re.IGNORECASE | re.DOTALL)
_NO_INPUT = re.compile(r"\s*(?:none|n/a|no input)\.?\s*", re.IGNORECASE)

Task = tuple[dict[str, str], tuple[Parent, ...]]
"""A pair whose response is still empty, and what it was made of."""


class TaskSampling(SamplingPart):
    """Nucleus sampling; top-p 0.99 as published, as far as we remember, the temperature ours."""

    temperature: Temperature = 1.0
    top_p: Probability = 0.99


class UnnaturalInstructions(Part):
    """`calls` tasks are asked for; of each that is kept, the instruction is said in other words `paraphrases` times."""

    calls: Count
    demonstrations: Count = 3
    paraphrases: Annotated[int, Field(ge=0, strict=True)] = 0
    task: TaskSampling
    response: SamplingPart


def fourth_task(shown: Sequence[dict[str, str]], seed: int) -> Prompt:
    """Asks for one more task like those shown (columns instruction, input)."""
    lines = [(on_one_line(task["instruction"]), on_one_line(task["input"]) or NO_INPUT) for task in shown]
    examples = "".join(
        f"Example {number}\nInstruction: {instruction}\nInput: {input_}\n\n"
        for number, (instruction, input_) in enumerate(lines, 1)
    )
    return Prompt(text=f"{examples}Example {len(shown) + 1}\nInstruction:", seed=seed)


def task_of(text: str) -> tuple[str, str]:
    """(instruction, input) that the model went on with; the input is "" where it says that there is none."""
    found = _TASK.fullmatch(text.split("\nExample ")[0].strip())
    if found is None:
        return "", ""
    input_ = (found["input"] or "").strip()
    return on_one_line(found["instruction"]), "" if _NO_INPUT.fullmatch(input_) else input_


def generate(seeds: pl.DataFrame, settings: UnnaturalInstructions, writer: Writer, seed: int) -> Result:
    """One decision per task and paraphrase, from seed tasks (columns id, instruction, input)."""
    gate, human = Gate(Pair, settings.calls), seeds.to_dicts()
    shown = [
        random.Random(row_seed(seed, NAME, call)).sample(human, min(settings.demonstrations, len(human)))
        for call in range(settings.calls)
    ]
    prompts = [fourth_task(tasks, row_seed(seed, NAME, "task", call)) for call, tasks in enumerate(shown)]
    written = writer.complete(prompts, Sampling(**settings.task.model_dump(), stop=("\nExample ", "\n\n")))
    known = {_key(task) for task in human}
    tasks: list[Task] = []
    for examples, completion in zip(shown, written, strict=True):
        instruction, input_ = task_of(completion.text)
        row = _row(instruction, input_)
        parents = (*((task["id"], "example") for task in examples), (completion.call, "task"))
        if unanswered(gate, row, completion, parents):
            continue
        if not normalized(instruction):
            gate.reject(row, "no instruction", parents)
        elif not completion.complete:
            gate.reject(row, "task cut off", parents)
        elif _key(row) in known:
            gate.reject(row, "task met before", parents)
        else:
            known.add(_key(row))
            tasks.append((row, parents))
    asked = [
        answer(row["instruction"], row["input"], row_seed(seed, NAME, "answer", *row.values())) for row, _ in tasks
    ]
    answered = []
    for (row, parents), completion in zip(
        tasks, writer.complete(asked, Sampling(**settings.response.model_dump())), strict=True
    ):
        if response := decide_answer(gate, row, completion, parents):
            answered.append(({**row, "response": response}, (*parents, (completion.call, "call"))))
    _expand(gate, answered, known, settings, writer, seed)
    return gate.result()


def _expand(
    gate: Gate, pairs: Sequence[Task], known: set[str], settings: UnnaturalInstructions, writer: Writer, seed: int
) -> None:
    """Decides about the paraphrases of `pairs`; `known` are all tasks so far."""
    wanted = [(pair, number) for pair in pairs for number in range(settings.paraphrases)]
    gate.arrive(len(wanted))
    prompts = [
        Prompt.ask(
            f"Say this in other words, in one line:\n{row['instruction']}",
            row_seed(seed, NAME, "paraphrase", number, *row.values()),
        )
        for (row, _), number in wanted
    ]
    sampling = Sampling(**settings.task.model_dump(), stop=("\n",))
    for ((row, made_of), _), completion in zip(wanted, writer.complete(prompts, sampling), strict=True):
        pair = {**row, "instruction": instruction_of(completion.text)}
        parents = (*made_of, (completion.call, "paraphrase"))
        if unanswered(gate, pair, completion, parents):
            continue
        if not normalized(pair["instruction"]):
            gate.reject(pair, "no instruction", parents)
        elif not completion.complete:
            gate.reject(pair, "instruction cut off", parents)
        elif _key(pair) in known:
            gate.reject(pair, "paraphrase met before", parents)
        else:
            known.add(_key(pair))
            gate.keep(pair, parents)


def _key(task: dict[str, str]) -> str:
    return f"{normalized(task['instruction'])}\n{normalized(task['input'])}"


def _row(instruction: str, input_: str) -> dict[str, str]:
    return {"method": NAME, "level": "", "instruction": instruction, "input": input_, "response": ""}


def most(settings: UnnaturalInstructions) -> Most:
    """One pair per call, and its paraphrases."""
    return Most(rows=settings.calls * (1 + settings.paraphrases), calls=settings.calls * (2 + settings.paraphrases))


def make(job: Job[UnnaturalInstructions], seed_tasks: pl.DataFrame) -> Result:
    """The asset's rows."""
    return generate(seed_tasks, job.settings, job.writer, job.seed)


_ASKED = [("seed_tasks", "instruction"), ("seed_tasks", "input")]

METHOD = Method(
    name=NAME,
    description="Tasks that the model writes after three seed tasks, with its answers, also in other words.",
    settings=UnnaturalInstructions,
    make=make,
    inputs=("seed_tasks",),
    columns=made("seed_tasks", method=(), level=(), instruction=_ASKED, input=_ASKED, response=_ASKED),
    most=lambda settings, recipe: most(settings),
)
