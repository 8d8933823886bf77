"""A pair can hold text that the student's tokenizer would read as a control token, or be too long for training. Both
must be counted and shown, and a recipe can leave such pairs out, each with its reason in the ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.loading.bench import workbench
from assets.loading.file import load_recipe
from assets.planning.graph import steps
from resources.tools.forecast import ForecastTools, NotFetched
from resources.tools.tools import Tools
from tests.support.building import edit
from warehouse.core.errors import UserError
from warehouse.core.identity import digest
from warehouse.results.result import Result
from warehouse.schema.records import BenchmarkItem, Pair, empty

ARM = "training_sets/self_training"
TEXTS = [
    ("what is the river", "", "the river is old ."),
    ("what is </s>", "", "the stone is </s> and <s> old ."),
    ("how does the garden grow", "near </s> .", "the garden does grow ."),
    ("what is a stone", "", "the stone " * 40 + "."),
]
PAIRS = pl.DataFrame(
    [
        {"id": digest(number), "method": "m", "level": "", "instruction": asked, "input": given, "response": answered}
        for number, (asked, given, answered) in enumerate(TEXTS)
    ],
    schema=empty(Pair).schema,
)
ITEMS = empty(BenchmarkItem)


def change(recipe: Path, **sections: dict[str, Any]) -> None:
    def update(values: dict[str, Any]) -> None:
        for section, keys in sections.items():
            values[section].update(keys)

    edit(recipe, update)


def made(recipe: Path, pairs: pl.DataFrame = PAIRS, tools: type[Tools] = Tools, **models: Any) -> Result:
    loaded = load_recipe(recipe)
    bench = workbench(loaded, recipe.parent / "data", recipe.parent)
    bench.models = {name: replace(one, **models) for name, one in bench.models.items()}
    (step,) = (one for one in steps(loaded) if one.asset == ARM)
    return step.build(tools(bench), pairs=pairs, benchmark_items=ITEMS)


def reasons(result: Result) -> list[tuple[str, float | None, float | None]]:
    return sorted(result.decisions.filter(outcome="rejected").select("reason", "score", "cut").rows())


def test_rows_with_control_tokens_are_kept_and_counted(tiny: Path) -> None:
    change(tiny, curation={"rows": 4})
    result = made(tiny)
    assert len(result.kept) == 4
    assert result.notes == {
        "rows with control tokens": 2,
        "warnings": [
            "2 of 4 rows hold control tokens of generator ('</s>' in 2, '<s>' in 1), which are read as text; "
            "curation.control_tokens: reject leaves them out"
        ],
    }


def test_rows_without_control_tokens_give_no_warning(tiny: Path) -> None:
    change(tiny, curation={"rows": 1})
    assert made(tiny, PAIRS.head(1)).notes == {"rows with control tokens": 0}


def test_rows_with_control_tokens_are_rejected_with_the_token(tiny: Path) -> None:
    change(tiny, curation={"rows": 2, "control_tokens": "reject"})
    result = made(tiny)
    assert set(result.kept["instruction"]) == {"what is the river", "what is a stone"}
    assert reasons(result) == [("control token '</s>' of generator", None, None)] * 2
    assert result.notes == {"rows with control tokens": 0}


def test_rows_that_are_too_long_for_training_are_rejected_with_their_size(tiny: Path) -> None:
    change(tiny, curation={"rows": 3}, training={"max_tokens": 64, "truncation": "reject"})
    result = made(tiny)
    assert "what is a stone" not in set(result.kept["instruction"])
    # "user : what is a stone \n assistant : " and 81 words, and a line break
    assert reasons(result) == [("longer than training.max_tokens", 91.0, 64.0)]


def test_too_few_rows_name_what_was_left_out(tiny: Path) -> None:
    change(tiny, curation={"rows": 3, "control_tokens": "reject"})
    with pytest.raises(UserError, match=r"has 2 pairs, .*: 2 \"control token .*\" \(curation.control_tokens\)"):
        made(tiny)


@pytest.mark.parametrize("value", [None, "keep"])
def test_keeping_is_the_default_and_makes_nothing_stale(tiny: Path, value: str | None) -> None:
    def settled() -> dict[str, Any]:
        return {step.asset: step.slice for step in steps(load_recipe(tiny)) if step.asset.startswith("training_sets/")}

    before = settled()
    change(tiny, curation={"control_tokens": value}, training={"truncation": value})
    assert settled() == before
    change(tiny, curation={"control_tokens": "reject"})
    assert settled()[ARM].keys() - before[ARM].keys() == {"curation.control_tokens", "training.base", "tokenizer"}
    change(tiny, curation={"control_tokens": None}, training={"truncation": "reject"})
    assert settled()[ARM].keys() - before[ARM].keys() == {
        "training.truncation",
        "training.max_tokens",
        "training.base",
        "tokenizer",
    }


def test_nothing_is_downloaded_to_count(tiny: Path) -> None:
    change(tiny, curation={"rows": 4})
    assert made(tiny, address="hf:owner/model@0123456789012345678901234567890123456789").notes == {}


def test_a_plan_of_a_rule_that_needs_a_model_says_that_it_is_missing(tiny: Path) -> None:
    change(tiny, curation={"rows": 2, "control_tokens": "reject"})
    with pytest.raises(NotFetched):
        made(tiny, tools=ForecastTools, address="hf:owner/model@0123456789012345678901234567890123456789")
