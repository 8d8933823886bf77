"""Self-Instruct is reproduced as published (arXiv 2212.10560), so a test checks each rejection rule at its edge. The
bootstrap uses its own output as input, so a lost or repeated row would not show in any later number: the tests check
that all rows are accounted for and that two runs are equal."""

from __future__ import annotations

import re

import hypothesis
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.generation.methods.self_instruct import generate
from resources.models.calls import Prompt, Sampling
from tests.support.bootstrapping import SEEDS, SETTINGS, new_task, one_call, outcome_of_each, settings
from tests.support.scripted import Script, ScriptedWriter, call_of
from warehouse.core.identity import row_seed
from warehouse.results.result import Result
from warehouse.schema.records import Pair


def bootstrapped(prompt: Prompt) -> tuple[str, bool, str | None]:
    """Two new tasks per call, with one between them that is too short; answers are cut off."""
    if prompt.messages:
        return "It is so. And th", False, None
    number = prompt.seed % 100_000
    tasks = f" {new_task(number)}\n10. No.\n11. {new_task(number + 100_000)}"
    return tasks, True, None


def test_the_prompt_lists_8_demonstrations_and_asks_for_the_ninth() -> None:
    writer = ScriptedWriter(bootstrapped)
    generate(SEEDS, SETTINGS, writer, 7)
    for prompts, _ in writer.asked[:2]:
        for prompt in prompts:
            first, *listed = prompt.text.split("\n")
            assert first == "Come up with a series of tasks:"
            assert [line.split(" ")[0] for line in listed] == [
                "", "1.", "2.", "3.", "4.", "5.", "6.", "7.", "8.", "9.",
            ]  # fmt: skip
            assert prompt.text.endswith("\n9.")


def test_only_later_rounds_show_machine_made_demonstrations_and_at_most_2() -> None:
    writer = ScriptedWriter(bootstrapped)
    generate(SEEDS, SETTINGS, writer, 7)
    human = set(SEEDS["instruction"])
    machine = [
        [sum(line.split(" ", 1)[1] not in human for line in prompt.text.split("\n")[2:-1]) for prompt in prompts]
        for prompts, _ in writer.asked[:2]
    ]
    assert machine == [[0, 0], [2, 2]]


def test_each_round_is_one_batch_and_answers_come_last_with_seeds_of_their_own() -> None:
    writer = ScriptedWriter(bootstrapped)
    result = generate(SEEDS, settings(calls=5), writer, 7)
    (first, tasks), (second, same), (answers, response) = writer.asked
    assert (len(first), len(second), len(answers)) == (2, 3, 10)
    assert tasks == same == Sampling(max_new_tokens=72, temperature=0.7, top_p=0.5, stop=("\n\n",))
    assert response == Sampling(max_new_tokens=64, temperature=0.7, top_p=0.9)
    seeds = [prompt.seed for prompt in [*first, *second]]
    assert seeds == [row_seed(7, "self_instruct", "tasks", call) for call in range(5)]
    assert answers == [
        Prompt(
            messages=(("user", text),),
            seed=row_seed(7, "self_instruct", "answer", text),
        )
        for text in result.kept["instruction"]
    ]


def test_a_kept_pair_has_the_new_instruction_and_the_whole_sentences_of_its_answer() -> None:
    result = one_call(f" {new_task(1)}\n10. {new_task(2)}")
    assert result.model is Pair
    assert result.kept.select("method", "level", "instruction", "input", "response").rows() == [
        ("self_instruct", "", new_task(1), "", "Yes."),
        ("self_instruct", "", new_task(2), "", "Yes."),
    ]


def test_every_rule_shows_in_the_decisions_of_a_build() -> None:
    candidates = [
        new_task(1),
        "Too few words",
        "w " * 150 + "w",
        "Please draw me a sheep",
        "Write a program that sorts",
        "(what is a pesto?)",
        "Été in Genoa is hot",
        f"{SEEDS['instruction'][0]} really",
        f"{new_task(1)} really",
    ]
    result = one_call(" " + "\n10. ".join(candidates))
    assert outcome_of_each(result) == dict(
        zip(
            candidates,
            [
                ("kept", None),
                ("rejected", "too short"),
                ("rejected", "too long"),
                ("rejected", "blacklisted word: draw"),
                ("rejected", "starts with: Write a program"),
                ("rejected", "starts with punctuation"),
                ("rejected", "starts with a non-ASCII character"),
                ("rejected", "ROUGE-L"),
                ("rejected", "ROUGE-L"),
            ],
            strict=True,
        )
    )
    numbers = result.decisions.select("score", "cut").rows()
    assert numbers[:6] == [(None, None), (3, 4), (151, 150), (None, None), (None, None), (None, None)]
    # 4 common words of 4 and 5.
    assert [number for row in numbers[7:] for number in row] == pytest.approx([8 / 9, 0.7, 8 / 9, 0.7])


