"""Nothing may be built on an asset that failed a blocking check. In the same run, Dagster stops the assets downstream.
A later run finds the version in the warehouse like any other, and once built on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.building.dagster_assets import to_asset
from assets.building.dagster_home import dagster_instance
from assets.building.io_manager import WarehouseIOManager
from assets.building.run import build_assets
from assets.planning.plan import Planner
from assets.planning.planned import Planned
from assets.reporting.plan_tables import plan_summary
from assets.steps.step import Step
from resources.tools.tools import Tools
from tests.support.building import Log
from tests.support.planning import DESCRIBED, SOURCE, TERMS, House, document
from warehouse.core.errors import UserError
from warehouse.release.export import export
from warehouse.results.result import Check, Gate, Result
from warehouse.schema.records import Document, Pair
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.materials import record_materials
from warehouse.store.published import Effort, Run, Target
from warehouse.store.versions import Store

FAULT = (
    "documents failed its check taste (rows: 1): nothing is built on it; fix its part of the recipe, what it reads, "
    "or its code, and build it again"
)


def tasted(text: str, good: bool, blocking: bool = True, asset: str = "documents") -> Step:
    """One document, with the check "taste"."""

    def build(tools: Tools) -> Result:
        gate = Gate(Document, 1)
        gate.keep(document(text), [(SOURCE, "source")])
        return gate.result([Check("taste", good, {"rows": 1})])

    slice_ = {f"{asset}.text": text, f"{asset}.good": good}
    return Step(asset, "sources", "Of a test.", Document, build, slice_, checks={"taste": blocking})


def passing_on(asset: str, reads: str) -> Step:
    """Passes on all rows of its input."""

    def build(tools: Tools, rows: Any) -> Result:
        out = Gate(Document, len(rows))
        for row in rows.iter_rows(named=True):
            out.keep(row)
        return out.result()

    return Step(asset, "sources", "Of a test.", Document, build, {}, {"rows": reads})


def graph(good: bool, text: str = "aa", **more: Any) -> list[Step]:
    return [tasted(text, good, **more), passing_on("long", "documents"), passing_on("last", "long")]


class Built:
    """Builds graphs of steps through Dagster, in one warehouse."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        record_materials(self.house.bench.database, DESCRIBED)

    def __call__(
        self, steps: list[Step], only: list[str] | None = None, stale: bool = False
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Builds `only` these assets, or those that are `stale`; returns (action by asset, message by failed asset)."""
        log, bench = Log(), self.house.bench
        definitions = dg.Definitions(
            assets=[to_asset(step, bench, 2, TERMS, log) for step in steps],
            resources={"warehouse": WarehouseIOManager(bench.store)},
            executor=dg.in_process_executor,
        )
        with dagster_instance(self.house.folder / "data") as instance:
            if stale:
                plan = Planner(bench, 2, forecast=False).plan(steps)
                only = [one.asset for one in plan if one.state != "fresh"]
            failures = build_assets(definitions, instance, only)
        assert all(failure.trace == "" for failure in failures)
        return log.actions, {failure.asset: failure.message for failure in failures}


@pytest.fixture
def built(tmp_path: Path) -> Built:
    return Built(tmp_path)


def test_an_asset_with_a_failed_check_is_published_and_blocks_the_rest_of_the_run(built: Built) -> None:
    assert built(graph(good=False)) == ({"documents": "built"}, {"documents": FAULT})
    current = built.house.bench.store.current("documents")
    assert current is not None
    assert (current.failed_checks, current.fault) == ("taste (rows: 1)", FAULT)
    shown = {check["name"]: check["passed"] for check in built.house.bench.store.facts(current)["checks"]}
    assert shown == {"schema": True, "ledger": True, "openness": True, "taste": False}


def test_a_later_run_builds_nothing_on_it(built: Built) -> None:
    built(graph(good=False))
    assert built(graph(good=False), only=["long"]) == ({}, {"long": FAULT})
    assert built.house.bench.store.current("long") is None


def test_the_next_build_names_the_failed_check_and_builds_nothing(built: Built) -> None:
    built(graph(good=False))
    for _ in range(2):
        assert built(graph(good=False), stale=True) == ({"documents": "unchanged"}, {"documents": FAULT})
    assert built.house.bench.store.current("long") is None


def test_earlier_versions_stay_but_are_not_shown_as_fresh(built: Built) -> None:
    built(graph(good=True))
    before = built.house.bench.store.current("long")
    assert built(graph(good=False, text="bb"), stale=True) == ({"documents": "built"}, {"documents": FAULT})
    assert built.house.bench.store.current("long") == before
    plan = built.house.plan(*graph(good=False, text="bb"))
    assert plan["long"] == Planned("long", "blocked", error=FAULT)


def test_a_fixed_asset_no_longer_blocks(built: Built) -> None:
    built(graph(good=False))
    everything = dict.fromkeys(("documents", "long", "last"), "built")
    assert built(graph(good=True), stale=True) == (everything, {})
    assert built(graph(good=True), stale=True) == ({}, {})


def test_a_failed_check_that_is_not_blocking_blocks_nothing(built: Built) -> None:
    everything = dict.fromkeys(("documents", "long", "last"), "built")
    assert built(graph(good=False, blocking=False)) == (everything, {})
    assert built(graph(good=False, blocking=False), stale=True) == ({}, {})


def test_a_step_that_does_not_count_its_rows_fails_and_publishes_nothing(built: Built) -> None:
    def build(tools: Tools) -> Result:
        return Gate(Document).result()

    uncounted = Step("documents", "sources", "Of a test.", Document, build, {})
    bench = built.house.bench
    definitions = dg.Definitions(
        assets=[to_asset(uncounted, bench, 2, TERMS, Log())], resources={"warehouse": WarehouseIOManager(bench.store)}
    )
    with dagster_instance(built.house.folder / "data") as instance:
        (failure,) = build_assets(definitions, instance)
    assert "does not count its incoming rows" in failure.message
    assert bench.store.current("documents") is None


def test_a_plan_shows_blocked_assets_and_why(built: Built) -> None:
    built(graph(good=False))
    plan = built.house.plan(*graph(good=False))
    assert list(plan.values()) == [
        Planned("documents", "fails", same_content=True, error=FAULT),
        Planned("long", "blocked", error=FAULT),
        Planned("last", "blocked", error=FAULT),
    ]
    (own,) = built.house.plan(*graph(good=False), only={"long"}).values()
    assert own == Planned("long", "blocked", error=FAULT)
    (alone,) = built.house.plan(tasted("aa", good=False)).values()
    assert plan_summary([alone]) == "1 asset: 1 fails; no model call to compute"


def test_a_plan_shows_that_a_check_will_fail(built: Built) -> None:
    plan = built.house.plan(*graph(good=False))
    assert list(plan.values()) == [
        Planned("documents", "fails", ("never built",), rows=1, error=FAULT),
        Planned("long", "blocked", error=FAULT),
        Planned("last", "blocked", error=FAULT),
    ]


def test_restoring_a_version_with_a_failed_check_blocks_again(built: Built) -> None:
    built(graph(good=False))
    built(graph(good=True), stale=True)
    assert built.house.plan(*graph(good=False))["documents"].error == FAULT
    assert built(graph(good=False), stale=True) == ({"documents": "restored"}, {"documents": FAULT})


def test_a_training_set_that_failed_its_check_is_not_exported(tmp_path: Path) -> None:
    store = Store(FileWarehouse(tmp_path / "slingshot.duckdb"))
    result = Gate(Pair, 0).result()
    target = Target("training_sets/x", "1" * 32, 0, {}, {}, {})
    store.publish(target, result, {}, Effort(), Run("run"), "leakage (texts in both: 1)")
    with pytest.raises(
        UserError, match=r"^training_sets/x failed its check leakage \(texts in both: 1\): nothing is built"
    ):
        export(store, "x", tmp_path / "exports")
    assert not (tmp_path / "exports").exists()


def test_failed_checks_are_stored_apart_from_the_facts(built: Built) -> None:
    built(graph(good=False))
    with built.house.bench.database.read() as connection:
        rows = connection.execute("SELECT asset, failed_checks, facts FROM lineage.versions").fetchall()
    assert [(asset, failed) for asset, failed, _ in rows] == [("documents", "taste (rows: 1)")]
    taste = json.loads(rows[0][2])["checks"][-1]
    assert taste == {"name": "taste", "passed": False, "facts": {"rows": 1}}
