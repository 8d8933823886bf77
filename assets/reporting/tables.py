"""Tables for the terminal (rich): an estimate and its hours, the quality of training sets, a garbage collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from rich.console import RenderableType
from rich.table import Table

from assets.curation.quality import MEASURES, Measure
from assets.planning.estimate import Stage
from assets.planning.hours import Work, left_out
from assets.prompting.languages import languages_shown
from assets.reporting.layout import GAP, LEAST_WIDTH, matrix
from assets.reporting.layout import table as table
from assets.reporting.overlaps import Overlap
from warehouse.core.texts import counted, shortened_name
from warehouse.store.collection import Garbage


def quality_tables(found: Mapping[str, pl.DataFrame], width: int) -> list[RenderableType]:
    """The quality of each training set, by arm (see assets/curation/quality.py)."""
    titles = [f"{one.title} ({one.unit})" if one.unit else one.title for one in MEASURES]
    rows = []
    for arm, frame in found.items():
        value = dict(zip(frame["measure"], frame["value"], strict=True))
        figures = [quality_figure(value.get(one.name), one) for one in MEASURES]
        rows.append((arm, [*figures, languages_shown(value)]))
    return [*matrix("training set", [*titles, "languages"], rows, width, ["languages"])]


def overlaps_table(found: Sequence[Overlap], width: int) -> Table:
    """How many rows each two training sets share."""
    shown = table("training set", "rows", "and", "rows", "shared", left=1)
    shown.columns[2].justify = "left"
    sizes = max(len(str(size)) for one in found for size in (one.size, one.other_size))
    named = (max(LEAST_WIDTH, width) - len("shared") - 2 * max(sizes, len("rows")) - 4 * GAP) // 2
    for one in found:
        names = [shortened_name(name, named) for name in (one.arm, one.other)]
        shown.add_row(names[0], str(one.size), names[1], str(one.other_size), str(one.rows))
    return shown


def quality_figure(value: float | None, measure: Measure) -> str:
    """A number as text: percentages and words without decimals, others with two; "" where there is none."""
    return "" if value is None else f"{value:.{0 if measure.unit in ('%', 'words') else 2}f}"


def estimate_tables(found: Sequence[Stage], width: int) -> list[RenderableType]:
    """One line per stage: its upper bounds."""
    columns = ("assets", "completions", "tokens written", "losses", "embeddings", "trainings", "tokens trained")
    rows = []
    for one in found:
        counts = (one.completions, one.tokens, one.losses, one.embeddings, one.trainings, one.trained)
        rows.append((one.name, [str(one.assets), *(f"≤ {count:,}" if count else "" for count in counts)]))
    return [*matrix("stage", columns, rows, width)]


def estimate_summary(found: Sequence[Stage]) -> str:
    """The estimate in words."""
    completions, tokens = sum(one.completions for one in found), sum(one.tokens for one in found)
    read = (("losses", sum(one.losses for one in found)), ("embeddings", sum(one.embeddings for one in found)))
    text = f"at most {completions:,} completions with {tokens:,} tokens"
    text += "".join(f", {count:,} {what}" for what, count in read if count)
    text += f", and {counted(sum(one.trainings for one in found), 'training')}"
    text += f" over {sum(one.trained for one in found):,} tokens"
    if uncounted := [asset for one in found for asset in one.uncounted]:
        text += f"; not counted: {', '.join(uncounted)}"
    return text


def hours_table(found: Sequence[Work]) -> Table:
    """One line per kind of work: how much there is, the rate and where it is from, and the hours."""
    shown = table("work", "at most", "per second", "hours", "rate", left=1)
    shown.columns[-1].justify = "left"
    for one in found:
        amount = "not known" if one.at_most is None else f"{one.at_most:,}"
        rate = "" if one.per_second is None else f"{one.per_second:,.{0 if one.per_second >= 100 else 1}f}"
        hours = "" if one.hours is None else _hours(one.hours)
        shown.add_row(one.name, amount, rate, hours, one.rate or "not known")
    return shown


def _hours(value: float) -> str:
    return "< 0.01" if value < 0.01 else f"{value:,.{1 if value >= 1 else 2}f}"


def hours_summary(found: Sequence[Work]) -> str:
    """The sum of the hours, and what is not in it, with the options that would tell."""
    hours, missing = [one.hours for one in found if one.hours is not None], left_out(found)
    named = ", ".join(f"{one.name} ({' and '.join(one.options)})" for one in missing)
    if not found:
        return "no model is called"
    if not hours:
        return f"hours are not known without rates: {named}"
    text = f"at most {_hours(sum(hours))} hours at these rates"
    return f"{text}; without {named}, which are not known" if missing else text


def garbage_tables(garbage: Garbage) -> list[Table]:
    """What a garbage collection would free: versions by asset, rows by table, checkpoint folders with their size."""
    by_asset: dict[str, list[str]] = {}
    for one in garbage.versions:
        by_asset.setdefault(one.asset, []).append(f"{one.version[:9]} of {one.created_at:%Y-%m-%d %H:%M}")
    versions = table("asset", "versions to free, by the time (UTC) they were made", left=2)
    for asset, listed in by_asset.items():
        versions.add_row(asset, ", ".join(listed))
    rows = table("table", "rows to free", left=1)
    for name, count in garbage.rows.items():
        rows.add_row(name, str(count))
    folders = table("checkpoint", "MiB to free", left=1)
    for folder in garbage.folders:
        folders.add_row(folder.path.name, mebibytes(folder.bytes))
    shared = table("checkpoint to delete in the store", left=1)
    for training, _ in garbage.shared:
        shared.add_row(training)
    return [one for one in (versions, rows, folders, shared) if one.row_count]


def mebibytes(size: int) -> str:
    """Bytes as MiB, without the unit."""
    return f"{size / 2**20:.1f}"
