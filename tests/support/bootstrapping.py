"""A scripted writer and small pools for the tests of Self-Instruct."""

from __future__ import annotations

import json

import polars as pl

from assets.generation.methods.self_instruct import Pool, SelfInstruct, SelfInstructSampling, Task, generate
from assets.recipe.parts import SamplingPart
from resources.models.calls import Prompt
from tests.support.scripted import ScriptedWriter
from warehouse.core.identity import digest
from warehouse.results.result import Result

SETTINGS = SelfInstruct(
    calls=4,
    rounds=2,
    most=100,
    instruction=SelfInstructSampling(max_new_tokens=72),
    response=SamplingPart(max_new_tokens=64, temperature=0.7, top_p=0.9),
)
SUBJECTS = ["amber", "birch", "cedar", "daisy", "elder", "flint", "grain", "heron", "inlet", "joint"]
SEEDS = pl.DataFrame(
    [
        {"id": digest(["seed", subject]), "instruction": f"{subject} {subject}1 {subject}2 {subject}3?"}
        for subject in SUBJECTS
    ]
)


def new_task(number: int) -> str:
    """An instruction that has no word in common with that of another number."""
    return f"Explain{number} the{number} topic{number} well{number}"


def settings(**changes: object) -> SelfInstruct:
    return SETTINGS.model_copy(update=changes)


def one_call(text: str, complete: bool = True, error: str | None = None, **changes: object) -> Result:
    """The result if the only call for tasks returns `text` and every answer is "Yes."."""

    def script(prompt: Prompt) -> tuple[str, bool, str | None]:
        return (text, complete, error) if prompt.text else ("Yes.", True, None)

    return generate(SEEDS, settings(calls=1, rounds=1, **changes), ScriptedWriter(script), 7)


def outcome_of_each(result: Result) -> dict[str, tuple[str, str | None]]:
    """Map each instruction to its (outcome, reason)."""
    instruction = dict(result.kept.select("id", "instruction").iter_rows())
    instruction |= {record: json.loads(content)["instruction"] for record, content in result.dropped.iter_rows()}
    return {
        instruction[record]: (outcome, reason)
        for record, outcome, reason in result.decisions.select("record", "outcome", "reason").iter_rows()
    }


def pool(*seeds: str, **changes: object) -> Pool:
    return Pool([Task(seed, digest(seed)) for seed in seeds], settings(**changes))
