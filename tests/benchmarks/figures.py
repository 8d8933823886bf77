"""How the benchmarks count: repetitions of a measurement, each beside its floor, and the table of them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """Seconds of each repetition, beside those of the floor taken in turn with it.

    `aim` bounds the ratio of the medians, or how far they lie apart; None where there is no aim.
    """

    what: str
    seconds: Sequence[float]
    floor: Sequence[float]
    floor_is: str
    bounds: Literal["ratio", "difference"] = "ratio"
    aim: float | None = None

    @property
    def ratio(self) -> float:
        """Of the median to that of the floor."""
        return median(self.seconds) / median(self.floor)

    @property
    def difference(self) -> float:
        """Of the median to that of the floor, in seconds."""
        return median(self.seconds) - median(self.floor)

    @property
    def met(self) -> bool:
        """Whether the aim is met, as far as there is one."""
        return self.aim is None or (self.ratio if self.bounds == "ratio" else self.difference) <= self.aim


def table_of(figures: Sequence[Figure]) -> Table:
    """One line per figure."""
    table = Table("what", "seconds", "floor", "the floor is", "ratio", "over the floor", "aim", box=None)
    for figure in figures:
        aim = ""
        if figure.aim is not None:
            aim = f"≤ {figure.aim:g}× " if figure.bounds == "ratio" else f"≤ {figure.aim:g} s "
            aim += "met" if figure.met else "MISSED"
        table.add_row(
            figure.what,
            _spread(figure.seconds),
            _spread(figure.floor),
            figure.floor_is,
            f"{figure.ratio:.2f}×",
            f"{figure.difference:+.2f} s",
            aim,
        )
    return table


def _spread(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.2f} ({min(seconds):.2f}–{max(seconds):.2f})"
