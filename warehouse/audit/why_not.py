"""Why a row is missing: where it was dropped, by which rule, with which score and cut, or as a duplicate of what."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import polars as pl

from warehouse.audit.finding import NotFound, candidates, find, searched
from warehouse.audit.nodes import Decided, Node, nodes
from warehouse.core.errors import UserError
from warehouse.core.identity import canonical
from warehouse.core.texts import texts_in
from warehouse.lineage.graph import lookup
from warehouse.schema.records import KINDS, empty
from warehouse.store.database import Database

MOST = 20
"""If a text is in more rows than this, only this many are shown."""


@dataclass(frozen=True)
class WhyNot:
    """What happened to a row: `dropped` has the decisions of current versions that do not keep it, `kept` the others.

    `before` has the decisions of earlier versions, if no current version decided about the row. `twins` are the rows,
    by id, of which it was found to be a duplicate.
    """

    row: Node
    dropped: tuple[Decided, ...]
    kept: tuple[Decided, ...]
    before: tuple[Decided, ...]
    twins: dict[str, Node]


@dataclass(frozen=True)
class Answers:
    """One of `answers` per matching row, up to MOST; `more` counts the other rows."""

    answers: tuple[WhyNot, ...]
    more: int


def why_not(database: Database, text: str) -> Answers:
    """What happened to the row with the id `text`, or to the rows that have this text.

    Rows count that have exactly this text; if there are none, those that contain it, ignoring case. Dropped rows come
    first. Raises NotFound, and UserError for a blank text and an ambiguous id.
    """
    if not text.strip():
        raise UserError("a blank text is in many rows: give an id, or words from the row")
    with database.read() as connection:
        by_id = candidates(connection, text, "record")
        ids = [find(connection, text, "record").id] if by_id else _with_text(connection, text)
        if not ids:
            raise NotFound(
                f"no row has the id or contains the text {text!r}: searched {searched(connection, ['record'])}"
            )
        found = nodes(connection, _first(connection, ids))
        twin_ids = {one.duplicate_of for node in found.values() for one in node.decisions if one.duplicate_of}
        twins = nodes(connection, twin_ids)
    return Answers(tuple(_answer(node, twins) for node in found.values()), len(ids) - len(found))


def quarantined(database: Database, asset: str | None = None) -> list[WhyNot]:
    """The rows that current versions put in quarantine, of one asset or of all, each with the rule that it breaks.

    Raises NotFound for an asset that was not built.
    """
    with database.read() as connection:
        assets = [name for (name,) in connection.execute("SELECT asset FROM lineage.current ORDER BY 1").fetchall()]
        if asset is not None and asset not in assets:
            raise NotFound(
                f"the asset {asset!r} was not built here; the assets built here are: {', '.join(assets) or 'none'}"
            )
        rows = connection.execute(
            "SELECT DISTINCT record FROM lineage.outcomes "
            "WHERE outcome = 'quarantined' AND asset = coalesce($1, asset) ORDER BY 1",
            [asset],
        ).fetchall()
        found = nodes(connection, [record for (record,) in rows])
    return [_answer(node, {}) for node in sorted(found.values(), key=lambda node: (node.asset or "", node.id))]


def _answer(row: Node, twins: dict[str, Node]) -> WhyNot:
    now = [one for one in row.decisions if one.is_current]
    twin_ids = {one.duplicate_of for one in row.decisions if one.duplicate_of}
    return WhyNot(
        row,
        tuple(one for one in now if one.outcome != "kept"),
        tuple(one for one in now if one.outcome == "kept"),
        () if now else row.decisions,
        {row_id: twins[row_id] for row_id in sorted(twin_ids & twins.keys())},
    )


def _with_text(connection: duckdb.DuckDBPyConnection, text: str) -> list[str]:
    """Ids of the rows with exactly this text; if there are none, of those that contain it, ignoring case."""
    texts = {
        kind: [name for name, dtype in empty(model).schema.items() if dtype == pl.String and name != "id"]
        for kind, model in KINDS.items()
    }
    # Records that were never kept are stored as JSON. Their keys and escapes may also match, so SQL only narrows the
    # search, and the texts are compared afterwards.
    inside = canonical(text)[1:-1]
    rules: list[tuple[str, str, str, Callable[[str], bool]]] = [
        ("= $1", text, f'%"{_like(inside)}"%', lambda other: other == text),
        ("ILIKE $1 ESCAPE '|'", f"%{_like(text)}%", f"%{_like(inside)}%", lambda other: text.lower() in other.lower()),
    ]
    for rule, wanted, in_json, matches in rules:
        queries = [
            f"SELECT id FROM records.{kind} WHERE {' OR '.join(f'{name} {rule}' for name in names)}"
            for kind, names in texts.items()
        ]
        kept = connection.execute(" UNION ".join(queries), [wanted]).fetchall()
        dropped = connection.execute(
            "SELECT id, content FROM lineage.records WHERE content ILIKE ? ESCAPE '|'", [in_json]
        ).fetchall()
        matching = {row_id for row_id, content in dropped if any(map(matches, texts_in(json.loads(content))))}
        if found := matching.union(row_id for (row_id,) in kept):
            return sorted(found)
    return []


def _first(connection: duckdb.DuckDBPyConnection, ids: list[str]) -> list[str]:
    """The first MOST of the rows: first those that a current version dropped, then the others, each by asset and id."""
    rows = lookup(connection, "SELECT id, asset FROM lineage.records", "id", ids)
    dropping = "SELECT record FROM (FROM lineage.outcomes WHERE outcome <> 'kept')"
    dropped = {record for (record,) in lookup(connection, dropping, "record", ids)}
    return [row_id for _, _, row_id in sorted((row_id not in dropped, asset, row_id) for row_id, asset in rows)[:MOST]]


def _like(text: str) -> str:
    """`text` with the wildcards of LIKE escaped by "|"."""
    return text.replace("|", "||").replace("%", "|%").replace("_", "|_")
