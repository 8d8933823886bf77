"""Self-Instruct: the model goes on with a list of instructions, then answers its own (arXiv 2212.10560).

As published: 8 demonstrations of which at most 2 are machine-made, T 0.7 and top-p 0.5, the rejection rules below,
and with `answers: instances` what instances.py says. Ours: how many calls and rounds there are; the default
`answers: plain`, where a model that follows instructions answers each plainly, without an input; that instances are
decoded as `response` says (published: temperature 0); and that an empty line alone ends a list of instructions
(published: the number 16 as well). The published code does more that we leave out: a presence penalty (2 for
instructions), dropping all that a call wrote where it was cut off, in place of the last instruction, making all letters
of an instruction small but the first, and taking the colon from the end of a demonstration.

Worked example: after "1. How do I make Pesto?" … "8. Who was Ada Lovelace?" the model goes on "9. How do I make
Gnocchi?", which is rejected: its ROUGE-L F against the first is 0.8.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from assets.generation.instances import (
    classification,
    decide,
    input_first,
    instances,
    is_classification,
    output_first,
    stops,
)
from assets.generation.method import Job, Method
from assets.generation.rouge_l import Closest
from assets.prompting.answers import decide_answer, unanswered
from assets.prompting.parsing import numbered_items
from assets.prompting.prompts import answer, more_tasks
from assets.recipe.parts import Part, SamplingPart
from assets.recipe.types import Recipe
from assets.recipe.values import Count, Probability, Temperature, Words
from assets.steps.step import Most, made
from resources.models.calls import Sampling, Writer
from warehouse.core.identity import Parent, row_seed
from warehouse.core.texts import normalized
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

NAME = "self_instruct"
MOST_VERDICT_TOKENS = 3


class PublishedSampling(SamplingPart):
    """Nucleus sampling as published."""

    temperature: Temperature = 0.7
    top_p: Probability = 0.5


class SelfInstruct(Part):
    """Defaults as published; `calls` and `rounds` set how much is written.

    At most `most` instructions are let in, each answered once; with `answers: instances` each gives up to
    `most_instances` inputs with their outputs."""

    calls: Count
    rounds: Count
    demonstrations: Count = 8
    machine_demonstrations: Annotated[int, Field(ge=0)] = 2
    words: Words = (4, 150)
    rouge_l: Probability = 0.7
    blacklist: tuple[Annotated[str, Field(min_length=1)], ...] = (
        "image", "images", "graph", "graphs", "picture", "pictures", "file", "files",
        "map", "maps", "draw", "plot", "go to",
    )  # fmt: skip
    most: Count
    # Left out of slices where they have their defaults: what was built before these keys were there names the same.
    answers: Annotated[Literal["plain", "instances"], Field(exclude_if=lambda value: value == "plain")] = "plain"
    most_instances: Annotated[Count, Field(exclude_if=lambda value: value == 5)] = 5
    instruction: PublishedSampling
    response: SamplingPart


@dataclass(frozen=True)
class Rejection:
    """Why a candidate instruction is dropped, with the number that missed the cut where there is one."""

    reason: str
    score: float | None = None
    cut: float | None = None


@dataclass(frozen=True)
class Task:
    """An instruction of the pool; `id` is set for seed tasks, which alone are records already."""

    instruction: str
    id: str | None = None
    parents: tuple[Parent, ...] = ()


class Pool:
    """The instructions so far, and the published rules for letting another one in."""

    def __init__(self, seeds: Iterable[Task], settings: SelfInstruct) -> None:
        self.settings = settings
        self.seeds = list(seeds)
        self.machine: list[Task] = []
        self._closest = Closest(task.instruction for task in self.seeds)
        words = "|".join(re.escape(word) for word in settings.blacklist)
        self._blacklist = re.compile(rf"\b(?:{words})\b", re.IGNORECASE) if words else None

    @property
    def full(self) -> bool:
        """Whether as many machine-made instructions are in as are wanted."""
        return len(self.machine) >= self.settings.most

    def add(self, task: Task) -> None:
        """Lets a machine-made instruction in."""
        self.machine.append(task)
        self._closest.add(task.instruction)

    def demonstrations(self, draw: random.Random) -> list[Task]:
        """Human and machine-made instructions for one prompt, shuffled."""
        wanted = self.settings.demonstrations
        machine = draw.sample(self.machine, min(self.settings.machine_demonstrations, len(self.machine)))
        human = draw.sample(self.seeds, min(wanted - len(machine), len(self.seeds)))
        return draw.sample(human + machine, len(human) + len(machine))

    def rejection(self, instruction: str) -> Rejection | None:
        """The first rule that `instruction` breaks, or None. In a full pool nothing is held against it any more."""
        words = len(instruction.split())
        least, most = self.settings.words
        if words < least:
            return Rejection("too short", words, least)
        if words > most:
            return Rejection("too long", words, most)
        if self._blacklist and (found := self._blacklist.search(instruction)):
            return Rejection(f"blacklisted word: {found.group().lower()}")
        # The published code capitalizes an instruction first: its first letter alone is upper case.
        if instruction.lower().startswith("write a program"):
            return Rejection("starts with: Write a program")
        if instruction[0] in string.punctuation:
            return Rejection("starts with punctuation")
        if not instruction[0].isascii():
            return Rejection("starts with a non-ASCII character")
        if not normalized(instruction):
            return Rejection("no instruction")
        if self.full:
            return Rejection("enough instructions")
        closest = self._closest.to(instruction, above=self.settings.rouge_l)
        return Rejection("ROUGE-L", closest[1], self.settings.rouge_l) if closest else None


def generate(seeds: pl.DataFrame, settings: SelfInstruct, writer: Writer, seed: int) -> Result:
    """Pairs bootstrapped from seed tasks (columns id, instruction), in at most `rounds` rounds of `calls` in all."""
    gate = Gate(Pair)
    pool = Pool([Task(row["instruction"], row["id"]) for row in seeds.iter_rows(named=True)], settings)
    for round_ in range(settings.rounds):
        # As published, nobody asks for more than is wanted.
        if pool.full:
            break
        _bootstrap(gate, pool, settings, writer, seed, round_)
    respond = _plainly if settings.answers == "plain" else _by_instances
    respond(gate, pool.machine, settings, writer, seed)
    return gate.result()


def _plainly(gate: Gate, tasks: Sequence[Task], settings: SelfInstruct, writer: Writer, seed: int) -> None:
    prompts = [answer(task.instruction, seed=row_seed(seed, NAME, "answer", task.instruction)) for task in tasks]
    completions = writer.complete(prompts, Sampling(**settings.response.model_dump()))
    for task, completion in zip(tasks, completions, strict=True):
        decide_answer(gate, _row(task.instruction), completion, task.parents)


def _by_instances(gate: Gate, tasks: Sequence[Task], settings: SelfInstruct, writer: Writer, seed: int) -> None:
    judged = writer.complete([classification(task.instruction) for task in tasks], Sampling(MOST_VERDICT_TOKENS))
    told: list[tuple[Task, bool]] = []
    for task, verdict in zip(tasks, judged, strict=True):
        made_of = (*task.parents, (verdict.call, "classification"))
        if not unanswered(gate, _row(task.instruction), verdict, made_of):
            told.append((Task(task.instruction, parents=made_of), is_classification(verdict.text)))
    prompts = [
        instances(task.instruction, classifies, row_seed(seed, NAME, "instances", task.instruction))
        for task, classifies in told
    ]
    written = writer.complete(prompts, Sampling(**settings.response.model_dump(), stop=stops(settings.most_instances)))
    for (task, classifies), completion in zip(told, written, strict=True):
        parents = (*task.parents, (completion.call, "call"))
        if unanswered(gate, _row(task.instruction), completion, parents):
            continue
        found = (output_first if classifies else input_first)(completion.text)
        row = partial(_row, task.instruction)
        decide(gate, row, found, completion.complete, settings.most_instances, parents)


def _bootstrap(gate: Gate, pool: Pool, settings: SelfInstruct, writer: Writer, seed: int, round_: int) -> None:
    first = settings.calls * round_ // settings.rounds
    last = settings.calls * (round_ + 1) // settings.rounds
    shown = [pool.demonstrations(random.Random(row_seed(seed, NAME, call))) for call in range(first, last)]
    prompts = [
        more_tasks([task.instruction for task in tasks], row_seed(seed, NAME, "tasks", call))
        for call, tasks in enumerate(shown, first)
    ]
    sampling = Sampling(**settings.instruction.model_dump(), stop=("\n\n",))
    completions = writer.complete(prompts, sampling)
    for tasks, completion in zip(shown, completions, strict=True):
        # A machine-made example is no record yet: it hands on what it was made of, down to the seeds.
        handed_on = (parent for task in tasks for parent in ([(task.id, "example")] if task.id else task.parents))
        made_of: tuple[Parent, ...] = (*dict.fromkeys(handed_on), (completion.call, "tasks"))
        silent = completion.error or completion.refusal
        candidates, cut_off = ([], "") if silent else numbered_items(completion.text, completion.complete)
        gate.arrive(max(1, len(candidates) + bool(cut_off)))
        if unanswered(gate, _row(""), completion, made_of):
            continue
        for instruction in candidates:
            rejection = pool.rejection(instruction)
            if rejection:
                row = _row(instruction)
                gate.reject(row, rejection.reason, made_of, rejection.score, rejection.cut)
            else:
                pool.add(Task(instruction, parents=made_of))
        if cut_off:
            gate.reject(_row(cut_off), "instruction cut off", made_of)
        elif not candidates:
            gate.reject(_row(""), "no instruction", made_of)


def _row(instruction: str, input_: str = "", response: str = "") -> dict[str, str]:
    return {"method": NAME, "level": "", "instruction": instruction, "input": input_, "response": response}


def make(job: Job[SelfInstruct], seed_tasks: pl.DataFrame) -> Result:
    """The asset's rows."""
    return generate(seed_tasks, job.settings, job.writer, job.seed)


def faults(settings: SelfInstruct) -> Iterator[tuple[str, object, str]]:
    """Settings that contradict each other, and one that none would use."""
    if settings.machine_demonstrations >= settings.demonstrations:
        most = f"it must be below generation.{NAME}.demonstrations ({settings.demonstrations})"
        yield "machine_demonstrations", settings.machine_demonstrations, most

    if settings.answers == "plain" and "most_instances" in settings.model_fields_set:
        without = f"plain answers have no instances; take it away, or set generation.{NAME}.answers to instances"
        yield "most_instances", settings.most_instances, without


def _most(settings: SelfInstruct, recipe: Recipe) -> Most:
    if settings.answers == "plain":
        return Most(settings.most, settings.calls + settings.most)
    return Most(settings.most * settings.most_instances, settings.calls + 2 * settings.most)


_ASKED = [("seed_tasks", "instruction")]

METHOD = Method(
    name=NAME,
    description="Instructions bootstrapped from the seed tasks by Self-Instruct, with the model's answers.",
    settings=SelfInstruct,
    make=make,
    inputs=("seed_tasks",),
    columns=made("seed_tasks", method=(), level=(), instruction=_ASKED, input=_ASKED, response=_ASKED),
    most=_most,
    faults=faults,
)
