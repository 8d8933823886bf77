"""Model calls and their answers, as the memo has them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from warehouse.core.identity import digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODEL_ERRORS = (RuntimeError, OSError, MemoryError)
"""What a model or its endpoint raises; any other error is a bug, and stops the program."""


@dataclass(frozen=True)
class Call:
    """A model call: its kind, the model's digest, and the exact request (prompt, parameters, seed).

    The request also holds the protocol and the numerics of the call where they are not the default ones; see
    resources/models/protocol.py. With the defaults, the key is the same as before these existed.

    `budget` (most new tokens; 0 if the kind has none) is not part of the key: a completion that ended by itself is the
    answer for every budget that it fits into.
    """

    kind: str
    model: str
    request: dict[str, Any]
    budget: int = 0

    @cached_property
    def key(self) -> str:
        """The id of the call in the memo."""
        return digest({"kind": self.kind, "model": self.model, "request": self.request})


@dataclass(frozen=True)
class Answer:
    """A model's answer to a call. `complete` is false if it was cut off at the call's budget.

    `tokens` counts the tokens written for completions, and the tokens read for other kinds. `error` is set if the model
    failed; such an answer is not kept, so the next run asks again. `engine` is what computed it, where that is not the
    memo's `engine`.
    """

    response: dict[str, Any]
    tokens: int
    seconds: float
    complete: bool = True
    vector: NDArray[np.float32] | None = None
    error: str | None = None
    engine: str = ""


def key_of(kind: str, model: str, request: str) -> str | None:
    """The key of a stored call, whose `request` is JSON; None for one that no build can have stored."""
    try:
        return Call(kind, model, json.loads(request)).key
    except (TypeError, ValueError, RecursionError):
        return None


def answer_digest(
    key: str, budget: int, complete: bool, response: str, vector: Iterable[float] | None, tokens: int, engine: str
) -> str:
    """The hash of the answer to the call `key` as the memo has it, as 32 hex digits. `response` is JSON.

    The key of a call says what was asked. This says what was answered, and by which software.
    """
    numbers = None if vector is None else b"".join(struct.pack("<f", one) for one in vector).hex()
    return digest([key, budget, complete, response, numbers, tokens, engine])


Work = Callable[[list[Call]], list[Answer]]
"""Computes the answers to calls, in their order; raises one of MODEL_ERRORS if the model fails."""

Compose = Callable[[list[Call]], Iterator[tuple[list[Call], Work]]]
"""Splits calls that are not in the memo into batches, each with the work that answers it."""

Arriving = Callable[[list[Call]], Iterator[list[tuple[Call, Answer]]]]
"""Asks for calls, and yields their answers in groups as they arrive; a group may be empty."""

Void = Callable[[Call, Answer], bool]
"""Whether an answer on record does not count, so that the call is asked again."""


@dataclass
class Meter:
    """Counts the model calls of one asset's run."""

    computed: int = 0
    from_memo: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def add(self, answers: Sequence[Answer]) -> None:
        """Counts answers that were computed."""
        self.computed += len(answers)
        self.tokens += sum(answer.tokens for answer in answers)
        self.seconds += sum(answer.seconds for answer in answers)
