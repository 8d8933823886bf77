"""A wrong score is worse than a missing one. These tests check that a document gets exactly the score that its
lm-evaluation-harness task computes, that unreadable documents, missing answers and unsupported metrics are each
reported, and that nothing is downloaded."""

from __future__ import annotations

import json
import random
import tomllib
from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.evaluation.answerers import Answerer
from assets.evaluation.benchmarks import harness
from assets.evaluation.benchmarks.harness import HarnessTask, TaskRefused
from assets.evaluation.benchmarks.lm_eval import LmEval, measure, metrics
from resources.models.calls import Sampling, TokenLoss
from tests.support.harness_documents import ARC, GSM8K, Scripted, items, offline, scored
from tests.support.recipes import complaints
from tests.support.tiny import ROOT
from warehouse.core.identity import digest

pytest.importorskip("lm_eval", reason="the extra lm_eval is not installed")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch)


def test_a_generated_text_is_scored_by_the_answer_that_the_task_extracts() -> None:
    settings = LmEval(task="gsm8k", metrics=("exact_match,strict-match", "exact_match,flexible-extract"))
    document = GSM8K[2]
    for text, strict, flexible in [("It is\n#### 1,000", 1.0, 1.0), ("It is 1000", 0.0, 1.0), ("No idea", 0.0, 0.0)]:
        result = measure(settings, "base", items([document]), [Answerer(Scripted(text))], 7)
        assert [scored(result, [document], metric) for metric in settings.metrics] == [[strict], [flexible]]


def test_a_score_has_edges_to_the_item_its_calls_and_the_checkpoint() -> None:
    made_by = ((digest("checkpoint"), "checkpoint"),)
    result = measure(LmEval(task="arc_easy"), "x", items(ARC[:1]), [Answerer(Scripted(), 5, made_by)], 7)
    assert result.kept.select("benchmark", "arm", "seed", "metric").rows() == [("lm_eval", "x", 5, "acc")]
    edges = result.edges.select("parent", "role").rows()
    assert edges == [(items(ARC[:1])["id"][0], "item"), (digest("call"), "call"), made_by[0]]


def test_unreadable_documents_are_quarantined_and_the_others_are_scored() -> None:
    documents = [
        "no JSON",
        "[1, 2]",
        "{}",
        {"question": "what is near"},
        {"question": 3, "choices": None, "answerKey": []},
        ARC[0] | {"answerKey": "Z"},
        *ARC,
    ]
    settings = LmEval(task="arc_easy", metrics=("acc", "acc_norm"))
    result = measure(settings, "base", items(documents), [Answerer(Scripted())], 7)
    outcomes = [outcome for outcome, *_ in result.decisions.select("outcome").rows()]
    assert outcomes.count("kept") == 6
    assert outcomes.count("quarantined") == 12
    assert result.incoming == 18
    reasons = set(result.decisions["reason"].drop_nulls())
    assert "details is not a JSON object" in reasons
    assert any(reason.startswith("the task cannot read it: ") for reason in reasons)


def test_documents_alone_that_cannot_be_read_stop_nothing() -> None:
    result = measure(LmEval(task="arc_easy"), "base", items(["x", '{"a": 1}']), [Answerer(Scripted())], 7)
    assert {outcome for outcome, _ in result.counts()} == {"quarantined"}


@given(details=st.text(max_size=40) | st.dictionaries(st.text(max_size=5), st.integers() | st.text()).map(json.dumps))
@settings(max_examples=25)
def test_any_details_are_decided_about(details: str) -> None:
    result = measure(LmEval(task="arc_easy"), "base", items([details, ARC[0]]), [Answerer(Scripted())], 7)
    assert len(result.decisions) == 2


def test_a_missing_model_answer_gives_no_score() -> None:
    model = Scripted(
        stone=TokenLoss(0.0, 0, "a", refusal="no room"), old=TokenLoss(0.0, 0, "b", error="MemoryError: no room")
    )
    result = measure(LmEval(task="arc_easy"), "base", items(ARC), [Answerer(model)], 7)
    assert result.counts() == {
        ("kept", ""): 1,
        ("rejected", "no room"): 1,
        ("failed", "MemoryError: no room"): 1,
    }


def test_a_shuffling_task_depends_only_on_the_document_and_its_seed() -> None:
    document = {
        "Question": "what is the river",
        "Correct Answer": "old",
        "Incorrect Answer 1": "stone",
        "Incorrect Answer 2": "house",
        "Incorrect Answer 3": "garden",
    }
    task, seeds = HarnessTask("gpqa_main_zeroshot"), range(6)
    random.seed(1)
    before = random.getstate()
    forth = [task.ask(document, seed).questions[0].prompt.text for seed in seeds]
    assert random.getstate() == before
    back = [HarnessTask("gpqa_main_zeroshot").ask(document, seed).questions[0].prompt.text for seed in reversed(seeds)]
    assert forth == back[::-1]
    assert len(set(forth)) > 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("arc_eazy", "lm_eval has no task 'arc_eazy' (groups are not supported): see `lm_eval ls subtasks`"),
        ("mmlu", "lm_eval has no task 'mmlu' (groups are not supported): see `lm_eval ls subtasks`"),
        ("wikitext", "wikitext of lm_eval is not supported: its metrics are weighted by length"),
        ("humaneval", "humaneval of lm_eval is not supported: it runs code that a model wrote"),
        ("mmmu_val_art", "mmmu_val_art of lm_eval is not supported: it uses pictures or sound"),
        ("squadv2", "squadv2 of lm_eval is not supported: it is a class, not a configuration"),
    ],
)
def test_an_unsupported_task_is_rejected_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(TaskRefused) as refused:
        HarnessTask(name)
    assert str(refused.value) == reason


