"""How time grows with the rows, stage by stage: `python -m tests.benchmarks.growth`.

A set of pairs is built, planned after an edit, asked about, audited and exported, at several sizes. A stage that takes
n^1 doubles with the rows; the exponent is that between the two largest sizes, since start-up hides it below. Each
command is a process of its own, whose memory is what the operating system says that it had at most.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks import large
from tests.benchmarks.own_set import write_pairs, write_recipe
from tests.benchmarks.processes import Cost, cost_of
from tests.support.building import query

ARM = "mine"
AIM = 1.1
"""The highest exponent."""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="the sizes")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder is made in it")
    given = parser.parse_args()
    sizes = sorted(given.rows)
    costs = []
    for rows in sizes:
        with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
            costs.append(stages(Path(scratch), rows))
    Console(width=140).print(grown(sizes, costs))


def stages(folder: Path, rows: int) -> dict[str, Cost]:
    """What each stage took for a set of `rows` pairs, by name; an asset has no memory of its own."""
    recipe, data = write_recipe(folder, write_pairs(folder / "set.jsonl", rows), rows), folder / "data"

    def command(*words: str) -> Cost:
        chosen = ["--recipe", str(recipe)] if words[0] in ("build", "plan", "export") else []
        return cost_of(["-m", "slingshot", *words, *chosen, "--warehouse", str(data)])

    whole = command("build", f"+training_sets/{ARM}")
    assets = query(data, "SELECT asset, seconds FROM lineage.materializations ORDER BY finished_at")
    costs = {asset: Cost(seconds, 0) for asset, seconds in assets.iter_rows()}
    costs["publishing, and the start"] = Cost(whole.seconds - sum(one.seconds for one in costs.values()), 0)
    costs["build in all"] = whole
    (row,) = query(data, f"SELECT id FROM training_sets__{ARM} LIMIT 1").row(0)
    large.change(recipe, "curation.rows", rows // 2 - 1)
    costs["plan, one row fewer"] = command("plan", f"+training_sets/{ARM}")
    large.change(recipe, "enhancement.heuristics.response_words", [6, 400])
    costs["plan, another rule of the first gate"] = command("plan", f"+training_sets/{ARM}")
    costs["why"] = command("why", row)
    costs["why-not, by a part of the text"] = command("why-not", "Indeed.")
    costs["audit"] = command("audit")
    costs["gc --dry-run"] = command("gc", "--keep", "1", "--dry-run")
    costs["export"] = command("export", ARM, "--to", str(folder / "exports"))
    return costs


def grown(sizes: Sequence[int], costs: Sequence[dict[str, Cost]]) -> Table:
    """The seconds of each stage at each size, with the exponent between the two largest."""
    table = Table("stage", *(f"{rows:,} rows (s)" for rows in sizes), "memory (MiB)", "grows as", "", box=None)
    for stage, largest in costs[-1].items():
        seconds = [one[stage].seconds for one in costs]
        memory = f"{largest.memory:,.0f}" if largest.memory else ""
        exponents = [
            math.log(after / before) / math.log(more / fewer)
            for (before, after), (fewer, more) in zip(pairwise(seconds), pairwise(sizes), strict=True)
        ]
        verdict = ("met" if exponents[-1] <= AIM else f"MISSED (≤ {AIM})") if exponents else ""
        shown = f"n^{exponents[-1]:.2f}" if exponents else ""
        table.add_row(stage, *(f"{one:,.2f}" for one in seconds), memory, shown, verdict)
    return table


if __name__ == "__main__":
    main()
