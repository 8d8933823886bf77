"""Forgets model calls that are chosen by model, kind, error or time, so that the next build asks again.

What was made from a forgotten call goes too: its rows, and every version that has one of them, also where it is
current. A build then makes these versions again; all other calls come from the memo. Calls behind an exported version
stay, so that its lineage can be followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

from warehouse.core.errors import UserError
from warehouse.core.texts import nearest
from warehouse.schema.records import KINDS
from warehouse.store.collection import NAMED_OUTSIDE, Garbage, OldVersion, create_ancestry, kept_versions
from warehouse.store.engine import recursive
from warehouse.store.warehouse import Warehouse, WarehouseError

TAINTED = "IN (SELECT id FROM tainted)"
VERSIONS = "(asset, version) IN (SELECT asset, version FROM old_versions)"


@dataclass(frozen=True)
class Chosen:
    """The calls to forget: those that meet every condition that is set.

    `model` is a name in the recipe, `error` a part of the error of a failed call, `before` a time in UTC. With `error`
    or `failures`, only calls at which a model failed are chosen.
    """

    model: str | None = None
    kind: str | None = None
    error: str | None = None
    before: datetime | None = None
    failures: bool = False

    @property
    def nothing(self) -> bool:
        """Whether no condition is set."""
        return self == Chosen()

    @property
    def only_failures(self) -> bool:
        """Whether answers stay."""
        return self.failures or self.error is not None

    def condition(self, time: str) -> tuple[str, dict[str, object]]:
        """The SQL condition of the chosen rows of a table whose time is in the column `time`, and its parameters."""
        parts: dict[str, tuple[str, object]] = {
            "model": (
                "model IN (SELECT a.model FROM lineage.answering a JOIN lineage.models m ON m.id = a.base "
                "WHERE m.name = $model)",
                self.model,
            ),
            "kind": ("kind = $kind", self.kind),
            "before": (f"{time} < $before", self.before),
        }
        if time == "failed_at":
            parts["error"] = ("contains(error, $error)", self.error)
        used = {name: part for name, part in parts.items() if part[1] is not None}
        return " AND ".join(sql for sql, _ in used.values()) or "true", {
            name: value for name, (_, value) in used.items()
        }


def find_forgettable(database: Warehouse, chosen: Chosen) -> Garbage:
    """What goes if the `chosen` calls are forgotten. Only reads. Raises UserError if no model has the name."""
    with database.read() as connection:
        _check_model(connection, chosen)
        return _mark(connection, chosen)


def forget(database: Warehouse, chosen: Chosen, garbage: Garbage) -> None:
    """Forgets the `chosen` calls, in one transaction; then the file shrinks.

    Raises WarehouseError and forgets nothing if what would go is no longer `garbage`.
    """
    with database.write() as connection:
        if _mark(connection, chosen) != garbage:
            raise WarehouseError(
                "the warehouse changed after the calls were listed; nothing was freed: "
                "wait until no build is running, then run slingshot gc again"
            )
        for table, rule in _RULES.items():
            connection.execute(f"DELETE FROM {table} WHERE {rule}")
    database.compact()


_RULES = {
    "lineage.pointers": VERSIONS,
    "lineage.versions": VERSIONS,
    "lineage.decisions": VERSIONS,
    "lineage.counted": VERSIONS,
    "lineage.records": f"id {TAINTED}",
    "lineage.edges": f"child {TAINTED}",
    **{f"records.{kind}": f"id {TAINTED}" for kind in KINDS},
    "memo.calls": "(key, budget) IN (SELECT key, budget FROM chosen_calls)",
    "memo.failures": "(key, failed_at, error) IN (SELECT key, failed_at, error FROM chosen_failures)",
}


def _check_model(connection: duckdb.DuckDBPyConnection, chosen: Chosen) -> None:
    names = {name for (name,) in connection.execute("SELECT DISTINCT name FROM lineage.models").fetchall()}
    if chosen.model is not None and chosen.model not in names:
        raise UserError(f"no model is named {chosen.model!r}; {nearest(chosen.model, names)}")


def _mark(connection: duckdb.DuckDBPyConnection, chosen: Chosen) -> Garbage:
    """Fills the temporary tables that the rules refer to, and counts the rows that the rules select."""
    _choose(connection, "chosen_failures", "memo.failures", "key, failed_at, error", *chosen.condition("failed_at"))
    calls, values = ("false", {}) if chosen.only_failures else chosen.condition("created_at")
    _choose(connection, "chosen_calls", "memo.calls", "key, budget", calls, values)
    exported = kept_versions(connection, 0, NAMED_OUTSIDE)
    columns = {"asset": pl.String, "version": pl.String}
    connection.register("exported", pl.DataFrame(sorted(exported), schema=columns, orient="row"))
    create_ancestry(connection, "protected", "exported")
    for table in ("chosen_calls", "chosen_failures"):
        connection.execute(f"DELETE FROM {table} WHERE key IN (SELECT id FROM protected)")
    # A call that still has an answer, or that failed another time, is still there for the rows that name it.
    tainted = (
        "CREATE TEMP TABLE tainted AS WITH RECURSIVE edges AS NOT MATERIALIZED (FROM lineage.edges), found(id) AS (("
        "SELECT key FROM chosen_calls UNION (SELECT key FROM chosen_failures "
        f"EXCEPT SELECT key FROM memo.failures WHERE NOT {_RULES['memo.failures']})"
        f") EXCEPT SELECT key FROM memo.calls WHERE NOT {_RULES['memo.calls']} "
        "UNION SELECT e.child FROM edges e JOIN found f ON e.parent = f.id"
        ") SELECT id FROM found"
    )
    connection.execute(recursive(connection, tainted))
    connection.execute(
        "CREATE TEMP TABLE old_versions AS SELECT asset, version, created_at FROM lineage.versions SEMI JOIN "
        f"(SELECT asset, version FROM lineage.decisions WHERE record {TAINTED} OR duplicate_of {TAINTED}) "
        "USING (asset, version)"
    )
    versions = connection.execute("FROM old_versions ORDER BY asset, created_at, version").fetchall()
    counts = {
        table: connection.sql(f"SELECT count(*) FROM {table} WHERE {rule}").fetchall()[0][0]
        for table, rule in _RULES.items()
    }
    found = {table: count for table, count in counts.items() if count}
    return Garbage(0, True, tuple(OldVersion(*row) for row in versions), found, ())


def _choose(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    table: str,
    columns: str,
    condition: str,
    values: dict[str, object],
) -> None:
    connection.execute(f"CREATE TEMP TABLE {name} AS SELECT {columns} FROM {table} WHERE {condition}", values)
