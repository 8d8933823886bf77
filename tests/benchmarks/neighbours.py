"""What it costs to find the rows of a large set that are alike, and to try another cut: `python -m
tests.benchmarks.neighbours`.

Each stage is a process of its own, whose memory is what the operating system says that it had at most. The vectors are
drawn around a fifth as many centres, so that rows have some neighbours. The floor of the comparisons is the product of
all vectors with each other in single precision, on a part of the rows and scaled up: it decides nothing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from assets.curation.diversity import RULES
from assets.curation.neighbours import COMPARED, measure
from assets.loading.whole import FullDiversity
from resources.models.near_pairs import near_pairs
from resources.tools.tools import Tools
from resources.tools.workbench import Workbench
from tests.benchmarks.large import DIMENSIONS, pairs_of
from tests.benchmarks.large_sources import cost_of
from warehouse.core.identity import digest

FLOOR, CUTS = 0.8, (0.9, 0.85)
PART = 50_000
"""Rows that are also compared by brute force."""


def main() -> None:
    """Prints the table, or works on one stage of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows that are compared")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder is made in it")
    parser.add_argument("--stage", choices=STAGES, help="work on this stage alone, in the folder itself")
    given = parser.parse_args()
    if given.stage:
        STAGES[given.stage](given.folder, given.rows)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        Console(width=120).print(measured(Path(scratch), given.rows))


def measured(folder: Path, rows: int) -> Table:
    """The table of so many `rows`."""
    table = Table("what", "seconds", "memory (MiB)", box=None)

    def stage(name: str, what: str) -> None:
        words = ["-m", "tests.benchmarks.neighbours", "--stage", name, "--folder", str(folder), "--rows", str(rows)]
        cost = cost_of(words)
        seconds = float((folder / f"{name}.seconds").read_text())
        table.add_row(what, f"{seconds:,.1f}", f"{cost.memory:,.0f}")

    write(folder, rows)
    stage("all", f"{rows:,} rows compared")
    stage("more", f"{rows // 100:,} more rows compared with all")
    stage("cut", f"another cut over {rows:,} rows")
    table.add_row("floor: all products in single precision", f"{product_seconds(folder, rows):,.1f}", "")
    table.add_row(f"equal to brute force on {min(rows, PART):,} rows", str(equals_brute_force(folder)), "")
    return table


def write(folder: Path, rows: int) -> None:
    """Embeddings and pairs of `rows` rows and a hundredth more."""
    draw, more = np.random.default_rng(0), rows + rows // 100
    centres = draw.standard_normal((more // 5 + 1, DIMENSIONS), dtype=np.float32)
    vectors = np.empty((more, DIMENSIONS), dtype=np.float32)
    for start in range(0, more, 100_000):
        part = vectors[start : start + 100_000]
        part[:] = centres[draw.integers(0, len(centres), len(part))]
        part += draw.uniform(0.2, 0.5, (len(part), 1)) * draw.standard_normal(part.shape, dtype=np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    pairs = pairs_of(more, draw)
    pairs.write_parquet(folder / "pairs.parquet")
    ids = [digest(["embedding", row]) for row in range(more)]
    frame = pl.DataFrame({"id": ids, "embedded": pairs["id"], "vector": vectors})
    frame.with_columns(pl.col("vector").arr.to_list()).write_parquet(folder / "embeddings.parquet")


def _all(folder: Path, rows: int) -> None:
    _measure(folder, "all", rows, None)


def _more(folder: Path, rows: int) -> None:
    found = _measure(folder, "more", rows + rows // 100, pl.read_parquet(folder / "all.parquet"))
    assert found == rows // 100


def _measure(folder: Path, stage: str, rows: int, before: pl.DataFrame | None) -> int:
    tools = Tools(Workbench(folder / "data", folder, {}, {}))
    embeddings = pl.read_parquet(folder / "embeddings.parquet", n_rows=rows)
    began = time.monotonic()
    result = measure(tools, embeddings, FLOOR, before)
    _took(folder, stage, began)
    result.kept.write_parquet(folder / f"{stage}.parquet")
    compared: int = result.notes[COMPARED]
    return compared


def _cut(folder: Path, rows: int) -> None:
    pairs = pl.read_parquet(folder / "pairs.parquet", n_rows=rows)
    near = pl.read_parquet(folder / "all.parquet")
    rule, left = RULES["neighbours"], []
    for cut in CUTS:
        began = time.monotonic()
        settings = FullDiversity(rule="neighbours", embedder="embedder", similarity=cut, floor=FLOOR)
        left.append(len(rule.diversify(pairs, near, None, settings).kept))
        _took(folder, "cut", began)
    assert rows > left[0] > left[1]


def _took(folder: Path, stage: str, began: float) -> None:
    (folder / f"{stage}.seconds").write_text(str(time.monotonic() - began))


STAGES: Mapping[str, Callable[[Path, int], None]] = {"all": _all, "more": _more, "cut": _cut}


def part_of(folder: Path) -> NDArray[np.float32]:
    """The first vectors."""
    column = pl.read_parquet(folder / "embeddings.parquet", n_rows=PART)["vector"]
    vectors: NDArray[np.float32] = column.list.to_array(DIMENSIONS).to_numpy()
    return vectors


def product_seconds(folder: Path, rows: int) -> float:
    """What the product of all rows with each other would take, each pair once."""
    vectors = part_of(folder)
    began = time.monotonic()
    for start in range(0, len(vectors), 1024):
        vectors[start : start + 1024] @ vectors.T
    return (time.monotonic() - began) * (rows / len(vectors)) ** 2 / 2


def equals_brute_force(folder: Path) -> bool:
    """Whether the pairs of a part of the rows are those that comparing all of them in double precision finds."""
    vectors = part_of(folder)
    found = near_pairs(vectors, FLOOR)
    wide, expected = vectors.astype(np.float64), []
    for start in range(0, len(wide), 1024):
        later, earlier = np.nonzero((wide[start : start + 1024] @ wide.T).astype(np.float32) >= FLOOR)
        before = earlier < later + start
        expected.append(np.stack([later[before] + start, earlier[before]]))
    return bool(np.array_equal(np.concatenate(expected, axis=1), np.stack([found.later, found.earlier])))


if __name__ == "__main__":
    main()
