"""A score says nothing about how its answers ended. So the answers are found through the lineage of the scores, and
each must be complete or cut off as it was within the budget of the recipe, not as a later build asked for it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.support.building import query
from warehouse.audit.answers import answers_behind
from warehouse.store.file_warehouse import FileWarehouse

COLUMNS = ("id", "benchmark", "arm", "seed", "item", "text")


def behind(data: Path, scores: list[str], budgets: dict[str, int]) -> pl.DataFrame:
    with FileWarehouse(data / "slingshot.duckdb").read() as connection:
        return answers_behind(connection, scores, budgets)


def test_each_answer_of_a_build_is_found_once_with_how_its_call_ended(built: tuple[Path, Path]) -> None:
    data = built[1]
    scores = query(data, "SELECT id FROM records.score")["id"].to_list()
    found = behind(data, scores, {"longform": 8})
    assert found.select(COLUMNS).equals(query(data, "SELECT * FROM records.prediction ORDER BY ALL").select(COLUMNS))
    ended = query(
        data,
        "SELECT p.id, c.complete FROM records.prediction p JOIN lineage.edges e ON e.child = p.id AND e.role = 'call' "
        "JOIN memo.calls c ON c.key = e.parent ORDER BY p.id",
    )
    assert dict(found.select("id", "complete").iter_rows()) == dict(ended.iter_rows())
    assert set(ended["complete"]) == {False}


def test_an_answer_is_as_it_was_within_its_own_budget(own: tuple[Path, Path]) -> None:
    data = own[1]
    scores = query(data, "SELECT id FROM records.score WHERE arm = 'base'")["id"].to_list()
    with FileWarehouse(data / "slingshot.duckdb").write() as connection:
        connection.execute(
            "INSERT INTO memo.calls BY NAME SELECT * REPLACE (20 AS budget, true AS complete, 12 AS tokens) "
            "FROM memo.calls WHERE kind = 'completion'"
        )
    ended = {budget: behind(data, scores, {"longform": budget})["complete"].to_list() for budget in (8, 11, 12, 20)}
    # Within 11 tokens nobody asked: the answer of 12 tokens does not fit, and the other one was cut off at 8.
    assert ended == {8: [False, False], 11: [None, None], 12: [True, True], 20: [True, True]}


def test_answers_of_benchmarks_without_a_budget_are_left_out(built: tuple[Path, Path]) -> None:
    scores = query(built[1], "SELECT id FROM records.score")["id"].to_list()
    assert behind(built[1], scores, {"ifeval": 8}).is_empty()
    assert behind(built[1], [], {"longform": 8}).is_empty()
