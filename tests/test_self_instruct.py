"""Self-Instruct is reproduced as published (arXiv 2212.10560), so each rejection rule is held to an example of its own,
at its edge. The bootstrap around the rules feeds on its own output: a row lost or drawn twice in it would show in
no later number, so the ledger is held to close and two runs to be equal."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence

import hypothesis
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.generation.self_instruct import Pool, Rejection, Task, generate
from assets.recipe import SamplingPart, SelfInstruct
from resources.calls import Completion, Prompt, Sampling
from warehouse.identity import digest, row_seed
from warehouse.records import Pair
from warehouse.result import Result

SETTINGS = SelfInstruct(
    calls=4,
    rounds=2,
    most=100,
    instruction=SamplingPart(max_new_tokens=72, temperature=0.7, top_p=0.5),
    response=SamplingPart(max_new_tokens=64, temperature=0.7, top_p=0.9),
)
SUBJECTS = ["amber", "birch", "cedar", "daisy", "elder", "flint", "grain", "heron", "inlet", "joint"]
SEEDS = pl.DataFrame(
    [
        {"id": digest(["seed", subject]), "instruction": f"{subject} {subject}1 {subject}2 {subject}3?"}
        for subject in SUBJECTS
    ]
)

Script = Callable[[Prompt], tuple[str, bool, str | None]]


class ScriptedWriter:
    """Says what its script says, and records what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[tuple[list[Prompt], Sampling]] = []

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self.asked.append((list(prompts), sampling))
        return [
            Completion(text, complete, call_of(prompt), error)
            for prompt in prompts
            for text, complete, error in [self.script(prompt)]
        ]


def call_of(prompt: Prompt) -> str:
    return digest([prompt.messages, prompt.text, prompt.seed])


def new_task(number: int) -> str:
    """An instruction that shares no word with that of another number."""
    return f"Explain{number} the{number} topic{number} well{number}"


def settings(**changes: object) -> SelfInstruct:
    return SETTINGS.model_copy(update=changes)


def one_call(text: str, complete: bool = True, error: str | None = None, **changes: object) -> Result:
    """The result where the one call for tasks says `text` and every answer is "Yes."."""

    def script(prompt: Prompt) -> tuple[str, bool, str | None]:
        return (text, complete, error) if prompt.text else ("Yes.", True, None)

    return generate(SEEDS, settings(calls=1, rounds=1, **changes), ScriptedWriter(script), 7)


def decided(result: Result) -> dict[str, tuple[str, str | None]]:
    """Instruction to (outcome, reason)."""
    instruction = dict(result.kept.select("id", "instruction").iter_rows())
    instruction |= {record: json.loads(content)["instruction"] for record, content in result.dropped.iter_rows()}
    return {
        instruction[record]: (outcome, reason)
        for record, outcome, reason in result.decisions.select("record", "outcome", "reason").iter_rows()
    }


def pool(*seeds: str, **changes: object) -> Pool:
    return Pool([Task(seed, digest(seed)) for seed in seeds], settings(**changes))


def test_the_defaults_are_the_published_ones() -> None:
    assert SETTINGS.demonstrations == 8
    assert SETTINGS.machine_demonstrations == 2
    assert SETTINGS.words == (4, 150)
    assert SETTINGS.rouge_l == 0.7
    assert SETTINGS.blacklist == (
        "image", "images", "graph", "graphs", "picture", "pictures", "file", "files",
        "map", "maps", "draw", "plot", "go to",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (1, Rejection("too short", 1, 4)),
        (3, Rejection("too short", 3, 4)),
        (4, None),
        (150, None),
        (151, Rejection("too long", 151, 150)),
    ],
)
def test_an_instruction_has_4_to_150_words(words: int, expected: Rejection | None) -> None:
    assert pool().rejection(" ".join(["word"] * words)) == expected


@pytest.mark.parametrize("word", SETTINGS.blacklist)
@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_a_blacklisted_word_is_rejected_in_any_case(word: str, spell: Callable[[str], str]) -> None:
    expected = Rejection(f"blacklisted word: {word}")
    assert pool().rejection(f"Please use the {spell(word)} for this") == expected
    assert pool().rejection(f"Please use for this the {spell(word)}.") == expected


@pytest.mark.parametrize(
    "instruction",
    [
        "Describe a photographer to me",
        "Explain paragraphs to a child",
        "Who was the drawer of lots",
        "Where do I go today?",
        "Tell the story of a mapmaker",
        "What does a plotter do here?",
        "What is a profile of someone?",
    ],
)
def test_a_word_that_only_contains_a_blacklisted_one_passes(instruction: str) -> None:
    assert pool().rejection(instruction) is None


