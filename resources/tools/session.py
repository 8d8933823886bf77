"""What models need of the tools of an asset, so that no model has to import the tools that create it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from resources.models.model_folder import ModelFolder
from resources.tools.workbench import Workbench
from warehouse.store.memo import Memo

Progress = Callable[[int, int], None]
"""Called with how many calls or steps are done, and how many there are; 0 and 0 where nothing is counted."""

SECONDS_OF_A_RATE = 1.0
"""A rate over less time than this is not shown (our choice)."""


class Session(Protocol):
    """The part of `Tools` that models use."""

    @property
    def bench(self) -> Workbench:
        """Where models are loaded from."""
        ...

    def memo(self, *packages: str, numerics: str = "") -> Memo:
        """The memo; `packages` compute the calls that are not in it, in numbers such as "float32 on cpu"."""
        ...

    def model_folder(self, name: str, fetch: bool) -> ModelFolder | None:
        """The folder of the language model `name`; None where it is not on this machine and `fetch` is false."""
        ...

    def progress(self, what: str) -> Progress:
        """Reports progress of `what`, such as "completions"."""
        ...

    def base_folder(self, name: str) -> Path:
        """The folder of the language model `name`, in the form that transformers loads."""
        ...


def completions_at(tokens: int, seconds: float) -> str:
    """What is in progress while tokens are written: "completions (175 tokens/s)"."""
    if not tokens or seconds < SECONDS_OF_A_RATE:
        return "completions"
    return f"completions ({tokens / seconds:,.0f} tokens/s)"
