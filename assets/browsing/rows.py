"""The rows of the current version of an asset as a page shows them, and the assets to choose from.

Each question opens the warehouse for its own query only, so that builds go on while the pages are open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from warehouse.audit.ledger import ledger
from warehouse.audit.nodes import HIDDEN
from warehouse.audit.row_query import DECISION, OTHER, Wanted
from warehouse.audit.rows import find_rows
from warehouse.lineage.reviews import Review, read_reviews
from warehouse.schema.bookkeeping import OUTCOMES
from warehouse.store.versions import Store
from warehouse.store.warehouse import Warehouse

AT_ONCE = 200
"""A page has at most this many rows."""


@dataclass(frozen=True)
class Overview:
    """An asset: its rows by outcome, and by reason for each outcome but "kept"."""

    asset: str
    outcomes: dict[str, int]
    reasons: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Found:
    """Those of the `total` rows that were wanted which a page shows, by column.

    `columns` are those of the kind of record, without vectors, and OTHER where a row lacks columns of its kind. `arms`
    are the arms of all rows of the asset, if they have one each. `reviews` are those that count, by row.
    """

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    total: int
    arms: tuple[str, ...] = ()
    reviews: dict[str, Review] = field(default_factory=dict)


def overviews(database: Warehouse) -> list[Overview]:
    """Every asset with a current version, each after the assets that it reads."""
    return [Overview(one.asset, one.outcomes, one.reasons) for one in ledger(database)]


def arm_of(asset: str) -> str | None:
    """The arm in the name of an asset; None where it belongs to none."""
    return asset.rpartition("/")[2] if "/" in asset else None


def page_of(database: Warehouse, asset: str, wanted: Wanted) -> Found:
    """The rows of an asset that are wanted. Raises NotFound."""
    found = find_rows(Store(database), asset, wanted)
    rows = found.frame.rows(named=True)
    hidden = {"id", *DECISION, *HIDDEN, *([] if any(row[OTHER] for row in rows) else [OTHER])}
    columns = tuple(name for name in found.frame.columns if name not in hidden)
    with database.read() as connection:
        reviews = {one.record: one for one in read_reviews(connection).entries}
    return Found(columns, rows, found.matching, found.arms, reviews)


def reasons_of(overview: Overview, outcome: str | None) -> list[str]:
    """The reasons of an outcome, or of all, most frequent first."""
    chosen = [outcome] if outcome else [one for one in OUTCOMES if one in overview.reasons]
    return list(dict.fromkeys(reason for one in chosen for reason in overview.reasons.get(one, {}) if reason))
