"""A row that cannot be read must be in the ledger with its place and its text: not lost, and no reason to refuse all
other rows of the source. So these tests count rows in and out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assets.recipe.materials import ReadingPart
from assets.recipe.selections import SeedSelection
from assets.sources import seed_tasks
from assets.sources.seeding import select
from tests.support.reading import written
from warehouse.core.errors import UserError
from warehouse.results.result import Gate

SOURCE = "5" * 32
LINES = [f'{{"q": "What is thing {number}?", "a": "It is number {number}.", "rating": NaN}}' for number in range(9)]


def selected(path: Path, count: int, slice_: tuple[int, int] = (0, 100), **settings: Any) -> Gate:
    selection = SeedSelection(
        source="mine", count=count, slice=slice_, fields={"instruction": "{q}", "response": "{a}"}
    )
    reading = {"mine": ReadingPart(**settings)}
    return select(seed_tasks.ROLE, [selection], lambda name: (SOURCE, path), 7, reading=reading)


def test_bad_lines_are_quarantined_with_place_reason_and_text(tmp_path: Path) -> None:
    bad = ['{"q": "x", "a": "y", "a": "z"}', '{"q": "torn']
    result = selected(written(tmp_path, "s.jsonl", "\n".join([*LINES, *bad])), 9).result()
    assert result.incoming == 11 == len(result.decisions)
    reasons = [
        "s.jsonl, line 10: found the key 'a' twice in one object",
        "s.jsonl, line 11: found invalid JSON (Unterminated string starting at, column 7), but each line must be one "
        "JSON object",
    ]
    assert result.counts() == {("kept", ""): 9} | {("quarantined", reason): 1 for reason in reasons}
    assert [json.loads(content) for content in result.dropped["content"]] == [{"row": text} for text in bad]
    assert set(result.edges["parent"]) == {SOURCE}
    assert len(set(result.decisions["record"])) == 11


def test_two_bad_lines_with_the_same_text_are_two_rows(tmp_path: Path) -> None:
    result = selected(written(tmp_path, "s.jsonl", "\n".join([*LINES, "x", "x"])), 9).result()
    assert result.incoming == 11 == len(set(result.decisions["record"]))


def test_with_strict_the_first_bad_line_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, "s.jsonl", "\n".join([*LINES, "x"]))
    with pytest.raises(UserError, match=r"s\.jsonl, line 10: found invalid JSON"):
        selected(path, 9, strict=True)


@pytest.mark.parametrize("slice_", [(0, 100), (0, 50)])
def test_nan_in_a_column_that_no_template_names_does_no_harm(tmp_path: Path, slice_: tuple[int, int]) -> None:
    result = selected(written(tmp_path, "s.jsonl", "\n".join(LINES)), 2, slice_).result()
    assert (result.incoming, len(result.kept)) == (9, 2)
    assert {outcome for outcome, _ in result.counts()} == {"kept", "rejected"}


def test_a_field_that_holds_no_text_says_what_it_holds(tmp_path: Path) -> None:
    lines = [*LINES, '{"q": NaN, "a": "An answer."}', '{"q": 1e999, "a": "An answer."}', '{"q": null, "a": "b"}']
    reasons = {
        reason for outcome, reason in selected(written(tmp_path, "s.jsonl", "\n".join(lines)), 9).result().counts()
    }
    assert reasons - {""} == {
        "field 'q' holds NaN",
        "field 'q' holds the number 1e999, which is out of range",
        "field 'q' is absent or empty",
    }


def test_the_shards_of_a_source_are_one(tmp_path: Path) -> None:
    written(tmp_path / "shards", "b.jsonl", "\n".join(LINES[:4]))
    written(tmp_path / "shards", "a.jsonl", "\n".join(["x", *LINES[4:]]))
    whole = selected(written(tmp_path, "s.jsonl", "\n".join(LINES)), 5).result()
    shards = selected(tmp_path / "shards", 5).result()
    assert shards.kept.equals(whole.kept)
    assert shards.incoming == 10
