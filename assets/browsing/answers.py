"""What the page of answers asks: which arms answered what, and the items that two of them both answered."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.audit.answered import Answered, answered, answers_to, current_places
from warehouse.store.warehouse import Warehouse


def answering_arms(database: Warehouse) -> dict[str, list[str]]:
    """The arms that have answers, by benchmark; both sorted."""
    with database.read() as connection:
        given = answered(connection, current_places(connection))
    return {
        benchmark: given.filter(benchmark=benchmark)["arm"].unique().sort().to_list()
        for benchmark in given["benchmark"].unique().sort()
    }


def compared(database: Warehouse, benchmark: str, arms: Sequence[str]) -> list[Answered]:
    """The items of a benchmark that all of `arms` answered, in the order of the first arm's answers."""
    with database.read() as connection:
        found = answers_to(connection, current_places(connection), benchmark, arms)
    return [one for one in found if all(one.of(arm) for arm in arms)]
