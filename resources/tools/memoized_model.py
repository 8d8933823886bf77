"""A language model whose calls are answered from the memo where they are in it, and else computed and recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from resources.models import protocol
from resources.models.calls import Adapter, Completion, Prompt, Sampling, TokenLoss
from resources.models.device import numerics
from resources.models.model_folder import ModelFolder
from resources.models.thoughts import Marks, read, until
from resources.tools.endpoint_model import EndpointModel
from resources.tools.keys import keys_of
from resources.tools.local_model import LocalModel
from resources.tools.served_model import ServedModel
from resources.tools.servers import is_served, numerics_of
from resources.tools.session import Session
from warehouse.core.identity import digest
from warehouse.store.calls import Answer, Call


class Completer(Protocol):
    """Where completions come from: a model on this machine, servers that have its weights, or an endpoint."""

    def stamp(self, sampling: Sampling) -> dict[str, Any]:
        """What the request of a completion gets beside its content; see `protocol.stamp`."""
        ...

    def completions(self, calls: Sequence[Call], prompts: Mapping[str, Prompt], sampling: Sampling) -> list[Answer]:
        """The answers to completion calls, in order; `prompts` are by the calls' keys."""
        ...


@dataclass(frozen=True)
class MemoizedModel:
    """The language model `name`, with `adapter` if one is given. Serves as Writer and Reader."""

    session: Session
    name: str
    adapter: Adapter | None = None

    @property
    def id(self) -> str:
        """Identifies the weights, those of base and adapter together."""
        base = self.session.bench.models[self.name].id
        return base if self.adapter is None else digest([base, self.adapter.weights])

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """One completion per prompt, in order; a local model refuses a prompt that leaves no room for the budget.

        A model's thoughts are not part of its answer, and stop strings end answers, not thoughts. A model for which the
        recipe says how it marks thoughts is therefore asked without stop strings, and its answer is cut here. Any other
        is asked once more without them where one ended a thought.
        """
        if sampling.stop and self.session.bench.thoughts.get(self.name):
            return self._unstopped(prompts, sampling)
        found = self._complete(prompts, sampling)
        stopped = [place for place, (answer, complete) in enumerate(found) if answer.thought_cut_off and complete]
        completions = [completion for completion, _ in found]
        if sampling.stop and stopped:
            again = self._unstopped([prompts[place] for place in stopped], sampling)
            for place, completion in zip(stopped, again, strict=True):
                completions[place] = completion
        return completions

    def _unstopped(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        found = self._complete(prompts, replace(sampling, stop=()))
        return [until(completion, sampling.stop) for completion, _ in found]

    def _complete(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[tuple[Completion, bool]]:
        """Each completion, and whether its text ended by itself or at a stop string."""
        completer = self._completer()

        def keyed(folder: ModelFolder | None) -> list[Call]:
            stamp = completer.stamp(sampling)
            stamps = [stamp | (folder.completion_stamp(prompt.contents) if folder else {}) for prompt in prompts]
            return [
                Call("completion", self.id, _request(prompt, sampling) | one, sampling.max_new_tokens)
                for prompt, one in zip(prompts, stamps, strict=True)
            ]

        calls = keyed(None) if isinstance(completer, EndpointModel) else keys_of(self.session, self.name, keyed)
        by_key = dict(zip((call.key for call in calls), prompts, strict=True))
        answers = completer.completions(calls, by_key, sampling)
        marks = self.session.bench.thoughts.get(self.name)
        return [
            (_completion(call, answer, marks), answer.complete) for call, answer in zip(calls, answers, strict=True)
        ]

    def losses(self, texts: Sequence[tuple[Prompt, str]], ends: bool = False) -> list[TokenLoss]:
        """The loss of each continuation given its prompt, in order. Raises FetchError for a model at an endpoint.

        With `ends`, the end of the turn counts as well (see Reader)."""
        bench = self.session.bench
        served = is_served(bench, self.name, "losses", self.adapter)
        stamp = protocol.stamp(protocol.LOSS, numerics_of(bench, self.name) if served else numerics(bench.device))
        stamp |= {"ends": True} if ends else {}

        def keyed(folder: ModelFolder | None) -> list[Call]:
            return [
                Call(
                    "loss",
                    self.id,
                    {"messages": _messages(prompt), "text": prompt.text, "target": target}
                    | stamp
                    | (folder.read_stamp([*prompt.contents, target]) if folder else {}),
                )
                for prompt, target in texts
            ]

        calls = keys_of(self.session, self.name, keyed)
        by_key = dict(zip((call.key for call in calls), texts, strict=True))
        model = (ServedModel if served else LocalModel)(self.session, self.name, self.adapter)
        answers = model.losses(calls, by_key, ends)
        return [
            TokenLoss(
                answer.response.get("loss", 0.0),
                answer.tokens,
                call.key,
                answer.error,
                answer.response.get("refusal"),
            )
            for call, answer in zip(calls, answers, strict=True)
        ]

    def _completer(self) -> Completer:
        if self.session.bench.at_endpoint(self.name) and self.adapter is None:
            return EndpointModel(self.session, self.name)
        if is_served(self.session.bench, self.name, "completions", self.adapter):
            return ServedModel(self.session, self.name, self.adapter)
        return LocalModel(self.session, self.name, self.adapter)


def _completion(call: Call, answer: Answer, marks: Marks | None) -> Completion:
    response = answer.response
    text, apart = response.get("text") or "", response.get("reasoning") or ""
    found = read(text, answer.complete, marks, apart, response.get("opened", False))
    return Completion(
        found.answer,
        found.complete,
        call.key,
        answer.error,
        response.get("refusal"),
        found.thoughts,
        found.cut_off,
    )


def _request(prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
    request: dict[str, Any] = {"stop": list(sampling.stop)}
    request |= {"messages": _messages(prompt)} if prompt.messages else {"text": prompt.text}
    if sampling.temperature > 0:  # a greedy completion does not depend on the seed
        request |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": prompt.seed}
    return request


def _messages(prompt: Prompt) -> list[list[str]]:
    return [list(message) for message in prompt.messages]
