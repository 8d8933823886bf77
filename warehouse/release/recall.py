"""Recall: what depends on a source row, a source or a model, and the withdrawal of it from all later builds.

A withdrawal is an entry that builds and exports check (see warehouse/lineage/withdrawals.py). It deletes nothing:
versions with withdrawn rows stay stored, the current ones stay current until the next build, and they are exported only
with a reason, which is recorded.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

from warehouse.core.closure import closure
from warehouse.core.errors import UserError
from warehouse.lineage.graph import Graph, lookup
from warehouse.lineage.withdrawals import Withdrawals, Withdrawn, file_key, read_withdrawals, text_key
from warehouse.release.withdrawable import CountedRow, Withdrawable, counted_row, find_withdrawable, put_on_record
from warehouse.schema.records import MAIN_TEXT
from warehouse.store.inserting import insert
from warehouse.store.warehouse import Warehouse, now

_RESULTS = ("prediction", "score", "standing")


@dataclass(frozen=True)
class Holding:
    """A stored version of an asset that keeps `rows` affected rows: the thing to withdraw, or rows made from it."""

    asset: str
    version: str
    kind: str
    rows: int
    created_at: str


@dataclass(frozen=True)
class AffectedExport:
    """An export of a version with `rows` affected rows: its recipients may have to be informed."""

    asset: str
    version: str
    folder: str
    rows: int
    exported_at: str
    override: str | None


@dataclass(frozen=True)
class Affected:
    """Everything that depends on the thing to withdraw. `asdict` of it can be written as JSON.

    Current versions are in `training_sets`, `checkpoints`, `scores` (with predictions and standings) and `rows` (all
    other assets); `records` has their affected ids by asset. Other versions are in `earlier`. Only kept rows count.
    """

    thing: Withdrawable
    rows: tuple[Holding, ...]
    training_sets: tuple[Holding, ...]
    checkpoints: tuple[Holding, ...]
    scores: tuple[Holding, ...]
    records: dict[str, list[str]]
    earlier: tuple[Holding, ...]
    exports: tuple[AffectedExport, ...]


def find_affected(database: Warehouse, of: str | CountedRow) -> Affected:
    """What depends on a source row, model or source: an id, the start of one, a name, or a row that is only counted.

    Only reads. Raises NotFound, and UserError if several things match or the thing cannot be withdrawn.
    """
    with database.read() as connection:
        thing = counted_row(connection, of) if isinstance(of, CountedRow) else find_withdrawable(connection, of)
        links = Graph(connection).descent([thing.id, *thing.same])
        ids = sorted({thing.id, *thing.same, *(link.child for link in links)})
        connection.register("affected", pl.DataFrame({"id": ids}))
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE held AS SELECT asset, version, record, position FROM lineage.decisions "
            "SEMI JOIN affected ON record = id WHERE outcome = 'kept'"
        )
        holdings = connection.execute(
            "SELECT d.asset, d.version, v.kind, count(*), v.created_at, c.version IS NOT NULL FROM held d "
            "JOIN lineage.versions v USING (asset, version) LEFT JOIN lineage.current c USING (asset, version) "
            "GROUP BY ALL ORDER BY v.created_at, d.asset"
        ).fetchall()
        records: dict[str, list[str]] = {}
        for asset, record in connection.execute(
            "SELECT asset, record FROM held SEMI JOIN lineage.current USING (asset, version) ORDER BY asset, position"
        ).fetchall():
            records.setdefault(asset, []).append(record)
        exports = connection.execute(
            "SELECT asset, version, folder, exported_at, override FROM lineage.exports ORDER BY exported_at"
        ).fetchall()
    held = {(asset, version): rows for asset, version, _, rows, _, _ in holdings}
    current: dict[str, list[Holding]] = {"rows": [], "training_sets": [], "checkpoints": [], "scores": []}
    earlier: list[Holding] = []
    for asset, version, kind, rows, created_at, is_current in holdings:
        one = Holding(asset, version, kind, rows, _time(created_at))
        (current[_group(one)] if is_current else earlier).append(one)
    return Affected(
        thing,
        **{group: tuple(found) for group, found in current.items()},
        records=records,
        earlier=tuple(earlier),
        exports=tuple(
            AffectedExport(asset, version, folder, held[asset, version], _time(at), override)
            for asset, version, folder, at, override in exports
            if (asset, version) in held
        ),
    )


def withdraw(database: Warehouse, affected: Affected, reason: str, counted: CountedRow | None = None) -> None:
    """Record the withdrawal; all later builds and exports apply it. A row that is only counted is put on record.

    Raises UserError for a blank reason, and if it was withdrawn before.
    """
    if not reason.strip():
        raise UserError("a withdrawal needs a reason, found none; the reason is shown wherever something is missing")
    row = {
        "id": affected.thing.id,
        "kind": affected.thing.kind,
        "shown": affected.thing.shown,
        "text": affected.thing.text,
        "reason": reason.strip(),
        "withdrawn_at": now(),
    }
    with database.write("lineage") as connection:
        for one in read_withdrawals(connection).entries:
            if one.id == affected.thing.id:
                raise UserError(f"nothing was recorded, because it was withdrawn before: {one.description}")
        if counted:
            put_on_record(connection, counted)
        insert(connection, "lineage.withdrawals", pl.DataFrame([row]))


def withdrawn_ancestors(
    connection: duckdb.DuckDBPyConnection, ids: Collection[str], withdrawals: Withdrawals
) -> tuple[int, list[Withdrawn]]:
    """(how many of the records `ids` were withdrawn or made from something withdrawn, the withdrawals)."""
    if not withdrawals.entries:
        return 0, []
    links = Graph(connection).ancestry(ids)
    known = {*ids, *(link.parent for link in links)}
    found = {one.id: one for one in withdrawals.entries if one.id in known}
    if withdrawals.texts:
        for row_id, text in _main_texts(connection, known):
            if one := withdrawals.texts.get(text_key(text) or ""):
                found[row_id] = one
    if withdrawals.files:
        for row_id, sha256, address in lookup(
            connection, "SELECT id, sha256, address FROM lineage.described", "id", known
        ):
            if one := withdrawals.files.get(file_key(sha256, address)):
                found[row_id] = one
    children: dict[str, list[str]] = {}
    for link in links:
        children.setdefault(link.parent, []).append(link.child)
    affected = closure(found, lambda row_id: children.get(row_id, []))
    applied = set(found.values())
    return len(affected.keys() & set(ids)), [one for one in withdrawals.entries if one in applied]


def _main_texts(connection: duckdb.DuckDBPyConnection, ids: Collection[str]) -> list[tuple[str, str]]:
    """(id, main text) of the source rows among `ids`."""
    rows: list[tuple[str, str]] = []
    for kind, column in MAIN_TEXT.items():
        rows += [(one, text) for one, text in lookup(connection, f"SELECT id, {column} FROM records.{kind}", "id", ids)]
    return rows


def _group(one: Holding) -> str:
    if one.asset.startswith("training_sets/"):
        return "training_sets"
    return "checkpoints" if one.kind == "checkpoint" else "scores" if one.kind in _RESULTS else "rows"


def _time(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="seconds")
