"""The version store: publishes rows, decisions, edges and the pointer to them in one transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
import polars as pl

from warehouse.database import Database, WarehouseError
from warehouse.identity import canonical
from warehouse.records import KIND_OF
from warehouse.result import Result


@dataclass(frozen=True)
class Effort:
    """What an asset's run cost: model calls computed and taken from the memo, tokens, and wall seconds."""

    computed: int = 0
    from_memo: int = 0
    tokens: int = 0
    model_seconds: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """What names a version: the asset's code, its slice of the recipe, and its inputs' data versions."""

    asset: str
    version: str
    code: str
    recipe: dict[str, Any]
    inputs: dict[str, str]


@dataclass(frozen=True)
class Published:
    """A version that lies in the warehouse."""

    asset: str
    version: str
    data_version: str
    kind: str
    facts: dict[str, Any] = field(default_factory=dict)


def view_name(asset: str) -> str:
    """The DuckDB view that shows the kept rows of an asset's current version."""
    return asset.replace("/", "__")


class Store:
    """Versions of assets in the DuckDB file of `database`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def current(self, asset: str) -> Published | None:
        """The published version of `asset`, or None before its first build."""
        with self.database.read() as connection:
            return _found(connection, "JOIN lineage.current c USING (asset, version) WHERE asset = ?", asset)

    def find(self, asset: str, version: str) -> Published | None:
        """The stored version `version` of `asset`, whether it is the current one or not."""
        with self.database.read() as connection:
            return _found(connection, "WHERE asset = ? AND version = ?", asset, version)

    def read(self, published: Published) -> pl.DataFrame:
        """The kept rows of a version, in order, with the columns of its kind."""
        with self.database.read() as connection:
            return connection.execute(
                f"SELECT r.* FROM lineage.decisions d JOIN records.{published.kind} r ON r.id = d.record "
                "WHERE d.asset = ? AND d.version = ? AND d.outcome = 'kept' ORDER BY d.position",
                [published.asset, published.version],
            ).pl()

    def publish(self, plan: Plan, result: Result, facts: dict[str, Any], effort: Effort, run: str) -> Published:
        """Store `result` as the current version of the asset: all of it, or nothing if this raises."""
        kind = KIND_OF[result.model]
        published = Published(plan.asset, plan.version, result.data_version, kind, facts)
        with self.database.write() as connection:
            if _found(connection, "WHERE asset = ? AND version = ?", plan.asset, plan.version) is None:
                _insert_rows(connection, plan, result, kind)
                connection.execute(
                    "INSERT INTO lineage.versions BY NAME SELECT ? AS asset, ? AS version, ? AS data_version, "
                    "? AS kind, ? AS code, ? AS recipe, ? AS inputs, ? AS facts, ? AS created_at",
                    [
                        plan.asset,
                        plan.version,
                        result.data_version,
                        kind,
                        plan.code,
                        canonical(plan.recipe),
                        canonical(plan.inputs),
                        canonical(facts),
                        _now(),
                    ],
                )
            _point(connection, published, "built", effort, run)
        return published

    def reuse(self, published: Published, effort: Effort, run: str) -> str:
        """Make a stored version the current one; returns "unchanged" or "restored"."""
        with self.database.write() as connection:
            row = connection.execute(
                "SELECT version FROM lineage.current WHERE asset = ?", [published.asset]
            ).fetchone()
            action = "unchanged" if row == (published.version,) else "restored"
            _point(connection, published, action, effort, run)
        return action

    def record_material(self, material: pl.DataFrame) -> None:
        """Put a model or source (one row) on record as the recipe describes it now."""
        with self.database.read() as connection:
            known = connection.execute("FROM lineage.materials WHERE id = ?", [material["id"][0]]).pl()
        if known.select(material.columns).rows() != material.rows():
            with self.database.write() as connection:
                connection.execute("DELETE FROM lineage.materials WHERE id = ?", [material["id"][0]])
                _insert_new(connection, "lineage.materials", material)


def _insert_rows(connection: duckdb.DuckDBPyConnection, plan: Plan, result: Result, kind: str) -> None:
    met = pl.concat(
        [
            result.kept.select("id", content=pl.lit(None, pl.String)),
            result.dropped.select("id", "content"),
        ]
    ).with_columns(kind=pl.lit(kind), asset=pl.lit(plan.asset))
    connection.register("met", met)
    new = connection.execute("SELECT m.* FROM met m ANTI JOIN lineage.records k USING (id)").pl()
    connection.unregister("met")
    _insert(connection, "lineage.records", new)
    # Edges follow from an id, so a record that is known has them already.
    edges = result.edges.join(new.select(child="id"), on="child", how="semi").unique(maintain_order=True)
    _insert(connection, "lineage.edges", edges)
    _insert_new(connection, f"records.{kind}", result.kept)
    decisions = result.decisions.with_row_index("position").with_columns(
        pl.col("position").cast(pl.Int64), asset=pl.lit(plan.asset), version=pl.lit(plan.version)
    )
    if decisions["record"].n_unique() != len(decisions):
        raise WarehouseError(f"{plan.asset} decided twice about one record; nothing was published")
    _insert(connection, "lineage.decisions", decisions)


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> None:
    connection.register("incoming", rows)
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
    connection.unregister("incoming")


def _insert_new(connection: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> None:
    connection.register("incoming", rows)
    connection.execute(f"INSERT INTO {table} BY NAME SELECT i.* FROM incoming i ANTI JOIN {table} t USING (id)")
    connection.unregister("incoming")


def _point(connection: duckdb.DuckDBPyConnection, published: Published, action: str, effort: Effort, run: str) -> None:
    asset, version = published.asset, published.version
    connection.execute("DELETE FROM lineage.current WHERE asset = ?", [asset])
    connection.execute("INSERT INTO lineage.current (asset, version) VALUES (?, ?)", [asset, version])
    connection.execute(
        "INSERT INTO lineage.materializations BY NAME SELECT ? AS run, ? AS asset, ? AS version, ? AS action, "
        "? AS computed, ? AS from_memo, ? AS tokens, ? AS seconds, ? AS finished_at",
        [
            run,
            asset,
            version,
            action,
            effort.computed,
            effort.from_memo,
            effort.tokens,
            effort.seconds,
            _now(),
        ],
    )
    # The name and the kind come from the graph, and view definitions take no parameters.
    connection.execute(
        f'CREATE OR REPLACE VIEW "{view_name(asset)}" AS SELECT r.*, d.position FROM lineage.current c '
        f"JOIN lineage.decisions d ON d.asset = c.asset AND d.version = c.version "
        f"JOIN records.{published.kind} r ON r.id = d.record "
        f"WHERE c.asset = '{asset}' AND d.outcome = 'kept' ORDER BY d.position"
    )


def _found(connection: duckdb.DuckDBPyConnection, condition: str, *values: str) -> Published | None:
    row = connection.execute(
        f"SELECT asset, version, data_version, kind, facts FROM lineage.versions {condition}", list(values)
    ).fetchone()
    if row is None:
        return None
    asset, version, data_version, kind, facts = row
    return Published(asset, version, data_version, kind, json.loads(facts))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
