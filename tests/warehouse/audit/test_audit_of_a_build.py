"""In a real build, every row can be traced back to sources and models of the recipe, and every source row to its
outcome. `--audit FOLDER` runs the same tests on any warehouse that was built from the starter recipe."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from pathlib import Path

import pytest

from assets.loading.bench import workbench
from assets.loading.file import load_recipe
from assets.recipe.columns import shared_by_roles
from assets.recipe.types import Recipe
from assets.sources import benchmark_items, documents, held_out, seed_tasks
from assets.sources.seeding import select
from resources.tools.tools import Tools
from tests.support.building import query
from tests.support.tiny import ROOT
from warehouse.audit.integrity import integrity
from warehouse.audit.ledger import ledger
from warehouse.audit.nodes import decisions
from warehouse.audit.why import why
from warehouse.audit.why_not import why_not
from warehouse.lineage.graph import Graph
from warehouse.release.attestation import ROW_IDS, statement
from warehouse.release.export import export
from warehouse.release.provenance import exported
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.versions import Store
from warehouse.store.warehouse import Warehouse


@pytest.fixture(scope="module")
def audited(request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """(the recipe, the warehouse's folder) of the build that is audited."""
    folder = request.config.getoption("--audit")
    if folder:
        return ROOT / "recipe.yaml", Path(folder).resolve()
    built: tuple[Path, Path] = request.getfixturevalue("built")
    return built


@pytest.fixture(scope="module")
def recipe(audited: tuple[Path, Path]) -> Recipe:
    return load_recipe(audited[0])


@pytest.fixture(scope="module")
def database(audited: tuple[Path, Path]) -> Warehouse:
    return FileWarehouse(audited[1] / "slingshot.duckdb")


def training_rows(data: Path, recipe: Recipe) -> dict[str, list[str]]:
    return {arm: query(data, f"FROM training_sets__{arm}")["id"].to_list() for arm in recipe.arms}


def test_the_ancestry_of_every_training_row_ends_in_sources_and_models_of_the_recipe(
    audited: tuple[Path, Path], recipe: Recipe, database: Warehouse
) -> None:
    rows = [row for ids in training_rows(audited[1], recipe).values() for row in ids]
    assert rows
    declared = {("model", name) for name in recipe.models} | {("source", name) for name in recipe.sources}
    declared |= {("ancestor", name) for name in getattr(recipe, "ancestors", {})}
    for row in random.Random(0).sample(rows, min(len(rows), 60)):
        found = why(database, row)
        assert found.row.id == row
        assert {(node.kind, (node.says or {}).get("name")) for node in found.ends} <= declared
    with database.read() as connection:
        links = Graph(connection).ancestry(rows)
        described = connection.execute("SELECT id, role, name FROM lineage.described").fetchall()
    ends = {link.parent for link in links} - {link.child for link in links}
    known = {row_id: (role, name) for row_id, role, name in described}
    assert ends <= known.keys()
    assert {known[row_id] for row_id in ends} <= declared
    assert set(rows) <= {link.child for link in links}


def test_every_source_row_has_its_outcome(audited: tuple[Path, Path], recipe: Recipe, database: Warehouse) -> None:
    tools = Tools(workbench(recipe, audited[1], audited[0].parent))
    items = query(audited[1], "SELECT * EXCLUDE (position) FROM benchmark_items")
    ways = shared_by_roles(recipe)
    results = {
        "benchmark_items": select(
            benchmark_items.ROLE, recipe.benchmark_items, tools.source_file, recipe.seed, ways=ways
        ).result(),
        "seed_tasks": held_out.select_without_benchmark_text(
            seed_tasks.ROLE, seed_tasks.TEXTS, recipe.seed_tasks, items, tools, recipe.seed, ways=ways
        ),
        "documents": held_out.select_without_benchmark_text(
            documents.ROLE, documents.TEXTS, recipe.documents, items, tools, recipe.seed, ways=ways
        ),
    }
    for asset, result in results.items():
        expected = dict(result.decisions.select("record", "outcome").rows())
        with database.read() as connection:
            found = decisions(connection, expected.keys())
        assert {
            row: [one.outcome for one in found[row] if one.is_current and one.asset == asset] for row in expected
        } == {row: [outcome] for row, outcome in expected.items()}
        assert len(expected) + sum(result.counted.values()) == result.incoming
        row = random.Random(0).choice([row for row, outcome in expected.items() if outcome != "kept"])
        (answer,) = why_not(database, row).answers
        assert [one.outcome for one in answer.dropped] == [expected[row]]


def test_the_ledger_closes_at_every_gate(audited: tuple[Path, Path], database: Warehouse) -> None:
    entries = ledger(database)
    kept = {entry.asset: entry.outcomes["kept"] for entry in entries}
    assert [entry.asset for entry in entries if not entry.closes] == []
    for entry in entries:
        assert entry.incoming == sum(entry.outcomes.values())
        dropped = {outcome: sum(reasons.values()) for outcome, reasons in entry.reasons.items()}
        assert dropped == {outcome: count for outcome, count in entry.outcomes.items() if count and outcome != "kept"}
        gate = entry.asset.split("/")[0]
        if gate in ("diverse_instructions", "training_sets"):
            before = {"diverse_instructions": "enhanced_instructions", "training_sets": "diverse_instructions"}[gate]
            assert entry.incoming == kept[entry.asset.replace(gate, before)]
        if gate == "enhanced_instructions":
            assert entry.incoming == sum(kept[asset] for asset in entry.inputs if asset.startswith("raw_"))
    order = [entry.asset for entry in entries]
    assert all(order.index(asset) < order.index(entry.asset) for entry in entries for asset in entry.inputs)


def test_the_warehouse_is_consistent(database: Warehouse) -> None:
    assert integrity(database) == []


def test_the_merkle_root_of_an_attestation_is_that_of_the_exported_ids(
    audited: tuple[Path, Path], recipe: Recipe, database: Warehouse, tmp_path: Path
) -> None:
    shutil.copy(database.path, tmp_path / "own.duckdb")
    own = FileWarehouse(tmp_path / "own.duckdb")  # an export goes on record
    for arm, rows in training_rows(audited[1], recipe).items():
        export(Store(own), arm, tmp_path)
        byproducts = statement(*exported(own, arm, tmp_path))["predicate"]["runDetails"]["byproducts"]
        (stated,) = [one for one in byproducts if one["name"] == ROW_IDS]
        lines = (tmp_path / f"messages/{arm}/train.jsonl").read_text().splitlines()
        ids = [json.loads(line)["id"] for line in lines]
        assert ids == rows
        assert list(stated["digest"].values()) == [root(ids).hex()]


def root(leaves: list[str]) -> bytes:
    """RFC 9162, section 2.1.1, as it is written there."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0].encode()).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:])).digest()
