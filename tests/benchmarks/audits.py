"""What an audit and a publish cost in a warehouse of a million records and ten million edges: `make bench`.

The warehouse is written once, in a temporary folder (see synthetic.py). Every audit opens the file itself, as the
command does. Measurement and floor take turns, so that what else the machine does weighs on both.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from tests.benchmarks import large, synthetic
from tests.benchmarks.figures import Figure, table_of
from warehouse.audit import integrity as integrity_
from warehouse.audit import ledger as ledger_
from warehouse.audit import why as why_
from warehouse.audit import why_not as why_not_
from warehouse.audit.trace import trace
from warehouse.core.identity import digest
from warehouse.results.result import EDGE_COLUMNS, Result
from warehouse.results.validation import validated
from warehouse.schema.records import Pair
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.published import Effort, Run, Target
from warehouse.store.tables import SCHEMAS
from warehouse.store.versions import Store
from warehouse.store.warehouse import Warehouse

EDGES = 4
"""Parents of each pair that is published."""


@dataclass(frozen=True)
class Bench:
    """The warehouse under audit; how many of its rows are asked about, and how many are published how often."""

    database: Warehouse
    samples: int
    rows: int
    repetitions: int

    def sample(self, query: str, most: int | None = None) -> list[str]:
        """Some of the ids that a query finds, drawn at random."""
        with self.database.read() as connection:
            ids = [row_id for (row_id,) in connection.execute(f"{query} ORDER BY ALL").fetchall()]
        return random.Random(0).sample(ids, min(most or self.samples, len(ids)))

    def trained_on(self, *methods: str) -> list[str]:
        """Rows of the training sets of methods."""
        assets = ", ".join(f"'training_sets/{method}'" for method in methods)
        return self.sample(f"SELECT record FROM lineage.decisions WHERE outcome = 'kept' AND asset IN ({assets})")

    def in_turn(self, work: Callable[[str], Any], query: str, ids: list[str]) -> tuple[list[float], list[float]]:
        """Seconds of `work` per id, and of `query` about the same id through a connection that is open."""
        work(ids[0])
        rounds = []
        for row_id in ids:
            seconds = seconds_of(lambda: work(row_id))  # noqa: B023
            with self.database.read() as connection:
                rounds.append((seconds, seconds_of(lambda: connection.execute(query, [row_id]).fetchall())))  # noqa: B023
        measured, floor = zip(*rounds, strict=True)
        return list(measured), list(floor)


def seconds_of(work: Callable[[], Any]) -> float:
    """Seconds that `work` takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def why(bench: Bench) -> Iterator[Figure]:
    """The ancestry of training rows."""
    query = "SELECT parent, role FROM lineage.edges WHERE child = ?"
    for what, methods in (("", synthetic.BOOTSTRAPPED), (" by way of the backward model", synthetic.BACKWARD)):
        ids = bench.trained_on(*methods)
        nodes = len(why_.why(bench.database, ids[0]).nodes)
        seconds, floor = bench.in_turn(lambda row_id: why_.why(bench.database, row_id), query, ids)
        yield Figure(
            f"why: a training row{what}, {nodes:,} nodes", seconds, floor, "its own edges in SQL", "seconds", 0.1
        )
        percentile = [float(np.quantile(seconds, 0.95))], [float(np.quantile(floor, 0.95))]
        yield Figure("    the 95th percentile of these", *percentile, "that of its own edges")


def recall(bench: Bench) -> Iterator[Figure]:
    """All that came of documents, those that students learned from."""
    try:
        from warehouse.release.recall import find_affected as affected
    except ImportError:
        affected = trace
    documents = bench.sample(
        "SELECT e.parent FROM lineage.edges e JOIN lineage.decisions d ON d.record = e.child "
        "WHERE e.role = 'document' AND d.asset = 'training_sets/extract_then_generate' AND d.outcome = 'kept'",
        10,
    )
    query = "SELECT child, role FROM lineage.edges WHERE parent = ?"
    for what, work in (("recall", affected), ("trace", trace)):
        seconds, floor = bench.in_turn(lambda row_id: work(bench.database, row_id), query, documents)  # noqa: B023
        links = len(trace(bench.database, documents[0]).links)
        aim = 1.0 if what == "recall" else None
        yield Figure(f"{what}: a document, {links:,} links", seconds, floor, "its own edges in SQL", "seconds", aim)


