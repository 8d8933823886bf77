"""What was made from something: all records down to checkpoints and scores, and the current versions with them."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from warehouse.audit.finding import Match, find
from warehouse.audit.nodes import Node, nodes
from warehouse.lineage.graph import Graph, Link, lookup
from warehouse.store.warehouse import Warehouse

RESULTS = ("checkpoint", "standing")
"""Kinds with few records, which are shown one by one."""


@dataclass(frozen=True)
class Trace:
    """What was made from `start`: ids by kind (model calls: "completion" and so on), and the `links` between them.

    `outcomes` counts the descendants, and `start` if it is a record, by asset and outcome in current versions.
    `results` are the checkpoints and standings among the descendants. `exports` lists (asset, version, folder) of the
    exports of any version that keeps one of these rows.
    """

    start: Match
    by_kind: dict[str, list[str]]
    links: tuple[Link, ...]
    outcomes: dict[str, dict[str, int]]
    results: tuple[Node, ...]
    exports: tuple[tuple[str, str, str], ...]


def trace(database: Warehouse, text: str) -> Trace:
    """What was made from the record, call, model or source that `text` refers to. Raises what `find` raises."""
    with database.read() as connection:
        start = find(connection, text, "record", "call", "material")
        links = Graph(connection).descent([start.id])
        made = sorted({link.child for link in links})
        by_kind: dict[str, list[str]] = {}
        for row_id, kind in _kinds(connection, made).items():
            by_kind.setdefault(kind, []).append(row_id)
        results = nodes(connection, [row_id for kind in RESULTS for row_id in by_kind.get(kind, [])])
        rows = [start.id, *made]
        return Trace(
            start,
            dict(sorted(by_kind.items())),
            tuple(links),
            _outcomes(connection, rows),
            tuple(results.values()),
            _exports(connection, rows),
        )


def _kinds(connection: duckdb.DuckDBPyConnection, ids: list[str]) -> dict[str, str]:
    found: dict[str, str] = dict(lookup(connection, "SELECT id, kind FROM lineage.records", "id", ids))
    rest = [row_id for row_id in ids if row_id not in found]
    if rest:
        found |= dict(lookup(connection, "SELECT key, kind FROM memo.calls", "key", rest))
    rest = [row_id for row_id in ids if row_id not in found]
    if rest:
        found |= dict(lookup(connection, "SELECT id, role FROM lineage.described", "id", rest))
    return found


def _outcomes(connection: duckdb.DuckDBPyConnection, ids: list[str]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for asset, outcome in lookup(connection, "SELECT asset, outcome FROM lineage.outcomes", "record", ids):
        of_asset = counts.setdefault(asset, {})
        of_asset[outcome] = of_asset.get(outcome, 0) + 1
    return dict(sorted(counts.items()))


def _exports(connection: duckdb.DuckDBPyConnection, ids: list[str]) -> tuple[tuple[str, str, str], ...]:
    query = (
        "SELECT asset, version, folder FROM (SELECT e.asset, e.version, e.folder, d.record FROM lineage.exports e "
        "JOIN lineage.decisions d USING (asset, version) WHERE d.outcome = 'kept')"
    )
    return tuple(sorted(set(lookup(connection, query, "record", ids))))
