"""An estimate is asked for before hardware is hired. What it cannot count it must name, and what a build would fail at
it must say: a sum that silently lacks a part is believed."""

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


def check(recipe: Path, *arguments: str) -> str:
    done = CliRunner(env={"SLINGSHOT_RECIPE": str(recipe)}).invoke(app, ["check", "--cost", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def training(examples: Planned) -> list[Any]:
    """The stage of the training of an arm of the starter, whose training set is planned as `examples`."""
    found: dict[str, Step] = {step.asset: step for step in steps(parsed(starter()))}
    drawn, student = found[f"training_sets/{ARM}"], found[f"students/{ARM}"]
    planned = [examples, Planned(student.asset, "wait", certainty=Certainty.BOUNDED, most_rows=1, calls=1)]
    return [stage for stage in estimate([drawn, student], planned) if stage.name == "training"]


def test_a_training_over_no_known_example_is_not_counted_as_one_over_none() -> None:
    (stage,) = training(Planned(f"training_sets/{ARM}", "wait", certainty=Certainty.UNBOUNDED))
    assert (stage.trainings, stage.trained, stage.uncounted) == (0, 0, (f"students/{ARM}",))
    assert estimate_summary([stage], None, None).endswith(f"; not counted: students/{ARM}")


def test_a_training_goes_through_the_rows_that_are_kept_at_most() -> None:
    (stage,) = training(Planned(f"training_sets/{ARM}", "build", rows=80))
    assert (stage.trainings, stage.trained, stage.uncounted) == (1, 64 * 256, ())


def test_hours_say_what_they_leave_out() -> None:
    (stage,) = training(Planned(f"training_sets/{ARM}", "build", rows=64))
    assert estimate_summary([stage], None, 4.0) == (
        "at most 0 completions with 0 tokens, and 1 training over 16,384 tokens (1.1 hours at 4 tokens a second); "
        "the hours leave out prompts, losses and embeddings"
    )
    assert "leave out" not in estimate_summary([stage], None, None)


def test_questions_of_items_that_are_not_there_yet_are_not_counted_as_none(tmp_path: Path) -> None:
    """How many questions a document makes, the task of the harness alone knows."""
    values = put(starter(), "evaluation.lm_eval", {"task": "arc_easy", "metrics": ["acc", "acc_norm"]})
    fields = {"instruction": "{title}", "details": "{*:json}"}
    item = {"benchmark": "lm_eval", "source": "wikipedia_leads", "slice": [80, 90], "count": 5, "fields": fields}
    values["benchmark_items"][1]["slice"] = [90, 100]
    values["benchmark_items"].append(item)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(values))
    arms = (*sorted(values["arms"]), "base")
    told = " ".join(check(recipe).split())
    assert told.endswith("not counted: " + ", ".join(f"scores/lm_eval/{arm}" for arm in arms)), told
    most = {step.asset: step.most for step in steps(parsed(values))}
    assert {(one.rows, one.calls) for asset, one in most.items() if one and asset.startswith("scores/lm_eval")} == {
        (5 * 2, None)
    }


@pytest.mark.parametrize("pinned", [True, False])
def test_what_a_build_would_fail_at_is_told(pinned: bool, tiny: Path) -> None:
    def change(recipe: dict[str, Any]) -> None:
        recipe["curation"]["rows"] = 13
        if not pinned:
            recipe["sources"]["rows"]["sha256"] = "unpinned"

    edit(tiny, change)
    failing = [line for line in check(tiny).splitlines() if line.startswith("a build would fail at")]
    assert failing == [
        f"a build would fail at training_sets/{arm}: arm '{arm}' has at most 12 pairs, curation.rows asks for 13: "
        "1 are missing; generate more, loosen a filter, or lower curation.rows"
        for arm in ("self_training", "instruction_generation", "filtered_extract_then_generate")
    ]


def test_a_source_that_is_not_there_is_told(tiny: Path) -> None:
    (tiny.parent / "rows.jsonl").unlink()
    told = check(tiny)
    assert f"a build would fail at benchmark_items: cannot fetch path:{tiny.parent}/rows.jsonl: no file " in told
