"""A row at which a model failed is tried again, a limited number of times. No edit of `retries` and no garbage
collection may lose rows that a retry made. The reasons of a stale asset must say what changed."""

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


@pytest.mark.parametrize(("disliked", "rows"), [(["aa"], "1 row"), (["aa", "bb"], "2 rows")])
def test_failed_rows_are_a_reason_to_build(house: House, disliked: list[str], rows: str) -> None:
    fails(house, *disliked)
    assert house.plan(*asked(house))["asked"] == Planned(
        "asked",
        "stale",
        (f"{rows} failed: retry 1 of 2",),
        Certainty.COUNTED,
        rows=3,
        most_rows=3,
        calls=len(disliked),
        from_memo=3 - len(disliked),
        seconds=0.5 * len(disliked),
    )


def test_retries_end_at_the_limit_and_go_on_if_it_is_raised(house: House) -> None:
    fails(house, "aa", builds=3)
    assert attempt(house) == 2
    assert house.plan(*asked(house))["asked"].state == "fresh"
    house.retries = 3
    assert house.plan(*asked(house))["asked"].reasons == ("1 row failed: retry 3 of 3",)
    assert house.build(*asked(house)) == {"asked": "built"}
    assert house.plan(*asked(house))["asked"].state == "fresh"


def test_a_lower_limit_keeps_the_version_of_a_later_retry(house: House) -> None:
    fails(house, "aa", builds=2)
    house.build(*asked(house))
    assert attempt(house) == 2
    house.retries = 0
    assert house.plan(*asked(house))["asked"] == Planned("asked", "fresh", same_content=True)
    assert house.build(*asked(house)) == {}
    assert attempt(house) == 2


def test_collecting_earlier_attempts_makes_nothing_stale(house: House) -> None:
    fails(house, "aa", builds=2)
    house.build(*asked(house))
    collect(house.bench.database, find_garbage(house.bench.database, keep=1))
    assert house.plan(*asked(house))["asked"] == Planned("asked", "fresh", same_content=True)
    assert house.build(*asked(house)) == {}


def test_without_retries_failed_rows_stay(house: House) -> None:
    house.retries = 0
    fails(house, "aa")
    assert house.plan(*asked(house))["asked"].state == "fresh"


def test_failed_rows_are_not_tried_again_if_the_step_calls_no_model(house: House) -> None:
    fails(house, "aa")
    step = asked(house)[1]
    plain = Step("asked", "group", "", step.model, step.build, {"rule": ""}, step.inputs)
    house.build(plain)
    house.dislikes = {"aa"}
    assert house.plan(texts("aa", "bb", "cc"), plain)["asked"].state == "fresh"


def test_a_retry_is_no_reason_if_there_is_another(house: House) -> None:
    fails(house, "aa")
    changed = [texts("aa", "bb", "cc"), house.asking("asked", "documents", rule="B")]
    assert house.plan(*changed)["asked"].reasons == ("asked.rule  → B",)


def test_a_changed_file_of_code_is_a_reason(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Step, "code", {"assets/a.py": "1", "assets/b.py": "1"})
    house.build(texts("aa"))
    monkeypatch.setattr(Step, "code", {"assets/a.py": "2", "assets/b.py": "1"})
    assert house.plan(texts("aa"))["documents"] == Planned(
        "documents", "stale", ("code of assets/a.py changed",), rows=1, same_content=True
    )


def test_added_removed_reordered_and_collected_inputs_are_reasons(house: House) -> None:
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


def test_a_waiting_asset_has_its_own_reasons(house: House) -> None:
    house.build(*asked(house), gate("good", "asked", model=asked(house)[1].model))
    changed = [texts("aa", "dd"), asked(house)[1], gate("good", "asked", model=asked(house)[1].model, least=2)]
    plan = house.plan(*changed)
    assert (plan["good"].state, plan["good"].reasons) == ("stale", ("good.least 1 → 2",))
