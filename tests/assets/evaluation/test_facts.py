"""METEOR rewards long answers, and an answer that is cut off scores lower for its missing end. Without the lengths and
the shares beside them, readers take such scores for better or worse instructions."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import yaml
from rich.console import Console
from typer.testing import CliRunner

from assets.evaluation.facts import budgets, named, of_answers, of_verdicts, warnings
from assets.evaluation.judges import own_judges
from assets.evaluation.leaderboard import BESIDE
from assets.reporting.page import page
from assets.reporting.score_tables import facts_tables
from assets.reporting.study import study
from slingshot import app
from tests.assets.reporting.test_report import Reader, rows_of
from tests.support.building import query, store
from tests.support.recipes import parsed, put, starter
from warehouse.store.file_warehouse import FileWarehouse

ANSWERS = pl.DataFrame(
    [
        ("longform", "x", "Tea is hot.", True),
        ("longform", "x", "Tea is a", False),
        ("longform", "x", "", None),
        ("longform", "base", "茶很好。", None),
        ("ifeval", "x", "One two three four", False),
    ],
    schema=["benchmark", "arm", "text", "complete"],
    orient="row",
)


def test_lengths_count_words_and_a_share_is_over_the_answers_whose_end_is_known() -> None:
    assert of_answers(ANSWERS) == {
        "ifeval": {"x": {"words": 4.0, "cut_off": 100.0}},
        "longform": {"base": {"words": 2.0}, "x": {"words": 2.0, "cut_off": 50.0}},
    }
    assert of_answers(ANSWERS.clear()) == {}


def test_benchmarks_in_which_nothing_is_written_have_no_budget() -> None:
    values = put(starter(), "evaluation.perplexity", {})
    assert budgets(parsed(values)) == {"longform": 64}


def test_only_facts_that_an_arm_has_become_columns() -> None:
    facts = of_answers(ANSWERS)
    assert [fact.name for fact in named(facts, "longform")] == ["words", "cut_off"]
    assert named(facts, "judge") == []
    console = Console(width=100)
    with console.capture() as capture:
        console.print(*facts_tables({"longform": {"base": {"words": 2.0}, "x": {"words": 21.25}}}, 80), sep="\n")
    assert [line.split() for line in capture.get().splitlines()] == [
        ["longform"],
        ["answer"],
        ["length"],
        ["arm", "(words)"],
        ["base", "2.0"],
        ["x", "21.2"],
    ]


def answered(arm: str, *items: str, seed: int | None = 1) -> list[tuple[str, str, int | None, str, str]]:
    return [("longform", arm, seed, item, "Tea.") for item in items]


WRITTEN = pl.DataFrame(
    [
        *answered("base", "a", "b", "c", "d", seed=None),
        *answered("x", "a", "b", "c", "d"),
        *answered("x", "a", "b", "c", "d", seed=2),
        # The baseline has no answer to the last item, so the judge was not asked about it.
        *answered("y", "a", "b", "e"),
        *answered("z", "e"),
    ],
    schema=["benchmark", "arm", "seed", "item", "text"],
    orient="row",
)
WINS = pl.DataFrame(
    [
        *(("judge", "base", None, item, "win_rate", 0.5) for item in "abcd"),
        *(("judge", "x", 1, item, "win_rate", value) for item, value in [("a", 1.0), ("b", 0.5)]),
        *(("judge", "x", 2, item, "win_rate", value) for item, value in [("a", 1.0), ("b", 0.5), ("c", 0.0)]),
        *(("judge", "x", seed, "d", "order_agreement", 1.0) for seed in (1, 2)),
    ],
    schema=["benchmark", "arm", "seed", "item", "metric", "value"],
    orient="row",
)


def test_answers_that_a_judge_was_asked_about_in_vain_are_counted() -> None:
    facts = of_verdicts(WINS, WRITTEN, {"judge": "longform"}, "base")
    # All answers are equally long, so their lengths change nothing about the win rate of 3 in 5.
    assert facts == {"judge": {"x": {"no_verdict": 37.5, "length_controlled": 60.0}, "y": {"no_verdict": 100.0}}}
    assert of_verdicts(WINS, WRITTEN, {}, "base") == {}


def test_too_few_verdicts_are_warned_of() -> None:
    few = {"judge": {"w": {"no_verdict": 19.9}, "x": {"no_verdict": 20.0}, "y": {"no_verdict": 100.0}}}
    assert warnings({"longform": {"w": {"words": 9.0}}} | few) == [
        "judge: no verdict on 20 % (x), 100 % (y) of the answers; a win rate is over the others only."
    ]
    assert warnings({"judge": {"w": {"no_verdict": 19.9}}}) == []


def test_a_judge_of_its_own_texts_is_warned_of(tmp_path: Path) -> None:
    values = put(starter(), "evaluation.judge", {"model": "generator"})
    assert own_judges(parsed(values)) == [
        "evaluation.judge.model: generator is also the generator and the base of the students; a model prefers texts "
        "of its own kind, so let another one judge."
    ]
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(values))
    done = CliRunner().invoke(app, ["check", "--recipe", str(recipe)])
    assert own_judges(parsed(values))[0] in done.output.splitlines()
    assert own_judges(parsed(put(values, "evaluation.judge.model", "embedder"))) == []
    assert own_judges(parsed(starter())) == []


def test_a_leaderboard_has_the_facts_of_its_answers_everywhere(built: tuple[Path, Path]) -> None:
    data = built[1]
    published = store(data).current("leaderboard")
    assert published is not None
    facts = store(data).facts(published)["notes"][BESIDE]
    texts = query(data, "SELECT arm, text FROM records.prediction ORDER BY arm")
    words = {
        str(arm): sum(len(text.split()) for text in part["text"]) / len(part)
        for (arm,), part in texts.group_by("arm", maintain_order=True)
    }
    # The tiny model writes until its budget of 8 tokens ends.
    assert facts == {"longform": {arm: {"words": mean, "cut_off": 100.0} for arm, mean in words.items()}}

    found = study(FileWarehouse(data / "slingshot.duckdb"))
    shown = [[cell.strip() for cell in row.split("\t")] for row in rows_of(page(found))]
    beside = {row[0]: row[-2:] for row in shown if len(row) == 11 and row[7:9] == ["2", "1"]}
    assert beside == {arm: [f"{mean:.1f}", "100.0"] for arm, mean in words.items()}
    assert "answer length (words)" in Reader(page(found)).text

    warehouse = ["--warehouse", str(data)]
    listed = json.loads(CliRunner().invoke(app, ["report", "--json", *warehouse]).output)
    assert {arm["name"]: arm["facts"] for arm in listed} == {arm: {"longform": facts["longform"][arm]} for arm in words}
