"""The nodes of the lineage graph: the content of each, the asset that made it, and the decisions about it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import duckdb

from warehouse.lineage.graph import lookup
from warehouse.schema.records import KINDS

HIDDEN = ("vector", "losses")
"""Columns of many numbers; a node shows only their length."""


@dataclass(frozen=True)
class Decided:
    """What a version of an asset decided about a record; `score` was compared with `cut`.

    `is_current` says whether the version is the current one of its asset."""

    asset: str
    version: str
    outcome: str
    reason: str | None
    score: float | None
    cut: float | None
    duplicate_of: str | None
    is_current: bool


@dataclass(frozen=True)
class Node:
    """A record, a model call, a model, a source or an ancestor; `kind` says which.

    `asset` is the asset that made a record. `says` is the content of a record, or the description of a model or source;
    None if it is not in the warehouse. For a call it has the request and the lists `answers`, by budget, and
    `failures`, by time. A model may have answered within several budgets; a row is made from one of these answers.
    """

    id: str
    kind: str
    asset: str | None
    says: dict[str, Any] | None
    decisions: tuple[Decided, ...] = ()

    @property
    def decided(self) -> tuple[Decided, ...]:
        """The decisions of current versions; if there are none, the decisions of all stored versions."""
        return tuple(one for one in self.decisions if one.is_current) or self.decisions


def nodes(connection: duckdb.DuckDBPyConnection, ids: Collection[str]) -> dict[str, Node]:
    """The nodes by id; a node that is not in the warehouse has the kind "unknown"."""
    found = _records(connection, ids)
    rest = set(ids) - found.keys()
    found |= {row_id: node for row_id, node in _materials(connection).items() if row_id in rest}
    found |= _calls(connection, rest - found.keys())
    return {row_id: found.get(row_id) or Node(row_id, "unknown", None, None) for row_id in ids}


def decisions(connection: duckdb.DuckDBPyConnection, ids: Collection[str]) -> dict[str, list[Decided]]:
    """What stored versions decided about records, by record; current versions come first."""
    current = set(connection.execute("SELECT asset, version FROM lineage.current").fetchall())
    columns = "record, asset, version, outcome, reason, score, cut, duplicate_of"
    found: dict[str, list[Decided]] = {}
    for record, *row in lookup(connection, f"SELECT {columns} FROM lineage.decisions", "record", ids):
        found.setdefault(record, []).append(Decided(*[*row, (row[0], row[1]) in current]))
    for of_record in found.values():
        of_record.sort(key=lambda one: (not one.is_current, one.asset, one.version))
    return found


def contents(connection: duckdb.DuckDBPyConnection, kinds: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The contents of records by id, from the tables of their kinds; `kinds` has the kind by id."""
    found: dict[str, dict[str, Any]] = {}
    for kind in sorted(set(kinds.values()) & KINDS.keys()):
        ids = [row_id for row_id, other in kinds.items() if other == kind]
        columns = [row[0] for row in connection.execute(f"DESCRIBE records.{kind}").fetchall()]
        shown = [f"len({name}) AS {name}" if name in HIDDEN else name for name in columns]
        for row in lookup(connection, f"SELECT {', '.join(shown)} FROM records.{kind}", "id", ids):
            says = dict(zip(columns, row, strict=True))
            found[says.pop("id")] = says
    return found


def _records(connection: duckdb.DuckDBPyConnection, ids: Collection[str]) -> dict[str, Node]:
    rows = lookup(connection, "SELECT id, kind, asset, content FROM lineage.records", "id", ids)
    kept = contents(connection, {row_id: kind for row_id, kind, _, content in rows if content is None})
    decided = decisions(connection, [row[0] for row in rows])
    return {
        row_id: Node(
            row_id,
            kind,
            asset,
            json.loads(content) if content else kept.get(row_id),
            tuple(decided.get(row_id, [])),
        )
        for row_id, kind, asset, content in rows
    }


def _materials(connection: duckdb.DuckDBPyConnection) -> dict[str, Node]:
    columns = ("name", "address", "sha256", "licence", "origin")
    rows = connection.execute(f"SELECT id, role, made_from, {', '.join(columns)} FROM lineage.described").fetchall()
    return {
        row_id: Node(row_id, role, None, dict(zip(columns, row, strict=True)) | {"made_from": json.loads(made_from)})
        for row_id, role, made_from, *row in rows
    }


def _calls(connection: duckdb.DuckDBPyConnection, ids: Collection[str]) -> dict[str, Node]:
    """Calls by key; a model may have answered a call, failed at it, or both."""
    if not ids:
        return {}
    of_call = "key, kind, model, request"
    answers = lookup(
        connection,
        f"SELECT {of_call}, budget, complete, response, tokens, engine, created_at FROM memo.calls",
        "key",
        ids,
    )
    failures = lookup(connection, f"SELECT {of_call}, failed_at, engine, error FROM memo.failures", "key", ids)
    kinds: dict[str, str] = {}
    says: dict[str, dict[str, Any]] = {}
    for key, kind, model, request, *_ in [*answers, *failures]:
        kinds[key] = kind
        says[key] = {"model": model, "request": json.loads(request), "answers": [], "failures": []}
    for key, *_, budget, complete, response, tokens, engine, created_at in sorted(answers, key=lambda row: row[4]):
        says[key]["answers"].append(
            {
                "response": json.loads(response),
                "budget": budget,
                "complete": complete,
                "tokens": tokens,
                "engine": engine,
                "created_at": created_at.isoformat(),
            }
        )
    for key, *_, failed_at, engine, error in sorted(failures, key=lambda row: row[4]):
        says[key]["failures"].append({"error": error, "engine": engine, "failed_at": failed_at.isoformat()})
    return {key: Node(key, kind, None, says[key]) for key, kind in kinds.items()}
