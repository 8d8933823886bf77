"""One row on a page: its texts, what was decided about it, what people say, and what it was made from."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from assets.browsing.layout import asked, emptied, field, number, text
from assets.browsing.tree import Branch, tree_of
from warehouse.audit.nodes import Node
from warehouse.audit.why import Why, why
from warehouse.lineage.reviews import Review, read_reviews
from warehouse.release.reviewing import REVIEWED, review
from warehouse.schema.bookkeeping import ACCEPT, CLEAR, EDIT, REJECT
from warehouse.store.warehouse import Warehouse

DONE = {ACCEPT: "accepted", REJECT: "rejected", EDIT: "edited", CLEAR: "taken back"}
LONG = ("instruction", "input", "response")
"""The columns of a pair that a person may edit."""


@dataclass
class RowView:
    """Shows a row in `place`. `reviewer` is the name under which decisions are recorded; `decided` is called after."""

    database: Warehouse
    place: ui.element
    reviewer: str
    decided: Callable[[], Awaitable[None]]

    async def show(self, record: str) -> None:
        """Shows the row with this id."""
        found = await asked(self._read, record)
        if found is None:
            return
        ancestry, reviews = found
        node = ancestry.nodes[ancestry.row.id]
        with emptied(self.place):
            text(f"{node.kind} {node.id}", strong=True)
            for name, value in (node.says or {}).items():
                if value not in (None, ""):
                    field(name, value)
            _decisions(node)
            for one in reviews:
                said = f"{one.reviewed_at:%Y-%m-%d %H:%M} UTC: {DONE[one.verdict]} by {one.reviewer}: {one.reason}"
                text(said).classes("review")
            if node.kind == REVIEWED:
                self._form(node, reviews)
            with ui.expansion("Why: what it was made from", value=True).classes("w-full why"):
                _tree(tree_of(ancestry))

    def _read(self, record: str) -> tuple[Why, list[Review]]:
        ancestry = why(self.database, record)
        with self.database.read() as connection:
            history = read_reviews(connection).history
        return ancestry, [one for one in history if one.record == ancestry.row.id]

    def _form(self, node: Node, reviews: list[Review]) -> None:
        """The fields and buttons of a decision."""
        with ui.card().classes("w-full review-form"):
            who = ui.input("Your name", value=self.reviewer).classes("w-full")
            reason = ui.input("Why").classes("w-full")
            says: dict[str, Any] = node.says or {}
            with ui.expansion("Edit its texts").classes("w-full edit"):
                edited = {
                    name: ui.textarea(name, value=str(says.get(name, ""))).classes("w-full").props("autogrow")
                    for name in LONG
                }

            async def decide(verdict: str) -> None:
                content = None
                if verdict == EDIT:
                    content = {name: one.value for name, one in edited.items() if one.value != says.get(name, "")}
                self.reviewer = who.value or ""
                done = await asked(
                    review, self.database, node.id, verdict, who.value or "", reason.value or "", content
                )
                if done:
                    ui.notify(f"{DONE[verdict]}; the next build applies it", type="positive")
                    await self.show(node.id)
                    await self.decided()

            with ui.row():
                ui.button("Accept", on_click=lambda: decide(ACCEPT), color="positive")
                ui.button("Reject", on_click=lambda: decide(REJECT), color="negative")
                ui.button("Save edit", on_click=lambda: decide(EDIT))
                if reviews and reviews[-1].verdict != CLEAR:
                    ui.button("Take back", on_click=lambda: decide(CLEAR), color="grey")


def _decisions(node: Node) -> None:
    with ui.column().classes("gap-0 decisions"):
        for one in node.decided:
            compared = "" if one.score is None else f" ({number(one.score)}"
            compared += "" if one.score is None else f" against {number(one.cut)})" if one.cut is not None else ")"
            reason = f": {one.reason}" if one.reason else ""
            text(f"{one.asset}: {one.outcome}{reason}{compared}")


def _tree(root: Branch) -> None:
    """The tree, with the content of the chosen place beside it."""
    by_key = {one.key: one for one in root}

    def choose(key: str | None) -> None:
        chosen = by_key.get(key or "")
        with emptied(shown):
            for name, value in ((chosen.node and chosen.node.says) or {}).items() if chosen else ():
                plain = (
                    value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1, default=str)
                )
                field(name, plain)

    tree = ui.tree([_plain(root)], on_select=lambda event: choose(event.value)).classes("w-full")
    tree.expand([root.key, *(one.key for one in root.children)])
    shown = ui.column().classes("w-full why-node")


def _plain(branch: Branch) -> dict[str, Any]:
    return {"id": branch.key, "label": branch.label, "children": [_plain(one) for one in branch.children]}
