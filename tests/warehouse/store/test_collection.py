"""A collection deletes data, and mistakes cannot be undone. So these tests list the exact rows that survive, also after
a kill: nothing that is kept may lose its content, its parents or the rows of its version."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.building import build, edit
from tests.support.postgres import opening
from tests.support.tiny import ROOT
from tests.support.versions import checkpoint, contents, documents, everything, named, pairs, publish, rows, stored
from warehouse.core.identity import digest
from warehouse.release.export import record_export
from warehouse.results.result import Gate
from warehouse.schema.records import Document
from warehouse.store.calls import Answer, Call, Work
from warehouse.store.collection import Garbage, collect, find_garbage
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.memo import Memo
from warehouse.store.published import Effort, Run
from warehouse.store.tables import SCHEMAS
from warehouse.store.versions import Store
from warehouse.store.warehouse import Warehouse, WarehouseError


@pytest.fixture
def store(warehouse: Warehouse) -> Store:
    return Store(warehouse)


def collected(store: Store, keep: int, calls: bool = False) -> Garbage:
    garbage = find_garbage(store.database, keep, calls)
    collect(store.database, garbage)
    return garbage


def exported(store: Store, asset: str) -> None:
    published = store.current(asset)
    assert published is not None
    record_export(store, published, Path("exports"), {"x.jsonl": "0" * 64})


def folder(store: Store, name: str, size: int = 10) -> Path:
    path = store.database.folder / "checkpoints" / name
    path.mkdir(parents=True)
    (path / "adapter").write_bytes(bytes(size))
    return path


def folders(store: Store) -> set[str]:
    return {path.name for path in (store.database.folder / "checkpoints").iterdir()}


def test_an_empty_warehouse_has_nothing_to_free(store: Store) -> None:
    assert find_garbage(store.database, 1, calls=True) == Garbage(1, True, (), {}, ())
    assert find_garbage(store.database, 1).nothing


def test_exactly_what_only_old_versions_use_is_listed_and_freed(store: Store) -> None:
    publish(store, "documents", "1", documents("ab", rejected="x"))
    publish(store, "documents", "2", documents("bc", rejected="y"))
    publish(store, "documents", "3", documents("cd", rejected="z"))
    before = everything(store)
    garbage = find_garbage(store.database, 2)
    assert everything(store) == before
    assert [(one.asset, one.version) for one in garbage.versions] == [("documents", named("1"))]
    assert garbage.rows == {
        "lineage.versions": 1,
        "lineage.decisions": 3,
        "lineage.records": 2,
        "lineage.edges": 2,
        "records.document": 1,
    }
    collect(store.database, garbage)
    gone = {row[0] for row in before["lineage.records"]} - {row[0] for row in rows(store, "FROM lineage.records")}
    assert gone == {documents("a").kept["id"][0], documents("", "x").decisions["record"][0]}
    left = {
        name: [
            row for row in table if not gone & {*row} and (name.endswith("materializations") or named("1") not in row)
        ]
        for name, table in before.items()
    }
    assert everything(store) == left
    assert len(left["lineage.materializations"]) == 3
    assert rows(store, "SELECT text FROM documents") == [("c",), ("d",)]
    assert find_garbage(store.database, 2).nothing


def test_the_versions_used_last_stay_not_those_made_last(store: Store) -> None:
    first = publish(store, "documents", "1", documents("a"))
    publish(store, "documents", "2", documents("b"))
    third = publish(store, "documents", "3", documents("c"))
    store.reuse(first, "restored", Effort(), Run("run"))
    collected(store, 2)
    assert stored(store) == {("documents", "1"), ("documents", "3")}
    store.reuse(third, "restored", Effort(), Run("run"))
    collected(store, 1)
    assert stored(store) == {("documents", "3")}


def test_versions_used_at_the_same_time_are_ordered_and_the_current_one_stays(store: Store) -> None:
    for version in "231":
        publish(store, "documents", version, documents(version))
    publish(store, "documents", "4", documents("4"))
    with store.database.write() as connection:
        connection.execute("UPDATE lineage.versions SET created_at = TIMESTAMP '2026-01-01'")
        connection.execute("DELETE FROM lineage.materializations")
    collected(store, 2)
    assert stored(store) == {("documents", "1"), ("documents", "2"), ("documents", "4")}


def test_an_exported_version_stays_with_all_that_it_was_made_from(store: Store) -> None:
    for version, text in (("1", "a"), ("2", "b"), ("3", "c")):
        made = publish(store, "documents", version, documents(text))
        publish(store, "pairs", version, pairs(store, made), documents=made)
        if version == "1":
            exported(store, "pairs")
    collected(store, 1)
    assert stored(store) == {(asset, version) for asset in ("documents", "pairs") for version in "13"}
    assert rows(store, "SELECT response FROM records.pair ORDER BY 1") == [("a",), ("c",)]
    assert rows(store, "SELECT asset, version, folder, files FROM lineage.exports") == [
        ("pairs", named("1"), "exports", '{"x.jsonl":"' + "0" * 64 + '"}')
    ]


def test_of_equal_ancestors_the_one_used_last_stays(store: Store) -> None:
    for version in "12":
        made = publish(store, "documents", version, documents("a", rejected=version))
    publish(store, "pairs", "1", pairs(store, made), documents=made)
    publish(store, "documents", "3", documents("b"))
    collected(store, 1)
    assert stored(store) == {("documents", "2"), ("documents", "3"), ("pairs", "1")}


def test_a_record_stays_readable_where_only_a_collected_version_kept_it(store: Store) -> None:
    publish(store, "documents", "1", documents("ab"))
    made = publish(store, "documents", "2", documents("", rejected="a"))
    assert rows(store, "SELECT DISTINCT content FROM lineage.records") == [(None,)]
    collected(store, 1)
    assert store.read(made).is_empty()
    assert [row["text"] for row in contents(store).values()] == ["a"]
    assert len(rows(store, "FROM lineage.records")) == 1


def test_what_a_duplicate_repeats_stays(store: Store) -> None:
    publish(store, "documents", "1", documents("ab"))
    gate = Gate(Document)
    first, other = documents("ac").kept["id"]
    gate.duplicate({"id": other, "source": "wiki", "title": "", "text": "c"}, first, "close")
    publish(store, "documents", "2", gate.result())
    collected(store, 1)
    assert {row["text"] for row in contents(store).values()} == {"a", "c"}


def test_calls_stay_unless_asked_for_and_then_those_with_a_record_that_stays(store: Store) -> None:
    texts = documents("abc").kept["id"]
    asked = [Call("completion", "e" * 32, {"text": text}) for text in texts]

    def compose(missing: list[Call]) -> Iterator[tuple[list[Call], Work]]:
        def work(batch: list[Call]) -> list[Answer]:
            if batch[-1].request["text"] == texts[2]:
                raise RuntimeError("no memory")
            return [Answer({"text": "t"}, 1, 0.1) for _ in batch]

        yield missing, work

    Memo(store.database).run(asked, compose)
    for version, call in (("1", asked[0]), ("2", asked[2]), ("3", asked[1])):
        publish(store, "documents", version, documents(version, parents=[(call.key, "call")]))
    collected(store, 1)
    assert {key for (key,) in rows(store, "SELECT key FROM memo.calls")} == {asked[0].key, asked[1].key}
    assert rows(store, "SELECT key FROM memo.failures") == [(asked[2].key,)]
    garbage = collected(store, 1, calls=True)
    assert garbage.rows == {"memo.calls": 1, "memo.failures": 1}
    assert rows(store, "SELECT key FROM memo.calls") == [(asked[1].key,)]
    assert rows(store, "FROM memo.failures") == []


def test_checkpoints_go_with_their_last_record_and_unpublished_ones_only_when_asked(store: Store) -> None:
    for digit in "12":
        publish(store, "students/x", digit, checkpoint(digit * 32))
        folder(store, digit * 32, size=int(digit))
    for name in ("3" * 32, "4" * 32 + ".unfinished", "5" * 32 + ".finished", "collected-x", "notes"):
        folder(store, name)
    garbage = collected(store, 1)
    assert [(one.path.name, one.bytes) for one in garbage.folders] == [("1" * 32, 1), ("collected-x", 10)]
    assert folders(store) == {"2" * 32, "3" * 32, "4" * 32 + ".unfinished", "5" * 32 + ".finished", "notes"}
    with store.database.claims.claimed(["4" * 32]):
        collected(store, 1, calls=True)
        assert folders(store) == {"2" * 32, "4" * 32 + ".unfinished", "notes"}
    collected(store, 1, calls=True)
    assert folders(store) == {"2" * 32, "notes"}


def test_nothing_is_freed_if_the_garbage_has_changed_since_it_was_listed(store: Store) -> None:
    for version in "12":
        publish(store, "documents", version, documents(version))
    garbage = find_garbage(store.database, 1)
    publish(store, "documents", "3", documents("3"))
    before = everything(store)
    with pytest.raises(WarehouseError, match="nothing was freed: wait until no build is running"):
        collect(store.database, garbage)
    assert everything(store) == before


def test_a_version_freed_under_a_build_is_neither_restored_nor_exported(store: Store) -> None:
    first = publish(store, "documents", "1", documents("a"))
    publish(store, "documents", "2", documents("b"))
    collected(store, 1)
    before = everything(store)
    for use in (
        lambda: store.reuse(first, "restored", Effort(), Run("run")),
        lambda: record_export(store, first, Path("exports"), {}),
    ):
        with pytest.raises(WarehouseError, match=f"version {first.version} of documents is no longer in the warehouse"):
            use()
    assert everything(store) == before


@pytest.mark.parametrize("when", ["deleting", "removing"])
def test_a_kill_leaves_all_rows_or_none_and_no_half_folder(store: Store, when: str) -> None:
    for digit in "12":
        publish(store, "students/x", digit, checkpoint(digit * 32))
        folder(store, digit * 32)
    before = everything(store)
    script = """
    import os, signal, sys
    from pathlib import Path
    from warehouse.store import collection
    from warehouse.store.places import Tables, warehouse_at

    class Deadly(dict):
        def items(self):
            yield from super().items()
            os.kill(os.getpid(), signal.SIGKILL)

    database, rules = warehouse_at(Path(sys.argv[1]), Tables(sys.argv[2])), collection._rules
    garbage = collection.find_garbage(database, 1)
    def until_killed(calls, left=[0, 1]):
        return Deadly(rules(calls)) if left.pop() == 0 else rules(calls)
    if sys.argv[3] == "deleting":
        collection._rules = until_killed
    else:
        collection._remove = lambda folders: os.kill(os.getpid(), signal.SIGKILL)
    collection.collect(database, garbage)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), *opening(store.database), when]
    killed = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False)
    assert killed.returncode == -9
    assert folders(store) == {"1" * 32, "2" * 32}
    if when == "deleting":
        assert everything(store) == before
        collected(store, 1)
    else:
        assert stored(store) == {("students/x", "2")}
        assert find_garbage(store.database, 1).nothing
        collected(store, 1, calls=True)
    assert folders(store) == {"2" * 32}
    assert stored(store) == {("students/x", "2")}


