"""Pictures of a result, as PNG in base64: mostly distributions of scores."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, get_args

import polars as pl

from assets.curation.diversity import RULES
from assets.curation.rule import Rule
from assets.enhancement.measuring import label
from assets.evaluation.ablations import BASELINE, SERIES, Series
from assets.recipe.filters import AlignmentFilter
from assets.recipe.values import AlignmentMeasure
from assets.reporting.standing_plots import draw_leaderboard
from assets.training.validation import LOSSES, seed_name
from warehouse.results.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(name: str, result: Result) -> str | None:
    """The picture `name` of a result, or None if there is nothing to draw."""
    from matplotlib.figure import Figure  # takes half a second to import, which only a build needs

    figure = Figure(figsize=(6, 3), layout="constrained")
    if len(result.decisions) == 0 or not _PLOTS[name](figure, result):
        return None
    buffer = io.BytesIO()  # nothing is cut off: the picture grows with its labels
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    return base64.b64encode(buffer.getvalue()).decode()


def _cut(figure: Figure, result: Result, rule: str, label: str) -> bool:
    ruled = result.decisions.filter(pl.col("cut").is_not_null() & pl.col("score").is_finite())
    ruled = ruled.filter((pl.col("outcome") == "kept") | (pl.col("reason") == rule))
    if ruled.is_empty():
        return False
    axes = figure.subplots()
    kept = pl.col("outcome") == "kept"
    groups = [ruled.filter(kept)["score"].to_list(), ruled.filter(~kept)["score"].to_list()]
    axes.hist(groups, bins=30, stacked=True, label=["kept", "dropped"], color=["#2a7f62", "#c44e52"])
    axes.axvline(ruled["cut"][0], color="black", linestyle="--", label=f"cut {ruled['cut'][0]:.3g}")
    axes.set(xlabel=label, ylabel="rows")
    axes.legend()
    return True


def _diversity(rule: Rule, figure: Figure, result: Result) -> bool:
    if rule.cut is not None:
        return _cut(figure, result, rule.reason, rule.measures)
    scores = result.decisions.filter(pl.col("outcome") == "rejected")["score"].drop_nulls()
    if scores.is_empty():
        return False
    axes = figure.subplots()
    axes.hist(scores.to_list(), bins=30, color="#c44e52")
    axes.set(xlabel=rule.measures, ylabel="rows")
    return True


def _measures(figure: Figure, result: Result) -> bool:
    """One panel per measure: their units differ."""
    found = result.kept.drop_nulls("value")
    if found.is_empty():
        return False
    measures = found["measure"].unique(maintain_order=True).to_list()
    figure.set_size_inches(6, 3 * len(measures))
    for axes, measure in zip(figure.subplots(len(measures), squeeze=False)[:, 0], measures, strict=True):
        axes.hist(found.filter(measure=measure)["value"].to_list(), bins=30, color="#4c72b0")
        axes.set(xlabel=measure.replace("_", " "), ylabel="pairs")
    return True


def _loss(figure: Figure, result: Result) -> bool:
    axes = figure.subplots()
    for row in result.kept.iter_rows(named=True):
        axes.plot(
            range(1, len(row["losses"]) + 1), row["losses"], marker=".", label=f"{row['name']}, seed {row['seed']}"
        )
    for seed, found in result.notes.get(LOSSES, {}).items():
        steps = next(len(row["losses"]) for row in result.kept.iter_rows(named=True) if seed == seed_name(row["seed"]))
        ends = [steps * (epoch + 1) // len(found) for epoch in range(len(found))]
        axes.plot(ends, found, marker="o", linestyle="--", label=f"held out, {seed}")
    axes.set(xlabel="optimizer step", ylabel="mean loss (nats per token)")
    axes.legend()
    return True


def _scores(figure: Figure, result: Result) -> bool:
    if result.kept.is_empty():
        return False
    series = [Series(**one) for one in result.notes.get(SERIES, [])]
    draw_leaderboard(figure, result.kept, series, result.notes[BASELINE])
    return True


_AXES = {"IFD": "instruction-following difficulty", "gain": "gain (nats per token)"}
_ALIGNED = [label(AlignmentFilter(measure=measure)) for measure in get_args(AlignmentMeasure)]

_PLOTS: dict[str, Callable[[Figure, Result], bool]] = {
    **{name: partial(_cut, rule=name, label=_AXES.get(name, name)) for name in ("perplexity", *_ALIGNED)},
    "measures": _measures,
    "loss": _loss,
    "scores": _scores,
    **{name: partial(_diversity, rule) for name, rule in RULES.items()},
}
