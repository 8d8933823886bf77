"""People ask for a plan before they start a build. If it shows too little work, they lose a night. If it shows too
much, they do not try."""

from __future__ import annotations

import hashlib
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from assets.planning.placeholders import placeholders
from assets.planning.planned import Certainty, Planned
from assets.steps.step import Most, Step
from assets.training.backward_model import flipped
from tests.support.planning import House, fetched, gate, strict, texts
from warehouse.core.errors import UserError
from warehouse.results.shortage import TooFewRows
from warehouse.schema.records import Pair, SeedTask

COUNTED, BOUNDED, UNBOUNDED = Certainty.COUNTED, Certainty.BOUNDED, Certainty.UNBOUNDED


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def graph(house: House, *kept: str, rule: str = "", least: int = 1) -> list[Step]:
    """documents → long → asked → good → more; "asked" and "more" call the model."""
    return [
        texts(*(kept or ("aa", "bb", "c"))),
        gate("long", "documents", least=least),
        house.asking("asked", "long", rule),
        gate("good", "asked", model=house.asking("asked", "long").model),
        house.asking("more", "good"),
    ]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def fresh(asset: str) -> Planned:
    return Planned(asset, "fresh", same_content=True)


def test_without_a_warehouse_rows_are_exact_up_to_the_first_model_call_and_bounded_after_it(house: House) -> None:
    never: dict[str, Any] = {"state": "stale", "reasons": ("never built",)}
    plan = house.planner().plan(graph(house, least=2))
    assert plan == [
        Planned("documents", **never, rows=3),
        Planned("long", **never, rows=3),
        Planned("asked", **never, certainty=COUNTED, rows=2, most_rows=2, calls=2, seconds=None),
        Planned("good", **never, certainty=BOUNDED, most_rows=2),
        Planned("more", **never, certainty=BOUNDED, most_rows=2, calls=2, seconds=None),
    ]
    assert not (house.folder / "data").exists()


def test_built_assets_are_fresh(house: House) -> None:
    assert set(house.build(*graph(house)).values()) == {"built"}
    assert list(house.plan(*graph(house)).values()) == [
        fresh(asset) for asset in ("documents", "long", "asked", "good", "more")
    ]


def test_one_more_row_costs_its_own_calls_at_the_measured_rate(house: House) -> None:
    house.build(*graph(house))
    plan = house.plan(*graph(house, "aa", "bb", "c", "dd"))
    assert list(plan.values()) == [
        Planned("documents", "stale", ('documents.texts ["aa", "bb", "c"] → ["aa", "bb", "c", "dd"]',), rows=4),
        Planned("long", "stale", ("1 document added",), rows=4),
        Planned("asked", "stale", ("long: 1 document added",), COUNTED, 4, 4, calls=1, from_memo=3, seconds=0.5),
        Planned("good", "waiting", ("waits for asked",), certainty=BOUNDED, most_rows=4),
        Planned("more", "waiting", ("waits for good",), BOUNDED, None, 4, calls=1, from_memo=3, seconds=0.5),
    ]


def test_a_changed_rule_is_run_so_that_later_assets_are_known_exactly(house: House) -> None:
    house.build(*graph(house))
    plan = house.plan(*graph(house, rule="A"))
    assert list(plan.values()) == [
        fresh("documents"),
        fresh("long"),
        Planned("asked", "stale", ("asked.rule  → A",), rows=3, from_memo=3),
        Planned("good", "stale", ("asked: 1 pair removed",), rows=2),
        Planned("more", "stale", ("good: 1 pair removed",), rows=2, most_rows=None, from_memo=2),
    ]
    assert house.build(*graph(house, rule="A")) == dict.fromkeys(("asked", "good", "more"), "built")


def test_unchanged_rows_stop_the_plan(house: House) -> None:
    house.build(*graph(house, "aa", "bb"))
    plan = house.plan(*graph(house, "aa", "bb", least=2))
    assert list(plan.values()) == [
        fresh("documents"),
        Planned("long", "stale", ("long.least 1 → 2",), rows=2, same_content=True),
        fresh("asked"),
        fresh("good"),
        fresh("more"),
    ]


