"""A version of a training set as it leaves the warehouse: its rows by split, and all that a dataset card says of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from warehouse.audit.ancestry import Place, upstream_versions
from warehouse.audit.ledger import Entry, ledger
from warehouse.audit.versions import with_upstream
from warehouse.release.attestation import Provenance
from warehouse.release.attribution import attributions
from warehouse.release.layout import TEST, TRAIN, VALIDATION
from warehouse.release.provenance import provenance_of
from warehouse.store.published import Published
from warehouse.store.versions import Store

HeldOut = Callable[[Sequence[str]], Sequence[bool]]
"""Says of the responses of a training set, in order, which rows no student is trained on."""

ITEMS = "benchmark_items"
_QUALITY, _BOARD = "quality", "standing"


@dataclass(frozen=True)
class Contents:
    """A version of the training set of an arm.

    `splits` has the frames by split, of those that have rows: the pairs, and as `test` the benchmark items with a human
    reference that the training set was kept apart from, in the columns of a pair; all with the columns of
    `attributions`. `items` is the version of these items. `quality` has (measure, value, unit), `standings` the rows of
    the current leaderboard about this version and about its baseline; both are empty where they are about another
    version. `override` is the reason to write it although something in it was withdrawn.
    """

    arm: str
    published: Published
    splits: dict[str, pl.DataFrame]
    items: Place | None
    provenance: Provenance
    ledger: list[Entry]
    quality: list[tuple[str, float, str]]
    standings: list[dict[str, Any]]
    override: str | None = None

    @property
    def row_ids(self) -> list[str]:
        """The ids of the pairs: those of `train`, then those of `validation`."""
        return [row_id for split in (TRAIN, VALIDATION) if split in self.splits for row_id in self.splits[split]["id"]]


def contents_of(
    store: Store, arm: str, published: Published, held_out: HeldOut | None = None, override: str | None = None
) -> Contents:
    """The contents of a stored version; without `held_out` all its pairs are in `train`."""
    pairs = store.read(published)
    out = list(held_out(pairs["response"].to_list())) if held_out and len(pairs) else [False] * len(pairs)
    with store.database.read() as connection:
        places = with_upstream(connection, published.asset, published.version)
        items = next((place for place in places if place[0] == ITEMS), None)
        frames = {
            TRAIN: pairs.filter([not one for one in out]),
            VALIDATION: pairs.filter(out),
            TEST: _test_rows(connection, items, pairs.columns),
        }
        splits = {
            split: frame.join(attributions(connection, frame["id"].to_list()), on="id", maintain_order="left")
            for split, frame in frames.items()
            if split == TRAIN or len(frame)
        }
        provenance = provenance_of(connection, published.asset, published.version)
        quality = _quality(connection, published)
        standings = standings_about(connection, arm, published, provenance.recipe.get("evaluation", {}).get("baseline"))
    entries = [one for one in ledger(store.database, every_version=True) if (one.asset, one.version) in set(places)]
    return Contents(arm, published, splits, items if TEST in splits else None, provenance, entries, quality, standings,
                    override)  # fmt: skip


def _test_rows(connection: duckdb.DuckDBPyConnection, items: Place | None, columns: Sequence[str]) -> pl.DataFrame:
    """The items with a human reference, in the columns of a pair: the benchmark as its method, the reference as its
    response."""
    return connection.execute(
        "SELECT i.id, i.benchmark AS method, '' AS level, i.instruction, i.input, i.reference AS response "
        "FROM lineage.decisions d JOIN records.benchmark_item i ON i.id = d.record "
        "WHERE d.asset = ? AND d.version = ? AND d.outcome = 'kept' AND i.reference <> '' ORDER BY d.position",
        [*(items or ("", ""))],
    ).pl().select(columns)  # fmt: skip


def _quality(connection: duckdb.DuckDBPyConnection, published: Published) -> list[tuple[str, float, str]]:
    """What was measured last of these rows."""
    return connection.execute(
        "SELECT q.measure, q.value, q.unit FROM (SELECT asset, version FROM lineage.versions WHERE kind = ? "
        "AND (inputs ->> ('$.\"' || ? || '\"')) = ? ORDER BY created_at DESC LIMIT 1) v "
        "JOIN lineage.decisions d USING (asset, version) JOIN records.quality q ON q.id = d.record "
        "WHERE d.outcome = 'kept' ORDER BY d.position",
        [_QUALITY, published.asset, published.data_version],
    ).fetchall()


def standings_about(
    connection: duckdb.DuckDBPyConnection, arm: str, published: Published, baseline: str | None
) -> list[dict[str, Any]]:
    """The rows of the current leaderboard about the arm and its baseline, if it was made from that version."""
    found = connection.execute(
        "SELECT v.asset, v.version, v.inputs FROM lineage.versions v SEMI JOIN lineage.current USING (asset, version) "
        "WHERE kind = ?",
        [_BOARD],
    ).fetchall()
    for asset, version, inputs in found:
        if (published.asset, published.version) in upstream_versions(connection, json.loads(inputs)):
            rows = connection.execute(
                "SELECT s.* FROM lineage.decisions d JOIN records.standing s ON s.id = d.record "
                "WHERE d.asset = ? AND d.version = ? AND d.outcome = 'kept' AND s.arm IN (?, ?) ORDER BY d.position",
                [asset, version, arm, baseline],
            ).pl()
            return rows.to_dicts()
    return []
