"""Recall: what hangs on a source row, a source or a model, and the withdrawal that keeps it out of all that follows.

A withdrawal is a note that builds and exports heed (see warehouse/lineage/withdrawals.py). It deletes nothing: what
holds the withdrawn stays as a version, in force until the next build, and is exported only with a reason that goes on
record.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

from warehouse.core.closure import closure
from warehouse.core.errors import Mendable
from warehouse.lineage.graph import Graph, lookup
from warehouse.lineage.withdrawals import Withdrawals, Withdrawn, file_key, read_withdrawals, text_key
from warehouse.release.withdrawable import Thing, find_thing
from warehouse.schema.records import MAIN_TEXT
from warehouse.store.database import Database, now
from warehouse.store.inserting import insert

_RESULTS = ("prediction", "score", "standing")


class WithdrawnBefore(Mendable):
    """It is withdrawn already."""


class NoReason(Mendable):
    """A withdrawal or an override was given without a reason."""


@dataclass(frozen=True)
class Holding:
    """A stored version of an asset that keeps `rows` rows which are the withdrawn thing or were made from it."""

    asset: str
    version: str
    kind: str
    rows: int
    created_at: str


@dataclass(frozen=True)
class Handed:
    """An export on record of a version that holds `rows` such rows: who received it may have to be told."""

    asset: str
    version: str
    folder: str
    rows: int
    exported_at: str
    override: str | None


@dataclass(frozen=True)
class Affected:
    """All that hangs on the thing to withdraw. Every value is plain: `asdict` of it is JSON.

    In force are `rows` (of all assets that are none of the following), `training_sets`, `checkpoints` and `scores`
    (with predictions and standings), and `records`, the ids by asset; `earlier` are all other versions. Rows count
    where they are kept.
    """

    thing: Thing
    rows: tuple[Holding, ...]
    training_sets: tuple[Holding, ...]
    checkpoints: tuple[Holding, ...]
    scores: tuple[Holding, ...]
    records: dict[str, list[str]]
    earlier: tuple[Holding, ...]
    exports: tuple[Handed, ...]


def find_affected(database: Database, named: str) -> Affected:
    """What hangs on a source row, model or source, named by its id, the start of it, or its name; only reads.

    Raises Unknown, Ambiguous and NotWithdrawable.
    """
    with database.read() as connection:
        thing = find_thing(connection, named)
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
    in_force: dict[str, list[Holding]] = {"rows": [], "training_sets": [], "checkpoints": [], "scores": []}
    earlier: list[Holding] = []
    for asset, version, kind, rows, created_at, current in holdings:
        one = Holding(asset, version, kind, rows, _time(created_at))
        (in_force[_place(one)] if current else earlier).append(one)
    return Affected(
        thing,
        **{place: tuple(found) for place, found in in_force.items()},
        records=records,
        earlier=tuple(earlier),
        exports=tuple(
            Handed(asset, version, folder, held[asset, version], _time(at), override)
            for asset, version, folder, at, override in exports
            if (asset, version) in held
        ),
    )


def withdraw(database: Database, affected: Affected, reason: str) -> None:
    """Puts the withdrawal on record; builds and exports heed it from then on.

    Raises NoReason, and WithdrawnBefore with the earlier reason.
    """
    if not reason.strip():
        raise NoReason("a withdrawal needs a reason, found none; it is told wherever something is missing for it")
    row = {
        "id": affected.thing.id,
        "kind": affected.thing.kind,
        "shown": affected.thing.shown,
        "text": affected.thing.text,
        "reason": reason.strip(),
        "withdrawn_at": now(),
    }
    with database.write() as connection:
        for one in read_withdrawals(connection).entries:
            if one.id == affected.thing.id:
                raise WithdrawnBefore(f"nothing was recorded, as it is on record already: {one.description}")
        insert(connection, "lineage.withdrawals", pl.DataFrame([row]))


def withdrawn_behind(
    connection: duckdb.DuckDBPyConnection, ids: Collection[str], withdrawals: Withdrawals
) -> tuple[int, list[Withdrawn]]:
    """How many of the records `ids` are, or were made from, something withdrawn; and from what."""
    if not withdrawals.entries:
        return 0, []
    links = Graph(connection).ancestry(ids)
    known = {*ids, *(link.parent for link in links)}
    behind = {one.id: one for one in withdrawals.entries if one.id in known}
    if withdrawals.texts:
        for row_id, text in _main_texts(connection, known):
            if one := withdrawals.texts.get(text_key(text) or ""):
                behind[row_id] = one
    if withdrawals.files:
        for row_id, sha256, address in lookup(
            connection, "SELECT id, sha256, address FROM lineage.described", "id", known
        ):
            if one := withdrawals.files.get(file_key(sha256, address)):
                behind[row_id] = one
    children: dict[str, list[str]] = {}
    for link in links:
        children.setdefault(link.parent, []).append(link.child)
    affected = closure(behind, lambda row_id: children.get(row_id, []))
    found = set(behind.values())
    return len(affected.keys() & set(ids)), [one for one in withdrawals.entries if one in found]


def _main_texts(connection: duckdb.DuckDBPyConnection, ids: Collection[str]) -> list[tuple[str, str]]:
    """(id, main text) of the source rows among `ids`."""
    rows: list[tuple[str, str]] = []
    for kind, column in MAIN_TEXT.items():
        rows += [(one, text) for one, text in lookup(connection, f"SELECT id, {column} FROM records.{kind}", "id", ids)]
    return rows


def _place(one: Holding) -> str:
    if one.asset.startswith("training_sets/"):
        return "training_sets"
    return "checkpoints" if one.kind == "checkpoint" else "scores" if one.kind in _RESULTS else "rows"


def _time(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="seconds")
