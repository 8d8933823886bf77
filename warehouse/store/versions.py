"""The version store: publishes rows, decisions, edges and the pointer to the current version in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import duckdb
import polars as pl

from warehouse.core.closure import closure
from warehouse.core.identity import canonical
from warehouse.lineage.reviews import read_reviews
from warehouse.lineage.withdrawals import read_withdrawals
from warehouse.results.result import Result
from warehouse.results.shortage import Loss
from warehouse.schema.records import KIND_OF
from warehouse.store.inserting import insert, insert_rows, is_stored
from warehouse.store.published import Catalog, Effort, Published, Run, Target
from warehouse.store.stored_json import value_of_version
from warehouse.store.warehouse import Warehouse, WarehouseError, now


class Store:
    """The versions of assets in the tables of `database`."""

    def __init__(self, database: Warehouse) -> None:
        self.database = database

    def catalog(self) -> Catalog:
        """All stored versions, which of them are current, and what is withdrawn."""
        with self.database.read() as connection:
            rows = connection.execute(
                "SELECT v.asset, v.version, data_version, kind, attempt, failed, failed_checks, c.version IS NOT NULL "
                "FROM lineage.versions v LEFT JOIN lineage.current c USING (asset, version)"
            ).fetchall()
            withdrawals, reviews = read_withdrawals(connection), read_reviews(connection)
        versions = [(Published(*row[:-1]), row[-1]) for row in rows]
        return Catalog(
            {(found.asset, found.version): found for found, _ in versions},
            {found.asset: found for found, is_current in versions if is_current},
            withdrawals,
            reviews,
        )

    def current(self, asset: str) -> Published | None:
        """The published version of `asset`, or None before its first build."""
        return self.catalog().current(asset)

    def target_of(self, published: Published) -> Target:
        """What determined the hash of a stored version."""
        row = self._of(published, "code, recipe, inputs")
        values = (value_of_version(self.database.place, published.version, text) for text in row)
        return Target(published.asset, published.version, published.attempt, *values)

    def facts(self, published: Published) -> dict[str, Any]:
        """What the UI shows of a stored version: counts, checks, notes, a plot."""
        return value_of_version(self.database.place, published.version, self._of(published, "facts")[0])

    def built_for(self, published: Published) -> Effort | None:
        """What the first build of a stored version cost, without the seconds of its model; None where it is unknown."""
        with self.database.read() as connection:
            row = connection.execute(
                "SELECT computed, from_memo, tokens, seconds FROM lineage.materializations "
                "WHERE asset = ? AND version = ? AND action = 'built' ORDER BY finished_at LIMIT 1",
                [published.asset, published.version],
            ).fetchone()
        return None if row is None else Effort(computed=row[0], from_memo=row[1], tokens=row[2], seconds=row[3])

    def losses(self, catalog: Catalog, assets: Iterable[str], kind: str) -> list[Loss]:
        """The rows of `kind` that the current versions of `assets`, and of what they were made from, did not keep."""

        def inputs(asset: str) -> list[str]:
            return [name for name in self.target_of(found[asset]).inputs if name in found]

        found = {name: one for name, one in catalog.published.items() if one.kind == kind}
        walked = closure([name for name in assets if name in found], inputs)
        return [
            Loss(row["rows"], row["reason"], row.get("key", ""))
            for name in walked
            for row in self.facts(found[name])["rows"]
            if row["outcome"] != "kept"
        ]

    def kept_ids(self, asset: str, data_version: str) -> list[str] | None:
        """Ids of the rows that `asset` kept at `data_version`, in order; None if no such version is stored."""
        with self.database.read() as connection:
            row = connection.execute(
                "SELECT any_value(version) FROM lineage.versions WHERE asset = ? AND data_version = ?",
                [asset, data_version],
            ).fetchone()
            if row is None or row[0] is None:
                return None
            return kept_rows(connection, asset, row[0])

    def _of(self, published: Published, columns: str) -> tuple[Any, ...]:
        with self.database.read() as connection:
            row = connection.execute(
                f"SELECT {columns} FROM lineage.versions WHERE asset = ? AND version = ?",
                [published.asset, published.version],
            ).fetchone()
        if row is None:
            raise _gone(published)
        return row

    def read(self, published: Published) -> pl.DataFrame:
        """The kept rows of a version, in order, with the columns of its kind."""
        with self.database.read() as connection:
            return connection.execute(
                f"SELECT r.* FROM lineage.decisions d JOIN records.{published.kind} r ON r.id = d.record "
                "WHERE d.asset = ? AND d.version = ? AND d.outcome = 'kept' ORDER BY d.position",
                [published.asset, published.version],
            ).pl()

    def publish(
        self,
        target: Target,
        result: Result,
        facts: dict[str, Any],
        effort: Effort,
        run: Run,
        failed_checks: str = "",
    ) -> Published:
        """Store `result` as the current version of the asset, completely or not at all.

        `failed_checks` has the failed blocking checks with their facts.
        Raises InvalidTable if a bookkeeping row breaks the model of its table.
        """
        kind = KIND_OF[result.model]
        failed = len(result.decisions.filter(outcome="failed"))
        published = Published(
            target.asset, target.version, result.data_version, kind, target.attempt, failed, failed_checks
        )
        with self.database.write("lineage") as connection:
            if not is_stored(connection, published.asset, published.version):
                insert_rows(connection, target.asset, target.version, result, kind)
                row = asdict(published) | {
                    "incoming": result.rows if result.incoming is None else result.incoming,
                    "code": canonical(target.code),
                    "recipe": canonical(target.recipe),
                    "inputs": canonical(target.inputs),
                    "facts": canonical(facts),
                    "created_at": now(),
                }
                insert(connection, "lineage.versions", pl.DataFrame([row]))
            self._point(connection, published, "built", effort, run)
        return published

    def reuse(self, published: Published, action: str, effort: Effort, run: Run) -> None:
        """Make a stored version the current one. `action` is "unchanged" or "restored".

        Raises WarehouseError if the version was collected in the meantime.
        """
        with self.database.write("lineage") as connection:
            self.check_stored(connection, published)
            self._point(connection, published, action, effort, run)

    def note_unchanged(self, found: Sequence[tuple[Published, Effort, datetime]], run: Run) -> None:
        """Put on record that a run found these current versions as they should be, at what cost each and when."""
        with self.database.write("lineage") as connection:
            _note(
                connection, [(published, "unchanged", effort, finished) for published, effort, finished in found], run
            )

    @staticmethod
    def check_stored(connection: duckdb.DuckDBPyConnection, published: Published) -> None:
        """Raises WarehouseError if the version was collected in the meantime."""
        if not is_stored(connection, published.asset, published.version):
            raise _gone(published)

    def _point(
        self, connection: duckdb.DuckDBPyConnection, published: Published, action: str, effort: Effort, run: Run
    ) -> None:
        """Puts a run of an asset on record, and makes its version the current one in the environment."""
        _note(connection, [(published, action, effort, now())], run)
        point(self.database, connection, self.database.environment, published)


def _note(
    connection: duckdb.DuckDBPyConnection, handled: Iterable[tuple[Published, str, Effort, datetime]], run: Run
) -> None:
    """Puts on record what a run did to each asset, at what cost and when, and the recipe that it used."""
    rows = [
        {
            "run": run.id,
            "recipe": run.recipe_digest,
            "asset": published.asset,
            "version": published.version,
            "action": action,
            "computed": effort.computed,
            "from_memo": effort.from_memo,
            "tokens": effort.tokens,
            "seconds": effort.seconds,
            "finished_at": finished_at,
        }
        for published, action, effort, finished_at in handled
    ]
    insert(connection, "lineage.materializations", pl.DataFrame(rows))
    if not connection.execute("FROM lineage.recipes WHERE digest = ?", [run.recipe_digest]).fetchone():
        recipe = {"digest": run.recipe_digest, "recipe": run.recipe}
        insert(connection, "lineage.recipes", pl.DataFrame([recipe]))


def kept_rows(connection: duckdb.DuckDBPyConnection, asset: str, version: str) -> list[str]:
    """Ids of the rows that a version keeps, in order."""
    rows = connection.execute(
        "SELECT record FROM lineage.decisions WHERE asset = ? AND version = ? AND outcome = 'kept' ORDER BY position",
        [asset, version],
    ).fetchall()
    return [record for (record,) in rows]


def _gone(published: Published) -> WarehouseError:
    return WarehouseError(f"version {published.version} of {published.asset} is no longer in the warehouse")


def point(database: Warehouse, connection: duckdb.DuckDBPyConnection, environment: str, published: Published) -> None:
    """Makes a stored version the current one of its asset in an environment, and shows its rows as a view."""
    current = connection.execute(
        "SELECT version FROM lineage.pointers WHERE asset = ? AND environment IN ('', ?) ORDER BY environment DESC",
        [published.asset, environment],
    ).fetchall()
    if current[:1] == [(published.version,)]:
        return
    connection.execute(
        "DELETE FROM lineage.pointers WHERE environment = ? AND asset = ?", [environment, published.asset]
    )
    if current[-1:] != [(published.version,)]:
        row = {"environment": environment, "asset": published.asset, "version": published.version}
        insert(connection, "lineage.pointers", pl.DataFrame([row]))
    database.show(connection, published.asset, published.kind)
