"""What is withdrawn must stay out after any change of the recipe. Random sequences of withdrawals, edits and builds are
run with the real source steps; after every build, nothing current may depend on anything withdrawn."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.loading.file import load_recipe
from assets.recipe.selections import BenchmarkSelection, DocumentSelection, SeedSelection
from assets.recipe.types import Recipe, SourcePart
from assets.sources import benchmark_items, documents, seed_tasks
from assets.sources.searching import search
from assets.sources.seeding import OUTSIDE
from assets.steps.step import Step
from resources.tools.workbench import Workbench
from tests.support.planning import House, gate, texts
from tests.support.tiny import ROOT
from warehouse.core.errors import UserError
from warehouse.core.identity import file_digest, text_digest
from warehouse.core.texts import normalized
from warehouse.lineage.graph import Graph
from warehouse.lineage.material import Material
from warehouse.lineage.withdrawals import NONE, UsesWithdrawn, Withdrawals, Withdrawn, applied_digest, text_key
from warehouse.release.recall import find_affected, withdraw
from warehouse.release.withdrawable import put_on_record
from warehouse.schema.records import MAIN_TEXT, Pair
from warehouse.store.reasons import withdrawal_changes
from warehouse.store.warehouse import now

STARTER = ROOT / "recipe.yaml"
ASSETS = {"seed_task": "seed_tasks", "document": "documents", "benchmark_item": "benchmark_items"}
WHEN = datetime(2026, 5, 2)


def rows_of(source: str) -> list[dict[str, str]]:
    """Rows; the last ten have the texts of the first ten in capitals."""
    rows = [{"title": f"{source} thing {n}", "text": f"Thing {n} is, of all things, number {n}."} for n in range(40)]
    rows += [{"title": f"{source} again {n}", "text": rows[n]["text"].upper()} for n in range(10)]
    return [row | {"note": f"note {n}"} for n, row in enumerate(rows)]


@dataclass
class World:
    """A recipe with two sources that share most texts, and a warehouse to build it in."""

    folder: Path

    def __post_init__(self) -> None:
        self.parts = {}
        for name in ("rows", "others"):
            path = self.folder / f"{name}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows_of(name)))
            self.parts[name] = SourcePart(
                address=f"path:{path}", sha256=file_digest(path), licence="MIT", origin="human"
            )
        self.house = House(self.folder)
        materials = {
            name: Material("source", name, **part.model_dump(exclude_none=True)) for name, part in self.parts.items()
        }
        self.house.bench = Workbench(self.folder / "data", self.folder, {}, materials)
        self.source, self.title, self.count = "rows", "{title}", 3

    @property
    def database(self) -> Any:
        return self.house.bench.database

    def recipe(self) -> Recipe:
        seed = {"instruction": "What is {title}?", "response": "{text}"}
        item = {"instruction": "What is {title}?", "reference": "{text}"}
        text, common = {"title": self.title, "text": "{text}"}, {"source": self.source, "count": self.count}
        return load_recipe(STARTER).model_copy(
            update={
                "sources": self.parts,
                "seed_tasks": (SeedSelection(**common, slice=(0, 35), fields=seed),),
                "documents": (DocumentSelection(**common, slice=(35, 70), fields=text),),
                "benchmark_items": (BenchmarkSelection(**common, slice=(70, 100), fields=item, benchmark="b"),),
            }
        )

    def steps(self) -> list[Step]:
        recipe = self.recipe()
        sources = [module.step(recipe) for module in (benchmark_items, seed_tasks, documents)]
        return [*sources, self.house.asking("asked", "documents"), gate("good", "asked", model=Pair, least=1)]

    def build(self) -> dict[str, str]:
        return self.house.build(*self.steps())

    def outside(self, asset: str) -> dict[str, str]:
        """The texts, by id, of rows of the source that the warehouse only counts: those outside the slice of `asset`.
        They are put on record as a command does to withdraw one."""
        path = self.folder / f"{self.source}.jsonl"
        source = self.house.bench.sources[self.source].id
        found = search(self.recipe(), lambda name: (source, path) if name == self.source else None)
        rows = [one.row for one in found if (one.row.asset, one.reason) == (asset, OUTSIDE)]
        with self.database.write() as connection:
            for row in rows:
                put_on_record(connection, row)
        return {row.id: str(row.content["text"]) for row in rows}

    def kept(self, asset: str) -> list[dict[str, Any]]:
        current = self.house.bench.store.current(asset)
        return self.house.bench.store.read(current).to_dicts() if current else []

    def check(self) -> None:
        """Nothing current depends on anything withdrawn or has the same text, and every role has its rows."""
        with self.database.read() as connection:
            withdrawn = [row_id for (row_id,) in connection.execute("SELECT id FROM lineage.withdrawals").fetchall()]
            below = {*withdrawn, *(link.child for link in Graph(connection).descent(withdrawn))}
            texts_withdrawn = connection.execute("SELECT text FROM lineage.withdrawals").fetchall()
            kept = connection.execute("SELECT record FROM lineage.outcomes WHERE outcome = 'kept'").fetchall()
        assert not below & {record for (record,) in kept}
        for kind, asset in ASSETS.items():
            rows = self.kept(asset)
            assert len(rows) == self.count
            assert not {text_key(row[MAIN_TEXT[kind]]) for row in rows} & {text for (text,) in texts_withdrawn}


ACTIONS = st.one_of(
    st.tuples(st.just("withdraw"), st.sampled_from(sorted(ASSETS)), st.integers(0, 2)),
    st.tuples(st.sampled_from(["count", "source", "title", "build"])),
)


@settings(max_examples=5)
@given(st.lists(ACTIONS, min_size=3, max_size=6))
def test_no_sequence_of_edits_and_withdrawals_brings_anything_back(actions: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        world = World(Path(scratch))
        world.build()
        for action, *which in [*actions, ("build",)]:
            if action == "withdraw":
                kind, index = which
                row = world.kept(ASSETS[kind])[index]
                affected = find_affected(world.database, row["id"])
                if row["id"] not in world.house.bench.withdrawals().rows:
                    withdraw(world.database, affected, "why")
            elif action == "count":
                world.count = 4 - world.count % 2
            elif action == "source":
                world.source = "others" if world.source == "rows" else "rows"
            elif action == "title":
                world.title = "{title}" if world.title == "It is {title}" else "It is {title}"
            else:
                world.build()
                world.check()


def test_without_withdrawals_versions_do_not_depend_on_them(tmp_path: Path) -> None:
    for step in World(tmp_path).steps():
        inputs = dict.fromkeys(step.inputs, "1" * 32)
        assert step.settle(inputs, 0, World(tmp_path).house.bench.store.catalog()).target == step.target(inputs)
        assert "withdrawals" not in step.target(inputs).inputs


def withdrawn(kind: str, number: int = 0) -> Withdrawn:
    return Withdrawn(f"{number:032x}", kind, "it", None, "why", WHEN)


def test_a_withdrawal_applies_to_steps_that_read_sources_or_use_it_and_to_no_others(tmp_path: Path) -> None:
    steps = {step.asset: step for step in [*World(tmp_path).steps(), texts("a", asset="plain")]}
    row = withdrawn("document")
    affected = {asset for asset, step in steps.items() if step.applicable_withdrawals(Withdrawals((row,)))}
    assert affected == {"benchmark_items", "seed_tasks", "documents"}
    rows = Material("source", "rows", "MIT", address="path:x", sha256="1" * 64)
    source = replace(withdrawn("source"), id=rows.id)
    assert steps["documents"].applicable_withdrawals(Withdrawals((source, row), {rows.id: source})) == [source, row]
    other = withdrawn("source", 7)
    assert steps["documents"].applicable_withdrawals(Withdrawals((other,), {other.id: other})) == []


def test_a_withdrawn_row_outside_the_slice_is_recognised_in_another_role(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.build()
    outside = world.outside("documents")
    drawn = {normalized(row["response"]) for row in world.kept("seed_tasks")}
    row_id, gone = next((row_id, text) for row_id, text in outside.items() if normalized(text) in drawn)
    withdraw(world.database, find_affected(world.database, row_id), "why")
    world.build()
    assert gone not in [row["response"] for row in world.kept("seed_tasks")]
    assert len(world.kept("seed_tasks")) == 3


def test_a_withdrawn_row_is_recognised_when_another_column_is_read(tmp_path: Path) -> None:
    """The columns that a recipe names decide what a row is: its id as it was read, and its slice, are others then."""
    (tmp_path / "twin").mkdir()
    twin, world = World(tmp_path / "twin"), World(tmp_path)
    twin.title = "{title} {note}"
    twin.build()
    world.build()
    drawn = {normalized(row["text"]) for row in twin.kept("documents")}
    outside = world.outside("documents")
    row_id, gone = next((row_id, text) for row_id, text in outside.items() if normalized(text) in drawn)
    withdraw(world.database, find_affected(world.database, row_id), "why")
    world.title = twin.title
    world.build()
    assert normalized(gone) not in {normalized(row["text"]) for row in world.kept("documents")}
    assert len(world.kept("documents")) == 3


def test_too_few_rows_say_how_many_are_withdrawn(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.count = 1
    world.build()
    taken = world.kept("benchmark_items")
    withdraw(world.database, find_affected(world.database, taken[0]["id"]), "why")
    world.count = 40
    # It comes from the input of the asset that has too few rows, which has the withdrawn row.
    with pytest.raises(UserError, match=r"_items.0 has \d+ rows of 'rows', but 40 are needed; .*\d 'withdrawn: why'"):
        world.build()


@pytest.mark.parametrize(
    ("applied", "before", "lines"),
    [
        ([], 0, []),
        (["document"], 1, []),
        (["document"], 0, ["1 document withdrawn"]),
        (["document", "document"], 1, ["1 document withdrawn"]),
        (["document", "seed_task", "document"], 0, ["2 documents, 1 seed task withdrawn"]),
        (["source", "seed_task", "seed_task"], 1, ["2 seed tasks withdrawn"]),
        ([], 1, ["other withdrawals concern it"]),
        (["document"], 2, ["other withdrawals concern it"]),
    ],
)
def test_the_reason_counts_what_was_withdrawn_since(applied: list[str], before: int, lines: list[str]) -> None:
    entries = [withdrawn(kind, number) for number, kind in enumerate(applied)]
    known = (entries + [withdrawn("document", 9)] * 2)[:before]
    assert withdrawal_changes(entries, applied_digest(known) if known else None) == lines


def test_texts_are_recognised_in_another_case_and_empty_texts_never() -> None:
    row = replace(withdrawn("document"), text=text_key("Pesto is a sauce."))
    known = Withdrawals((row,))
    assert known.of_row([], "PESTO -- is a   sauce") == row
    assert known.of_row([], "Pesto is no sauce.") is None
    assert known.of_row([row.id], "...") == row
    assert text_key(" … !") is None
    assert NONE.of_row([row.id], "") is None


def test_a_withdrawn_text_is_recognised_in_any_form_but_with_its_signs() -> None:
    row = replace(withdrawn("document"), text=text_key("Zürich: 7 - 2 = 5"))
    known = Withdrawals((row,))
    assert known.of_row([], "zu\u0308rich 7-2=5!") == row
    assert known.of_row([], "Zürich: 7 + 2 = 5") is None


def test_a_withdrawal_that_was_stored_without_signs_still_applies() -> None:
    row = replace(withdrawn("document"), text=text_digest("what is 7 2 क ल"))
    known = Withdrawals((row,))
    assert known.of_row([], "What is 7 - 2? काली") == row
    assert known.of_row([], "What is 7 - 3? काली") is None


@pytest.mark.parametrize("recorded", [False, True])
def test_a_model_made_from_a_withdrawn_one_is_refused_too(tmp_path: Path, recorded: bool) -> None:
    base = Material("model", "base", "MIT", address="path:base", sha256="a" * 64)
    tuned = Material("model", "tuned", "MIT", None, ("base",), "path:tuned", "b" * 64)
    bench = Workbench(tmp_path / "data", tmp_path, {"tuned": tuned, "base": base}, {})
    bench.put_on_record(["models.tuned", "models.base"] if recorded else ["models.base"])
    withdraw(bench.database, find_affected(bench.database, "base"), "no licence")
    slice_ = {"models.tuned": {"address": tuned.address, "sha256": tuned.sha256, "licence": "MIT"}}
    step = replace(texts("a"), slice=slice_)
    assert [one.shown for one in step.applicable_withdrawals(bench.withdrawals())] == (["base"] if recorded else [])
    with pytest.raises(UsesWithdrawn) as refused:
        bench.refuse_withdrawn(step.slice, bench.withdrawals())
    assert str(refused.value) == (
        f"the recipe's models.tuned is, or was made from, the model 'base' ({base.id[:9]}), withdrawn on "
        f"{now():%Y-%m-%d}: no licence; it cannot be used any more: use another model in the recipe"
    )
    assert isinstance(refused.value, UserError)
    bench.refuse_withdrawn(["models.other", "seed"], bench.withdrawals())
