"""The recipe's types: what a dataset should be, as one frozen value. Unknown keys are refused.

Where the paper (arXiv 2308.12711) leaves a number open, the default here is our choice; the field says so.
"""

from __future__ import annotations

from functools import reduce
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from assets.recipe_materials import AncestorPart, ModelPart, PolicyPart, SourcePart
from assets.recipe_materials import Part as Part
from assets.recipe_values import (
    FILTERS,
    LEVELS,
    BenchmarkFields,
    Count,
    DocumentFields,
    Fields,
    FilterNames,
    Levels,
    MethodNames,
    Name,
    Probability,
    Seed,
    SeedFields,
    Slice,
    Words,
)

BASE = "base"


class Selection(Part):
    """Rows of a source, mapped to fields, for one role.

    `slice` is the share of the source, in percent of its rows by hash, that the role draws from: rows of
    disjoint slices can never meet. `count` rows whose main text has `words` (least, most) words are taken.
    """

    source: str
    slice: Slice = (0, 100)
    count: Count
    words: Words = (1, 100_000)
    fields: Fields


class SeedSelection(Selection):
    """Seed pairs: the fields `instruction` and `response`, and `input` where there is one."""

    fields: SeedFields


class DocumentSelection(Selection):
    """Documents: the field `text`, and `title` where there is one."""

    fields: DocumentFields


class BenchmarkSelection(Selection):
    """Benchmark items: the fields `instruction` and `reference`, and `input` where there is one."""

    benchmark: Name
    fields: BenchmarkFields


class SamplingPart(Part):
    """How a model decodes: greedy at temperature 0, else nucleus sampling."""

    max_new_tokens: Count
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_p: Probability = 1.0


class LoraPart(Part):
    """LoRA fine-tuning. The paper does not publish these; all are ours.

    `last_layers` puts the adapter on the last layers only, which saves the backward pass through the others.
    """

    epochs: Count
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    rank: Count
    alpha: Count
    batch_size: Count
    max_tokens: Count
    last_layers: Count | None = None
    target_modules: tuple[str, ...] = (
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    )
    # How often progress is saved decides nothing about what is trained, so it makes nothing stale.
    checkpoint_every: Annotated[Count, Field(exclude=True)] = 8


class SelfTraining(Part):
    """Self-training: the model answers human instructions (arXiv 2308.12711, section 2)."""

    count: Count
    response: SamplingPart


class SelfInstruct(Part):
    """Self-Instruct (arXiv 2212.10560): defaults as published; `calls` and `rounds` set how much is written."""

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
    instruction: SamplingPart
    response: SamplingPart


class InstructionGeneration(Part):
    """Instruction generation: the backward model writes an instruction for each document."""

    instruction: SamplingPart


class Fragments(Part):
    """The extraction levels in use; each document gets `per_document` of them, chosen by hash.

    At level keywords, `keywords` phrases of at most `phrase_words` words are taken."""

    levels: Levels = LEVELS
    per_document: Count = 1
    keywords: Count = 5
    phrase_words: Count = 2
    extraction: SamplingPart


class Heuristics(Part):
    """Rules that need no model. All are ours, beyond those that the methods publish themselves."""

    instruction_words: Words = (3, 60)
    response_words: Words = (5, 400)
    most_repeated_line: Probability = 0.5
    copied_words: Probability = 0.9


class PerplexityFilter(Part):
    """Instruction filtering by the model's own perplexity.

    The paper names neither formula nor cut: we take the perplexity of the response given the instruction and
    keep the `keep` share of pairs with the lowest.
    """

    measure: Literal["response_given_instruction", "response_alone", "instruction_given_response"] = (
        "response_given_instruction"
    )
    keep: Probability


class Diversity(Part):
    """Greedy by quality (arXiv 2312.15685, Deita): skip a row too similar to a kept one."""

    embedder: str
    similarity: Annotated[float, Field(ge=-1, le=1)] = 0.9


class Generation(Part):
    """The methods in use and what writes for them; a method that is left out is not built."""

    model: str
    backward_model: LoraPart | None = None
    self_training: SelfTraining | None = None
    self_instruct: SelfInstruct | None = None
    instruction_generation: InstructionGeneration | None = None
    extract_then_generate: InstructionGeneration | None = None


class Enhancement(Part):
    """The strategies of the paper, and heuristics."""

    fragments: Fragments | None = None
    heuristics: Heuristics = Heuristics()
    perplexity: PerplexityFilter | None = None


class Curation(Part):
    """What turns pairs into training sets of one size."""

    diversity: Diversity | None = None
    rows: Count


class Arm(Part):
    """One variant under comparison: pairs of these methods, through these filters."""

    methods: MethodNames
    filters: FilterNames = FILTERS


class Student(LoraPart):
    """The student that every arm fine-tunes: the same base and the same settings for all."""

    base: str


class Evaluation(Part):
    """How predictions are written; scores compare them with the human text."""

    answer: SamplingPart


class Recipe(Part):
    """The whole recipe. A row at which a model failed is tried again by the next build, up to `retries` times."""

    seed: Seed
    retries: Annotated[int, Field(ge=0, strict=True)] = 2
    policy: PolicyPart
    models: dict[Name, ModelPart]
    sources: dict[Name, SourcePart]
    ancestors: dict[Name, AncestorPart] = Field(default_factory=dict)
    seed_tasks: Annotated[tuple[SeedSelection, ...], Field(min_length=1)]
    documents: tuple[DocumentSelection, ...] = ()
    benchmark_items: Annotated[tuple[BenchmarkSelection, ...], Field(min_length=1)]
    generation: Generation
    enhancement: Enhancement
    curation: Curation
    arms: Annotated[dict[Name, Arm], Field(min_length=1)]
    training: Student
    evaluation: Evaluation

    def part(self, path: str) -> Any:
        """The value at a dotted path, such as "generation.self_instruct"."""
        return reduce(lambda at, key: at[key] if isinstance(at, dict) else getattr(at, key), path.split("."), self)

    def slice(self, *paths: str) -> dict[str, Any]:
        """The values at `paths` as plain JSON values: what an asset's version is hashed from."""
        return {path: _plain(self.part(path)) for path in paths}

    def filters(self, arm: str, *names: str) -> dict[str, Any]:
        """Which of the filters `names` an arm has, as part of a slice: a step heeds its own filters alone."""
        return {f"arms.{arm}.filters": [name for name in self.arms[arm].filters if name in names]}


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value
