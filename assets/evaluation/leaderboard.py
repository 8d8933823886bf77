"""The leaderboard: the mean of every metric per arm over items and training seeds, with tests of the differences.

A paired bootstrap (see bootstrap.py) compares each arm with one baseline on the same items. p-values and intervals of
differences are adjusted for the number of arms of a metric (see many_arms.py), and not for the number of metrics. The
verdict is better or worse if the adjusted p-value is at most 1 - confidence; otherwise the difference is noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from assets.evaluation.ablations import BASELINE, SERIES, series
from assets.evaluation.benchmark import Metric, benchmarks
from assets.evaluation.bootstrap import Bootstrap, Estimate, Side, difference, mean
from assets.evaluation.facts import budgets, of_answers, of_verdicts, warnings
from assets.evaluation.judges import judges, own_judges
from assets.evaluation.many_arms import adjusted, confidence_levels
from assets.evaluation.parts import by_details, means_by_part, parts_of
from assets.evaluation.seed_noise import Scores, SeedNoise, pooled
from assets.recipe.types import Recipe
from assets.recipe.values import BASE
from assets.steps import names
from assets.steps.step import Step, made
from resources.tools.tools import Tools
from warehouse.results.result import WARNINGS, Gate, Result
from warehouse.schema.records import BETTER, HIGHER, NOISE, WORSE, Standing

Metrics = Mapping[tuple[str, str], Metric]
"""Maps (benchmark, name of a metric) to the metric."""

DETECTABLE = "smallest differences that would be found"
"""The key of the leaderboard's notes for the true difference that would get a verdict in the share POWER of studies of
this size, by "benchmark/metric": that of the arm with the most noise, tested as the first of all arms."""

POWER = 0.8

BESIDE = "beside the scores"
"""The key of the leaderboard's notes for facts about the arms, by benchmark and arm (see facts.py)."""

BY_PART = "means by part"
"""The key of the leaderboard's notes for the means of each part of a benchmark (see parts.py)."""


def rank(scores: Iterable[pl.DataFrame], metrics: Metrics, baseline: str, settings: Bootstrap) -> Result:
    """Make standings from score records, best first within each metric of a benchmark.

    `over_baseline` is the mean minus that of `baseline`, over the items that both have. It is null for the baseline
    itself, and for an arm that shares no item with it.
    """
    frame = pl.concat(scores).sort("benchmark", "metric", "arm", "seed", "item")
    rows: list[dict[str, Any]] = []
    detectable: dict[str, float] = {}
    for (benchmark, name), found in frame.group_by("benchmark", "metric", maintain_order=True):
        metric = metrics[str(benchmark), str(name)]
        compared = _Comparison.of(found, baseline, settings)
        sign = -1 if metric.better == HIGHER else 1
        rows += sorted(
            compared.standings(str(benchmark), metric), key=lambda row: (sign * row["standing"]["mean"], row["arm"])
        )
        if compared.against:
            detectable[f"{benchmark}/{name}"] = metric.scale * compared.detectable
    gate = Gate(Standing, len(rows))
    for row in rows:
        gate.keep(row["standing"], [(parent, "score") for parent in row["parents"]])
    return gate.result(notes={DETECTABLE: detectable} if detectable else {})


@dataclass(frozen=True)
class _Comparison:
    """The scores of a metric by arm, and each comparable arm's estimated difference from the baseline."""

    settings: Bootstrap
    noise: SeedNoise
    by_arm: Mapping[str, pl.DataFrame]
    against: Mapping[str, Estimate]

    @staticmethod
    def of(found: pl.DataFrame, baseline: str, settings: Bootstrap) -> _Comparison:
        by_arm = {str(arm): part for (arm,), part in found.group_by("arm", maintain_order=True)}
        noise = pooled(_matrix(part) for part in by_arm.values())
        against = {
            arm: estimate
            for arm, part in by_arm.items()
            if arm != baseline
            and baseline in by_arm
            and (estimate := _compare(part, by_arm[baseline], settings, noise)) is not None
        }
        return _Comparison(settings, noise, by_arm, against)

    @property
    def detectable(self) -> float:
        """See DETECTABLE; in the unit of the scores."""
        strictest = 1 - (1 - self.settings.confidence) / len(self.against)
        return max(one.detectable(strictest, POWER) for one in self.against.values())

    def standings(self, benchmark: str, metric: Metric) -> list[dict[str, Any]]:
        """One row per arm: its standing, and the ids of its scores as parents."""
        p_values = [one.p_value for one in self.against.values()]
        p_value = dict(zip(self.against, adjusted(p_values), strict=True))
        level = dict(zip(self.against, confidence_levels(p_values, self.settings.confidence), strict=True))
        rows = []
        for arm, part in self.by_arm.items():
            own, over = mean(_side(part), self.settings, self.noise), self.against.get(arm)
            low, high = own.interval(self.settings.confidence)
            over_low, over_high = over.interval(level[arm]) if over else (None, None)
            standing = {
                "arm": arm,
                "benchmark": benchmark,
                "metric": metric.name,
                "unit": metric.unit,
                "better": metric.better,
                "mean": metric.scale * own.mean,
                "low": metric.scale * low,
                "high": metric.scale * high,
                "items": part["item"].n_unique(),
                "seeds": part["seed"].n_unique(),
                "over_baseline": over and metric.scale * over.mean,
                "over_low": over_low and metric.scale * over_low,
                "over_high": over_high and metric.scale * over_high,
                "p_value": p_value.get(arm),
                "verdict": over and _verdict(over, p_value[arm], metric.better, self.settings.confidence),
            }
            rows.append({"arm": arm, "standing": standing, "parents": part["id"].to_list()})
        return rows