def test_the_last_item_of_a_completion_that_was_cut_off_is_rejected() -> None:
    result = one_call(f" {new_task(1)}\n10. {new_task(2)}", complete=False)
    assert outcome_of_each(result) == {new_task(1): ("kept", None), new_task(2): ("rejected", "instruction cut off")}
    assert (result.incoming, len(result.decisions)) == (2, 2)
    whole = one_call(f" {new_task(1)}\n10. {new_task(2)}")
    assert result.kept["id"][0] == whole.kept["id"][0]


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("Explain the", {"Explain the": ("rejected", "instruction cut off")}),
        (" \n", {"": ("rejected", "no instruction")}),
    ],
)
def test_a_completion_that_was_cut_off_in_its_first_item_is_one_decision(
    text: str, outcome: dict[str, tuple[str, str]]
) -> None:
    result = one_call(text, complete=False)
    assert (outcome_of_each(result), result.incoming) == (outcome, 1)


def test_a_completion_with_an_error_is_one_failed_decision() -> None:
    result = one_call("", error="the text has 9000 tokens, at most 1976 fit")
    assert result.decisions.select("outcome", "reason").rows() == [
        ("failed", "the text has 9000 tokens, at most 1976 fit")
    ]
    assert len(result.kept) == 0


def test_the_text_of_a_failed_completion_is_not_read() -> None:
    result = one_call(f" {new_task(1)}", error="connection lost")
    assert result.decisions.select("outcome", "reason").rows() == [("failed", "connection lost")]


def test_two_failed_calls_are_two_failed_decisions() -> None:
    def script(prompt: Prompt) -> tuple[str, bool, str | None]:
        return "", True, "out of memory"

    result = generate(SEEDS, settings(calls=3, rounds=1), ScriptedWriter(script), 7)
    assert result.decisions.select("outcome", "reason").rows() == [("failed", "out of memory")] * 3
    assert result.decisions["record"].n_unique() == 3


def test_an_answer_without_a_whole_sentence_is_rejected_and_an_error_fails() -> None:
    def script(prompt: Prompt) -> tuple[str, bool, str | None]:
        if prompt.text:
            return " " + "\n10. ".join(new_task(number) for number in range(4)), True, None
        return {
            new_task(0): ("It is so. And th", False, None),
            new_task(1): ("It is", False, None),
            new_task(2): (" ", True, None),
            new_task(3): ("It is so.", True, "out of memory"),
        }[prompt.messages[0][1]]

    result = generate(SEEDS, settings(calls=1, rounds=1), ScriptedWriter(script), 7)
    assert result.kept["response"].to_list() == ["It is so."]
    assert outcome_of_each(result) == {
        new_task(0): ("kept", None),
        new_task(1): ("rejected", "no whole sentence"),
        new_task(2): ("rejected", "no whole sentence"),
        new_task(3): ("failed", "out of memory"),
    }


def test_no_more_than_most_instructions_are_taken() -> None:
    candidates = [new_task(number) for number in range(5)]
    result = one_call(" " + "\n10. ".join([*candidates, "Too short."]), most=3)
    assert outcome_of_each(result) == {
        **{candidate: ("kept", None) for candidate in candidates[:3]},
        **{candidate: ("rejected", "surplus") for candidate in candidates[3:]},
        "Too short.": ("rejected", "too short"),
    }


def test_no_round_asks_for_instructions_once_the_pool_is_full() -> None:
    writer = ScriptedWriter(bootstrapped)
    result = generate(SEEDS, settings(calls=6, rounds=3, most=4), writer, 7)
    tasks, answers = [len(prompts) for prompts, _ in writer.asked[:-1]], writer.asked[-1][0]
    assert (tasks, len(answers), len(result.kept)) == ([2], 4, 4)
    writer = ScriptedWriter(bootstrapped)
    generate(SEEDS, settings(calls=6, rounds=3, most=5), writer, 7)
    assert [len(prompts) for prompts, _ in writer.asked] == [2, 2, 5]


