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
from resources.tools.servers import endpoint_of
from resources.tools.session import Session
from warehouse.store.calls import Answer, Call

if TYPE_CHECKING:
    from resources.endpoint.endpoint import Endpoint
    from resources.endpoint.request import Request
    from resources.models.model_texts import ModelTexts


@dataclass(frozen=True)
class ServedModel:
    """The language model `name`, with the LoRA adapter `adapter` if one is given. Serves as Completer."""

    session: Session
    name: str
    adapter: Adapter | None = None

    def stamp(self, sampling: Sampling) -> dict[str, Any]:
        """What the request of a completion gets beside its content."""
        return protocol.stamp(protocol.COMPLETION, protocol.SERVED)

    def completions(self, calls: Sequence[Call], prompts: Mapping[str, Prompt], sampling: Sampling) -> list[Answer]:
        """The answers to completion calls; a prompt that leaves no room for the budget is refused."""
        from resources.endpoint.token_requests import Continuing

        marks, budget = self.session.bench.thoughts.get(self.name), sampling.max_new_tokens

        def request(texts: ModelTexts, call: Call) -> Request:
            prompt = prompts[call.key]
            stops = texts.stops(prompt, sampling)
            return Continuing(
                texts.of_prompt(prompt),
                sampling,
                prompt.seed,
                stops,
                texts.ends,
                lambda written: texts.written(written, stops, budget),
                opens_thought(texts.render(prompt), marks),
            )

        def size(texts: ModelTexts, call: Call) -> int:
            return len(texts.of_prompt(prompts[call.key]))

        return self._asked(calls, request, size, budget, "completions")

    def losses(
        self, calls: Sequence[Call], texts: Mapping[str, tuple[Prompt, str]], ends: bool = False
    ) -> list[Answer]:
        """The answers to loss calls; a text that exceeds the context is refused."""
        from resources.endpoint.token_requests import Measuring

        def request(of: ModelTexts, call: Call) -> Request:
            return Measuring(*of.measured(*texts[call.key], ends))

        def size(of: ModelTexts, call: Call) -> int:
            return sum(map(len, of.measured(*texts[call.key], ends)))

        # A server writes one token more than it reads.
        return self._asked(calls, request, size, 1, "losses")

    def _asked(
        self,
        calls: Sequence[Call],
        request: Callable[[ModelTexts, Call], Request],
        size: Callable[[ModelTexts, Call], int],
        budget: int,
        what: str,
    ) -> list[Answer]:
        bench = self.session.bench

        def prepared(missing: Sequence[Call]) -> Prepared:
            from resources.models.model_texts import texts_in

            texts = texts_in(bench.base_folder(self.name))
            most = texts.context - budget
            sizes = {call.key: size(texts, call) for call in missing}
            return {
                call.key: too_long(sizes[call.key], most) if sizes[call.key] > most else request(texts, call)
                for call in missing
            }

        def servers() -> Endpoint:
            return endpoint_of(bench, self.name, self.adapter)

        return asked(self.session, servers, calls, prepared, what)
