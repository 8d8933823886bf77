"""What the warehouse has of each asset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.schema.bookkeeping import OUTCOMES
from warehouse.store.warehouse import Warehouse


@dataclass(frozen=True)
class AssetStatus:
    """The current version of an asset and the last build that made or found it; all None or empty before the first."""

    asset: str
    version: str | None
    rows: dict[str, int]
    reasons: dict[str, int]
    action: str | None
    computed: int | None
    from_memo: int | None
    tokens: int | None
    seconds: float | None


def status(database: Warehouse, assets: Sequence[str]) -> list[AssetStatus]:
    """One status per asset, in the given order. `reasons` counts "outcome: reason" of rows that were not kept."""
    with database.read() as connection:
        versions = dict(connection.execute("SELECT asset, version FROM lineage.current").fetchall())
        counted = connection.execute(
            "SELECT asset, outcome, reason, rows FROM lineage.tallies "
            "SEMI JOIN lineage.current USING (asset, version) ORDER BY rows DESC, asset, outcome, reason"
        ).fetchall()
        last = {
            row[0]: row[1:]
            for row in connection.execute(
                "SELECT asset, action, computed, from_memo, tokens, seconds FROM lineage.materializations "
                "SEMI JOIN lineage.current USING (asset, version) "
                "QUALIFY row_number() OVER (PARTITION BY asset ORDER BY finished_at DESC) = 1"
            ).fetchall()
        }
    found = []
    for asset in assets:
        rows = dict.fromkeys(OUTCOMES, 0)
        reasons: dict[str, int] = {}
        for name, outcome, reason, count in counted:
            if name == asset:
                rows[outcome] += count
                if outcome != "kept":
                    reasons[f"{outcome}: {reason}"] = count
        effort = last.get(asset, (None,) * 5)
        nonzero = {outcome: count for outcome, count in rows.items() if count}
        found.append(AssetStatus(asset, versions.get(asset), nonzero, reasons, *effort))
    return found
