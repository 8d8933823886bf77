"""A model that is too small to write a rating still finds one number more likely than another. The measured score must
be the mean under these likelihoods, the kept share must be the best one, and no candidate may get lost."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from assets.generation.methods import back_translation
from assets.generation.methods.back_translation import BackTranslation, Rater, cut_of
from assets.generation.methods.instruction_generation import Text
from assets.generation.rating import NUMBER, SCORES, expected_score
from resources.models.calls import Prompt, TokenLoss
from tests.support.building import build, edit, query
from tests.support.recipes import complaints, parsed, starter
from tests.support.scripted import Refusal, ScriptedWriter, on_text
from warehouse.core.identity import digest
from warehouse.results.result import Result

SETTINGS = BackTranslation(scores="expected", iterations=1, keep=0.5, instruction={"max_new_tokens": 8}, training=None)
SEEDS = pl.DataFrame(schema=dict.fromkeys(("id", "instruction", "input", "response"), pl.String))


class Measured(ScriptedWriter):
    """Gives each number the likelihood listed for the response; a text in place of likelihoods is an error."""

    def __init__(self, likely: dict[str, Sequence[float] | str]) -> None:
        super().__init__(on_text(lambda text: ("", True, None)))
        self.likely = likely

    def losses(self, texts: Sequence[tuple[Prompt, str]], ends: bool = False) -> list[TokenLoss]:
        found = []
        for prompt, target in texts:
            listed = self.likely[prompt.messages[-1][1].split("Answer:\n")[1].split("\n")[0]]
            assert prompt.messages[-1][1].endswith(NUMBER)
            call = digest([prompt.messages, target])
            if isinstance(listed, Refusal):
                found.append(TokenLoss(0.0, 0, call, refusal=listed))
            elif isinstance(listed, str):
                found.append(TokenLoss(0.0, 0, call, error=listed))
            else:
                found.append(TokenLoss(-math.log(listed[int(target) - 1]), 1, call))
        return found


def run(likely: dict[str, Sequence[float] | str], settings: BackTranslation = SETTINGS) -> Result:
    texts = [Text(name, name, ((digest(name), "document"),)) for name in likely]
    backward = ScriptedWriter(on_text(lambda text: (f"What is {text.split()[0]}?", True, None)))

    def untuned(_: object) -> Rater:
        raise AssertionError("one iteration trains nothing")

    return back_translation.generate(texts, SEEDS, settings, backward, Measured(likely), untuned, 7)


@pytest.mark.parametrize(
    ("likely", "score"),
    [
        ((0.2, 0.2, 0.2, 0.2, 0.2), 3.0),
        ((0.0625, 0.0625, 0.0625, 0.0625, 0.75), 4.375),
        # Only the likelihoods of the five numbers count.
        ((0.02, 0.0, 0.0, 0.0, 0.02), 3.0),
    ],
)
def test_a_score_is_the_mean_of_the_numbers_by_their_likelihood(likely: Sequence[float], score: float) -> None:
    losses = [-math.log(one) if one else 1000.0 for one in likely]
    assert expected_score(losses) == pytest.approx(score)
    assert expected_score([loss + 900 for loss in losses]) == pytest.approx(score)


@pytest.mark.parametrize(("keep", "cut"), [(None, 4.0), (1.0, 1.5), (0.5, 3.0), (0.74, 3.0), (0.75, 2.0), (0.01, 4.5)])
def test_a_share_is_the_best_and_never_empty(keep: float | None, cut: float) -> None:
    assert cut_of([3.0, 1.5, 4.5, 2.0], SETTINGS.model_copy(update={"keep": keep})) == cut
    assert cut_of([], SETTINGS.model_copy(update={"keep": keep})) == 4.0


def test_a_share_is_not_short_of_one_by_the_rounding_of_a_product() -> None:
    scores = [1 + number / 100 for number in range(100)]
    assert cut_of(scores, SETTINGS.model_copy(update={"keep": 0.29})) == scores[-29]


def test_the_best_share_is_kept_and_every_candidate_is_decided() -> None:
    result = run(
        {
            "pesto": (0.1, 0.1, 0.1, 0.1, 0.6),
            "rye": (0.6, 0.1, 0.1, 0.1, 0.1),
            "soap": "out of memory",
            "moss": Refusal("the text has 900 tokens, at most 800 fit"),
        }
    )
    response = dict(result.kept.select("id", "response").iter_rows())
    response |= {record: json.loads(content)["response"] for record, content in result.dropped.iter_rows()}
    assert {response[record]: tuple(rest[:2]) for record, *rest in result.decisions.iter_rows()} == {
        "pesto": ("kept", None),
        "rye": ("rejected", "score"),
        "soap": ("failed", "out of memory"),
        "moss": ("rejected", "the text has 900 tokens, at most 800 fit"),
    }
    assert result.incoming == 4
    parents = result.edges.filter(pl.col("child") == result.kept["id"][0])["role"].to_list()
    assert parents.count("rating") == len(SCORES)


def test_settings_that_contradict_each_other_are_errors() -> None:
    key = "generation.back_translation"
    asked = {"instruction": {"max_new_tokens": 8}, "iterations": 1}
    assert complaints((key, asked)) == [f"{key}.rating: found nothing; scores: written needs it"]
    assert complaints((key, asked | {"scores": "expected", "keep": 0.5, "least_score": 3})) == [
        f"{key}.least_score: found 3.0; {key}.keep replaces it; remove one of the two"
    ]
    assert back_translation.METHOD.most is not None
    found = back_translation.METHOD.most(SETTINGS, parsed(starter()))
    assert (found.rows, found.calls) == (120, 120 * 6)


def test_a_build_keeps_the_best_and_knows_which_model_rated(tiny: Path, tmp_path: Path) -> None:
    """The rater that is trained in between is not an asset. Its ratings must still lead back to its base model, or no
    build would accept its rows as open."""
    training = {"epochs": 1, "learning_rate": 0.01, "rank": 2, "alpha": 4, "batch_size": 2, "max_tokens": 128}
    asked = {"count": 6, "scores": "expected", "keep": 0.5, "instruction": {"max_new_tokens": 24}}
    edit(tiny, lambda recipe: recipe["generation"].update(back_translation=asked | {"training": training}))
    _, failures = build(tiny, tmp_path / "data", "+raw_back_translation")
    assert failures == []
    kept = query(tmp_path / "data", "SELECT id FROM raw_back_translation")["id"].to_list()
    assert kept
    (training_call,) = query(
        tmp_path / "data",
        "SELECT key FROM memo.calls ANTI JOIN records.checkpoint ON key = training WHERE kind = 'training'",
    )["key"]
    behind = query(tmp_path / "data", f"FROM lineage.ancestors('{kept[0]}')").rows()
    ratings = {parent for child, parent, role in behind if child == kept[0] and role == "rating"}
    models = query(tmp_path / "data", "SELECT id FROM lineage.models WHERE name = 'generator'")["id"].to_list()
    assert len(ratings) == 2 * len(SCORES)
    assert {parent for child, parent, role in behind if child in ratings and role == "model"} == {
        training_call,
        *models,
    }
    assert (training_call, models[0], "model") in behind
