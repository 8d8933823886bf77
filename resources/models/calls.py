"""The inputs and outputs of model calls as plain values, so that other code needs no model library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Message = dict[str, str]


@dataclass(frozen=True)
class Prompt:
    """One prompt: chat messages for the model's chat template, or bare text to continue.

    `seed` is the row's own, so that its text depends on no other row of the batch. With `is_template`, `text` is a part
    of the model's chat template: its control tokens are meant as such. Everywhere else they are text.
    """

    messages: tuple[tuple[str, str], ...] = ()
    text: str = ""
    seed: int = 0
    is_template: bool = field(default=False, compare=False)

    @staticmethod
    def ask(question: str, seed: int = 0) -> Prompt:
        """A prompt of a single user turn."""
        return Prompt(messages=(("user", question),), seed=seed)

    @property
    def contents(self) -> list[str]:
        """The texts in which control tokens are text."""
        return [*(content for _, content in self.messages), *([] if self.is_template else [self.text])]

    def chat(self) -> list[Message]:
        """The messages in the form that chat templates take."""
        return [{"role": role, "content": content} for role, content in self.messages]


@dataclass(frozen=True)
class Sampling:
    """How to decode: greedy at temperature 0, else nucleus sampling. Stops before the first of the strings `stop`."""

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Completion:
    """A model's answer. `complete` is false if it was cut off; `call` is the id of the call in the memo.

    `error` is set if the model failed, where a retry may help; `refusal` if the text exceeds the context. `thoughts`
    are not part of `text`; the call has the whole text on record. `thought_cut_off` says that the last thought never
    ends, so that there is no whole answer.
    """

    text: str
    complete: bool
    call: str
    error: str | None = None
    refusal: str | None = None
    thoughts: tuple[str, ...] = ()
    thought_cut_off: bool = False


@dataclass(frozen=True)
class TokenLoss:
    """Mean loss in nats over `tokens` tokens. `error` as in a Completion; `refusal` also if the loss is not finite."""

    mean: float
    tokens: int
    call: str
    error: str | None = None
    refusal: str | None = None


@dataclass(frozen=True)
class Vector:
    """A unit-length sentence embedding; `error` is set if the model failed."""

    values: NDArray[np.float32]
    call: str
    error: str | None = None


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter, or all weights of a model: the id of the training call that made it, and their SHA-256."""

    training: str
    weights: str


LATER: dict[str, Any] = {"later": True}
"""Marks settings of a Training that a request has only where they are not at their default: calls from before they
existed keep their keys."""


ADAPTER_ONLY = {"rank", "alpha", "last_layers", "target_modules", "dropout"}
"""The settings of a Training that say how its adapter is made."""


@dataclass(frozen=True)
class Training:
    """How to fine-tune, with a loss on completions only: by LoRA, or all weights (`method` full).

    `last_layers` limits the adapter (None: every layer). The `batch_size` examples of a step are read `micro_batch` at
    a time (None: all at once). `warmup` is a share of the steps. `precision` is the type of numbers in which
    activations and gradients are computed (None: that of the device); the weights that are trained are in float32.
    """

    epochs: int
    learning_rate: float
    rank: int | None
    alpha: int | None
    batch_size: int
    max_tokens: int
    last_layers: int | None
    target_modules: tuple[str, ...]
    checkpoint_every: int
    seed: int = 0
    method: Literal["lora", "full"] = field(default="lora", metadata=LATER)
    micro_batch: int | None = field(default=None, metadata=LATER)
    warmup: float = field(default=0.0, metadata=LATER)
    scheduler: Literal["linear", "cosine", "constant"] = field(default="linear", metadata=LATER)
    weight_decay: float = field(default=0.0, metadata=LATER)
    dropout: float = field(default=0.0, metadata=LATER)
    precision: Literal["bfloat16"] | None = field(default=None, metadata=LATER)

    def request(self) -> dict[str, Any]:
        """The settings that decide the weights, as part of a request."""
        unused = {"checkpoint_every"} | (ADAPTER_ONLY if self.method == "full" else set())
        return {
            one.name: value
            for one in fields(self)
            if one.name not in unused
            and not ((value := getattr(self, one.name)) == one.default and one.metadata == LATER)
        }


@dataclass(frozen=True)
class Trained:
    """A finished training run: the adapter, the mean loss of each optimizer step, and that of the held-out examples
    after each epoch."""

    adapter: Adapter
    losses: list[float] = field(default_factory=list)
    call: str = ""
    validation: Sequence[float] = ()


class Writer(Protocol):
    """The part of a model that generation methods use."""

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """One completion per prompt, in order."""
        ...


class Reader(Protocol):
    """The part of a model that measures how well texts fit each other."""

    def losses(self, texts: Sequence[tuple[Prompt, str]], ends: bool = False) -> list[TokenLoss]:
        """The loss of each continuation given its prompt, in order.

        With `ends`, a continuation is an answer that ends there: the end of its turn counts too, as in training."""
        ...


class WriterAndReader(Writer, Reader, Protocol):
    """A model that writes texts and measures losses."""
