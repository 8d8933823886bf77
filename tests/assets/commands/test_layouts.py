"""People read these tables in a terminal of 80 columns and in logs. Every line must fit, and no name may lose the end
that tells it from another. Numbers are masked, since a random model's rows differ between processors."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slingshot import app
from tests.support.building import edit

NUMBERS = re.compile(r" *[-+<≤]? ?\b\d[\d.,]*(?= |\*|,|$|\))")


def printed(*words: str, recipe: Path, data: Path, code: int = 0, **environment: str) -> str:
    """What a command prints, by default at 80 columns."""
    settings = {"SLINGSHOT_RECIPE": str(recipe), "SLINGSHOT_WAREHOUSE": str(data), "COLUMNS": "80"}
    done = CliRunner().invoke(app, words, env=settings | environment)
    assert (done.exit_code, done.stderr) == (code, ""), done.output
    return done.stdout


def masked(text: str, data: Path) -> list[str]:
    """The lines with # for each number, and without trailing spaces."""
    return [NUMBERS.sub(" #", line).rstrip() for line in text.replace(str(data), "DATA").splitlines()]


@pytest.fixture
def edited(built: tuple[Path, Path], tmp_path: Path) -> Path:
    recipe = Path(shutil.copy(built[0], tmp_path / "recipe.yaml"))
    edit(recipe, lambda values: values["curation"].update(rows=3))
    return recipe


def test_status_is_arms_by_steps_methods_by_steps_and_the_rest(built: tuple[Path, Path]) -> None:
    text = printed("status", recipe=built[0], data=built[1])
    headline, blank, below = text.partition("\n\n")
    assert re.fullmatch(r"44 of 44 assets built in \S+ \(\d+\.\d MiB\), all fresh", " ".join(headline.split()))
    lines = masked(blank[1:] + below, built[1])
    shown = next(place for place, line in enumerate(lines) if line.startswith("last builds: sources # s, generation "))
    # A step of more than a minute is shown in minutes.
    assert re.sub(r"(?<=built in )[^,\n]+", "# s", "\n".join(lines[:shown])) == STATUS
    assert lines[-1] == "next: slingshot export self_training --to exports"


STATUS = """\

                                                   training
arm                             enhanced  diverse       set  quality  student
self_training # # # # #
self_instruct # # # # #
instruction_generation # # # # #
filtered_extract_then_generate # # # # #

                                longform  longform
arm                              answers    scores
self_training # #
self_instruct # #
instruction_generation # #
filtered_extract_then_generate # #
base # #

method                  pairs  embeddings  perplexities
extract_then_generate # # #
instruction_generation # #
self_instruct # #
self_training #

asset            kept  dropped  last build
benchmark_items # #  built in # s
seed_tasks # #  built in # s
documents # #  built in # s
backward_model #           built in # s, # call
fragments #           built in # s, # calls
leaderboard #           built in # s
"""


def test_status_shows_quality_and_leaderboard_in_columns_that_fit(built: tuple[Path, Path]) -> None:
    lines = masked(printed("status", recipe=built[0], data=built[1]), built[1])
    start = lines.index("generator writes with transformers, float32 on cpu")
    lines = [re.sub(r"  (?:[\w →]+ # %(?:, )?)+$", "  LANGUAGES", line) for line in lines]
    assert "\n".join(lines[start + 2 : -2]) == BELOW


BELOW = """\
                                                         gain
                                R@ #        generic  (nats per  unhelpful
training set                    (%)   MRR      (%)     token)        (%)
self_training # # # # #
self_instruct # # # # #
instruction_generation # # # # #
filtered_extract_then_generate # # # # #

                                             same          instruction  response
                                distinct  opening  copied        words     words
training set                         (%)      (%)     (%)      (words)   (words)
self_training # # # # #
self_instruct # # # # #
instruction_generation # # # # #
filtered_extract_then_generate # # # # #

training set                    languages
self_training  LANGUAGES
self_instruct  LANGUAGES
instruction_generation  LANGUAGES
filtered_extract_then_generate  LANGUAGES

longform/meteor_exact_stem ↑ in %, # items, # seed
arm                             mean   difference, interval  verdict
base #                         baseline
filtered_extract_then_generate # # # to #  within the noise
instruction_generation # # # to #  within the noise
self_instruct # # # to #  within the noise
self_training # # # to #  within the noise

longform/rouge_l ↑ in %, # items, # seed
arm                             mean   difference, interval  verdict
base #                         baseline
filtered_extract_then_generate # # # to #  within the noise
instruction_generation # # # to #  within the noise
self_instruct # # # to #  within the noise
self_training # # # to #  within the noise

longform
                                 answer    cut
                                 length    off
arm                             (words)    (%)
base # #
filtered_extract_then_generate # #
instruction_generation # #
self_instruct # #
self_training # #

Verdicts and intervals of differences are adjusted over # arms, and not over
metrics.
Trained once: filtered_extract_then_generate, instruction_generation,
self_instruct, self_training; the intervals do not cover the variation between
trainings."""


