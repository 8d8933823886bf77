"""The memo: every finished model call, keyed by content, committed as it arrives, never computed twice.

What a model gives may differ in the last bits between batch shapes. Batches are therefore composed from the calls that
are not on record alone, computed and committed whole, and one after the other: a build that was killed finds left
exactly the batches that it had not finished, and arrives at the content of an undisturbed one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from filelock import FileLock, Timeout

from warehouse.core.identity import canonical, digest
from warehouse.schema.bookkeeping import ModelCall, ModelFailure
from warehouse.schema.records import empty
from warehouse.store.database import Database, now
from warehouse.store.inserting import cast_and_validate, insert

MODEL_ERRORS = (RuntimeError, OSError, MemoryError)
"""What a model or its endpoint raises; any other error is a defect of the program, and stops it."""


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

    `tokens` counts what the model worked on for it (written tokens for completions, read ones otherwise). `error` is
    set where the model failed; such an answer is never on record, so the next look-up asks again.
    """

    response: dict[str, Any]
    tokens: int
    seconds: float
    complete: bool = True
    vector: list[float] | None = None
    error: str | None = None


Work = Callable[[list[Call]], list[Answer]]
"""Computes the answers to calls, in their order; raises one of MODEL_ERRORS where the model fails."""

Compose = Callable[[list[Call]], Iterator[tuple[list[Call], Work]]]
"""Splits calls that are not on record into batches, each with the work that answers it."""


@dataclass
class Meter:
    """Counts the model calls of one asset's run."""

    computed: int = 0
    from_memo: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def add(self, answers: Sequence[Answer]) -> None:
        """Counts computed answers."""
        self.computed += len(answers)
        self.tokens += sum(answer.tokens for answer in answers)
        self.seconds += sum(answer.seconds for answer in answers)


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
        compose: Compose,
        progress: Callable[[int, int], None] = lambda done, total: None,
        lost: Callable[[Call], bool] = lambda call: False,
    ) -> list[Answer]:
        """Answers in the order of `calls`; what is not on record is computed and committed batch by batch.

        A call on record whose files are `lost` is computed again. A call at which the model failed is put on record as
        a failure, and answered with its error.
        """
        self._drop_left_claims()
        answers, missing, on_record = self._on_record(calls, lost)
        self.meter.from_memo += on_record
        if missing:
            progress(0, len(missing))
            done = 0
            for batch, work in compose(list(missing.values())):
                answers |= self._claimed(batch, work, lost)
                done += len(batch)
                progress(done, len(missing))
        return [answers[call.key, call.budget] for call in calls]

    def _on_record(
        self, calls: Sequence[Call], lost: Callable[[Call], bool]
    ) -> tuple[dict[tuple[str, int], Answer], dict[tuple[str, int], Call], int]:
        """(the answers on record, the distinct calls that have none, how many distinct calls have one)."""
        answers = self.look_up(calls)
        distinct = {(call.key, call.budget): call for call in calls}
        missing = {place: call for place, call in distinct.items() if place not in answers or lost(call)}
        return answers, missing, len(distinct) - len(missing)

    def _claimed(self, batch: list[Call], work: Work, lost: Callable[[Call], bool]) -> dict[tuple[str, int], Answer]:
        """The batch's answers, computed here or by a build beside this one that has claimed the same batch."""
        claim = claim_on(self.database, [call.key for call in batch])
        claim.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(claim):
            found = self.look_up(batch)
            again = [call for call in batch if lost(call)]
            if len(found) == len(batch) and not again:
                self.meter.from_memo += len(batch)
            else:
                answered = _answered(batch, work)
                self._commit([(call, answer) for call, answer in answered if not answer.error], again)
                self._record_failures([(call, answer.error) for call, answer in answered if answer.error])
                self.meter.add([answer for _, answer in answered if not answer.error])
                # Read back: a build beside this one may have been first, and then its answer is the one on record.
                found = {(call.key, call.budget): answer for call, answer in answered} | self.look_up(batch)
            claim.unlink(missing_ok=True)
        return found

    def _drop_left_claims(self) -> None:
        """Removes the claims that nobody holds: killed builds left them, and their batches may never come again."""
        for claim in _claims(self.database).glob("*"):
            with suppress(Timeout), FileLock(claim, blocking=False):
                claim.unlink(missing_ok=True)

    def _commit(self, answered: list[tuple[Call, Answer]], again: list[Call]) -> None:
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
                    "created_at": now(),
                }
                for call, answer in answered
            ],
            schema=empty(ModelCall).schema,
        )
        with self.database.write() as connection:
            for call in again:
                connection.execute("DELETE FROM memo.calls WHERE key = ?", [call.key])
            connection.register("rows", cast_and_validate("memo.calls", rows))
            connection.execute(
                "INSERT INTO memo.calls BY NAME SELECT * FROM rows r "
                "ANTI JOIN memo.calls c ON c.key = r.key AND c.budget = r.budget"
            )

    def _record_failures(self, failed: list[tuple[Call, str]]) -> None:
        rows = pl.DataFrame(
            [
                {
                    "key": call.key,
                    "kind": call.kind,
                    "model": call.model,
                    "request": canonical(call.request),
                    "error": error,
                    "engine": self.engine,
                    "failed_at": now(),
                }
                for call, error in failed
            ],
            schema=empty(ModelFailure).schema,
        )
        if failed:
            with self.database.write() as connection:
                insert(connection, "memo.failures", rows)


def claim_on(database: Database, keys: Sequence[str]) -> Path:
    """The file that is locked while the calls `keys` are computed as one batch."""
    return _claims(database) / digest(list(keys))


def _claims(database: Database) -> Path:
    return database.path.parent / "claims"


def _answered(batch: list[Call], work: Work) -> list[tuple[Call, Answer]]:
    """The batch with its answers. Where the model fails at the batch, each call gets a second try on its own."""
    try:
        return list(zip(batch, work(batch), strict=True))
    except MODEL_ERRORS as error:
        if len(batch) > 1:
            return [pair for call in batch for pair in _answered([call], work)]
        return [(batch[0], Answer({}, 0, 0.0, complete=False, error=f"{type(error).__name__}: {error}"))]
