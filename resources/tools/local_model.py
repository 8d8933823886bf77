"""Completions and losses from a language model on this machine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resources.models import protocol
from resources.models.calls import Adapter, Prompt, Sampling
from resources.models.device import numerics
from resources.models.thoughts import opens_thought
from resources.tools.batching import Batches, fitting_batches, timed
from resources.tools.session import Session
from warehouse.store.memo import Answer, Call, Compose

if TYPE_CHECKING:
    from resources.models.language_model import LanguageModel

MOST_TOKENS = 12_288
MOST_LOSS_TOKENS = 2_048
"""The most tokens of a batch of completions, and of one of losses, which keeps the logits of many tokens (ours)."""


@dataclass(frozen=True)
class LocalModel:
    """The language model `name`, with `adapter` if one is given. Serves as Completer."""

    session: Session
    name: str
    adapter: Adapter | None = None

    def stamp(self) -> dict[str, Any]:
        """What the request of a completion gets beside its content."""
        return protocol.stamp(protocol.COMPLETION, numerics())

    def completions(self, calls: Sequence[Call], prompts: Mapping[str, Prompt], sampling: Sampling) -> list[Answer]:
        """The answers to completion calls; a prompt that leaves no room for the budget is refused."""

        def compose(missing: list[Call]) -> Batches:
            with self._loaded() as model:
                rendered = {call.key: model.render(prompts[call.key]) for call in missing}

                def work(batch: list[Call]) -> list[Answer]:
                    written, seconds = timed(lambda: model.complete([prompts[call.key] for call in batch], sampling))
                    return [
                        Answer({"text": text} | self._opened(rendered[call.key]), tokens, seconds, complete=complete)
                        for call, (text, tokens, complete) in zip(batch, written, strict=True)
                    ]

                sizes = [model.prompt_size(prompts[call.key]) for call in missing]
                budget = sampling.max_new_tokens
                yield from fitting_batches(missing, sizes, model.context - budget, budget, MOST_TOKENS, work)

        return self._answers(calls, compose, "completions")

    def losses(self, calls: Sequence[Call], texts: Mapping[str, tuple[Prompt, str]]) -> list[Answer]:
        """The answers to loss calls; a text that exceeds the context is refused."""

        def compose(missing: list[Call]) -> Batches:
            with self._loaded() as model:

                def work(batch: list[Call]) -> list[Answer]:
                    measured, seconds = timed(lambda: model.losses([texts[call.key] for call in batch]))
                    return [Answer(_response(loss), tokens, seconds) for loss, tokens in measured]

                sizes = [model.loss_size(*texts[call.key]) for call in missing]
                yield from fitting_batches(missing, sizes, model.context, 0, MOST_LOSS_TOKENS, work)

        return self._answers(calls, compose, "losses")

    def _answers(self, calls: Sequence[Call], compose: Compose, what: str) -> list[Answer]:
        return self.session.memo("transformers", "torch").run(calls, compose, self.session.progress(what))

    def _opened(self, rendered: str) -> dict[str, bool]:
        """That the chat template ends within a thought, where it does; otherwise nothing."""
        marks = self.session.bench.thoughts.get(self.name)
        return {"opened": True} if opens_thought(rendered, marks) else {}

    def _loaded(self) -> AbstractContextManager[LanguageModel]:
        bench = self.session.bench
        folder = None if self.adapter is None else bench.adapter_folder(self.adapter)
        return bench.language_model(self.name).with_adapter(folder)


def _response(loss: float) -> dict[str, Any]:
    return {"loss": loss} if math.isfinite(loss) else {"refusal": "the loss is no finite number"}