def test_without_a_blacklist_every_word_passes() -> None:
    assert pool(blacklist=()).rejection("Draw a map of Genoa") is None


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("Write a program that sorts numbers", Rejection("starts with: Write a program")),
        ("Write a programme for the evening", Rejection("starts with: Write a program")),
        ("write a program that sorts numbers", None),
        ("How do I Write a program?", None),
    ],
)
def test_an_instruction_that_starts_with_write_a_program_is_rejected(
    instruction: str, expected: Rejection | None
) -> None:
    assert pool().rejection(instruction) == expected


@pytest.mark.parametrize("mark", list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"))
def test_an_instruction_that_starts_with_punctuation_is_rejected(mark: str) -> None:
    assert pool().rejection(f"{mark}What is a pesto?") == Rejection("starts with punctuation")


@pytest.mark.parametrize("letter", ["É", "中", "“", "…", "🙂"])
def test_an_instruction_that_starts_with_a_non_ascii_character_is_rejected(letter: str) -> None:
    assert pool().rejection(f"{letter} what is a pesto?") == Rejection("starts with a non-ASCII character")


def test_a_non_ascii_character_later_on_passes() -> None:
    assert pool().rejection("What is a crème brûlée?") is None


def test_the_worked_example_is_rejected_with_its_score() -> None:
    found = pool("How do I make Pesto?").rejection("How do I make Gnocchi?")
    assert found is not None
    assert (found.reason, found.cut) == ("ROUGE-L", 0.7)
    assert found.score == pytest.approx(0.8)


def test_an_instruction_too_close_to_a_machine_made_one_is_rejected() -> None:
    made = pool("Who was Ada Lovelace?")
    assert made.rejection("How do I make Gnocchi?") is None
    made.machine.append(Task("How do I make Pesto?"))
    found = made.rejection("How do I make Gnocchi?")
    assert found is not None
    assert found.score == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("instruction", "score"),
    [
        # F = 2 * common / (words of one + words of the other); the seed has 10 words.
        ("one two three four five six seven X Y Z", None),
        ("one two three four five six seven eight Y Z", 0.8),
        ("one two three four five six seven X Y", 14 / 19),
        ("ten nine eight seven six five four three two one", None),
        ("ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE TEN!", 1.0),
    ],
)
def test_a_rouge_l_of_exactly_the_cut_passes_and_anything_above_does_not(instruction: str, score: float | None) -> None:
    found = pool("one two three four five six seven eight nine ten").rejection(instruction)
    if score is None:
        assert found is None
    else:
        assert found is not None
        assert (found.reason, found.score, found.cut) == ("ROUGE-L", pytest.approx(score), 0.7)


def test_the_score_is_that_of_the_closest_instruction_of_seeds_and_machine() -> None:
    made = pool("How do I bake bread?", "How do I make Pesto today?")
    made.machine.append(Task("How do I make Pesto?"))
    found = made.rejection("How do I make Gnocchi?")
    assert found is not None
    assert found.score == pytest.approx(0.8)


def test_words_are_not_stemmed_as_published() -> None:
    # With a stemmer all five words would be equal.
    assert pool("Bake cakes and eat apples").rejection("Baking cake and eating apple") is None


def test_rules_apply_in_the_published_order() -> None:
    assert pool().rejection("Draw it!") == Rejection("too short", 2, 4)
    assert pool().rejection("Write a program to draw it") == Rejection("blacklisted word: draw")


@hypothesis.settings(deadline=None)
@given(
    human=st.integers(0, 20),
    machine=st.integers(0, 20),
    wanted=st.integers(3, 10),
    most=st.integers(0, 2),
    seed=st.integers(),
)
def test_demonstrations_are_as_many_as_wanted_with_few_machine_made_ones(
    human: int, machine: int, wanted: int, most: int, seed: int
) -> None:
    made = pool(*(f"human {n}" for n in range(human)), demonstrations=wanted, machine_demonstrations=most)
    made.machine.extend(Task(f"machine {n}") for n in range(machine))
    shown = made.demonstrations(random.Random(seed))
    by_machine = [task for task in shown if task.id is None]
    assert len(by_machine) == min(most, machine)
    assert len(shown) == min(wanted, human + len(by_machine))
    assert len({task.instruction for task in shown}) == len(shown)


def test_there_are_8_demonstrations_of_which_2_are_machine_made() -> None:
    made = pool(*(f"human {n}" for n in range(30)))
    made.machine.extend(Task(f"machine {n}") for n in range(30))
    for seed in range(50):
        shown = made.demonstrations(random.Random(seed))
        assert (len(shown), sum(task.id is None for task in shown)) == (8, 2)


