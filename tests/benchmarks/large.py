"""Large warehouses without a model: pairs and what was measured about them, published as the steps would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import yaml

from assets.loading.file import load_recipe
from assets.planning.graph import steps
from assets.steps.step import Step
from tests.support.building import build, edit, store
from tests.support.tiny import WORDS, tiny_recipe, write_rows
from warehouse.core.identity import ID_LENGTH, canonical, digest
from warehouse.results.result import DECISION_COLUMNS, DROPPED_COLUMNS, EDGE_COLUMNS, Result
from warehouse.schema.records import Record, empty
from warehouse.store.calls import Call
from warehouse.store.published import Effort, Run
from warehouse.store.warehouse import Warehouse

METHOD = "self_training"
PLAIN, DIVERSE = "without_diversity", "with_diversity"
DIMENSIONS = 384
SOURCE = digest(["source", "rows"])
COMPLETION = Call("completion", digest("model"), {})


def write_large_recipe(folder: Path, model: Path, embedder: Path, training_rows: int) -> Path:
    """A recipe of one method and two arms, one of them with the diversity filter."""
    values = tiny_recipe(model, embedder, write_rows(folder / "rows.jsonl", 120, seed=1))
    values["enhancement"] |= {
        "perplexity": {"keep": 0.75},
        "heuristics": {"instruction_words": [1, 60], "response_words": [1, 400]},
    }
    values["curation"] = {"diversity": {"embedder": "embedder", "similarity": 0.9}, "rows": training_rows}
    values["arms"] = {
        PLAIN: {"methods": [METHOD], "filters": ["heuristics", "perplexity"]},
        DIVERSE: {"methods": [METHOD], "filters": ["heuristics", "perplexity", "diversity"]},
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def fill(recipe: Path, data: Path, rows: int) -> None:
    """Publishes `rows` pairs with their perplexities and embeddings as the current versions of their assets."""
    _, failures = build(recipe, data, "+seed_tasks")
    assert not failures, failures
    by_asset = {step.asset: step for step in steps(load_recipe(recipe))}
    draw = np.random.default_rng(0)
    pairs = pairs_of(rows, draw)
    perplexities = draw.lognormal(2, 0.5, rows) + 1
    vectors = draw.standard_normal((rows, DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    _publish(data, by_asset[f"raw_{METHOD}"], pairs)
    _publish(
        data,
        by_asset[f"perplexities/{METHOD}"],
        pl.DataFrame({"id": _ids("perplexity", rows), "pair": pairs["id"], "value": perplexities}).with_columns(
            measure=pl.lit("response_given_instruction"), tokens=pl.lit(60, pl.Int64)
        ),
    )
    _publish(
        data,
        by_asset[f"instruction_embeddings/{METHOD}"],
        pl.DataFrame({"id": _ids("embedding", rows), "embedded": pairs["id"], "vector": vectors}).with_columns(
            pl.col("vector").arr.to_list()
        ),
    )


def _publish(data: Path, step: Step, rows: pl.DataFrame) -> None:
    warehouse = store(data)
    catalog = warehouse.catalog()
    inputs = {name: catalog.published[asset].data_version for name, asset in step.inputs.items()}
    facts: dict[str, Any] = {
        "rows": [{"outcome": "kept", "reason": "", "rows": len(rows)}],
        "sample": {"columns": [], "rows": []},
    }
    facts |= {"notes": {}, "checks": []}
    warehouse.publish(step.target(inputs), kept(step.model, rows), facts, Effort(), Run("benchmark"))


def kept(model: type[Record], rows: pl.DataFrame) -> Result:
    """All `rows` kept, each made from the source; what was measured, from its pair as well."""
    ids = rows["id"]
    decisions = pl.DataFrame({"record": ids, "outcome": ["kept"] * len(ids)}).with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in DECISION_COLUMNS.items() if name not in ("record", "outcome")
    )
    edges = pl.DataFrame({"child": ids, "parent": SOURCE, "role": "source"}, schema=EDGE_COLUMNS)
    for column, role in (("pair", "measured"), ("embedded", "embedded")):
        if column not in rows.columns:
            continue
        measured = rows.select(child="id", parent=column).with_columns(role=pl.lit(role))
        edges = pl.concat([edges, measured])
    return Result(model, rows.select(empty(model).columns), decisions, pl.DataFrame(schema=DROPPED_COLUMNS), edges)


def pairs_of(rows: int, draw: np.random.Generator) -> pl.DataFrame:
    """Pairs whose texts hardly repeat each other."""
    return pl.DataFrame(
        {
            "id": _ids("pair", rows),
            "method": METHOD,
            "level": "",
            "instruction": _texts(rows, 6, 18, draw),
            "input": "",
            "response": _texts(rows, 20, 80, draw),
        }
    )


def _ids(kind: str, rows: int) -> list[str]:
    return [digest([kind, row]) for row in range(rows)]


def _texts(rows: int, least: int, most: int, draw: np.random.Generator) -> list[str]:
    """Texts of between `least` and `most` words that hardly repeat each other."""
    vocabulary = np.array([*WORDS, *(f"word{number}" for number in range(2000))])
    lengths = draw.integers(least, most, rows, endpoint=True)
    words = vocabulary[draw.integers(0, len(vocabulary), int(lengths.sum()))].tolist()
    ends = lengths.cumsum().tolist()
    return [" ".join(words[end - length : end]) for end, length in zip(ends, lengths.tolist(), strict=True)]


def completions(count: int) -> list[Call]:
    """Calls such as methods make, each with a prompt of its own."""
    return [_completion(_prompt(str(number)), number) for number in range(count)]


def fill_memo(database: Warehouse, count: int) -> None:
    """Puts `completions(count)` on record, with answers of some sixty tokens."""
    request = _in_sql(canonical(_completion("PROMPT", "NUMBER").request))
    named = _in_sql(canonical({"kind": COMPLETION.kind, "model": COMPLETION.model, "request": {}}))
    key = f"left(sha256(replace({named}, '{{}}', request)), {ID_LENGTH})"
    with database.write() as connection:
        _insert_calls(connection, count, request, key)


def _insert_calls(connection: duckdb.DuckDBPyConnection, count: int, request: str, key: str) -> None:
    answer = "'{\"text\":\"' || repeat('answer ' || (i % 997) || ' of the model. ', 12) || i || '\"}'"
    connection.execute(
        f"WITH asked AS (SELECT i, {request} AS request FROM range({count}) AS numbers(i)) "
        f"INSERT INTO memo.calls BY NAME SELECT {key} AS key, 'completion' AS kind, '{COMPLETION.model}' AS model, "
        f"request, 64 AS budget, true AS complete, {answer} AS response, CAST(NULL AS FLOAT[]) AS vector, "
        "60 AS tokens, 0.1 AS seconds, 'benchmark' AS engine, TIMESTAMP '2026-01-01' AS created_at FROM asked"
    )


def _prompt(number: str) -> str:
    return f"Question {number}: " + "what is the river near the old stone garden and how does it grow? " * 6


def _completion(text: str, seed: int | str) -> Call:
    request = {"messages": [["user", text]], "seed": seed, "stop": [], "temperature": 0.7, "top_p": 0.9}
    return Call(COMPLETION.kind, COMPLETION.model, request, 64)


def _in_sql(text: str) -> str:
    """An SQL expression for `text` with the prompt and the seed of row `i` in their places."""
    prompt = "'" + _prompt("NUMBER").replace("NUMBER", "' || i || '") + "'"
    return "'" + text.replace('"NUMBER"', "' || i || '").replace("PROMPT", f"' || {prompt} || '") + "'"


def change(recipe: Path, path: str, value: Any) -> None:
    """Sets one value of the recipe file."""
    *parts, last = path.split(".")

    def put(values: dict[str, Any]) -> None:
        for part in parts:
            values = values[part]
        values[last] = value

    edit(recipe, put)
