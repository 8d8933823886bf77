"""Responses of the model to instructions that it or a human wrote: one for each, or the best of several candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from assets.generation.candidates import Candidate, choose, grouped, seeds
from assets.prompting.answers import lacks_answer, response_of
from assets.prompting.prompts import answer
from assets.recipe.filters import Heuristics
from assets.recipe.parts import CandidatesPart, SamplingPart
from resources.models.calls import Completion, Prompt, Sampling, WriterAndReader
from warehouse.core.identity import Parent
from warehouse.results.result import Gate


@dataclass(frozen=True)
class Asked:
    """A pair without a response, its parents, what its random numbers are drawn from, and the turns (role, text) that
    the model reads before it."""

    row: Mapping[str, str]
    parents: Sequence[Parent]
    drawn: tuple[object, ...]
    before: tuple[tuple[str, str], ...] = ()

    def prompt(self, seed: int) -> Prompt:
        """Ask for the response."""
        asked = answer(self.row["instruction"], self.row["input"], seed)
        return replace(asked, messages=(*self.before, *asked.messages))


def written(
    asked: Sequence[Asked], settings: CandidatesPart, sampling: SamplingPart, model: WriterAndReader
) -> list[tuple[Asked, Sequence[Completion]]]:
    """Each pair with the completions that answer it, one for each candidate."""
    prompts = [one.prompt(seed) for one in asked for seed in seeds(settings.candidates, *one.drawn)]
    completions = model.complete(prompts, Sampling(**sampling.model_dump()))
    return list(grouped(asked, completions, settings.candidates))


def respond(
    gate: Gate,
    asked: Sequence[Asked],
    settings: CandidatesPart,
    sampling: SamplingPart,
    model: WriterAndReader,
    rules: Heuristics | None = None,
) -> list[Candidate | None]:
    """Decide about each pair with the responses that the model writes; return what is kept of it, None if nothing is.

    The gate has already counted one incoming row for each pair."""
    gate.arrive(len(asked) * (settings.candidates - 1))
    groups: list[list[Candidate]] = []
    for one, completions in written(asked, settings, sampling, model):
        groups.append([])
        for completion in completions:
            row = {**one.row, "response": response_of(completion)}
            parents = (*one.parents, (completion.call, "call"))
            if not lacks_answer(gate, row, completion, parents):
                groups[-1].append(Candidate(row, parents))
    return choose(gate, groups, settings, model, rules)
