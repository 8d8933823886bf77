"""What a build costs when little or nothing changed, each measurement beside its floor: `make bench`.

Everything happens in temporary folders, with random models of a few kilobytes. Measurement and floor take turns, so
that what else the machine does weighs on both.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from rich.console import Console

from assets.building.dagster_home import dagster_instance
from assets.building.define import define
from assets.loading.bench import workbench
from assets.loading.file import load_recipe
from resources.models.quiet import quiet
from tests.benchmarks import large
from tests.benchmarks.figures import Figure, table_of
from tests.benchmarks.floor import seconds_of_empty_assets
from tests.support.building import Log, build, planned
from tests.support.tiny import save_tiny_embedder, save_tiny_model, tiny_recipe, write_rows
from warehouse.core.identity import canonical
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.memo import Memo


@dataclass(frozen=True)
class Bench:
    """Where the benchmarks work, and how much they do."""

    folder: Path
    repetitions: int
    rows: int
    keys: int

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for one benchmark."""
        with tempfile.TemporaryDirectory(dir=self.folder) as path:
            yield Path(path)

    def in_turn(self, *measures: Callable[[int], float]) -> list[list[float]]:
        """The seconds of each measure, once per repetition and in turn; each is told the repetition's number."""
        rounds = [[measure(number) for measure in measures] for number in range(self.repetitions)]
        return [list(column) for column in zip(*rounds, strict=True)]

    def models(self) -> tuple[Path, Path]:
        """The folders of the language model and of the embedder."""
        return self.folder / "language_model", self.folder / "embedder" / "model"


def nothing_changed(bench: Bench) -> Iterator[Figure]:
    """A build of a fresh graph, as the command does it and as "Materialize all" does."""
    with bench.scratch() as folder:
        recipe, data = _tiny(bench, folder), folder / "data"
        assets = len(_built(recipe, data).actions)

        def command(_: int) -> float:
            began = time.monotonic()
            log, failures = build(recipe, data)
            assert not failures and not log.actions
            return time.monotonic() - began

        def materialize_all(_: int) -> float:
            began = time.monotonic()
            loaded, log = load_recipe(recipe), Log()
            job = define(loaded, workbench(loaded, data, recipe.parent), log).resolve_implicit_global_asset_job_def()
            with dagster_instance(data) as instance:
                # Without the mark of `slingshot build`, as a run of the UI is, so that each asset looks for stale ones.
                done = job.execute_in_process(
                    instance=instance, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
                )
            seconds = time.monotonic() - began
            assert done.success and list(log.actions.values()) == ["unchanged"] * assets
            return seconds

        def floor(_: int) -> float:
            return seconds_of_empty_assets(recipe, folder / "floor")

        command(0), materialize_all(0), floor(0)
        by_command, by_ui, empty = bench.in_turn(command, materialize_all, floor)
        floor_is = _empty(assets)
        yield Figure("nothing changed: slingshot build", by_command, empty, floor_is, aim=1.5)
        yield Figure("nothing changed: Materialize all", by_ui, empty, floor_is, aim=1.5)


def one_recipe_back(bench: Bench) -> Iterator[Figure]:
    """From one recipe to another and back, when both have been built before."""
    with bench.scratch() as folder:
        recipe, data = _tiny(bench, folder), folder / "data"
        seeds = (2308, 2309)
        for seed in seeds:
            large.change(recipe, "seed", seed)
            _built(recipe, data)
        moved: list[str] = []

        def back(number: int) -> float:
            large.change(recipe, "seed", seeds[number % 2])
            began = time.monotonic()
            log = _built(recipe, data)
            seconds = time.monotonic() - began
            assert set(log.actions.values()) == {"restored"} and not any(log.computed.values())
            moved[:] = log.actions
            return seconds

        def floor(_: int) -> float:
            return seconds_of_empty_assets(recipe, folder / "floor", moved)

        restored, empty = bench.in_turn(back, floor)
        yield Figure("one recipe back, 0 calls", restored, empty, _empty(len(moved)))


