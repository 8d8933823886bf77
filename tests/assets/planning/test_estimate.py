"""People ask for an estimate before they rent hardware. It must list what it cannot count and the errors that a build
would stop at. Otherwise they believe a sum in which a part is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from assets.planning.estimate import Stage, estimate
from assets.planning.graph import steps
from assets.planning.hours import GIVEN, INCLUDED, MEASURED, Given, work
from assets.planning.planned import Certainty, Planned
from assets.reporting.tables import estimate_summary, hours_summary
from assets.steps.step import Step
from slingshot import app
from tests.support.building import edit
from tests.support.recipes import parsed, put, starter
from warehouse.store.rates import Speed

ARM = "self_training"


def check(recipe: Path, *arguments: str, code: int = 0) -> str:
    done = CliRunner(env={"SLINGSHOT_RECIPE": str(recipe)}).invoke(app, ["check", "--cost", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def training(examples: Planned) -> list[Any]:
    """The training stage of one arm of the starter, if its training set is planned as `examples`."""
    found: dict[str, Step] = {step.asset: step for step in steps(parsed(starter()))}
    drawn, student = found[f"training_sets/{ARM}"], found[f"students/{ARM}"]
    planned = [examples, Planned(student.asset, "waiting", certainty=Certainty.BOUNDED, most_rows=1, calls=1)]
    return [stage for stage in estimate([drawn, student], planned) if stage.name == "training"]


def test_a_training_on_an_unknown_number_of_examples_is_listed_as_uncounted() -> None:
    (stage,) = training(Planned(f"training_sets/{ARM}", "waiting", certainty=Certainty.UNBOUNDED))
    assert (stage.trainings, stage.trained, stage.uncounted) == (0, 0, (f"students/{ARM}",))
    assert estimate_summary([stage]).endswith(f"; not counted: students/{ARM}")


def test_a_training_is_counted_over_the_most_rows_that_may_be_kept() -> None:
    (stage,) = training(Planned(f"training_sets/{ARM}", "stale", rows=80))
    assert (stage.trainings, stage.trained, stage.uncounted) == (1, 64 * 256, ())


STAGE = Stage("all", 9, 10, 7_200, 3_600, 1_800, 1, 36_000, ())


def lines(given: Given, measured: dict[str, Speed]) -> list[tuple[str, int | None, str | None, float | None]]:
    return [(one.name, one.at_most, one.rate, one.hours) for one in work([STAGE], given, measured)]


def test_given_rates_give_hours_and_each_unknown_one_is_named() -> None:
    given = Given(tokens=2.0, losses=0.5, trained=10.0)
    assert lines(given, {}) == [
        ("tokens written", 7_200, GIVEN, 1.0),
        ("tokens of prompts", None, None, None),
        ("losses", 3_600, GIVEN, 2.0),
        ("embeddings", 1_800, None, None),
        ("tokens trained", 36_000, GIVEN, 1.0),
    ]
    assert hours_summary(work([STAGE], given, {})) == (
        "at most 4.0 hours at these rates; without tokens of prompts (--prompt-tokens and --prompts-per-second), "
        "embeddings (--embeddings-per-second), which are not known"
    )
    assert hours_summary(work([STAGE], Given(), {})).startswith("hours are not known without rates: tokens written (")


def test_prompts_count_with_their_mean_length() -> None:
    given = Given(2.0, prompt_tokens=720.0, prompts=1.0, losses=0.5, embeddings=5.0, trained=10.0)
    assert ("tokens of prompts", 7_200, GIVEN, 2.0) in lines(given, {})
    assert hours_summary(work([STAGE], given, {})) == "at most 6.1 hours at these rates"


def test_rates_of_the_warehouse_count_where_none_is_given() -> None:
    """The time of a measured completion includes its prompt, so prompts must not count twice."""
    measured = {kind: Speed(1.0, 5) for kind in ("completion", "loss", "embedding")}
    assert lines(Given(losses=2.0, prompts=1.0), measured) == [
        ("tokens written", 7_200, MEASURED, 2.0),
        ("tokens of prompts", None, INCLUDED, None),
        ("losses", 3_600, GIVEN, 0.5),
        ("embeddings", 1_800, MEASURED, 0.5),
        ("tokens trained", 36_000, None, None),
    ]
    found = work([STAGE], Given(), measured)
    assert hours_summary(found).endswith("; without tokens trained (--trained-per-second), which are not known")


def test_work_that_there_is_none_of_has_no_line() -> None:
    (stage,) = training(Planned(f"training_sets/{ARM}", "stale", rows=64))
    assert [one.name for one in work([stage], Given(), {})] == ["tokens trained"]
    assert hours_summary(work([], Given(), {})) == "no model is called"


def test_losses_and_embeddings_are_counted_apart() -> None:
    found: dict[str, Step] = {step.asset: step for step in steps(parsed(starter()))}
    chosen = [found[name] for name in (f"quality/{ARM}", "instruction_embeddings/self_instruct")]
    planned = [Planned(step.asset, "stale", calls=calls) for step, calls in zip(chosen, (40, 3), strict=True)]
    assert [(one.losses, one.embeddings) for one in estimate(chosen, planned)] == [(40, 3)]


def test_check_takes_rates_from_a_warehouse_in_which_the_models_were_called(built: tuple[Path, Path]) -> None:
    recipe, data = built
    there, none = (
        check(recipe, "--warehouse", str(folder), "--json") for folder in (data, recipe.parent / "no warehouse")
    )
    rates = [{one["name"]: one["rate"] for one in json.loads(found)["work"]} for found in (there, none)]
    names = ("tokens written", "losses", "embeddings", "tokens trained")
    assert rates[0] == {**dict.fromkeys(names, MEASURED), "tokens of prompts": INCLUDED}
    assert rates[1] == dict.fromkeys(rates[0])
    assert not (recipe.parent / "no warehouse").exists()


def test_questions_of_items_that_are_not_built_are_listed_as_uncounted(tmp_path: Path) -> None:
    """Only the task of the harness knows how many questions it makes of a document."""
    values = put(starter(), "evaluation.lm_eval", {"task": "arc_easy", "metrics": ["acc", "acc_norm"]})
    fields = {"instruction": "{title}", "details": "{*:json}"}
    item = {"benchmark": "lm_eval", "source": "wikipedia_leads", "slice": [80, 90], "count": 5, "fields": fields}
    values["benchmark_items"][1]["slice"] = [90, 100]
    values["benchmark_items"].append(item)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(values))
    arms = (*sorted(values["arms"]), "base")
    shown = " ".join(check(recipe).split())
    assert "; not counted: " + ", ".join(f"scores/lm_eval/{arm}" for arm in arms) + " hours are " in shown, shown
    most = {step.asset: step.most for step in steps(parsed(values))}
    assert {(one.rows, one.calls) for asset, one in most.items() if one and asset.startswith("scores/lm_eval")} == {
        (5 * 2, None)
    }


@pytest.mark.parametrize("pinned", [True, False])
def test_the_errors_of_a_build_are_shown(pinned: bool, tiny: Path) -> None:
    def change(recipe: dict[str, Any]) -> None:
        recipe["curation"]["rows"] = 13
        if not pinned:
            recipe["sources"]["rows"]["sha256"] = "unpinned"

    edit(tiny, change)
    lines = check(tiny, code=1).splitlines()
    assert [line.strip().split(" (line")[0] for line in lines if "curation.rows: found" in line] == [
        f"curation.rows: found 13; arm '{arm}' has at most 12 pairs, curation.rows asks for 13: 1 are missing; "
        "generate more, loosen a filter, or lower curation.rows"
        for arm in ("self_training", "filtered_extract_then_generate")
    ]


def test_a_missing_source_is_a_problem_of_the_recipe(tiny: Path) -> None:
    (tiny.parent / "rows.jsonl").unlink()
    done = CliRunner().invoke(app, ["check", "--cost", "--recipe", str(tiny)])
    assert done.exit_code == 1
    assert f"sources.rows.address: found 'path:{tiny.parent}/rows.jsonl'; cannot fetch " in done.output
