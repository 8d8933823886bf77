"""Writes rows into the tables, inside the transaction of the caller; those of bookkeeping are validated here.

Records come validated (see warehouse/results/checks.py), since what breaks their rules is quarantined and not refused.
"""

from __future__ import annotations

import duckdb
import polars as pl

from warehouse.results.result import Result
from warehouse.results.validation import InvalidTable, fault
from warehouse.schema.bookkeeping import LINEAGE, MEMO
from warehouse.schema.records import empty
from warehouse.store.database import WarehouseError


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> None:
    """Appends `rows` to a table of bookkeeping, such as "lineage.edges".

    Raises InvalidTable where they break the table's model, and then writes nothing.
    """
    _append(connection, table, sound(table, rows))


def sound(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the types of the table's model. Raises InvalidTable where they break it."""
    schema, _, name = table.partition(".")
    model = {"lineage": LINEAGE, "memo": MEMO}[schema][name]
    rows = rows.cast({name: dtype for name, dtype in empty(model).schema.items() if name in rows.columns})
    if found := fault(model.to_schema(), rows):
        raise InvalidTable(f"{table}: {found}; nothing was written")
    return rows


def insert_rows(connection: duckdb.DuckDBPyConnection, asset: str, version: str, result: Result, kind: str) -> None:
    """Writes the records, edges and decisions of a version that is not stored yet.

    Raises InvalidTable as `insert` does, and WarehouseError where a record was decided about twice.
    """
    met = pl.concat(
        [
            result.kept.select("id", content=pl.lit(None, pl.String)),
            result.dropped.select("id", "content"),
        ]
    ).with_columns(kind=pl.lit(kind), asset=pl.lit(asset))
    new = _unknown(connection, "lineage.records", met)
    insert(connection, "lineage.records", new)
    # Edges follow from an id, so a record that is known has them already.
    edges = result.edges if len(new) == len(met) else result.edges.join(new.select(child="id"), on="child", how="semi")
    insert(connection, "lineage.edges", edges)
    _append(connection, f"records.{kind}", _unknown(connection, f"records.{kind}", result.kept))
    decisions = result.decisions.with_row_index("position").with_columns(
        pl.col("position").cast(pl.Int64), asset=pl.lit(asset), version=pl.lit(version)
    )
    if decisions["record"].n_unique() != len(decisions):
        raise WarehouseError(f"{asset} decided twice about one record; nothing was published")
    insert(connection, "lineage.decisions", decisions)


def is_stored(connection: duckdb.DuckDBPyConnection, asset: str, version: str) -> bool:
    """Whether a version lies in the warehouse."""
    place = [asset, version]
    return connection.execute("FROM lineage.versions WHERE asset = ? AND version = ?", place).fetchone() is not None


def _unknown(connection: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows whose id the table does not have."""
    connection.register("incoming", rows.select("id"))
    known = connection.execute(f"SELECT i.id FROM incoming i SEMI JOIN {table} t USING (id)").pl()
    connection.unregister("incoming")
    return rows.join(known, on="id", how="anti", maintain_order="left") if len(known) else rows


def _append(connection: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> None:
    connection.register("incoming", rows)
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
    connection.unregister("incoming")
