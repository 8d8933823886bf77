"""The hashes of the answers in memo.calls: adds them where there are none, and finds answers that were changed."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import duckdb
import polars as pl

from warehouse.store.calls import answer_digest
from warehouse.store.engine import stream


def has_answer_digests(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the table has the column for them; in warehouses that are older than the column it has not."""
    return "answer_digest" in connection.execute("FROM memo.calls LIMIT 0").pl().columns


def add_answer_digests(connection: duckdb.DuckDBPyConnection) -> None:
    """Gives the table the column, and each answer without a hash its hash, inside the caller's transaction."""
    connection.execute("ALTER TABLE memo.calls ADD COLUMN IF NOT EXISTS answer_digest VARCHAR")
    found = [(row, computed) for row, _, _, computed in _answers(connection, "answer_digest IS NULL")]
    connection.register("found", pl.DataFrame(found, {"row": pl.Int64, "digest": pl.String}, orient="row"))
    connection.execute("UPDATE memo.calls SET answer_digest = f.digest FROM found f WHERE f.row = memo.calls.rowid")
    connection.unregister("found")


def changed_answers(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The keys of model calls whose answer is not the one that was stored, sorted."""
    return sorted(key for _, key, stored, computed in _answers(connection, "true") if stored != computed or not stored)


def _answers(connection: duckdb.DuckDBPyConnection, which: str) -> Iterator[tuple[int, str, str | None, str | None]]:
    """(row, key, stored hash, hash) of the answers that a condition picks."""
    query = (
        "SELECT rowid, coalesce(key, 'NULL'), answer_digest, budget, complete, response, vector, tokens, engine "
        f"FROM memo.calls WHERE {which}"
    )
    for row, key, stored, *told in stream(connection, query):
        yield row, key, stored, computed_digest(key, *told)


def computed_digest(key: str, *told: Any) -> str | None:
    """The hash of an answer; None for one that no build can have stored."""
    try:
        return answer_digest(key, *told)
    except (TypeError, ValueError, struct.error):
        return None
