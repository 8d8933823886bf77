"""An auditor has only the warehouse and its README: it must list every table with its columns, and each of its ten
queries must run as printed and find something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.tiny import ROOT
from warehouse.schema.records import KINDS, empty
from warehouse.schema.views import MACROS, VIEWS
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.tables import SCHEMAS

README = (ROOT / "warehouse" / "README.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", README, flags=re.DOTALL)


def test_the_readme_lists_every_table_with_its_columns() -> None:
    rows = {
        cells[0].strip("`"): re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", cells[-1]))
        for line in README.splitlines()
        if (cells := [cell.strip() for cell in line.strip("|").split("|")]) and cells[0].startswith("`")
    }
    for schema, tables in SCHEMAS.items():
        for name, model in tables.items():
            if schema != "records":
                assert rows[f"{schema}.{name}"] == empty(model).columns
    assert all(f"`{kind}`" in README for kind in KINDS)


def test_the_readme_lists_every_view_and_macro() -> None:
    names = [*VIEWS, *(signature.split("(")[0] for signature in MACROS)]
    assert [name for name in names if name not in README] == []


def test_there_are_ten_queries() -> None:
    assert len(QUERIES) == 10


@pytest.mark.parametrize("query", QUERIES)
def test_each_query_runs_as_printed_and_finds_something(built: tuple[Path, Path], query: str) -> None:
    with FileWarehouse(built[1] / "slingshot.duckdb").read() as connection:
        assert connection.execute(query).fetchall() != []
