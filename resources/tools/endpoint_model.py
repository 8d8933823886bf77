"""Completions from a language model at an endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resources.models import protocol
from resources.models.calls import Prompt, Sampling
from resources.tools.asked import Prepared, asked
from resources.tools.servers import endpoint_of
from resources.tools.session import Session
from warehouse.store.calls import Answer, Call


@dataclass(frozen=True)
class EndpointModel:
    """The language model `name`, which an endpoint serves. Serves as Completer.

    Its context is not known here: a prompt that leaves no room for the budget fails at the endpoint. A prompt with a
    control token in a text is refused, since an endpoint would read the token as its own and not as text.
    """

    session: Session
    name: str

    def stamp(self, sampling: Sampling) -> dict[str, Any]:
        """What the request of a completion gets beside its content. The numerics of an endpoint are not known."""
        return protocol.stamp(protocol.ENDPOINT_COMPLETION)

    def completions(self, calls: Sequence[Call], prompts: Mapping[str, Prompt], sampling: Sampling) -> list[Answer]:
        """The answers to completion calls. Raises UserError as `asked` does."""
        from resources.endpoint.answer import is_no_answer
        from resources.endpoint.request import PromptRequest, refusal

        refusals = {call.key: refused for call in calls if (refused := refusal(prompts[call.key]))}

        def void(call: Call, answer: Answer) -> bool:
            return is_no_answer(answer.response) or (call.key in refusals) != ("refusal" in answer.response)

        def prepared(missing: Sequence[Call]) -> Prepared:
            return {call.key: refusals.get(call.key) or PromptRequest(prompts[call.key], sampling) for call in missing}

        bench = self.session.bench
        return asked(self.session, lambda: endpoint_of(bench, self.name), calls, prepared, "completions", void)
