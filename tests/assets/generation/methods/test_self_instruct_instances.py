"""Self-Instruct trains on instances, and a model formats them freely. Each published rejection rule has its own
example, each of the two orders its prompt, and no text may lose a row."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.generation.instances import (
    Instance,
    input_first,
    is_classification,
    output_first,
    rejections,
)
from assets.generation.methods.self_instruct import METHOD, generate
from resources.models.calls import Prompt
from tests.support.bootstrapping import SEEDS, settings
from tests.support.recipes import complaints, parsed, put, starter
from tests.support.scripted import ScriptedWriter
from warehouse.results.result import Result

GENERATED = "Example 1\nInput: Peru\nOutput: Lima\n\nExample 2\nInput: Chile\nOutput: Santiago"


def answered(
    text: str, complete: bool = True, verdict: str = " No", error: str | None = None, **changes: object
) -> tuple[Result, ScriptedWriter]:
    """The result for one instruction, "Name the capital of it", whose instances are `text`."""

    def script(prompt: Prompt) -> tuple[str, bool, str | None]:
        if prompt.text.startswith("Come up"):
            return " Name the capital of it", True, None
        if prompt.text.endswith("Is it classification?"):
            return verdict, True, error
        return text, complete, None

    writer = ScriptedWriter(script)
    return generate(SEEDS, settings(calls=1, rounds=1, answers="instances", **changes), writer, 7), writer


def rows(result: Result) -> list[tuple[str, str, str, str | None]]:
    """(input, response, outcome, reason) of every decision."""
    by_id = {row["id"]: row for row in result.kept.to_dicts()}
    by_id |= {record: json.loads(content) for record, content in result.dropped.iter_rows()}
    return [
        (by_id[record]["input"], by_id[record]["response"], outcome, reason)
        for record, outcome, reason in result.decisions.select("record", "outcome", "reason").iter_rows()
    ]


def test_the_input_comes_first_unless_it_is_a_classification() -> None:
    result, writer = answered(GENERATED)
    assert rows(result) == [("Peru", "Lima", "kept", None), ("Chile", "Santiago", "kept", None)]
    assert set(result.kept["instruction"]) == {"Name the capital of it"}
    prompt, sampling = writer.asked[-1]
    assert prompt[0].text.endswith("Task: Name the capital of it\n")
    assert "Class label" not in prompt[0].text
    assert sampling.stop == ("Example 6", "Task:")
    assert {role for _, role in result.edges.select("child", "role").iter_rows()} >= {
        "tasks",
        "classification",
        "call",
    }


def test_the_label_comes_first_for_a_classification() -> None:
    result, writer = answered("Class label: Odd\nInput: 17\nClass label: Even\nInput: 4", verdict=" Yes.")
    assert rows(result) == [("17", "Odd", "kept", None), ("4", "Even", "kept", None)]
    assert "Class label" in writer.asked[-1][0][0].text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Input: Peru\nOutput: Peru", [("Peru", "Peru", "rejected", "input = output")]),
        ("Input: Peru\nOutput:", [("Peru", "", "rejected", "empty output")]),
        ("Input: Peru\nOutput: \u200b", [("Peru", "\u200b", "rejected", "empty output")]),
        ("Input: Peru\nOutput: —", [("Peru", "—", "rejected", "empty output")]),
        ("Input: Peru\nOutput: It is:", [("Peru", "It is:", "rejected", "ends with a colon")]),
        (
            "Example 1\nInput: Peru\nOutput: Lima\nExample 2\nInput: Peru\nOutput: Cusco\nExample 3\nOutput: Rome",
            [
                ("", "Rome", "kept", None),
                ("Peru", "Lima", "rejected", "same input with different outputs"),
                ("Peru", "Cusco", "rejected", "same input with different outputs"),
            ],
        ),
        # Without an input several outputs are several examples.
        ("Example 1\nOutput: a\nExample 2\nOutput: b", [("", "a", "kept", None), ("", "b", "kept", None)]),
        ("", [("", "", "rejected", "no instance")]),
        # As published: without any marker there is no instance.
        ("Lima is the capital of Peru.", [("", "", "rejected", "no instance")]),
        ("Class label: Odd\n17", [("", "", "rejected", "no instance")]),
        # As published: an instance that breaks another rule is dropped before outputs are compared.
        (
            "Example 1\nInput: Peru\nOutput: Lima\nExample 2\nInput: Peru\nOutput:",
            [("Peru", "Lima", "kept", None), ("Peru", "", "rejected", "empty output")],
        ),
    ],
)
def test_each_published_rule_rejects_its_example(text: str, expected: list[tuple[str, str, str, str | None]]) -> None:
    assert rows(answered(text)[0]) == expected


def test_the_last_instance_of_a_text_that_was_cut_off_is_rejected() -> None:
    assert rows(answered(GENERATED, complete=False)[0]) == [
        ("Peru", "Lima", "kept", None),
        ("Chile", "Santiago", "rejected", "instance cut off"),
    ]


def test_an_output_that_was_cut_off_contradicts_nothing() -> None:
    assert rows(answered("Example 1\nInput: Peru\nOutput: Lima\nExample 2\nInput: Peru\nOutput: Li", False)[0]) == [
        ("Peru", "Lima", "kept", None),
        ("Peru", "Li", "rejected", "instance cut off"),
    ]


def test_a_repeated_instance_is_a_duplicate() -> None:
    result, _ = answered("Example 1\nInput: Peru\nOutput: Lima\nExample 2\nInput: Peru\nOutput: Lima")
    assert [(row[0], row[2]) for row in rows(result)] == [("Peru", "kept"), ("Peru", "duplicate")]


def test_the_number_of_instances_per_instruction_is_limited() -> None:
    assert rows(answered(GENERATED, most_instances=1)[0]) == [
        ("Peru", "Lima", "kept", None),
        ("Chile", "Santiago", "rejected", "surplus"),
    ]


def test_a_repeated_instance_does_not_count_towards_the_limit() -> None:
    result, writer = answered(f"{GENERATED}\nExample 3\nInput: Peru\nOutput: Lima", most_instances=2)
    assert [row[2:] for row in rows(result)] == [("kept", None), ("kept", None), ("duplicate", "same content")]
    assert writer.asked[-1][1].stop == ("Example 3", "Task:")


def test_a_failed_verdict_fails_the_instruction() -> None:
    result, writer = answered(GENERATED, verdict="", error="out of memory")
    assert rows(result) == [("", "", "failed", "out of memory")]
    assert len(writer.asked[-1][0]) == 0


@pytest.mark.parametrize(
    ("text", "yes"),
    [(" Yes", True), ("\nyes, it is", True), ("**Yes**", True), (" No", False), ("Yesterday", False), ("", False)],
)
def test_only_a_yes_makes_a_classification(text: str, yes: bool) -> None:
    assert is_classification(text) is yes


def test_a_part_without_labels_is_an_output_and_a_second_input_ends_one() -> None:
    assert input_first("Example 1\nIt rises by yeast.\nExample 2") == [Instance("", "It rises by yeast.")]
    assert input_first("Input: a\nOutput: b\nInput: c") == [Instance("a", "b")]
    assert input_first("Input: a") == [Instance("a", "")]
    assert output_first("Here it is.\nClass label: Odd\nInput: 3\nor 5\nClass label:") == [
        Instance("3\nor 5", "Odd"),
        Instance("", ""),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Input: Peru Output: Lima", [Instance("Peru", "Lima")]),
        ("Example 1: Input: Peru\nOutput: Lima", [Instance("Peru", "Lima")]),
        ("Example:\ninput: Peru\noutput: Lima", [Instance("Peru", "Lima")]),
        ("Input 1: Peru\nOutput 1: Lima", [Instance("Peru", "Lima")]),
        ("Country: Peru\nInput: Inca\nOutput: Lima", [Instance("Country: Peru\nInput: Inca", "Lima")]),
        ("Input: Peru\nOutput: Lima\nOutput: Cusco", [Instance("Peru", "Lima")]),
        (
            "Output: An example\nExample sentences are short.",
            [Instance("", "An example\nExample sentences are short.")],
        ),
        ("Output: It has an input: a word.", [Instance("", "It has an input: a word.")]),
    ],
)
def test_input_first_reads_markers_at_a_line_and_capitalized_within_one(text: str, expected: list[Instance]) -> None:
    assert input_first(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Class label: Odd Input: 3 Class label: Even Input: 4", [Instance("3", "Odd"), Instance("4", "Even")]),
        ("class label 1:\nOdd\ninput: 3", [Instance("3", "Odd")]),
        ("Class label: Odd\nNumber: 3\nInput: in base 2", [Instance("Number: 3\nInput: in base 2", "Odd")]),
        ("Class label:\nInput: 3", [Instance("3", "")]),
        ("Class label: Mercury", [Instance("", "Mercury")]),
        ("Input: 3\nOutput: Odd", []),
    ],
)
def test_output_first_reads_a_label_up_to_the_end_of_its_line_or_its_input(text: str, expected: list[Instance]) -> None:
    assert output_first(text) == expected


LABELS = st.sampled_from(["Example", "1", "Input:", "Output:", "Class label:", "\n", "\n\n", ".", " ", "a", "b:"])


@given(st.one_of(st.text(), st.lists(LABELS).map(" ".join), st.lists(LABELS).map("".join)), st.booleans())
def test_any_text_gives_one_decision_for_each_instance(text: str, complete: bool) -> None:
    for found in (input_first(text), output_first(text)):
        assert len(list(rejections(found, complete, 3))) == len(found)
    for verdict in ("Yes", "No"):
        result, _ = answered(text, complete, verdict)
        assert result.incoming is None or len(result.decisions) == result.incoming


def test_plain_answers_are_the_default_and_add_nothing_to_a_slice() -> None:
    assert settings().answers == "plain"
    assert not {"answers", "most_instances"} & settings().model_dump(mode="json").keys()
    dumped = settings(answers="instances", most_instances=3).model_dump(mode="json")
    assert (dumped["answers"], dumped["most_instances"]) == ("instances", 3)
    assert type(settings()).model_validate(dumped) == settings(answers="instances", most_instances=3)


@pytest.mark.parametrize("most", [1, 5])
def test_a_number_of_instances_with_plain_answers_is_an_error(most: int) -> None:
    assert complaints(("generation.self_instruct.most_instances", most)) == [
        f"generation.self_instruct.most_instances: found {most}; plain answers have no instances; remove it, or set "
        "generation.self_instruct.answers to instances"
    ]
    both = put(
        put(starter(), "generation.self_instruct.most_instances", most), "generation.self_instruct.answers", "instances"
    )
    assert parsed(both).generation.settings("self_instruct").most_instances == most


def test_calls_and_rows_are_bounded() -> None:
    most = METHOD.most
    assert most is not None
    plain = most(settings(calls=4, most=10), None)  # type: ignore[arg-type]
    by_instances = most(settings(calls=4, most=10, answers="instances"), None)  # type: ignore[arg-type]
    assert (plain.rows, plain.calls) == (10, 14)
    assert (by_instances.rows, by_instances.calls) == (50, 24)
