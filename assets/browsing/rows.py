"""The rows of the current version of an asset with what was decided about each, filtered and searched in the database.

Each question opens the warehouse for its own query only, so that builds go on while the pages are open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from warehouse.audit.ledger import ledger
from warehouse.core.errors import UserError
from warehouse.lineage.reviews import Review, read_reviews
from warehouse.schema.bookkeeping import OUTCOMES
from warehouse.schema.records import KINDS, empty
from warehouse.store.database import Database

AT_ONCE = 200
"""A page has at most this many rows."""

DECISION = ("record", "outcome", "reason", "score", "cut", "duplicate_of")
"""The columns of every asset beside those of its rows."""

STORED = "stored"
"""The column with the whole content (JSON) of a row that was not kept."""


class NoRows(UserError, LookupError):
    """The asset has no current version."""


@dataclass(frozen=True)
class Overview:
    """An asset: its rows by outcome, and by reason for each outcome but "kept"."""

    asset: str
    outcomes: dict[str, int]
    reasons: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Wanted:
    """Which rows of an asset. `text` is in any of their texts, whatever the case of its letters; None asks nothing."""

    asset: str
    text: str = ""
    outcome: str | None = None
    reason: str | None = None
    arm: str | None = None
    least: float | None = None
    most: float | None = None
    start: int = 0
    unreviewed: bool = False
    near_cut: bool = False


@dataclass(frozen=True)
class Found:
    """At most AT_ONCE of the `total` rows that were wanted, as texts and numbers by column, in order.

    `columns` are those of the kind of record, without vectors, and STORED where a row has none of them. `arms` are the
    arms of all rows of the asset, if they have one each. `reviews` are those that count, by row.
    """

    kind: str
    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    total: int
    arms: tuple[str, ...] = ()
    reviews: dict[str, Review] = field(default_factory=dict)


def overviews(database: Database) -> list[Overview]:
    """Every asset with a current version, each after the assets that it reads."""
    return [Overview(one.asset, one.outcomes, one.reasons) for one in ledger(database)]


def arm_of(asset: str) -> str | None:
    """The arm in the name of an asset; None where it belongs to none."""
    return asset.rpartition("/")[2] if "/" in asset else None


def find_rows(database: Database, wanted: Wanted) -> Found:
    """The rows that are wanted. Raises NoRows."""
    with database.read() as connection:
        current = connection.execute(
            "SELECT version, kind FROM lineage.versions SEMI JOIN lineage.current USING (asset, version) "
            "WHERE asset = ?",
            [wanted.asset],
        ).fetchone()
        if current is None:
            raise NoRows(f"{wanted.asset} has not been built yet")
        version, kind = current
        columns = _columns(kind)
        # A row that was dropped on its way in may have none of the columns of its kind.
        stored = "CASE WHEN r.id IS NULL THEN l.content END"
        shown = ", ".join(f'coalesce(r."{name}"::VARCHAR, l.content ->> \'{name}\') AS "{name}"' for name in columns)
        rows = (
            f"SELECT d.{', d.'.join(DECISION)}, d.position, {shown}, {stored} AS {STORED} FROM lineage.decisions d "
            f"LEFT JOIN records.{kind} r ON r.id = d.record LEFT JOIN lineage.records l ON l.id = d.record "
            "WHERE d.asset = $asset AND d.version = $version"
        )
        where, values = _condition(wanted, columns)
        known: dict[str, Any] = {"asset": wanted.asset, "version": version}
        order = "abs(score - cut) NULLS LAST, position" if wanted.near_cut else "position"
        page = connection.execute(
            f"SELECT * EXCLUDE (position), count(*) OVER () AS total FROM ({rows}) WHERE {where} "
            f"ORDER BY {order} LIMIT {AT_ONCE} OFFSET {max(0, wanted.start)}",
            known | values,
        ).pl()
        total = page["total"][0] if len(page) else 0
        arms: tuple[str, ...] = ()
        if "arm" in columns:
            query = f"SELECT DISTINCT arm FROM ({rows}) WHERE arm IS NOT NULL ORDER BY arm"
            arms = tuple(arm for (arm,) in connection.execute(query, known).fetchall())
        reviews = {one.record: one for one in read_reviews(connection).entries}
    found = page.drop("total").rows(named=True)
    if any(row[STORED] and all(row[name] is None for name in columns) for row in found):
        columns = (*columns, STORED)
    return Found(kind, columns, found, total, arms, reviews)


def reasons_of(overview: Overview, outcome: str | None) -> list[str]:
    """The reasons of an outcome, or of all, most frequent first."""
    chosen = [outcome] if outcome else [one for one in OUTCOMES if one in overview.reasons]
    return list(dict.fromkeys(reason for one in chosen for reason in overview.reasons.get(one, {}) if reason))


def _columns(kind: str) -> tuple[str, ...]:
    """The columns of a kind of record that can be read, without its id."""
    schema = empty(KINDS[kind]).schema
    return tuple(name for name, dtype in schema.items() if name != "id" and not isinstance(dtype, pl.List))


def _condition(wanted: Wanted, columns: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """The SQL condition and its parameters."""
    parts, values = ["true"], dict[str, Any]()
    if wanted.text.strip():
        texts = ", ' ', ".join(f'"{name}"' for name in ("record", *columns, STORED))
        parts.append(f"contains(lower(concat({texts})), lower($text))")
        values["text"] = wanted.text.strip()
    for name in ("outcome", "reason", "arm"):
        if (value := getattr(wanted, name)) is not None and (name != "arm" or "arm" in columns):
            parts.append(f"{name} = ${name}")
            values[name] = value
    for name, comparison in (("least", "score >= $least"), ("most", "score <= $most")):
        if (value := getattr(wanted, name)) is not None:
            parts.append(comparison)
            values[name] = value
    if wanted.unreviewed:
        parts.append(
            "record NOT IN (SELECT record FROM (FROM lineage.reviews QUALIFY row_number() "
            "OVER (PARTITION BY record ORDER BY reviewed_at DESC) = 1) WHERE verdict <> 'clear')"
        )
    return " AND ".join(parts), values