def test_what_is_not_fresh_is_marked(built: tuple[Path, Path], edited: Path, tmp_path: Path) -> None:
    text = printed("status", recipe=edited, data=built[1])
    assert " ".join(text.split("\n\n")[0].split()).endswith(": 23 fresh, 4 stale, 17 waiting")
    lines = text.splitlines()
    (row,) = [line for line in lines if line.startswith("self_training ")][:1]
    assert re.fullmatch(r"self_training +\d+ +\d+ +2\* +\d+\* +1\*", row)
    assert "* not fresh" in lines
    assert lines[-1] == "next: slingshot plan"
    empty = printed("status", recipe=edited, data=tmp_path / "none").splitlines()
    assert " ".join(" ".join(empty[: empty.index("")]).split()) == f"0 of 44 assets built in {tmp_path}/none (0.0 MiB)"
    assert "– not built" in empty
    assert empty[-1] == "next: slingshot build"


def test_a_plan_shows_changes_first_and_counts_the_rest(built: tuple[Path, Path], edited: Path) -> None:
    text = printed("plan", recipe=edited, data=built[1])
    lines = [re.sub(r"\d+ calls from the memo", "# calls from the memo", line) for line in masked(text, built[1])]
    assert lines[:5] == [
        "state    asset                                            rows   calls      time",
        "stale    training_sets/self_training #",
        "           curation.rows # → #",
        "stale    training_sets/self_instruct #",
        "           curation.rows # → #",
    ]
    assert [line.split()[:2] for line in lines if line.startswith("waiting")][-4:] == [
        ["waiting", "scores/longform/instruction_generation"],
        ["waiting", "predictions/…/filtered_extract_then_generate"],
        ["waiting", "scores/longf…/filtered_extract_then_generate"],
        ["waiting", "leaderboard"],
    ]
    assert "fresh    " not in text
    assert lines[-1] == "next: slingshot build"
    assert " ".join(text.split()).count("44 assets: 23 fresh, 12 stale, 9 waiting; at most ") == 1


def test_the_ledger_has_names_in_full_and_reasons_below(built: tuple[Path, Path]) -> None:
    lines = printed("ledger", recipe=built[0], data=built[1]).splitlines()
    assert lines[:9] == [
        "asset                                                  in  kept",
        "benchmark_items                                       120     2",
        "    118 rejected: 107 outside the slice; 11 not sampled",
        "documents                                             120    12",
        "    108 rejected: 60 outside the slice; 48 not sampled",
        "predictions/longform/base                               2     2",
        "seed_tasks                                            120    12",
        "    108 rejected: 73 outside the slice; 35 not sampled",
        "backward_model                                          1     1",
    ]
    assert sum(line.startswith("predictions/longform/filtered_extract_then_generate ") for line in lines) == 1
    assert lines[-1] == "44 assets: every row that came in was decided about once"


def test_the_cost_has_a_line_for_each_stage(built: tuple[Path, Path]) -> None:
    lines = printed("check", "--cost", recipe=built[0], data=built[1]).splitlines()
    assert [line.rstrip() for line in lines[3:20]] == [
        "                                   tokens",
        "stage        assets  completions  written  losses  embeddings  trainings",
        "sources           3",
        "generation        4         ≤ 64  ≤ 1,536                            ≤ 1",
        "enhancement       7         ≤ 17    ≤ 328    ≤ 12",
        "curation         15                          ≤ 32        ≤ 40",
        "training          4                                                  ≤ 4",
        "evaluation       11         ≤ 10     ≤ 80",
        "",
        "              tokens",
        "stage        trained",
        "generation   ≤ 1,536",
        "training     ≤ 1,024",
        "",
        "at most 91 completions with 1,944 tokens, 44 losses, 40 embeddings, and 5",
        "trainings over 2,560 tokens",
        "",
    ]


def test_hours_have_a_line_for_each_kind_of_work(built: tuple[Path, Path]) -> None:
    given = ("--tokens-per-second", "0.4", "--prompt-tokens", "100", "--losses-per-second", "2000")
    text = printed("check", "--cost", *given, recipe=built[0], data=built[1] / "none")
    assert [line.rstrip() for line in text.splitlines()[20:]] == [
        "work               at most  per second   hours  rate",
        "tokens written       1,944         0.4     1.4  given",
        "tokens of prompts    9,100                      not known",
        "losses                  44       2,000  < 0.01  given",
        "embeddings              40                      not known",
        "tokens trained       2,560                      not known",
        "",
        "at most 1.4 hours at these rates; without tokens of prompts",
        "(--prompts-per-second), embeddings (--embeddings-per-second), tokens trained",
        "(--trained-per-second), which are not known",
    ]


@pytest.mark.parametrize("command", ["status", "plan --all", "ledger", "audit"])
def test_no_line_is_wider_than_the_terminal(command: str, built: tuple[Path, Path], edited: Path) -> None:
    for width in (80, 100):
        text = printed(*command.split(), recipe=edited, data=built[1], COLUMNS=str(width))
        wide = [line for line in text.splitlines() if len(line) > width and str(built[1]) not in line]
        assert wide == []


def test_a_pipe_without_columns_has_a_width_of_its_own_and_no_colours(built: tuple[Path, Path], edited: Path) -> None:
    text = printed("status", recipe=edited, data=built[1], COLUMNS="")
    assert "arm                             mean      interval   difference, interval  verdict" in text
    assert "\x1b" not in text
