"""Shows the progress of a build in the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from warehouse.results.result import WARNINGS
from warehouse.schema.bookkeeping import OUTCOMES
from warehouse.store.versions import Effort


class Display:
    """Is called while an asset is built and when it ends; this one shows nothing."""

    def progress(self, asset: str, what: str, done: int, total: int) -> None:
        """`done` of `total` pieces of work are finished; `what` says which (model calls, training steps)."""

    def finished(self, asset: str, action: str, facts: dict[str, Any], effort: Effort) -> None:
        """The asset is published."""

    def failed(self, asset: str) -> None:
        """The asset is not published, or failed a blocking check; the build prints the reason at its end."""

    @contextmanager
    def watching(self, asset: str) -> Iterator[None]:
        """Calls `failed` if the block raises, and raises the error again."""
        try:
            yield
        except Exception:
            self.failed(asset)
            raise


class TerminalDisplay(Display):
    """Prints a line per finished asset and a bar for the one in progress."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("", visible=False)

    def __enter__(self) -> TerminalDisplay:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def progress(self, asset: str, what: str, done: int, total: int) -> None:
        """Moves the bar."""
        description = f"{asset}: {what}"
        if self._bar.tasks[0].description != description or done == 0:
            self._bar.reset(self._task, total=total, description=description, visible=True)
        self._bar.update(self._task, completed=done, total=total)

    def finished(self, asset: str, action: str, facts: dict[str, Any], effort: Effort) -> None:
        """Prints the asset's line."""
        self._bar.update(self._task, visible=False)
        outcomes: Counter[str] = Counter()
        for row in facts["rows"]:
            outcomes[row["outcome"]] += row["rows"]
        rows = ", ".join(f"{outcomes[name]} {name}" for name in OUTCOMES if outcomes[name]) or "no rows"
        calls = f" · {effort.computed} calls" if effort.computed else ""
        memo = f" · {effort.from_memo} from memo" if effort.from_memo else ""
        self.console.print(f"{action:>9}  {asset:<48} {effort.seconds:6.1f} s  {rows}{calls}{memo}", highlight=False)
        for warning in facts["notes"].get(WARNINGS, ()):
            self.console.print(f"{'note':>9}  {asset}: {warning}", highlight=False, markup=False)

    def failed(self, asset: str) -> None:
        """Prints at once that it failed; the reason follows at the end of the build, which may be hours later."""
        self._bar.update(self._task, visible=False)
        self.console.print(f"{'failed':>9}  {asset}", highlight=False)
