"""Completions from a language model at an endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resources.models import protocol
from resources.models.calls import Prompt, Sampling
from resources.tools.batching import Batches, longest_first, timed
from resources.tools.session import Session
from warehouse.store.memo import Answer, Call

MOST_WORDS = 12_288
"""The most words and tokens to write in a batch (our choice)."""


@dataclass(frozen=True)
class EndpointModel:
    """The language model `name`, which an endpoint serves. Serves as Completer.

    Its context is not known here: a prompt that leaves no room for the budget fails at the endpoint.
    """

    session: Session
    name: str

    def stamp(self) -> dict[str, Any]:
        """What the request of a completion gets beside its content. The numerics of an endpoint are not known."""
        return protocol.stamp(protocol.ENDPOINT_COMPLETION)

    def completions(self, calls: Sequence[Call], prompts: Mapping[str, Prompt], sampling: Sampling) -> list[Answer]:
        """The answers to completion calls. Raises UserError, which stops the build, if the endpoint cannot be used."""
        memo = self.session.memo()

        def compose(missing: list[Call]) -> Batches:
            from resources.models.endpoint import CallFailed

            endpoint, failed = self.session.bench.endpoint(self.name), False
            memo.engine = f"endpoint {endpoint.report()}"

            def work(batch: list[Call]) -> list[Answer]:
                nonlocal failed
                written, seconds = timed(lambda: endpoint.complete([prompts[call.key] for call in batch], sampling))
                failed = any(isinstance(one, CallFailed) for one in written)
                return [
                    Answer({}, 0, 0.0, complete=False, error=f"{type(one).__name__}: {one}")
                    if isinstance(one, CallFailed)
                    else Answer({"text": one[0]}, one[1], seconds, complete=one[2])
                    for one in written
                ]

            sizes = [_words(prompts[call.key]) + sampling.max_new_tokens for call in missing]
            for batch in longest_first(missing, sizes, MOST_WORDS, work):
                yield batch
                if failed:
                    # Raises where the endpoint is gone; otherwise all rows that are left would fail one by one.
                    endpoint.report()

        return memo.run(calls, compose, self.session.progress("completions"))


def _words(prompt: Prompt) -> int:
    return sum(len(text.split()) for text in (prompt.text, *(content for _, content in prompt.messages)))
