"""The review queue: rows that nobody has decided about yet, one after the other, and all decisions so far."""

from __future__ import annotations

from typing import Any, Literal

from nicegui import ui

from assets.browsing.layout import asked, bar, emptied
from assets.browsing.row_view import DONE, RowView
from assets.browsing.rows import AT_ONCE, overviews, page_of
from warehouse.audit.row_query import Wanted
from warehouse.lineage.reviews import Review, read_reviews
from warehouse.release.reviewing import REVIEWED
from warehouse.schema.bookkeeping import CLEAR
from warehouse.store.warehouse import Warehouse

STORED, NEAR = "in their order", "nearest to the cut first"


async def review_page(database: Warehouse, reviewer: str) -> None:
    """Builds the page."""
    await bar("/review")
    assets = await asked(_reviewable, database) or []
    if not assets:
        ui.label("No pairs have been built yet.")
        return
    page = _ReviewPage(database, assets)
    page.build(reviewer)
    await page.refresh()


def _reviewable(database: Warehouse) -> list[str]:
    """The assets with rows that a person may decide about, in the order of the pipeline."""
    with database.read() as connection:
        kinds = dict(
            connection.execute(
                "SELECT asset, kind FROM lineage.versions SEMI JOIN lineage.current USING (asset, version)"
            ).fetchall()
        )
    return [one.asset for one in overviews(database) if kinds[one.asset] == REVIEWED]


def _history(database: Warehouse) -> list[Review]:
    with database.read() as connection:
        return list(read_reviews(connection).history[::-1])


class _ReviewPage:
    """The queue of an asset, the row that is next, and the table of decisions."""

    def __init__(self, database: Warehouse, assets: list[str]) -> None:
        self.database, self.assets = database, assets
        self.queue: list[dict[str, Any]] = []

    def build(self, reviewer: str) -> None:
        """Lays out the page."""
        preferred = next((one for one in self.assets if one.startswith("training_sets/")), self.assets[0])
        with ui.row().classes("items-end gap-4"):
            self.asset = ui.select(
                self.assets, value=preferred, label="Rows of", with_input=True, on_change=self.refresh
            ).classes("w-80 asset")
            self.outcome = ui.select(
                ["kept", "rejected"], value="kept", label="Outcome", on_change=self.refresh
            ).classes("w-36 outcome")
            self.order = ui.select([STORED, NEAR], value=STORED, label="Order", on_change=self.refresh).classes("w-52")
            ui.button("Skip", on_click=self._skip).props("flat")
            self.left = ui.label().classes("left")
        self.place = ui.column().classes("w-full one-row")
        self.row = RowView(self.database, self.place, reviewer, self.refresh)
        ui.label("Decisions so far").classes("text-lg font-bold")
        columns = ("when", "who", "decision", "why", "row")
        self.table = ui.aggrid({"columnDefs": [{"field": name, "flex": 1} for name in columns], "rowData": []})
        self.table.classes("w-full history").style("height: 40vh")
        self.table.on("cellClicked", lambda event: self.row.show(event.args["data"]["row"]))

    async def refresh(self) -> None:
        """Asks for the rows that are left, and shows the first."""
        order: Literal["cut", "position"] = "cut" if self.order.value == NEAR else "position"
        wanted = Wanted([self.outcome.value], unreviewed=True, order=order, limit=AT_ONCE)
        found = await asked(page_of, self.database, self.asset.value, wanted)
        history = await asked(_history, self.database)
        if found is None or history is None:
            return
        self.queue = found.rows
        self.left.set_text(f"{found.total} rows nobody has decided about")
        self.table.options["rowData"] = [_line(one) for one in history]
        self.table.update()
        await self._next()

    async def _next(self) -> None:
        if self.queue:
            await self.row.show(self.queue[0]["id"])
        else:
            with emptied(self.place):
                ui.label("Nothing is left to decide here.")

    async def _skip(self) -> None:
        self.queue = self.queue[1:] + self.queue[:1]
        await self._next()


def _line(one: Review) -> dict[str, str]:
    decision = DONE[one.verdict] if one.verdict != CLEAR else "taken back"
    return {
        "when": f"{one.reviewed_at:%Y-%m-%d %H:%M:%S}",
        "who": one.reviewer,
        "decision": decision,
        "why": one.reason,
        "row": one.record,
    }
