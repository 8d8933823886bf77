"""Every published rejection rule of Self-Instruct (arXiv 2212.10560), each with its own example."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assets.generation.methods.self_instruct import Pool, Rejection, Task
from tests.support.bootstrapping import SETTINGS, pool


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
        ("write a program that sorts numbers", Rejection("starts with: Write a program")),
        ("WRITE A Program that sorts numbers", Rejection("starts with: Write a program")),
        ("Write any program that sorts numbers", None),
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


def test_seed_tasks_in_another_language_allow_another_first_letter() -> None:
    found = Pool([Task("请解释为什么天空是蓝色的。"), Task("Who was Ada?")], SETTINGS)
    assert found.rejection("请写一首关于茶的短诗。") is None
    assert found.rejection("写诗。") == Rejection("too short", 2, 4)
    assert found.rejection("请解释为什么天空是蓝色的！") == Rejection("ROUGE-L", 1.0, 0.7)
    assert found.rejection("，请写一首关于茶的短诗。") == Rejection("starts with a non-ASCII character")


def test_an_instruction_without_a_letter_or_digit_is_rejected() -> None:
    assert pool().rejection("\x7f \x7f \x7f \x7f") == Rejection("no instruction")


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
    made.add(Task("How do I make Pesto?"))
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
    made.add(Task("How do I make Pesto?"))
    found = made.rejection("How do I make Gnocchi?")
    assert found is not None
    assert found.score == pytest.approx(0.8)


def test_a_full_pool_compares_no_instruction_with_the_others() -> None:
    made = pool("How do I make Pesto?", most=1)
    made.add(Task("Who was Ada Lovelace?"))
    assert made.rejection("How do I make Gnocchi?") == Rejection("surplus")
    assert made.rejection("Draw it!") == Rejection("too short", 2, 4)


def test_words_are_not_stemmed_as_published() -> None:
    # With a stemmer all five words would match.
    assert pool("Bake cakes and eat apples").rejection("Baking cake and eating apple") is None


def test_rules_apply_in_the_published_order() -> None:
    assert pool().rejection("Draw it!") == Rejection("too short", 2, 4)
    assert pool().rejection("Write a program to draw it") == Rejection("blacklisted word: draw")
