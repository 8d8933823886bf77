"""Serves the pages of `slingshot browse` on 127.0.0.1, behind the same guard as the UI of Dagster.

NiceGUI serves all its files itself: nothing is loaded from elsewhere, which the policy of the pages also forbids.
"""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from assets.building.guard import Guard
from assets.building.listening import HOST, listening
from warehouse.store.warehouse import Warehouse

SECONDS_TO_RECONNECT = 60.0
SECONDS_TO_STOP = 2

# The pages of NiceGUI have their code in the page, and Vue compiles templates in the browser.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'"
)


def browse(database: Warehouse, port: int, reviewer: str, report: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM. `report` gets the address, which has a token that is made at each start.

    `reviewer` is the name that decisions have unless the person writes another. Raises PortTaken.
    """
    with listening(port) as listener, tempfile.TemporaryDirectory(prefix="slingshot-") as private:
        # NiceGUI would keep settings of its users in the current folder; nothing is kept.
        os.environ["NICEGUI_STORAGE_PATH"] = private
        token, port = secrets.token_urlsafe(32), listener.getsockname()[1]
        config = uvicorn.Config(
            Guard(_pages(database, reviewer), port, token, POLICY),
            # The other parser drops the host of an absolute address, which the guard has to see.
            http="h11",
            proxy_headers=False,
            log_level="warning",
            timeout_graceful_shutdown=SECONDS_TO_STOP,
        )
        report(f"the rows are at http://{HOST}:{port}/?token={token}")
        uvicorn.Server(config).run([listener])


def _pages(database: Warehouse, reviewer: str) -> ASGIApp:
    """The app with all pages."""
    from fastapi import FastAPI
    from nicegui import ui

    from assets.browsing.answers_page import answers_page
    from assets.browsing.review_page import review_page
    from assets.browsing.rows_page import rows_page

    logging.getLogger("nicegui").setLevel(logging.WARNING)

    @ui.page("/")
    async def rows(asset: str = "") -> None:
        await rows_page(database, reviewer, asset)

    @ui.page("/answers")
    async def answers() -> None:
        await answers_page(database)

    @ui.page("/review")
    async def reviews() -> None:
        await review_page(database, reviewer)

    # No page that describes an interface: the pages are all there is.
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    ui.run_with(
        app,
        title="Slingshot",
        reconnect_timeout=SECONDS_TO_RECONNECT,
        binding_refresh_interval=None,
        show_welcome_message=False,
    )
    return app
