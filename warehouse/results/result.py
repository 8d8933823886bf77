"""What a step returns: the kept rows, one decision per row, and the parents of every new row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from warehouse.core.identity import Parent, canonical, digest, record_id
from warehouse.schema.records import KIND_OF, Record, empty

WARNINGS = "warnings"
"""The key of a result's notes for sentences that a build prints."""

DECISION_COLUMNS = {
    "record": pl.String,
    "outcome": pl.String,
    "reason": pl.String,
    "score": pl.Float64,
    "cut": pl.Float64,
    "duplicate_of": pl.String,
}
EDGE_COLUMNS = {"child": pl.String, "parent": pl.String, "role": pl.String}
DROPPED_COLUMNS = {"id": pl.String, "content": pl.String}


@dataclass(frozen=True)
class Check:
    """The outcome of a check, with its numbers. A failed blocking check stops everything downstream."""

    name: str
    passed: bool
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """Everything that one build of an asset decided.

    `kept` has the columns of `model`. `decisions` has one row per incoming row, kept rows first and in order. `dropped`
    holds the content (JSON) of the rows that were not kept, `edges` the parents of every row that is new here.
    `counted` says, by (outcome, reason), of how many more rows was decided that are not on record one by one.
    `incoming` is the number of rows that came in, counted independently of the decisions (None: not counted).
    """

    model: type[Record]
    kept: pl.DataFrame
    decisions: pl.DataFrame
    dropped: pl.DataFrame
    edges: pl.DataFrame
    checks: tuple[Check, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)
    plots: dict[str, str] = field(default_factory=dict)
    incoming: int | None = None
    counted: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def data_version(self) -> str:
        """Hash of the kept ids in order. Downstream assets depend on nothing else."""
        return digest(self.kept["id"].to_list())

    def counts(self) -> dict[tuple[str, str], int]:
        """Number of rows by (outcome, reason), most frequent first; a kept row has an empty reason."""
        found = Counter(zip(self.decisions["outcome"], self.decisions["reason"].fill_null(""), strict=True))
        found.update(self.counted)
        return dict(found.most_common())

    @property
    def rows(self) -> int:
        """How many rows were decided about."""
        return len(self.decisions) + sum(self.counted.values())


