"""The kinds of record: one pandera model per table of the schema `records` in DuckDB.

Every kind has a content-addressed `id`; the other columns are the content. Values that differ between two runs of the
same work (seconds, paths, times) are never part of a record.
"""

from __future__ import annotations

import sys

import pandera.polars as pa
import polars as pl


class Record(pa.DataFrameModel):
    """A row of any kind."""

    id: str = pa.Field(str_matches=r"^[0-9a-f]{32}$", unique=True)

    class Config:
        strict = True
        ordered = False


class SeedTask(Record):
    """A human-written instruction with its human-written response."""

    source: str = pa.Field(str_length={"min_value": 1})
    instruction: str = pa.Field(str_length={"min_value": 1})
    input: str
    response: str = pa.Field(str_length={"min_value": 1})


class Document(Record):
    """Human-written text without an instruction."""

    source: str = pa.Field(str_length={"min_value": 1})
    title: str
    text: str = pa.Field(str_length={"min_value": 1})


class BenchmarkItem(Record):
    """A held-out instruction with the human text that predictions are compared with.

    `details` is the published item as JSON, for benchmarks that need more than a reference text, or what tells the
    parts of a benchmark apart."""

    benchmark: str = pa.Field(str_length={"min_value": 1})
    instruction: str = pa.Field(str_length={"min_value": 1})
    input: str
    reference: str
    details: str


class Pair(Record):
    """An instruction with its response, made by a method. `level` is the extraction level, or empty."""

    method: str = pa.Field(str_length={"min_value": 1})
    level: str = pa.Field(isin=["", "keywords", "sentence", "model"])
    instruction: str = pa.Field(str_length={"min_value": 1})
    input: str
    response: str = pa.Field(str_length={"min_value": 1})


class Fragment(Record):
    """A part extracted from a document at one of the three levels of extract-then-generate."""

    document: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    level: str = pa.Field(isin=["keywords", "sentence", "model"])
    text: str = pa.Field(str_length={"min_value": 1})


class Perplexity(Record):
    """A measure of a pair, from a model's losses over `tokens` tokens: a perplexity (exp of the mean token loss in
    nats), or for ifd the ratio of two mean token losses. Null where it can never be computed: the pair does not fit
    into the model's context, a loss is not finite, or the loss to divide by is 0."""

    pair: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    measure: str = pa.Field(isin=["response_given_instruction", "response_alone", "instruction_given_response", "ifd"])
    value: float = pa.Field(gt=0.0, nullable=True)
    tokens: int = pa.Field(ge=0)


class Alignment(Record):
    """A measure of how well a pair's instruction and response belong together; see assets/prompting/alignment.py.

    `tokens` are those whose loss is measured, 0 where none is. The value is null where it can never be computed."""

    pair: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    measure: str = pa.Field(
        isin=[
            "gain",
            "similarity",
            "response_given_instruction",
            "response_alone",
            "instruction_given_response",
            "ifd",
            "random",
        ]
    )
    value: float = pa.Field(in_range={"min_value": -sys.float_info.max, "max_value": sys.float_info.max}, nullable=True)
    tokens: int = pa.Field(ge=0)


class Embedding(Record):
    """The unit-length sentence embedding of the instruction of a pair or a benchmark item."""

    embedded: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    vector: pl.List = pa.Field(dtype_kwargs={"inner": pl.Float32})


class Neighbours(Record):
    """The pairs before a pair whose instructions are like its own: `near` are their ids, `cosines` the similarities.

    `embedding` is the record with the vector of its instruction."""

    embedded: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    embedding: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    near: pl.List = pa.Field(dtype_kwargs={"inner": pl.String})
    cosines: pl.List = pa.Field(dtype_kwargs={"inner": pl.Float32})


class Quality(Record):
    """A number about the training set of an arm, over its `rows` pairs, in `unit` (see assets/curation/quality.py)."""

    arm: str = pa.Field(str_length={"min_value": 1})
    measure: str = pa.Field(str_length={"min_value": 1})
    value: float = pa.Field(in_range={"min_value": -sys.float_info.max, "max_value": sys.float_info.max})
    unit: str
    rows: int = pa.Field(ge=1)


