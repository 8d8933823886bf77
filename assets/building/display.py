"""Shows the progress of a build in the terminal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from assets.building.progress_bar import INDENT, ProgressBar
from warehouse.core.texts import clock, shortened_name
from warehouse.results.result import WARNINGS
from warehouse.schema.bookkeeping import OUTCOMES
from warehouse.store.published import Effort

STYLES = {"built": "green", "restored": "cyan", "unchanged": "dim", "failed": "bold red", "note": "yellow"}
"""How the first word of a line is shown; what it says is in the word."""

STATES = ("built", "restored", "unchanged", "failed")
"""How a step can end, in the order of the totals."""

WIDEST_NAME = 52
"""Names of assets that are longer are shortened; in a terminal, also those that leave no room for the time."""


class Display:
    """Is called while an asset is built and when it ends; this one shows nothing."""

    def planned(self, stale: Sequence[str], fresh: int) -> None:
        """A build of the assets `stale` begins, in this order; `fresh` more stay as they are."""

    def started(self, asset: str) -> None:
        """The asset is built next."""

    def progress(self, asset: str, what: str, done: int, total: int) -> None:
        """`done` of `total` pieces of work are finished; `what` says which (model calls, training steps).

        A `total` of 0 means that nothing is counted, as while a model is loaded.
        """

    def finished(self, asset: str, action: str, facts: dict[str, Any], effort: Effort) -> None:
        """The asset is published."""

    def failed(self, asset: str) -> None:
        """The asset is not published, or failed a blocking check; the build prints the reason at its end."""

    @contextmanager
    def watching(self, asset: str) -> Iterator[None]:
        """Calls `started`, and `failed` if the block raises, and raises the error again."""
        self.started(asset)
        try:
            yield
        except Exception:
            self.failed(asset)
            raise


class TerminalDisplay(Display):
    """Prints a line per finished asset, and a bar for the one in progress if it is a terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.counts: Counter[str] = Counter()
        self.computed = 0
        self._bar = ProgressBar(console)
        self._began = time.monotonic()
        self._step, self._steps, self._fresh, self._widest = 0, 0, 0, WIDEST_NAME
        self._last = ("", "")

    def __enter__(self) -> TerminalDisplay:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def planned(self, stale: Sequence[str], fresh: int) -> None:
        """Takes the number of steps, and the width of the names."""
        self._steps, self._fresh = len(stale), fresh
        self.counts["unchanged"] = fresh
        room = self.console.width - INDENT - len("  1234.5 s") if self.console.is_terminal else WIDEST_NAME
        self._widest = min(WIDEST_NAME, room, max(map(len, stale), default=0))

    def started(self, asset: str) -> None:
        """Shows the asset in the bar."""
        self._step += 1
        self._bar.begin(self._headline(asset))

    def progress(self, asset: str, what: str, done: int, total: int) -> None:
        """Moves the bar."""
        self._bar.show(f"{self._headline(asset)}: {what}", done, total)

    def finished(self, asset: str, action: str, facts: dict[str, Any], effort: Effort) -> None:
        """Prints the asset's line: two in a terminal that is too narrow for one."""
        self._bar.hide()
        self.counts[action] += 1
        self.computed += effort.computed
        self._last = (asset, action)
        outcomes: Counter[str] = Counter()
        for row in facts["rows"]:
            outcomes[row["outcome"]] += row["rows"]
        rows = ", ".join(f"{outcomes[name]} {name}" for name in OUTCOMES if outcomes[name]) or "no rows"
        calls = f" · {effort.computed} calls" if effort.computed else ""
        memo = f" · {effort.from_memo} from memo" if effort.from_memo else ""
        name = f"{shortened_name(asset, self._widest):<{self._widest}}"
        self._line(action, f"{name}  {effort.seconds:6.1f} s", f"{rows}{calls}{memo}")
        for warning in facts["notes"].get(WARNINGS, ()):
            self._line("note", f"{asset}: {warning}")

    def failed(self, asset: str) -> None:
        """Prints at once that it failed; the reason follows at the end of the build, which may be hours later."""
        self._bar.hide()
        if self._last[0] == asset:
            self.counts[self._last[1]] -= 1  # its rows are stored, but it failed a blocking check
        self.counts["failed"] += 1
        self._line("failed", asset)

    def totals(self) -> str:
        """The build in one line: "23 built, 17 unchanged in 4:12, 964 calls"."""
        parts = [f"{self.counts[state]} {state}" for state in STATES if self.counts[state]]
        if left := self._fresh + self._steps - self.counts.total():
            parts.append(f"{left} not reached")
        calls = {0: "no calls", 1: "1 call"}.get(self.computed, f"{self.computed} calls")
        return f"{', '.join(parts)} in {clock(time.monotonic() - self._began)}, {calls}"

    def _headline(self, asset: str) -> str:
        return f"step {self._step}/{self._steps}  {asset}"

    def _line(self, word: str, text: str, more: str = "") -> None:
        head = Text.assemble((f"{word:>{INDENT - 2}}", STYLES.get(word, "")), f"  {text}")
        whole = Text.assemble(head, f"  {more}" if more else "")
        if not self.console.is_terminal:
            self.console.print(whole, soft_wrap=True)  # a line of a pipe is one asset
        elif whole.cell_len <= self.console.width or not more:
            self.console.print(whole)
        else:
            self.console.print(head, Padding(Text(more), (0, 0, 0, INDENT), expand=False))
