"""`slingshot gc --calls` with a choice of calls deletes data that cannot be computed again for free. These tests check
that it shows what goes, frees nothing unasked, and refuses a choice without --calls."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from slingshot import app
from tests.support.building import query
from warehouse.store.calls import Answer, Call
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.memo import Memo


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A warehouse with an answer, and a failure by HTTP 429."""
    memo = Memo(FileWarehouse(tmp_path / "slingshot.duckdb"), "engine")

    def arriving(missing: list[Call]) -> list[list[tuple[Call, Answer]]]:
        busy = Answer({}, 0, 0.0, error="HTTP 429: slow down")
        return [[(missing[0], Answer({"text": "Tea."}, 1, 0.1)), (missing[1], busy)]]

    memo.run_as_they_arrive([Call("completion", "a" * 32, {"text": text}, 8) for text in "ab"], arriving)  # type: ignore[arg-type]
    return tmp_path


def gc(data: Path, *options: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["gc", *options], env={"SLINGSHOT_WAREHOUSE": str(data)})
    assert done.exit_code == code
    return " ".join(done.output.split())


def left(data: Path) -> tuple[int, int]:
    return query(data, "FROM memo.calls").height, query(data, "FROM memo.failures").height


def test_chosen_calls_are_shown_and_freed_only_with_yes(data: Path) -> None:
    shown = "table rows to free memo.failures 1"
    assert gc(data, "--calls", "--error", "429", "--dry-run") == shown
    assert gc(data, "--calls", "--error", "429") == f"{shown} nothing was freed; add --yes to free it"
    assert left(data) == (1, 1)
    assert gc(data, "--calls", "--error", "429", "--yes").startswith(f"{shown} freed; ")
    assert left(data) == (1, 0)
    assert gc(data, "--calls", "--failures", "--yes") == "nothing to free"
    assert gc(data, "--calls", "--kind", "completion", "--before", "2020-01-01", "--yes") == "nothing to free"
    assert gc(data, "--calls", "--kind", "completion", "--before", "2999-01-01", "--yes").startswith("table rows")
    assert left(data) == (0, 0)


def test_a_choice_needs_calls(data: Path) -> None:
    assert gc(data, "--failures", "--yes", code=1) == (
        "slingshot: --model, --kind, --error, --before and --failures choose calls to forget: add --calls"
    )
    assert left(data) == (1, 1)
