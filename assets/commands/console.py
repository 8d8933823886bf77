"""The console that all commands print tables and trees to."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from assets.commands.interrupts import OutputClosed
from warehouse.core.visible import visible


class SafeConsole(Console):
    """A console that writes control characters of texts as escapes (see `visible`), and stops where nobody reads it."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Every text of a table or tree comes through here before it is broken into lines."""
        if isinstance(renderable, Text) and (shown := visible(renderable.plain)) != renderable.plain:
            renderable = renderable.blank_copy(shown)
        elif isinstance(renderable, str):
            renderable = visible(renderable)
        return super().render(renderable, options)

    def on_broken_pipe(self) -> None:
        """Raises OutputClosed."""
        self.quiet = True
        raise OutputClosed
