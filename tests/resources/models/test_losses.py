"""Filters and scores are made from losses. A loss must be that of a plain forward pass, whatever is saved on the way:
the shared beginning that is read once, the logits of prompts that are never computed, the padding."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from resources.models import losses
from resources.models.language_model import LanguageModel
from resources.models.losses import Row, mean_losses
from tests.resources.models.test_engines import tiny_of

HEAD = [3 + number * 5 % 12 for number in range(20)]


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Any:
    return LanguageModel(tiny_model).model


def plain(model: Any, row: Row) -> float:
    """By a forward pass over the row alone."""
    head, tail = row
    with torch.inference_mode():
        logits = model(torch.tensor([head + tail])).logits[0, len(head) - 1 : -1]
    return float(torch.nn.functional.cross_entropy(logits, torch.tensor(tail)))


ROWS: dict[str, list[Row]] = {
    "shared beginning": [([*HEAD, 4 + number], [5, 6, 7][: 1 + number % 3]) for number in range(8)],
    "nothing shared": [([3 + number, 9], [5, 6, 7]) for number in range(8)],
    "one is the beginning of the next": [(HEAD[: 18 + number], [5, 6]) for number in range(8)],
    "equal prompts": [(HEAD, [5 + number, 6]) for number in range(8)],
    "choices of one token": [(HEAD, [5 + number]) for number in range(8)],
    "prompts of one token": [([3], [4 + number] * 9) for number in range(8)],
    "one row": [(HEAD, [5, 6, 7])],
    "the same row twice": [(HEAD, [5, 6, 7])] * 2,
    "the same tokens divided in two ways": [(HEAD[:9], HEAD[9:]), (HEAD[:15], HEAD[15:])],
    "more positions than are turned into losses at once": [([3 + number], HEAD * 10) for number in range(2)],
}


@pytest.mark.parametrize("name", ROWS)
def test_a_loss_is_that_of_a_plain_forward_pass(model: Any, name: str) -> None:
    for found, row in zip(mean_losses(model, ROWS[name], pad=1), ROWS[name], strict=True):
        assert math.isclose(found, plain(model, row), rel_tol=1e-5)


def test_a_shared_beginning_is_read_once(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[int, ...]] = []
    hook = model.get_input_embeddings().register_forward_pre_hook(lambda _, given: read.append(tuple(given[0].shape)))
    rows = ROWS["shared beginning"]
    mean_losses(model, rows, pad=1)
    monkeypatch.setattr(losses, "LEAST_SAVED", 1_000)
    mean_losses(model, rows, pad=1)
    hook.remove()
    assert read == [(1, 20), (8, 3), (8, 23)]


def test_logits_are_computed_only_for_tokens_that_count(model: Any) -> None:
    counted: list[tuple[int, ...]] = []
    layer = model.get_output_embeddings()
    hook = layer.register_forward_hook(lambda *given: counted.append(tuple(given[2].shape[:2])))
    rows = ROWS["nothing shared"]
    mean_losses(model, rows, pad=1)
    hook.remove()
    assert counted == [(1, sum(len(tail) for _, tail in rows))]


def test_the_model_computes_all_logits_again_afterwards(model: Any) -> None:
    mean_losses(model, ROWS["shared beginning"], pad=1)
    assert model(torch.tensor([HEAD])).logits.shape[:2] == (1, len(HEAD))


def test_a_continuation_without_tokens_has_no_loss(model: Any) -> None:
    empty, other = mean_losses(model, [(HEAD, []), (HEAD, [5])], pad=1)
    assert math.isnan(empty)
    assert math.isclose(other, plain(model, (HEAD, [5])), rel_tol=1e-5)


@pytest.mark.parametrize(
    ("architecture", "window"), [("gemma2", 8), ("gemma3_text", 8), ("mistral", 8), ("granite", None)]
)
def test_models_that_scale_logits_or_see_a_window_have_the_same_losses(
    architecture: str, window: int | None, tiny_model: Path, tmp_path: Path
) -> None:
    model = LanguageModel(tiny_of(architecture, tiny_model, tmp_path / "model", sliding_window=window)).model
    for name in ("shared beginning", "nothing shared"):
        for found, row in zip(mean_losses(model, ROWS[name], pad=1), ROWS[name], strict=True):
            assert math.isclose(found, plain(model, row), rel_tol=1e-4)
