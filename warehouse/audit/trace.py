"""What came of something: every record made of it, down to checkpoints and scores, and where it is in force."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from warehouse.audit.finding import Thing, find
from warehouse.audit.nodes import Node, nodes
from warehouse.lineage.graph import Graph, Link, lookup
from warehouse.store.database import Database

RESULTS = ("checkpoint", "standing")
"""Kinds of records that are few and told of one by one."""


@dataclass(frozen=True)
class Trace:
    """What came of `start`: ids by kind ("completion" and the like are model calls), and the `links` between them.

    `outcomes` counts its descendants, and `start` if it is a record, by asset and outcome in the versions in force.
    `results` are the checkpoints and standings among them; `exports` the files that were written of versions, in force
    or not, that keep any of these rows: (asset, version, folder).
    """

    start: Thing
    by_kind: dict[str, list[str]]
    links: tuple[Link, ...]
    outcomes: dict[str, dict[str, int]]
    results: tuple[Node, ...]
    exports: tuple[tuple[str, str, str], ...]


def trace(database: Database, text: str) -> Trace:
    """All that came of the record, call, model or source that `text` names. Raises Unknown and Ambiguous."""
    with database.read() as connection:
        start = find(connection, text, "record", "call", "material")
        links = Graph(connection).descent([start.id])
        made = sorted({link.child for link in links})
        by_kind: dict[str, list[str]] = {}
        for row_id, kind in _kinds(connection, made).items():
            by_kind.setdefault(kind, []).append(row_id)
        told = nodes(connection, [row_id for kind in RESULTS for row_id in by_kind.get(kind, [])])
        rows = [start.id, *made]
        return Trace(
            start,
            dict(sorted(by_kind.items())),
            tuple(links),
            _outcomes(connection, rows),
            tuple(told.values()),
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
