"""Rows of a training batch are read as one row without padding, which is faster. This must change no gradient, or a
student would learn something else: no row may see another, and each model must be tried for that before it is relied
upon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from resources.models.completion_loss import summed_loss
from resources.models.language_model import LanguageModel
from resources.models.packing import NO_LOSS, keeps_rows_apart, packed
from tests.resources.models.test_engines import tiny_of

ROWS = [([3, 4, 5, 6, 7, 8], 3), ([9, 10, 4], 1), ([5, 5, 6, 11, 12], 2)]
"""Token ids, and how many of them are the prompt's."""


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Any:
    return LanguageModel(tiny_model).model


def padded() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    width = max(len(ids) for ids, _ in ROWS)
    rows = [(ids + [2] * (width - len(ids)), [1] * len(ids) + [0] * (width - len(ids))) for ids, _ in ROWS]
    labels = [[NO_LOSS] * start + ids[start:] + [NO_LOSS] * (width - len(ids)) for ids, start in ROWS]
    return torch.tensor([ids for ids, _ in rows]), torch.tensor([mask for _, mask in rows]), torch.tensor(labels)


def gradients(model: Any, read: dict[str, torch.Tensor], labels: torch.Tensor) -> tuple[float, list[torch.Tensor]]:
    model.zero_grad()
    logits = model(**read, use_cache=False).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten())
    loss.backward()
    return float(loss), [one.grad.clone() for one in model.parameters() if one.grad is not None]


def test_a_packed_batch_has_the_loss_and_the_gradients_of_the_padded_one(model: Any) -> None:
    ids, mask, labels = padded()
    loss, expected = gradients(model, {"input_ids": ids, "attention_mask": mask}, labels)
    read, of_packed = packed(ids, mask, labels)
    assert read["input_ids"].shape == (1, sum(len(ids) for ids, _ in ROWS))
    packed_loss, found = gradients(model, read, of_packed)
    assert packed_loss == pytest.approx(loss, rel=1e-5)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_the_first_token_of_a_row_is_not_predicted_from_the_row_before(model: Any) -> None:
    ids, mask, _ = padded()
    _, of_packed = packed(ids, mask, ids.masked_fill(mask == 0, NO_LOSS))
    starts = [0, 6, 9]
    assert [place for place, label in enumerate(of_packed[0].tolist()) if label == NO_LOSS] == starts


@pytest.mark.parametrize(
    ("architecture", "apart"),
    [("llama", True), ("qwen2", True), ("qwen3", True), ("phi3", True), ("bloom", False), ("mamba", False)],
)
def test_a_model_is_tried_before_it_gets_packed_rows(
    architecture: str, apart: bool, tiny_model: Path, tmp_path: Path
) -> None:
    model = LanguageModel(tiny_of(architecture, tiny_model, tmp_path / "model")).model.train()
    assert keeps_rows_apart(model) is apart
    assert model.training


@pytest.mark.parametrize("tokens", [1, 256, 600])
def test_the_loss_and_its_gradient_are_those_of_pytorch(tokens: int) -> None:
    torch.manual_seed(tokens)
    logits, targets = torch.randn(tokens, 50, requires_grad=True), torch.randint(50, (tokens,))
    expected = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    (gradient,) = torch.autograd.grad(expected / 7, logits)
    found = summed_loss(logits, targets)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found / 7, logits)[0], gradient, rtol=1e-4, atol=1e-7)
