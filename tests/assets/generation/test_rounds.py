"""A method that draws until its arms have their rows must draw neither too little, which fails hours later, nor more
than needed, which costs model calls. These tests say after which round it ends, and what is on record then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.generation.rounds import Draw, decided, draw_until_accepted, step
from assets.steps.step import Step
from resources.tools.forecast import ForecastTools
from resources.tools.tools import Tools
from tests.support.planning import House, gate
from tests.support.planning import step as small
from warehouse.core.identity import digest
from warehouse.results.checks import checked
from warehouse.results.result import Gate, Result
from warehouse.results.shortage import TooFewRows
from warehouse.schema.records import Document, Pair


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def supply(*texts: str) -> pl.DataFrame:
    rows = [{"id": digest(text), "source": "wiki", "title": "", "text": text} for text in texts]
    return pl.DataFrame(rows, schema={"id": pl.String, "source": pl.String, "title": pl.String, "text": pl.String})


def wants(rows: int, reads: str, asset: str = "training_set", model: Any = Document) -> Step:
    """A training set of `rows` rows."""

    def build(tools: Tools, pairs: pl.DataFrame) -> Result:
        if len(pairs) < rows:
            raise TooFewRows(f"{asset} has {len(pairs)}, {rows} are needed", "draw more")
        out = Gate(model, len(pairs))
        for place, row in enumerate(pairs.iter_rows(named=True)):
            out.keep(row) if place < rows else out.reject(row, "beyond the budget")
        return out.result()

    return small(asset, build, model, {"pairs": reads}, {f"{asset}.rows": rows})


def longer_half(asset: str, reads: str) -> Step:
    """Keeps the longer half of the rows: which they are depends on all of them."""

    def build(tools: Tools, rows: pl.DataFrame) -> Result:
        out, cut = Gate(Document, len(rows)), rows["text"].str.len_chars().sort(descending=True)[len(rows) // 2 - 1]
        for row in rows.iter_rows(named=True):
            out.keep(row) if len(row["text"]) >= cut else out.reject(row, "short")
        return out.result()

    return small(asset, build, Document, {"rows": reads}, {})


def draws(house: House, frame: pl.DataFrame, *inner: Step, methods: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    """How many rows each method draws, of `methods` with (rows a round, at_most), each from texts of its own."""
    frames = {f"for_{name}": supply(*(text.replace("a", name) for text in frame["text"])) for name in methods}
    all_ = [
        Draw(name, f"generation.{name}", f"for_{name}", Document, count, most)
        for name, (count, most) in methods.items()
    ]
    return dict(draw_until_accepted(all_, inner, Tools(house.bench), frames).rows)


TEXTS = supply("aaaa", "a", "aaca", "ac", "ad", "aeaa", "afaa", "ag", "ah", "ai")


@pytest.mark.parametrize(("rows", "drawn"), [(1, 2), (2, 4), (3, 6), (4, 8)])
def test_it_ends_after_the_first_round_in_which_the_arm_has_its_rows(house: House, rows: int, drawn: int) -> None:
    inner = [gate("good", "drawn/m", least=4), wants(rows, "good")]
    assert draws(house, TEXTS, *inner, methods={"m": (2, 10)}) == {"m": drawn}


@pytest.mark.parametrize(("at_most", "drawn"), [(5, 5), (6, 6), (10, 10), (99, 10)])
def test_it_ends_with_what_is_allowed_or_with_what_there_is(house: House, at_most: int, drawn: int) -> None:
    inner = [gate("good", "drawn/m", least=4), wants(5, "good")]
    found = draw_until_accepted(
        [Draw("m", "generation.m", "supply", Document, 2, at_most)], inner, Tools(house.bench), {"supply": TEXTS}
    )
    assert found.rows == {"m": drawn}
    kept = sum(len(text) == 4 for text in TEXTS["text"][:drawn])
    assert [few.problem for few in found.lacking.values()] == [f"training_set has {kept}, 5 are needed"]


def test_a_rule_about_all_rows_is_applied_to_all_that_is_drawn(house: House) -> None:
    """Of "bb" and "b" the first is kept; beside "cccc" and "dddd" it is not."""
    frame = supply("bb", "b", "cccc", "dddd", "e", "f")
    good = longer_half("good", "drawn/m")
    assert draws(house, frame, good, wants(2, "good"), methods={"m": (2, 6)}) == {"m": 4}
    assert draws(house, frame, good, gate("no_bb", "good", least=3), wants(1, "no_bb"), methods={"m": (2, 6)}) == {
        "m": 4
    }


def test_only_the_methods_of_an_arm_that_lacks_rows_draw_more(house: House) -> None:
    inner = [
        gate("of_a", "drawn/a", least=4),
        gate("of_b", "drawn/b", least=4),
        gate("both", "of_a", "of_b", least=4),
        wants(2, "of_a", "set_a"),
        wants(2, "both", "set_both"),
    ]
    # After the first round "a" has one row of two, and both have two rows together.
    assert draws(house, TEXTS, *inner, methods={"a": (2, 10), "b": (2, 10)}) == {"a": 4, "b": 2}
    more = [*inner[:-1], wants(4, "both", "set_both")]
    assert draws(house, TEXTS, *more, methods={"a": (2, 10), "b": (2, 10)}) == {"a": 4, "b": 4}
    # Where one may draw no more, the other goes on.
    assert draws(house, TEXTS, *more, methods={"a": (2, 10), "b": (2, 2)}) == {"a": 6, "b": 2}


def test_every_row_of_the_supply_is_decided_about_with_the_number_of_its_round() -> None:
    draw = Draw("m", "generation.m", "supply", Document, 4, 9)
    found = draw_until_accepted([draw], [wants(5, "drawn/m")], Tools(House(Path("nowhere")).bench), {"supply": TEXTS})
    result = checked(decided(draw, TEXTS, found))
    assert result.decisions.select("outcome", "reason", "score").rows() == [
        *[("kept", None, 1.0)] * 4,
        *[("kept", None, 2.0)] * 4,
        *[("rejected", "not needed", None)] * 2,
    ]
    assert result.kept["id"].to_list() == TEXTS["id"][:8].to_list()
    assert [(check.name, check.passed) for check in result.checks] == [
        ("schema", True),
        ("ledger", True),
        ("accepted", True),
    ]
    assert result.checks[-1].facts == {"drawn": 8, "at_most": 9, "rounds": 2}


def test_the_check_says_what_each_arm_lacks() -> None:
    draw = Draw("m", "generation.m", "supply", Document, 4, 9)
    inner = [wants(10, "drawn/m", "one"), wants(3, "drawn/m", "other")]
    found = draw_until_accepted([draw], inner, Tools(House(Path("nowhere")).bench), {"supply": TEXTS})
    (check,) = decided(draw, TEXTS, found).checks
    assert not check.passed
    assert check.facts == {"drawn": 9, "at_most": 9, "rounds": 3, "one": "one has 9, 10 are needed"}


def asking(house: House) -> list[Step]:
    return [house.asking("asked", "drawn/m", rule="AC"), wants(3, "asked", model=Pair)]


def test_a_round_asks_for_its_own_rows_only_and_calls_are_counted_once(house: House) -> None:
    draw, tools, said = (
        Draw("m", "generation.m", "supply", Document, 2, 8),
        Tools(house.bench),
        list[tuple[str, int, int]](),
    )
    reporting = replace(tools, report=lambda *what: said.append(what))
    assert draw_until_accepted([draw], asking(house), reporting, {"supply": TEXTS}).rows == {"m": 4}
    assert house.asked == ["aaaa", "a", "aaca", "ac"]
    assert (tools.meter.computed, tools.meter.from_memo, tools.meter.tokens) == (4, 0, 4)
    again = Tools(house.bench)
    assert draw_until_accepted([draw], asking(house), again, {"supply": TEXTS}).rows == {"m": 4}
    assert (again.meter.computed, again.meter.from_memo) == (0, 4)
    assert len(house.asked) == 4


def test_a_guess_ends_it_with_all_that_may_be_drawn(house: House) -> None:
    draw = Draw("m", "generation.m", "supply", Document, 2, 8)
    asked: list[str] = []
    tools = ForecastTools(house.bench)
    after = small("after", lambda tools, rows: asked.append("after"), Pair, {"rows": "asked"}, {})
    found = draw_until_accepted([draw], [*asking(house), after], tools, {"supply": TEXTS})
    assert found.rows == {"m": 8}
    assert (len(tools.missing.calls), asked) == (2, [])


def test_the_step_depends_on_all_that_it_builds(house: House) -> None:
    draw, other = (
        Draw("m", "generation.m", "supply", Document, 2, 8),
        Draw("n", "generation.n", "others", Document, 1, 3),
    )
    inner = [gate("a", "drawn/m", "elsewhere", least=2), gate("b", "a", "drawn/n", least=3)]
    made = step(draw, [draw, other], [replace(inner[0], slice={"least": 2}), replace(inner[1], slice={"least": 3})])
    assert set(made.inputs.values()) == {"supply", "others", "elsewhere"}
    assert made.slice == {
        "least": 2,
        "least of b": 3,
        "generation.m.until": {"a round": 2, "at_most": 8},
        "generation.n.until": {"a round": 1, "at_most": 3},
    }
    assert made.code.keys() > inner[0].code.keys()
    assert made.rounds is not None
    assert (made.rounds.most, made.rounds.times) == ({"drawn/m": ("supply", 8), "drawn/n": ("others", 3)}, 6)
