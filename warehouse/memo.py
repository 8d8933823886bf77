"""The memo: every finished model call, keyed by content, committed as it arrives, never computed twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import polars as pl

from warehouse.database import Database
from warehouse.identity import canonical, digest
from warehouse.records import empty
from warehouse.tables import ModelCall


@dataclass(frozen=True)
class Call:
    """A model call as it is keyed: kind, the model's digest, and the exact request (prompt, parameters, seed).

    `budget` (most new tokens; 0 where there is none) is no part of the key: a completion that ended by itself
    within a budget is the answer for any budget that it fits into.
    """

    kind: str
    model: str
    request: dict[str, Any]
    budget: int = 0

    @cached_property
    def key(self) -> str:
        """The id under which the call is on record."""
        return digest({"kind": self.kind, "model": self.model, "request": self.request})


@dataclass(frozen=True)
class Answer:
    """What a model gave for a call. `complete` is false where it was cut off at the call's budget.

    `tokens` counts what the model worked on for it (written tokens for completions, read ones otherwise).
    """

    response: dict[str, Any]
    tokens: int
    seconds: float
    complete: bool = True
    vector: list[float] | None = None


@dataclass
class Meter:
    """Counts the model calls of one asset's run."""

    computed: int = 0
    from_memo: int = 0
    tokens: int = 0
    seconds: float = 0.0


@dataclass
class Memo:
    """Finished calls in the DuckDB file; `engine` names the software that computes new ones."""

    database: Database
    engine: str = ""
    meter: Meter = field(default_factory=Meter)

    def look_up(self, calls: Sequence[Call]) -> dict[tuple[str, int], Answer]:
        """The answers on record, by (key, budget). A cut-off completion answers only a call with its own budget."""
        wanted = pl.DataFrame(
            {"key": [call.key for call in calls], "budget": [call.budget for call in calls]},
            schema={"key": pl.String, "budget": pl.Int64},
        ).unique()
        with self.database.read() as connection:
            connection.register("wanted", wanted)
            rows = connection.execute(
                "SELECT w.key, w.budget, c.response, c.tokens, c.seconds, c.complete, c.vector "
                "FROM memo.calls c JOIN wanted w ON c.key = w.key "
                "WHERE c.budget = w.budget OR (c.complete AND c.tokens <= w.budget) "
                # Of several answers on record, every build takes the same one.
                "ORDER BY c.budget = w.budget, c.budget DESC"
            ).fetchall()
        return {
            (key, budget): Answer(json.loads(response), tokens, seconds, complete, vector)
            for key, budget, response, tokens, seconds, complete, vector in rows
        }

    def run(
        self,
        calls: Sequence[Call],
        compute: Callable[[list[Call]], Iterator[list[tuple[Call, Answer]]]],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[Answer]:
        """Answers in the order of `calls`; what is not on record is computed and committed batch by batch.

        `compute` gets the missing calls, each once, and yields finished batches.
        """
        answers = self.look_up(calls)
        distinct = {(call.key, call.budget): call for call in calls}
        missing = [call for place, call in distinct.items() if place not in answers]
        self.meter.from_memo += len(distinct) - len(missing)
        if missing:
            progress(0, len(missing))
            done = 0
            for batch in filter(None, compute(missing)):
                self._commit(batch)
                # Read back: a build beside this one may have been first, and then its answer is the one on record.
                answers |= self.look_up([call for call, _ in batch])
                done += len(batch)
                self.meter.computed += len(batch)
                self.meter.tokens += sum(answer.tokens for _, answer in batch)
                self.meter.seconds += sum(answer.seconds for _, answer in batch)
                progress(done, len(missing))
        return [answers[call.key, call.budget] for call in calls]

    def _commit(self, batch: list[tuple[Call, Answer]]) -> None:
        now = datetime.now(UTC).replace(tzinfo=None)
        rows = pl.DataFrame(
            [
                {
                    "key": call.key,
                    "kind": call.kind,
                    "model": call.model,
                    "request": canonical(call.request),
                    "budget": call.budget,
                    "complete": answer.complete,
                    "response": canonical(answer.response),
                    "vector": answer.vector,
                    "tokens": answer.tokens,
                    "seconds": answer.seconds,
                    "engine": self.engine,
                    "created_at": now,
                }
                for call, answer in batch
            ],
            schema=empty(ModelCall).schema,
        )
        with self.database.write() as connection:
            connection.register("rows", rows)
            connection.execute(
                "INSERT INTO memo.calls BY NAME SELECT * FROM rows r "
                "ANTI JOIN memo.calls c ON c.key = r.key AND c.budget = r.budget"
            )
