"""What all pages share: the bar on top, texts that are shown as they stand, and errors as a note on the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from nicegui import run, ui

from warehouse.core.plain_errors import plain

P = ParamSpec("P")
R = TypeVar("R")

PAGES = {"/": "Rows", "/answers": "Answers side by side", "/review": "Review"}


SECONDS_TO_CONNECT = 120.0


async def bar(path: str) -> None:
    """The bar on top of a page, with links to the others. The page is sent before the warehouse is asked: that may
    wait for a build."""
    with ui.header().classes("items-center gap-6 py-2"):
        ui.label("Slingshot").classes("text-lg font-bold")
        for target, title in PAGES.items():
            ui.link(title, target).classes("text-white" + (" font-bold underline" if target == path else ""))
    await ui.context.client.connected(SECONDS_TO_CONNECT)


def text(value: object, strong: bool = False) -> ui.label:
    """A text as it stands, with its line breaks; nothing in it is HTML or markdown."""
    shown = "" if value is None else str(value)
    return ui.label(shown).classes("whitespace-pre-wrap break-words" + (" font-bold" if strong else ""))


def field(name: str, value: object) -> None:
    """A text under its name."""
    with ui.column().classes("gap-0 w-full"):
        ui.label(name).classes("text-xs text-gray-500")
        text(value)


async def asked(question: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
    """The answer of the warehouse, asked in a thread so that a wait for a build does not stop the page.

    An error that the user can fix is shown as a note, and the answer is None.
    """
    try:
        return await run.io_bound(question, *args, **kwargs)
    except Exception as error:
        if (message := plain(error)) is None:
            raise
        ui.notify(message, type="negative", multi_line=True, close_button="OK", timeout=0)
        return None


@contextmanager
def emptied(place: ui.element) -> Iterator[None]:
    """Replaces what is in an element by what the block makes."""
    place.clear()
    with place:
        yield


def number(value: Any) -> str:
    """A score as text; nothing where there is none."""
    return "" if value is None else f"{value:.4g}"