def test_machine_made_demonstrations_stand_anywhere() -> None:
    made = pool(*(f"human {n}" for n in range(8)))
    made.machine.extend(Task(f"machine {n}") for n in range(2))
    places = {
        place
        for seed in range(200)
        for place, task in enumerate(made.demonstrations(random.Random(seed)))
        if task.id is None
    }
    assert places == set(range(8))


def bootstrapped(prompt: Prompt) -> tuple[str, bool, str | None]:
    """Two new tasks a call, with one between them that is too short; answers are cut off."""
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


def test_what_is_kept_is_the_new_instruction_with_the_whole_sentences_of_its_answer() -> None:
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
        "- what is a pesto?",
        "Été in Genoa is hot",
        f"{SEEDS['instruction'][0]} really",
        f"{new_task(1)} really",
    ]
    result = one_call(" " + "\n10. ".join(candidates))
    assert decided(result) == dict(
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


def test_the_last_item_of_a_completion_that_was_cut_off_is_dropped() -> None:
    result = one_call(f" {new_task(1)}\n10. {new_task(2)}", complete=False)
    assert decided(result) == {new_task(1): ("kept", None)}


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


def test_an_answer_without_a_whole_sentence_is_rejected_and_one_with_an_error_failed() -> None:
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
    assert decided(result) == {
        new_task(0): ("kept", None),
        new_task(1): ("rejected", "no whole sentence"),
        new_task(2): ("rejected", "no whole sentence"),
        new_task(3): ("failed", "out of memory"),
    }


def test_no_more_than_most_instructions_are_taken() -> None:
    candidates = [new_task(number) for number in range(5)]
    result = one_call(" " + "\n10. ".join([*candidates, "Too short."]), most=3)
    assert decided(result) == {
        **{candidate: ("kept", None) for candidate in candidates[:3]},
        **{candidate: ("rejected", "enough instructions") for candidate in candidates[3:]},
        "Too short.": ("rejected", "too short"),
    }


def test_a_pair_descends_from_its_examples_its_call_and_the_calls_of_machine_made_examples() -> None:
    writer = ScriptedWriter(bootstrapped)
    result = generate(SEEDS, SETTINGS, writer, 7)
    id_of = dict(SEEDS.select("instruction", "id").iter_rows())
    calls_of: dict[str, list[tuple[str, str]]] = {}
    for prompts, _ in writer.asked[:2]:
        for prompt in prompts:
            shown = re.findall(r"\n\d\. (.+)", prompt.text)
            parents = [
                *((id_of[text], "example") for text in shown if text in id_of),
                *(parent for text in shown if text in calls_of for parent in calls_of[text]),
                (call_of(prompt), "tasks"),
            ]
            number = prompt.seed % 100_000
            for text in (new_task(number), new_task(number + 100_000)):
                calls_of[text] = [(call_of(prompt), "tasks")]
                answered = Prompt.ask(text, row_seed(7, "self_instruct", "answer", text))
                child = result.kept.filter(pl.col("instruction") == text)["id"].item()
                edges = result.edges.filter(pl.col("child") == child).select("parent", "role").rows()
                assert sorted(edges) == sorted({*parents, (call_of(answered), "call")})


# The first example pays for the import of rouge_score.
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

    def script_of(left: list[tuple[list[str], bool]], answers: list[str]) -> Script:
        def script(prompt: Prompt) -> tuple[str, bool, str | None]:
            if prompt.messages:
                return answers.pop(), False, None
            items, failed = left.pop()
            return " " + "\n10. ".join(items), True, "out of memory" if failed and not items else None

        return script

    def build() -> Result:
        writer = ScriptedWriter(script_of(list(lists), list(answers)))
        return generate(SEEDS, settings(calls=calls, rounds=rounds, most=most), writer, seed)

    result, again = build(), build()
    candidates = sum(len(items) for items, _ in lists)
    failed = sum(failed and not items for items, failed in lists)
    assert len(result.decisions) == candidates + failed
    assert result.decisions["record"].n_unique() == candidates + failed
    assert len(result.kept) + len(result.dropped) == len(result.decisions)
    assert set(result.kept["id"]) | set(result.dropped["id"]) == set(result.decisions["record"])
    assert result.decisions.equals(again.decisions)
    assert result.kept.equals(again.kept)
    assert result.edges.equals(again.edges)


def test_two_runs_are_equal_and_another_seed_is_another_draw() -> None:
    one, other, third = (generate(SEEDS, SETTINGS, ScriptedWriter(bootstrapped), seed) for seed in (7, 7, 8))
    assert one.decisions.equals(other.decisions)
    assert one.kept.equals(other.kept)
    assert one.dropped.equals(other.dropped)
    assert one.edges.equals(other.edges)
    assert set(one.kept["id"]).isdisjoint(third.kept["id"])
