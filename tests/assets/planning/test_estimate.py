"""People ask for an estimate before they rent hardware. It must list what it cannot count and the errors that a build
would stop at. Otherwise they believe a sum in which a part is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from assets.planning.estimate import estimate
from assets.planning.graph import steps
from assets.planning.planned import Certainty, Planned
from assets.reporting.tables import estimate_summary
from assets.steps.step import Step
from slingshot import app
from tests.support.building import edit
from tests.support.recipes import parsed, put, starter

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
    assert estimate_summary([stage], None, None).endswith(f"; not counted: students/{ARM}")


def test_a_training_is_counted_over_the_most_rows_that_may_be_kept() -> None:
    (stage,) = training(Planned(f"training_sets/{ARM}", "stale", rows=80))
    assert (stage.trainings, stage.trained, stage.uncounted) == (1, 64 * 256, ())


def test_hours_come_with_what_they_leave_out() -> None:
    (stage,) = training(Planned(f"training_sets/{ARM}", "stale", rows=64))
    assert estimate_summary([stage], None, 4.0) == (
        "at most 0 completions with 0 tokens, and 1 training over 16,384 tokens (1.1 hours at 4 tokens a second); "
        "the hours leave out prompts, losses and embeddings"
    )
    assert "leave out" not in estimate_summary([stage], None, None)


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
    assert shown.endswith("not counted: " + ", ".join(f"scores/lm_eval/{arm}" for arm in arms)), shown
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
