"""Completions from a language model at an endpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resources.models import protocol
from resources.models.calls import Prompt, Sampling
from resources.tools.session import Session, completions_at
from warehouse.core.texts import shortened
from warehouse.store.calls import Answer, Call

MOST_SHOWN = 120
"""The most characters of the reason for a wait that the progress shows."""

if TYPE_CHECKING:
    from resources.endpoint.endpoint import Arrived


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
        """The answers to completion calls.

        Raises UserError, which stops the build, if the endpoint cannot be used, or says for too long that it is busy.
        The answers that arrived until then are in the memo.
        """
        from resources.endpoint.answer import is_no_answer
        from resources.endpoint.request import refusal

        refusals = {call.key: refused for call in calls if (refused := refusal(prompts[call.key]))}
        memo, pausing, tokens, began = self.session.memo(), "", 0, time.monotonic()

        def void(call: Call, answer: Answer) -> bool:
            return is_no_answer(answer.response) or (call.key in refusals) != ("refusal" in answer.response)

        def arriving(missing: list[Call]) -> Iterator[list[tuple[Call, Answer]]]:
            nonlocal pausing, tokens
            # A refusal and not an error, since no retry helps. Not complete, as a refusal of a local model.
            yield [
                (call, Answer({"refusal": refusals[call.key]}, 0, 0.0, complete=False, engine="not sent"))
                for call in missing
                if call.key in refusals
            ]
            asked = [call for call in missing if call.key not in refusals]
            if not asked:
                return
            endpoint, failed = self.session.bench.endpoint(self.name), memo.failed_before(asked)
            doubtful = [index for index, call in enumerate(asked) if call.key in failed]
            before = time.monotonic()
            for group in endpoint.complete([prompts[call.key] for call in asked], sampling, doubtful):
                # The seconds of a call are its share of the time: the rates of a plan follow from them.
                now = time.monotonic()
                seconds = (now - before) / max(1, len(group))
                before = now if group else before
                pausing = shortened(endpoint.pausing, MOST_SHOWN)
                answers = [(asked[one.index], _answer(one, seconds)) for one in group]
                tokens += sum(answer.tokens for _, answer in answers)
                yield answers

        def progress(done: int, total: int) -> None:
            rate = completions_at(tokens, time.monotonic() - began)
            self.session.progress(f"completions ({pausing}; waiting)" if pausing else rate)(done, total)

        return memo.run_as_they_arrive(calls, arriving, progress, void)


def _answer(arrived: Arrived, seconds: float) -> Answer:
    from resources.endpoint.answer import Written

    one = arrived.outcome
    if isinstance(one, Written):
        return Answer(one.response, one.tokens, seconds, complete=one.complete, engine=f"endpoint {arrived.engine}")
    return Answer({}, 0, 0.0, complete=False, error=str(one), engine=f"endpoint {arrived.engine}")
