"""Instruction back-translation: human texts get instructions, and the model rates which pairs are good examples.

Source: Humpback, arXiv 2308.06259, section 2. As published: the backward model writes an instruction for every document
(self-augmentation); a model rates each candidate from 1 to 5, and those with at least 4 are kept (self-curation); the
model is then fine-tuned on the seed tasks and the kept candidates, and rates all candidates again, twice in total;
temperature 0.7 and top-p 0.9. Ours: the wording of the prompts; that the model without fine-tuning gives the first
ratings (published: one that was fine-tuned on the seed tasks); that fine-tuning is by LoRA, without a system prompt
that separates seeds from candidates; that the last score in a rating counts; that a candidate drops out at its first
failed rating; and that the pairs are the candidates alone (published: the final model is trained on the seeds as well;
an arm with the methods seeds and back_translation has both). Also ours, for models that are too small to end a rating
with a score: `scores: expected` takes the mean of the numbers 1 to 5, weighted by how likely the model is to answer
each (after G-Eval, arXiv 2303.16634, section 2), and `keep` keeps the best share of the pairs, because such a mean has
no meaningful fixed cut. Also ours: with `candidates` several instructions are written for a document, and only the one
that `choose` finds best is rated.

Not covered: the lineage of a pair leads to the call that trained its rater, but not to the rows that the rater was
trained on, since all seed tasks and kept candidates would be parents of every pair.

Worked example: "Pesto is a sauce from Genoa …" gives the candidate ("What is Pesto?", "Pesto is a sauce from Genoa …").
The rating "It answers directly. Score: 4" puts it into the training set; if the model that was trained on it answers
"Score: 3", the candidate is rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from assets.generation.candidates import choose, equal_at_zero
from assets.generation.cuts import cut_for
from assets.generation.method import Job, Method
from assets.generation.methods.instruction_generation import Text, instructed
from assets.generation.rating import REASONS, SCORES, question, ratings, score_of
from assets.prompting.answers import unanswered
from assets.prompting.pairs import pair_columns
from assets.prompting.prompts import answer
from assets.recipe.filters import Heuristics
from assets.recipe.parts import CandidatesPart, SamplingPart, TrainingPart
from assets.recipe.types import Recipe
from assets.recipe.values import Count, Probability, Temperature
from assets.steps.names import BACKWARD_MODEL, DOCUMENTS, SEED_TASKS
from assets.steps.step import Most
from assets.training.checkpoint import training_of, written_by
from resources.models.calls import Prompt, Reader, Sampling, Writer, WriterAndReader
from warehouse.core.identity import Parent, row_seed
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

NAME = "back_translation"
Example = tuple[Prompt, str]
"""(prompt, completion) that a model is fine-tuned on."""


class HumpbackSampling(SamplingPart):
    """Nucleus sampling as published."""

    temperature: Temperature = 0.7
    top_p: Probability = 0.9


class BackTranslation(CandidatesPart):
    """Defaults as published, for all documents or the first `count` of them.

    The candidates are rated `iterations` times; after each time but the last the model is fine-tuned as `training`
    says. The last rating decides: it rejects scores below `least_score`, or with `keep` all candidates but the best
    share of that size. `rating` is how the model decodes when it writes a score; `scores: expected` measures the score
    instead."""

    count: Count | None = None
    iterations: Count = 2
    scores: Annotated[Literal["written", "expected"], Field(exclude_if=lambda value: value == "written")] = "written"
    least_score: Annotated[float, Field(ge=1, le=5)] = 4
    keep: Probability | None = None
    instruction: HumpbackSampling
    rating: HumpbackSampling | None = None
    training: TrainingPart | None = None


@dataclass(frozen=True)
class Rater:
    """A model that rates, and the call that trained it, if there was one."""

    model: WriterAndReader
    made_by: tuple[Parent, ...] = ()


@dataclass(frozen=True)
class Rated:
    """A pair, its parents, and its last score; None where it was not rated or the rating has no score."""

    row: Mapping[str, str]
    parents: tuple[Parent, ...]
    score: float | None = None


def augmented(
    gate: Gate,
    texts: Sequence[Text],
    settings: BackTranslation,
    backward: Writer,
    reader: Reader,
    seed: int,
    rules: Heuristics | None = None,
) -> list[Rated]:
    """Pair each text with the best instruction that `backward` writes; decide about all others, and about a text that
    gets none."""
    groups = instructed(gate, texts, NAME, settings, settings.instruction, backward, seed)
    best = choose(gate, groups, settings, reader, rules, keep=False)
    return [Rated(one.row, one.parents) for one in best if one]


def rated(gate: Gate, asked: Sequence[Rated], settings: BackTranslation, rater: Rater, seed: int) -> list[Rated]:
    """The pairs with their scores; decide about a pair that `rater` does not rate."""
    if settings.scores == "expected":
        return _with_expected_scores(gate, asked, rater)
    assert settings.rating is not None  # see faults
    prompts = [
        question(one.row, REASONS, row_seed(seed, NAME, "rating", one.row["instruction"], one.row["response"]))
        for one in asked
    ]
    sampling = Sampling(**settings.rating.model_dump())
    found = []
    for one, completion in zip(asked, rater.model.complete(prompts, sampling), strict=True):
        parents = (*one.parents, *rater.made_by, (completion.call, "rating"))
        if not unanswered(gate, one.row, completion, parents):
            found.append(Rated(one.row, parents, score_of(completion.text, completion.complete)))
    return found


def _with_expected_scores(gate: Gate, asked: Sequence[Rated], rater: Rater) -> list[Rated]:
    found = []
    for one, rating in zip(asked, ratings([one.row for one in asked], rater.model), strict=True):
        parents = (*one.parents, *rater.made_by, *((call, "rating") for call in rating.calls))
        if rating.error:
            gate.fail(one.row, rating.error, parents)
        elif rating.refusal:
            gate.reject(one.row, rating.refusal, parents)
        else:
            found.append(Rated(one.row, parents, rating.value))
    return found


def cut_of(scores: Sequence[float], settings: BackTranslation) -> float:
    """The lowest score that passes: `least_score`, or with `keep` the lowest of that share (at least one candidate)."""
    if settings.keep is None or not scores:
        return settings.least_score
    return cut_for(pl.Series(scores), settings.keep, high=True)


def generate(
    texts: Sequence[Text],
    seeds: pl.DataFrame,
    settings: BackTranslation,
    backward: Writer,
    model: WriterAndReader,
    tune: Callable[[Sequence[Example]], Rater],
    seed: int,
    rules: Heuristics | None = None,
) -> Result:
    """One decision per candidate. `model` chooses among candidates and gives the first ratings; later ones come from
    the model that `tune` trains on the seed tasks (columns instruction, input, response) and the kept candidates."""
    gate = Gate(Pair, len(texts) * settings.candidates)
    human = [(answer(row["instruction"], row["input"]), row["response"]) for row in seeds.iter_rows(named=True)]
    found = augmented(gate, texts, settings, backward, model, seed, rules)
    found = rated(gate, found, settings, Rater(model), seed)
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
    """The asset's rows. Raises UserError."""
    made_by = (str(backward_model["id"][0]), "backward_model")
    texts = [
        Text(row["text"], row["text"], ((row["id"], "document"), made_by))
        for row in documents.head(job.settings.count or len(documents)).iter_rows(named=True)
    ]

    def tune(examples: Sequence[Example]) -> Rater:
        assert job.settings.training is not None  # see faults
        trained = job.tools.train(job.model, examples, training_of(job.settings.training, job.seed))
        return Rater(job.tools.model(job.model, trained.adapter), ((trained.call, "rater"),))

    return generate(texts, seed_tasks, job.settings, job.tuned(backward_model), job.writer, tune, job.seed, job.rules)


