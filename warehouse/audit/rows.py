"""Rows of any asset as its current version decided about them: texts, scores, outcome and reason."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from warehouse.audit.finding import NotFound
from warehouse.audit.nodes import Decided, decisions
from warehouse.audit.row_query import Wanted, arms_of, columns_of, query_rows
from warehouse.core.errors import UserError
from warehouse.core.texts import listed, nearest
from warehouse.schema.bookkeeping import OUTCOMES
from warehouse.store.published import Published
from warehouse.store.versions import Store


@dataclass(frozen=True)
class Rows:
    """Rows about which the current version of an asset decided.

    `outcomes` counts all its rows, by outcome; `counted` of them are not on record one by one. `matching` of those on
    record are what was asked for, and `frame` has those that are shown: `id`, the columns of DECISION, the columns of
    the kind, and `other`, the content as JSON of a row that does not have the columns of its kind, such as a
    quarantined one. `scores` has, by id, the decisions with a score that current versions of other assets made about
    the row. `arms` are the arms of all its rows.
    """

    asset: str
    version: str
    kind: str
    outcomes: dict[str, int]
    matching: int
    frame: pl.DataFrame
    scores: dict[str, tuple[Decided, ...]]
    arms: tuple[str, ...] = ()
    counted: int = 0


def find_rows(store: Store, asset: str, wanted: Wanted) -> Rows:
    """The rows of the current version of an asset that are wanted, in the order that is wanted.

    `where` may use `id`, the columns of DECISION and those of the kind. With an arm, `asset` may be named without the
    arm at its end, such as "training_sets". Raises NotFound for an asset that is not built and for rows without an arm,
    BadCondition, and UserError for an unknown outcome.
    """
    if unknown := [outcome for outcome in wanted.outcomes if outcome not in OUTCOMES]:
        raise UserError(f"there is no outcome {unknown[0]!r}; {nearest(unknown[0], OUTCOMES)}")
    published, of_arm = _place(store, asset, wanted.arm)
    with store.database.read() as connection:
        outcomes = dict(
            connection.execute(
                "SELECT outcome, sum(rows)::BIGINT FROM lineage.tallies WHERE asset = ? AND version = ? GROUP BY ALL",
                [published.asset, published.version],
            ).fetchall()
        )
        (counted,) = connection.execute(
            "SELECT coalesce(sum(rows), 0)::BIGINT FROM lineage.counted WHERE asset = ? AND version = ?",
            [published.asset, published.version],
        ).fetchall()[0]
        count, found = query_rows(connection, published, wanted, of_arm)
        scored = decisions(connection, found["id"].to_list())
        arms = arms_of(connection, published)
    return Rows(
        published.asset,
        published.version,
        published.kind,
        {outcome: outcomes[outcome] for outcome in OUTCOMES if outcome in outcomes},
        count,
        found,
        {
            row: tuple(one for one in made if one.is_current and one.score is not None and one.asset != published.asset)
            for row, made in scored.items()
        },
        arms,
        counted,
    )


def _place(store: Store, asset: str, arm: str | None) -> tuple[Published, bool]:
    """The version to read, and whether its rows have to be chosen by arm: they say it themselves."""
    published = store.catalog().published
    if arm is not None and (own := published.get(f"{asset.rstrip('/')}/{arm}")):
        return own, False
    if asset not in published:
        below = sorted(name for name in published if name.startswith(f"{asset.rstrip('/')}/"))
        if arm is None and below:
            raise NotFound(f"{asset!r} is no asset; it stands for {listed(below, len(below))}")
        hint = f"; {nearest(asset, published)}" if published else ""
        raise NotFound(f"the asset {asset!r} was not built here{hint}")
    if arm is None or asset.rpartition("/")[2] == arm:
        return published[asset], False
    with store.database.read() as connection:
        if "arm" in columns_of(connection, published[asset].kind):
            return published[asset], True
    of_arm = sorted(name for name in published if name.rpartition("/")[2] == arm)
    assets = f"; assets of this arm: {listed(of_arm, len(of_arm))}" if of_arm else ""
    raise NotFound(f"the rows of {asset} belong to no arm{assets}")
