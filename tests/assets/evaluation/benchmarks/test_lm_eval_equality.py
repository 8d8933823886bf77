"""Scores for tasks of lm-evaluation-harness must be comparable with published ones. These tests run the harness's own
evaluator on the same model and documents and check that our prompts, log-likelihoods and scores equal its values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from assets.evaluation.answerers import Answerer
from assets.evaluation.benchmarks import harness
from assets.evaluation.benchmarks.harness import HarnessTask
from assets.evaluation.benchmarks.lm_eval import LmEval, measure
from resources.models.calls import Prompt, Sampling
from tests.support.harness_documents import ARC, GSM8K, OwnModel, items, offline, scored

pytest.importorskip("lm_eval", reason="the extra lm_eval is not installed")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch)


@pytest.fixture(scope="module")
def own_model(tiny_model: Path) -> OwnModel:
    return OwnModel(tiny_model)


@pytest.fixture(scope="module")
def published(tiny_model: Path) -> Callable[..., list[dict[str, Any]]]:
    """The results of the harness's own evaluator for each document, with the harness's own model class."""
    from datasets import Dataset
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM

    model = HFLM(pretrained=str(tiny_model), device="cpu", dtype="float32", batch_size=1)

    def run(name: str, documents: Sequence[dict[str, Any]], chat: bool = False, **changes: Any) -> list[dict[str, Any]]:
        rows = Dataset.from_list(list(documents))
        config = {key: value for key, value in harness._config(name).items() if key != "tag"} | changes
        config["custom_dataset"] = lambda **_: defaultdict(lambda: rows)
        task = ConfigurableTask(config=config)
        found = evaluate(
            model,
            {"tasks": {name: task}, "groups": {}, "group_map": {}},
            bootstrap_iters=0,
            apply_chat_template=chat,
            log_samples=True,
        )
        return sorted(found["samples"][name], key=lambda one: (one["doc_id"], one["filter"]))

    return run


@pytest.mark.parametrize("chat", [False, True], ids=["bare", "chat"])
def test_multiple_choice_is_asked_and_scored_like_the_harness(own_model: Any, published: Any, chat: bool) -> None:
    settings = LmEval(task="arc_easy", metrics=("acc", "acc_norm"), chat=chat)
    result = measure(settings, "base", items(ARC), [Answerer(own_model)], 7)
    assert result.counts() == {("kept", ""): 6}
    theirs = published("arc_easy", ARC, chat=chat, num_fewshot=0)
    if not chat:
        assert scored(result, ARC, "acc") == [0.0, 0.0, 1.0]
    assert scored(result, ARC, "acc") == [one["acc"] for one in theirs]
    assert scored(result, ARC, "acc_norm") == [one["acc_norm"] for one in theirs]


def test_log_likelihoods_equal_those_of_the_harness(own_model: Any, published: Any) -> None:
    theirs = published("arc_easy", ARC, num_fewshot=0)
    task = HarnessTask("arc_easy")
    for document, their in zip(ARC, theirs, strict=True):
        asked = task.ask(document, 1)
        told = [(one.prompt.text, one.continuation) for one in asked.questions]
        assert (
            told == [(one["arg_0"], one["arg_1"]) for one in their["arguments"].values()]
            if isinstance(their["arguments"], dict)
            else [tuple(one) for one in their["arguments"]]
        )
        losses = own_model.losses([(one.prompt, one.continuation or "") for one in asked.questions])
        ours = [-one.mean * one.tokens for one in losses]
        assert ours == pytest.approx([float(one[0][0]) for one in their["resps"]], abs=1e-4)


WINOGRANDE = [
    {"sentence": "the stone near _ and the river", "option1": "the house", "option2": "a garden", "answer": "2"},
    {"sentence": "how does the _ grow near the house", "option1": "garden", "option2": "stone", "answer": "1"},
]


def test_choices_that_are_contexts_are_asked_as_the_harness_does_it(own_model: Any, published: Any) -> None:
    result = measure(LmEval(task="winogrande"), "base", items(WINOGRANDE), [Answerer(own_model)], 7)
    theirs = published("winogrande", WINOGRANDE, num_fewshot=0)
    assert scored(result, WINOGRANDE, "acc") == [one["acc"] for one in theirs]
    asked = HarnessTask("winogrande").ask(WINOGRANDE[0], 1).questions
    assert [(one.prompt.text, one.continuation) for one in asked] == [
        ("the stone near the house", " and the river"),
        ("the stone near a garden", " and the river"),
    ]


def limited(name: str) -> dict[str, Any]:
    """Task settings that limit the harness to 12 new tokens."""
    return {"generation_kwargs": harness._config(name)["generation_kwargs"] | {"max_gen_toks": 12}}


def test_generated_text_is_asked_for_and_scored_like_the_harness(own_model: Any, published: Any) -> None:
    questions = ["what is near the old river", "how does a garden grow"]
    first = OwnModel.complete(
        own_model,
        [Prompt(text=f"Question: {questions[0]}?\nAnswer:")],
        Sampling(max_new_tokens=12, stop=("\n", ".", ",")),
    )[0].text.strip()
    documents = [{"question": one, "answer": {"aliases": [first, "the river"]}} for one in questions]
    documents[1]["answer"]["aliases"] = ["the stone house"]
    settings = LmEval(task="triviaqa", metrics=("exact_match",), max_new_tokens=12)
    result = measure(settings, "base", items(documents), [Answerer(own_model)], 7)
    theirs = published("triviaqa", documents, num_fewshot=0, **limited("triviaqa"))
    assert scored(result, documents, "exact_match") == [one["exact_match"] for one in theirs] == [1.0, 0.0]


@pytest.mark.parametrize(("name", "shots"), [("gsm8k", 0), ("gsm8k_cot", 2)])
def test_each_filter_gives_a_separate_metric(own_model: Any, published: Any, name: str, shots: int) -> None:
    both = ("exact_match,strict-match", "exact_match,flexible-extract")
    settings = LmEval(task=name, metrics=both, shots=shots, max_new_tokens=12)
    own_model.prompts.clear()
    result = measure(settings, "base", items(GSM8K), [Answerer(own_model)], 7)
    theirs = published(name, GSM8K, num_fewshot=shots, **limited(name))
    for metric in both:
        told = [one["exact_match"] for one in theirs if one["filter"] == metric.partition(",")[2]]
        assert scored(result, GSM8K, metric) == told
    assert [prompt.text for prompt in own_model.prompts] == [one["arguments"][0][0] for one in theirs[::2]]
    task = HarnessTask(name, shots)
    task.ask(GSM8K[0], 1)
    texts = own_model.complete(own_model.prompts[:3], task.sampling(12))
    assert [one.text for one in texts] == [one["resps"][0][0] for one in theirs[::2]]