class Gate:
    """Collects one outcome per row and returns the Result.

    A row with an `id` is an existing record and keeps its id. Any other row gets the hash of its content and parents.
    A second row with the same id is recorded as a duplicate of the first. `incoming` is the number of rows expected;
    `arrive` adds to it.
    """

    def __init__(self, model: type[Record], incoming: int | None = None) -> None:
        self.model = model
        self._incoming = incoming
        self.kind = KIND_OF[model]
        self._columns = empty(model).schema.keys() - {"id"}
        self._kept: list[dict[str, Any]] = []
        self._decisions: list[tuple[Any, ...]] = []
        self._dropped_decisions: list[tuple[Any, ...]] = []
        self._dropped: list[tuple[str, str]] = []
        self._edges: list[tuple[str, str, str]] = []
        self._seen: Counter[str] = Counter()
        self._counted: Counter[tuple[str, str]] = Counter()

    def arrive(self, rows: int) -> None:
        """Adds `rows` to the number of rows that came in; call it before deciding about them."""
        self._incoming = (self._incoming or 0) + rows

    def keep(
        self,
        row: Mapping[str, Any],
        parents: Iterable[Parent] = (),
        score: float | None = None,
        cut: float | None = None,
    ) -> str:
        """Keep `row` and return its id. A row with the same content as an earlier one becomes its duplicate instead.

        Raises TypeError where the row's columns are not those of the model."""
        identity, content, first = self._identify(row, parents)
        if content.keys() != self._columns:
            raise TypeError(f"a {self.kind} has {sorted(self._columns)}; found {sorted(content)}")
        if first is not None:
            return self._drop(identity, content, "duplicate", "same content", of=first)
        self._kept.append({"id": identity, **content})
        self._decisions.append((identity, "kept", None, score, cut, None))
        return identity

    @property
    def kept(self) -> int:
        """How many rows are kept so far."""
        return len(self._kept)

    def losses(self) -> Counter[tuple[str, str]]:
        """How many rows were not kept so far, by (outcome, reason)."""
        found = Counter((outcome, reason) for _, outcome, reason, *_ in self._dropped_decisions)
        found.update(self._counted)
        return found

    def count(self, reason: str, rows: int, outcome: str = "rejected") -> None:
        """Drop `rows` rows for `reason` without putting each of them on record: a source still has them."""
        if rows:
            self._counted[outcome, reason] += rows

    def reject(
        self,
        row: Mapping[str, Any],
        reason: str,
        parents: Iterable[Parent] = (),
        score: float | None = None,
        cut: float | None = None,
        of: str | None = None,
    ) -> str:
        """Reject `row` for `reason`. `score` is what missed `cut`, `of` the record that the row was compared with."""
        identity, content, _ = self._identify(row, parents)
        return self._drop(identity, content, "rejected", reason, score, cut, of)

    def duplicate(
        self,
        row: Mapping[str, Any],
        of: str,
        reason: str,
        parents: Iterable[Parent] = (),
        score: float | None = None,
        cut: float | None = None,
    ) -> str:
        """Drop `row` because it repeats the kept record `of`."""
        identity, content, _ = self._identify(row, parents)
        return self._drop(identity, content, "duplicate", reason, score, cut, of)

    def fail(self, row: Mapping[str, Any], error: str, parents: Iterable[Parent] = ()) -> str:
        """Record that a model or an endpoint failed on `row`. This is not the same as an empty answer."""
        identity, content, _ = self._identify(row, parents)
        return self._drop(identity, content, "failed", error)

    def quarantine(self, row: Mapping[str, Any], violation: str, parents: Iterable[Parent] = ()) -> str:
        """Quarantine `row` because it breaks a rule of its kind of record."""
        identity, content, _ = self._identify(row, parents)
        return self._drop(identity, content, "quarantined", violation)

    def result(
        self,
        checks: Iterable[Check] = (),
        notes: dict[str, Any] | None = None,
        plots: dict[str, str] | None = None,
    ) -> Result:
        """The Result of all rows so far."""
        return Result(
            model=self.model,
            kept=pl.DataFrame(self._kept, schema=empty(self.model).schema),
            decisions=pl.DataFrame(self._decisions + self._dropped_decisions, schema=DECISION_COLUMNS, orient="row"),
            dropped=pl.DataFrame(self._dropped, schema=DROPPED_COLUMNS, orient="row"),
            edges=pl.DataFrame(self._edges, schema=EDGE_COLUMNS, orient="row"),
            checks=tuple(checks),
            notes=notes or {},
            plots=plots or {},
            incoming=self._incoming,
            counted=dict(self._counted),
        )

    def _identify(self, row: Mapping[str, Any], parents: Iterable[Parent]) -> tuple[str, dict[str, Any], str | None]:
        """(id, content, id of the first row with the same content if this is not it)."""
        content = dict(row)
        given = content.pop("id", None)
        known = tuple(dict.fromkeys(parents))
        first = str(given) if "id" in row else record_id(self.kind, content, known)
        self._seen[first] += 1
        repeat = self._seen[first] > 1
        identity = digest([first, "occurrence", self._seen[first]]) if repeat else first
        if "id" not in row or repeat:
            self._edges.extend((identity, parent, role) for parent, role in known)
        return identity, content, first if repeat else None

    def _drop(
        self,
        identity: str,
        content: dict[str, Any],
        outcome: str,
        reason: str,
        score: float | None = None,
        cut: float | None = None,
        of: str | None = None,
    ) -> str:
        self._dropped.append((identity, canonical(content)))
        self._dropped_decisions.append((identity, outcome, reason.replace("\0", "\\0"), score, cut, of))
        return identity