def why_not(bench: Bench) -> Iterator[Figure]:
    """What became of a row that is named by its text."""
    texts = bench.sample("SELECT instruction FROM records.pair WHERE method = 'self_instruct'", 5)
    query = "SELECT id FROM records.pair WHERE instruction = ?"
    seconds, floor = bench.in_turn(lambda text: why_not_.why_not(bench.database, text), query, texts)
    yield Figure("why-not: a row by its instruction", seconds, floor, "the same text in one column")
    parts = [text[8:-8] for text in texts]
    query = "SELECT id FROM records.pair WHERE instruction ILIKE '%' || ? || '%'"
    seconds, floor = bench.in_turn(lambda text: why_not_.why_not(bench.database, text), query, parts)
    yield Figure("why-not: a row by a part of its instruction", seconds, floor, "the same part in one column")


def ledger(bench: Bench) -> Iterator[Figure]:
    """What came into every asset and what became of it."""
    query = "SELECT asset, outcome, count(*) FROM lineage.decisions WHERE asset <> ? GROUP BY ALL"
    seconds, floor = bench.in_turn(lambda _: ledger_.ledger(bench.database), query, [""] * 5)
    yield Figure("ledger", seconds, floor, "the decisions counted once")


def integrity(bench: Bench) -> Iterator[Figure]:
    """Every id, parent, decision and call checked, once."""

    def check() -> None:
        # Nobody trained these checkpoints, so they have no files.
        found = [str(one) for one in integrity_.integrity(bench.database)]
        assert [one for one in found if "checkpoints whose files" not in one] == [], found

    def read() -> None:
        with bench.database.read() as connection:
            for table in (*(f"records.{kind}" for kind in SCHEMAS["records"]), "lineage.edges", "memo.calls"):
                connection.execute(f"FROM {table}").fetchall()

    yield Figure("integrity", [seconds_of(check)], [seconds_of(read)], "records, edges and calls fetched")


def publish(bench: Bench) -> Iterator[Figure]:
    """A new version with its lineage, validated, published into a warehouse that is empty and into the large one."""
    with tempfile.TemporaryDirectory(dir=bench.database.path.parent) as folder:
        filled = Path(folder) / "filled.duckdb"
        shutil.copyfile(bench.database.path, filled)
        for what in ("an empty warehouse", "the large one"):
            seconds, floor = [], []
            for number in range(bench.repetitions):
                result = _result(bench.rows, number)
                path = Path(folder) / f"{number}.duckdb"
                seconds.append(_publish(filled if what == "the large one" else path, result))
                floor.append(_insert(path.with_suffix(".raw"), result.kept))
                path.unlink(missing_ok=True)
            publishing = f"publish: {bench.rows:,} rows with {EDGES * bench.rows:,} edges into {what}"
            aim = 3 if what == "an empty warehouse" else None
            yield Figure(publishing, seconds, floor, "the rows' frame alone into an empty file", aim=aim)


