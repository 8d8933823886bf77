"""Pictures of a leaderboard: the mean of each arm with its interval, and a metric along the arms of a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from assets.evaluation.ablations import Series
from assets.reporting.standings import BASELINE, NOT_COMPARED, metrics_of, standing_of
from warehouse.schema.records import BETTER, NOISE, WORSE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {BETTER: "#1b7f5c", WORSE: "#b3423a", NOISE: "#7a7f87", BASELINE: "#1f2933", NOT_COMPARED: "#9fb3c8"}
INCHES_PER_ARM, INCHES_WIDE, INCHES_HIGH = 0.3, 4.6, 2.9


def draw_leaderboard(figure: Figure, standings: pl.DataFrame, series: list[Series], baseline: str) -> None:
    """A column of panels per metric: the means, the differences from `baseline`, and each series."""
    metrics = metrics_of(standings)
    tall = inches_tall(standings["arm"].n_unique())
    heights = [tall, tall, *[INCHES_HIGH] * len(series)]
    figure.set_size_inches(INCHES_WIDE * len(metrics), sum(heights))
    panels = figure.subplots(len(heights), len(metrics), squeeze=False, height_ratios=heights)
    for column, metric in enumerate(metrics):
        draw_means(panels[0][column], standings, metric, baseline)
        if compared(standings, metric):
            draw_differences(panels[1][column], standings, metric, baseline)
        else:
            panels[1][column].remove()
        for row, one in enumerate(series, 2):
            draw_series(panels[row][column], standings, metric, baseline, one)


def compared(standings: pl.DataFrame, metric: tuple[str, str]) -> bool:
    """Whether any arm was compared with the baseline on a metric, so that there are differences to draw."""
    return any(row["over_baseline"] is not None for row in _rows(standings, metric))


def inches_tall(arms: int) -> float:
    """The height in inches of a panel with one line per arm."""
    return 0.9 + INCHES_PER_ARM * arms


def draw_means(axes: Axes, standings: pl.DataFrame, metric: tuple[str, str], baseline: str) -> None:
    """The mean of a metric with its interval for each arm, best on top."""
    rows = _rows(standings, metric)[::-1]
    _lines(axes, rows, ("mean", "low", "high"), baseline)
    axes.set(xlabel=_label(rows[0]))


def draw_differences(axes: Axes, standings: pl.DataFrame, metric: tuple[str, str], baseline: str) -> None:
    """The difference from `baseline` with its interval for each arm, in the order of the means; a line marks zero."""
    rows = [row for row in _rows(standings, metric)[::-1] if row["over_baseline"] is not None]
    axes.axvline(0, color=COLOURS[BASELINE], linewidth=0.8, zorder=0)
    _lines(axes, rows, ("over_baseline", "over_low", "over_high"), baseline)
    axes.set(xlabel=f"{metric[0]}: {metric[1]}, difference from {baseline}")


def draw_series(axes: Axes, standings: pl.DataFrame, metric: tuple[str, str], baseline: str, series: Series) -> None:
    """The mean of a metric with its interval along the arms of a series; the title is what these arms share."""
    value = dict(series.arms)
    rows = sorted((row for row in _rows(standings, metric) if row["arm"] in value), key=lambda row: value[row["arm"]])
    across = [value[row["arm"]] for row in rows]
    axes.plot(across, [row["mean"] for row in rows], color=COLOURS[NOISE], linewidth=1, zorder=0)
    for row in rows:
        error = [[max(row["mean"] - row["low"], 0.0)], [max(row["high"] - row["mean"], 0.0)]]
        axes.errorbar(value[row["arm"]], row["mean"], yerr=error, **_dot(row, baseline))
    axes.set_xticks(sorted(set(across)), [f"{one:g}" for one in sorted(set(across))])
    axes.set(xlabel=series.along)
    axes.set_title(series.of, fontsize="small", loc="left")
    axes.set_ylabel(f"{rows[0]['metric']} ({rows[0]['unit']})" if rows else "")
    _lighten(axes, "y")


def _rows(standings: pl.DataFrame, metric: tuple[str, str]) -> list[dict[str, Any]]:
    return standings.filter(benchmark=metric[0], metric=metric[1]).to_dicts()


def _lines(axes: Axes, rows: list[dict[str, Any]], columns: tuple[str, str, str], baseline: str) -> None:
    for place, row in enumerate(rows):
        middle, low, high = (row[column] for column in columns)
        error = [[max(middle - low, 0.0)], [max(high - middle, 0.0)]]
        axes.errorbar(middle, place, xerr=error, **_dot(row, baseline))
    axes.set_yticks(range(len(rows)), [row["arm"] for row in rows])
    axes.set(ylim=(-0.6, len(rows) - 0.4))
    axes.xaxis.label.set_fontsize("small")  # the labels of two panels side by side would meet
    _lighten(axes, "x")


def _dot(row: dict[str, Any], baseline: str) -> dict[str, Any]:
    return {"fmt": "o", "markersize": 5, "capsize": 3, "color": COLOURS[standing_of(row, baseline)]}


def _label(row: dict[str, Any]) -> str:
    return f"{row['benchmark']}: {row['metric']} ({row['unit']}), {row['better']} is better"


def _lighten(axes: Axes, along: Literal["x", "y"]) -> None:
    axes.grid(axis=along, color="#e4e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
