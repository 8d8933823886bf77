"""The bar of a build: which step of how many, the asset, what is done there, how far it is, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.text import Text

from warehouse.core.texts import clock, shortened_in_the_middle

INDENT = 11
"""Where the names of assets begin in the lines of a build."""


class ProgressBar:
    """Two lines at the end of the terminal; in a pipe nothing."""

    def __init__(self, console: Console) -> None:
        self._progress = _TwoLines(
            BarColumn(bar_width=24),
            _Counts(),
            _Times(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", visible=False, total=None, began=0.0)

    def start(self) -> None:
        """Shows it, once there is something to show."""
        self._progress.start()

    def stop(self) -> None:
        """Removes it."""
        self._progress.stop()

    def begin(self, headline: str) -> None:
        """A step begins: nothing is counted yet, and its time starts."""
        self._progress.reset(self._task, total=None, description=headline, visible=True, began=time.monotonic())

    def show(self, headline: str, done: int, total: int) -> None:
        """`done` of `total` are finished; a `total` of 0 means that nothing is counted."""
        task = self._progress.tasks[self._task]
        if done == 0 or done < task.completed or total != (task.total or 0):
            # What is estimated from earlier counts says nothing about these.
            self._progress.reset(self._task, total=total or None, completed=done, description=headline, visible=True)
        else:
            self._progress.update(self._task, completed=done, description=headline)

    def hide(self) -> None:
        """The step has ended."""
        self._progress.update(self._task, visible=False)


class _TwoLines(Progress):
    """What is done above, and how far it is below, so that neither is cut at 80 columns."""

    def get_renderables(self) -> Iterable[RenderableType]:
        for task in self.tasks:
            if task.visible:
                yield Text(shortened_in_the_middle(task.description, self.console.width), no_wrap=True)
                yield self.make_tasks_table([task])


class _Counts(ProgressColumn):
    """ "24/77"; nothing where nothing is counted."""

    def render(self, task: Task) -> Text:
        return Text("" if task.total is None else f"{task.completed:.0f}/{task.total:.0f}")


class _Times(ProgressColumn):
    """The time since the step began and, where it can be estimated, the time until what is counted is done."""

    def render(self, task: Task) -> Text:
        shown = f"{clock(time.monotonic() - task.fields['began'])} elapsed"
        if task.total is not None and task.time_remaining is not None:
            shown += f", {clock(task.time_remaining)} left"
        return Text(shown)
