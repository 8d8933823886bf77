"""Which measure finds pairs whose instruction belongs to another text: `python -m tests.benchmarks.misalignment`.

It builds recipes/experiments/misalignment.yaml, in which a quarter of 400 human pairs is mismatched. For each
measure it prints the area under the ROC curve, which is how often a right pair is preferred to a mismatched one
(Fawcett 2006, https://doi.org/10.1016/j.patrec.2005.10.010). "caught" is the share of the mismatched pairs that a
filter with `keep: 0.75` removes. Intervals are at 95 %, by a bootstrap over pairs, right and mismatched ones apart.
Differences are paired, since all measures are taken of the same pairs.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

import slingshot
from tests.support.tiny import ROOT

KINDS = ("random_swaps", "near_swaps")
HIGH = ("gain", "similarity", "random")
"""The measures of which a high value is preferred."""
RESAMPLES = 2000

MEASURED = """
SELECT measure, pair, value, planted
FROM alignments__{kind}
JOIN (
    SELECT child AS pair, count(DISTINCT parent) > 1 AS planted FROM lineage.edges
    WHERE role IN ('response', 'instruction') GROUP BY child
) USING (pair)
ORDER BY measure, pair
"""
"""A mismatched pair has its response and its instruction from two pairs."""

Numbers = NDArray[np.float64]


def suspicion(measured: pl.DataFrame) -> tuple[dict[str, Numbers], NDArray[np.bool_]]:
    """(how strange each pair is by each measure, which of the pairs are mismatched)."""
    found = {name: rows for (name,), rows in measured.group_by("measure", maintain_order=True)}
    signs = {name: -1.0 if name in HIGH else 1.0 for name in found}
    planted = next(iter(found.values()))["planted"].to_numpy()
    return {str(name): signs[name] * rows["value"].to_numpy() for name, rows in found.items()}, planted


def caught(values: Numbers, planted: NDArray[np.bool_], removed: float = 0.25) -> float:
    """The share of the mismatched pairs that are among the strangest `removed` of all pairs."""
    strangest = np.argsort(-values, kind="stable")[: round(removed * len(values))]
    return float(planted[strangest].sum() / planted.sum())


def resampled(planted: NDArray[np.bool_], resamples: int, seed: int) -> NDArray[np.int64]:
    """Indexes of pairs, one row per resample, with as many right and mismatched ones as there are."""
    generator = np.random.default_rng(seed)
    kinds = [np.flatnonzero(planted), np.flatnonzero(~planted)]
    return np.concatenate([generator.choice(kind, (resamples, len(kind))) for kind in kinds], axis=1)


def table_of(measured: pl.DataFrame, title: str, resamples: int = RESAMPLES) -> Table:
    """One line per measure, best first, and the difference of its area from that of the gain."""
    values, planted = suspicion(measured)
    drawn = resampled(planted, resamples, seed=2308)
    areas = {name: roc_auc_score(planted, own) for name, own in values.items()}
    draws = {
        name: np.array([roc_auc_score(planted[rows], own[rows]) for rows in drawn]) for name, own in values.items()
    }
    table = Table("measure", "area", "interval", "caught", "below the gain", "interval", title=title, box=None)
    for name in sorted(areas, key=lambda one: -areas[one]):
        below = draws["gain"] - draws[name]
        table.add_row(
            name,
            f"{areas[name]:.3f}",
            _interval(draws[name]),
            f"{100 * caught(values[name], planted):.0f} %",
            "" if name == "gain" else f"{areas['gain'] - areas[name]:.3f}",
            "" if name == "gain" else _interval(below),
        )
    return table


def _interval(draws: Numbers) -> str:
    return " to ".join(f"{bound:.3f}" for bound in np.percentile(draws, [2.5, 97.5]))


def main() -> None:
    """Builds what is missing and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warehouse", type=Path, help="where to build; a folder that is removed if it is not given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        warehouse = options.warehouse or Path(scratch)
        project = slingshot.open(ROOT / "recipes" / "experiments" / "misalignment.yaml", warehouse=warehouse)
        project.build(" or ".join(f'+key:"alignments/{kind}"' for kind in KINDS))
        for kind in KINDS:
            Console(width=120).print(table_of(project.sql(MEASURED.format(kind=kind)), kind))


if __name__ == "__main__":
    main()
