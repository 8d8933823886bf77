"""The losses of all students of a study in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assets.reporting.samples import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = ("-", "--", ":", "-.")
"""Ten colours repeat after ten arms; the line is then another one."""


def draw_losses(axes: Axes, curves: Sequence[Curve]) -> None:
    """One line per training; those of an arm have one colour, and the arm is named once."""
    arms = list(dict.fromkeys(one.arm for one in curves))
    for place, arm in enumerate(arms):
        of_arm = [one for one in curves if one.arm == arm]
        for number, one in enumerate(of_arm):
            axes.plot(
                range(1, len(one.losses) + 1),
                one.losses,
                color=f"C{place % 10}",
                linestyle=STYLES[place // 10 % len(STYLES)],
                linewidth=1.2,
                alpha=1.0 if number == 0 else 0.5,
                label=arm if number == 0 else None,
            )
    axes.set(xlabel="optimizer step", ylabel="mean loss (nats per token)")
    axes.grid(color="#e4e7eb", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
