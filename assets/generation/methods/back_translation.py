"""Instruction back-translation: human texts get instructions, and the model rates which of the pairs are good examples.

Source: Humpback, arXiv 2308.06259, section 2. As published: the backward model writes an instruction for every
document (self-augmentation); a model rates each candidate from 1 to 5, and those from 4 on are kept (self-curation);
the model is then fine-tuned on the seed tasks and the kept candidates, and rates all candidates anew, twice in all;
temperature 0.7 and top-p 0.9. Ours: the wording of the prompts; that the model as it is gives the first ratings, in
place of one that was fine-tuned on the seed tasks; that it is fine-tuned by LoRA, without a system prompt that tells
seeds from candidates; that the last score named in a rating counts; and that a candidate leaves at the first rating
that fails. Ours too, for models that are too small to end a rating with its score: `scores: expected` takes the mean of
the numbers 1 to 5, weighted by how likely the model is to answer each (after G-Eval, arXiv 2303.16634, section 2), and
`keep` lets the best share of the candidates pass, since such a mean says little by itself.

Not covered: the lineage of a pair leads to the call that trained its rater, and not on to the rows which that learned
from, since all seed tasks and kept candidates would be parents of every pair.

Worked example: "Pesto is a sauce from Genoa …" gives the candidate ("What is Pesto?", "Pesto is a sauce from Genoa …").
"It answers directly. Score: 4" lets it into the training; "Score: 3" of the model so trained then rejects it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

import polars as pl
from pydantic import Field

from assets.generation.cuts import cut_for
from assets.generation.method import Job, Method
from assets.generation.methods.instruction_generation import Text
from assets.generation.rating import NUMBER, REASONS, RUBRIC, SCORES, expected_score, score_of
from assets.prompting.answers import unanswered, unwritten
from assets.prompting.parsing import instruction_of
from assets.prompting.prompts import answer, instruction_for
from assets.recipe.parts import LoraPart, Part, SamplingPart
from assets.recipe.types import Recipe
from assets.recipe.values import Count, Probability, Temperature
from assets.steps.step import Most, made
from assets.training.checkpoint import training_of, written_by
from resources.models.calls import Prompt, Reader, Sampling, Writer
from warehouse.core.identity import Parent, row_seed
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

NAME = "back_translation"
Example = tuple[Prompt, str]
"""(prompt, completion) that a model is fine-tuned on."""


class PublishedSampling(SamplingPart):
    """Nucleus sampling as published."""

    temperature: Temperature = 0.7
    top_p: Probability = 0.9


class BackTranslation(Part):
    """Defaults as published, for all documents or the first `count` of them. Ratings are given `iterations` times, and
    after each but the last the model is fine-tuned as `training` says; the last decides, and rejects what is below
    `least_score` or, where `keep` is given, what is not among that share of all scored candidates, best first.

    `rating` is how scores are written; `scores: expected` measures them instead."""

    count: Count | None = None
    iterations: Count = 2
    scores: Annotated[Literal["written", "expected"], Field(exclude_if=lambda value: value == "written")] = "written"
    least_score: Annotated[float, Field(ge=1, le=5)] = 4
    keep: Probability | None = None
    instruction: PublishedSampling
    rating: PublishedSampling | None = None
    training: LoraPart | None = None


class Model(Writer, Reader, Protocol):
    """Writes, and says how likely a text is."""


@dataclass(frozen=True)
class Rater:
    """A model that rates, and the call that trained it, if one did."""

    model: Model
    made_by: tuple[Parent, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A pair, what it was made of, and its last score; None where the rating named none."""

    row: dict[str, str]
    parents: tuple[Parent, ...]
    score: float | None = None


def candidates(
    gate: Gate, texts: Sequence[Text], settings: BackTranslation, backward: Writer, seed: int
) -> list[Candidate]:
    """The texts with the instructions that `backward` writes; a text that it writes none for is decided."""
    prompts = [instruction_for(text.shown, row_seed(seed, NAME, text.shown)) for text in texts]
    sampling = Sampling(**settings.instruction.model_dump(), stop=("\n",))
    found = []
    for text, completion in zip(texts, backward.complete(prompts, sampling), strict=True):
        row = {"method": NAME, "level": text.level, "instruction": instruction_of(completion.text), "input": ""}
        row["response"] = text.response
        parents = (*text.parents, (completion.call, "call"))
        if not unwritten(gate, row, completion, parents):
            found.append(Candidate(row, parents))
    return found


def rated(
    gate: Gate, asked: Sequence[Candidate], settings: BackTranslation, rater: Rater, seed: int
) -> list[Candidate]:
    """The candidates with their scores; one that `rater` gives no rating for is decided."""
    if settings.scores == "expected":
        return _expected(gate, asked, rater)
    assert settings.rating is not None  # see faults
    prompts = [
        _question(one, REASONS, row_seed(seed, NAME, "rating", one.row["instruction"], one.row["response"]))
        for one in asked
    ]
    sampling = Sampling(**settings.rating.model_dump())
    found = []
    for one, completion in zip(asked, rater.model.complete(prompts, sampling), strict=True):
        parents = (*one.parents, *rater.made_by, (completion.call, "rating"))
        if not unanswered(gate, one.row, completion, parents):
            found.append(Candidate(one.row, parents, score_of(completion.text, completion.complete)))
    return found


