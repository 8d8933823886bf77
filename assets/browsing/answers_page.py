"""The page with the answers of two arms to the same item, side by side."""

from __future__ import annotations

from nicegui import ui

from assets.browsing.answers import answering_arms, compared
from assets.browsing.layout import asked, bar, emptied, field, number, text
from warehouse.audit.answered import Answer, Answered
from warehouse.core.texts import on_one_line, shortened
from warehouse.store.warehouse import Warehouse


async def answers_page(database: Warehouse) -> None:
    """Builds the page."""
    await bar("/answers")
    arms = {name: of for name, of in (await asked(answering_arms, database) or {}).items() if len(of) > 1}
    if not arms:
        ui.label("No two arms have answered the items of a benchmark yet.")
        return
    page = _AnswersPage(database, arms)
    page.build()
    await page.refresh()


class _AnswersPage:
    """The chosen benchmark and arms, the list of items, and one item in full."""

    def __init__(self, database: Warehouse, arms: dict[str, list[str]]) -> None:
        self.database, self.arms = database, arms
        self.items: list[Answered] = []
        self.place = 0

    def build(self) -> None:
        """Lays out the page."""
        benchmark = next(iter(self.arms))
        with ui.row().classes("w-full items-end gap-4"):
            self.benchmark = ui.select([*self.arms], value=benchmark, label="Benchmark", on_change=self._other).classes(
                "w-40"
            )
            arms = self.arms[benchmark]
            self.first = ui.select(arms, value=arms[0], label="Arm", on_change=self.refresh).classes("w-72 first")
            self.second = ui.select(arms, value=arms[1], label="Arm", on_change=self.refresh).classes("w-72 second")
            ui.button("Previous", on_click=lambda: self._turn(-1)).props("flat")
            ui.button("Next", on_click=lambda: self._turn(1)).props("flat")
            self.item = ui.select({}, label="Item", with_input=True, on_change=self._chosen).classes("w-96 item")
        self.shown = ui.column().classes("w-full compared")

    async def _other(self) -> None:
        arms = self.arms[self.benchmark.value]
        for select, arm in ((self.first, arms[0]), (self.second, arms[1])):
            select.set_options(arms, value=arm)
        await self.refresh()

    async def refresh(self) -> None:
        """Asks for the answers of the chosen arms."""
        chosen = (self.first.value, self.second.value)
        self.items = await asked(compared, self.database, self.benchmark.value, chosen) or []
        self.place = min(self.place, max(0, len(self.items) - 1))
        names = {number: shortened(on_one_line(one.instruction), 80) for number, one in enumerate(self.items)}
        self.item.set_options(names, value=self.place if self.items else None)
        self._show()

    async def _turn(self, by: int) -> None:
        if self.items:
            self.item.set_value((self.place + by) % len(self.items))

    async def _chosen(self) -> None:
        if self.item.value is not None and self.item.value != self.place:
            self.place = self.item.value
            self._show()

    def _show(self) -> None:
        with emptied(self.shown):
            if not self.items:
                ui.label("These arms have answered no item in common.")
                return
            one = self.items[self.place]
            ui.label(f"{self.place + 1} of {len(self.items)}").classes("text-gray-500")
            field("instruction", one.instruction)
            if one.input:
                field("input", one.input)
            with ui.row(wrap=False).classes("w-full gap-6"):
                for arm in (self.first.value, self.second.value):
                    with ui.column().classes("w-1/2 answer"):
                        text(arm, strong=True)
                        for answer in one.of(arm):
                            _answer(answer)
            field("reference", one.reference)


def _answer(answer: Answer) -> None:
    with ui.card().classes("w-full"):
        text(answer.text)
        scores = ", ".join(f"{metric} {number(value)}" for metric, value in answer.scores.items())
        seed = "" if answer.seed is None else f"seed {answer.seed}"
        ui.label(" · ".join(filter(None, [seed, scores]))).classes("text-xs text-gray-500")
