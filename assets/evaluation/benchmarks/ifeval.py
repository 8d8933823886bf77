"""IFEval (arXiv 2311.07911): instructions that a program can check, such as "use no comma" or "at least 300 words".

Strict (section 2.2): the answer follows an instruction if the verifier accepts it. Loose: if the verifier accepts any
of eight variants of the answer (unchanged, without the first line, without the last line, without both; each with and
without asterisks). A prompt counts if all its instructions are followed. The verifiers come from lm-evaluation-harness.

Our changes: an untrained Punkt splits sentences and words for `number_sentences` and `capital_word_frequency`, because
the trained data is not in a package and would need a download. Language detection is seeded. Accuracy per instruction
is left out: our scores are per item, and their mean is not the published mean over all instructions. Two published
prompts (keys 1122 and 1129) ask to count a character that is not a letter. The library would count a random letter
instead, a different one at each call, so these prompts are quarantined.

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
    """The sampling settings of the answers."""

    answer: SamplingPart


@cache
def library() -> Any:
    """The module of lm_eval with the published scoring. Raises UserError if it is not installed."""
    with _nonzero_rank():
        try:
            import langdetect
            import nltk
            from lm_eval.tasks.ifeval import instructions, instructions_util, utils
        except ModuleNotFoundError as error:
            raise UserError(f"{error}; evaluation.ifeval needs: {INSTALL}") from error
    langdetect.DetectorFactory.seed = 0
    instructions.random = instructions_util.random = _NoRandom()
    sentences, words = nltk.tokenize.PunktSentenceTokenizer(), nltk.tokenize.NLTKWordTokenizer()
    instructions_util._get_sentence_tokenizer = lambda: sentences
    instructions_util.nltk = SimpleNamespace(
        tokenize=nltk.tokenize,
        word_tokenize=lambda text: [word for one in sentences.tokenize(text) for word in words.tokenize(one)],
    )
    return utils


class _NoRandom:
    """Replaces the module random, with which the library would fill in missing or wrong values of a row."""

    def __getattr__(self, name: str) -> Any:
        raise ValueError("the row leaves to chance a value that the verifier needs")


@contextmanager
def _nonzero_rank() -> Iterator[None]:
    """Set a process rank other than 0: with rank 0, lm_eval downloads Punkt's data when it is imported."""
    before = os.environ.get(RANK)
    os.environ[RANK] = "1"
    try:
        yield
    finally:
        os.environ.pop(RANK)
        if before is not None:
            os.environ[RANK] = before


def example(details: str) -> Any:
    """Convert a published row (JSON) to the library's input type.

    Raises ValueError if it is not a row of IFEval, has an unknown instruction, or lacks an argument of an instruction:
    the library would choose that argument at random."""
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
    """1.0 or 0.0 for each metric. Raises ValueError if the row is not IFEval's or a verifier refuses its kwargs."""
    utils, given = library(), example(details)
    try:
        strict = utils.test_instruction_following_strict(given, text)
        loose = utils.test_instruction_following_loose(given, text)
    except Exception as error:
        raise ValueError(f"a verifier refused: {type(error).__name__} {error}") from error
    followed = (strict.follow_all_instructions, loose.follow_all_instructions)
    return dict(zip(METRICS, map(float, followed), strict=True))


def judged(predictions: pl.DataFrame, items: pl.DataFrame) -> Result:
    """Make one record per prediction and metric; quarantine those of rows that cannot be verified."""
    gate = Gate(Score, len(predictions) * len(METRICS))
    details = dict(items.select("id", "details").iter_rows())
    for row in predictions.iter_rows(named=True):
        content = {key: row[key] for key in ("benchmark", "arm", "seed", "item")}
        parents = [(row["id"], "prediction"), (row["item"], "item")]
        try:
            values = verify(row["text"], details[row["item"]])
        except ValueError as error:
            for name in METRICS:
                gate.quarantine(content | {"metric": name, "value": None}, str(error), parents)
            continue
        for name in METRICS:
            gate.keep(content | {"metric": name, "value": values[name]}, parents)
    return gate.result()


def build_scores(tools: Tools, predictions: pl.DataFrame, benchmark_items: pl.DataFrame) -> Result:
    """The rows of `scores/ifeval/<arm>`."""
    return judged(predictions, benchmark_items)


def steps(settings: IFEval, recipe: Recipe, arm: str) -> list[Step]:
    """The steps of an arm: predictions and scores."""
    return [
        predictions_step(recipe, NAME, arm, settings.answer),
        scores_step(NAME, arm, METRICS, build_scores, "Whether all instructions are followed", ["details"]),
    ]


def faults(settings: IFEval, recipe: Recipe) -> Iterable[tuple[str, object, str]]:
    """Check that the verifiers are installed."""
    if find_spec("lm_eval") is None:
        yield "", "no package lm_eval", f"the verifiers are in this package; install it with: {INSTALL}"


BENCHMARK = Benchmark(
    name=NAME,
    description="Instructions that a program can check: whether an answer follows all instructions of its prompt.",
    has_answers=True,
    settings=IFEval,
    metrics=lambda settings: (
        Metric("prompt_strict", "prompts whose instructions are all followed"),
        Metric("prompt_loose", "the same for the best of eight variants of the answer, by instruction"),
    ),
    steps=steps,
    fields=("details",),
    faults=faults,
)
