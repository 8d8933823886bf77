"""A study as one HTML page without scripts or external files; the same warehouse gives the same bytes."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from assets.curation.quality import MEASURES
from assets.evaluation.facts import named
from assets.prompting.languages import languages_shown
from assets.reporting.loss_plot import draw_losses
from assets.reporting.overlaps import with_baseline
from assets.reporting.score_tables import fact_figure, part_title
from assets.reporting.standing_plots import (
    INCHES_HIGH,
    INCHES_WIDE,
    compared,
    draw_differences,
    draw_means,
    draw_series,
    inches_tall,
)
from assets.reporting.standings import caveats, figure, metrics_of, standing_of
from assets.reporting.study import Study
from assets.reporting.tables import quality_figure
from warehouse.audit.answered import Answered
from warehouse.core.texts import duration
from warehouse.schema.records import BETTER, NOISE, WORSE

TEMPLATE = Path(__file__).with_name("report.html.jinja")


def page(study: Study) -> str:
    """The report as HTML; texts from the warehouse are escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"figure": figure, "number": "{:,}".format, "time": duration}
    return environment.from_string(TEMPLATE.read_text()).render(
        study=study,
        metrics=[_metric(study, metric) for metric in metrics_of(study.standings)],
        recipe=yaml.safe_dump(study.recipe, sort_keys=False, allow_unicode=True, width=100),
        measures=MEASURES,
        quality={arm: dict(zip(frame["measure"], frame["value"], strict=True)) for arm, frame in study.quality.items()},
        shown=quality_figure,
        fact_shown=fact_figure,
        part_title=part_title,
        languages=languages_shown,
        caveats=[
            *caveats(study.standings, study.metrics, study.detectable, with_baseline(study.overlaps, _baseline(study))),
            *study.warnings,
        ],
        baseline=_baseline(study),
        answers=[_answered(study, one) for one in study.answers],
        losses=_picture(INCHES_WIDE * 2, INCHES_HIGH * 1.2, partial(draw_losses, curves=study.curves))
        if study.curves
        else None,
        confidence=f"{100 * study.recipe['evaluation']['confidence']:g} %",
    )


def _metric(study: Study, metric: tuple[str, str]) -> dict[str, Any]:
    rows = study.standings.filter(benchmark=metric[0], metric=metric[1]).to_dicts()
    standings = [standing_of(row, _baseline(study)) for row in rows]
    tall = inches_tall(len(rows))
    shown: dict[str, Any] = {"standings": study.standings, "metric": metric, "baseline": _baseline(study)}
    drawn = [("means", _picture(INCHES_WIDE * 1.2, tall, partial(draw_means, **shown)))]
    if compared(study.standings, metric):
        drawn.append(("differences", _picture(INCHES_WIDE * 1.2, tall, partial(draw_differences, **shown))))
    for one in study.series:
        alt = f"along {one.along}" + (f" of {one.of}".replace("\n", ": ") if one.of else "")
        drawn.append((alt, _picture(INCHES_WIDE, INCHES_HIGH, partial(draw_series, **shown, series=one))))
    return {
        "benchmark": metric[0],
        "name": metric[1],
        "described": study.metrics[metric]["description"],
        "unit": rows[0]["unit"],
        "better": rows[0]["better"],
        "rows": [row | {"standing": standing} for row, standing in zip(rows, standings, strict=True)],
        "facts": named(study.facts, metric[0]),
        "parts": study.parts.get("/".join(metric)),
        "summary": _summary(standings),
        "pictures": [{"alt": f"{metric[0]} {metric[1]}, {alt}", "data": data} for alt, data in drawn],
    }


def _answered(study: Study, one: Answered) -> dict[str, Any]:
    """An item with its answers; scores are shown in the unit of their metric."""
    metrics = list(dict.fromkeys(name for answer in one.answers for name in answer.scores))

    def scores(found: Mapping[str, float]) -> list[str]:
        said = {name: study.metrics[one.benchmark, name] for name in metrics}
        return [
            figure(found[name] * said[name]["scale"], said[name]["unit"]) if name in found else "" for name in metrics
        ]

    return {
        "item": one,
        "metrics": metrics,
        "answers": [(answer.arm, answer.text, scores(answer.scores)) for answer in one.answers],
    }


def _baseline(study: Study) -> str:
    return str(study.recipe["evaluation"]["baseline"])


def _summary(standings: list[str]) -> str:
    """Counts of verdicts in words; empty if nothing was compared."""
    counts = Counter(standings)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in (BETTER, WORSE, NOISE) if counts[verdict])


def _picture(wide: float, high: float, draw: Callable[..., None]) -> str:
    """An SVG in base64, without the date and random ids that would make it differ from run to run."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "slingshot", "font.size": 9}):
        figure = Figure(figsize=(wide, high), layout="constrained")
        draw(figure.subplots())
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return base64.b64encode(buffer.getvalue()).decode()
