"""IFEval (arXiv 2311.07911): instructions that a program can check, such as "use no comma" or "at least 300 words".

Strict (section 2.2): the answer follows an instruction where its verifier says so. Loose: where any of eight variants
of it does (without its first line, its last line, both, or as it is; each with and without asterisks). A prompt
counts where all of its instructions are followed. The verifiers are those of lm-evaluation-harness.

Ours: the sentences and words of `number_sentences` and `capital_word_frequency` are cut by an untrained Punkt, as its
trained data is no package and would have to be downloaded; language detection is seeded. Accuracy by instruction is
left out: a score here is one item's, and the mean over items is not the published mean over all instructions. Two of
the published prompts (keys 1122 and 1129) ask to count a character that is no letter, in place of which the library
counts one that it draws by chance, another at every call: they are quarantined.

Worked example: "No commas, at least 3 words." is answered "*Well*, yes". Neither instruction is followed, so that
`prompt_strict` and `prompt_loose` are 0; "One two three" gives 1 and 1.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import polars as pl

from assets.evaluation.answering import predictions_step, scores_step
from assets.evaluation.benchmark import Benchmark, Metric
from assets.recipe.parts import Part, SamplingPart
from assets.recipe.types import Recipe
from assets.steps.step import Step
from resources.tools.tools import Tools
from warehouse.core.errors import UserError
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Score

NAME = "ifeval"
METRICS = ("prompt_strict", "prompt_loose")
INSTALL = "pip install 'slingshot[lm_eval]'"
RANK = "LOCAL_RANK"


class IFEval(Part):
    """How a student writes its answers."""

    answer: SamplingPart


@cache
def library() -> Any:
    """The module of lm_eval with the published scoring. Raises UserError that says what to install."""
    with _another_rank():
        try:
            import langdetect
            import nltk
            from lm_eval.tasks.ifeval import instructions, instructions_util, utils
        except ModuleNotFoundError as error:
            raise UserError(f"{error}; evaluation.ifeval needs: {INSTALL}") from error
    langdetect.DetectorFactory.seed = 0
    instructions.random = instructions_util.random = _NoChance()
    sentences, words = nltk.tokenize.PunktSentenceTokenizer(), nltk.tokenize.NLTKWordTokenizer()
    instructions_util._get_sentence_tokenizer = lambda: sentences
    instructions_util.nltk = SimpleNamespace(
        tokenize=nltk.tokenize,
        word_tokenize=lambda text: [word for one in sentences.tokenize(text) for word in words.tokenize(one)],
    )
    return utils


class _NoChance:
    """Stands for the module random: what a row does not say, or says wrongly, the library would draw by chance."""

    def __getattr__(self, name: str) -> Any:
        raise ValueError("the row leaves to chance what is to be checked")


@contextmanager
def _another_rank() -> Iterator[None]:
    """As the first of several processes lm_eval would download Punkt's data while it is imported."""
    before = os.environ.get(RANK)
    os.environ[RANK] = "1"
    try:
        yield
    finally:
        os.environ.pop(RANK)
        if before is not None:
            os.environ[RANK] = before


def example(details: str) -> Any:
    """The published row (JSON) as the library takes it.

    Raises ValueError where it is no such row, names an unknown instruction, or lacks what an instruction needs: the
    library would draw that by chance."""
    utils = library()
    try:
        row = json.loads(details)
        ids, options, prompt = row["instruction_id_list"], row["kwargs"], row["prompt"]
        given = [{name: value for name, value in (one or {}).items() if value is not None} for one in options]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a row of IFEval: {type(error).__name__} {error}") from error
    if not ids or len(ids) != len(given):
        raise ValueError(f"not a row of IFEval: {len(ids)} instructions with {len(given)} kwargs")
    for name, options in zip(ids, given, strict=True):
        kind = utils.instructions_registry.INSTRUCTION_DICT.get(name)
        if kind is None:
            raise ValueError(f"unknown instruction {name!r}")
        if missing := sorted(set(kind(name).get_instruction_args_keys()) - options.keys()):
            raise ValueError(f"{name} lacks {', '.join(missing)}")
    return utils.InputExample(row.get("key", 0), list(ids), prompt, given)


def verify(text: str, details: str) -> dict[str, float]:
    """1.0 or 0.0 by metric; raises ValueError where the row is not IFEval's or a verifier refuses its kwargs."""
    utils, given = library(), example(details)
    try:
        strict = utils.test_instruction_following_strict(given, text)
        loose = utils.test_instruction_following_loose(given, text)
    except Exception as error:
        raise ValueError(f"a verifier refused: {type(error).__name__} {error}") from error
    followed = (strict.follow_all_instructions, loose.follow_all_instructions)
    return dict(zip(METRICS, map(float, followed), strict=True))


def judged(predictions: pl.DataFrame, items: pl.DataFrame) -> Result:
    """One record per prediction and metric; those of a row that cannot be verified are quarantined with the reason."""
    gate = Gate(Score, len(predictions) * len(METRICS))
    details = dict(items.select("id", "details").iter_rows())
    for row in predictions.iter_rows(named=True):
        told = {key: row[key] for key in ("benchmark", "arm", "seed", "item")}
        parents = [(row["id"], "prediction"), (row["item"], "item")]
        try:
            values = verify(row["text"], details[row["item"]])
        except ValueError as error:
            for name in METRICS:
                gate.quarantine(told | {"metric": name, "value": None}, str(error), parents)
            continue
        for name in METRICS:
            gate.keep(told | {"metric": name, "value": values[name]}, parents)
    return gate.result()


def build_scores(tools: Tools, predictions: pl.DataFrame, benchmark_items: pl.DataFrame) -> Result:
    """The rows of `scores/ifeval/<arm>`."""
    return judged(predictions, benchmark_items)


def steps(settings: IFEval, recipe: Recipe, arm: str) -> list[Step]:
    """Predictions and scores of an arm."""
    return [
        predictions_step(recipe, NAME, arm, settings.answer),
        scores_step(NAME, arm, METRICS, build_scores, "Whether all instructions are followed", ["details"]),
    ]


def faults(settings: IFEval, recipe: Recipe) -> Iterable[tuple[str, object, str]]:
    """That the verifiers are not installed."""
    if find_spec("lm_eval") is None:
        yield "", "no package lm_eval", f"it has the verifiers; right would be: {INSTALL}"


BENCHMARK = Benchmark(
    name=NAME,
    description="Instructions that a program can check: whether an answer follows all of its prompt's.",
    settings=IFEval,
    metrics=lambda settings: (
        Metric("prompt_strict", "prompts whose instructions are all followed"),
        Metric("prompt_loose", "the same for the best of eight variants of the answer, by instruction"),
    ),
    steps=steps,
    fields=("details",),
    faults=faults,
)
