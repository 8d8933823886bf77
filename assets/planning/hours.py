"""How many hours the work of an estimate takes at most, at rates that somebody gives or that were measured here.

What is not known is left out and named: the tokens of prompts are not known before the rows are read that they quote,
and nothing but a measurement knows how fast a machine is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from assets.planning.estimate import Stage
from warehouse.store.rates import Speed

GIVEN, MEASURED, INCLUDED = "given", "measured here", "in tokens written"


@dataclass(frozen=True)
class Given:
    """Rates that somebody gives, each per second, and the mean `prompt_tokens` of a completion; None if not given."""

    tokens: float | None = None
    prompt_tokens: float | None = None
    prompts: float | None = None
    losses: float | None = None
    embeddings: float | None = None
    trained: float | None = None


@dataclass(frozen=True)
class Work:
    """One kind of work: how much of it there is `at_most`, and the `hours` it takes at a rate; None where not known.

    `rate` says where `per_second` is from: GIVEN or MEASURED. It is INCLUDED where the hours are part of those of the
    tokens written, and None where no rate is known; `options` are then those of `slingshot check` that would tell.
    """

    name: str
    at_most: int | None
    per_second: float | None = None
    rate: str | None = None
    options: tuple[str, ...] = ()
    hours: float | None = None


def work(stages: Sequence[Stage], given: Given, measured: dict[str, Speed]) -> list[Work]:
    """The kinds of work that there are, with given rates before `measured` ones (by the kind of call).

    A measured rate of completions covers their prompts.
    """
    completions = sum(one.completions for one in stages)
    prompts = None if given.prompt_tokens is None else round(completions * given.prompt_tokens)
    unknown = ("--prompt-tokens",) if prompts is None else ()
    found = [
        _rated("tokens written", sum(one.tokens for one in stages), given.tokens, measured.get("completion"), "tokens"),
        _rated("tokens of prompts", prompts, given.prompts, None, "prompts", unknown),
        _rated("losses", sum(one.losses for one in stages), given.losses, measured.get("loss"), "losses"),
        _rated(
            "embeddings",
            sum(one.embeddings for one in stages),
            given.embeddings,
            measured.get("embedding"),
            "embeddings",
        ),
        _rated(
            "tokens trained", sum(one.trained for one in stages), given.trained, measured.get("training"), "trained"
        ),
    ]
    if found[0].rate == MEASURED:
        found[1] = Work("tokens of prompts", prompts, rate=INCLUDED)
    return [one for one in found if one.at_most != 0 and (completions or one.name != "tokens of prompts")]


def left_out(found: Collection[Work]) -> list[Work]:
    """The work whose hours are not known."""
    return [one for one in found if one.hours is None and one.rate != INCLUDED]


def _rated(
    name: str,
    at_most: int | None,
    given: float | None,
    measured: Speed | None,
    option: str,
    unknown: tuple[str, ...] = (),
) -> Work:
    rate, per_second = (GIVEN, given) if given is not None else (MEASURED, measured.per_second if measured else None)
    if per_second is None:
        return Work(name, at_most, options=(*unknown, f"--{option}-per-second"))
    return Work(name, at_most, per_second, rate, unknown, None if at_most is None else at_most / per_second / 3600)