def many_rows(bench: Bench) -> Iterator[Figure]:
    """A threshold is changed over many rows, in an arm without and in one with the diversity filter."""
    with bench.scratch() as folder:
        recipe = large.write_large_recipe(folder, *bench.models(), training_rows=bench.rows // 2)
        data = folder / "data"
        large.fill(recipe, data, bench.rows)
        for arm in (large.PLAIN, large.DIVERSE):
            large.change(recipe, "enhancement.perplexity.keep", 0.75)
            large.change(recipe, "enhancement.heuristics.response_words", [1, 400])
            _built(recipe, data, f"+training_sets/{arm}")
            yield from _edits(bench, recipe, data, arm)


def _edits(bench: Bench, recipe: Path, data: Path, arm: str) -> Iterator[Figure]:
    rebuilt: list[str] = []
    planning: list[float] = []
    selection = f"+training_sets/{arm}"

    def edit_and_build(path: str, value: Any, plan: bool) -> float:
        large.change(recipe, path, value)
        if plan:
            began = time.monotonic()
            assert planned(recipe, data, selection=selection)[f"training_sets/{arm}"].calls == 0
            planning.append(time.monotonic() - began)
        began = time.monotonic()
        log = _built(recipe, data, selection)
        seconds = time.monotonic() - began
        assert set(log.actions.values()) == {"built"} and not any(log.computed.values())
        rebuilt[:] = log.actions
        return seconds

    def threshold(number: int) -> float:
        return edit_and_build("enhancement.perplexity.keep", 0.74 - number / 100, True)

    def heuristics(number: int) -> float:
        return edit_and_build("enhancement.heuristics.response_words", [21 + number, 400], False)

    def floor(_: int) -> float:
        return seconds_of_empty_assets(recipe, data.parent / "floor", rebuilt)

    what = f"{bench.rows:,} rows, {arm.replace('_', ' ')}"
    for name, change in (("threshold", threshold), ("heuristics", heuristics)):
        seconds, empty = bench.in_turn(change, floor)
        floor_is = _empty(len(rebuilt))
        yield Figure(f"{name} changed, 0 calls: {what}", seconds, empty, floor_is, "difference", 10)
        if name == "threshold":
            # The plan decides all that the build decides, and publishes none of it.
            yield Figure(f"plan of the same: {what}", planning, seconds, "the build itself")


def memo(bench: Bench) -> Iterator[Figure]:
    """Looking up many calls that are all on record."""
    with bench.scratch() as folder:
        database = FileWarehouse(folder / "slingshot.duckdb")
        large.fill_memo(database, bench.keys)
        keyed = large.completions(bench.keys)

        def names(_: int) -> float:
            calls = large.completions(bench.keys)
            began = time.monotonic()
            for call in calls:
                assert call.key
            return time.monotonic() - began

        def hashes(_: int) -> float:
            texts = [canonical(call.request).encode() for call in keyed]
            began = time.monotonic()
            for text in texts:
                hashlib.sha256(text).hexdigest()
            return time.monotonic() - began

        def look_up(_: int) -> float:
            began = time.monotonic()
            found = Memo(database).look_up(keyed)
            seconds = time.monotonic() - began
            assert len(found) == bench.keys
            return seconds

        wanted = pl.DataFrame({"key": [call.key for call in keyed]})

        def fetch(_: int) -> float:
            began = time.monotonic()
            with database.read() as connection:
                connection.register("wanted", wanted)
                rows = connection.execute(
                    "SELECT key, budget, response, tokens, seconds, complete, vector "
                    "FROM memo.calls JOIN wanted USING (key)"
                ).fetchall()
            seconds = time.monotonic() - began
            assert len(rows) == bench.keys
            return seconds

        what = f"{bench.keys:,}"
        named, hashed = bench.in_turn(names, hashes)
        yield Figure(f"memo: naming {what} calls", named, hashed, "their SHA-256 alone")
        found, fetched = bench.in_turn(look_up, fetch)
        yield Figure(f"memo: look-up of {what} keys", found, fetched, "the same join, fetched")


def _tiny(bench: Bench, folder: Path) -> Path:
    path = folder / "recipe.yaml"
    recipe = tiny_recipe(*bench.models(), write_rows(folder / "rows.jsonl", 120, seed=1))
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return path


def _empty(assets: int) -> str:
    return f"{assets} empty assets with their checks"


def _built(recipe: Path, data: Path, selection: str | None = None) -> Log:
    # With Dagster's files, as the floor has them.
    log, failures = build(recipe, data, selection, history=True)
    assert not failures, failures
    return log


BENCHMARKS = (nothing_changed, one_recipe_back, many_rows, memo)


def main() -> None:
    """Runs all benchmarks, or those that are named, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(one.__name__ for one in BENCHMARKS))
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the arm in which a threshold changes")
    parser.add_argument("--keys", type=int, default=1_000_000, help="keys to look up in the memo")
    options = parser.parse_args()
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.repetitions, options.rows, options.keys)
        language_model, embedder = bench.models()
        save_tiny_model(language_model)
        save_tiny_embedder(embedder.parent)
        chosen = [one for one in BENCHMARKS if not options.names or one.__name__ in options.names]
        figures = [figure for one in chosen for figure in one(bench)]
    Console(width=160).print(table_of(figures))


if __name__ == "__main__":
    main()
