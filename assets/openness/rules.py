"""Judges what is used by what is declared of it and of everything behind it, however deep.

Each entry must have an accepted licence and a known origin; what it was made from and the model that wrote it are
judged alike. Unknown counts as not open. Entries may come from a recipe or be read back from a record of one.

Not covered: an origin that nobody declared. Where a declaration says "human" or "mixed" and names no closed model or
data set, it is believed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from assets.openness.families import closed, closed_in_address
from assets.openness.licences import refusal

ANCESTOR = "ancestor"
_MODEL = "model:"


@dataclass(frozen=True)
class Declared:
    """What is said of a model, a source or an ancestor (`role`).

    `origin` is who wrote it, or what it was trained on: "human", "mixed" or "model:NAME"; `made_from` names what it
    was fine-tuned from or compiled of.
    """

    role: str
    name: str
    licence: str
    origin: str | None
    made_from: tuple[str, ...] = ()
    address: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Terms:
    """A policy: the licences it accepts, whether use is commercial, and ancestors accepted by name for a reason."""

    licences: tuple[str, ...]
    commercial: bool = True
    exceptions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Violation:
    """One thing that is not open.

    `chain` has the names from what is used to what offends; `key` is the key of the last declared one of them that
    says so, or "name" where its name does, and `found` the value there.
    """

    chain: tuple[str, ...]
    key: str
    found: str | None
    reason: str

    def __str__(self) -> str:
        found = "nothing" if self.found is None else repr(self.found)
        return f"{' → '.join(self.chain)} is not open: {self.key} is {found}, but {self.reason}"


def violations(used: Iterable[Declared], declared: Mapping[str, Declared], terms: Terms) -> list[Violation]:
    """Everything that is not open in what is `used` and behind it, each thing once and by a shortest chain.

    Names in `made_from` and `origin` are looked up in `declared`, then in what is used. One name may be used under
    several descriptions. Raises LicenceError for terms that cannot be read.
    """
    used = list(used)
    known = {**{one.name: one for one in used}, **declared}
    waiting: deque[tuple[Declared, tuple[str, ...]]] = deque((one, (one.name,)) for one in used)
    seen = {one.name for one in used}
    found: dict[Violation, None] = {}
    while waiting:
        entry, chain = waiting.popleft()
        found |= dict.fromkeys(_judged(entry, chain, known, terms))
        for _, _, name in _behind(entry):
            if name in known and name not in seen and not _excepted(known[name], terms):
                seen.add(name)
                waiting.append((known[name], (*chain, name)))
    return list(found)


def idle_exceptions(used: Iterable[Declared], declared: Mapping[str, Declared], terms: Terms) -> list[str]:
    """The exceptions of `terms` without which nothing more would be refused."""
    used = list(used)
    now = len(violations(used, declared, terms))
    return [
        name
        for name in terms.exceptions
        if len(violations(used, declared, replace(terms, exceptions=_without(terms.exceptions, name)))) == now
    ]


def _without(exceptions: Mapping[str, str], name: str) -> dict[str, str]:
    return {other: reason for other, reason in exceptions.items() if other != name}


def _excepted(entry: Declared, terms: Terms) -> bool:
    return entry.role == ANCESTOR and entry.name in terms.exceptions


def _behind(entry: Declared) -> Iterator[tuple[str, str, str]]:
    """(key, value, name) of everything that `entry` names."""
    for name in entry.made_from:
        yield "made_from", name, name
    if entry.origin and (author := _author(entry.origin)):
        yield "origin", entry.origin, author


def _judged(
    entry: Declared, chain: tuple[str, ...], known: Mapping[str, Declared], terms: Terms
) -> Iterator[Violation]:
    if reason := refusal(entry.licence, terms.licences, terms.commercial):
        yield Violation(chain, "licence", entry.licence, reason)
    if entry.role != ANCESTOR:
        for key, value in (("address", entry.address), ("sha256", entry.sha256)):
            if not value:
                yield Violation(chain, key, value, "what is used must be pinned, and unknown counts as not open")
    if entry.origin not in ("human", "mixed") and not (entry.origin and _author(entry.origin)):
        yield Violation(chain, "origin", entry.origin, "it must say human, mixed or model:NAME; unknown is not open")
    unknown = [(key, value, name) for key, value, name in _behind(entry) if name not in known]
    for key, value, name in unknown:
        yield Violation((*chain, name), key, value, _undeclared(name))
    if not unknown:
        yield from _recognised(entry, chain)


def _author(origin: str) -> str:
    return origin.removeprefix(_MODEL).strip() if origin.startswith(_MODEL) else ""


def _undeclared(name: str) -> str:
    if words := closed(name):
        return f"{name} {words}"
    return f"nothing is known of {name}, and unknown counts as not open; declare it under ancestors"


def _recognised(entry: Declared, chain: tuple[str, ...]) -> Iterator[Violation]:
    """What the entry's own name or address gives away, whatever else is declared of it."""
    if words := closed(entry.name):
        yield Violation(chain, "name", entry.name, f"{entry.name} {words}")
    elif entry.address and (words := closed_in_address(entry.address)):
        yield Violation(chain, "address", entry.address, words)
