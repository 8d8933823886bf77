"""Tables for the terminal (rich): a plan, an estimate, the status, the leaderboard, a garbage collection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl
from rich.table import Table
from rich.text import Text

from assets import STAGES
from assets.curation.languages import languages_shown
from assets.curation.quality import MEASURES, Measure
from assets.evaluation.facts import FACTS, Facts, named
from assets.evaluation.parts import Parts
from assets.planning.estimate import Stage
from assets.planning.planned import Planned
from assets.reporting.overlaps import Overlap
from assets.reporting.standings import figure, standing_of
from warehouse.audit.status import AssetStatus
from warehouse.core.texts import duration, on_one_line, shortened
from warehouse.core.visible import visible
from warehouse.schema.records import HIGHER, LOWER
from warehouse.store.collection import Garbage

ARROWS = {HIGHER: "↑", LOWER: "↓"}
STATES = {"none": "fresh", "restore": "restore", "build": "stale", "wait": "waiting"}


def plan_table(plan: Sequence[Planned]) -> Table:
    """One line per asset: its state, the reasons, and its cost."""
    shown = table("asset", "state", "because", "rows", "calls", "in memo", "model time", left=3)
    for one in plan:
        if one.action == "none" and not one.error:
            shown.add_row(one.asset, "fresh")
            continue
        because = list(one.reasons)
        if one.error:
            because.append(f"fails: {one.error}")
        elif one.same_content:
            because.append("its rows do not change")
        known = not one.error
        rows = _bound(one.most_rows, False) if one.rows is None else str(one.rows)
        shown.add_row(
            one.asset,
            STATES[one.action],
            Text("; ".join(because)),  # texts of the recipe may look like markup of rich
            rows if known and one.action != "restore" else "",
            _bound(one.calls, one.exact) if one.calls != 0 and known else "",
            str(one.from_memo or ""),
            _time(one) if one.calls != 0 and known else "",
        )
    return shown


def plan_summary(plan: Sequence[Planned]) -> str:
    """The plan in one sentence."""
    count = Counter(STATES[one.action] for one in plan)
    assets = _counted(len(plan), "asset")
    if count["fresh"] == len(plan) and not any(one.error for one in plan):
        return f"{assets}, all fresh: a build has nothing to do"
    parts = [f"{count[state]} {state}" for state in STATES.values() if count[state]]
    text = f"{assets}: {', '.join(parts)}; "
    counted = [one.calls for one in plan if one.calls is not None]
    calls, uncounted = sum(counted), len(plan) - len(counted)
    most = "" if all(one.exact for one in plan) else "at most "
    text += f"{most}{_counted(calls, 'model call')} to compute" if calls else "no model call to compute"
    if uncounted:
        return f"{text}, apart from those of {_counted(uncounted, 'asset')}, which cannot be counted yet"
    measured = [one.seconds for one in plan if one.seconds is not None]
    if len(measured) < len(plan):
        return f"{text}; how long some of them take is not known yet"
    return f"{text}, {most}{duration(sum(measured))} at the rates measured here" if calls else text


def status_table(found: Sequence[AssetStatus]) -> Table:
    """One line per asset: version, rows by outcome, cost of the last build."""
    shown = table("asset", "version", "rows", "last build", "computed", "from memo", "tokens", "seconds", left=4)
    for one in found:
        rows = ", ".join(f"{count} {outcome}" for outcome, count in one.rows.items())
        seconds = "" if one.seconds is None else f"{one.seconds:.1f}"
        counts = ["" if count is None else str(count) for count in (one.computed, one.from_memo, one.tokens)]
        version = (one.version or "not built")[:9]
        shown.add_row(one.asset, version, rows, one.action or "", *counts, seconds)
    return shown


def stages_table(stages: Sequence[str], found: Sequence[AssetStatus]) -> Table:
    """Seconds of the last build by stage of the pipeline; `stages` has the stage of each asset in `found`."""
    shown = table("stage", "seconds of the last build", left=1)
    for stage in (stage for stage in STAGES if stage in stages):
        seconds = sum(one.seconds or 0 for name, one in zip(stages, found, strict=True) if name == stage)
        shown.add_row(stage, f"{seconds:.1f}")
    return shown


def leaderboard_table(standings: pl.DataFrame, baseline: str) -> Table:
    """The published leaderboard; an arrow shows in which direction a metric is better."""
    shown = table(
        "benchmark", "metric", "arm", "mean", "interval", "difference", "interval", "verdict", "items", "seeds", left=3
    )
    for row in standings.iter_rows(named=True):
        over = row["over_baseline"]
        low, high, mean = (figure(row[name], row["unit"]) for name in ("low", "high", "mean"))
        compared = ["", ""]
        if over is not None:
            over, least, most = (figure(row[f"over_{name}"], row["unit"], "+") for name in ("baseline", "low", "high"))
            compared = [over, f"{least} to {most}"]
        counts = [str(row["items"]), str(row["seeds"])]
        shown.add_row(
            row["benchmark"],
            f"{row['metric']} {ARROWS[row['better']]}",
            row["arm"],
            f"{mean} {row['unit']}",
            f"{low} to {high}",
            *compared,
            standing_of(row, baseline),
            *counts,
        )
    return shown


def facts_table(facts: Facts) -> Table:
    """What is shown beside the scores of each arm, by benchmark; "" where an arm has no such fact."""
    used = [fact for fact in FACTS if any(fact in named(facts, benchmark) for benchmark in facts)]
    shown = table("benchmark", "arm", *(f"{fact.title} ({fact.unit})" for fact in used), left=2)
    for benchmark, by_arm in facts.items():
        for arm, values in by_arm.items():
            shown.add_row(benchmark, arm, *(fact_figure(values.get(fact.name)) for fact in used))
    return shown


def fact_figure(value: float | None) -> str:
    """A fact as text, with one decimal; "" where there is none."""
    return "" if value is None else f"{value:.1f}"


def parts_tables(parts: Parts, standings: pl.DataFrame) -> list[Table]:
    """The means by part, one table for all metrics whose items have the same parts."""
    unit = {f"{row['benchmark']}/{row['metric']}": row["unit"] for row in standings.iter_rows(named=True)}
    tables: dict[tuple[tuple[str, int], ...], Table] = {}
    for name, one in parts.items():
        columns = tuple(one["items"].items())
        if columns not in tables:
            titles = [Text(f"{part_title(part)} ({items})") for part, items in columns]
            tables[columns] = table("benchmark", "metric", "arm", left=3)
            for title in titles:
                tables[columns].add_column(title, justify="right")
        for arm, means in one["means"].items():
            shown = [f"{figure(means[part], unit[name])} {unit[name]}" if part in means else "" for part, _ in columns]
            tables[columns].add_row(*name.split("/"), arm, *shown)
    return [*tables.values()]


def part_title(part: str) -> str:
    """The name of a part, which may be a text of a source, on one short line."""
    return visible(shortened(on_one_line(part), 30))


def quality_table(found: Mapping[str, pl.DataFrame]) -> Table:
    """The quality of each training set, by arm (see assets/curation/quality.py)."""
    titles = [f"{one.title} ({one.unit})" if one.unit else one.title for one in MEASURES]
    shown = table("training set", *titles, "languages", left=1)
    for arm, frame in found.items():
        value = dict(zip(frame["measure"], frame["value"], strict=True))
        figures = [quality_figure(value.get(one.name), one) for one in MEASURES]
        shown.add_row(arm, *figures, languages_shown(value))
    return shown


def overlaps_table(found: Sequence[Overlap]) -> Table:
    """How many rows each two training sets share."""
    shown = table("training set", "rows", "and", "rows", "shared", left=1)
    shown.columns[2].justify = "left"
    for one in found:
        shown.add_row(one.arm, str(one.size), one.other, str(one.other_size), str(one.rows))
    return shown


def quality_figure(value: float | None, measure: Measure) -> str:
    """A number as text: percentages and words without decimals, others with two; "" where there is none."""
    return "" if value is None else f"{value:.{0 if measure.unit in ('%', 'words') else 2}f}"


def estimate_table(found: Sequence[Stage]) -> Table:
    """One line per stage: its upper bounds."""
    shown = table(
        "stage", "assets", "completions", "tokens written", "losses, embeddings", "trainings", "tokens trained", left=1
    )
    for one in found:
        counts = (one.completions, one.tokens, one.readings, one.trainings, one.trained)
        shown.add_row(one.name, str(one.assets), *(f"≤ {count:,}" if count else "" for count in counts))
    return shown


def estimate_summary(found: Sequence[Stage], written_rate: float | None, trained_rate: float | None) -> str:
    """The estimate in words, with hours if the rates (tokens a second, written and trained on) are given."""
    tokens, trained = sum(one.tokens for one in found), sum(one.trained for one in found)
    text = f"at most {sum(one.completions for one in found):,} completions with {tokens:,} tokens"
    text += _hours(tokens, written_rate) + f", and {_counted(sum(one.trainings for one in found), 'training')}"
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


def table(*columns: str, left: int) -> Table:
    """An empty table without lines; the first `left` columns are aligned left, all others right."""
    made = Table(*columns, box=None)
    for column in made.columns[left:]:
        column.justify = "right"
    return made


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _bound(number: int | None, exact: bool) -> str:
    if number is None:
        return "?"
    return str(number) if exact else f"≤ {number}"


def _time(one: Planned) -> str:
    if one.seconds is None:
        return "?"
    return ("" if one.exact else "≤ ") + duration(one.seconds)
