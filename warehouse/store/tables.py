"""The tables of a warehouse and their columns, which follow from the models in warehouse/schema."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import duckdb
import pandera.polars as pa

from warehouse.core.identity import digest
from warehouse.schema.bookkeeping import LINEAGE, MEMO
from warehouse.schema.records import KINDS, empty
from warehouse.schema.views import MACROS, VIEWS
from warehouse.store.answer_digests import add_answer_digests, has_answer_digests
from warehouse.store.engine import recursive
from warehouse.store.warehouse import WarehouseError

SCHEMAS: dict[str, dict[str, type[pa.DataFrameModel]]] = {
    "records": dict(KINDS),
    "lineage": LINEAGE,
    "memo": MEMO,
}

# Audits look up a few ids at a time. Without an index, each look-up reads the whole table. The keys of calls are read
# as fast without one (840,000 calls: 0.04 s), and an index is written again as a whole with each batch of calls.
INDICES = {
    "lineage.records": "CREATE INDEX IF NOT EXISTS records_by_id ON lineage.records (id)",
    "lineage.edges": "CREATE INDEX IF NOT EXISTS edges_by_child ON lineage.edges (child)",
    "lineage.decisions": "CREATE INDEX IF NOT EXISTS decisions_by_record ON lineage.decisions (record)",
}

ADDED = {"memo.calls": {"answer_digest"}}
"""The columns that tables of older warehouses may lack, and get at the first write."""

MARKED, VIEWS_DIGEST = next(iter(VIEWS)), digest([VIEWS, MACROS])
"""A comment on the view MARKED holds VIEWS_DIGEST and so says which views and macros a file has: DuckDB rewrites their
text, so it cannot be compared."""

_COLUMNS = "SELECT schema_name || '.' || table_name, column_name FROM duckdb_columns() WHERE NOT internal"


def has_all_tables(place: str, found: Iterable[tuple[str, str]]) -> bool:
    """Whether the warehouse at `place`, with these columns as (table, column), has all tables in their present form.

    Raises WarehouseError if a table has other columns than expected.
    """
    there: dict[str, set[str]] = {}
    for table, column in found:
        there.setdefault(table, set()).add(column)
    wanted = {
        f"{schema}.{name}": set(empty(model).columns)
        for schema, tables in SCHEMAS.items()
        for name, model in tables.items()
    }
    for table, expected in wanted.items():
        if there.get(table, expected) not in (expected, expected - ADDED.get(table, set())):
            raise WarehouseError(
                f"the warehouse {place} was made by another version of Slingshot: {table} has the columns "
                f"{sorted(there[table])}, expected {sorted(expected)}; build into a new folder (--warehouse)"
            )
    return wanted.items() <= there.items()


def is_complete(place: str, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether all tables and views of a file exist in their present form. Raises as `has_all_tables` does."""
    found = connection.execute(_COLUMNS).fetchall()
    views = connection.execute(
        "SELECT comment FROM duckdb_views() WHERE schema_name || '.' || view_name = ?", [MARKED]
    ).fetchone()
    return has_all_tables(place, found) and views == (VIEWS_DIGEST,)


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Creates the tables, indices and views of a file, and brings those of an older one into their present form."""
    for schema, tables in SCHEMAS.items():
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for name, model in tables.items():
            connection.register("columns_of_model", empty(model))
            connection.execute(f"CREATE TABLE IF NOT EXISTS {schema}.{name} AS FROM columns_of_model LIMIT 0")
            connection.unregister("columns_of_model")
    # Those of older files may lack rows (see `bind_indices`), or are not wanted any more.
    for (index,) in connection.execute("SELECT schema_name || '.' || index_name FROM duckdb_indexes()").fetchall():
        connection.execute(f"DROP INDEX {index}")
    for index in INDICES.values():
        connection.execute(index)
    if not has_answer_digests(connection):
        connection.begin()
        add_answer_digests(connection)
        connection.commit()
    _move_pointers(connection)
    create_views(connection)
    connection.execute(f"COMMENT ON VIEW {MARKED} IS '{VIEWS_DIGEST}'")


def bind_indices(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes a file whose log was left by a kill safe to write.

    DuckDB 1.5 reads the rows of the log into the tables, but loses them from the indices where a table is not changed
    before the file is written: then look-ups do not find rows that are there. A deletion of no row counts as a change.
    """
    there = {table for table, _ in connection.execute(_COLUMNS).fetchall()}
    for table in there.intersection(INDICES):
        connection.execute(f"DELETE FROM {table} WHERE false")


def create_views(connection: duckdb.DuckDBPyConnection, prefix: str = "") -> None:
    """Creates the views and macros over the tables, or replaces them; `prefix` is "" or a database with a dot."""
    for name, query in VIEWS.items():
        connection.execute(f"CREATE OR REPLACE VIEW {prefix}{name} AS {query}")
    for signature, query in MACROS.items():
        connection.execute(recursive(connection, f"CREATE OR REPLACE MACRO {prefix}{signature} AS TABLE {query}"))


def assets_of(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Each asset with the kind of its latest version, in order."""
    return connection.execute(
        "SELECT asset, arg_max(kind, created_at) FROM lineage.versions GROUP BY ALL ORDER BY ALL"
    ).fetchall()


@cache
def empty_tables() -> duckdb.DuckDBPyConnection:
    """A database in memory with empty tables. They stay empty if what a cursor does is rolled back."""
    connection = duckdb.connect(":memory:")
    create_tables(connection)
    return connection


def _move_pointers(connection: duckdb.DuckDBPyConnection) -> None:
    """Before there were environments, `lineage.current` was a table."""
    tables = "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'lineage' AND table_name = 'current'"
    if connection.execute(tables).fetchone():
        connection.execute("INSERT INTO lineage.pointers SELECT '', asset, version FROM lineage.current")
        connection.execute("DROP TABLE lineage.current")