class Checkpoint(Record):
    """A LoRA adapter, or all weights of a model, trained with `seed`.

    `weights` is the SHA-256 of its safetensors file, `losses` the mean loss of each step."""

    name: str = pa.Field(str_length={"min_value": 1})
    seed: int = pa.Field(ge=0)
    base: str = pa.Field(str_length={"min_value": 1})
    training: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    weights: str = pa.Field(str_matches=r"^[0-9a-f]{64}$")
    examples: int = pa.Field(ge=1)
    losses: pl.List = pa.Field(dtype_kwargs={"inner": pl.Float64})


class Prediction(Record):
    """The answer of a checkpoint to a benchmark item, which may be empty.

    `seed` is the training seed of the checkpoint; the untouched base has none."""

    benchmark: str = pa.Field(str_length={"min_value": 1})
    arm: str = pa.Field(str_length={"min_value": 1})
    seed: int = pa.Field(ge=0, nullable=True)
    item: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    text: str


class Verdict(Record):
    """Which of two answers a judge prefers: the arm's, the baseline's, or neither.

    `place` is the position of the arm's answer in the prompt."""

    benchmark: str = pa.Field(str_length={"min_value": 1})
    arm: str = pa.Field(str_length={"min_value": 1})
    seed: int = pa.Field(ge=0, nullable=True)
    item: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    place: str = pa.Field(isin=["first", "second"])
    preferred: str = pa.Field(isin=["arm", "baseline", "tie"])


class Score(Record):
    """The value of one metric for one student and one benchmark item."""

    benchmark: str = pa.Field(str_length={"min_value": 1})
    arm: str = pa.Field(str_length={"min_value": 1})
    seed: int = pa.Field(ge=0, nullable=True)
    item: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    metric: str = pa.Field(str_length={"min_value": 1})
    value: float = pa.Field(in_range={"min_value": -sys.float_info.max, "max_value": sys.float_info.max})


HIGHER, LOWER = "higher", "lower"
BETTER, WORSE, NOISE = "better", "worse", "within the noise"


class Standing(Record):
    """A line of the leaderboard: an arm's mean of a benchmark's metric over items and training seeds, in `unit`.

    `better` says whether a higher or a lower mean is better. `low` and `high` are the confidence interval of the mean.
    `over_baseline`, `over_low` and `over_high` are the difference from the baseline with its interval; `p_value`
    belongs to the hypothesis of no difference and is adjusted for the number of arms. The baseline has none of these.
    """

    arm: str = pa.Field(str_length={"min_value": 1})
    benchmark: str = pa.Field(str_length={"min_value": 1})
    metric: str = pa.Field(str_length={"min_value": 1})
    unit: str = pa.Field(str_length={"min_value": 1})
    better: str = pa.Field(isin=[HIGHER, LOWER])
    mean: float
    low: float
    high: float
    items: int = pa.Field(ge=1)
    seeds: int = pa.Field(ge=1)
    over_baseline: float = pa.Field(nullable=True)
    over_low: float = pa.Field(nullable=True)
    over_high: float = pa.Field(nullable=True)
    p_value: float = pa.Field(in_range={"min_value": 0.0, "max_value": 1.0}, nullable=True)
    verdict: str = pa.Field(isin=[BETTER, WORSE, NOISE], nullable=True)


KINDS: dict[str, type[Record]] = {
    "seed_task": SeedTask,
    "document": Document,
    "benchmark_item": BenchmarkItem,
    "pair": Pair,
    "fragment": Fragment,
    "perplexity": Perplexity,
    "alignment": Alignment,
    "embedding": Embedding,
    "neighbours": Neighbours,
    "quality": Quality,
    "checkpoint": Checkpoint,
    "prediction": Prediction,
    "verdict": Verdict,
    "score": Score,
    "standing": Standing,
}
"""Model by kind; the kind is also the name of the table in the schema `records`."""

MAIN_TEXT = {"seed_task": "response", "document": "text", "benchmark_item": "reference"}
"""The kinds that come from a source, each with the column of its main text."""

KIND_OF = {model: kind for kind, model in KINDS.items()}


def empty(model: type[pa.DataFrameModel]) -> pl.DataFrame:
    """A frame without rows, with the columns and types of the model in its order."""
    columns = model.to_schema().columns
    return pl.DataFrame(schema={name: column.dtype.type for name, column in columns.items()})
