"""Equal rows are one record, so a draw may come out short and the source is read again. A large set of pairs always has
some equal rows: reading and judging it twice doubled the time of its first stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assets.recipe.selections import SeedSelection
from assets.sources import seed_tasks, seeding
from assets.sources.seeding import NEXT, SPARE, select

COUNT = 10_000


@pytest.mark.parametrize(("equal", "readings"), [(NEXT + 1, 1), (COUNT // SPARE, 1), (COUNT // SPARE + 1, 2)])
def test_a_large_sample_with_some_equal_rows_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, equal: int, readings: int
) -> None:
    # Each of the first rows is there twice, and all but a few rows are wanted.
    rows = [{"asked": f"What is thing {number}?", "answer": f"Thing {number} is old."} for number in range(COUNT + 5)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (*rows, *rows[:equal])), encoding="utf-8")
    fields = {"instruction": "{asked}", "response": "{answer}"}
    wanted = SeedSelection(source="rows", slice=(0, 100), count=COUNT, fields=fields)
    read, once = list[object](), seeding.candidates_of

    def counting(*arguments: Any) -> Any:
        read.append(arguments)
        return once(*arguments)

    monkeypatch.setattr(seeding, "candidates_of", counting)
    result = select(seed_tasks.ROLE, [wanted], lambda name: ("5" * 32, path), 7).result()
    assert len(result.kept) == COUNT
    assert len(read) == readings
