"""Why a row is missing: where it was dropped, by which rule, with which score and cut, or as a duplicate of what."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
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
from warehouse.store.engine import frugal, stream
from warehouse.store.warehouse import Warehouse

MOST = 5
"""If a text is in more rows than this, only this many are shown, unless more are asked for."""


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
    """One of `answers` per matching row, the most relevant first; `more` counts the rows beyond those asked for."""

    answers: tuple[WhyNot, ...]
    more: int


def why_not(database: Warehouse, text: str, most: int = MOST) -> Answers:
    """What happened to the row with the id `text`, or to the rows that have this text, at most `most` of them.

    Rows count that have exactly this text; if there are none, those that contain it, ignoring case. The most relevant
    come first: dropped rows before others, and of these the rows of which the text is the largest part (ours). Raises
    NotFound, and UserError for a blank text and an ambiguous id.
    """
    if not text.strip():
        raise UserError("a blank text is in many rows: give an id, or words from the row")
    with database.read() as connection, frugal(connection):
        by_id = candidates(connection, text, "record")
        lengths = {find(connection, text, "record").id: 0} if by_id else _with_text(connection, text)
        if not lengths:
            raise NotFound(
                f"no row has the id or contains the text {text!r}: searched {searched(connection, ['record'])}"
            )
        found = nodes(connection, _first(connection, lengths, most))
        twin_ids = {one.duplicate_of for node in found.values() for one in node.decisions if one.duplicate_of}
        twins = nodes(connection, twin_ids)
    return Answers(tuple(_answer(node, twins) for node in found.values()), len(lengths) - len(found))


def quarantined(database: Warehouse, asset: str | None = None) -> list[WhyNot]:
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


def _with_text(connection: duckdb.DuckDBPyConnection, text: str) -> dict[str, int]:
    """The rows with exactly this text; if there are none, those that contain it, ignoring case. The value is the length
    of the shortest text of the row that has it."""
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
            f"SELECT id, least({', '.join(f'CASE WHEN {name} {rule} THEN length({name}) END' for name in names)}) "
            f"FROM records.{kind} WHERE {' OR '.join(f'{name} {rule}' for name in names)}"
            for kind, names in texts.items()
        ]
        found = dict(connection.execute(" UNION ALL ".join(queries), [wanted]).fetchall())
        dropped = "SELECT id, content FROM lineage.records WHERE content ILIKE $1 ESCAPE '|'"
        for row_id, content in stream(connection, dropped, [in_json]):
            lengths = [len(other) for other in texts_in(json.loads(content)) if matches(other)]
            if lengths:
                found[row_id] = min(lengths)
        if found:
            return found
    return {}


def _first(connection: duckdb.DuckDBPyConnection, lengths: Mapping[str, int], most: int) -> list[str]:
    """The first `most` of the rows: those that a current version dropped, then the others, each by length and asset."""
    rows = lookup(connection, "SELECT id, asset FROM lineage.records", "id", lengths)
    dropping = "SELECT record FROM (FROM lineage.outcomes WHERE outcome <> 'kept')"
    dropped = {record for (record,) in lookup(connection, dropping, "record", lengths)}
    ranked = sorted((row_id not in dropped, lengths[row_id], asset, row_id) for row_id, asset in rows)
    return [row_id for *_, row_id in ranked[:most]]


def _like(text: str) -> str:
    """`text` with the wildcards of LIKE escaped by "|"."""
    return text.replace("|", "||").replace("%", "|%").replace("_", "|_")