def test_an_earlier_recipe_restores_stored_versions(house: House) -> None:
    house.build(*graph(house, "aa", "bb"))
    house.build(*graph(house, "aa"))
    plan = house.plan(*graph(house, "aa", "bb"))
    assert {one.state for one in plan.values()} == {"restore"}
    assert plan["documents"] == Planned("documents", "restore", ('documents.texts ["aa"] → ["aa", "bb"]',))
    assert plan["asked"] == Planned("asked", "restore", ("long: 1 document added",))
    assert set(house.build(*graph(house, "aa", "bb")).values()) == {"restored"}


def test_restoring_the_same_rows_stops_the_plan(house: House) -> None:
    house.build(*graph(house, "aa"))
    house.build(*graph(house, "aa", least=2))
    plan = house.plan(*graph(house, "aa"))
    assert plan["long"] == Planned("long", "restore", ("long.least 2 → 1",), same_content=True)
    assert plan["asked"] == fresh("asked")


def test_a_waiting_gate_is_bounded_by_all_rows_that_may_come_in(house: House) -> None:
    """A rule that drops a placeholder row may keep the real one."""
    steps = [
        texts("aa", "bb"),
        house.asking("asked", "documents", rule="not yet written"),
        texts("c", asset="others"),
        house.asking("known", "others"),
        gate("good", "asked", "known", model=house.asking("known", "others").model, least=99),
        house.asking("more", "good"),
    ]
    house.build(steps[2], steps[3])
    plan = house.plan(*steps)
    assert (plan["asked"].rows, plan["asked"].most_rows) == (2, 2)
    assert (plan["good"].rows, plan["good"].most_rows, plan["good"].certainty) == (None, 3, BOUNDED)
    assert (plan["more"].calls, plan["more"].most_rows) == (3, 3)


def test_a_waiting_gate_is_bounded_by_what_the_step_declares(house: House) -> None:
    asked = house.asking("asked", "documents")
    drawn = gate("drawn", "asked", model=asked.model, most=Most(rows=2))
    plan = house.plan(texts("aa", "bb", "cc"), asked, drawn, house.asking("more", "drawn"))
    assert plan["drawn"] == Planned("drawn", "stale", ("never built",), certainty=BOUNDED, most_rows=2)
    assert (plan["more"].calls, plan["more"].most_rows) == (2, 2)


def too_few(rows: int) -> TooFewRows | None:
    return TooFewRows(f"at most {rows}", "4 are needed") if rows < 4 else None


def test_the_plan_shows_that_a_gate_cannot_get_enough_rows(house: House) -> None:
    """This holds if only the model's answers are unknown, and if the number of rows is only bounded."""
    asked = house.asking("asked", "documents", most=Most(rows=3, calls=3))
    drawn = gate("drawn", "asked", model=asked.model, most=Most(rows=4), too_few=too_few)
    for source in (texts("aa", "bb", "cc"), fetched("far", most=3)):
        plan = house.plan(source, asked, drawn)
        assert plan["asked"].most_rows == 3
        assert plan["drawn"] == Planned("drawn", "fails", ("never built",), error="at most 3; 4 are needed")
    assert house.plan(texts("aa", "bb", "cc", "dd"), asked, drawn)["drawn"].error is None


def test_a_gate_with_unbounded_inputs_is_not_reported_as_failing(house: House) -> None:
    deep = house.chained("deep", "documents", None)
    drawn = gate("drawn", "deep", model=deep.model, most=Most(rows=4), too_few=too_few)
    assert house.plan(texts("aa"), deep, drawn)["drawn"].error is None


def test_rows_may_be_bounded_though_calls_are_not(house: House) -> None:
    most = Most(rows=7, calls=None)
    plan = house.plan(fetched("far", most=2), house.asking("asked", "documents", most=most))
    assert plan["asked"] == Planned("asked", "stale", ("never built",), BOUNDED, None, 7, calls=None, seconds=None)
    plan = house.plan(texts("aa"), house.asking("asked", "documents", most=most))
    assert (plan["asked"].calls, plan["asked"].certainty) == (1, COUNTED)


def test_optional_texts_of_placeholder_rows_are_empty() -> None:
    """For example, the backward model is only trained on seed tasks without an input."""
    frame = placeholders(SeedTask, 2)
    assert frame.select("instruction", "input", "response").rows() == [
        (f"not yet known {row}", "", f"not yet known {row}") for row in range(2)
    ]
    assert len(flipped(frame)) == 2
    assert placeholders(Pair, 1)["level"].to_list() == [""]