def test_every_table_holds_to_its_model_and_the_file_shrinks(store: Store) -> None:
    for version in "123":
        texts = ["".join(digest([version, row, part]) for part in range(30)) for row in range(3000)]
        made = publish(store, "documents", version, documents(texts))
        publish(store, "pairs", version, pairs(store, made), documents=made)
    before = store.database.size()
    kept = store.read(made)
    collected(store, 1)
    # A server keeps the space for the rows to come.
    assert store.database.size() < (0.75 if isinstance(store.database, FileWarehouse) else 1.05) * before
    assert store.read(made).equals(kept)
    with store.database.read() as connection:
        for schema, tables in SCHEMAS.items():
            for name, model in tables.items():
                frame = connection.sql(f"FROM {schema}.{name}").pl()
                model.validate(frame, lazy=True)
                assert frame.columns == list(model.to_schema().columns)


def test_going_back_is_free_within_the_kept_versions_and_costs_no_call_beyond(tiny: Path, tmp_path: Path) -> None:
    data, recipes = tmp_path / "data", []
    store = Store(FileWarehouse(data / "slingshot.duckdb"))
    for temperature in (1.0, 0.9, 0.8):
        edit(
            tiny, lambda recipe, t=temperature: recipe["generation"]["self_training"]["response"].update(temperature=t)
        )
        recipes.append(tiny.read_text())
        log, failures = build(tiny, data, "+raw_self_training")
        assert (failures, log.computed["raw_self_training"]) == ([], 12)
    first = rows(store, "SELECT version FROM lineage.versions WHERE asset = 'raw_self_training' ORDER BY created_at")[0]
    garbage = collected(store, 2)
    assert [(one.asset, one.version) for one in garbage.versions] == [("raw_self_training", *first)]
    for recipe, action in ((recipes[1], "restored"), (recipes[0], "built")):
        tiny.write_text(recipe)
        log, failures = build(tiny, data, "+raw_self_training")
        assert failures == []
        assert (log.actions, log.computed) == ({"raw_self_training": action}, {"raw_self_training": 0})
