"""Writes rows into tables, inside the caller's transaction. Bookkeeping rows are validated here.

Records are validated earlier (see warehouse/results/checks.py): invalid ones are quarantined, not refused.
"""

from __future__ import annotations

import duckdb
import polars as pl

from warehouse.results.result import Result
from warehouse.results.validation import InvalidTable, fault
from warehouse.schema.bookkeeping import LINEAGE, MEMO
from warehouse.schema.records import empty
from warehouse.store.engine import narrowed
from warehouse.store.warehouse import WarehouseError


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> None:
    """Appends `rows` to a bookkeeping table, such as "lineage.edges".

    Raises InvalidTable if they break the table's model; then nothing is written.
    """
    append(connection, table, cast_and_validate(table, rows))


def cast_and_validate(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """`rows`, cast to the types of the table's model. Raises InvalidTable if they break the model."""
    schema, _, name = table.partition(".")
    model = {"lineage": LINEAGE, "memo": MEMO}[schema][name]
    rows = rows.cast({name: dtype for name, dtype in empty(model).schema.items() if name in rows.columns})
    if found := fault(model.to_schema(), rows):
        raise InvalidTable(f"{table}: {found}; nothing was written")
    return rows


def insert_rows(connection: duckdb.DuckDBPyConnection, asset: str, version: str, result: Result, kind: str) -> None:
    """Writes the records, edges, decisions and counted rows of a new version.

    Raises InvalidTable (see `insert`) and WarehouseError if a record has two decisions.
    """
    seen = pl.concat(
        [
            result.kept.select("id", content=pl.lit(None, pl.String)),
            result.dropped.select("id", "content"),
        ]
    ).with_columns(kind=pl.lit(kind), asset=pl.lit(asset))
    new = _unknown(connection, "lineage.records", seen)
    insert(connection, "lineage.records", new)
    # The id of a record hashes its edges, so a known record has them already.
    edges = result.edges if len(new) == len(seen) else result.edges.join(new.select(child="id"), on="child", how="semi")
    insert(connection, "lineage.edges", edges)
    append(connection, f"records.{kind}", _unknown(connection, f"records.{kind}", result.kept))
    decisions = result.decisions.with_row_index("position").with_columns(
        pl.col("position").cast(pl.Int64), asset=pl.lit(asset), version=pl.lit(version)
    )
    if decisions["record"].n_unique() != len(decisions):
        raise WarehouseError(f"{asset} has two decisions about one record; nothing was published")
    insert(connection, "lineage.decisions", decisions)
    if result.counted:
        rows = [(asset, version, *of, count) for of, count in result.counted.items()]
        columns = ["asset", "version", "outcome", "reason", "rows"]
        insert(connection, "lineage.counted", pl.DataFrame(rows, columns, orient="row"))


def insert_new_calls(connection: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> int:
    """Appends those `rows` to memo.calls whose key and budget are not there yet. Returns how many.

    Raises InvalidTable (see `insert`).
    """
    connection.register("incoming", cast_and_validate("memo.calls", rows))
    inserted = connection.execute(
        "INSERT INTO memo.calls BY NAME SELECT * FROM incoming i "
        f"ANTI JOIN {narrowed(connection, 'memo.calls', 'key', rows['key'])} c ON c.key = i.key AND c.budget = i.budget"
    ).fetchall()
    connection.unregister("incoming")
    return int(inserted[0][0])


def is_stored(connection: duckdb.DuckDBPyConnection, asset: str, version: str) -> bool:
    """Whether a version is in the warehouse."""
    place = [asset, version]
    return connection.execute("FROM lineage.versions WHERE asset = ? AND version = ?", place).fetchone() is not None


def _unknown(connection: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows whose id is not in the table."""
    connection.register("incoming", rows.select("id"))
    there = narrowed(connection, table, "id", rows["id"])
    known = connection.execute(f"SELECT i.id FROM incoming i SEMI JOIN {there} t USING (id)").pl()
    connection.unregister("incoming")
    return rows.join(known, on="id", how="anti", maintain_order="left") if len(known) else rows


def append(connection: duckdb.DuckDBPyConnection, table: str, rows: object) -> None:
    """Appends rows that are valid already: a table of polars or of Arrow with the columns of `table`."""
    connection.register("incoming", rows)
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
    connection.unregister("incoming")
