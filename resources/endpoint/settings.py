"""How endpoints are asked: how much at once, how long at most, and at which addresses. None of it changes a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Task = Literal["completions", "adapters", "losses", "embeddings"]
TASKS: tuple[Task, ...] = get_args(Task)
"""What a server can be asked for: `adapters` are completions and losses of the model with a LoRA adapter."""


@dataclass(frozen=True)
class Fleet:
    """Servers with the weights of one model of the recipe, at base URLs, and what they are asked for."""

    urls: tuple[str, ...]
    gives: frozenset[Task] = frozenset(TASKS)


@dataclass(frozen=True)
class Settings:
    """The settings of the recipe's part `endpoint`, with the same names and defaults.

    `in_flight` is the most requests that one address answers at the same time. `patience` and `deadline` are seconds:
    how long a passing condition is waited out, and how long one request may take in total. `answer_bytes` is the most
    bytes of one answer, also after decompression. `fleet` holds further base URLs by the name of a model.
    """

    in_flight: int = 256
    patience: float = 600.0
    deadline: float = 600.0
    answer_bytes: int = 4 * 2**20
    fleet: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
