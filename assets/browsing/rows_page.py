"""The page with the rows of any asset: search, filters, and one row in full beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nicegui import ui

from assets.browsing.layout import asked, bar, number
from assets.browsing.row_view import DONE, RowView
from assets.browsing.rows import AT_ONCE, Found, Overview, arm_of, overviews, page_of, reasons_of
from warehouse.audit.row_query import Wanted
from warehouse.store.warehouse import Warehouse

DECIDED = {"outcome": 95, "reason": 150, "score": 80, "cut": 80, "review": 110}
"""The columns of every asset, with their widths in pixels."""
LAST = ("method", "level", "source", "benchmark")
"""Columns that are equal in most rows of an asset stand behind its texts."""

EVERY = "every arm"

EVERYTHING = Wanted(order="position", limit=AT_ONCE)
"""What a page asks for at first: the rows of an asset in their order."""


async def rows_page(database: Warehouse, reviewer: str, asset: str = "") -> None:
    """Builds the page."""
    await bar("/")
    known = {one.asset: one for one in await asked(overviews, database) or []}
    if not known:
        ui.label("Nothing has been built yet.")
        return
    first = next((one for one in known if one.startswith("training_sets/")), next(iter(known)))
    view = _RowsPage(database, known, asset if asset in known else first)
    view.build(reviewer)
    await view.refresh()


class _RowsPage:
    """The controls and what they show."""

    def __init__(self, database: Warehouse, known: dict[str, Overview], asset: str) -> None:
        self.database, self.known = database, known
        self.chosen, self.wanted = asset, EVERYTHING
        self.arms = sorted({arm for one in known if (arm := arm_of(one))})

    def build(self, reviewer: str) -> None:
        """Lays out the page."""
        with ui.row().classes("w-full items-end gap-4"):
            self.of_arm = ui.select([EVERY, *self.arms], value=EVERY, label="Assets of", on_change=self._choose_arm)
            self.asset = ui.select(
                [*self.known], value=self.chosen, label="Asset", with_input=True, on_change=self._choose_asset
            ).classes("w-80 asset")
            self.text = ui.input("Search", on_change=self._changed).classes("search").props("debounce=300 clearable")
            self.outcome = ui.select([], label="Outcome", clearable=True, on_change=self._changed).classes(
                "outcome w-36"
            )
            self.reason = ui.select([], label="Reason", clearable=True, on_change=self._changed).classes("reason w-60")
            self.arm = ui.select([], label="Arm", clearable=True, on_change=self._changed).classes("arm w-40")
            self.least = ui.number("Score from", on_change=self._changed).classes("w-24 least").props("debounce=300")
            self.most = ui.number("to", on_change=self._changed).classes("w-24 most").props("debounce=300")
        with ui.row().classes("items-center"):
            self.count = ui.label().classes("count")
            ui.button("Previous", on_click=lambda: self._turn(-AT_ONCE)).props("flat dense")
            ui.button("Next", on_click=lambda: self._turn(AT_ONCE)).props("flat dense")
        with ui.row(wrap=False).classes("w-full"):
            self.grid = ui.aggrid(
                {"columnDefs": [], "rowData": [], "suppressColumnVirtualisation": True}, auto_size_columns=False
            )
            self.grid.classes("w-3/5").style("height: 75vh")
            place = ui.column().classes("w-2/5 one-row").style("height: 75vh; overflow: auto")
        self.row = RowView(self.database, place, reviewer, self.refresh)
        self.grid.on("cellClicked", lambda event: self.row.show(event.args["data"]["id"]))
        self._offer()

    async def refresh(self) -> None:
        """Asks for the rows that are wanted and shows them."""
        found = await asked(page_of, self.database, self.chosen, self.wanted)
        if found is None:
            return
        self._fill(found)

    def _fill(self, found: Found) -> None:
        start, shown = self.wanted.start, len(found.rows)
        of = f"{start + 1}-{start + shown} of {found.total}" if shown else "0"
        self.count.set_text(f"{of} rows")
        self.arm.set_options([*found.arms], value=self.wanted.arm)
        self.arm.set_visibility(bool(found.arms))
        self.grid.options["columnDefs"] = [
            {"headerName": name, "field": name, "width": DECIDED.get(name, 300), "tooltipField": name}
            for name in (*DECIDED, *sorted(found.columns, key=lambda name: name in LAST))
        ]
        self.grid.options["rowData"] = [_shown(row, found) for row in found.rows]
        self.grid.update()

    def _offer(self) -> None:
        """Offers the outcomes and reasons of the chosen asset."""
        one, outcome = self.known[self.chosen], _only(self.wanted.outcomes)
        self.outcome.set_options([name for name, rows in one.outcomes.items() if rows], value=outcome)
        self.reason.set_options(reasons_of(one, outcome), value=_only(self.wanted.reasons))

    async def _choose_arm(self) -> None:
        arm = self.of_arm.value
        assets = [one for one in self.known if arm == EVERY or arm_of(one) == arm]
        self.asset.set_options(assets, value=self.chosen if self.chosen in assets else assets[0])

    async def _choose_asset(self) -> None:
        if self.asset.value and self.asset.value != self.chosen:
            self.chosen, self.wanted = self.asset.value, replace(EVERYTHING, text=self.wanted.text)
            self.least.set_value(None)
            self.most.set_value(None)
            self._offer()
            await self.refresh()

    async def _changed(self) -> None:
        chosen = replace(
            self.wanted,
            text=self.text.value or "",
            outcomes=_some(self.outcome.value),
            reasons=_some(self.reason.value) if self.outcome.value == _only(self.wanted.outcomes) else (),
            arm=self.arm.value,
            least=self.least.value,
            most=self.most.value,
        )
        if chosen == self.wanted:
            return
        before, self.wanted = self.wanted, replace(chosen, start=0)
        if before.outcomes != chosen.outcomes:
            self._offer()
        await self.refresh()

    async def _turn(self, by: int) -> None:
        self.wanted = replace(self.wanted, start=max(0, self.wanted.start + by))
        await self.refresh()


def _only(values: Sequence[str]) -> str | None:
    return values[0] if values else None


def _some(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _shown(row: dict[str, Any], found: Found) -> dict[str, Any]:
    """A row of the grid; what has no value is an empty text."""
    review = found.reviews.get(row["id"])
    numbers = {name: number(row[name]) for name in ("score", "cut")}
    cells = {
        name: "" if row[name] is None else str(row[name]) for name in ("id", *DECIDED, *found.columns) if name in row
    }
    return cells | numbers | {"review": f"{DONE[review.verdict]} by {review.reviewer}" if review else ""}
