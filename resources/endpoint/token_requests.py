"""Requests to a server with a model's tokens, so that it reads exactly what the model reads on this machine.

Which tokens a text and a chat template give is decided here, so a control token in a text stays a text. `token_ids`,
`prompt_logprobs` and `stop_token_ids` are those of vLLM:
https://docs.vllm.ai/en/latest/serving/openai_compatible_server. Embeddings have the form of
https://platform.openai.com/docs/api-reference/embeddings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resources.endpoint.answer import CUT_OFF, ENDED, Written, choice_of, require_model, tokens_in
from resources.endpoint.errors import RowFailed
from resources.models.calls import Sampling
from resources.models.losses import response_of
from warehouse.store.calls import Answer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class CompletionRequest:
    """The completion of a prompt of tokens. `ends` are the tokens that end it, `text_of` makes text of its tokens.

    `opened` says that the prompt ends within a thought."""

    tokens: Sequence[int]
    sampling: Sampling
    seed: int
    stops: Sequence[str]
    ends: Sequence[int]
    text_of: Callable[[list[int]], tuple[str, int, bool]]
    opened: bool = False
    path: str = "completions"

    @property
    def reads(self) -> int:
        """How many tokens the server reads."""
        return len(self.tokens)

    def body(self, model: str) -> dict[str, Any]:
        """What is posted."""
        asked: dict[str, Any] = {
            "model": model,
            "prompt": list(self.tokens),
            "max_tokens": self.sampling.max_new_tokens,
        }
        asked |= {"temperature": self.sampling.temperature, "return_token_ids": True}
        if self.sampling.temperature > 0:
            asked |= {"top_p": self.sampling.top_p, "seed": self.seed}
        if self.ends:
            asked["stop_token_ids"] = list(self.ends)
        return asked | ({"stop": list(self.stops)} if self.stops else {})

    def read(self, answer: Mapping[str, Any], model: str) -> Written:
        """The completion. Raises RowFailed where there is none, or not its tokens."""
        choice = choice_of(answer, model)
        written = choice.get("token_ids")
        if not isinstance(written, list) or not all(type(one) is int and one >= 0 for one in written):
            raise RowFailed("answered without the tokens that it wrote (`token_ids`); use vLLM 0.10.2 or later")
        ending, budget = choice.get("finish_reason"), self.sampling.max_new_tokens
        if ending not in (*ENDED, CUT_OFF):
            raise RowFailed(f"ended its answer with {ending!r} instead of an end or the budget")
        if ending == CUT_OFF and len(written) < budget:
            raise RowFailed(
                f"ended its answer after {len(written)} of {budget} tokens, at a limit of its own: --max-model-len"
            )
        text, tokens, complete = self.text_of(written)
        return Written(text, tokens, complete or ending in ENDED, opened=self.opened)


@dataclass(frozen=True)
class Measured:
    """The mean loss of a continuation of so many tokens, in nats."""

    loss: float
    tokens: int

    def answer(self, seconds: float, engine: str) -> Answer:
        """It, as the memo records it."""
        return Answer(response_of(self.loss), self.tokens, seconds, engine=engine)


@dataclass(frozen=True)
class LossRequest:
    """The loss of the tokens `tail` after `head`: what the server says of the tokens of a prompt that it reads."""

    head: Sequence[int]
    tail: Sequence[int]
    path: str = "completions"

    @property
    def reads(self) -> int:
        """How many tokens the server reads."""
        return len(self.head) + len(self.tail)

    def body(self, model: str) -> dict[str, Any]:
        """What is posted. A server writes at least one token, which is not read."""
        return {
            "model": model,
            "prompt": [*self.head, *self.tail],
            "max_tokens": 1,
            "temperature": 0.0,
            "prompt_logprobs": 0,
        }

    def read(self, answer: Mapping[str, Any], model: str) -> Measured:
        """The loss. Raises RowFailed where the answer does not say it of each token."""
        said = choice_of(answer, model).get("prompt_logprobs")
        if not isinstance(said, list) or len(said) != len(self.head) + len(self.tail):
            raise RowFailed(
                "answered without `prompt_logprobs` for each token; use vLLM, or leave losses out of `gives`"
            )
        found = [_logprob(of, token) for of, token in zip(said[len(self.head) :], self.tail, strict=True)]
        return Measured(-math.fsum(found) / len(found) if found else math.nan, len(found))


@dataclass(frozen=True)
class Embedded:
    """A unit-length embedding of a text of so many tokens."""

    vector: NDArray[np.float32]
    tokens: int

    def answer(self, seconds: float, engine: str) -> Answer:
        """It, as the memo records it."""
        return Answer({}, self.tokens, seconds, vector=self.vector, engine=engine)


@dataclass(frozen=True)
class EmbeddingRequest:
    """The embedding of a text. What exceeds the model's context is left out, as on this machine."""

    text: str
    path: str = "embeddings"

    def body(self, model: str) -> dict[str, Any]:
        """What is posted."""
        return {"model": model, "input": self.text, "encoding_format": "float", "truncate_prompt_tokens": -1}

    def read(self, answer: Mapping[str, Any], model: str) -> Embedded:
        """The embedding, made unit-length. Raises RowFailed where there is none."""
        import numpy as np

        require_model(answer, model)
        data = answer.get("data")
        found = data[0].get("embedding") if isinstance(data, list) and data and isinstance(data[0], dict) else None
        try:
            vector = np.asarray(found, dtype=np.float32)
        except (TypeError, ValueError):
            vector = np.empty(0, dtype=np.float32)
        length = float(np.linalg.norm(vector)) if vector.ndim == 1 and vector.size else 0.0
        if not (math.isfinite(length) and length > 0):
            raise RowFailed("answered without an embedding")
        return Embedded(vector / np.float32(length), tokens_in(answer.get("usage"), "read", 0))


def _logprob(of: Any, token: int) -> float:
    entry = of.get(str(token)) if isinstance(of, dict) else None
    value = entry.get("logprob") if isinstance(entry, dict) else None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise RowFailed("answered with `prompt_logprobs` that leave out a token")
    return float(value)
