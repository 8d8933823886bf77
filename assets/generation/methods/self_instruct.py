"""Self-Instruct: the model continues a list of instructions, then answers its own instructions (arXiv 2212.10560).

As published: 8 demonstrations of which at most 2 are machine-made, T 0.7 and top-p 0.5, the rejection rules below,
and with `answers: instances` what instances.py says. Ours: the number of calls and rounds; the default
`answers: plain`, where a model that follows instructions answers each one directly, without an input; that instances
are decoded as `response` says (published: temperature 0); that only an empty line ends a list of instructions
(published: the number 16 as well); that an instruction is read without what models wrap around it; and that an
instruction may begin with a non-ASCII character where a seed task does, so that other languages than English work. The
published code does more that we leave out: a presence penalty (2 for instructions, 1.5 for instances, 0 elsewhere),
which transformers, our reference engine, does not have; dropping everything that a call wrote if it was cut off, not
only the last instruction; making all letters of an instruction lower case but the first; and removing the colon from
the end of a demonstration.

Worked example: after "1. How do I make Pesto?" … "8. Who was Ada Lovelace?" the model writes "9. How do I make
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

from assets.generation.candidates import equal_at_zero
from assets.generation.instances import (
    classification,
    decide_instances,
    input_first,
    instances,
    is_classification,
    output_first,
    stops,
)
from assets.generation.method import Job, Method
from assets.generation.responses import Asked, respond
from assets.generation.rouge_l import Closest
from assets.prompting.answers import unanswered
from assets.prompting.pairs import pair, pair_columns
from assets.prompting.parsing import numbered_items
from assets.prompting.prompts import more_tasks
from assets.prompting.verdicts import verdicts
from assets.recipe.filters import Heuristics
from assets.recipe.parts import CandidatesPart, SamplingPart
from assets.recipe.types import Recipe
from assets.recipe.values import Count, Probability, Temperature, Words
from assets.steps.names import SEED_TASKS
from assets.steps.step import Most
from resources.models.calls import Sampling, Writer, WriterAndReader
from warehouse.core.identity import Parent, row_seed
from warehouse.core.texts import has_word
from warehouse.core.words import words_in
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

NAME = "self_instruct"
MOST_VERDICT_TOKENS = 3


class SelfInstructSampling(SamplingPart):
    """Nucleus sampling as published."""

    temperature: Temperature = 0.7
    top_p: Probability = 0.5


class SelfInstruct(CandidatesPart):
    """Defaults as published; `calls` and `rounds` set how much the model writes.

    At most `most` instructions are accepted, and each is answered once; with `answers: instances` each gets up to
    `most_instances` inputs with their outputs. The candidates are plain answers; instructions are written in rounds, of
    which each depends on the one before, so that another draw of one would change all that follow."""

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
    # A slice leaves these out at their defaults, so that versions from before the keys existed stay fresh.
    answers: Annotated[Literal["plain", "instances"], Field(exclude_if=lambda value: value == "plain")] = "plain"
    most_instances: Annotated[Count, Field(exclude_if=lambda value: value == 5)] = 5
    instruction: SelfInstructSampling
    response: SamplingPart


@dataclass(frozen=True)
class Rejection:
    """Why a candidate instruction is dropped; where a number decides, the score and the cut that it missed."""

    reason: str
    score: float | None = None
    cut: float | None = None


@dataclass(frozen=True)
class Task:
    """An instruction of the pool. Seed tasks are already records and have an `id`; the others have `parents`."""

    instruction: str
    id: str | None = None
    parents: tuple[Parent, ...] = ()


class Pool:
    """The instructions so far, and the published rules for accepting another one."""

    def __init__(self, seeds: Iterable[Task], settings: SelfInstruct) -> None:
        self.settings = settings
        self.seeds = list(seeds)
        self.machine: list[Task] = []
        self._closest = Closest(task.instruction for task in self.seeds)
        words = "|".join(re.escape(word) for word in settings.blacklist)
        self._blacklist = re.compile(rf"\b(?:{words})\b", re.IGNORECASE) if words else None
        # The published rule is for English seed tasks.
        self._ascii_start = all(task.instruction[:1].isascii() for task in self.seeds)

    @property
    def full(self) -> bool:
        """Whether the pool has as many machine-made instructions as the recipe wants."""
        return len(self.machine) >= self.settings.most

    def add(self, task: Task) -> None:
        """Accept a machine-made instruction."""
        self.machine.append(task)
        self._closest.add(task.instruction)

    def demonstrations(self, generator: random.Random) -> list[Task]:
        """Human and machine-made instructions for one prompt, shuffled."""
        wanted = self.settings.demonstrations
        machine = generator.sample(self.machine, min(self.settings.machine_demonstrations, len(self.machine)))
        human = generator.sample(self.seeds, min(wanted - len(machine), len(self.seeds)))
        return generator.sample(human + machine, len(human) + len(machine))

    def rejection(self, instruction: str) -> Rejection | None:
        """The first rule that `instruction` breaks, or None. A full pool compares no instruction with the others."""
        words = len(words_in(instruction))
        least, most = self.settings.words
        if words < least:
            return Rejection("too short", words, least)
        if words > most:
            return Rejection("too long", words, most)
        if self._blacklist and (found := self._blacklist.search(instruction)):
            return Rejection(f"blacklisted word: {found.group().lower()}")
        # The published code first capitalizes an instruction, which makes all other letters lower case.
        if instruction.lower().startswith("write a program"):
            return Rejection("starts with: Write a program")
        if instruction[0] in string.punctuation:
            return Rejection("starts with punctuation")
        if not instruction[0].isascii() and (self._ascii_start or not instruction[0].isalnum()):
            return Rejection("starts with a non-ASCII character")
        if not has_word(instruction):
            return Rejection("no instruction")
        if self.full:
            return Rejection("surplus")
        closest = self._closest.to(instruction, above=self.settings.rouge_l)
        return Rejection("ROUGE-L", closest[1], self.settings.rouge_l) if closest else None


def generate(
    seeds: pl.DataFrame, settings: SelfInstruct, model: WriterAndReader, seed: int, rules: Heuristics | None = None
) -> Result:
    """Pairs bootstrapped from seed tasks (columns id, instruction), by `calls` calls in at most `rounds` rounds."""
    gate = Gate(Pair)
    pool = Pool([Task(row["instruction"], row["id"]) for row in seeds.iter_rows(named=True)], settings)
    for round_ in range(settings.rounds):
        # As published, the rounds end once the pool is full.
        if pool.full:
            break
        _bootstrap(gate, pool, settings, model, seed, round_)
    if settings.answers == "plain":
        asked = [
            Asked(pair(NAME, task.instruction), task.parents, (seed, NAME, "answer", task.instruction))
            for task in pool.machine
        ]
        respond(gate, asked, settings, settings.response, model, rules)
    else:
        _answer_with_instances(gate, pool.machine, settings, model, seed)
    return gate.result()


def _answer_with_instances(
    gate: Gate, tasks: Sequence[Task], settings: SelfInstruct, writer: Writer, seed: int
) -> None:
    asked = [classification(task.instruction) for task in tasks]
    judged = verdicts(writer, asked, MOST_VERDICT_TOKENS, settings.response.max_new_tokens)
    classified: list[tuple[Task, bool]] = []
    for task, verdict in zip(tasks, judged, strict=True):
        parents = (*task.parents, (verdict.call, "classification"))
        if not unanswered(gate, pair(NAME, task.instruction), verdict, parents):
            classified.append((Task(task.instruction, parents=parents), is_classification(verdict.text)))
    prompts = [
        instances(task.instruction, classifies, row_seed(seed, NAME, "instances", task.instruction))
        for task, classifies in classified
    ]
    written = writer.complete(prompts, Sampling(**settings.response.model_dump(), stop=stops(settings.most_instances)))
    for (task, classifies), completion in zip(classified, written, strict=True):
        parents = (*task.parents, (completion.call, "call"))
        if unanswered(gate, pair(NAME, task.instruction), completion, parents):
            continue
        found = (output_first if classifies else input_first)(completion.text)
        row = partial(pair, NAME, task.instruction)
        decide_instances(gate, row, found, completion.complete, settings.most_instances, parents)


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
        # A machine-made example is not a record yet, so its own parents, down to the seeds, take its place.
        of_examples = (parent for task in tasks for parent in ([(task.id, "example")] if task.id else task.parents))
        parents: tuple[Parent, ...] = (*dict.fromkeys(of_examples), (completion.call, "tasks"))
        unwritten = completion.error or completion.refusal
        candidates, cut_off = ([], "") if unwritten else numbered_items(completion.text, completion.complete)
        gate.arrive(max(1, len(candidates) + bool(cut_off)))
        if unanswered(gate, pair(NAME, ""), completion, parents):
            continue
        for instruction in candidates:
            rejection = pool.rejection(instruction)
            if rejection:
                row = pair(NAME, instruction)
                gate.reject(row, rejection.reason, parents, rejection.score, rejection.cut)
            else:
                pool.add(Task(instruction, parents=parents))
        if cut_off:
            gate.reject(pair(NAME, cut_off), "instruction cut off", parents)
        elif not candidates:
            gate.reject(pair(NAME, ""), "no instruction", parents)


def make(job: Job[SelfInstruct], seed_tasks: pl.DataFrame) -> Result:
    """Build the asset's rows."""
    return generate(seed_tasks, job.settings, job.writer, job.seed, job.rules)


