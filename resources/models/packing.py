"""Reads the rows of a padded batch as one row without padding, in which no row attends to another.

transformers recognises such a row by its positions, which begin at 0 again and again, and masks exactly. Gradients are
those of the padded batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

NO_LOSS = -100
"""The label of a token that carries no loss, in torch and in trl."""


def packed(ids: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """What the model reads, and the labels, for a batch (rows, tokens) whose `mask` is 0 at padding.

    The first token of a row carries no loss: before it stands the end of another row.
    """
    real = mask.bool()
    positions = (mask.cumsum(1) - 1)[real][None]
    return {"input_ids": ids[real][None], "position_ids": positions}, labels[real][None].masked_fill(
        positions == 0, NO_LOSS
    )


def keeps_rows_apart(model: Any) -> bool:
    """Whether `model` computes for a row behind another one, told apart by positions alone, what it does for it alone.

    Architectures without positions, or with a state that runs through all tokens, do not.
    """
    import torch

    first, second = [3, 4, 5, 6], [6, 5, 4]
    ids = torch.tensor([first + second], device=model.device)
    positions = torch.tensor([[*range(len(first)), *range(len(second))]], device=model.device)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            together = model(input_ids=ids, position_ids=positions, use_cache=False).logits[0, len(first) :]
            alone = model(input_ids=ids[:, len(first) :], use_cache=False).logits[0]
    except (TypeError, ValueError):
        return False  # the model takes no positions
    finally:
        model.train(was_training)
    return bool(torch.allclose(together.float(), alone.float(), rtol=1e-3, atol=1e-3))
