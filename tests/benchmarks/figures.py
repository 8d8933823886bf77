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

    `aim` bounds the ratio of the medians, how far they lie apart, or the measurement's own; None where there is none.
    """

    what: str
    seconds: Sequence[float]
    floor: Sequence[float]
    floor_is: str
    bounds: Literal["ratio", "difference", "seconds"] = "ratio"
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
        found = {"ratio": self.ratio, "difference": self.difference, "seconds": median(self.seconds)}
        return self.aim is None or found[self.bounds] <= self.aim


def table_of(figures: Sequence[Figure]) -> Table:
    """One line per figure."""
    table = Table("what", "seconds", "floor", "the floor is", "ratio", "over the floor", "aim", box=None)
    for figure in figures:
        aim = ""
        if figure.aim is not None:
            aim = f"≤ {figure.aim:g}{'×' if figure.bounds == 'ratio' else ' s'} "
            aim += "met" if figure.met else "MISSED"
        table.add_row(
            figure.what,
            _spread(figure.seconds),
            _spread(figure.floor),
            figure.floor_is,
            f"{figure.ratio:.2f}×",
            f"{figure.difference:+.{_digits(figure.seconds)}f} s",
            aim,
        )
    return table


def _spread(seconds: Sequence[float]) -> str:
    digits = _digits(seconds)
    return f"{median(seconds):.{digits}f} ({min(seconds):.{digits}f}–{max(seconds):.{digits}f})"


def _digits(seconds: Sequence[float]) -> int:
    return 2 if median(seconds) >= 0.1 else 4
