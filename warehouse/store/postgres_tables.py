"""The tables of a warehouse in PostgreSQL: created by the server itself, with primary keys."""

from __future__ import annotations

from functools import cache

import polars as pl
import psycopg

from warehouse.schema.records import KINDS, empty
from warehouse.store.tables import INDICES, SCHEMAS

TYPES: dict[pl.DataType, str] = {
    # In the collation "C" texts are in the order of their bytes, as in DuckDB, which names it when it looks one up.
    pl.String(): 'text COLLATE "C"',
    pl.Int64(): "bigint",
    pl.Float64(): "double precision",
    pl.Boolean(): "boolean",
    pl.Datetime("us"): "timestamp",
    pl.List(pl.String()): "text[]",
    pl.List(pl.Float32()): "real[]",
    pl.List(pl.Float64()): "double precision[]",
}
"""The type of a column in PostgreSQL."""

KEYS = {
    "lineage.records": "id",
    "lineage.decisions": "asset, version, record",
    "lineage.versions": "asset, version",
    "lineage.pointers": "environment, asset",
    "lineage.recipes": "digest",
    "memo.calls": "key, budget",
    **{f"records.{kind}": "id" for kind in KINDS},
}
"""The primary keys: what builds on several machines must not write twice."""

_CREATING = "SELECT pg_advisory_xact_lock(hashtext('slingshot creates its tables'))"


def columns_there(connection: psycopg.Connection) -> list[tuple[str, str]]:
    """The columns of the warehouse's schemas, as (table, column). Raises psycopg.Error."""
    return connection.execute(
        "SELECT table_schema || '.' || table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = ANY(%s)",
        [list(SCHEMAS)],
    ).fetchall()


def create_postgres_tables(connection: psycopg.Connection) -> None:
    """Creates all tables in one transaction; several processes may do so at the same time. Raises psycopg.Error."""
    with connection.transaction():
        connection.execute(_CREATING)
        for statement in _statements():
            connection.execute(statement.encode())


@cache
def _statements() -> tuple[str, ...]:
    found = []
    for schema, tables in SCHEMAS.items():
        found.append(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for name, model in tables.items():
            columns = [f'"{column}" {TYPES[dtype]}' for column, dtype in empty(model).schema.items()]
            if key := KEYS.get(f"{schema}.{name}"):
                columns.append(f"PRIMARY KEY ({key})")
            found.append(f"CREATE TABLE IF NOT EXISTS {schema}.{name} ({', '.join(columns)})")
    keyed = {f"{table} ({key.split(',')[0]})" for table, key in KEYS.items()}
    return (*found, *(one for one in INDICES.values() if one.rpartition(" ON ")[2] not in keyed))
