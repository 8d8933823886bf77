"""A build of a branch must not move what everyone else reads, must cost nothing where nothing differs, and promoting it
must be one move of pointers. These tests compare the pointers, what each environment reads, and what a collection and
the audit make of them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.support.versions import documents, publish
from warehouse.audit.integrity import integrity
from warehouse.core.errors import UserError
from warehouse.store.collection import collect, find_garbage
from warehouse.store.environments import Environment, drop, environments, promote
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.published import Effort, Run, Target
from warehouse.store.versions import Store
from warehouse.store.warehouse import Warehouse

V1, V2, V3 = "1" * 32, "2" * 32, "3" * 32


def opened(warehouse: Warehouse, environment: str = "") -> Store:
    return Store(warehouse.seen_from(environment))


def read(store: Store, asset: str = "documents") -> list[str]:
    """The texts of the current version, by the store and by the asset's view."""
    found = store.current(asset)
    assert found
    with store.database.read() as connection:
        shown = [text for (text,) in connection.execute(f'SELECT text FROM "{asset}"').fetchall()]
    assert store.read(found)["text"].to_list() == shown
    return shown


def pointers(store: Store) -> list[tuple[str, str, str]]:
    with store.database.read() as connection:
        return connection.execute("FROM lineage.pointers ORDER BY ALL").fetchall()


def test_an_environment_has_its_own_version_and_follows_the_main_one_elsewhere(warehouse: Warehouse) -> None:
    main, branch = opened(warehouse), opened(warehouse, "pr-12")
    publish(main, "documents", "1", documents("ab"))
    publish(main, "seeds", "1", documents("x"))
    assert read(branch) == ["a", "b"]
    publish(branch, "documents", "2", documents("bc"))
    assert (read(main), read(branch), read(branch, "seeds")) == (["a", "b"], ["b", "c"], ["x"])
    publish(main, "seeds", "2", documents("y"))
    assert read(branch, "seeds") == ["y"]
    assert pointers(main) == [("", "documents", V1), ("", "seeds", V2), ("pr-12", "documents", V2)]
    assert environments(main.database) == [Environment("pr-12", ("documents",))]


def test_going_back_in_an_environment_follows_the_main_one_again(warehouse: Warehouse) -> None:
    main, branch = opened(warehouse), opened(warehouse, "pr-12")
    first = publish(main, "documents", "1", documents("ab"))
    publish(branch, "documents", "2", documents("bc"))
    publish(branch, "documents", "1", documents("ab"))
    assert branch.current("documents") == first
    assert pointers(main) == [("", "documents", V1)]
    assert environments(main.database) == []


def test_promoting_moves_pointers_and_nothing_else(warehouse: Warehouse) -> None:
    main, branch, other = opened(warehouse), opened(warehouse, "pr-12"), opened(warehouse, "pr-13")
    publish(main, "documents", "1", documents("ab"))
    publish(branch, "documents", "2", documents("bc"))
    publish(branch, "new", "1", documents("n"))
    publish(other, "documents", "3", documents("d"))
    with main.database.read() as connection:
        before = connection.execute("FROM lineage.materializations").fetchall()
    assert promote(main.database, "pr-12") == ["documents", "new"]
    with main.database.read() as connection:
        assert connection.execute("FROM lineage.materializations").fetchall() == before
        moves = connection.execute("SELECT environment, action, pointers FROM lineage.environments").fetchall()
    assert moves == [("pr-12", "promoted", 2)]
    assert (read(main), read(main, "new"), read(other)) == (["b", "c"], ["n"], ["d"])
    assert pointers(main) == [("", "documents", V2), ("", "new", V1), ("pr-13", "documents", V3)]
    assert [one for one in integrity(main.database) if one.rule == "ledger"] == []


def test_a_version_that_failed_a_check_is_not_promoted(warehouse: Warehouse) -> None:
    main, branch = opened(warehouse), opened(warehouse, "pr-12")
    target = Target("documents", V1, 0, {}, {}, {})
    branch.publish(target, documents("ab"), {}, Effort(), Run("run"), failed_checks='{"leakage": {}}')
    with pytest.raises(UserError, match=r"^pr-12 is not promoted, since .*leakage"):
        promote(main.database, "pr-12")
    assert pointers(main) == [("pr-12", "documents", V1)]


def test_a_dropped_environment_leaves_versions_for_a_collection(warehouse: Warehouse) -> None:
    main, branch = opened(warehouse), opened(warehouse, "pr-12")
    publish(main, "documents", "1", documents("ab"))
    publish(branch, "documents", "2", documents("bc"))
    publish(branch, "new", "1", documents("n"))
    assert find_garbage(main.database, keep=1).versions == ()
    assert drop(main.database, "pr-12") == ["documents", "new"]
    assert [one for one in integrity(main.database) if one.rule == "ledger"] == []
    publish(main, "documents", "1", documents("ab"))
    garbage = find_garbage(main.database, keep=1)
    assert [(one.asset, one.version) for one in garbage.versions] == [("documents", V2)]
    collect(main.database, garbage)
    assert read(main) == ["a", "b"]


def test_an_unknown_name_is_one_clear_error(warehouse: Warehouse) -> None:
    main = opened(warehouse)
    right = "there is none: slingshot build --env NAME makes one"
    with pytest.raises(UserError) as error:
        promote(main.database, "pr-12")
    assert str(error.value) == f"no environment is named 'pr-12', or it has no version of its own; {right}"
    publish(opened(warehouse, "pr-12"), "documents", "1", documents("ab"))
    with pytest.raises(UserError, match="did you mean 'pr-12'"):
        drop(main.database, "pr-1")


def test_a_warehouse_from_before_environments_keeps_its_versions(tmp_path: Path) -> None:
    warehouse = FileWarehouse(tmp_path / "slingshot.duckdb")
    publish(opened(warehouse), "documents", "1", documents("ab"))
    with duckdb.connect(str(tmp_path / "slingshot.duckdb")) as connection:
        for view in ("outcomes", "ledger", "current"):
            connection.execute(f"DROP VIEW lineage.{view}")
        connection.execute("CREATE TABLE lineage.current AS SELECT asset, version FROM lineage.pointers")
        connection.execute("DROP TABLE lineage.pointers")
        connection.execute("DROP TABLE lineage.environments")
    assert read(opened(warehouse)) == ["a", "b"]
    assert pointers(opened(warehouse)) == [("", "documents", V1)]
