"""Where models run: on a GPU where there is one, else on the CPU."""

from __future__ import annotations

import torch


def on_gpu() -> bool:
    """Whether models run on a GPU."""
    return torch.cuda.is_available()


def free_memory() -> None:
    """Returns the memory of models that are no longer referred to."""
    torch.cuda.empty_cache()