def faults(settings: BackTranslation) -> Iterator[tuple[str, object, str]]:
    """Settings that contradict each other: iterations and training, scores and rating, keep and least_score."""
    if settings.iterations > 1 and settings.training is None:
        yield "training", None, f"{settings.iterations} iterations need it: the model is fine-tuned between them"
    if settings.iterations == 1 and settings.training is not None:
        yield "iterations", 1, f"then nothing is fine-tuned; raise it, or remove generation.{NAME}.training"
    if (settings.scores == "written") != (settings.rating is not None):
        accepted = "scores: written needs it" if settings.rating is None else "scores: expected does not use it"
        yield "rating", settings.rating and settings.rating.model_dump(), accepted
    if settings.keep is not None and "least_score" in settings.model_fields_set:
        yield "least_score", settings.least_score, f"generation.{NAME}.keep replaces it; remove one of the two"
    yield from equal_at_zero(settings, settings.instruction, f"generation.{NAME}.instruction")


def most(settings: BackTranslation, recipe: Recipe) -> Most:
    """One pair per document; calls for its instructions and its ratings in each iteration, and one per training."""
    ratings = 1 if settings.scores == "written" else len(SCORES)
    documents = sum(selection.count for selection in recipe.documents)
    rows = min(settings.count or documents, documents)
    rating = rows * ratings * settings.iterations
    return Most(rows=rows, calls=settings.most_calls(rows) + rating + settings.iterations - 1)


_COLUMNS = pair_columns(
    DOCUMENTS,
    BACKWARD_MODEL,
    instruction=[(DOCUMENTS, "text"), *written_by(BACKWARD_MODEL)],
    response=[(DOCUMENTS, "text")],
)

METHOD = Method(
    name=NAME,
    description="Instructions that the backward model writes for human documents, as far as the model rates them well.",
    settings=BackTranslation,
    make=make,
    inputs=(DOCUMENTS, BACKWARD_MODEL, SEED_TASKS),
    counted_input=DOCUMENTS,
    # The calls of the rating are parents too, and the rater is trained on the seed tasks.
    columns={
        **_COLUMNS,
        "id": [*_COLUMNS["id"], *((SEED_TASKS, column) for column in ("instruction", "input", "response"))],
    },
    most=most,
    faults=faults,
    trains_or_measures=True,
    shares_responses=True,
)
