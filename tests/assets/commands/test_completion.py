"""Nobody types 32 digits. The shell completes ids of rows, at every press of Tab. So it must be quick, propose little,
wait for no build, write no file, and print nothing where there is no warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from slingshot import app
from tests.support.building import store
from tests.support.planning import DESCRIBED
from tests.support.versions import documents, pairs, publish, rows
from warehouse.audit import beginnings
from warehouse.store.materials import record_materials

MANY = 400


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with many documents, and pairs made from them."""
    data = tmp_path_factory.mktemp("warehouse")
    made = publish(store(data), "documents", "1", documents(map(str, range(MANY))))
    publish(store(data), "raw_x", "1", pairs(store(data), made), documents=made)
    record_materials(store(data).database, DESCRIBED)
    return data


@pytest.fixture
def stored(data: Path) -> dict[str, str]:
    """The kind of each row by its id."""
    return dict(rows(store(data), "SELECT id, kind FROM lineage.records"))


def completed(line: str, data: Path) -> list[str]:
    """What bash is offered at the end of the line."""
    words = line.split(" ")
    environment = {"_SLINGSHOT_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = CliRunner().invoke(app, [], env={**environment, "SLINGSHOT_WAREHOUSE": str(data)}, prog_name="slingshot")
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize("command", ["why", "why-not", "trace"])
def test_an_id_is_completed_by_its_first_digits(command: str, data: Path, stored: dict[str, str]) -> None:
    start = min(stored)[:3]
    wanted = sorted(one for one in stored if one.startswith(start))
    assert sorted(completed(f"slingshot {command} {start}", data)) == wanted


def test_only_rows_of_sources_are_proposed_to_recall(data: Path, stored: dict[str, str]) -> None:
    start = min(one for one, kind in stored.items() if kind == "pair")[:2]
    wanted = sorted(one for one, kind in stored.items() if kind == "document" and one.startswith(start))
    assert sorted(completed(f"slingshot recall {start}", data)) == wanted


def test_few_are_proposed_and_none_shares_a_digit_that_others_lack(data: Path, stored: dict[str, str]) -> None:
    start = next(one for one in "0123456789abcdef" if sum(id_.startswith(one) for id_ in stored) > beginnings.MOST)
    found = completed(f"slingshot why {start}", data)
    assert (len(found), len(set(found))) == (beginnings.MOST, beginnings.MOST)
    assert len({one[1] for one in found}) > 1
    assert completed("slingshot why ", data) == []
    assert completed("slingshot why-not How", data) == []


def test_names_of_models_and_sources_are_completed(data: Path) -> None:
    name = str(DESCRIBED["name"][0])
    for command in ("trace", "recall"):
        assert name in completed(f"slingshot {command} {name[:2]}", data)
    assert name not in completed(f"slingshot why {name[:2]}", data)


def test_without_a_warehouse_nothing_is_proposed_printed_or_made(tmp_path: Path) -> None:
    for command in ("why", "why-not", "trace", "recall"):
        assert completed(f"slingshot {command} a", tmp_path / "none") == []
    assert list(tmp_path.iterdir()) == []


def test_a_build_that_writes_is_not_waited_for(data: Path) -> None:
    with store(data).database.write():
        assert completed("slingshot why a", data) == []


def test_a_file_that_is_no_warehouse_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "slingshot.duckdb").write_text("no database")
    assert completed("slingshot recall a", tmp_path) == []


def test_a_search_ends_after_its_time(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This query would take minutes."""
    monkeypatch.setattr(beginnings, "SECONDS", 0.05)
    endless = "SELECT '', '' FROM range(10_000_000_000) a WHERE sin(a.range) > 2"
    with pytest.raises(duckdb.InterruptException):
        beginnings._found(data / "slingshot.duckdb", endless, [])


def test_a_shell_that_shows_help_says_what_each_id_is(data: Path, stored: dict[str, Any]) -> None:
    (one, *_) = beginnings.ids(data / "slingshot.duckdb", min(stored))
    assert one == beginnings.Beginning(min(stored), f"{stored[min(stored)]} {_asset(stored[min(stored)])}")


def _asset(kind: str) -> str:
    return {"document": "documents", "pair": "raw_x"}[kind]
