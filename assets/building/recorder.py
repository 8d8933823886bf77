"""Records what a build does to each asset, beside whatever display shows it."""

from __future__ import annotations

from typing import Any

from assets.building.display import Display
from warehouse.store.versions import Effort


class Recorder(Display):
    """Passes every event on to `display`, and keeps in `actions` what happened to each finished asset.

    An action is "built", "restored" (a stored version is the current one again) or "unchanged".
    """

    def __init__(self, display: Display | None) -> None:
        self.display = display or Display()
        self.actions: dict[str, str] = {}

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
