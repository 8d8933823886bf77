"""One training run says little, so a student can be trained with several seeds. Each seed gives a checkpoint with its
own answers, and an added seed computes nothing again for the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.support.building import build, edit, planned, query

ARMS = 4
ITEMS = 2


def test_a_second_seed_adds_a_checkpoint_per_arm_with_its_own_answers(own: tuple[Path, Path]) -> None:
    recipe, data = own
    seed = yaml.safe_load(recipe.read_text())["seed"]
    before = query(data, "SELECT id FROM records.checkpoint ORDER BY id")["id"].to_list()

    def train_twice(values: dict[str, Any]) -> None:
        values["training"]["seeds"] = 2

    edit(recipe, train_twice)
    plan = planned(recipe, data)
    bounds = {asset: one.calls for asset, one in plan.items() if one.calls}
    log, failures = build(recipe, data)
    assert failures == []
    computed = {asset: calls for asset, calls in log.computed.items() if calls}
    arms = [asset.split("/")[1] for asset in computed if asset.startswith("students/")]
    assert len(arms) == ARMS
    assert computed == {f"students/{arm}": 1 for arm in arms} | {f"predictions/longform/{arm}": ITEMS for arm in arms}
    assert all(bounds[asset] >= calls for asset, calls in computed.items())
    for arm in arms:
        trained = query(data, f"SELECT id, seed, weights FROM students__{arm} ORDER BY seed")
        assert trained["seed"].to_list() == [seed, seed + 1]
        assert trained["weights"].n_unique() == 2
        assert trained["id"][0] in before
        wrote = query(
            data,
            "SELECT p.seed, count(*) AS answers, min(e.parent) AS student, max(e.parent) AS other FROM "
            f"predictions__longform__{arm} p JOIN lineage.edges e ON e.child = p.id AND e.role = 'checkpoint' "
            "GROUP BY p.seed ORDER BY p.seed",
        )
        ids = trained["id"].to_list()
        assert wrote.rows() == [(seed, ITEMS, ids[0], ids[0]), (seed + 1, ITEMS, ids[1], ids[1])]
    board = query(data, "SELECT arm, items, seeds FROM leaderboard")
    assert set(board.rows()) == {("base", ITEMS, 1), *((arm, ITEMS, 2) for arm in arms)}