def faults(settings: SelfInstruct) -> Iterator[tuple[str, object, str]]:
    """Settings that contradict each other, and one that would have no effect."""
    if settings.machine_demonstrations >= settings.demonstrations:
        most = f"it must be below generation.{NAME}.demonstrations ({settings.demonstrations})"
        yield "machine_demonstrations", settings.machine_demonstrations, most
    if settings.answers == "plain" and "most_instances" in settings.model_fields_set:
        without = f"plain answers have no instances; remove it, or set generation.{NAME}.answers to instances"
        yield "most_instances", settings.most_instances, without
    if settings.answers == "instances" and settings.candidates > 1:
        once = f"instances are written once; remove it, or set generation.{NAME}.answers to plain"
        yield "candidates", settings.candidates, once
    else:
        yield from equal_at_zero(settings, settings.response, f"generation.{NAME}.response")


def _most(settings: SelfInstruct, recipe: Recipe) -> Most:
    if settings.answers == "plain":
        return Most(settings.most, settings.calls + settings.most_calls(settings.most))
    return Most(settings.most * settings.most_instances, settings.calls + 2 * settings.most)


_WRITTEN_FROM = [(SEED_TASKS, "instruction")]

METHOD = Method(
    name=NAME,
    description="Instructions bootstrapped from the seed tasks by Self-Instruct, with the model's answers.",
    settings=SelfInstruct,
    make=make,
    inputs=(SEED_TASKS,),
    columns=pair_columns(SEED_TASKS, instruction=_WRITTEN_FROM, input_=_WRITTEN_FROM, response=_WRITTEN_FROM),
    most=_most,
    faults=faults,
)
