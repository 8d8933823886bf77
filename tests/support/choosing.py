"""Builds the rows of one selection, for tests of what is chosen of a source."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from assets.recipe.columns import Shared
from assets.recipe.selections import DocumentSelection, SeedSelection, Selection
from assets.sources import documents, seed_tasks
from assets.sources.seeding import ALONE, select
from warehouse.results.result import Result

SOURCE = "5" * 32
SEED = 7

Row = dict[str, Any]
Chosen = Callable[..., Result]


def builder(folder: Path) -> Chosen:
    """Builds the rows of one selection from the rows of a source, which is a file in `folder`."""

    def build(rows: list[Row], ways: Mapping[str, Shared] = ALONE, **keys: Any) -> Result:
        file = folder / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return selected(file, ways, **keys)

    return build


def selected(file: Path, ways: Mapping[str, Shared] = ALONE, **keys: Any) -> Result:
    role, kind = (documents.ROLE, DocumentSelection) if "text" in keys["fields"] else (seed_tasks.ROLE, SeedSelection)
    selection: Selection = kind.model_validate({"source": "mine", "count": 1} | keys)
    return select(role, [selection], lambda name: (SOURCE, file), SEED, ways=ways).result()


def pairs(result: Result) -> set[tuple[str, ...]]:
    return set(result.kept.select("instruction", "response").rows())


def left_out(result: Result) -> dict[str, int]:
    """The reasons of all rows that are not kept, with their outcome and number."""
    assert result.incoming == result.rows
    return {f"{outcome}: {reason}": n for (outcome, reason), n in result.counts().items() if outcome != "kept"}


def turns(*said: str) -> list[Row]:
    """Turns as ShareGPT writes them: "human: hello"."""
    return [dict(zip(("from", "value"), one.split(": ", 1), strict=True)) for one in said]


CHATS = [
    {"c": turns("human: What is tea?", "gpt: A drink.")},
    {"c": turns("system: You are a cook.", "human: What is soup?", "gpt: A dish.")},
    {"c": turns("gpt: Welcome!", "human: What is bread?", "gpt: A loaf.")},
    {"c": turns("human: What is jam?", "gpt: A spread.", "human: How sweet?", "gpt: Very.")},
]
BY_ROLE = {"instruction": "{c[from=human].value}", "response": "{c[from=gpt].value}"}
FIRST_PAIRS = {
    ("What is tea?", "A drink."),
    ("What is soup?", "A dish."),
    ("What is bread?", "A loaf."),
    ("What is jam?", "A spread."),
}