def test_a_call_whose_files_are_lost_is_computed_again(house: House) -> None:
    def build(tools: Any) -> Any:
        house.answers(tools, ["aa", "bb"], void=lambda call, _: call.request["text"] == "aa")
        return texts("aa").build(tools)

    house.build(*graph(house))
    plan = house.plan(Step("other", "group", "", texts().model, build, {"models.writer": 1}))
    assert plan["other"] == Planned("other", "stale", ("never built",), COUNTED, 1, 1, 1, from_memo=1, seconds=0.5)


def test_calls_that_depend_on_answers_are_bounded_by_what_the_step_declares(house: House) -> None:
    most = Most(rows=2, calls=6)
    steps = [texts("aa", "bb"), house.chained("deep", "documents", most), house.asking("more", "deep")]
    plan = house.plan(*steps)
    deep = plan["deep"]
    assert (deep.calls, deep.certainty, deep.most_rows, deep.rows) == (6, BOUNDED, 2, None)
    assert (plan["more"].calls, plan["more"].certainty, plan["more"].state) == (2, BOUNDED, "stale")
    house.build(*steps)
    assert house.asked == ["aa", "bb", "and AA", "and BB", "AND AA", "AND BB"]
    again = [texts("aa", "bb", "c"), house.chained("deep", "documents", Most(rows=3, calls=6))]
    assert house.plan(*again)["deep"] == Planned(
        "deep", "stale", ("1 document added",), BOUNDED, None, 3, calls=4, from_memo=2, seconds=2.0
    )


def test_calls_that_depend_on_answers_are_never_exact(house: House) -> None:
    """With placeholder answers, the step may make fewer calls than with real ones."""
    made = texts("aa", "bb")
    for refused in ("none", "not yet"):
        plan = house.plan(made, house.chained("deep", "documents", None, refused))
        assert plan["deep"] == Planned("deep", "stale", ("never built",), UNBOUNDED, calls=None, seconds=None)
        plan = house.plan(made, house.chained("deep", "documents", Most(rows=2, calls=6), refused))
        assert plan["deep"] == Planned("deep", "stale", ("never built",), BOUNDED, None, 2, calls=6, seconds=None)


def test_stored_calls_that_depend_on_a_missing_answer_are_not_subtracted(house: House) -> None:
    """With the missing answer, the step may make other calls than the stored ones."""
    house.build(texts("aa"), house.chained("deep", "documents", None))
    plan = house.plan(texts("zz", "aa"), house.chained("deep", "documents", Most(rows=2, calls=4)))
    assert (plan["deep"].calls, plan["deep"].from_memo) == (3, 1)


def test_calls_that_depend_only_on_their_own_row_are_counted(house: House) -> None:
    house.build(texts("aa", "bb"), house.chained("deep", "documents", None))
    most = Most(rows=4, calls=99, by_row=True)
    deep = house.plan(texts("aa", "bb", "c"), house.chained("deep", "documents", most))["deep"]
    assert (deep.calls, deep.from_memo, deep.certainty, deep.most_rows, deep.seconds) == (2, 4, BOUNDED, 4, 1.0)
    before = len(house.asked)
    house.build(texts("aa", "bb", "c"), house.chained("deep", "documents", most))
    assert house.asked[before:] == ["c", "and C"]


