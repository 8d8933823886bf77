"""Methods whose responses the model writes can have several of each. These tests check for each of these methods that
the best complete response is kept and every other stays on record, that a single one is asked for as before, and that
one more costs only its own calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.generation.candidates import NOT_CHOSEN
from assets.generation.method import methods
from assets.generation.methods import evol_instruct, magpie, self_instruct, self_training, unnatural_instructions
from assets.recipe.filters import Heuristics
from assets.recipe.parts import CandidatesPart
from resources.models.calls import Prompt
from tests.support.building import build, edit, planned, query
from tests.support.recipes import complaints
from tests.support.scripted import ScriptedWriter
from warehouse.core.identity import digest
from warehouse.results.result import Result
from warehouse.results.validation import validated

SEEDS = pl.DataFrame([{"id": digest("seed"), "instruction": "How do I make Pesto?", "input": "", "response": "Oil."}])
NEW = "Name three rivers that flow through Genoa."
LENGTHS = {"max_new_tokens": 64, "temperature": 0.7}
SETTINGS: dict[str, dict[str, Any]] = {
    "self_training": {"count": 1, "response": LENGTHS},
    "self_instruct": {"calls": 1, "rounds": 1, "most": 1, "instruction": LENGTHS, "response": LENGTHS},
    "unnatural_instructions": {"calls": 1, "paraphrases": 1, "task": LENGTHS, "response": LENGTHS},
    "evol_instruct": {"count": 1, "rounds": 1, "judge": False, "instruction": LENGTHS, "response": LENGTHS},
    "magpie": {"count": 1, "pre_query": "User:", "instruction": LENGTHS, "response": LENGTHS},
}
GENERATE: dict[str, Callable[..., Result]] = {
    "self_training": self_training.generate,
    "self_instruct": self_instruct.generate,
    "unnatural_instructions": unnatural_instructions.generate,
    "evol_instruct": evol_instruct.generate,
    "magpie": lambda seeds, settings, model, seed, rules: magpie.generate(settings, model, seed, rules),
}
GOOD = "They are the Bisagno, the Polcevera and the Sturla."
RESPONSES = ["Cut off in the", "As an AI language model, I cannot help.", GOOD, "Basil. Oil."]


class Answering(ScriptedWriter):
    """Writes new instructions, and to each question the responses in their order; the first is cut off."""

    def __init__(self) -> None:
        super().__init__(self.reply)
        self.answered: list[Prompt] = []

    def reply(self, prompt: Prompt) -> tuple[str, bool, str | None]:
        question = prompt.text or prompt.messages[0][1]
        if question.startswith("Say this"):
            return "Which three rivers does Genoa have?", True, None
        if prompt.text or question.startswith("Here is a prompt"):
            return f" {NEW}", True, None
        self.answered.append(prompt)
        number = len(self.answered) - 1
        return RESPONSES[number], number > 0, None


def run(method: str, **more: Any) -> tuple[Result, Answering]:
    settings, model = methods()[method].settings.model_validate(SETTINGS[method] | more), Answering()
    assert isinstance(settings, CandidatesPart)
    return validated(GENERATE[method](SEEDS, settings, model, 7, Heuristics())), model


def outcomes(result: Result) -> dict[str, tuple[str, str | None, float | None]]:
    response = dict(result.kept.select("id", "response").iter_rows())
    response |= {record: json.loads(content)["response"] for record, content in result.dropped.iter_rows()}
    found = result.decisions.select("record", "outcome", "reason", "score")
    return {response[record]: tuple(rest) for record, *rest in found.iter_rows()}  # type: ignore[misc]


@pytest.mark.parametrize("method", SETTINGS)
def test_the_best_response_is_kept_and_the_others_stay_on_record(method: str) -> None:
    result, _ = run(method, candidates=4, choose="rules")
    kept = result.kept["response"].to_list()
    assert set(kept) == {GOOD}
    assert len(kept) == (2 if method == "unnatural_instructions" else 1)  # the paraphrase has the same response
    dropped = outcomes(result)
    assert dropped[RESPONSES[1]] == ("rejected", NOT_CHOSEN, 0.0)
    assert dropped[RESPONSES[3]] == ("rejected", NOT_CHOSEN, 0.0)  # "Basil. Oil." is too short
    assert dropped[""] == ("rejected", "no whole sentence", None)
    assert len(result.decisions) == result.incoming == 4 + (method == "unnatural_instructions")


@pytest.mark.parametrize("method", SETTINGS)
def test_the_first_complete_response_is_chosen_and_the_first_is_asked_for_as_a_single_one(method: str) -> None:
    single, asked = run(method)
    assert single.kept.is_empty()
    result, several = run(method, candidates=3, choose="first")
    assert set(result.kept["response"]) == {RESPONSES[1]}
    assert several.answered[0] == asked.answered[0]
    assert len({prompt.seed for prompt in several.answered}) == 3
    assert len({prompt.messages for prompt in several.answered}) == 1


def test_an_evolution_with_one_good_answer_has_not_failed() -> None:
    """The next round starts from it, also where the first answer was bad."""
    result, model = run("evol_instruct", rounds=2, candidates=2, choose="first")
    asked = [str(prompt) for prompts, _ in model.asked for prompt in prompts]
    assert [NEW in text for text in asked if "New prompt:" in text] == [False, True]
    assert result.counts() == {("kept", ""): 1, ("rejected", "no whole sentence"): 1, ("rejected", "unchanged"): 1}


@pytest.mark.parametrize("method", [name for name in SETTINGS if name != "self_training"])
def test_responses_that_would_all_be_equal_are_refused(method: str) -> None:
    greedy = SETTINGS[method] | {"candidates": 4, "response": {"max_new_tokens": 64}}
    assert complaints((f"generation.{method}", greedy)) == [
        f"generation.{method}.candidates: found 4; at temperature 0 all are equal; "
        f"raise generation.{method}.response.temperature"
    ]


def test_instances_are_written_once() -> None:
    settings = SETTINGS["self_instruct"] | {"candidates": 4, "answers": "instances"}
    assert complaints(("generation.self_instruct", settings)) == [
        "generation.self_instruct.candidates: found 4; instances are written once; remove it, or set "
        "generation.self_instruct.answers to plain"
    ]


TINY = {"max_new_tokens": 24, "temperature": 1.0, "top_p": 1.0}
WRITTEN: dict[str, dict[str, Any]] = {
    "self_instruct": {},
    "unnatural_instructions": {"calls": 8, "task": TINY, "response": TINY},
    "magpie": {"count": 8, "pre_query": "user :", "instruction": TINY, "response": TINY},
    "back_translation": {"count": 8, "iterations": 1, "scores": "expected", "keep": 0.5, "instruction": TINY},
}


@pytest.mark.parametrize("method", WRITTEN)
def test_one_more_candidate_costs_only_its_own_calls(own: tuple[Path, Path], method: str) -> None:
    recipe, data = own
    asset = f"raw_{method}"

    def built(candidates: int) -> tuple[int, set[str]]:
        """(pairs that have a candidate that was not chosen, the stored calls) after a build with so many candidates."""

        def change(values: dict[str, Any]) -> None:
            given = values["generation"].get(method, {}) | WRITTEN[method]
            values["generation"][method] = given | {"candidates": candidates, "choose": "first"}

        edit(recipe, change)
        plan = planned(recipe, data, selection=asset)[asset]
        log, failures = build(recipe, data, asset)
        assert failures == []
        assert log.computed[asset] <= (plan.calls or 0)
        reason = f"asset = '{asset}' AND reason = '{NOT_CHOSEN}'"
        decided = query(data, f"FROM lineage.decisions JOIN lineage.current USING (asset, version) WHERE {reason}")
        return decided.height, set(query(data, "SELECT key FROM memo.calls")["key"])

    (_, once), (two, twice), (three, thrice) = built(1), built(2), built(3)
    assert 0 < two < three  # a method that was built with one candidate before computes nothing for the first
    assert once < twice < thrice
    # Each candidate is a call; another choice is rated too where ratings follow.
    assert len(thrice - twice) <= (16 if method == "self_instruct" else 8) * (6 if method == "back_translation" else 1)
