"""The kinds of record: one pandera model per typed table of the `records` schema in DuckDB.

Every kind has a content-addressed `id`; all other columns are what the record says. Nothing that differs
between two runs of the same work (seconds, paths, times) is part of a record.
"""

from __future__ import annotations

import sys

import pandera.polars as pa
import polars as pl


class Record(pa.DataFrameModel):
    """A row of any kind. `kind` names its DuckDB table, `shown` the columns that a sample shows."""

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

    `details` is the item as it is published, as JSON, where no text says what a prediction is compared with."""

    benchmark: str = pa.Field(str_length={"min_value": 1})
    instruction: str = pa.Field(str_length={"min_value": 1})
    input: str
    reference: str
    details: str


class Pair(Record):
    """An instruction with its response, made by a method; `level` is the extraction level, else empty."""

    method: str = pa.Field(str_length={"min_value": 1})
    level: str = pa.Field(isin=["", "keywords", "sentence", "model"])
    instruction: str = pa.Field(str_length={"min_value": 1})
    input: str
    response: str = pa.Field(str_length={"min_value": 1})


class Fragment(Record):
    """What was cut out of a document at one of the three levels of extract-then-generate."""

    document: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    level: str = pa.Field(isin=["keywords", "sentence", "model"])
    text: str = pa.Field(str_length={"min_value": 1})


class Perplexity(Record):
    """What a model's losses say of a pair, over `tokens` tokens: a perplexity, which is exp of the mean token loss in
    nats, or for ifd the ratio of two mean token losses. Null where there is none, whoever asks again: the model has no
    room for the pair, or a loss is no finite number or nothing to compare with."""

    pair: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    measure: str = pa.Field(isin=["response_given_instruction", "response_alone", "instruction_given_response", "ifd"])
    value: float = pa.Field(gt=0.0, nullable=True)
    tokens: int = pa.Field(ge=0)


class Embedding(Record):
    """The unit-length sentence embedding of the instruction of a pair or a benchmark item."""

    embedded: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    vector: pl.List = pa.Field(dtype_kwargs={"inner": pl.Float32})


class Checkpoint(Record):
    """A LoRA adapter, trained with `seed`: `weights` is the SHA-256 of its safetensors file, `losses` the mean loss
    per step."""

    name: str = pa.Field(str_length={"min_value": 1})
    seed: int = pa.Field(ge=0)
    base: str = pa.Field(str_length={"min_value": 1})
    training: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    weights: str = pa.Field(str_matches=r"^[0-9a-f]{64}$")
    examples: int = pa.Field(ge=1)
    losses: pl.List = pa.Field(dtype_kwargs={"inner": pl.Float64})


class Prediction(Record):
    """What a checkpoint answers to a benchmark item; an empty answer is an answer.

    `seed` is the one that the checkpoint was trained with; the untouched base has none."""

    benchmark: str = pa.Field(str_length={"min_value": 1})
    arm: str = pa.Field(str_length={"min_value": 1})
    seed: int = pa.Field(ge=0, nullable=True)
    item: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    text: str


class Verdict(Record):
    """Which of two answers a judge prefers: that of the arm, that of the baseline, or neither.

    `place` says whether the arm's answer stood first or second."""

    benchmark: str = pa.Field(str_length={"min_value": 1})
    arm: str = pa.Field(str_length={"min_value": 1})
    seed: int = pa.Field(ge=0, nullable=True)
    item: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    place: str = pa.Field(isin=["first", "second"])
    preferred: str = pa.Field(isin=["arm", "baseline", "tie"])


class Score(Record):
    """One metric of what a student does at one benchmark item."""

    benchmark: str = pa.Field(str_length={"min_value": 1})
    arm: str = pa.Field(str_length={"min_value": 1})
    seed: int = pa.Field(ge=0, nullable=True)
    item: str = pa.Field(str_matches=r"^[0-9a-f]{32}$")
    metric: str = pa.Field(str_length={"min_value": 1})
    value: float = pa.Field(in_range={"min_value": -sys.float_info.max, "max_value": sys.float_info.max})


HIGHER, LOWER = "higher", "lower"
BETTER, WORSE, NOISE = "better", "worse", "within the noise"


class Standing(Record):
    """An arm's place on the leaderboard: the mean of a benchmark's metric over the items and the training seeds.

    It is in `unit`, and `better` says which of two is: the higher or the lower one. `low` and `high` are its interval,
    `over_…` the difference from the baseline with its interval, `p_value` that of no difference, adjusted for the
    number of arms; the baseline itself has none of these."""

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
    "embedding": Embedding,
    "checkpoint": Checkpoint,
    "prediction": Prediction,
    "verdict": Verdict,
    "score": Score,
    "standing": Standing,
}
"""Kind, which is the name of the table in the `records` schema, to its model."""

MAIN_TEXT = {"seed_task": "response", "document": "text", "benchmark_item": "reference"}
"""The kinds that come from a source, with the field that holds the text itself."""

KIND_OF = {model: kind for kind, model in KINDS.items()}


def empty(model: type[pa.DataFrameModel]) -> pl.DataFrame:
    """A frame without rows that has the model's columns and types, in the model's order."""
    columns = model.to_schema().columns
    return pl.DataFrame(schema={name: column.dtype.type for name, column in columns.items()})
