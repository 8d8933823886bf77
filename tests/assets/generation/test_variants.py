"""A study compares one method with itself under other settings, in one recipe. These tests check that a variant stands
wherever a method may, that variants share the calls that they have in common, and what each mistake is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assets.planning.graph import steps
from tests.support.building import build, edit, store
from tests.support.recipes import complaints, parsed, put, starter
from warehouse.audit.integrity import integrity

VARIANTS = "generation.variants"
METHODS = (
    "back_translation, evol_instruct, extract_then_generate, instruction_generation, magpie, reverse_instructions, "
    "seeds, self_instruct, self_training, shuffled_instructions, unnatural_instructions"
)


def shuffled(of: str, share: float = 1.0) -> dict[str, Any]:
    return {"method": "shuffled_instructions", "of": of, "share": share}


def asked(*assets: str) -> str:
    """The selection of these assets with all that they are made from."""
    return " or ".join(f'+key:"{asset}"' for asset in assets)


def with_variants(recipe: dict[str, Any]) -> None:
    """Three variants without a model, two of them equal, and two that ask the model for one and for two candidates."""
    sampling = {"max_new_tokens": 24, "temperature": 1.0}
    recipe["generation"] = {
        "model": "generator",
        "seeds": {"count": 12},
        "self_training": {"count": 4, "response": sampling},
        "variants": {
            "half": shuffled("seeds", 0.5),
            "all": shuffled("seeds"),
            "all_again": shuffled("seeds"),
            "two_candidates": {"method": "self_training", "count": 4, "response": sampling, "candidates": 2},
        },
    }
    heuristics = ["heuristics"]
    recipe["arms"] = {
        "half": {"methods": ["half"], "filters": heuristics},
        "both": {"methods": ["all", "all_again"], "filters": heuristics},
        "mixed": {"methods": ["seeds", "two_candidates"], "filters": heuristics},
    }


def test_variants_are_built_beside_their_method_and_share_its_calls(tiny: Path, tmp_path: Path) -> None:
    edit(tiny, with_variants)
    raw = ("half", "all", "all_again", "self_training", "two_candidates")
    log, failures = build(tiny, tmp_path / "data", asked(*(f"raw_{name}" for name in raw)))
    assert failures == []
    current = {name: store(tmp_path / "data").current(f"raw_{name}") for name in raw}
    assert all(current.values())
    assert log.computed["raw_self_training"] == 4
    with store(tmp_path / "data").database.read() as connection:
        # The first candidate of each of the four pairs is the answer of the method itself.
        assert connection.execute("SELECT count(*) FROM memo.calls WHERE kind = 'completion'").fetchall() == [(8,)]


def test_an_arm_of_equal_variants_has_each_pair_once(tiny: Path, tmp_path: Path) -> None:
    edit(tiny, with_variants)
    log, failures = build(tiny, tmp_path / "data", asked("training_sets/both", "training_sets/mixed"))
    assert failures == []
    assert log.actions["training_sets/both"] == "built"
    with store(tmp_path / "data").database.read() as connection:
        outcomes = connection.execute(
            "SELECT outcome, reason, count(*) FROM lineage.outcomes WHERE asset = 'enhanced_instructions/both'"
            " GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert integrity(store(tmp_path / "data").database) == []
    assert outcomes == [("kept", None, 12)]


def test_the_name_of_a_variant_names_its_assets() -> None:
    recipe = parsed(
        put(put(starter(), VARIANTS, {"half": shuffled("self_training", 0.5)}), "arms.half", {"methods": ["half"]})
    )
    assert recipe.methods == (
        "extract_then_generate",
        "half",
        "instruction_generation",
        "self_instruct",
        "self_training",
    )
    found = {step.asset: step for step in steps(recipe)}
    assert dict(found["raw_half"].inputs) == {"pairs": "raw_self_training"}
    assert found["raw_half"].slice == {
        "seed": 2308,
        "generation.variants.half": {"method": "shuffled_instructions", "of": "self_training", "share": 0.5}
        | {"swap": "random"},
    }
    assert found["enhanced_instructions/half"].inputs["pairs_half"] == "raw_half"


@pytest.mark.parametrize(
    ("variants", "problems"),
    [
        (
            {"x": {"method": "selftraining"}},
            [
                "generation.variants.x.method: found 'selftraining'; there is no such method; did you mean"
                f" 'self_training'? (known: {METHODS})"
            ],
        ),
        (
            {"x": {"of": "self_training"}},
            [f"generation.variants.x.method: found nothing; this key is required; it must name one of {METHODS}"],
        ),
        (
            {"x": shuffled("self_training", 2)},
            ["generation.variants.x.share: found 2; it must be less than or equal to 1"],
        ),
        (
            {"x": shuffled("self_training") | {"shar": 1}},
            [
                "generation.variants.x.shar: found 1; there is no such key; did you mean 'share'? (known: embedder,"
                " method, of, share, swap)"
            ],
        ),
        ({"x": 3}, ["generation.variants.x: found 3; it must be a mapping of keys to values"]),
        (
            {"seeds": shuffled("self_training")},
            ["generation.variants.seeds: found 'seeds'; this is the name of a method; give the variant another name"],
        ),
        ({"x": shuffled("x")}, ["generation.variants.x.of: found 'x'; it must name another method"]),
        ({"x": shuffled("y")}, ["generation.y: found nothing; generation.variants.x needs its settings"]),
        (
            {"x": shuffled("y"), "y": shuffled("x")},
            [
                "generation.variants.x: found 'x'; it is made from y, which is made from it",
                "generation.variants.y: found 'y'; it is made from x, which is made from it",
            ],
        ),
    ],
)
def test_a_wrong_variant_is_told_at_its_place(variants: dict[str, Any], problems: list[str]) -> None:
    assert complaints((VARIANTS, variants)) == problems


def test_an_arm_must_name_a_method_or_a_variant() -> None:
    found = complaints((VARIANTS, {"half": shuffled("self_training")}), ("arms.self_training.methods", ["hafl"]))
    assert found[0].startswith(
        "arms.self_training.methods.0: found 'hafl'; it must name a method of the recipe; did you mean 'half'?"
    )