def test_a_task_with_a_quoted_name_is_found() -> None:
    assert HarnessTask("mmlu_anatomy").config["dataset_name"] == "anatomy"


def test_a_value_that_a_loss_does_not_provide_is_an_error() -> None:
    task = HarnessTask("arc_easy")
    task.config["process_results"] = lambda document, results: {"acc": float(results[0][1])}
    asked = task.ask(ARC[0], 1)
    with pytest.raises(TaskRefused, match="asks which continuation is the likeliest"):
        task.values(asked, [TokenLoss(1.0, 2, "a")] * 3, ["acc"], 1)


def test_a_missing_dependency_of_the_task_is_not_blamed_on_a_document() -> None:
    def process(documents: object) -> None:
        raise ModuleNotFoundError("No module named 'math_verify'")

    task = HarnessTask("arc_easy")
    task.config["process_docs"] = process
    with pytest.raises(TaskRefused, match="ModuleNotFoundError: No module named 'math_verify'"):
        task.ask(ARC[0], 1)


LAMBADA = {"text": "the old river and the stone house"}


@pytest.mark.parametrize(
    ("settings", "document", "reason"),
    [
        (LmEval(task="arc_easy", metrics=("f1",)), ARC[0], "arc_easy has no metric 'f1'; it has 'acc', 'acc_norm'"),
        (
            LmEval(task="gsm8k", metrics=("exact_match",)),
            GSM8K[0],
            "gsm8k has no metric 'exact_match'; it has 'exact_match,strict-match', 'exact_match,flexible-extract'",
        ),
        (
            LmEval(task="arc_easy", lower=("acc",)),
            ARC[0],
            "for 'acc' of arc_easy higher is better: remove it from lower",
        ),
        (
            LmEval(task="lambada_openai", metrics=("perplexity",), lower=("perplexity",)),
            LAMBADA,
            "lambada_openai does not average 'perplexity' over documents, as scores require",
        ),
        (
            LmEval(task="lambada_openai"),
            LAMBADA,
            "'acc' of lambada_openai asks which continuation is the likeliest, which losses do not show",
        ),
        (
            LmEval(task="arc_easy", shots=5),
            ARC[0],
            "arc_easy has no examples of its own, and scored documents cannot be examples: set shots to 0",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unknown_or_unsupported_metric_is_rejected(settings: LmEval, document: dict[str, Any], reason: str) -> None:
    with pytest.raises(TaskRefused) as refused:
        measure(settings, "base", items([document]), [Answerer(Scripted())], 7)
    assert str(refused.value) == reason


def test_decoding_settings_come_from_the_task() -> None:
    task = HarnessTask("gsm8k")
    task.ask(GSM8K[0], 1)
    assert task.sampling(None) == Sampling(256, stop=("Question:", "</s>", "<|im_end|>"))
    assert task.sampling(12).max_new_tokens == 12
    decoding = task._task.config.generation_kwargs
    decoding |= {"do_sample": True, "temperature": 0.5, "top_p": 0.9, "max_gen_toks": 32, "num_beams": 1, "until": "."}
    assert task.sampling(None) == Sampling(32, 0.5, 0.9, (".",))
    decoding["num_beams"] = 4
    with pytest.raises(TaskRefused, match="gsm8k decodes with num_beams, which is not supported here"):
        task.sampling(None)


def test_a_wrong_or_missing_version_is_reported_with_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    harness._config.cache_clear()
    monkeypatch.setattr(harness, "version", lambda package: "0.4.9")
    with pytest.raises(TaskRefused) as refused:
        HarnessTask("arc_easy")
    told = "lm_eval needs lm_eval 0.4.13, found 0.4.9: pip install 'slingshot[lm_eval]'"
    assert str(refused.value) == told

    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(harness, "version", missing)
    with pytest.raises(TaskRefused, match="found nothing"):
        HarnessTask("arc_easy")


def test_the_required_version_equals_the_pinned_one() -> None:
    pin = f"lm_eval=={harness.VERSION}"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["lm_eval"][0] == pin
    assert pin in (ROOT / "requirements.txt").read_text().splitlines()


def test_shares_are_shown_in_percent_and_other_metrics_as_they_are() -> None:
    told = metrics(LmEval(task="x", metrics=("acc_norm", "exact_match,none", "bleu", "rate"), lower=("rate",)))
    assert [(one.name, one.better, one.unit, one.scale) for one in told] == [
        ("acc_norm", "higher", "%", 100.0),
        ("exact_match,none", "higher", "%", 100.0),
        ("bleu", "higher", "points", 1.0),
        ("rate", "lower", "points", 1.0),
    ]


def test_documents_are_required_and_lower_must_name_metrics() -> None:
    assert complaints(("evaluation.lm_eval", {"task": "arc_easy", "lower": ["f1"], "shots": -1})) == [
        "evaluation.lm_eval.shots: found -1; it must be greater than or equal to 0",
        "evaluation.lm_eval.lower: found ['f1']; it must name metrics of this benchmark",
    ]
    assert complaints(("evaluation.lm_eval", {"task": "arc_easy", "lower": ["f1"]})) == [
        "benchmark_items: found nothing; evaluation.lm_eval needs a selection with the benchmark 'lm_eval'",
        "evaluation.lm_eval.lower: found ['f1']; it must name metrics of this benchmark",
    ]
