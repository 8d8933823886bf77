"""What a model only thought must never become a row, and the reason must say so: "no whole sentence" names no cause. So
these tests give each method-independent reader an answer that a thinking model gives."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from assets.evaluation.answerers import Answerer
from assets.evaluation.answering import predict
from assets.generation.methods import self_training
from assets.generation.methods.self_training import SelfTraining
from assets.loading.bench import workbench
from assets.planning.graph import steps
from assets.prompting.answers import decide_answer, lacks_instruction
from assets.prompting.pairs import pair
from assets.recipe.parts import SamplingPart
from resources.models.calls import Completion, Prompt, Sampling
from tests.support.recipes import complaints, parsed, put, starter
from warehouse.core.identity import digest
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Pair

CALL = digest("call")
ONLY_THOUGHT = Completion("", False, CALL, thoughts=("Rome?",), thought_cut_off=True)
NO_ANSWER = Completion("", True, CALL, thoughts=("Rome?",))
BEFORE = Completion("Rome is old. It", False, CALL, thoughts=("Is it?",), thought_cut_off=True)
TASK = pair("self_training", "Which city is it?")


@pytest.mark.parametrize(
    ("completion", "counts"),
    [
        (ONLY_THOUGHT, {("rejected", "thought cut off"): 1}),
        (NO_ANSWER, {("rejected", "no answer after the thoughts"): 1}),
        (Completion("", True, CALL), {("rejected", "no whole sentence"): 1}),
        (BEFORE, {("kept", ""): 1}),
        (Completion("", False, CALL, error="CallFailed: gone", thoughts=("x",)), {("failed", "CallFailed: gone"): 1}),
    ],
)
def test_a_response_that_is_only_thought_is_rejected_with_that_reason(
    completion: Completion, counts: dict[tuple[str, str], int]
) -> None:
    gate = Gate(Pair, 1)
    decide_answer(gate, TASK, completion, [])
    assert gate.result().counts() == counts
    assert gate.result().kept["response"].to_list() in ([], ["Rome is old."])


@pytest.mark.parametrize(
    ("completion", "reason"), [(ONLY_THOUGHT, "thought cut off"), (NO_ANSWER, "no answer after the thoughts")]
)
def test_an_instruction_that_is_only_thought_is_rejected_with_that_reason(completion: Completion, reason: str) -> None:
    gate = Gate(Pair, 1)
    assert lacks_instruction(gate, pair("magpie", ""), completion, [])
    assert gate.result().counts() == {("rejected", reason): 1}


class Thinker:
    """Answers every prompt with a thought that was cut off."""

    def complete(self, prompts: list[Prompt], sampling: Sampling) -> list[Completion]:
        return [ONLY_THOUGHT for _ in prompts]


def test_a_method_records_the_cut_off_thought_of_every_row() -> None:
    seeds = pl.DataFrame([{"id": digest(name), "instruction": name, "input": ""} for name in ("a", "b")])
    settings = SelfTraining(count=2, response=SamplingPart(max_new_tokens=4))
    result: Result = self_training.generate(seeds, settings, Thinker(), 7)  # type: ignore[arg-type]
    assert result.counts() == {("rejected", "thought cut off"): 2}


def test_a_student_that_only_thinks_answers_with_nothing_and_still_counts() -> None:
    items = pl.DataFrame([{"benchmark": "longform", "id": digest("item"), "instruction": "Why?", "input": ""}])
    answerer = Answerer(Thinker(), None, ())  # type: ignore[arg-type]
    result = predict("longform", "base", items, [answerer], SamplingPart(max_new_tokens=4), 7)
    assert result.kept["text"].to_list() == [""]


def test_the_marks_of_a_recipe_reach_the_model_and_its_steps_and_change_no_id(tmp_path: Path) -> None:
    plain, marked = parsed(starter()), parsed(put(starter(), "models.generator.thoughts", [["<t>", "</t>"]]))
    benches = [workbench(recipe, tmp_path, tmp_path) for recipe in (plain, marked)]
    assert [bench.thoughts for bench in benches] == [{}, {"generator": (("<t>", "</t>"),)}]
    assert benches[0].models["generator"].id == benches[1].models["generator"].id
    for before, after in zip(steps(plain), steps(marked), strict=True):
        assert (before.slice != after.slice) == ("models.generator" in before.slice)
        assert "thoughts" not in str(before.slice.get("models.generator", ""))


def test_marks_that_could_never_be_found_are_refused() -> None:
    assert complaints(("models.generator.thoughts", [["<t>", ""]])) == [
        "models.generator.thoughts.0.1: found ''; it must not be empty"
    ]
    assert complaints(("models.generator.thoughts", [["<t>", "</t>\n"]])) == [
        "models.generator.thoughts.0.1: found '</t>\\n'; it must not begin or end with a blank, which models leave out "
        "at times"
    ]
    (line,) = complaints(("sources.wikipedia_leads.thoughts", []))
    assert line.startswith("sources.wikipedia_leads.thoughts: found []; there is no such key")
