"""Where models run, and in which type of numbers: bfloat16 on a GPU where there is one, else float32 on the CPU.

torch is imported when a function is called, so that importing this module is cheap.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Precision = Literal["float32", "bfloat16"]


def on_gpu() -> bool:
    """Whether models run on a GPU."""
    # A torch for CPUs says so by its version. Its import takes seconds, and status and plan ask too.
    if version("torch").endswith("+cpu"):
        return False
    import torch

    return torch.cuda.is_available()


def device() -> str:
    """The kind of device, as torch names it: "cuda" or "cpu"."""
    return "cuda" if on_gpu() else "cpu"


def dtype() -> torch.dtype:
    """The type of a language model's weights.

    On most CPUs bfloat16 is slower than float32, and only in float32 is greedy output the same for all batch shapes.
    """
    import torch

    found: torch.dtype = getattr(torch, precision())
    return found


def precision(kind: str | None = None) -> Precision:
    """The name of that type on a kind of device, by default on that of this machine: "bfloat16" or "float32"."""
    return "bfloat16" if (kind or device()) == "cuda" else "float32"


def numerics(kind: str | None = None) -> str:
    """The type of numbers and the kind of device, such as "bfloat16 on cuda": both change what a model answers."""
    kind = kind or device()
    return f"{precision(kind)} on {kind}"


def lacks_amx() -> bool:
    """Whether this is an x86 processor without AMX, on which training in bfloat16 takes longer than in float32.

    Measured on an Intel Xeon with AVX512_BF16 alone: 1.6 times the processor time of a step.
    """
    if on_gpu():
        return False
    import torch

    return torch.cpu.get_capabilities().get("amx_bf16") is False


def free_bytes() -> int | None:
    """The memory of the GPU that is free for batches, in bytes; None on a CPU."""
    import torch

    if not on_gpu():
        return None
    unused = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    return int(torch.cuda.mem_get_info()[0]) + unused


def free_memory() -> None:
    """Releases the GPU memory of models that are no longer referenced."""
    import torch

    torch.cuda.empty_cache()
