"""Completions and losses of a model of the recipe from servers that have its weights (`servers` in deployment.yaml).

The model's files are on this machine too, so that its tokens are made here: a server reads exactly what the model
reads here. It computes in numbers of its own, so its answers have keys of their own in the memo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resources.models import protocol
from resources.models.calls import Adapter, Prompt, Sampling
from resources.models.thoughts import opens_thought
from resources.tools.asked import Prepared, asked
from resources.tools.batching import too_long
from resources.tools.servers import endpoint_of, numerics_of
from resources.tools.session import Session
from warehouse.store.calls import Answer, Call

if TYPE_CHECKING:
    from resources.endpoint.token_requests import CompletionRequest, LossRequest
    from resources.models.model_texts import ModelTexts


@dataclass(frozen=True)
class ServedModel:
    """The language model `name`, with the LoRA adapter `adapter` if one is given. Serves as Completer."""

    session: Session
    name: str
    adapter: Adapter | None = None

    def stamp(self, sampling: Sampling) -> dict[str, Any]:
        """What the request of a completion gets beside its content."""
        return protocol.stamp(protocol.COMPLETION, numerics_of(self.session.bench, self.name))

    def completions(self, calls: Sequence[Call], prompts: Mapping[str, Prompt], sampling: Sampling) -> list[Answer]:
        """The answers to completion calls; a prompt that leaves no room for the budget is refused."""
        from resources.endpoint.token_requests import CompletionRequest

        marks, budget = self.session.bench.thoughts.get(self.name), sampling.max_new_tokens

        def request(texts: ModelTexts, call: Call) -> CompletionRequest:
            prompt = prompts[call.key]
            stops = texts.stops(prompt, sampling)
            return CompletionRequest(
                texts.of_prompt(prompt),
                sampling,
                prompt.seed,
                stops,
                texts.ends,
                lambda written: texts.written(written, stops, budget),
                opens_thought(texts.render(prompt), marks),
            )

        return self._asked(calls, request, budget, "completions")

    def losses(
        self, calls: Sequence[Call], texts: Mapping[str, tuple[Prompt, str]], ends: bool = False
    ) -> list[Answer]:
        """The answers to loss calls; a text that exceeds the context is refused."""
        from resources.endpoint.token_requests import LossRequest

        def request(of: ModelTexts, call: Call) -> LossRequest:
            return LossRequest(*of.measured(*texts[call.key], ends))

        # A server writes one token more than it reads.
        return self._asked(calls, request, 1, "losses")

    def _asked(
        self,
        calls: Sequence[Call],
        request: Callable[[ModelTexts, Call], CompletionRequest | LossRequest],
        budget: int,
        what: str,
    ) -> list[Answer]:
        bench = self.session.bench

        def prepared(missing: Sequence[Call]) -> Prepared:
            texts = bench.texts(self.name)
            most, requests = texts.context - budget, {call.key: request(texts, call) for call in missing}
            return {key: too_long(one.reads, most) if one.reads > most else one for key, one in requests.items()}

        return asked(self.session, lambda: endpoint_of(bench, self.name, self.adapter), calls, prepared, what)
