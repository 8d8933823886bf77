"""Records what a build does to each asset, beside whatever display shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from assets.building.display import Display
from warehouse.store.published import Effort


class Recorder(Display):
    """Passes every event on to `display`, and keeps in `actions` what happened to each finished asset.

    An action is "built", "restored" (a stored version is the current one again) or "unchanged". `running` is the asset
    that is being built, and `interrupt` what stopped it, if it was stopped and not failed.
    """

    def __init__(self, display: Display | None) -> None:
        self.display = display or Display()
        self.actions: dict[str, str] = {}
        self.running: str | None = None
        self.interrupt: KeyboardInterrupt | None = None

    def planned(self, stale: Sequence[str], fresh: int) -> None:
        """Passes it on."""
        self.display.planned(stale, fresh)

    def started(self, asset: str) -> None:
        """Passes it on."""
        self.display.started(asset)

    def progress(self, asset: str, what: str, done: int, total: int) -> None:
        """Passes it on."""
        self.display.progress(asset, what, done, total)

    def finished(self, asset: str, action: str, facts: dict[str, Any], effort: Effort) -> None:
        """Records the action and passes it on."""
        self.actions[asset] = action
        self.display.finished(asset, action, facts, effort)

    def failed(self, asset: str) -> None:
        """Passes it on."""
        self.display.failed(asset)

    @contextmanager
    def watching(self, asset: str) -> Iterator[None]:
        """Also records which asset is being built, and an interrupt."""
        self.running = asset
        try:
            with super().watching(asset):
                yield
        except KeyboardInterrupt as interrupt:
            self.interrupt = interrupt
            raise
        except Exception:
            self.running = None
            raise
        self.running = None
