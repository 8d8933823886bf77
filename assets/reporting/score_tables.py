"""The leaderboard and what stands beside its scores, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from assets.evaluation.facts import FACTS, Facts, named
from assets.evaluation.parts import Parts
from assets.reporting.layout import GAP, LEAST_WIDTH, matrix
from assets.reporting.standings import BASELINE, figure, metrics_of, standing_of
from warehouse.core.texts import counted, on_one_line, shortened, shortened_name
from warehouse.core.visible import visible
from warehouse.schema.records import HIGHER, LOWER

ARROWS = {HIGHER: "↑", LOWER: "↓"}

STYLES = {"better": "green", "worse": "red", BASELINE: "bold"}
"""How a verdict is shown; what it says is in the words."""


def leaderboard_tables(standings: pl.DataFrame, baseline: str, width: int) -> Iterator[RenderableType]:
    """A title and a table for each metric; an arrow shows in which direction it is better.

    Where not all fits into `width`, the intervals of the means are left out, and not those of the differences.
    """
    for number, (benchmark, metric) in enumerate(metrics_of(standings)):
        if number:
            yield Text("")
        rows = standings.filter(benchmark=benchmark, metric=metric).to_dicts()
        counts = f"{_span('item', rows, 'items')}, {_span('seed', rows, 'seeds')}"
        yield Text(f"{benchmark}/{metric} {ARROWS[rows[0]['better']]} in {rows[0]['unit']}, {counts}", "bold")
        yield _metric_table(rows, baseline, width)


def _metric_table(rows: list[dict[str, Any]], baseline: str, width: int) -> Table:
    names = [visible(row["arm"]) for row in rows]
    columns: dict[str, list[Text]] = {"mean": [], "interval": [], "difference, interval": [], "verdict": []}
    for row in rows:
        low, high, mean = (figure(row[name], row["unit"]) for name in ("low", "high", "mean"))
        compared = ""
        if row["over_baseline"] is not None:
            over, least, most = (figure(row[f"over_{name}"], row["unit"], "+") for name in ("baseline", "low", "high"))
            compared = f"{over}  {least} to {most}"
        verdict = standing_of(row, baseline)
        shown = (Text(mean), Text(f"{low} to {high}"), Text(compared), Text(verdict, STYLES.get(verdict, "")))
        for cell, column in zip(shown, columns.values(), strict=True):
            column.append(cell)
    widths = {title: max(len(title), *(cell.cell_len for cell in cells)) for title, cells in columns.items()}
    longest = max(len("arm"), *map(len, names))
    if longest + sum(GAP + one for one in widths.values()) > max(LEAST_WIDTH, width):
        del columns["interval"], widths["interval"]
    longest = min(longest, max(LEAST_WIDTH, width) - sum(GAP + one for one in widths.values()))
    made = Table(box=None, pad_edge=False)
    made.add_column("arm", width=longest, no_wrap=True)
    for title in columns:
        made.add_column(title, width=widths[title], justify="left" if title == "verdict" else "right")
    for name, *cells in zip(names, *columns.values(), strict=True):
        made.add_row(Text(shortened_name(name, longest)), *cells)
    return made


def _span(what: str, rows: list[dict[str, Any]], column: str) -> str:
    least, most = min(row[column] for row in rows), max(row[column] for row in rows)
    return counted(least, what) if least == most else f"{least} to {most} {what}s"


def nothing_differs(standings: pl.DataFrame, baseline: str) -> str | None:
    """One line for a leaderboard on which no arm is better or worse than the baseline; None for any other."""
    compared = standings.filter(pl.col("verdict").is_not_null())
    if compared.is_empty() or compared["verdict"].is_in(["better", "worse"]).any():
        return None
    arms, metrics = compared["arm"].n_unique(), compared.select("benchmark", "metric").n_unique()
    return (
        f"leaderboard: {counted(arms, 'arm')} within the noise of {baseline} in {counted(metrics, 'metric')}; "
        "slingshot status shows it"
    )


def facts_tables(facts: Facts, width: int) -> Iterator[RenderableType]:
    """What is shown beside the scores of each arm, by benchmark; "" where an arm has no such fact."""
    for number, (benchmark, by_arm) in enumerate(facts.items()):
        if number:
            yield Text("")
        used = [fact for fact in FACTS if fact in named(facts, benchmark)]
        yield Text(benchmark, "bold")
        rows = [(arm, [fact_figure(values.get(fact.name)) for fact in used]) for arm, values in by_arm.items()]
        yield from matrix("arm", [f"{fact.title} ({fact.unit})" for fact in used], rows, width)


def fact_figure(value: float | None) -> str:
    """A fact as text, with one decimal; "" where there is none."""
    return "" if value is None else f"{value:.1f}"


def parts_tables(parts: Parts, standings: pl.DataFrame, width: int) -> Iterator[RenderableType]:
    """The means by part, for each metric."""
    unit = {f"{row['benchmark']}/{row['metric']}": row["unit"] for row in standings.iter_rows(named=True)}
    for number, (name, one) in enumerate(parts.items()):
        if number:
            yield Text("")
        columns = one["items"]
        titles = [f"{part_title(part)} ({items})" for part, items in columns.items()]
        rows = [
            (arm, [figure(means[part], unit[name]) if part in means else "" for part in columns])
            for arm, means in one["means"].items()
        ]
        yield Text(f"{name} by part, in {unit[name]}", "bold")
        yield from matrix("arm", titles, rows, width)


def part_title(part: str) -> str:
    """The name of a part, which may be a text of a source, on one short line."""
    return visible(shortened(on_one_line(part), 30))