def _verdict(over: Estimate, p_value: float, better: str, confidence: float) -> str:
    if p_value > 1 - confidence:
        return NOISE
    return BETTER if (over.mean > 0) == (better == HIGHER) else WORSE


def _compare(part: pl.DataFrame, baseline: pl.DataFrame, settings: Bootstrap, noise: SeedNoise) -> Estimate | None:
    shared = set(part["item"]) & set(baseline["item"])
    if not shared:
        return None
    own, other = (_side(one.filter(pl.col("item").is_in(shared))) for one in (part, baseline))
    return difference(own, other, settings, noise)


def _side(part: pl.DataFrame) -> Side:
    """The scores of an arm; the untouched base has no training seed."""
    return Side(_matrix(part), part["seed"].drop_nulls().n_unique())


def _matrix(part: pl.DataFrame) -> Scores:
    """Scores as (seeds, items), both sorted. If a seed lacks an item, the mean of the other seeds fills the gap."""
    wide = part.pivot("seed", index="item", values="value").sort("item").drop("item").to_numpy().T
    return np.where(np.isnan(wide), np.nanmean(wide, axis=0), wide)


def step(recipe: Recipe) -> Step:
    """The step of `leaderboard`."""
    arms, evaluation = [BASE, *recipe.arms], recipe.evaluation
    settings = Bootstrap(evaluation.resamples, evaluation.confidence, recipe.seed)
    metrics = {
        (name, metric.name): metric
        for name in recipe.benchmarks
        for metric in benchmarks()[name].metrics(evaluation.settings(name))
    }

    notes = {SERIES: [asdict(one) for one in series(recipe)]}
    judged, partial, detailed = judges(recipe), own_judges(recipe), by_details(recipe)
    scales = {key: metric.scale for key, metric in metrics.items()}

    def build(tools: Tools, **frames: pl.DataFrame) -> Result:
        ranked = rank(frames.values(), metrics, evaluation.baseline, settings)
        scores = pl.concat(frames.values())
        answers = tools.answers(scores["id"].to_list(), budgets(recipe))
        facts = of_answers(answers) | of_verdicts(scores, answers, judged, evaluation.baseline)
        warned = warnings(facts) + partial
        parts = means_by_part(scores, parts_of(tools.origins(scores["item"].to_list()), detailed), scales)
        return replace(
            ranked,
            notes=ranked.notes
            | {BASELINE: evaluation.baseline}
            | ({BESIDE: facts} if facts else {})
            | ({BY_PART: parts} if parts else {})
            | ({WARNINGS: warned} if warned else {})
            | (notes if notes[SERIES] else {}),
        )

    inputs = {f"scores_{name}_{arm}": names.scores(name, arm) for name in recipe.benchmarks for arm in arms}
    values = [(name, "value") for name in inputs]
    compared = ("mean", "low", "high", "over_baseline", "over_low", "over_high", "p_value", "verdict")
    sources = {"items": "item", "seeds": "seed", **{name: name for name in ("arm", "benchmark", "metric")}}
    columns = {column: [(name, origin) for name in inputs] for column, origin in sources.items()}
    columns |= dict.fromkeys(compared, values) | {"unit": columns["metric"], "better": columns["metric"]}
    kept = {column: columns[column] for column in Standing.to_schema().columns if column != "id"}
    meaning = {"/".join(key): asdict(metric) for key, metric in metrics.items()}
    return Step(
        asset=names.LEADERBOARD,
        group="evaluation",
        description=f"The mean of every metric per arm, compared with {evaluation.baseline!r} by a paired bootstrap.",
        model=Standing,
        build=build,
        slice=recipe.slice("seed", "evaluation.baseline", "evaluation.resamples", "evaluation.confidence")
        | {"arms": arms, "metrics": meaning}
        | ({"own judges": partial} if partial else {})
        | ({"parts by details": detailed} if detailed else {})
        | (notes if notes[SERIES] else {}),
        inputs=inputs,
        kinds=frozenset({"polars", "duckdb"}),
        plot="scores",
        columns=made(*inputs, **kept),
    )
