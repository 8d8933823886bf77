"""Back-translation (arXiv 2308.06259): the last rating decides about each candidate. Between two ratings the model is
trained on the seeds and on the candidates that were rated well. No document may get lost."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.generation.candidates import NOT_CHOSEN
from assets.generation.method import Job
from assets.generation.methods import back_translation
from assets.generation.methods.back_translation import BackTranslation, Example, HumpbackSampling, Rater
from assets.generation.methods.instruction_generation import Text
from assets.generation.rating import score_of
from assets.prompting.prompts import answer, instruction_for
from assets.recipe.filters import Heuristics
from assets.recipe.parts import TrainingPart
from assets.training.checkpoint import training_of
from resources.models.calls import Adapter, Sampling, Trained, Training
from tests.support.recipes import complaints, parsed, put, starter
from tests.support.scripted import ScriptedWriter, call_of, on_text
from warehouse.core.identity import digest, row_seed
from warehouse.results.result import Result

SAMPLING = HumpbackSampling(max_new_tokens=32)
SETTINGS = BackTranslation(instruction=SAMPLING, rating=SAMPLING)
ONCE = SETTINGS.model_copy(update={"iterations": 1})
SEEDS = pl.DataFrame([{"id": "s", "instruction": "Translate.", "input": "Ciao.", "response": "Hello."}])
LEARNED = (answer("Translate.", "Ciao."), "Hello.")

Reply = tuple[str, bool, str | None]


def texts(*names: str) -> list[Text]:
    return [Text(name, name, ((digest(name), "document"), ("b", "backward_model"))) for name in names]


BACKWARD = on_text(lambda text: (f"What is {text.split()[0]}?", True, None))


def rater(says: dict[str, Reply]) -> ScriptedWriter:
    """A rater that answers according to the response, which is a line of the prompt."""
    return ScriptedWriter(on_text(lambda text: says[text.split("Answer:\n")[1].split("\n")[0]]))


class Tuned:
    """Replaces the fine-tuning and records the examples of each training."""

    def __init__(self, *says: dict[str, Reply]) -> None:
        self.raters = [rater(one) for one in says]
        self.learned: list[Sequence[Example]] = []

    def __call__(self, examples: Sequence[Example]) -> Rater:
        self.learned.append(examples)
        number = len(self.learned)
        return Rater(self.raters[number - 1], ((f"training {number}", "rater"),))


def run(names: Sequence[str], wanted: BackTranslation, first: dict[str, Reply], tuned: Tuned) -> Result:
    return back_translation.generate(texts(*names), SEEDS, wanted, ScriptedWriter(BACKWARD), rater(first), tuned, 7)


def outcome_of_each(result: Result) -> dict[str, tuple[str, str | None, float | None, float | None]]:
    """Map each response to its (outcome, reason, score, cut)."""
    response = dict(result.kept.select("id", "response").iter_rows())
    response |= {record: json.loads(content)["response"] for record, content in result.dropped.iter_rows()}
    return {response[record]: tuple(rest) for record, *rest, _ in result.decisions.iter_rows()}  # type: ignore[misc]


def score(number: float) -> Reply:
    return f"It is to the point.\nScore: {number}", True, None


def test_a_rating_decides_about_each_candidate() -> None:
    replies: dict[str, Reply] = {
        "pesto": score(5),
        "rye": score(4),
        "soap": score(3),
        "moss": ("It is fine.", True, None),
        "flint": ("", True, "out of memory"),
    }
    result = run(list(replies), ONCE, replies, Tuned())
    assert result.kept.select("method", "level", "instruction", "input", "response").rows() == [
        ("back_translation", "", "What is pesto?", "", "pesto"),
        ("back_translation", "", "What is rye?", "", "rye"),
    ]
    assert outcome_of_each(result) == {
        "pesto": ("kept", None, 5.0, 4.0),
        "rye": ("kept", None, 4.0, 4.0),
        "soap": ("rejected", "score", 3.0, 4.0),
        "moss": ("rejected", "no score", None, None),
        "flint": ("failed", "out of memory", None, None),
    }


def test_what_has_no_instruction_is_not_rated() -> None:
    replies: dict[str, Reply] = {
        "a": ("", True, None),
        "b": ("What is a very", False, None),
        "c": ("", True, "out of memory"),
    }
    writer, judge = ScriptedWriter(on_text(lambda text: replies[text[0]])), rater({})
    result = back_translation.generate(texts("a", "b", "c"), SEEDS, SETTINGS, writer, judge, Tuned(), 7)
    assert [(outcome, reason) for outcome, reason, *_ in outcome_of_each(result).values()] == [
        ("rejected", "no instruction"),
        ("rejected", "instruction cut off"),
        ("failed", "out of memory"),
    ]
    assert [prompts for prompts, _ in judge.asked] == [[]]


def test_the_model_is_trained_on_seeds_and_kept_candidates_and_its_ratings_decide() -> None:
    first = {"pesto": score(4), "rye": score(2), "soap": ("Fine.", True, None)}
    tuned = Tuned({"pesto": score(3), "rye": score(5), "soap": score(4)})
    result = run(list(first), SETTINGS, first, tuned)
    assert tuned.learned == [[LEARNED, (answer("What is pesto?"), "pesto")]]
    assert outcome_of_each(result) == {
        "rye": ("kept", None, 5.0, 4.0),
        "soap": ("kept", None, 4.0, 4.0),
        "pesto": ("rejected", "score", 3.0, 4.0),
    }


def test_if_no_candidate_is_kept_the_model_is_trained_on_the_seeds_alone() -> None:
    tuned = Tuned({"pesto": score(4)})
    assert outcome_of_each(run(["pesto"], SETTINGS, {"pesto": score(1)}, tuned)) == {"pesto": ("kept", None, 4.0, 4.0)}
    assert tuned.learned == [[LEARNED]]


def test_each_iteration_is_trained_on_the_result_of_the_one_before() -> None:
    tuned = Tuned({"pesto": score(2)}, {"pesto": score(5)})
    wanted = SETTINGS.model_copy(update={"iterations": 3})
    assert outcome_of_each(run(["pesto"], wanted, {"pesto": score(4)}, tuned)) == {"pesto": ("kept", None, 5.0, 4.0)}
    assert tuned.learned == [[LEARNED, (answer("What is pesto?"), "pesto")], [LEARNED]]


def test_a_candidate_drops_out_at_its_first_failed_rating() -> None:
    tuned = Tuned({"pesto": score(4)})
    result = run(["pesto", "rye"], SETTINGS, {"pesto": score(4), "rye": ("", True, "out of memory")}, tuned)
    assert outcome_of_each(result)["rye"] == ("failed", "out of memory", None, None)
    assert result.incoming == 2


def test_nothing_is_trained_for_no_candidate() -> None:
    tuned = Tuned()
    assert run([], SETTINGS, {}, tuned).decisions.is_empty()
    assert tuned.learned == []


def test_a_pair_descends_from_document_backward_model_and_every_call() -> None:
    backward, first, tuned = ScriptedWriter(BACKWARD), rater({"pesto": score(4)}), Tuned({"pesto": score(4)})
    result = back_translation.generate(texts("pesto"), SEEDS, SETTINGS, backward, first, tuned, 7)
    (rating,) = first.asked[0][0]
    assert result.edges.select("parent", "role").rows() == [
        (digest("pesto"), "document"),
        ("b", "backward_model"),
        (call_of(instruction_for("pesto", row_seed(7, "back_translation", "pesto"))), "call"),
        (call_of(rating), "rating"),
        ("training 1", "rater"),
    ]
    assert rating.seed == row_seed(7, "back_translation", "rating", "What is pesto?", "pesto")
    assert backward.asked[0][1] == Sampling(32, 0.7, 0.9, ("\n",))
    assert first.asked[0][1] == Sampling(32, 0.7, 0.9)


class Models:
    """Tools with one scripted model per adapter: none, that of the backward model, and that of the only training."""

    def __init__(self) -> None:
        self.trained: list[tuple[str, Sequence[Example], Training]] = []
        self.written: dict[str | None, ScriptedWriter] = {
            None: rater({"pesto": score(4)}),
            "backward": ScriptedWriter(BACKWARD),
            "trained": rater({"pesto": score(5)}),
        }

    def train(self, name: str, examples: Sequence[Example], training: Training) -> Trained:
        self.trained.append((name, examples, training))
        return Trained(Adapter("the call", "trained"), [], "the call")

    def model(self, name: str, adapter: Adapter | None = None) -> ScriptedWriter:
        assert name == "generator"
        return self.written[adapter.weights if adapter else None]


def test_the_backward_model_writes_and_the_bare_model_then_the_tuned_one_rate() -> None:
    lora = TrainingPart(epochs=1, learning_rate=0.1, rank=2, alpha=4, batch_size=1, max_tokens=8)
    wanted, models = SETTINGS.model_copy(update={"training": lora}), Models()
    documents = pl.DataFrame([{"id": "d", "source": "s", "title": "", "text": "pesto"}])
    backward = pl.DataFrame([{"id": "b", "training": "t", "weights": "backward"}])
    job: Job[BackTranslation] = Job(wanted, 7, "generator", models)  # type: ignore[arg-type]
    result = back_translation.make(job, documents=documents, backward_model=backward, seed_tasks=SEEDS)
    assert outcome_of_each(result) == {"pesto": ("kept", None, 5.0, 4.0)}
    assert models.trained == [
        ("generator", [LEARNED, (answer("What is pesto?"), "pesto")], training_of(lora, 7)),
    ]
    assert {adapter: len(writer.asked) for adapter, writer in models.written.items()} == {
        None: 1,
        "backward": 1,
        "trained": 1,
    }
    assert {("d", "document"), ("b", "backward_model"), ("the call", "rater")} < set(
        result.edges.select("parent", "role").iter_rows()
    )


PIECES = st.lists(
    st.sampled_from(
        [
            "Score",
            "rating",
            ":",
            "=",
            " ",
            "(",
            ")",
            "*",
            "4",
            "5",
            "10",
            ".",
            "/",
            " out of ",
            " points",
            "\n",
            "٤",
            "\x85",
        ]
    )
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(PIECES.map("".join) | st.text(), st.booleans()), max_size=4))
def test_any_rating_gives_one_decision(ratings: list[tuple[str, bool]]) -> None:
    names = [f"text{number}" for number in range(len(ratings))]
    replies: dict[str, Reply] = {name: (*rating, None) for name, rating in zip(names, ratings, strict=True)}
    result = run(names, SETTINGS, replies, Tuned(replies))
    assert len(outcome_of_each(result)) == result.incoming == len(ratings)
    assert all(score_of(*rating) is None or 1 <= (score_of(*rating) or 0) <= 5 for rating in ratings)


@pytest.mark.parametrize(
    ("settings", "rows", "calls"),
    [
        ({}, 120, 120 * 3 + 1),
        ({"count": 50}, 50, 50 * 3 + 1),
        ({"count": 500, "iterations": 3}, 120, 120 * 4 + 2),
        ({"iterations": 1}, 120, 120 * 2),
    ],
)
def test_rows_and_calls_are_bounded(settings: dict[str, int], rows: int, calls: int) -> None:
    assert back_translation.METHOD.most is not None
    found = back_translation.METHOD.most(SETTINGS.model_copy(update=settings), parsed(starter()))
    assert (found.rows, found.calls) == (rows, calls)


def test_only_more_than_one_iteration_needs_a_training() -> None:
    asked = {"instruction": {"max_new_tokens": 8}, "rating": {"max_new_tokens": 8}}
    training = {"epochs": 1, "learning_rate": 0.1, "rank": 1, "alpha": 1, "batch_size": 1, "max_tokens": 8}
    key = "generation.back_translation"
    found = parsed(put(starter(), key, asked | {"training": training})).generation.settings("back_translation")
    assert (found.iterations, found.least_score, found.rating.temperature, found.rating.top_p) == (2, 4, 0.7, 0.9)
    assert complaints((key, asked)) == [
        f"{key}.training: found nothing; 2 iterations need it: the model is fine-tuned between them"
    ]
    assert complaints((key, asked | {"iterations": 1, "training": training})) == [
        f"{key}.iterations: found 1; then nothing is fine-tuned; raise it, or remove {key}.training"
    ]


def test_of_several_instructions_only_the_chosen_one_is_rated() -> None:
    several = ONCE.model_copy(update={"candidates": 3, "choose": "rules"})
    replies = iter(["What?", "What is pesto made of?", "Name the sauce from Genoa."])
    backward, judge = ScriptedWriter(on_text(lambda _: (next(replies), True, None))), rater({"pesto": score(5)})
    result = back_translation.generate(
        texts("pesto"), SEEDS, several, backward, judge, Tuned(), 7, Heuristics(response_words=(1, 9))
    )
    assert result.kept["instruction"].to_list() == ["What is pesto made of?"]
    assert result.incoming == 3
    assert [tuple(row) for _, *row in result.decisions.iter_rows()] == [
        ("kept", None, 5.0, 4.0, None),
        ("rejected", NOT_CHOSEN, 0.0, 1.0, None),
        ("rejected", NOT_CHOSEN, 1.0, 1.0, None),
    ]
    assert [len(prompts) for prompts, _ in judge.asked] == [1]
    first, *others = backward.asked[0][0]
    assert first == instruction_for("pesto", row_seed(7, "back_translation", "pesto"))
    assert len({prompt.seed for prompt in (first, *others)}) == 3
