"""An arm that asks for exactly N accepted rows must get them, and the same ones however often its build was killed.
Each row that was made for it must have exactly one fate: accepted, rejected, or not chosen.

The long form, with 1,000 accepted rows, is a part of `make long`.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.building import query, store
from tests.support.killing import content, killed_builds, repeated
from tests.support.tiny import tiny_recipe, write_rows
from warehouse.audit.integrity import integrity

ARM, METHOD = "filtered_extract_then_generate", "extract_then_generate"
CHAIN = (f"raw_{METHOD}", f"enhanced_instructions/{ARM}", f"diverse_instructions/{ARM}", f"training_sets/{ARM}")


def recipe_for(folder: Path, model: Path, embedder: Path, rows: int) -> Path:
    """One arm that wants `rows` rows of two candidates each, in rounds of half as many documents."""
    recipe = tiny_recipe(model, embedder, write_rows(folder / "rows.jsonl", 12 * rows, seed=1))
    recipe["arms"] = {ARM: {"methods": [METHOD], "filters": ["heuristics", "perplexity", "diversity"]}}
    for name in ("self_training", "self_instruct", "instruction_generation"):
        del recipe["generation"][name]
    recipe["chunk"] = min(rows // 2, 50)
    recipe["documents"][0]["count"] = rows // 2
    recipe["generation"][METHOD] |= {"candidates": 2, "until": "accepted", "at_most": 5 * rows}
    recipe["enhancement"]["fragments"] |= {"levels": ["keywords", "sentence"], "extraction": None}
    recipe["enhancement"]["heuristics"]["instruction_words"] = [2, 16]
    recipe["curation"] = {"diversity": {"rule": "rouge_l", "rouge_l": 0.9}, "rows": rows}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return path


def fates(data: Path) -> dict[str, int]:
    """How many of the rows that were made are accepted, rejected (duplicates are) and not chosen; fails if a row has
    no fate, or two."""
    columns = "record, asset, outcome, coalesce(reason, '') AS reason"
    rows = query(data, f"SELECT {columns} FROM lineage.outcomes WHERE asset IN {CHAIN}").rows()
    fate: dict[str, str] = {}
    for record, asset, outcome, reason in rows:
        if outcome == "kept" and asset != CHAIN[-1]:
            continue
        assert record not in fate
        not_chosen = reason in ("not chosen", "beyond the budget")
        fate[record] = "accepted" if outcome == "kept" else "not chosen" if not_chosen else "rejected"
    assert fate.keys() == {record for record, asset, *_ in rows if asset == CHAIN[0]}
    return {name: list(fate.values()).count(name) for name in ("accepted", "rejected", "not chosen")}


def test_killed_builds_accept_the_rows_of_an_undisturbed_build(
    tiny_model: Path, tiny_embedder: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    rows: int = pytestconfig.getoption("--accepted")
    recipe = recipe_for(tmp_path, tiny_model, tiny_embedder, rows)
    draw, selection, kills = random.Random(2308), f'+key:"{CHAIN[-1]}"', max(3, rows // 100)
    (events,) = killed_builds(recipe, tmp_path / "undisturbed", 0, draw, 0, selection)
    builds = killed_builds(recipe, tmp_path / "killed", kills, draw, len(events), selection)
    # A build may end before its kill; with few kills, none does.
    assert max(3, kills // 2) < len(builds) <= 1 + kills
    expected: dict[str, list[Any]] = content(tmp_path / "undisturbed" / "data")
    found = content(tmp_path / "killed" / "data")
    for name in expected:
        assert found[name] == expected[name], name
    assert expected["memo.failures"] == []
    data = tmp_path / "killed" / "data"
    counts, made = fates(data), query(data, f"FROM lineage.outcomes WHERE asset = '{CHAIN[0]}'").height
    ((drawn, rounds),) = query(
        data, f"SELECT count(*), max(score) FROM lineage.outcomes WHERE asset = 'drawn/{METHOD}' AND outcome = 'kept'"
    ).rows()
    print(f"{made} rows of {drawn} documents in {rounds:.0f} rounds: {counts}; {len(repeated(builds))} calls repeated")
    assert counts["accepted"] == rows
    assert sum(counts.values()) == made == 2 * fragments(data)
    assert drawn == rounds * (rows // 2) < 5 * rows
    assert rounds >= 3
    assert integrity(store(data).database) == []


def fragments(data: Path) -> int:
    return query(data, "FROM lineage.outcomes WHERE asset = 'fragments' AND outcome = 'kept'").height
