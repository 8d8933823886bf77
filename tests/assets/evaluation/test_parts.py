"""Students trained on articles of Wikipedia were better on items from Wikipedia and nowhere else, and one mean over all
items hid it. The means by part must be those of the items of each part, and the parts those on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from assets.building.materialize import materialize, publish
from assets.evaluation.leaderboard import BY_PART
from assets.evaluation.parts import OTHERS, Parts, by_details, means_by_part, parts_of
from assets.loading.bench import workbench
from assets.loading.file import load_recipe
from assets.openness.rules import Terms
from assets.planning.graph import steps
from assets.reporting.page import page
from assets.reporting.score_tables import parts_tables
from assets.reporting.study import study
from resources.tools.tools import Tools
from slingshot import app
from tests.assets.reporting.test_report import rows_of
from tests.assets.reporting.test_standings import row
from tests.support.building import edit, query, store
from tests.support.recipes import complaints, parsed, put, starter
from warehouse.store.file_warehouse import FileWarehouse

PART_OF = {"a": "recipes", "b": "recipes", "c": "articles", "d": "articles"}
SCALES = {("longform", "rouge_l"): 100.0, ("perplexity", "loss"): 1.0}


def scores(
    *rows: tuple[str, str, int | None, float], metric: tuple[str, str] = ("longform", "rouge_l")
) -> pl.DataFrame:
    return pl.DataFrame(
        [(*metric, *one) for one in rows],
        schema=["benchmark", "metric", "arm", "item", "seed", "value"],
        schema_overrides={"seed": pl.Int64, "value": pl.Float64},
        orient="row",
    )


def test_a_part_has_the_mean_of_its_items_and_trainings_count_together() -> None:
    found = means_by_part(
        pl.concat(
            [
                scores(("base", "a", None, 0.25), ("base", "b", None, 0.75), ("base", "c", None, 0.5)),
                # Item a was scored for two trainings and b for one; each item counts once.
                scores(("x", "a", 1, 0.0), ("x", "a", 2, 0.5), ("x", "b", 1, 0.75), ("y", "d", 1, 1.0)),
                scores(("base", "a", None, 2.5), ("base", "c", None, 3.0), metric=("perplexity", "loss")),
            ]
        ),
        PART_OF,
        SCALES,
    )
    assert found == {
        "longform/rouge_l": {
            "items": {"articles": 2, "recipes": 2},
            "means": {
                "base": {"articles": 50.0, "recipes": 50.0},
                "x": {"recipes": 50.0},
                "y": {"articles": 100.0},
            },
        },
        "perplexity/loss": {
            "items": {"articles": 1, "recipes": 1},
            "means": {"base": {"articles": 3.0, "recipes": 2.5}},
        },
    }


def test_one_part_is_not_shown_and_items_without_a_part_are_left_out() -> None:
    assert (
        means_by_part(scores(("x", "a", 1, 0.5), ("x", "b", 1, 0.5), ("x", "unknown", 1, 0.5)), PART_OF, SCALES) == {}
    )
    assert means_by_part(scores(), PART_OF, SCALES) == {}


def test_only_the_largest_parts_stand_alone() -> None:
    part_of = {f"{part}-{item}": f"p{part:02}" for part in range(22) for item in range(1 if part in (3, 7) else 2)}
    found = means_by_part(scores(*(("x", item, 1, 0.5) for item in part_of)), part_of, SCALES)["longform/rouge_l"]
    assert len(found["items"]) == 21
    assert found["items"][OTHERS] == 2
    assert not {"p03", "p07"} & found["items"].keys()
    assert set(found["means"]["x"].values()) == {50.0}


def test_the_part_is_the_source_or_what_the_details_say() -> None:
    origins = pl.DataFrame(
        [("a", "longform", "C4", "rows"), ("b", "ifeval", "{}", "prompts")],
        schema=["id", "benchmark", "details", "source"],
        orient="row",
    )
    assert parts_of(origins, []) == {"a": "rows", "b": "prompts"}
    assert parts_of(origins, ["longform"]) == {"a": "C4", "b": "prompts"}


def test_details_are_needed_where_they_tell_the_parts_apart() -> None:
    values = put(starter(), "evaluation.longform.parts", "details")
    for index in (0, 1):
        values["benchmark_items"][index]["fields"]["details"] = "{title}"
    assert by_details(parsed(values)) == ["longform"]
    assert by_details(parsed(starter())) == []
    assert complaints(("evaluation.longform.parts", "details")) == [
        f"evaluation.longform.parts: found 'details'; benchmark_items.{index}.fields needs a template for details"
        for index in (0, 1)
    ]


def test_the_default_changes_no_slice() -> None:
    plain, named = parsed(starter()), parsed(put(starter(), "evaluation.longform.parts", "source"))
    assert [step.slice for step in steps(plain)] == [step.slice for step in steps(named)]
    assert all("parts" not in str(step.slice) for step in steps(plain))


def test_each_metric_has_a_table_with_its_parts() -> None:
    parts: Parts = {
        "b/m": {"items": {"C4": 3, "Wiki [x]": 1}, "means": {"base": {"C4": 5.0}, "x": {"C4": 6.0, "Wiki [x]": 7.5}}},
        "b/n": {"items": {"C4": 3, "Wiki [x]": 1}, "means": {"x": {"C4": 1.0}}},
        "c/m": {"items": {"one": 1, "two": 1}, "means": {"x": {"one": 2.0}}},
    }
    standings = pl.DataFrame(
        [row("x", "m"), row("x", "n"), row("x", "m") | {"benchmark": "c", "unit": "nats"}], infer_schema_length=None
    )
    console = Console(width=200)
    with console.capture() as capture:
        console.print(*parts_tables(parts, standings, 80), sep="\n")
    assert [" ".join(line.split()) for line in capture.get().splitlines() if line.strip()] == [
        "b/m by part, in %",
        "Wiki",
        "C4 [x]",
        "arm (3) (1)",
        "base 5.00",
        "x 6.00 7.50",
        "b/n by part, in %",
        "Wiki",
        "C4 [x]",
        "arm (3) (1)",
        "x 1.00",
        "c/m by part, in nats",
        "one two",
        "arm (1) (1)",
        "x 2.000",
    ]


def test_a_leaderboard_has_the_means_of_the_parts_on_record(own: tuple[Path, Path]) -> None:
    recipe, data = own
    edit(recipe, with_details)
    loaded = load_recipe(recipe)
    with FileWarehouse(data / "slingshot.duckdb").write() as connection:
        connection.execute("UPDATE records.benchmark_item SET details = 'part ' || left(id, 2)")
    board = next(step for step in steps(loaded) if step.asset == "leaderboard")
    bench = workbench(loaded, data, recipe.parent, None)
    made = materialize(board, Tools(bench), 0, Terms(loaded.policy.licences))
    publish(bench.store, made, "run")
    published = store(data).current("leaderboard")
    assert published is not None
    notes = store(data).facts(published)["notes"]
    expected = query(
        data,
        "SELECT s.metric, s.arm, i.details AS part, 100 * avg(value) AS mean FROM records.score s "
        "JOIN records.benchmark_item i ON i.id = s.item GROUP BY ALL",
    )
    found = [
        (name.split("/")[1], arm, part, pytest.approx(mean))
        for name, one in notes[BY_PART].items()
        for arm, means in one["means"].items()
        for part, mean in means.items()
    ]
    assert sorted(expected.rows()) == sorted(found, key=lambda one: one[:3])
    assert len(found) == 2 * 5 * 2

    shown = CliRunner().invoke(app, ["status", "--recipe", str(recipe), "--warehouse", str(data)]).output
    lines = shown.splitlines()
    below = lines[lines.index("longform/rouge_l by part, in %") :]
    (first, *_) = [place for place, line in enumerate(below, 1) if line.startswith("arm")]
    assert sorted(line.split()[0] for line in below[first : first + 5]) == sorted(["base", *loaded.arms])
    reported = study(FileWarehouse(data / "slingshot.duckdb"))
    assert {len(arm.parts["longform/rouge_l"]) for arm in reported.arms} == {2}
    heads = [line for line in rows_of(page(reported)) if "(1)" in line]
    assert len(heads) == 2
    assert all(part in heads[0] for part in expected["part"].unique())


def with_details(values: dict[str, Any]) -> None:
    put(values, "evaluation.longform.parts", "details")
    put(values, "benchmark_items.0.fields.details", "{title}")
