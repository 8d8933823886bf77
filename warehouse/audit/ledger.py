"""The ledger: the rows that came into each asset and what was decided about them, to show that no row was lost."""

from __future__ import annotations

import json
from dataclasses import dataclass

import duckdb

from warehouse.schema.bookkeeping import OUTCOMES
from warehouse.store.published import NO_ASSETS
from warehouse.store.warehouse import Warehouse


@dataclass(frozen=True)
class Entry:
    """A version of an asset: rows in, rows by outcome, and, for rows that were not kept, rows by outcome and reason.

    `inputs` are the assets that it reads. `closes` is true if each row that came in was decided about exactly once.
    """

    asset: str
    version: str
    inputs: tuple[str, ...]
    incoming: int
    outcomes: dict[str, int]
    reasons: dict[str, dict[str, int]]
    closes: bool


def ledger(database: Warehouse, every_version: bool = False) -> list[Entry]:
    """The entries of the current versions, or of `every_version`; each comes after the assets that it reads."""
    with database.read() as connection:
        columns = ", ".join(f"l.{outcome}" for outcome in OUTCOMES)
        rows = connection.execute(
            f"SELECT asset, version, l.incoming, closes, inputs, {columns} FROM lineage.ledger l "
            "JOIN lineage.versions v USING (asset, version) "
            f"{'' if every_version else 'WHERE is_current'} ORDER BY asset, v.created_at, version"
        ).fetchall()
        reasons = _reasons(connection)
    entries = [
        Entry(
            asset,
            version,
            tuple(asset for asset in json.loads(inputs) if asset not in NO_ASSETS),
            incoming,
            dict(zip(OUTCOMES, counts, strict=True)),
            reasons.get((asset, version), {}),
            closes,
        )
        for asset, version, incoming, closes, inputs, *counts in rows
    ]
    return _in_order(entries)


def _reasons(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], dict[str, dict[str, int]]]:
    found: dict[tuple[str, str], dict[str, dict[str, int]]] = {}
    for asset, version, outcome, reason, count in connection.execute(
        "FROM lineage.tallies WHERE outcome <> 'kept' ORDER BY rows DESC, outcome, reason"
    ).fetchall():
        found.setdefault((asset, version), {}).setdefault(outcome, {})[reason] = count
    return found


def _in_order(entries: list[Entry]) -> list[Entry]:
    """Each entry after the assets that it reads; the versions of an asset stay together."""
    reads: dict[str, set[str]] = {}
    for entry in entries:
        reads.setdefault(entry.asset, set()).update(entry.inputs)
    placed: list[str] = []
    while waiting := [asset for asset in reads if asset not in placed]:
        ready = [asset for asset in waiting if reads[asset] & reads.keys() <= set(placed)]
        # With versions from two recipes there may be a cycle; then the rest stays in the order of names.
        placed += ready or waiting
    return sorted(entries, key=lambda entry: placed.index(entry.asset))