def _expected(gate: Gate, asked: Sequence[Candidate], rater: Rater) -> list[Candidate]:
    texts = [(_question(one, NUMBER), str(score)) for one in asked for score in SCORES]
    losses, found = rater.model.losses(texts), []
    for number, one in enumerate(asked):
        told = losses[number * len(SCORES) : (number + 1) * len(SCORES)]
        parents = (*one.parents, *rater.made_by, *((loss.call, "rating") for loss in told))
        # One that is not there decides for all: the mean of the others would be another score.
        missing = next((loss for loss in told if loss.error or loss.refusal), told[0])
        if not unanswered(gate, one.row, missing, parents):
            found.append(Candidate(one.row, parents, expected_score([loss.mean * loss.tokens for loss in told])))
    return found


def _question(one: Candidate, how: str, seed: int = 0) -> Prompt:
    return Prompt.ask(RUBRIC.format(instruction=one.row["instruction"], response=one.row["response"]) + how, seed)


def cut_of(scores: Sequence[float], settings: BackTranslation) -> float:
    """The least score that passes: `least_score`, or that of the last of the share `keep`, at least one."""
    if settings.keep is None or not scores:
        return settings.least_score
    return cut_for(pl.Series(scores), settings.keep, high=True)


def generate(
    texts: Sequence[Text],
    seeds: pl.DataFrame,
    settings: BackTranslation,
    backward: Writer,
    model: Model,
    tune: Callable[[Sequence[Example]], Rater],
    seed: int,
) -> Result:
    """One decision per text. `model` rates first, then what `tune` makes of seed tasks (columns instruction, input,
    response) and kept candidates."""
    gate = Gate(Pair, len(texts))
    human = [(answer(row["instruction"], row["input"]), row["response"]) for row in seeds.iter_rows(named=True)]
    found = rated(gate, candidates(gate, texts, settings, backward, seed), settings, Rater(model), seed)
    for _ in range(settings.iterations - 1):
        if not found:
            break
        cut = cut_of([one.score for one in found if one.score is not None], settings)
        good = [one.row for one in found if one.score is not None and one.score >= cut]
        rater = tune([*human, *((answer(row["instruction"]), row["response"]) for row in good)])
        found = rated(gate, found, settings, rater, seed)
    cut = cut_of([one.score for one in found if one.score is not None], settings)
    for one in found:
        if one.score is None:
            gate.reject(one.row, "no score", one.parents)
        elif one.score < cut:
            gate.reject(one.row, "score", one.parents, one.score, cut)
        else:
            gate.keep(one.row, one.parents, one.score, cut)
    return gate.result()


def make(
    job: Job[BackTranslation], documents: pl.DataFrame, backward_model: pl.DataFrame, seed_tasks: pl.DataFrame
) -> Result:
    """The asset's rows. Raises TrainingFailed."""
    made_by = (str(backward_model["id"][0]), "backward_model")
    texts = [
        Text(row["text"], row["text"], ((row["id"], "document"), made_by))
        for row in documents.head(job.settings.count or len(documents)).iter_rows(named=True)
    ]

    def tune(examples: Sequence[Example]) -> Rater:
        assert job.settings.training is not None  # see faults
        trained = job.tools.train(job.model, examples, training_of(job.settings.training, job.seed))
        return Rater(job.tools.model(job.model, trained.adapter), ((trained.call, "rater"),))

    return generate(texts, seed_tasks, job.settings, job.tuned(backward_model), job.writer, tune, job.seed)


def faults(settings: BackTranslation) -> Iterator[tuple[str, object, str]]:
    """A second iteration without a training, or a training that none would use."""
    if settings.iterations > 1 and settings.training is None:
        yield "training", None, f"{settings.iterations} iterations need it: the model is fine-tuned between them"
    if settings.iterations == 1 and settings.training is not None:
        yield "iterations", 1, f"nothing is fine-tuned then; raise it, or take generation.{NAME}.training away"
    if (settings.scores == "written") != (settings.rating is not None):
        right = "scores that are written need it" if settings.rating is None else "scores: expected writes nothing"
        yield "rating", settings.rating and settings.rating.model_dump(), right
    if settings.keep is not None and "least_score" in settings.model_fields_set:
        yield "least_score", settings.least_score, f"generation.{NAME}.keep decides; take one of both away"


def most(settings: BackTranslation, recipe: Recipe) -> Most:
    """One pair per document; its instruction, its ratings in each iteration, and the trainings between them."""
    ratings = 1 if settings.scores == "written" else len(SCORES)
    documents = sum(selection.count for selection in recipe.documents)
    rows = min(settings.count or documents, documents)
    return Most(rows=rows, calls=rows * (1 + ratings * settings.iterations) + settings.iterations - 1)


_COLUMNS = made(
    "documents",
    "backward_model",
    method=(),
    level=(),
    instruction=[("documents", "text"), *written_by("backward_model")],
    input=(),
    response=[("documents", "text")],
)

METHOD = Method(
    name=NAME,
    description="Instructions that the backward model writes for human documents, as far as the model rates them well.",
    settings=BackTranslation,
    make=make,
    inputs=("documents", "backward_model", "seed_tasks"),
    # The id also hashes the ratings, by a model that the seeds have trained.
    columns={
        **_COLUMNS,
        "id": [*_COLUMNS["id"], *(("seed_tasks", column) for column in ("instruction", "input", "response"))],
    },
    most=most,
    faults=faults,
    weights=True,
)
