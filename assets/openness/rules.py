"""Checks what is declared of models and sources, and of everything that these were made from, against a policy.

Each model, source and ancestor must have an accepted licence and a known origin; so must what it was made from and the
model that wrote it. Unknown counts as not open. The declarations may come from a recipe or from the warehouse.

Not covered: an origin that nobody declared. A declaration of "human" or "mixed" is believed if it names no closed model
or data set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from assets.openness.families import closed, closed_in_address
from assets.openness.licences import refusal
from warehouse.core.closure import closure, path_from_start
from warehouse.lineage.material import Material


@dataclass(frozen=True)
class Terms:
    """A policy: the licences it accepts, whether use is commercial, and ancestors accepted by name for a reason."""

    licences: tuple[str, ...]
    commercial: bool = True
    exceptions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Violation:
    """One reason why something is not open.

    `chain` has the names from what is used to what is not open. `key` is the key at fault in the declaration of the
    last declared name in the chain, or "name" if the name itself is known as closed; `found` is the value there.
    """

    chain: tuple[str, ...]
    key: str
    found: str | None
    reason: str

    def __str__(self) -> str:
        found = "nothing" if self.found is None else repr(self.found)
        return f"{' → '.join(self.chain)} is not open: {self.key} is {found}, but {self.reason}"


def violations(used: Iterable[Material], declared: Mapping[str, Material], terms: Terms) -> list[Violation]:
    """Everything that is not open in what is `used` and what that was made from, each once with a shortest chain.

    Names in `made_from` and `origin` are looked up in `declared`, then in what is used. What is used may have several
    declarations with the same name. Raises LicenceError for terms that cannot be read.
    """
    used = list(used)
    names = {one.name for one in used}
    known = {**{one.name: one for one in used}, **declared}

    def parents(one: Material) -> list[Material]:
        found = [known[name] for name in one.parents if name in known and name not in names]
        return [parent for parent in found if not _excepted(parent, terms)]

    reached = closure(used, parents)
    chains = ((one, tuple(step.name for step in path_from_start(reached, one))) for one in reached)
    return list(dict.fromkeys(found for one, chain in chains for found in _violations_of(one, chain, known, terms)))


def idle_exceptions(used: Iterable[Material], declared: Mapping[str, Material], terms: Terms) -> list[str]:
    """The exceptions of `terms` that change nothing: without each of them the same number of violations is found."""
    used = list(used)
    now = len(violations(used, declared, terms))
    return [
        name
        for name in terms.exceptions
        if len(violations(used, declared, replace(terms, exceptions=_without(terms.exceptions, name)))) == now
    ]


def _without(exceptions: Mapping[str, str], name: str) -> dict[str, str]:
    return {other: reason for other, reason in exceptions.items() if other != name}


def _excepted(one: Material, terms: Terms) -> bool:
    return one.role == "ancestor" and one.name in terms.exceptions


def _violations_of(
    one: Material, chain: tuple[str, ...], known: Mapping[str, Material], terms: Terms
) -> Iterator[Violation]:
    """What is not open in the declaration of `one` itself, or in a name there that nothing in `known` declares."""
    if reason := refusal(one.licence, terms.licences, terms.commercial):
        yield Violation(chain, "licence", one.licence, reason)
    if one.role != "ancestor":
        for key, value in (("address", one.address), ("sha256", one.sha256)):
            if not value:
                yield Violation(chain, key, value, "what is used must be pinned, and unknown counts as not open")
    if one.origin not in ("human", "mixed") and not one.author:
        yield Violation(chain, "origin", one.origin, "it must say human, mixed or model:NAME; unknown is not open")
    references = [("made_from", name, name) for name in one.made_from]
    references += [("origin", f"{one.origin}", one.author)] if one.author else []
    unknown = [reference for reference in references if reference[2] not in known]
    for key, value, name in unknown:
        yield Violation((*chain, name), key, value, _why_unknown(name))
    if not unknown:
        yield from _known_as_closed(one, chain)


def _why_unknown(name: str) -> str:
    if reason := closed(name):
        return f"{name} {reason}"
    return f"nothing is known of {name}, and unknown counts as not open; declare it under ancestors"


def _known_as_closed(one: Material, chain: tuple[str, ...]) -> Iterator[Violation]:
    """The violation that a material's own name or address shows, whatever else is declared of it."""
    if reason := closed(one.name):
        yield Violation(chain, "name", one.name, f"{one.name} {reason}")
    elif one.address and (reason := closed_in_address(one.address)):
        yield Violation(chain, "address", one.address, reason)
