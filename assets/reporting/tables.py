"""Tables for the terminal (rich): an estimate, the quality of training sets, a garbage collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from rich.console import RenderableType
from rich.table import Table

from assets.curation.languages import languages_shown
from assets.curation.quality import MEASURES, Measure
from assets.planning.estimate import Stage
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
    columns = ("assets", "completions", "tokens written", "losses, embeddings", "trainings", "tokens trained")
    rows = []
    for one in found:
        counts = (one.completions, one.tokens, one.readings, one.trainings, one.trained)
        rows.append((one.name, [str(one.assets), *(f"≤ {count:,}" if count else "" for count in counts)]))
    return [*matrix("stage", columns, rows, width)]


def estimate_summary(found: Sequence[Stage], written_rate: float | None, trained_rate: float | None) -> str:
    """The estimate in words, with hours if the rates (tokens a second, written and trained on) are given."""
    tokens, trained = sum(one.tokens for one in found), sum(one.trained for one in found)
    text = f"at most {sum(one.completions for one in found):,} completions with {tokens:,} tokens"
    text += _hours(tokens, written_rate) + f", and {counted(sum(one.trainings for one in found), 'training')}"
    text += f" over {trained:,} tokens" + _hours(trained, trained_rate)
    if written_rate or trained_rate:
        text += "; the hours leave out prompts, losses and embeddings"
    if uncounted := [asset for one in found for asset in one.uncounted]:
        text += f"; not counted: {', '.join(uncounted)}"
    return text


def _hours(tokens: int, rate: float | None) -> str:
    return f" ({tokens / rate / 3600:,.1f} hours at {rate:,g} tokens a second)" if rate else ""


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
    return [one for one in (versions, rows, folders) if one.row_count]


def mebibytes(size: int) -> str:
    """Bytes as MiB, without the unit."""
    return f"{size / 2**20:.1f}"
