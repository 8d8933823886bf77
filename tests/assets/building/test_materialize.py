"""One function builds, reuses or refuses each asset. If it is wrong, stored results are computed again, or assets are
built on rows that must not be used. It does not need Dagster, so these tests do not either."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.building.materialize import NotBuilt, NotOpen, Publication, materialize, publish
from assets.openness.rules import Terms
from assets.steps.step import Step
from resources.tools.tools import Tools
from tests.support.planning import DESCRIBED, SOURCE, TERMS, House, document, gate, texts
from warehouse.results.result import Check, Gate, Result
from warehouse.schema.records import Document
from warehouse.store.materials import record_materials
from warehouse.store.published import Published


class Warehouse:
    """Materializes and publishes steps in one warehouse."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self.store = self.house.bench.store
        record_materials(self.house.bench.database, DESCRIBED)

    def make(self, step: Step, terms: Terms = TERMS) -> Publication:
        return materialize(step, Tools(self.house.bench), 2, terms)

    def build(self, step: Step) -> Publication:
        publication = self.make(step)
        publish(self.store, publication, "run")
        return publication


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


def checked(passes: bool) -> Step:
    """A document with a blocking check."""

    def build(tools: Tools) -> Result:
        out = Gate(Document, 1)
        out.keep(document("aa"), [(SOURCE, "source")])
        return out.result([Check("taste", passes, {"rows": 1})])

    return Step("documents", "sources", "Of a test.", Document, build, {"passes": passes}, checks={"taste": True})


def test_a_new_version_is_built_from_the_current_inputs(warehouse: Warehouse) -> None:
    warehouse.build(texts("aa", "b"))
    asked = warehouse.house.asking("asked", "documents")
    made = warehouse.make(asked)
    assert warehouse.store.current("asked") is None
    assert made.action == "built"
    assert isinstance(made.result, Result)
    assert made.result.kept["response"].to_list() == ["AA", "B"]
    documents = warehouse.store.current("documents")
    assert documents is not None
    assert made.target.inputs == {"documents": documents.data_version}
    assert [(check.name, check.passed) for check in made.checks] == [
        ("openness", True),
        ("schema", True),
        ("ledger", True),
    ]
    assert made.facts["rows"] == [{"outcome": "kept", "reason": "", "rows": 2}]
    assert (made.effort.computed, made.effort.from_memo, made.effort.tokens) == (2, 0, 2)
    assert (made.failed_checks, made.fault) == ("", None)


def test_a_current_version_is_unchanged_and_nothing_is_run(warehouse: Warehouse) -> None:
    warehouse.build(texts("aa"))
    asked = warehouse.house.asking("asked", "documents")
    first = warehouse.build(asked)
    again = warehouse.build(asked)
    assert (again.action, again.effort.computed, again.effort.from_memo) == ("unchanged", 0, 0)
    assert again.result == warehouse.store.current("asked")
    assert again.facts == first.facts
    assert warehouse.house.asked == ["aa"]


def test_an_earlier_version_is_restored_and_nothing_is_run(warehouse: Warehouse) -> None:
    earlier = warehouse.build(texts("aa"))
    warehouse.build(texts("bb"))
    restored = warehouse.build(texts("aa"))
    assert restored.action == "restored"
    assert isinstance(restored.result, Published)
    assert restored.result.version == earlier.target.version
    assert warehouse.store.current("documents") == restored.result


def test_a_failed_blocking_check_is_published_and_blocks_what_reads_the_asset(warehouse: Warehouse) -> None:
    made = warehouse.build(checked(False))
    assert made.failed_checks == "taste (rows: 1)"
    assert made.fault is not None
    assert made.fault.startswith("documents failed its check taste (rows: 1): nothing is built on it")
    with pytest.raises(NotBuilt) as raised:
        warehouse.make(gate("long", "documents"))
    assert str(raised.value) == made.fault
    again = warehouse.build(checked(False))
    assert (again.action, again.fault) == ("unchanged", made.fault)
    assert warehouse.build(checked(True)).fault is None
    assert warehouse.make(gate("long", "documents")).action == "built"


def test_rows_that_are_not_open_are_refused_with_their_checks(warehouse: Warehouse) -> None:
    with pytest.raises(NotOpen) as raised:
        warehouse.make(texts("aa"), Terms(("Apache-2.0",)))
    assert str(raised.value).startswith("documents failed its check openness (sources: wiki, not open: ")
    assert [(check.name, check.passed) for check in raised.value.checks] == [
        ("openness", False),
        ("schema", True),
        ("ledger", True),
    ]
    assert warehouse.store.current("documents") is None


def test_an_input_that_was_never_built_is_an_error(warehouse: Warehouse) -> None:
    with pytest.raises(NotBuilt) as raised:
        warehouse.make(gate("long", "documents"))
    assert str(raised.value) == "documents has not been built yet; build it first: slingshot build '+documents'"