def test_a_pair_descends_from_its_examples_its_call_and_all_that_machine_made_examples_descend_from() -> None:
    writer = ScriptedWriter(bootstrapped)
    result = generate(SEEDS, settings(rounds=3, calls=6), writer, 7)
    id_of = dict(SEEDS.select("instruction", "id").iter_rows())
    made_of: dict[str, set[tuple[str, str]]] = {}
    for prompts, _ in writer.asked[:3]:
        for prompt in prompts:
            shown = re.findall(r"\n\d\. (.+)", prompt.text)
            assert len(shown) == 8
            parents = {(id_of[text], "example") for text in shown if text in id_of} | {(call_of(prompt), "tasks")}
            parents = parents.union(*(made_of[text] for text in shown if text not in id_of))
            number = prompt.seed % 100_000
            for text in (new_task(number), new_task(number + 100_000)):
                made_of[text] = parents
                answered = Prompt.ask(text, row_seed(7, "self_instruct", "answer", text))
                child = result.kept.filter(pl.col("instruction") == text)["id"].item()
                edges = result.edges.filter(pl.col("child") == child).select("parent", "role").rows()
                assert sorted(edges) == sorted({*parents, (call_of(answered), "call")})
    # Some machine-made examples of the last round descend from machine-made examples themselves.
    assert max(sum(role == "tasks" for _, role in parents) for parents in made_of.values()) > 3


# The first example includes the import of rouge_score.
@hypothesis.settings(deadline=None)
@given(
    seed=st.integers(0, 2**40),
    calls=st.integers(1, 6),
    rounds=st.integers(1, 4),
    most=st.integers(1, 8),
    data=st.data(),
)
def test_every_candidate_gets_exactly_one_decision(
    seed: int, calls: int, rounds: int, most: int, data: st.DataObject
) -> None:
    written = st.lists(
        st.sampled_from([*(new_task(number) for number in range(8)), "No.", "Draw a map of it", "“Why” is it so"]),
        max_size=4,
    )
    lists = data.draw(st.lists(st.tuples(written, st.booleans()), min_size=calls, max_size=calls))
    answers = data.draw(st.lists(st.sampled_from(["It is so.", "It is", ""]), min_size=8 * calls, max_size=8 * calls))
    given_lists: list[tuple[list[str], bool]] = []

    def script_of(left: list[tuple[list[str], bool]], answers: list[str]) -> Script:
        given_lists.clear()

        def script(prompt: Prompt) -> tuple[str, bool, str | None]:
            if prompt.messages:
                return answers.pop(), False, None
            items, failed = left.pop()
            given_lists.append((items, failed))
            return " " + "\n10. ".join(items), True, "out of memory" if failed and not items else None

        return script

    def build() -> Result:
        writer = ScriptedWriter(script_of(list(lists), list(answers)))
        return generate(SEEDS, settings(calls=calls, rounds=rounds, most=most), writer, seed)

    result, again = build(), build()
    candidates = sum(len(items) for items, _ in given_lists)
    silent = sum(not items for items, _ in given_lists)
    assert len(result.decisions) == candidates + silent
    assert result.decisions["record"].n_unique() == candidates + silent
    assert result.counts().get(("rejected", "no instruction"), 0) == sum(
        not (items or failed) for items, failed in given_lists
    )
    assert len(result.kept) + len(result.dropped) == len(result.decisions)
    assert set(result.kept["id"]) | set(result.dropped["id"]) == set(result.decisions["record"])
    assert result.decisions.equals(again.decisions)
    assert result.kept.equals(again.kept)
    assert result.edges.equals(again.edges)


def test_two_runs_are_equal_and_another_seed_gives_other_rows() -> None:
    one, other, third = (generate(SEEDS, SETTINGS, ScriptedWriter(bootstrapped), seed) for seed in (7, 7, 8))
    assert one.decisions.equals(other.decisions)
    assert one.kept.equals(other.kept)
    assert one.dropped.equals(other.dropped)
    assert one.edges.equals(other.edges)
    assert set(one.kept["id"]).isdisjoint(third.kept["id"])
