"""What tables in PostgreSQL cost beside tables in a file: `python -m tests.benchmarks.servers`.

The same rows and calls are in a file and in a server of this machine that synchronises its disk, and the same code asks
and writes both, in turn. So the file is the floor of each figure. No network lies between them here.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from rich.console import Console

from tests.benchmarks.figures import Figure, table_of
from tests.support.postgres import programs, running
from tests.support.versions import documents, publish
from warehouse.audit.integrity import integrity
from warehouse.audit.why import why
from warehouse.core.identity import digest
from warehouse.release.recall import find_affected
from warehouse.store.calls import Answer, Call
from warehouse.store.copying import copy_warehouse
from warehouse.store.file_warehouse import FILE, FileWarehouse
from warehouse.store.memo import Memo
from warehouse.store.postgres_warehouse import PostgresWarehouse
from warehouse.store.versions import Store
from warehouse.store.warehouse import Warehouse

BATCH = 64
"""Calls that are committed at once."""
TEXT = " ".join(["an answer of some length"] * 40)
_NUMBERS = count()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="rows and model calls that are there before")
    parser.add_argument("--published", type=int, default=10_000, help="rows of a publish, and calls of a look-up")
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    where = programs()
    if where is None:
        raise SystemExit("PostgreSQL is not installed; make postgres installs it on Debian")
    with tempfile.TemporaryDirectory() as scratch, running(where, "-c", "fsync=on") as server:
        file = filled(Path(scratch), given.rows)
        served = PostgresWarehouse(server.database(), Path(scratch) / "served")
        began = time.monotonic()
        copied = sum(copy_warehouse(file, served).rows.values())
        seconds = time.monotonic() - began
        figures = [
            measured(what, work, file, served, given.repetitions)
            for what, work in workloads(given.rows, given.published)
        ]
        console = Console(width=140)
        console.print(table_of(figures))
        console.print(
            f"{copied:,} rows copied into the server in {seconds:.1f} s; {served.size() / 2**20:,.0f} MiB there"
        )
        console.print(f"{file.size() / 2**20:,.0f} MiB in the file")


def filled(folder: Path, rows: int) -> FileWarehouse:
    """A file with so many documents and so many model calls."""
    file = FileWarehouse(folder / FILE)
    publish(Store(file), "documents", "1", documents(f"document {number}" for number in range(rows)))
    Memo(file, "engine").commit([answered(f"old {number}") for number in range(rows)])
    return file


def answered(text: str) -> tuple[Call, Answer]:
    """A call with its answer."""
    return Call("completion", digest("model"), {"text": text}, 512), Answer({"text": TEXT}, 100, 0.1)


def workloads(rows: int, published: int) -> list[tuple[str, Callable[[Warehouse], object]]]:
    """What is done to both, with new rows at each time."""
    row = {}

    def one(warehouse: Warehouse) -> str:
        if warehouse.place not in row:
            with warehouse.read() as connection:
                row[warehouse.place] = connection.execute("SELECT min(id) FROM records.document").fetchall()[0][0]
        return row[warehouse.place]

    def published_rows(warehouse: Warehouse) -> None:
        number = next(_NUMBERS)
        publish(Store(warehouse), "more", f"{number}", documents(f"{number} {text}" for text in range(published)))

    def committed(warehouse: Warehouse) -> None:
        number = next(_NUMBERS)
        for batch in range(10):
            Memo(warehouse, "engine").commit([answered(f"new {number} {batch} {text}") for text in range(BATCH)])

    def looked_up(calls: int) -> Callable[[Warehouse], object]:
        asked = [answered(f"old {number}")[0] for number in range(min(calls, rows))]
        return lambda warehouse: Memo(warehouse).look_up(asked)

    def current(warehouse: Warehouse) -> object:
        found = Store(warehouse).current("documents")
        assert found is not None
        return Store(warehouse).read(found)

    return [
        (f"publish: {published:,} rows", published_rows),
        (f"10 batches of {BATCH} calls committed", committed),
        (f"look-up of {BATCH} calls", looked_up(BATCH)),
        (f"look-up of {published:,} calls", looked_up(published)),
        (f"read {rows:,} rows", current),
        ("why: a row", lambda warehouse: why(warehouse, one(warehouse))),
        ("recall: a row", lambda warehouse: find_affected(warehouse, one(warehouse))),
        ("audit: ids, edges, ledgers, answers", integrity),
    ]


def measured(
    what: str, work: Callable[[Warehouse], object], file: Warehouse, served: Warehouse, repetitions: int
) -> Figure:
    """The seconds of both, in turn."""
    seconds: dict[str, list[float]] = {file.place: [], served.place: []}
    for _ in range(repetitions):
        for warehouse in (file, served):
            began = time.monotonic()
            work(warehouse)
            seconds[warehouse.place].append(time.monotonic() - began)
    return Figure(what, seconds[served.place], seconds[file.place], "the same in a file")


if __name__ == "__main__":
    main()
