"""Why a row is not there: where it was dropped, by which rule, with which score and cut, or what it duplicated."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import polars as pl

from warehouse.audit.finding import Unknown, candidates, find, searched
from warehouse.audit.nodes import Decided, Node, nodes
from warehouse.database import Database
from warehouse.identity import canonical
from warehouse.records import KINDS, empty

MOST = 20
"""So many rows are told of where a text is in more."""


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


def why_not(database: Database, text: str) -> list[WhyNot]:
    """One answer per row that `text` names by id, or that says `text`: as one of its texts, or else within one.

    Rows that were dropped come first. Raises Unknown, which says what was searched, and Ambiguous.
    """
    with database.read() as connection:
        named = candidates(connection, text, "record")
        ids = [find(connection, text, "record").id] if named else _saying(connection, text)
        if not ids:
            raise Unknown(
                f"no row has the id or says {text!r}: searched {searched(connection, ['record'])}, and all their texts"
            )
        found = nodes(connection, ids)
        twins = {one.duplicate_of for node in found.values() for one in node.decisions if one.duplicate_of}
        told = nodes(connection, twins)
    answers = [_answer(node, told) for node in found.values()]
    return sorted(answers, key=lambda answer: (not answer.dropped, answer.row.asset or "", answer.row.id))[:MOST]


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
    # What was never kept is on record as JSON, where a whole text stands between quotes.
    inside = canonical(text)[1:-1]
    for rule, wanted, in_json in (
        ("= $1", text, f'"{inside}"'),
        ("ILIKE $1 ESCAPE '|'", _like(text), inside),
    ):
        queries = [
            f"SELECT id FROM records.{kind} WHERE {' OR '.join(f'{name} {rule}' for name in names)}"
            for kind, names in texts.items()
        ]
        queries.append("SELECT id FROM lineage.records WHERE content ILIKE $2 ESCAPE '|'")
        rows = connection.execute(f"{' UNION '.join(queries)} ORDER BY 1", [wanted, _like(in_json)]).fetchall()
        if rows:
            return [row_id for (row_id,) in rows]
    return []


def _like(text: str) -> str:
    """The pattern of texts that contain `text`."""
    return "%" + text.replace("|", "||").replace("%", "|%").replace("_", "|_") + "%"