def _result(rows: int, number: int) -> Result:
    draw = np.random.default_rng(number)
    pairs = large.pairs_of(rows, draw).with_columns(id=pl.Series([digest([number, row]) for row in range(rows)]))
    parents = [digest(["parent", parent]) for parent in range(max(1, rows // 10))]
    picked = draw.integers(0, len(parents), EDGES * rows).tolist()
    edges = pl.DataFrame(
        {
            "child": [row_id for row_id in pairs["id"] for _ in range(EDGES)],
            "parent": [parents[parent] for parent in picked],
            "role": ["document", "example", "call", "backward_model"] * rows,
        },
        schema=EDGE_COLUMNS,
    )
    plain = large.kept(Pair, pairs)
    return Result(Pair, plain.kept, plain.decisions, plain.dropped, edges)


def _publish(path: Path, result: Result) -> float:
    database = FileWarehouse(path)
    with database.write():
        pass
    target = Target("raw_published", digest(str(result.data_version)), 0, {}, {}, {})
    return seconds_of(lambda: Store(database).publish(target, validated(result), {}, Effort(), Run("benchmark")))


def _insert(path: Path, rows: pl.DataFrame) -> float:
    with duckdb.connect(str(path)) as connection:
        connection.register("rows", rows)
        connection.execute("CREATE TABLE pairs AS FROM rows LIMIT 0")

    def insert() -> None:
        with duckdb.connect(str(path)) as connection:
            connection.register("rows", rows)
            connection.execute("INSERT INTO pairs SELECT * FROM rows")

    seconds = seconds_of(insert)
    path.unlink()
    return seconds


def disk(bench: Bench) -> Table:
    """What the warehouse takes on disk, and what its tables and indices take of that."""
    with bench.database.read() as connection:
        block, used = connection.sql("SELECT block_size, used_blocks FROM pragma_database_size()").fetchall()[0]
        sizes = {
            name: connection.execute(
                f"SELECT (SELECT count(*) FROM {name}), count(DISTINCT block_id) FROM pragma_storage_info('{name}')"
            ).fetchall()[0]
            for name in (f"{schema}.{name}" for schema, tables in SCHEMAS.items() for name in tables)
        }
    with tempfile.TemporaryDirectory(dir=bench.database.path.parent) as folder:
        copy = Path(folder) / "without_index.duckdb"
        shutil.copyfile(bench.database.path, copy)
        with duckdb.connect(str(copy)) as connection:
            indices = connection.sql("SELECT schema_name, index_name, table_name FROM duckdb_indexes()").fetchall()
            left = used
            for schema, index, name in indices:
                connection.execute(f"DROP INDEX {schema}.{index}")
                connection.execute("CHECKPOINT")
                before, left = left, connection.sql("SELECT used_blocks FROM pragma_database_size()").fetchall()[0][0]
                sizes[f"index {index}"] = (sizes[f"{schema}.{name}"][0], before - left)
    records = sizes["lineage.records"][0]
    table = Table("on disk", "rows", "MB", "bytes a row", box=None)
    for what, (rows, blocks) in {"the whole warehouse, by record": (records, used), **sizes}.items():
        if rows >= records // 100:
            table.add_row(what, f"{rows:,}", f"{blocks * block / 1e6:.1f}", f"{blocks * block / rows:.0f}")
    return table


BENCHMARKS = (why, recall, why_not, ledger, integrity, publish)


def main() -> None:
    """Runs all benchmarks, or those that are named, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(one.__name__ for one in BENCHMARKS))
    parser.add_argument("--records", type=int, default=1_000_000, help="records of the warehouse")
    parser.add_argument("--samples", type=int, default=50, help="training rows to ask about")
    parser.add_argument("--rows", type=int, default=100_000, help="rows to publish")
    parser.add_argument("--repetitions", type=int, default=5, help="of a publish")
    parser.add_argument("--warehouse", type=Path, help="a file of an earlier run, or where to keep this run's")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.warehouse or Path(folder) / "slingshot.duckdb"
        if not path.exists():
            synthetic.fill(path, options.records)
        bench = Bench(FileWarehouse(path), options.samples, options.rows, options.repetitions)
        chosen = [one for one in BENCHMARKS if not options.names or one.__name__ in options.names]
        figures = [figure for one in chosen for figure in one(bench)]
        stored = disk(bench)
    Console(width=180).print(table_of(figures), "", stored)


if __name__ == "__main__":
    main()
