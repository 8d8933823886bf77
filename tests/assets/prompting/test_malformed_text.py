"""A model may write any text. Each method gets pieces of the formats that it reads, in any order: nothing may raise,
and each row that came in is kept, rejected, a duplicate or failed, exactly once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.enhancement.fragments import extract
from assets.generation.instances import is_classification
from assets.generation.method import methods
from assets.generation.methods import (
    back_translation,
    evol_instruct,
    instruction_generation,
    magpie,
    reverse_instructions,
    self_instruct,
    self_training,
    unnatural_instructions,
)
from assets.generation.methods.back_translation import Rater
from assets.generation.methods.evol_instruct import judged_equal
from assets.generation.methods.instruction_generation import Text
from assets.generation.methods.reverse_instructions import hint
from assets.generation.methods.unnatural_instructions import task_of
from assets.recipe.filters import Fragments
from assets.recipe.parts import SamplingPart
from resources.models.calls import Writer
from tests.support.bootstrapping import SEEDS, new_task, settings
from tests.support.scripted import Refusal, ScriptedWriter
from warehouse.core.identity import digest
from warehouse.core.texts import normalized
from warehouse.results.result import Result
from warehouse.results.validation import validated

SAMPLING = {"max_new_tokens": 8}
PIECES = [
    *("1.", "10)", "Example", "Example 4", "Instruction:", "Input:", "Output:", "Class label:", "Task:", "None."),
    *("Yes", "No", "not", "equal", "Equal", "sorry", "prompt", "new prompt", "Score: 4", "/10", "Write a program"),
    *(new_task(1), new_task(2), "It is so.", "It is", "A B C D", "draw", '"', "“", "”", "'", "(", ")", "!", "?", ":"),
    *(" ", "\n", "\n\n", "\t", "\r\n", "\x00", "\x85", "\u2028", "\u200b", "\ufeff", "—", "...", "中文。", "🙂", "٤"),
]
TEXT = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.lists(st.sampled_from(PIECES)).map(" ".join)
REPLIES = st.lists(
    st.tuples(TEXT | st.text(max_size=20), st.booleans(), st.sampled_from([*[None] * 6, "broken", Refusal("no room")])),
    min_size=1,
    max_size=12,
)
TASKS = SEEDS.head(4).with_columns(input=pl.lit(""), response=pl.lit("It is so."))
DOCUMENTS = pl.DataFrame([{"id": digest(text), "text": text} for text in ("Pesto is a sauce.", "Rye. It is a grain.")])
TEXTS = [Text(row["text"], row["text"], ((row["id"], "document"),)) for row in DOCUMENTS.iter_rows(named=True)]
FRAGMENTS = [Text("Pesto", text.response, text.parents, "keywords") for text in TEXTS]


SETTINGS: dict[str, dict[str, object]] = {
    "self_training": {"count": 4, "response": SAMPLING},
    "instruction_generation": {"instruction": SAMPLING},
    "reverse_instructions": {"length_hints": 0.5, "instruction": SAMPLING},
    "magpie": {"count": 4, "pre_query": "User:", "instruction": SAMPLING, "response": SAMPLING},
    "unnatural_instructions": {"calls": 4, "paraphrases": 1, "task": SAMPLING, "response": SAMPLING},
    "evol_instruct": {"count": 4, "rounds": 2, "instruction": SAMPLING, "response": SAMPLING},
    "back_translation": {"instruction": SAMPLING, "rating": SAMPLING},
}


def of(method: str) -> Any:
    return methods()[method].settings.model_validate(SETTINGS[method])


def fragments(writer: Writer) -> Result:
    wanted = Fragments(levels=("model",), extraction=SamplingPart(max_new_tokens=8))
    return extract(DOCUMENTS, wanted, writer, 7)


def instructions(writer: Writer, texts: Sequence[Text] = TEXTS, method: str = "instruction_generation") -> Result:
    return instruction_generation.generate(texts, method, of("instruction_generation"), writer, writer, 7)


def rated(writer: Writer) -> Result:
    return back_translation.generate(
        TEXTS, TASKS, of("back_translation"), writer, writer, lambda examples: Rater(writer), 7
    )


ASKED: dict[str, Callable[[Writer], Result]] = {
    "self_instruct": lambda writer: self_instruct.generate(SEEDS, settings(most=3), writer, 7),
    "self_instruct by instances": lambda writer: self_instruct.generate(
        SEEDS, settings(most=3, answers="instances"), writer, 7
    ),
    "self_training": lambda writer: self_training.generate(TASKS, of("self_training"), writer, 7),
    "instruction_generation": instructions,
    "extract_then_generate": lambda writer: instructions(writer, FRAGMENTS, "extract_then_generate"),
    "fragments": fragments,
    "reverse_instructions": lambda writer: reverse_instructions.generate(
        DOCUMENTS, of("reverse_instructions"), writer, 7
    ),
    "magpie": lambda writer: magpie.generate(of("magpie"), writer, 7),
    "unnatural_instructions": lambda writer: unnatural_instructions.generate(
        TASKS, of("unnatural_instructions"), writer, 7
    ),
    "evol_instruct": lambda writer: evol_instruct.generate(TASKS, of("evol_instruct"), writer, 7),
    "back_translation": rated,
}


def test_every_method_that_calls_a_model_is_tested_here() -> None:
    calling = {name for name, method in methods().items() if method.calls_model}
    assert calling == ASKED.keys() - {"fragments", "self_instruct by instances"}


@pytest.mark.parametrize("name", ASKED)
@given(replies=REPLIES)
def test_each_row_gets_exactly_one_decision(name: str, replies: list[tuple[str, bool, str | None]]) -> None:
    turn = count()
    result = ASKED[name](ScriptedWriter(lambda _: replies[next(turn) % len(replies)]))
    assert result.incoming == len(result.decisions) == result.decisions["record"].n_unique()
    assert set(result.decisions["outcome"]) <= {"kept", "rejected", "duplicate", "failed"}
    with_null = [row["id"] for row in result.kept.iter_rows(named=True) if "\0" in "".join(map(str, row.values()))]
    assert validated(result).decisions.filter(outcome="quarantined")["record"].to_list() == with_null
    for row in result.kept.iter_rows(named=True):
        assert all(normalized(row[column]) for column in ("instruction", "response", "text") if column in row)


@given(text=TEXT | st.text())
def test_verdicts_and_tasks_are_read_from_any_text(text: str) -> None:
    assert is_classification(f"Yes {text}")
    assert not is_classification(f"No {text}")
    assert not judged_equal(f"Equal or not equal {text}")
    assert judged_equal(text) in (True, False)
    instruction, input_ = task_of(text)
    assert instruction == " ".join(instruction.split())
    assert input_ == input_.strip()


@given(text=TEXT | st.text())
def test_a_hint_counts_the_sentences_of_any_text(text: str) -> None:
    found = re.fullmatch(r"Respond in (\d+) sentences?\.", hint(text))
    assert found is not None
    assert (int(found[1]) > 0) == bool(text.strip())
