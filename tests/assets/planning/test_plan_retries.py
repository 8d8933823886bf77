"""A row at which a model failed is tried again, but not for ever, and no edit of `retries` and no collection may undo
what a try has mended. Why an asset is stale is told in the terms of what changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.planning.planned import Certainty, Planned
from assets.steps.step import Step
from tests.support.planning import House, gate, texts
from warehouse.store.collection import collect, find_garbage


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def asked(house: House) -> list[Step]:
    return [texts("aa", "bb", "cc"), house.asking("asked", "documents")]


def fails(house: House, *disliked: str, builds: int = 1) -> None:
    house.dislikes = set(disliked)
    for _ in range(builds):
        house.build(*asked(house))
    house.dislikes = set()


def attempt(house: House) -> int:
    current = house.bench.store.current("asked")
    assert current is not None
    return current.attempt


@pytest.mark.parametrize(("disliked", "said"), [(["aa"], "1 row"), (["aa", "bb"], "2 rows")])
def test_failed_rows_are_a_reason_to_build(house: House, disliked: list[str], said: str) -> None:
    fails(house, *disliked)
    assert house.plan(*asked(house))["asked"] == Planned(
        "asked",
        "build",
        (f"{said} failed: retry 1 of 2",),
        Certainty.COUNTED,
        rows=3,
        most_rows=3,
        calls=len(disliked),
        from_memo=3 - len(disliked),
        seconds=0.5 * len(disliked),
    )


def test_a_number_of_tries_ends_it_and_a_raised_number_goes_on(house: House) -> None:
    fails(house, "aa", builds=3)
    assert attempt(house) == 2
    assert house.plan(*asked(house))["asked"].action == "none"
    house.retries = 3
    assert house.plan(*asked(house))["asked"].reasons == ("1 row failed: retry 3 of 3",)
    assert house.build(*asked(house)) == {"asked": "built"}
    assert house.plan(*asked(house))["asked"].action == "none"


def test_a_lowered_number_leaves_what_was_tried(house: House) -> None:
    fails(house, "aa", builds=2)
    house.build(*asked(house))
    assert attempt(house) == 2
    house.retries = 0
    assert house.plan(*asked(house))["asked"] == Planned("asked", "none", same_content=True)
    assert house.build(*asked(house)) == {}
    assert attempt(house) == 2


def test_a_collection_of_earlier_tries_makes_nothing_stale(house: House) -> None:
    fails(house, "aa", builds=2)
    house.build(*asked(house))
    collect(house.bench.database, find_garbage(house.bench.database, keep=1))
    assert house.plan(*asked(house))["asked"] == Planned("asked", "none", same_content=True)
    assert house.build(*asked(house)) == {}


def test_without_retries_failed_rows_stay(house: House) -> None:
    house.retries = 0
    fails(house, "aa")
    assert house.plan(*asked(house))["asked"].action == "none"


def test_failed_rows_of_what_calls_no_model_are_not_tried_again(house: House) -> None:
    fails(house, "aa")
    step = asked(house)[1]
    plain = Step("asked", "group", "", step.model, step.build, {"rule": ""}, step.inputs)
    house.build(plain)
    house.dislikes = {"aa"}
    assert house.plan(texts("aa", "bb", "cc"), plain)["asked"].action == "none"


def test_another_reason_counts_before_failed_rows(house: House) -> None:
    fails(house, "aa")
    changed = [texts("aa", "bb", "cc"), house.asking("asked", "documents", rule="B")]
    assert house.plan(*changed)["asked"].reasons == ("asked.rule  → B",)


def test_a_change_of_the_code_names_the_file(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Step, "code", {"assets/a.py": "1", "assets/b.py": "1"})
    house.build(texts("aa"))
    monkeypatch.setattr(Step, "code", {"assets/a.py": "2", "assets/b.py": "1"})
    assert house.plan(texts("aa"))["documents"] == Planned(
        "documents", "build", ("code of assets/a.py changed",), rows=1, same_content=True
    )


def test_inputs_that_come_go_change_their_order_or_were_collected_are_named(house: House) -> None:
    sources = [texts("aa", "bb"), texts("cc", asset="others")]
    house.build(*sources, gate("good", "documents"))
    plan = house.plan(*sources, gate("good", "documents", "others"))
    assert plan["good"].reasons == ("now reads others",)
    plan = house.plan(*sources, gate("good", "others"))
    assert plan["good"].reasons == ("now reads others", "no longer reads documents")
    plan = house.plan(texts("bb", "aa"), gate("good", "documents"))
    assert plan["good"].reasons == ("documents in another order",)
    assert plan["good"].same_content is False

    for kept in (["x"], ["y"]):
        house.build(texts(*kept))
    with house.bench.database.write() as connection:
        connection.execute("DELETE FROM lineage.versions WHERE asset = 'documents' AND recipe LIKE '%bb%'")
    assert house.plan(texts("y"), gate("good", "documents"))["good"].reasons == ("documents changed",)


def test_a_reason_of_its_own_is_told_though_an_input_is_open(house: House) -> None:
    house.build(*asked(house), gate("good", "asked", model=asked(house)[1].model))
    changed = [texts("aa", "dd"), asked(house)[1], gate("good", "asked", model=asked(house)[1].model, least=2)]
    plan = house.plan(*changed)
    assert (plan["good"].action, plan["good"].reasons) == ("build", ("good.least 1 → 2",))