def test_a_plan_downloads_no_source_and_bounds_later_assets(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a plan downloads nothing")

    monkeypatch.setattr(subprocess, "run", forbidden)
    monkeypatch.setattr(socket, "socket", forbidden)
    steps = [
        fetched("far", most=3),
        gate("long", "documents", least=99),
        house.asking("asked", "long", most=Most(rows=3, calls=5)),
        house.asking("more", "long"),
    ]
    assert list(house.plan(*steps).values()) == [
        Planned("documents", "stale", ("never built", "the source far is not downloaded yet"), BOUNDED, None, 3),
        Planned("long", "stale", ("never built",), BOUNDED, None, 3),
        Planned("asked", "stale", ("never built",), BOUNDED, None, 3, calls=5, seconds=None),
        Planned("more", "stale", ("never built",), BOUNDED, None, 3, calls=3, seconds=None),
    ]


def test_the_plan_shows_the_error_of_a_build(house: House) -> None:
    plan = house.plan(fetched("gone"), house.asking("asked", "documents"))
    assert plan["documents"].error == (
        f"cannot fetch path:gone.jsonl: no file or folder is at {house.folder}/gone.jsonl; "
        f"relative paths start at {house.folder}"
    )
    assert (plan["documents"].state, plan["documents"].calls, plan["documents"].rows) == ("fails", 0, None)
    assert (plan["asked"].calls, plan["asked"].error) == (0, None)
    plan = house.plan(texts("a"), strict("measured", "documents", UserError("one is too short")))
    assert plan["measured"] == Planned("measured", "fails", ("never built",), error="one is too short")


def test_invalid_rows_are_quarantined_as_in_a_build(house: House) -> None:
    plan = house.plan(texts("", "aa"), house.asking("asked", "documents"))
    assert (plan["documents"].rows, plan["asked"].calls) == (2, 1)


def test_a_bug_stops_the_plan(house: House) -> None:
    with pytest.raises(ZeroDivisionError):
        house.plan(texts("a"), strict("measured", "documents", ZeroDivisionError()))


@pytest.mark.parametrize("error", [UserError("odd"), ValueError("odd")])
def test_an_error_caused_by_placeholder_rows_is_no_failure_but_leaves_the_step_unbounded(
    house: House, error: Exception
) -> None:
    steps = [
        texts("aa"),
        house.asking("asked", "documents"),
        strict("measured", "asked", error),
        gate("good", "measured"),
        house.asking("more", "good"),
        house.asking("bounded", "good", most=Most(rows=7, calls=7)),
    ]
    plan = house.plan(*steps)
    never = ("never built",)
    assert plan["measured"] == Planned("measured", "stale", never, certainty=UNBOUNDED)
    assert plan["good"] == Planned("good", "stale", never, certainty=UNBOUNDED)
    assert plan["more"] == Planned("more", "stale", never, certainty=UNBOUNDED, calls=None, seconds=None)
    assert plan["bounded"] == Planned("bounded", "stale", never, BOUNDED, None, 7, calls=7, seconds=None)


@pytest.mark.parametrize("error", [UserError("odd"), ValueError("odd")])
def test_an_error_caused_by_placeholder_answers_is_no_failure(house: House, error: Exception) -> None:
    def build(tools: Any, rows: Any) -> Any:
        if house.answers(tools, ["aa"])[0].response["text"] != "AA":
            raise error
        return texts("aa").build(tools)

    made = texts("aa")
    asks = Step("asks", "group", "", made.model, build, {"models.writer": 1}, {"rows": "documents"})
    assert house.plan(made, asks)["asks"] == Planned(
        "asks", "stale", ("never built",), UNBOUNDED, calls=None, seconds=None
    )
    assert house.build(made, asks) == {"documents": "built", "asks": "built"}


def test_a_selection_uses_the_stored_versions_of_all_other_assets(house: House) -> None:
    house.build(*graph(house))
    changed = graph(house, "aa", "bb", "c", "dd", rule="A")
    plan = house.plan(*changed, only={"asked", "good"})
    assert list(plan.values()) == [
        Planned("asked", "stale", ("asked.rule  → A",), rows=3, from_memo=3),
        Planned("good", "stale", ("asked: 1 pair removed",), rows=2),
    ]


def test_a_selection_names_its_inputs_that_were_never_built(house: House) -> None:
    plan = house.plan(*graph(house), only={"asked", "good"})
    assert list(plan.values()) == [
        Planned("asked", "blocked", error="its input long has not been built"),
        Planned("good", "blocked", error="its input asked has not been built"),
    ]


def test_a_plan_writes_nothing_and_is_repeatable(house: House) -> None:
    house.build(*graph(house))
    before = digests(house.folder)
    planner, changed = house.planner(), graph(house, "aa", "bb", "dd", rule="A")
    first = planner.plan(changed)
    assert planner.plan(changed) == first
    assert house.planner().plan(changed) == first
    assert digests(house.folder) == before


def test_a_planner_keeps_nothing_from_its_last_plan(house: House) -> None:
    planner = house.planner()
    planner.plan(graph(house))
    (only,) = planner.plan(graph(house), frozenset({"asked"}))
    assert only.error == "its input long has not been built"
