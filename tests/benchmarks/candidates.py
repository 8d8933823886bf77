"""Whose instructions belong to their texts: `python -m tests.benchmarks.candidates`.

It builds recipes/experiments/candidates.yaml: instructions for 64 documents, written in five ways (for the whole
text, for a fragment of each level, and by the untrained model), each with 1, 2, 4, 8 and 16 candidates of which the
highest gain is chosen. A candidate's own gain decides, so the gain of the chosen one must rise; R@1 and MRR are by
another model, the sentence embedder. For each way it prints:

- R@1 and MRR: the rank of the own text among all 64, by the cosine of the embeddings to the instruction,
- the mean gain in nats per token, and the share of the instruction's words that its text has in one run,
- the difference of R@1 and gain from one candidate, and from `whole` with as many, over the documents for which both
  have a pair. Intervals are at 95 %, by a bootstrap over documents.
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

import slingshot
from assets.curation.quality import ranks_among
from assets.prompting.heuristics import copied_share
from tests.support.tiny import ROOT

COUNTS = (1, 2, 4, 8, 16)
VARIANTS = ("whole", "fragment", "reverse")
RESAMPLES = 10_000

PAIRS = """
SELECT level, instruction, response, value AS gain
FROM raw_{variant} AS raw JOIN alignments__{variant} AS measured ON measured.pair = raw.id
ORDER BY response
"""

Numbers = NDArray[np.float64]
Way = tuple[str, int]
"""Who writes, and how many candidates there are."""


def measured(project: slingshot.Project, embedder: str = "embedder") -> dict[Way, pl.DataFrame]:
    """For each way, its pairs with the columns document (its number), rank, gain and copied."""
    texts = project.rows("documents")["text"].to_list()
    model = project.bench.embedder(embedder)
    vectors = np.asarray(model.embed(texts), dtype=np.float64)
    place, found = {text: index for index, text in enumerate(texts)}, dict[Way, pl.DataFrame]()
    for variant in VARIANTS:
        for count in COUNTS:
            pairs = project.sql(PAIRS.format(variant=f"{variant}_{count}"))
            asked = np.asarray(model.embed(pairs["instruction"].to_list()), dtype=np.float64)
            documents = [place[text] for text in pairs["response"]]
            rows = pairs.select("gain").with_columns(
                document=pl.Series(documents),
                way=pairs["level"].fill_null("") if variant == "fragment" else pl.lit(variant),
                rank=pl.Series(ranks_among(vectors, asked, documents)),
                copied=pl.Series([copied_share(row["instruction"], row["response"]) for row in pairs.to_dicts()]),
            )
            for (way,), own in rows.group_by("way", maintain_order=True):
                found[str(way), count] = own
    return found


def difference(one: pl.DataFrame, other: pl.DataFrame, column: str, seed: int = 2308) -> tuple[float, float, float]:
    """(mean of `one` minus that of `other`, its interval), over the documents that both have."""
    both = one.join(other, on="document", suffix="_other").sort("document")
    apart = both[column].cast(pl.Float64).to_numpy() - both[f"{column}_other"].cast(pl.Float64).to_numpy()
    drawn = np.random.default_rng(seed).integers(len(apart), size=(RESAMPLES, len(apart)))
    low, high = np.percentile(apart[drawn].mean(axis=1), [2.5, 97.5])
    return float(apart.mean()), float(low), float(high)


def table_of(found: dict[Way, pl.DataFrame]) -> Table:
    """One line per way and number of candidates."""
    table = Table("written for", "candidates", "pairs", "R@1", "MRR", "gain", "copied", box=None)
    for name in ("R@1 over 1 candidate", "gain over 1 candidate", "R@1 over whole"):
        table.add_column(name)
    ways = {name: rows.with_columns(first=pl.col("rank") == 1) for name, rows in found.items()}
    for (way, count), rows in sorted(ways.items(), key=lambda one: ([*dict(ways)].index((one[0][0], 1)), one[0][1])):
        table.add_row(
            way,
            str(count),
            str(len(rows)),
            f"{100 * rows['first'].cast(pl.Float64).mean():.0f} %",
            f"{(1 / rows['rank']).mean():.2f}",
            f"{rows['gain'].mean():.2f}",
            f"{100 * rows['copied'].mean():.0f} %",
            "" if count == 1 else _shown(difference(rows, ways[way, 1], "first"), 100, 0),
            "" if count == 1 else _shown(difference(rows, ways[way, 1], "gain"), 1, 2),
            "" if way == "whole" else _shown(difference(rows, ways["whole", count], "first"), 100, 0),
        )
    return table


def _shown(found: tuple[float, float, float], scale: float, digits: int) -> str:
    mean, low, high = (scale * value for value in found)
    return f"{mean:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"


def main() -> None:
    """Builds what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warehouse", type=Path, help="where to build; a folder that is removed if it is not given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        project = slingshot.open(
            ROOT / "recipes" / "experiments" / "candidates.yaml", warehouse=options.warehouse or Path(scratch)
        )
        project.build(" or ".join(f'+key:"alignments/{variant}_{n}"' for variant in VARIANTS for n in COUNTS))
        Console(width=160).print(table_of(measured(project)))


if __name__ == "__main__":
    main()
