"""Why a row is not there: where it was dropped, by which rule, with which score and cut, or what it duplicated."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import polars as pl

from warehouse.audit.finding import Unknown, candidates, find, searched
from warehouse.audit.nodes import Decided, Node, nodes
from warehouse.core.errors import Mendable
from warehouse.core.identity import canonical
from warehouse.core.texts import texts_in
from warehouse.lineage.graph import lookup
from warehouse.schema.records import KINDS, empty
from warehouse.store.database import Database

MOST = 20
"""So many rows are told of where a text is in more."""


class BlankText(Mendable, ValueError):
    """A text without a character that can be seen, which says nothing about any row."""


@dataclass(frozen=True)
class WhyNot:
    """What became of a row: `dropped` where versions in force do not keep it, `kept` where they do.

    `before` holds what versions decided that are no longer in force, where none in force met the row. `twins` are the
    rows, by id, that it was found to repeat.
    """

    row: Node
    dropped: tuple[Decided, ...]
    kept: tuple[Decided, ...]
    before: tuple[Decided, ...]
    twins: dict[str, Node]


@dataclass(frozen=True)
class Answers:
    """One of `answers` per row that was asked about, up to MOST; `more` counts the rows beyond."""

    answers: tuple[WhyNot, ...]
    more: int


def why_not(database: Database, text: str) -> Answers:
    """What became of the row that `text` names by id, or of those that say it: as one of their texts, or else within
    one, letter case aside.

    Rows that were dropped come first. Raises BlankText, Unknown, which says what was searched, and Ambiguous.
    """
    if not text.strip():
        raise BlankText("a blank text is in many rows: give an id, or words that the row says")
    with database.read() as connection:
        named = candidates(connection, text, "record")
        ids = [find(connection, text, "record").id] if named else _saying(connection, text)
        if not ids:
            raise Unknown(
                f"no row has the id or says {text!r}: searched {searched(connection, ['record'])}, and all their texts"
            )
        found = nodes(connection, _first(connection, ids))
        twins = {one.duplicate_of for node in found.values() for one in node.decisions if one.duplicate_of}
        told = nodes(connection, twins)
    return Answers(tuple(_answer(node, told) for node in found.values()), len(ids) - len(found))


def quarantined(database: Database, asset: str | None = None) -> list[WhyNot]:
    """The rows that versions in force set aside, of one asset or of all, each with the rule that it breaks.

    Raises Unknown for an asset that has no version in force.
    """
    with database.read() as connection:
        assets = [name for (name,) in connection.execute("SELECT asset FROM lineage.current ORDER BY 1").fetchall()]
        if asset is not None and asset not in assets:
            raise Unknown(f"no asset {asset!r} was built here; built are: {', '.join(assets) or 'none'}")
        rows = connection.execute(
            "SELECT DISTINCT record FROM lineage.outcomes "
            "WHERE outcome = 'quarantined' AND asset = coalesce($1, asset) ORDER BY 1",
            [asset],
        ).fetchall()
        found = nodes(connection, [record for (record,) in rows])
    return [_answer(node, {}) for node in sorted(found.values(), key=lambda node: (node.asset or "", node.id))]


def _answer(row: Node, told: dict[str, Node]) -> WhyNot:
    now = [one for one in row.decisions if one.in_force]
    repeated = {one.duplicate_of for one in row.decisions if one.duplicate_of}
    return WhyNot(
        row,
        tuple(one for one in now if one.outcome != "kept"),
        tuple(one for one in now if one.outcome == "kept"),
        () if now else row.decisions,
        {row_id: told[row_id] for row_id in sorted(repeated & told.keys())},
    )


def _saying(connection: duckdb.DuckDBPyConnection, text: str) -> list[str]:
    """Ids of the rows of which a text is `text`; else of those that contain it, letter case aside."""
    texts = {
        kind: [name for name, dtype in empty(model).schema.items() if dtype == pl.String and name != "id"]
        for kind, model in KINDS.items()
    }
    # What was never kept is on record as JSON. Keys and escapes may look like the text: SQL only narrows the search.
    inside = canonical(text)[1:-1]
    rules: list[tuple[str, str, str, Callable[[str], bool]]] = [
        ("= $1", text, f'%"{_like(inside)}"%', lambda said: said == text),
        ("ILIKE $1 ESCAPE '|'", f"%{_like(text)}%", f"%{_like(inside)}%", lambda said: text.lower() in said.lower()),
    ]
    for rule, wanted, in_json, holds in rules:
        queries = [
            f"SELECT id FROM records.{kind} WHERE {' OR '.join(f'{name} {rule}' for name in names)}"
            for kind, names in texts.items()
        ]
        kept = connection.execute(" UNION ".join(queries), [wanted]).fetchall()
        dropped = connection.execute(
            "SELECT id, content FROM lineage.records WHERE content ILIKE ? ESCAPE '|'", [in_json]
        ).fetchall()
        saying = {row_id for row_id, content in dropped if any(map(holds, texts_in(json.loads(content))))}
        if found := saying.union(row_id for (row_id,) in kept):
            return sorted(found)
    return []


def _first(connection: duckdb.DuckDBPyConnection, ids: list[str]) -> list[str]:
    """The first MOST of the rows: those that a version in force dropped, then the others, each by asset and id."""
    rows = lookup(connection, "SELECT id, asset FROM lineage.records", "id", ids)
    dropping = "SELECT record FROM (FROM lineage.outcomes WHERE outcome <> 'kept')"
    dropped = {record for (record,) in lookup(connection, dropping, "record", ids)}
    return [row_id for _, _, row_id in sorted((row_id not in dropped, asset, row_id) for row_id, asset in rows)[:MOST]]


def _like(text: str) -> str:
    """What stands for `text` in a pattern."""
    return text.replace("|", "||").replace("%", "|%").replace("_", "|_")
