"""Whether more nodes compute more, and how much one process commits: `python -m tests.benchmarks.nodes`.

A real cluster of Ray runs on this machine. Its work sleeps, so that the processors of the machine do not hide what
sending, waiting and committing cost. The efficiency is the time of one worker, divided by that of several and by their
number. The floor of the commits are the same batches answered at once, in the process that commits.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from resources.tools.ray_workers import RayCluster, RayWorkers
from tests.support.ray_cluster import HEAD, ray_cluster
from warehouse.core.identity import digest
from warehouse.store.calls import Answer, Call, Compose, Work
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.memo import Memo
from warehouse.store.workers import InProcess, Workers

NODES = (1, 2, 4)
ROWS = 64
"""Calls of a batch."""
TEXT = " ".join(["an answer of some length"] * 20)
AIM = 0.9


@dataclass(frozen=True)
class Sleeping:
    """Answers after so many seconds."""

    seconds: float

    def __call__(self, batch: list[Call]) -> list[Answer]:
        time.sleep(self.seconds)
        return [Answer({"text": TEXT}, 100, self.seconds / len(batch)) for _ in batch]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=60, help="batches that sleep")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each of them sleeps")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        Console(width=120).print(measured(Path(scratch), given.batches, given.seconds))


def measured(folder: Path, batches: int, seconds: float) -> Table:
    """The table for so many batches that sleep for so many seconds."""
    table = Table("what", "seconds", "calls/s", "efficiency", "aim", box=None)
    with ray_cluster(max(NODES)) as nodes:
        alone = 0.0
        for number in NODES:
            workers = RayWorkers(RayCluster(nodes.address, workers=number, host=HEAD))
            # Starting processes is no part of the measurement.
            took(folder / f"start {number}", workers, number, Sleeping(0.1))
            found = took(folder / f"{number}", workers, batches, Sleeping(seconds))
            workers.close()
            alone = alone or found
            efficiency = alone / found / number
            verdict = f"≥ {AIM:.0%} {'met' if efficiency >= AIM else 'MISSED'}" if number > 1 else ""
            what = f"{batches} batches of {ROWS} calls, {seconds:g} s each, {number} workers"
            table.add_row(what, f"{found:,.1f}", f"{batches * ROWS / found:,.0f}", f"{efficiency:.1%}", verdict)
        workers = RayWorkers(RayCluster(nodes.address, workers=max(NODES), host=HEAD))
        took(folder / "start", workers, max(NODES), Sleeping(0.1))
        for what, those in (("from 4 workers", workers), ("computed here", InProcess())):
            found = took(folder / what, those, batches, Sleeping(0))
            table.add_row(
                f"{batches} batches at once, {what}", f"{found:,.1f}", f"{batches * ROWS / found:,.0f}", "", ""
            )
        workers.close()
    return table


def took(folder: Path, workers: Workers, batches: int, work: Work) -> float:
    """Seconds in which the memo answers new calls."""
    calls = [Call("completion", digest("model"), {"text": f"{TEXT} {number}"}, 512) for number in range(batches * ROWS)]
    folder.mkdir()
    memo = Memo(FileWarehouse(folder / "warehouse.duckdb"), workers=workers)
    with memo.database.write():
        pass
    began = time.monotonic()
    memo.run(calls, in_batches(work))
    return time.monotonic() - began


def in_batches(work: Work) -> Compose:
    """Batches of ROWS calls."""

    def compose(missing: list[Call]) -> Iterator[tuple[list[Call], Work]]:
        yield from ((missing[start : start + ROWS], work) for start in range(0, len(missing), ROWS))

    return compose


if __name__ == "__main__":
    main()
